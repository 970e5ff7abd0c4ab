"""``tillwatch doctor``: each thing that cannot work is named, with what to do."""

import http.server
import json
import os
import pty
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP

from ingest.checkup import (
    Check,
    check_airflow,
    check_keys,
    check_lake,
    check_line,
    check_mirror,
    check_smtp,
    check_spool,
    checkup,
)
from ingest.cli import main
from ingest.demo.mailbox import served
from ingest.keys import create_keys, load_keys
from ingest.metrics import is_loopback
from ingest.records import Kind, PendingRecord
from ingest.segments import sealed_segments
from ingest.settings import Line, load_settings
from ingest.spool import Spool
from ingest.storage import LakeSettings

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the command line in an empty folder; gives status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tillwatch", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


class Heard:
    """A mail handler that takes nothing."""


@pytest.fixture(scope="module")
def smtp() -> Iterator[str]:
    """A real mail server on loopback."""
    with served(lambda: SMTP(Heard(), hostname="localhost")) as port:
        yield f"smtp://127.0.0.1:{port}"


@pytest.fixture
def terminal() -> Iterator[str]:
    """A pseudo-terminal's device; nobody has it open but us."""
    leader, follower = pty.openpty()
    name = os.ttyname(follower)
    os.close(follower)
    yield name
    os.close(leader)


def states(checks: Iterator[Check] | list[Check]) -> list[str]:
    return [check.state for check in checks]


def test_a_machine_that_is_ready_passes(run: Run, smtp: str, terminal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Key, spool, lake, device, profile and mail server in order: status 0 and no hint."""
    Path("tillwatch.toml").write_text(
        f'[[lines]]\nname = "lane-1"\ndevice = "{terminal}"\nprofile = "lakala"\n'
        f'[alerts]\nsmtp = "{smtp}"\n[[alerts.routes]]\nto = ["a@example.com"]\n'
    )
    status, out, err = run("doctor", "--create-keys")
    assert status == 0, out
    assert "fail" not in out
    assert "made key" in err
    assert "0 failures" in err
    assert run("doctor")[0] == 0
    monkeypatch.setenv("TILLWATCH_ALERTS__SMTP", "smtp://127.0.0.1:1")
    assert run("doctor")[0] == 3


def test_a_first_look_is_no_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right after the key was made nothing is configured: that no mail server answers yet is a warning."""
    monkeypatch.setenv("TILLWATCH_ALERTS__SMTP", "smtp://127.0.0.1:1")
    status, out, _ = run("doctor", "--create-keys")
    assert status == 0
    assert "warn  smtp" in out


def test_json_is_one_object_a_check(run: Run) -> None:
    """what, state, words, hint; the status is the same."""
    status, out, _ = run("doctor", "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert status == 3
    assert {tuple(one) for one in found} == {("what", "state", "words", "hint")}
    assert all(one["hint"] for one in found if one["state"] != "ok")


def test_every_failure_has_a_hint(run: Run) -> None:
    """A fresh folder without anything: each line that is not ok is followed by what to do."""
    _, out, _ = run("doctor")
    lines = out.splitlines()
    for index, line in enumerate(lines):
        if line.startswith(("warn", "fail")):
            assert lines[index + 1].startswith("      try: "), line


def test_a_second_key_is_refused(run: Run) -> None:
    """--create-keys never touches a key that is there."""
    run("doctor", "--create-keys")
    before = Path("var/keys/pan-token.key").read_bytes()
    status, _, err = run("doctor", "--create-keys")
    assert status == 3
    assert "there is a key already" in err
    assert Path("var/keys/pan-token.key").read_bytes() == before


def test_looking_changes_nothing(run: Run, tmp_path: Path) -> None:
    """A check-up makes no file and no folder."""
    run("doctor")
    assert list(tmp_path.iterdir()) == []


def test_a_key_open_to_others_fails(tmp_path: Path) -> None:
    """And the hint is the command."""
    create_keys(tmp_path / "k")
    (tmp_path / "k").chmod(0o644)
    check = check_keys(tmp_path / "k")
    assert (check.state, check.hint) == ("fail", f"chmod 600 {tmp_path / 'k'}")


def test_a_damaged_segment_fails(tmp_path: Path) -> None:
    """A flipped bit in a sealed segment is found and `spool verify` named."""
    keys = create_keys(tmp_path / "k")
    with Spool(tmp_path / "spool", keys) as spool:
        spool.append_many([PendingRecord(Kind.EVENT, "a", "p", 1)])
    assert states(check_spool(tmp_path / "spool", keys)) == ["ok", "ok"]
    path = sealed_segments(tmp_path / "spool")[0].path
    data = bytearray(path.read_bytes())
    data[150] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    *_, last = check_spool(tmp_path / "spool", keys)
    assert last.state == "fail"
    assert "spool verify" in last.hint


def test_a_segment_left_open_is_a_warning(tmp_path: Path) -> None:
    """After a crash the open segment waits for the next start; while a collector runs it is as it should be."""
    keys = create_keys(tmp_path / "k")
    spool = Spool(tmp_path / "spool", keys)
    spool.append_many([PendingRecord(Kind.EVENT, "a", "p", 1)])
    assert states(check_spool(tmp_path / "spool", keys)) == ["ok", "ok"]
    assert spool._writing is not None
    os.close(spool._writing.fd)
    os.close(spool._lock)
    assert states(check_spool(tmp_path / "spool", load_keys(tmp_path / "k"))) == ["ok", "warn"]


def test_a_spool_that_cannot_be_made_fails(tmp_path: Path) -> None:
    """A file where a folder should be."""
    (tmp_path / "file").write_text("x")
    assert states(check_spool(tmp_path / "file" / "spool", None)) == ["fail"]


@pytest.mark.parametrize("kind", ["nfs4", "tmpfs"])
def test_the_file_system_matters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A network file system fails, one in memory is a warning."""
    monkeypatch.setattr("ingest.disk.Disk.kind", lambda *_: kind)
    assert states(check_spool(tmp_path, None))[0] == {"nfs4": "fail", "tmpfs": "warn"}[kind]


@pytest.mark.parametrize(
    ("address", "alone"),
    [
        ("127.0.0.1:9464", True),
        ("127.8.8.8:9464", True),
        ("localhost:9464", True),
        ("0.0.0.0:9464", False),
        ("192.168.1.7:9464", False),
        ("shop-pc:9464", False),
    ],
)
def test_health_for_everybody_is_a_warning(tmp_path: Path, address: str, alone: bool) -> None:
    """What is served without a log-in belongs on loopback."""
    assert is_loopback(address) is alone
    settings = load_settings(None, {"health": {"listen": address}, "spool": {"directory": str(tmp_path / "spool")}})
    told = [check for check in checkup(settings) if check.what == "health"]
    assert [check.state for check in told] == ([] if alone else ["warn"])


def test_a_mirror_on_the_same_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folders on one disk are one disk; on another one it is fine; open to others, or on a network, it is not."""
    spool, mirror = tmp_path / "spool", tmp_path / "mirror"
    assert states(check_mirror(spool, None)) == []
    [check] = check_mirror(spool, mirror)
    assert (check.state, "both are gone" in check.words) == ("warn", True)
    mirror.mkdir(mode=0o755)
    assert states(check_mirror(spool, mirror)) == ["fail", "warn"]
    mirror.chmod(0o700)
    if Path("/dev/shm").stat().st_dev != tmp_path.stat().st_dev:  # noqa: S108  another device than the folder's
        assert states(check_mirror(Path("/dev/shm/tillwatch-is-not-here"), mirror)) == ["ok"]  # noqa: S108
    monkeypatch.setattr("ingest.disk.Disk.kind", lambda *_: "nfs4")
    assert states(check_mirror(spool, mirror)) == ["fail"]


@pytest.mark.parametrize(("free", "state"), [(1 << 40, "ok"), (1 << 29, "warn"), (1 << 20, "fail")])
def test_room_is_looked_at_before_it_runs_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    """Under 1 GiB a warning, under a segment's worth a failure."""
    import shutil

    total = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("ingest.checkup.shutil.disk_usage", lambda _: total._replace(free=free))
    assert states(check_spool(tmp_path, None))[0] == state


def line(device: str, profile: str = "lakala") -> Line:
    return Line(name="lane-1", device=device, profile=profile)


def test_a_wrong_profile_lists_the_valid_ones() -> None:
    """The name that was meant is guessed."""
    first, *_ = check_line(line("/dev/null", "lakalla"), None)
    assert first.state == "fail"
    assert "leshua" in first.words
    assert "lakala" in first.hint


def test_a_missing_device_names_the_ports_command() -> None:
    """The path, the reason, and where to look."""
    *_, check = check_line(line("/dev/serial/by-id/none"), None)
    assert check.state == "fail"
    assert "tillwatch ports" in check.hint


def test_a_file_is_no_device(tmp_path: Path) -> None:
    """A path that is a plain file cannot be a port."""
    (tmp_path / "f").write_text("")
    *_, check = check_line(line(str(tmp_path / "f")), None)
    assert (check.state, "not a device" in check.words) == ("fail", True)


def test_a_busy_device_names_who_has_it(terminal: str) -> None:
    """Our own process holds it: a failure with its number, or fine when that process is the collector."""
    fd = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    try:
        *_, check = check_line(line(terminal), None)
        assert check.state == "fail"
        assert f"(pid {os.getpid()})" in check.words
        *_, check = check_line(line(terminal), os.getpid())
        assert check.state == "ok"
    finally:
        os.close(fd)
    *_, check = check_line(line(terminal), None)
    assert check.state == "ok"


@pytest.mark.parametrize("url", ["mail.example.com", "http://mail:25", "smtp://", "smtp://host:notaport"])
def test_a_mail_address_that_is_no_url_is_said(url: str) -> None:
    """With an example of one."""
    check = check_smtp(url)
    assert check.state == "fail"
    assert check.hint.startswith("e.g. smtp://")


def test_a_mail_server_is_asked(smtp: str) -> None:
    """One that answers passes; one that is down fails within the timeout."""
    assert check_smtp(smtp).state == "ok"
    check = check_smtp("smtp://127.0.0.1:1")
    assert check.state == "fail"
    assert "refused" in check.words


def test_a_lake_that_cannot_be_written_fails(tmp_path: Path) -> None:
    """A file where the folder should be; a folder that is not there yet is fine."""
    (tmp_path / "file").write_text("x")
    assert check_lake(LakeSettings(uri=str(tmp_path / "file" / "lake"))).state == "fail"
    assert check_lake(LakeSettings(uri=str(tmp_path / "lake"))).state == "ok"


def test_airflow_is_asked_for_its_health() -> None:
    """Down is a warning, because collecting goes on without it; up is ok; nonsense is a failure."""

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/v2/monitor/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Health)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        assert check_airflow(url).state == "ok"
        assert check_airflow(url + "/").state == "ok"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert check_airflow("http://127.0.0.1:1").state == "warn"
    assert check_airflow("file:///etc/passwd").state == "fail"

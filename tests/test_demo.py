"""The whole way, as a user walks it: `tillwatch demo` in a folder of its own (issue: what must be seen, 1)."""

import contextlib
import datetime as dt
import importlib.metadata
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from expectations.feedback.links import read_link
from ingest.segments import read_segment, sealed_segments
from ingest.settings import load_settings
from ingest.simulator.scenario import take_seats
from ingest.simulator.scenarios import MERCHANTS, write_scenario
from ingest.tables import TABLES, Lake

pytestmark = pytest.mark.slow

SEED = 7
TILLWATCH = Path(sys.executable).parent / "tillwatch"


@dataclass(frozen=True)
class Played:
    """A demo that has ended."""

    root: Path
    day: dt.date
    status: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """One demo for all tests here."""
    root = tmp_path_factory.mktemp("demo") / "var"
    day = dt.datetime.now(ZoneInfo("Asia/Shanghai")).date()
    ended = subprocess.run(
        [TILLWATCH, "demo", "--directory", str(root), "--seed", str(SEED)],
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )
    return Played(root, day, ended.returncode, ended.stdout, ended.stderr)


def test_it_holds(demo):
    """Status 0: every run succeeded, and the findings are exactly the faults."""
    assert demo.status == 0, demo.stdout + demo.stderr
    assert "missed:" not in demo.stdout
    assert "not a fault:" not in demo.stdout


def test_the_findings_are_the_truth(demo):
    """Said again without the demo's own words: the findings' subjects are the simulator's faults, one for one."""
    truth = [json.loads(line) for line in (demo.root / "truth.jsonl").read_text("utf-8").splitlines()]
    listed = subprocess.run(
        [TILLWATCH, "findings", "--json", "--config", str(demo.root / "tillwatch.toml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    findings = [json.loads(line) for line in listed.stdout.splitlines()]
    accused = sorted(
        (each["rule"], each["terminal_id"], each["subjects"][0]["batch_no"], each["subjects"][0]["stan"])
        for each in findings
    )
    faults = sorted(
        (line["rule"], line["terminal_id"], line["batch_no"], line["stan"]) for line in truth if line["kind"] == "fault"
    )

    assert accused == faults
    assert len({rule for rule, *_ in faults}) >= 19


def test_each_shop_has_its_mail(demo):
    """Both merchants are told, each in its language, with text and HTML; the newest alert lies there as a page."""
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in demo.root.glob("mailbox/*.eml")]

    assert {mail["To"] for mail in mails} == {f"finance@{merchant}.example" for merchant in MERCHANTS}
    for mail in mails:
        bodies = [mail.get_body(preferencelist=(kind,)) for kind in ("plain", "html")]
        assert all(body is not None and "¥" in body.get_content() for body in bodies)
    newest = (demo.root / "mailbox/newest.html").read_text("utf-8")
    assert "<html" in newest
    assert "http://127.0.0.1:8734/a/" in newest  # not a Monday's report, which asks nothing


def test_the_buttons_of_its_mails_lead_to_its_page(demo):
    """Links signed with the demo's own key, which the page of the same settings takes; on Mondays reports come, too."""
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in demo.root.glob("mailbox/*.eml")]
    html = "".join(
        body.get_content() for mail in mails if (body := mail.get_body(preferencelist=("html",))) is not None
    )
    links = re.findall(r'href="http://127\.0\.0\.1:8734/a/([\w.-]+)', html)
    settings = load_settings(demo.root / "tillwatch.toml")

    assert links
    assert all(read_link(token, settings).number.startswith("C-") for token in links)


def test_it_says_where_everything_is(demo):
    """Tables, Data Docs, mails, pack and the pages are there where the last lines say."""
    places = dict(line.split(maxsplit=1) for line in demo.stdout.splitlines() if line.startswith(("tables", "newest")))

    assert Path(places["tables"]).parent.is_dir()
    assert Path(places["newest"].removeprefix("alert").strip()).is_file()
    assert "http://127.0.0.1:" in demo.stdout
    pack = next(line.split(maxsplit=2)[2] for line in demo.stdout.splitlines() if line.startswith("evidence pack"))
    assert Path(pack).read_bytes().startswith(b"PK")
    assert "http://127.0.0.1:8734/cases/C-" in demo.stdout
    pages = [line.split(maxsplit=2)[2] for line in demo.stdout.splitlines() if line.startswith("Data Docs")]
    assert pages
    assert all(Path(page).is_file() for page in pages)


def test_nothing_that_it_started_is_left(demo):
    """No process has anything to do with the demo's folder."""
    assert _processes_of(demo.root) == []


def test_ctrl_c_stops_everything_and_nothing_listened_beyond_this_machine(tmp_path):
    """In the middle of the day, with Airflow up: every socket is on loopback; then status 130 and nobody left."""
    root = tmp_path / "var"
    running = subprocess.Popen(
        [TILLWATCH, "demo", "--directory", str(root)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert running.stderr is not None
    said = ""
    for line in running.stderr:
        said += line
        if "Airflow is up" in line:
            break
    listening = _listening(_processes_of(root))
    running.send_signal(signal.SIGINT)
    said += running.communicate(timeout=120)[1]

    assert running.returncode == 130, said
    assert len(listening) >= 2  # the SMTP server and Airflow's API
    assert {address for address, _ in listening} == {"127.0.0.1"}
    assert _processes_of(root) == []
    assert "everything that was started is stopped" in said


def test_an_airflow_that_does_not_come_up_is_quoted(tmp_path):
    """Status 3, the last lines of Airflow's log, where the rest is, and nobody left."""
    root = tmp_path / "var"
    broken = root / "airflow" / f"migrated-{importlib.metadata.version('apache-airflow')}.db"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"not a database" * 1000)
    (root / "demo.lock").touch()

    ended = subprocess.run(
        [TILLWATCH, "demo", "--directory", str(root)], capture_output=True, text=True, check=False, timeout=200
    )

    assert ended.returncode == 3, ended.stderr
    assert "tillwatch: airflow ended with status" in ended.stderr
    assert "file is not a database" in ended.stderr
    assert "try: read the whole log" in ended.stderr
    assert 'Traceback (most recent call last):\n  File "/' not in ended.stderr.partition("its last lines")[0]
    assert _processes_of(root) == []


def test_no_card_number_is_in_anything_it_left(demo):
    """Not in logs, spool, tables, Airflow's database, mails or pages: as digits or as packed BCD, at either nibble."""
    needles = {needle: pan for pan in _card_numbers(demo.day) for needle in _ways_to_write(pan)}
    found = set()
    for name, data in _artefacts(demo.root):
        for needle, pan in needles.items():
            if needle in data:
                found.add(f"{name}: {pan[:6]}…{pan[-4:]}")

    assert len(needles) > 100
    assert found == set()


def _processes_of(root: Path) -> list[int]:
    """Processes with a demo's folder in their environment or command line, or at work in it.

    Airflow's processes rename themselves, which overwrites the first two.
    """
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            with contextlib.suppress(OSError):
                words = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
                words += os.fsencode((process / "cwd").readlink())
                if str(root).encode() in words:
                    found.append(int(process.name))
    return found


def _listening(processes: list[int]) -> list[tuple[str, int]]:
    """Addresses and ports on which these processes listen; IPv6 is written as it stands in /proc."""
    inodes = set()
    for process in processes:
        with contextlib.suppress(OSError):
            for descriptor in Path(f"/proc/{process}/fd").iterdir():
                with contextlib.suppress(OSError):  # closed in between
                    inodes.add(str(descriptor.readlink()))
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, state, inode = (line.split()[column] for column in (1, 3, 9))
            if state == "0A" and f"socket:[{inode}]" in inodes:
                address, _, port = local.partition(":")
                readable = socket.inet_ntoa(bytes.fromhex(address)[::-1]) if table == "tcp" else address
                found.append((readable, int(port, 16)))
    return found


def _card_numbers(day: dt.date) -> set[str]:
    from protocols.profile import available_profiles, load_profile

    seats = take_seats([(name, load_profile(name).link.ack) for name in available_profiles()], 4, merchants=MERCHANTS)
    scenario = write_scenario("shop-day", seats, day, SEED)
    return {step.card.pan for seat in scenario.seats for step in scenario.steps(seat) if step.card is not None}


def _ways_to_write(pan: str) -> Iterator[bytes]:
    yield pan.encode()
    for first in (0, 1):
        digits = pan[first:]
        yield bytes.fromhex(digits[: len(digits) // 2 * 2])


def _artefacts(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every file as it is, and what is packed in it unpacked."""
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(root)), path.read_bytes()
    for segment in sealed_segments(root / "spool"):
        yield segment.path.name, repr(list(read_segment(segment.path))).encode()
        yield segment.path.name, b"".join(record.frame or b"" for record in read_segment(segment.path))
    lake = Lake(root / "lake")
    for name in TABLES:
        for column, values in lake.read(name).to_pydict().items():
            yield f"{name}.{column}", b"\n".join(v if isinstance(v, bytes) else str(v).encode() for v in values)
    for path in root.glob("mailbox/*.eml"):
        for part in message_from_bytes(path.read_bytes(), policy=policy.default).walk():
            if not part.is_multipart():
                payload = part.get_payload(decode=True)
                assert isinstance(payload, bytes)
                yield f"{path.name} {part.get_content_type()}", payload
    with contextlib.closing(sqlite3.connect(root / "airflow/airflow.db")) as database:
        yield "airflow.db", "\n".join(database.iterdump()).encode()

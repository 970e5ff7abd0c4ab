"""``tillwatch collect`` and ``tillwatch ports`` as a person meets them: one clear line and the right exit status."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ingest.collector import Collector
from ingest.commands.collect import parse_line, run
from ingest.commands.ports import ports
from ingest.devices import Device
from ingest.errors import UsageError
from ingest.keys import create_keys
from ingest.ownership import owner_of
from ingest.ports import open_port
from ingest.records import Kind
from ingest.segments import read_segment, sealed_segments
from ingest.settings import load_settings
from protocols.profile import load_profile
from tests.ingest.s3 import bucket_at, s3_server

pytestmark = pytest.mark.slow  # the real command, a process a test

STORE_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
CALL = [sys.executable, "-c", "from ingest.cli import main; main()"]
FIELDS = {3: "000000", 4: "000000000100", 11: "000001", 25: "00", 41: "10000001", 42: "898440300000001", 60: "22000001"}
SALE = load_profile("leshua").build("0200", FIELDS)


class Process:
    """A collector in a folder of its own, its words read line by line."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [*CALL, "collect", *words], cwd=folder, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self.said: list[str] = []

    def until(self, word: str) -> str:
        """Read its words up to the line with this one."""
        assert self.process.stderr is not None
        while line := self.process.stderr.readline():
            self.said.append(line)
            if word in line:
                return line
        raise AssertionError(f"it ended with {self.process.wait()}: {self.said}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Signal it and wait; what it still said is kept."""
        self.process.send_signal(number)
        assert self.process.stderr is not None
        self.said += self.process.stderr.readlines()
        return self.process.wait(60)


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts collectors with a key; ends them with the test."""
    create_keys(tmp_path / "var/keys/pan-token.key")
    made: list[Process] = []

    def start(*words: str, **environment: str) -> Process:
        made.append(Process(tmp_path, *words, **environment))
        return made[-1]

    yield start
    for each in made:
        if each.process.poll() is None:
            each.process.kill()
        each.process.communicate()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a=/dev/ttyUSB0:lakala", {"name": "a", "device": "/dev/ttyUSB0", "profile": "lakala"}),
        ("a=/dev/x,/dev/y:p", {"name": "a", "device": "/dev/x", "peer": "/dev/y", "profile": "p"}),
        (
            "lane-1=/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0:unionpay",
            {
                "name": "lane-1",
                "device": "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0",
                "profile": "unionpay",
            },
        ),
    ],
)
def test_a_line_on_the_command_line(text: str, words: dict[str, str]) -> None:
    """By-path names have colons in them: the profile follows the last one."""
    assert parse_line(text, "listen") == {**words, "mode": "listen"}


@pytest.mark.parametrize("text", ["", "a", "a=/dev/x", "=/dev/x:p", "a=:p", "a=/dev/x:", "a=/dev/x,:p"])
def test_a_wrong_line_shows_the_right_shape(text: str) -> None:
    """The error shows what was given and what belongs there."""
    with pytest.raises(UsageError, match="NAME=DEVICE"):
        parse_line(text, "listen")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "no line to read"),
        (["--line", "a=/dev/x:lakla"], 2, "telium, unionpay, zvt"),
        (["--line", "a=/dev/x:lakala", "--line", "b=/dev/x:lakala"], 2, "used twice"),
        (["--relay", "a=/dev/x:lakala"], 2, "peer"),
        (["--receive", "a=/dev/x,/dev/y:lakala"], 2, "one device"),
        (["--line", "a=/dev/null:lakala"], 3, "not a serial device"),
    ],
)
def test_wrong_words_end_at_once(collector: Any, words: list[str], status: int, message: str) -> None:
    """One line with what is wrong, one with what to do, no traceback, the right status, nothing left behind."""
    process = collector(*words)
    said = process.process.communicate(timeout=60)[1]

    assert process.process.returncode == status
    assert message in said
    assert said.count("\n") == 2
    assert "  try: " in said


def test_no_key_no_collecting(tmp_path: Path) -> None:
    """Without a key nothing could be made safe: it says how to make one."""
    done = subprocess.run(
        [*CALL, "collect", "--line", "a=/dev/x:lakala"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 3
    assert "doctor --create-keys" in done.stderr


def test_what_is_sealed_is_shipped(collector: Any, wires: Any, tmp_path: Path) -> None:
    """--ship-to: the last segment, sealed by SIGTERM, is in the store too; status 0 all the same."""
    wire = wires("terminal")
    with s3_server("shop") as url:
        words = ("--receive", f"lane={wire.name}:leshua", "--ship-to", "s3://shop/spools")
        process = collector(*words, **STORE_KEYS, AWS_ENDPOINT_URL=url, TILLWATCH_SHIP__COLLECTOR="till-1")
        process.until(" open ")
        wire.write(SALE)
        assert wire.read(1) == b"\x06"

        assert process.end() == 0
        [segment] = sealed_segments(tmp_path / "var/spool")
        [shipped] = bucket_at(url, "shop").objects.all()
        assert shipped.key == f"spools/till-1/{segment.path.name}"
        assert shipped.get()["Body"].read() == segment.path.read_bytes()
    assert any("shipped" in line for line in process.said)


def test_a_store_that_is_down_stops_nothing(collector: Any, wires: Any, tmp_path: Path) -> None:
    """No store at the address: one line with what to do; the frame is acknowledged and the end is clean."""
    wire = wires("terminal")
    words = ("--receive", f"lane={wire.name}:leshua", "--ship-to", "s3://shop/spools")
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "TILLWATCH_SPOOL__SEAL_SECONDS": "1"}
    process = collector(*words, **STORE_KEYS, **nowhere)
    process.until(" open ")
    wire.write(SALE)
    assert wire.read(1) == b"\x06"
    told = process.until("not-shipped")

    assert "check the network" in told
    assert process.end() == 0
    assert len(sealed_segments(tmp_path / "var/spool")) == 1


def test_a_frame_is_on_the_disk_when_its_ack_comes(collector: Any, wires: Any, tmp_path: Path) -> None:
    """The whole command: ACK on the wire, SIGTERM, status 0 within five seconds, a sealed segment with the frame."""
    wire = wires("terminal")
    process = collector("--receive", f"lane={wire.name}:leshua")
    process.until(" open ")
    wire.write(SALE)
    assert wire.read(1) == b"\x06"
    began = time.monotonic()

    assert process.end() == 0
    assert time.monotonic() - began < 5
    [segment] = sealed_segments(tmp_path / "var/spool")
    kinds = [record.kind for record in read_segment(segment.path)]
    assert kinds.count(Kind.FRAME) == 1
    assert any("sealed" in line for line in process.said)
    assert any("frames=1" in line and "closed" in line for line in process.said)


def test_an_idle_segment_is_sealed_by_its_age(collector: Any, wires: Any, tmp_path: Path) -> None:
    """The last frame of the evening does not wait for the first of the morning."""
    wire = wires("terminal")
    process = collector("--receive", f"lane={wire.name}:leshua", TILLWATCH_SPOOL__SEAL_SECONDS="1")
    process.until(" open ")
    wire.write(SALE)
    assert wire.read(1) == b"\x06"
    process.until("sealed")

    assert len(sealed_segments(tmp_path / "var/spool")) == 1
    assert process.end() == 0


def test_what_a_killed_collector_left_is_sealed_by_the_next(collector: Any, wires: Any, tmp_path: Path) -> None:
    """A kill -9 after the ACK: the next start says what it found, and the frame is in a sealed segment."""
    wire = wires("terminal")
    first = collector("--receive", f"lane={wire.name}:leshua")
    first.until(" open ")
    wire.write(SALE)
    assert wire.read(1) == b"\x06"
    first.end(signal.SIGKILL)
    second = collector("--receive", f"lane={wire.name}:leshua")
    second.until("sealed")

    [segment] = sealed_segments(tmp_path / "var/spool")
    assert [record.kind for record in read_segment(segment.path)].count(Kind.FRAME) == 1
    assert second.end() == 0


def test_ctrl_c_is_a_stop(collector: Any, wires: Any) -> None:
    """SIGINT ends it like SIGTERM."""
    process = collector("--line", f"lane={wires('tap').name}:lakala")
    process.until(" open ")

    assert process.end(signal.SIGINT) == 0


def test_a_signal_that_answers_open_is_a_stop(wires: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service manager may stop it as soon as it said "open": that ends it as cleanly as later."""
    monkeypatch.chdir(tmp_path)
    create_keys(tmp_path / "var/keys/pan-token.key")
    opened = Collector.open_all

    def signalled(collector: Collector) -> None:
        opened(collector)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Collector, "open_all", signalled)
    device = str(wires("tap").name)
    words = {"name": "lane", "device": device, "profile": "lakala", "mode": "listen"}
    run(load_settings(None, {"lines": [words]}))

    assert owner_of(tmp_path / "var/spool") is None
    assert not list((tmp_path / "var/spool").glob("*.open"))  # a session alone is no segment
    open_port(device).close()


def test_a_missing_device_is_one_line_and_waiting(collector: Any, wires: Any, tmp_path: Path) -> None:
    """Not there yet: it says so, with what to do, keeps waiting, and finds it."""
    process = collector("--receive", f"lane={tmp_path / 'later'}:leshua")
    line = process.until("waiting")
    assert "not there" in line
    assert "tillwatch ports" in line

    wire = wires("later")
    process.until(" open ")
    wire.write(SALE)
    assert wire.read(1) == b"\x06"
    assert process.end() == 0


def test_a_busy_port_names_its_holder(collector: Any, wires: Any) -> None:
    """A second collector with another spool: status 3, and the first one's number."""
    wire = wires("terminal")
    first = collector("--receive", f"lane={wire.name}:leshua")
    first.until(" open ")
    second = collector("--receive", f"lane={wire.name}:leshua", TILLWATCH_SPOOL__DIRECTORY="other")
    said = second.process.communicate(timeout=60)[1]

    assert second.process.returncode == 3
    assert "busy" in said
    assert f"pid {first.process.pid}" in said
    assert first.end() == 0


def test_a_spool_has_one_owner(collector: Any, wires: Any) -> None:
    """A second collector on the same spool is refused before it touches a port."""
    first = collector("--line", f"a={wires('one').name}:lakala")
    first.until(" open ")
    second = collector("--line", f"b={wires('two').name}:lakala")
    said = second.process.communicate(timeout=60)[1]

    assert second.process.returncode == 3
    assert str(first.process.pid) in said
    assert " open " not in said
    assert first.end() == 0


def test_lines_of_the_file_and_of_the_command(collector: Any, wires: Any, tmp_path: Path) -> None:
    """[[lines]] are read; a line given on the command line wins over one of the same name."""
    one, two, three = wires("one"), wires("two"), wires("three")
    (tmp_path / "tillwatch.toml").write_text(
        f"""
[[lines]]
name = "a"
device = "{one.name}"
profile = "lakala"
[[lines]]
name = "b"
device = "{two.name}"
profile = "lakala"
"""
    )
    process = collector("--receive", f"b={three.name}:leshua")
    said = process.until("open") + process.until("open")

    assert f"a open side=terminal device={one.name}" in said
    assert f"b open side=terminal device={three.name}" in said
    assert process.end() == 0


def test_a_profile_of_ones_own_in_a_word_alone_is_said(collector: Any, wires: Any, tmp_path: Path) -> None:
    """It is collected with; that landing will not know it is said first, with what to do."""
    own = tmp_path / "mine.toml"
    own.write_text(
        'name = "mine"\nextends = "unionpay"\nsource = "a test"\nconfidence = "assumed"\n'
        'title = { zh-CN = "我的", en = "Mine" }\n'
    )
    process = collector("--line", f"a={wires('one').name}:{own}")

    assert process.until("will not land").startswith(f"{own}: no line of the settings has this profile")
    assert f'profile = "{own}" of a line in tillwatch.toml' in process.until("try:")
    assert "a open side=terminal" in process.until("open")
    assert process.end() == 0


def test_an_unwritable_spool_does_not_stop_a_relay(collector: Any, wires: Any, tmp_path: Path) -> None:
    """Law 5 from the first moment: no spool, and the payment passes; without a relay the same is an error."""
    (tmp_path / "blocked").write_text("a file where the spool's folder should be")
    terminal, host = wires("terminal"), wires("host")
    relay = collector("--relay", f"lane={terminal.name},{host.name}:lakala", TILLWATCH_SPOOL__DIRECTORY="blocked/spool")
    line = relay.until("spool-failed")
    assert "relaying" in line
    terminal.write(b"a payment")
    assert host.read(9) == b"a payment"
    assert relay.end() == 3
    assert any("could not be recorded" in line for line in relay.said)

    alone = collector("--receive", f"lane={terminal.name}:leshua", TILLWATCH_SPOOL__DIRECTORY="blocked/spool")
    said = alone.process.communicate(timeout=60)[1]
    assert alone.process.returncode == 3
    assert "spool" in said


def test_a_full_disk_stops_acks_and_nothing_else(
    collector: Any, wires: Any, tmp_path: Path, record_property: Any
) -> None:
    """Every write refused (EFBIG by a limit set from outside): 15 for the terminal, the relay passes, and when there is
    room again the resend is acknowledged and what the relay carried meanwhile is on the disk.
    """
    terminal, near, far = wires("terminal"), wires("near"), wires("far")
    process = collector(f"--receive=log={terminal.name}:leshua", f"--relay=pay={near.name},{far.name}:lakala")
    for _ in range(3):
        process.until(" open ")
    terminal.write(SALE)
    assert terminal.read(1) == b"\x06"
    before = resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    second = load_profile("leshua").build("0200", {**FIELDS, 11: "000002"})
    payment = load_profile("lakala").build("0200", {**FIELDS, 11: "000003"})

    terminal.write(second)
    assert terminal.read(1) == b"\x15"
    near.write(payment)
    assert far.read(len(payment)) == payment
    assert "disk is full" in process.until("spool-failed")

    resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, before)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        terminal.write(second)
        if terminal.read(1, 1) == b"\x06":
            break
        time.sleep(0.1)
    process.until("spool-back")
    assert process.end() == 0
    frames = [
        record.frame
        for segment in sealed_segments(tmp_path / "var/spool")
        for record in read_segment(segment.path)
        if record.kind is Kind.FRAME
    ]
    assert sorted(frames) == sorted([SALE, second, payment])
    record_property("lost", f"0 of {len(frames)} acknowledged or relayed")


def test_no_descriptor_left_is_no_end(collector: Any, wires: Any) -> None:
    """EMFILE while reopening: it waits, and when there are descriptors again the terminal is back."""
    wire = wires("terminal")
    process = collector(f"--receive=lane={wire.name}:leshua")
    process.until(" open ")
    wire.write(SALE)
    assert wire.read(1) == b"\x06"
    used = sum(1 for _ in Path(f"/proc/{process.process.pid}/fd").iterdir())
    wire.unplug()
    process.until("unplugged")
    soft, hard = resource.prlimit(process.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.process.pid, resource.RLIMIT_NOFILE, (used - 3, hard))
    wire.plug()
    assert "open files" in process.until("open files")
    resource.prlimit(process.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    process.until("reopened")
    wire.write(SALE)
    assert wire.read(1) == b"\x06"
    assert process.end() == 0


def test_nothing_it_says_holds_card_data(collector: Any, wires: Any) -> None:
    """Good frames, bad frames and garbage with a card number in them: its words hold none of it."""
    pan = "6225880000000001"
    wire = wires("terminal")
    process = collector("--receive", f"lane={wire.name}:leshua")
    process.until(" open ")
    frame = load_profile("leshua").build("0200", {2: pan, **FIELDS})
    wire.write(frame)
    assert wire.read(1) == b"\x06"
    wire.write(frame[:-1] + b"\x00")
    wire.read(1)
    wire.write(pan.encode() + bytes.fromhex(pan))
    time.sleep(0.5)
    assert process.end() == 0

    said = "".join(process.said)
    assert pan not in said
    assert pan[6:12] not in said


def test_no_device_is_a_helpful_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list says what to do, on stderr, and is no failure."""
    monkeypatch.setattr("ingest.devices.list_devices", list)
    done = CliRunner().invoke(ports, [])

    assert done.exit_code == 0
    assert done.stdout == ""
    assert "plug the terminal" in done.stderr


def test_a_device_that_is_not_there_is_not_free(tmp_path: Path) -> None:
    """A wrong name is said so, and is not offered to be collected from."""
    name = str(tmp_path / "ttyUSB7")
    told = CliRunner().invoke(ports, [name])
    assert "not there" in told.stdout
    assert "free" not in told.stdout
    assert "try:" not in told.stderr
    assert json.loads(CliRunner().invoke(ports, [name, "--json"]).stdout)["there"] is False


def test_ports_in_words_and_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both show the stable name, who has it, and the profile that fits."""
    device = Device(
        device="/dev/ttyACM0",
        stable="/dev/serial/by-id/usb-PAX_A920-if00",
        by_id="/dev/serial/by-id/usb-PAX_A920-if00",
        by_path=None,
        usb="2FB8:2116",
        serial_number="0820",
        manufacturer="PAX",
        product="A920",
        terminal="PAX A920",
        model={"zh-CN": "百富 A920", "en": "PAX A920"},
        profile="unionpay",
        why="by its USB ids alone",
        busy=True,
        held_by=("tillwatch (pid 7)",),
    )
    monkeypatch.setattr("ingest.devices.list_devices", lambda: [device])

    table = CliRunner().invoke(ports, []).stdout
    assert all(word in table for word in (device.stable, "PAX A920", "unionpay", "busy: tillwatch (pid 7)"))
    [row] = CliRunner().invoke(ports, ["--json"]).stdout.splitlines()
    assert json.loads(row)["stable"] == device.stable
    assert json.loads(row)["busy"] is True

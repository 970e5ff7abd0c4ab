"""``tillwatch collect`` as a person meets it: one clear line and the right exit status, whatever stands in its way."""

import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ingest.collector import Collector
from ingest.commands.collect import run
from ingest.keys import create_keys
from ingest.ownership import owner_of
from ingest.ports import open_port
from ingest.records import Kind
from ingest.segments import read_segment, sealed_segments
from ingest.settings import load_settings
from protocols.profile import load_profile
from tests.ingest.collecting.collectprocess import CALL, FIELDS, SALE
from tests.ingest.s3 import bucket_at, s3_server

pytestmark = pytest.mark.slow  # the real command, a process a test

STORE_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


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

"""The real command, its key taken away while a terminal sends: NAK, an alarm, and ACK again once the key is back."""

import os
import select
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.keys import create_keys
from ingest.records import Kind
from ingest.segments import read_segment, sealed_segments
from protocols.profile import load_profile

pytestmark = pytest.mark.slow  # the real command looks at its key every five seconds

CALL = [sys.executable, "-c", "from ingest.cli import main; main()"]
ACK, NAK = b"\x06", b"\x15"
PROFILE = load_profile("leshua")


def sale(stan: int) -> bytes:
    fields = {3: "000000", 4: "000000000100", 11: f"{stan:06d}", 25: "00", 41: "10000001", 42: "898440300000001"}
    return PROFILE.build("0200", {**fields, 60: "22000001"})


@pytest.fixture
def wire() -> Iterator[tuple[int, str]]:
    """The terminal's end of a line, and the collector's device."""
    leader, follower = os.openpty()
    tty.setraw(follower)
    yield leader, os.ttyname(follower)
    os.close(leader)
    os.close(follower)


def answer(leader: int, frame: bytes) -> bytes:
    """What the collector says to a frame."""
    os.write(leader, frame)
    ready, _, _ = select.select([leader], [], [], 20)
    return os.read(leader, 1) if ready else b""


def answered(leader: int, first: int, wanted: bytes) -> int:
    """Send sales until one is answered so; the number of the next sale."""
    deadline = time.monotonic() + 40
    stan = first
    while time.monotonic() < deadline:
        stan += 1
        if answer(leader, sale(stan)) == wanted:
            return stan + 1
        time.sleep(0.5)
    raise AssertionError(f"never answered {wanted!r}")


def test_a_collector_without_its_key_records_nothing(tmp_path: Path, wire: tuple[int, str]) -> None:
    """Every ACK is a record, every record is one that was not refused, and it ends with status 0."""
    leader, device = wire
    key = tmp_path / "var/keys/pan-token.key"
    create_keys(key)
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([*CALL, "collect", "--receive", f"a={device}:leshua"], cwd=tmp_path, stderr=out)
        try:
            while b" recording " not in log.read_bytes():  # before, an answer takes as long as the start
                assert process.poll() is None, log.read_text()
                time.sleep(0.05)
            stan = answered(leader, 1, ACK)
            key.rename(key.with_suffix(".away"))
            stan = answered(leader, stan, NAK)
            refused = sale(stan)
            assert answer(leader, refused) == NAK
            key.with_suffix(".away").rename(key)
            answered(leader, stan + 1, ACK)
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(60)
    said = log.read_text()
    assert status == 0, said
    assert [said.count(word) for word in (" key-revoked ", " key-back ")] == [1, 1], said
    frames = [
        record.frame
        for info in sealed_segments(tmp_path / "var/spool")
        for record in read_segment(info.path)
        if record.kind is Kind.FRAME
    ]
    assert len(frames) == len(set(frames)) >= 2
    assert refused not in frames

"""The collector killed with -9 in the middle of traffic, twenty times.

A real ``tillwatch collect`` process, two terminals on pseudo-terminals: one sends frames
and waits for ACK, one talks to its host through us. Whatever was acknowledged is on the
disk, once in the tables; nothing is there that nobody sent; relaying goes on after each
restart. The terminals' sides of the wires are this process's own, so they outlive the
collector as a real terminal does.
"""

import bisect
import collections
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.keys import create_keys
from ingest.records import Kind, Record
from ingest.segments import read_segment, sealed_segments
from protocols.profile import Profile, load_profile
from protocols.sanitise import CardKeys, Sanitiser

KILLS = 20
PATIENCE = 60.0
"""Seconds for what takes a moment on a machine that is not busy."""
LAST_WORD = 1.0
"""Seconds without an answer after which none is to come: the collector that had read the copy was killed."""
ACK, NAK = b"\x06", b"\x15"
PAN = "6225880000000001"  # a test number


class Pty:
    """A pseudo-terminal whose both ends stay open here: the collector may come and go."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.device = os.ttyname(self._slave)

    def read(self, timeout: float) -> bytes:
        """What comes within the time, empty when nothing does."""
        return os.read(self.master, 65536) if select.select([self.master], [], [], timeout)[0] else b""

    def close(self) -> None:
        """Pull both ends."""
        os.close(self.master)
        os.close(self._slave)


def sale(profile: Profile, mti: str, terminal: str, stan: int) -> bytes:
    """One message of the sale with this trace number."""
    fields = {
        2: PAN,
        3: "000000",
        4: f"{stan:012d}",
        11: f"{stan:06d}",
        25: "00",
        41: terminal,
        42: "898440300000001",
        49: "156",
        60: "22000001",
    }
    answer = {12: "120000", 13: "1121", 37: f"{stan:012d}", 39: "00"}
    asked = {22: "021", 35: f"{PAN}D30122010000012345678"}
    return profile.build(mti, dict(sorted((fields | (answer if mti == "0210" else asked)).items())))


class ReceivedTerminal(threading.Thread):
    """Sends sales one after the other; each again until it is acknowledged."""

    def __init__(self, profile: Profile, stop: threading.Event) -> None:
        super().__init__()
        self.pty = Pty()
        self.sent: dict[int, bytes] = {}
        self.acknowledged: list[int] = []
        self.waits: list[tuple[float, float]] = []
        """When each acknowledged frame was first sent, and when its ACK came."""
        self.resent = 0
        self._profile = profile
        self._stopping = stop

    def run(self) -> None:
        """The terminal's own loop: send, wait 0.5 s for 06, send again.

        Each copy has an ACK of its own. Those that are still to come must not be taken for one of the next sale.
        """
        stan = 0
        while not self._stopping.is_set():
            stan += 1
            frame = self.sent[stan] = sale(self._profile, "0200", "10000001", stan)
            began = time.monotonic()
            unanswered = 0
            answer = b""
            while ACK not in answer and not self._stopping.is_set():
                os.write(self.pty.master, frame)
                unanswered += 1
                self.resent += unanswered > 1
                answer = self.pty.read(0.5)
                unanswered -= answer.count(ACK)
            if ACK in answer:
                self.waits.append((began, time.monotonic()))
                self.acknowledged.append(stan)
            while unanswered > 0 and (late := self.pty.read(LAST_WORD)):
                unanswered -= late.count(ACK)


class RelayedTerminal(threading.Thread):
    """Asks its host through the relay; an answer that does not come within a second is given up, as terminals do."""

    def __init__(self, profile: Profile, stop: threading.Event) -> None:
        super().__init__()
        self.terminal, self.host = Pty(), Pty()
        self.requests: list[bytes] = []
        self.answers: list[bytes] = []
        self.heard_by_host: list[tuple[float, bytes]] = []
        self.heard_by_terminal: list[tuple[float, bytes]] = []
        self._profile = profile
        self._stopping = stop

    def run(self) -> None:
        """Ask, let the host answer, wait for the answer."""
        stan = 0
        while not self._stopping.is_set():
            stan += 1
            self.requests.append(sale(self._profile, "0200", "10000002", stan))
            os.write(self.terminal.master, self.requests[-1])
            if not self._arrived(self.host, self.requests[-1], self.heard_by_host):
                continue
            self.answers.append(sale(self._profile, "0210", "10000002", stan))
            os.write(self.host.master, self.answers[-1])
            self._arrived(self.terminal, self.answers[-1], self.heard_by_terminal)
            time.sleep(0.002)

    def _arrived(self, pty: Pty, frame: bytes, heard: list[tuple[float, bytes]]) -> bool:
        got, deadline = b"", time.monotonic() + 1.0
        while time.monotonic() < deadline and not self._stopping.is_set():
            got += pty.read(0.05)
            if frame in got:
                heard.append((time.monotonic(), frame))
                return True
        return False


def until(so: Callable[[], bool], what: str) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    """Ends the terminals, whatever happens to the test."""
    event = threading.Event()
    yield event
    event.set()


def start(folder: Path, received: ReceivedTerminal, relayed: RelayedTerminal) -> "subprocess.Popen[bytes]":
    """A collector on both terminals; returns when it has every port and its spool."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from ingest.cli import main; main()",
            "collect",
            f"--receive=received={received.pty.device}:leshua",
            f"--relay=relayed={relayed.terminal.device},{relayed.host.device}:lakala",
        ],
        cwd=folder,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    ready = 0
    while ready < 4:
        line = process.stderr.readline()
        assert line, f"the collector ended with {process.wait()}"
        ready += b" open " in line or b" recording " in line
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return process


def served(received: ReceivedTerminal, relayed: RelayedTerminal, since: float) -> bool:
    """Whether an ACK, a request and an answer have come through since then."""
    heard = relayed.heard_by_host[-1:], relayed.heard_by_terminal[-1:]
    return all(each and each[0][0] >= since for each in heard) and any(at >= since for _, at in received.waits[-1:])


def records_of(folder: Path) -> list[Record]:
    """Everything in the sealed segments, damage not allowed."""
    return [record for info in sealed_segments(folder / "var/spool") for record in read_segment(info.path)]


@pytest.mark.slow
def test_killed_twenty_times_nothing_acknowledged_is_lost_and_nothing_invented(
    tmp_path: Path, stop: threading.Event, record_property: Any
) -> None:
    """Law 2 under kill -9: acknowledged means on disk, once in the tables; the relay goes on after every restart."""
    rng = random.Random(20261121)
    keys = create_keys(tmp_path / "var/keys/pan-token.key")
    leshua, lakala = load_profile("leshua"), load_profile("lakala")
    received, relayed = ReceivedTerminal(leshua, stop), RelayedTerminal(lakala, stop)
    starts: list[float] = []
    kills: list[float] = []
    process = start(tmp_path, received, relayed)
    try:
        for thread in (received, relayed):
            thread.start()
        for _ in range(KILLS):
            starts.append(time.monotonic())
            until(lambda: served(received, relayed, starts[-1]), "relaying did not go on after a restart")
            time.sleep(rng.uniform(0.05, 0.5))
            kills.append(time.monotonic())
            process.send_signal(signal.SIGKILL)
            process.wait()
            process = start(tmp_path, received, relayed)
        starts.append(time.monotonic())
        until(lambda: served(received, relayed, starts[-1]), "relaying did not go on after a restart")
    finally:
        stop.set()
        received.join(10)
        relayed.join(10)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0

    digest = {}
    for name, profile, frames in (
        ("received", leshua, list(received.sent.values())),
        ("relayed", lakala, relayed.requests + relayed.answers),
    ):
        safe = Sanitiser(profile, CardKeys(key_id=keys.key_id, pan=keys.pan, digest=keys.digest))
        digest[name] = {frame: safe.sanitise(frame).digest for frame in frames}
    records = records_of(tmp_path)
    recorded = [record for record in records if record.kind is Kind.FRAME]
    on_disk = collections.Counter((record.line, record.digest) for record in recorded)

    assert [record.seq for record in records] == list(range(records[0].seq, records[0].seq + len(records)))
    assert len(received.acknowledged) > KILLS
    lost = [
        stan for stan in received.acknowledged if ("received", digest["received"][received.sent[stan]]) not in on_disk
    ]
    assert lost == []
    sent = {(name, value) for name, values in digest.items() for value in values.values()}
    assert set(on_disk) <= sent
    assert all(PAN.encode() not in record.frame and bytes.fromhex(PAN) not in record.frame for record in recorded)

    relayed_on_disk = {value: count for (name, value), count in on_disk.items() if name == "relayed"}
    assert set(relayed_on_disk.values()) == {1}
    passed = relayed.heard_by_host + relayed.heard_by_terminal
    unrecorded = [at for at, frame in passed if digest["relayed"][frame] not in relayed_on_disk]
    before = []
    for at in unrecorded:
        ended = bisect.bisect(starts, at) - 1  # of which collector it passed
        assert ended < KILLS, "a collector that was told to stop loses nothing"
        before.append(kills[ended] - at)
        later = [began for began, acknowledged in received.waits if began > at and acknowledged < kills[ended]]
        assert not later, "recorded in turn: what was sent later was acknowledged, so this was on the disk"
    record_property(
        "tried",
        f"{KILLS} kills: {len(received.acknowledged)} acknowledged, {received.resent} resent, {len(passed)} relayed",
    )
    record_property(
        "lost",
        f"0 acknowledged; {len(unrecorded)} relayed not recorded, "
        f"{max(before, default=0.0) * 1e3:.1f} ms before their kill at most",
    )
    for pty in (received.pty, relayed.terminal, relayed.host):
        pty.close()

    landed = subprocess.run(
        [sys.executable, "-c", "from ingest.cli import main; main()", "land"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert landed.returncode == 0, landed.stderr.decode()
    from ingest.lake import Lake

    table = Lake(tmp_path / "var/lake").read("transactions", columns=["line", "stan", "outcome"])
    rows = collections.Counter(zip(table["line"].to_pylist(), table["stan"].to_pylist(), strict=True))
    assert set(rows.values()) == {1}
    landed_stans = {stan for line, stan in rows if line == "received"}
    assert set(received.acknowledged) <= landed_stans <= set(received.sent)

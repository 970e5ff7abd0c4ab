"""The collector on real pseudo-terminals: cables pulled, bytes one at a time, floods, two on one port."""

import gc
import os
import random
import threading
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from ingest.acknowledging import ACK, NAK
from ingest.collector import Collector
from ingest.committer import Committer
from ingest.errors import SpoolError
from ingest.lines import Line, make_line
from ingest.ports import PortError
from ingest.records import Kind

LINK = SimpleNamespace(baud=9600, bytesize=8, parity="N", stopbits=1)

pytestmark = pytest.mark.usefixtures("_each_waiting")


class Running:
    """A collector with any lines on a fake spool."""

    def __init__(self, lines: list[Line], spool: Any, told: Any, **options: Any) -> None:
        self.lines, self.spool, self.told = lines, spool, told
        self.committer = Committer(lambda: spool, tell=told, **options)
        self.collector = Collector(lines, self.committer, told)

    def __enter__(self) -> Self:
        self.collector.open_all()
        self.committer.start(self.collector.answer, self.spool)
        self.collector.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        assert self.collector.failure is None

    def stop(self) -> None:
        assert self.collector.stop_reading(30)
        assert self.committer.stop(30)
        assert self.collector.stop(30)
        self.collector.close()


@pytest.fixture
def line(recorder: Any) -> Callable[..., Line]:
    """Makes a line of tiny frames."""

    def make(mode: Any, *wires: Any, name: str = "lane") -> Line:
        devices = [str(wire.name) for wire in wires]
        made = make_line(name, "tiny", mode, devices, link=LINK, start=lambda: recorder(name))
        for side in made.sides:
            side.backoff._first = side.backoff._next = 0.01
            side.backoff._longest = 0.05
        return made

    return make


def descriptors() -> int:
    """How many this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def settled_descriptors() -> int:
    """The same, once it has not changed for a second: threads of earlier tests may still be closing theirs."""
    counts = [-1]
    while len(counts) < 5 or len(set(counts[-5:])) > 1:
        gc.collect()
        counts.append(descriptors())
        time.sleep(0.2)
    return counts[-1]


def test_a_tap_writes_nothing_ever(wires: Any, line: Any, spool: Any, told: Any, frame: Any, until: Any) -> None:
    """Listening to two taps records both directions and puts not one byte on either."""
    rx, tx = wires("rx"), wires("tx")
    with Running([line("listen", rx, tx)], spool, told):
        rx.write(frame(b"request"))
        until(lambda: len(spool.frames()) == 1)
        tx.write(frame(b"answer") + frame(b"damaged")[:-1] + b"\x00")
        until(lambda: len(spool.frames()) == 2)
        assert rx.read_nothing(0.1) + tx.read_nothing(0.1) == b""

    assert spool.frames() == [b"request", b"answer"]


def test_the_terminal_gets_its_ack(wires: Any, line: Any, spool: Any, told: Any, frame: Any) -> None:
    """A frame is answered with 06, a damaged one with 15, in order."""
    wire = wires("terminal")
    with Running([line("receive", wire)], spool, told):
        wire.write(frame(b"sale"))
        assert wire.read(1) == ACK
        wire.write(frame(b"sale 2")[:-1] + b"\x00")
        assert wire.read(1) == NAK
        wire.write(frame(b"sale 2"))
        assert wire.read(1) == ACK

    assert spool.frames() == [b"sale", b"sale 2"]


def test_no_ack_reaches_the_wire_before_the_disk(wires: Any, line: Any, spool: Any, told: Any, frame: Any) -> None:
    """Law 2 on the wire itself: a hanging disk means silence; a failing one means 15 and never 06."""
    wire = wires("terminal")
    with Running([line("receive", wire)], spool, told):
        spool.gate.clear()
        wire.write(frame(b"sale"))
        assert wire.read_nothing(0.3) == b""
        spool.gate.set()
        assert wire.read(1) == ACK
        spool.failing = SpoolError("disk full")
        wire.write(frame(b"sale 2"))
        assert wire.read(1) == NAK
        spool.failing = None

    assert spool.frames() == [b"sale"]


def test_one_byte_at_a_time(wires: Any, line: Any, spool: Any, told: Any, frame: Any, record_property: Any) -> None:
    """A terminal that dribbles gets one ACK for its one frame; where this test itself stalled, it is asked again."""
    wire = wires("terminal")
    with Running([line("receive", wire)], spool, told):
        for _ in range(10):
            for byte in frame(b"a slow terminal"):
                wire.write(bytes([byte]))
                time.sleep(0.002)
            if (answer := wire.read(1)) == ACK:
                break
            assert answer == NAK
        assert answer == ACK
        assert wire.read_nothing(0.1) == b""

    assert spool.frames() == [b"a slow terminal"]
    record_property("lost", "0 of 1 acknowledged")


def test_pulled_inside_a_frame_and_plugged_in_again(
    wires: Any, line: Any, spool: Any, told: Any, frame: Any, until: Any, record_property: Any
) -> None:
    """Half a frame, no ACK; the device comes back under a new number; the terminal sends again: one frame."""
    wire = wires("terminal")
    whole = frame(b"the sale")
    lane = line("receive", wire)
    with Running([lane], spool, told):
        before = os.path.realpath(wire.name)
        wire.write(whole[:6])
        until(lambda: lane.sides[0].pumped.bytes_read == 6)
        wire.unplug()
        until(lambda: told.named("unplugged"))
        keep = [os.openpty()]  # takes the old number, which may be free a little later, for the device to get another
        while os.ttyname(keep[-1][1]) != before and len(keep) < 200:
            time.sleep(0.01)
            keep.append(os.openpty())
        wire.plug()
        assert os.path.realpath(wire.name) != before
        until(lambda: told.named("reopened"))
        wire.write(whole)
        assert wire.read(1) == ACK
        for descriptor in chain.from_iterable(keep):
            os.close(descriptor)

    assert spool.frames() == [b"the sale"]
    assert lane.sides[0].pumped.reconnects == 1
    [half] = spool.kinds(Kind.NOISE)
    assert half.length == 6
    assert [record.facts["event"] for record in spool.kinds(Kind.EVENT)] == ["unplugged"]
    assert len(spool.kinds(Kind.SESSION)) == 2
    record_property("lost", "0 of 1 acknowledged")


def test_an_ack_is_for_the_terminal_that_was_there(
    wires: Any, line: Any, spool: Any, told: Any, frame: Any, until: Any, record_property: Any
) -> None:
    """The disk hangs, the cable moves to another terminal: that one hears its own ACK, not the one of before."""
    wire = wires("terminal")
    lane = line("receive", wire)
    with Running([lane], spool, told):
        until(lambda: len(spool.kinds(Kind.SESSION)) == 1)
        spool.gate.clear()
        wire.write(frame(b"of before"))
        until(lambda: spool.attempts == 2)
        wire.unplug()
        until(lambda: told.named("unplugged"))
        wire.plug()
        until(lambda: told.named("reopened"))
        spool.gate.set()
        until(lambda: len(spool.kinds(Kind.SESSION)) == 2)
        wire.write(frame(b"of now"))
        assert wire.read(1) == ACK
        assert spool.frames() == [b"of before", b"of now"]
        assert wire.read_nothing(0.1) == b""
    record_property("lost", "0 of 1 acknowledged")


def test_two_hundred_reconnects_cost_no_descriptor(wires: Any, line: Any, spool: Any, told: Any, until: Any) -> None:
    """Plug and pull: descriptors and threads do not grow, and the last reconnect works like the first."""
    wire = wires("terminal")
    lane = line("receive", wire)
    side = lane.sides[0]
    with Running([lane], spool, told):
        steady = settled_descriptors()  # what earlier tests left to be closed is not ours to count
        for count in range(200):
            wire.unplug()
            until(lambda: side.port is None)
            wire.plug()
            until(lambda wanted=count + 1: side.pumped.reconnects == wanted)
        assert descriptors() <= steady  # other tests' may still go; 200 of ours would show
        assert threading.active_count() < 12


def test_a_missing_device_is_waited_for(
    tmp_path: Path, wires: Any, line: Any, spool: Any, told: Any, frame: Any, until: Any
) -> None:
    """Not there at the start: one clear event, other lines work, and it is found when it is plugged in."""
    there = wires("there")
    lane = line("receive", SimpleNamespace(name=tmp_path / "later"), name="later")
    with Running([lane, line("receive", there)], spool, told):
        there.write(frame(b"meanwhile"))
        assert there.read(1) == ACK
        until(lambda: told.named("waiting"))
        time.sleep(0.2)
        assert len(told.named("waiting")) == 1
        [(name, _, facts)] = told.named("waiting")
        assert name == "later"
        assert "not there" in str(facts["why"])
        late = wires("later")
        until(lambda: lane.sides[0].port is not None)
        late.write(frame(b"at last"))
        assert late.read(1) == ACK


def test_a_second_collector_on_a_port_is_refused(wires: Any, line: Any, spool: Any, told: Any, frame: Any) -> None:
    """The second says who has the port and leaves the first alone; no byte is split between them."""
    wire, free = wires("busy"), wires("free")
    with Running([line("receive", wire)], spool, told):
        second = Collector([line("listen", free), line("listen", wire)], Committer(lambda: spool, tell=told), told)
        with pytest.raises(PortError, match=f"pid {os.getpid()}"):
            second.open_all()
        wire.write(frame(b"undivided"))
        assert wire.read(1) == ACK
        from ingest.ports import open_port

        open_port(str(free.name)).close()  # the refused one let go of what it had


def test_bytes_that_another_program_took_are_not_a_pulled_cable(
    wires: Any, line: Any, spool: Any, told: Any, frame: Any, until: Any, record_property: Any
) -> None:
    """Readiness without bytes is told as what it is; the port stays open and the next frame is read."""
    wire = wires("shared")
    lane = line("receive", wire)
    with Running([lane], spool, told):
        port = lane.sides[0].port
        real = port.read_some
        port.read_some = lambda: real() and b""  # somebody else was faster
        wire.write(b"gone")
        until(lambda: told.named("stolen"))
        port.read_some = real
        wire.write(frame(b"ours"))
        assert wire.read(1) == ACK

    assert lane.sides[0].pumped.stolen == 1
    assert told.named("unplugged") == []
    assert spool.frames() == [b"ours"]
    record_property("lost", "0 of 1 acknowledged")


def test_a_flood_of_garbage_is_bounded(
    wires: Any, line: Any, spool: Any, told: Any, frame: Any, until: Any, record_property: Any
) -> None:
    """Megabytes of noise with frames in them: every frame is found, few records, few NAKs, no growing queue."""
    wire, quiet = wires("flood"), wires("quiet")
    rng = random.Random(3)
    noise = bytes(range(3, 256))
    lane = line("listen", wire)
    with Running([lane, line("receive", quiet, name="quiet")], spool, told, queue_bytes=100_000) as running:
        sent = 0

        def flood() -> None:
            nonlocal sent
            for number in range(100):
                garbage = bytes(rng.choices(noise, k=10_000))
                wire.write(garbage + frame(b"%d" % number), 30)
                sent += len(garbage)

        thread = threading.Thread(target=flood)
        thread.start()
        waits: list[float] = []
        for _ in range(10):
            began = time.monotonic()
            quiet.write(frame(b"ping %d" % len(waits)))
            assert quiet.read(1) == ACK
            waits.append(time.monotonic() - began)
        thread.join(60)
        until(lambda: len(spool.frames("lane")) == 100)
        assert running.committer._offered - running.committer._taken < 100_000 + 65536
        assert lane.sides[0].pumped.bytes_lost == 0

    assert sum(record.length for record in spool.kinds(Kind.NOISE)) == sent
    assert max(waits) < 2
    assert len(spool.frames("quiet")) == len(waits)
    record_property("lost", f"0 of {100 + len(waits)} frames")


def test_a_lost_ack_is_given_again(
    wires: Any, line: Any, spool: Any, told: Any, frame: Any, record_property: Any
) -> None:
    """The terminal did not hear our ACK: it asks until it does, and every copy is on the disk."""
    wire = wires("terminal")
    lane = line("receive", wire)
    rng = random.Random(5)
    with Running([lane], spool, told):
        for number in range(100):
            while True:
                wire.write(frame(b"%d" % number))
                assert wire.read(1) == ACK
                if rng.random() > 0.3:
                    break
    numbers = [int(body) for body in spool.frames()]

    assert sorted(set(numbers)) == list(range(100))
    assert len(numbers) - 100 == lane.streams[0].heard.duplicates > 10
    record_property("lost", f"0 of {len(set(numbers))} acknowledged")


def test_many_lines_on_one_thread(wires: Any, line: Any, spool: Any, told: Any, frame: Any) -> None:
    """Thirty-two terminals at once: each gets its ACKs and its own frames are in its own order."""
    made = [wires(f"t{number}") for number in range(32)]
    lanes = [line("receive", wire, name=f"lane-{number}") for number, wire in enumerate(made)]
    with Running(lanes, spool, told):
        for turn in range(10):
            for number, wire in enumerate(made):
                wire.write(frame(b"%d/%d" % (number, turn)))
            for wire in made:
                assert wire.read(1) == ACK

    for number in range(32):
        assert spool.frames(f"lane-{number}") == [b"%d/%d" % (number, turn) for turn in range(10)]


def test_stopping_loses_nothing_that_was_read(
    wires: Any, line: Any, spool: Any, told: Any, frame: Any, record_property: Any
) -> None:
    """Stop in the middle of traffic: what was read is on the disk, what was acknowledged is too."""
    wire = wires("terminal")
    lane = line("listen", wire)
    running = Running([lane], spool, told)
    with running:
        wire.write(b"".join(frame(b"%d" % number) for number in range(300)))
        time.sleep(0.01)

    on_disk = sum(len(record.frame) or record.length for record in spool.records)
    assert on_disk == lane.sides[0].pumped.bytes_read
    assert spool.closed
    record_property("lost", f"0 of {on_disk} bytes read")


def test_a_pulled_cable_while_stopping_does_not_spin(wires: Any, line: Any, spool: Any, told: Any) -> None:
    """A hang-up that nobody reads any more must not keep the thread busy for ever."""
    wire = wires("terminal")
    running = Running([line("listen", wire)], spool, told)
    with running:
        assert running.collector.stop_reading(30)
        wire.unplug()
        time.sleep(0.1)
        began = time.process_time()
        time.sleep(0.3)
        assert time.process_time() - began < 0.2

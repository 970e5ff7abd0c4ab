"""A relay is a wire: what one side says reaches the other, whatever happens to us."""

import random
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.collector import Collector
from ingest.committer import Committer
from ingest.errors import SpoolError
from ingest.lines import OUTGOING_LIMIT, Line, make_line
from ingest.records import Kind

LINK = SimpleNamespace(baud=9600, bytesize=8, parity="N", stopbits=1)

pytestmark = pytest.mark.usefixtures("_each_waiting")


class Running:
    """A collector with one relay between two wires."""

    def __init__(self, terminal: Any, host: Any, spool: Any, told: Any, recorder: Any, **options: Any) -> None:
        self.terminal, self.host, self.spool, self.told = terminal, host, spool, told
        self.line: Line = make_line(
            "lane", "tiny", "relay", [str(terminal.name), str(host.name)], link=LINK, start=lambda: recorder("lane")
        )
        self.committer = Committer(lambda: spool, tell=told, **options)
        self.collector = Collector([self.line], self.committer, told)

    def __enter__(self) -> Self:
        self.collector.open_all()
        self.committer.start(self.collector.answer, self.spool)
        self.collector.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.spool.gate.set()
        assert self.collector.stop_reading(30)
        self.committer.stop(30)
        assert self.collector.stop(30)
        self.collector.close()
        assert self.collector.failure is None


@pytest.fixture
def relay(wires: Any, spool: Any, told: Any, recorder: Any) -> Callable[..., Running]:
    """Makes a relay between two fresh wires."""

    def make(**options: Any) -> Running:
        return Running(wires("terminal"), wires("host"), spool, told, recorder, **options)

    return make


def talk(source: Any, target: Any, pieces: list[bytes], seen: list[bytes]) -> list[threading.Thread]:
    """Write the pieces at one end and read them at the other, at the same time."""

    def write() -> None:
        for piece in pieces:
            source.write(piece)

    threads = [
        threading.Thread(target=write),
        threading.Thread(target=lambda: seen.append(target.read(sum(map(len, pieces)), 20))),
    ]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.parametrize("weather", ["fair", "spool fails", "disk hangs", "sanitiser has a bug"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    there=st.lists(st.binary(min_size=1, max_size=2000), max_size=12),
    back=st.lists(st.binary(min_size=1, max_size=2000), max_size=12),
)
def test_random_bytes_arrive_unchanged_and_in_order(
    relay: Any, spool: Any, monkeypatch: pytest.MonkeyPatch, weather: str, there: list[bytes], back: list[bytes]
) -> None:
    """Both directions at once, any bytes, any cuts: the same bytes in the same order, even with every write failing."""
    spool.failing = SpoolError("disk full") if weather == "spool fails" else None
    spool.gate.set()
    if weather == "disk hangs":
        spool.gate.clear()
    running = relay()
    if weather == "sanitiser has a bug":

        def broken(*_: object) -> None:
            raise ZeroDivisionError

        for stream in running.line.streams:
            monkeypatch.setattr(stream._recorder, "feed", broken)
            monkeypatch.setattr(stream, "_start", lambda stream=stream: stream._recorder)
    with running:
        heard_there: list[bytes] = []
        heard_back: list[bytes] = []
        threads = talk(running.terminal, running.host, there, heard_there)
        threads += talk(running.host, running.terminal, back, heard_back)
        for thread in threads:
            thread.join(30)
        assert heard_there == [b"".join(there)]
        assert heard_back == [b"".join(back)]
    running.terminal.unplug()
    running.host.unplug()


def test_what_is_relayed_is_recorded_in_both_directions(relay: Any, frame: Any, spool: Any, until: Any) -> None:
    """A request and its answer are on the disk, each with its direction."""
    with relay() as running:
        running.terminal.write(frame(b"request"))
        assert running.host.read(len(frame(b"request"))) == frame(b"request")
        running.host.write(frame(b"answer"))
        assert running.terminal.read(len(frame(b"answer"))) == frame(b"answer")
        until(lambda: len(spool.frames()) == 2)

    assert [record.direction for record in spool.kinds(Kind.FRAME)] == ["rx", "tx"]
    assert spool.frames() == [b"request", b"answer"]


def test_a_relay_never_speaks_for_itself(relay: Any, frame: Any, spool: Any, until: Any) -> None:
    """Good frame, damaged frame, silence: the terminal hears nothing but its host."""
    with relay() as running:
        running.terminal.write(frame(b"good") + frame(b"bad")[:-1] + b"\x00")
        until(lambda: spool.frames() == [b"good"])
        assert running.terminal.read_nothing(0.2) == b""


def test_bytes_pass_while_the_disk_hangs_and_the_queue_is_full(
    relay: Any, frame: Any, spool: Any, told: Any, until: Any
) -> None:
    """The committer is stuck for good: bytes keep passing, the rest is counted to the byte, a GAP follows recovery."""
    with relay(queue_bytes=5000) as running:
        spool.gate.clear()
        sent = 0
        for number in range(300):
            text = frame(b"%03d" % number + b"z" * 100)
            running.terminal.write(text)
            assert running.host.read(len(text)) == text
            sent += len(text)
        assert 0 < sent - running.line.sides[0].pumped.bytes_lost <= 3 * 5000
        assert told.named("not-recorded")
        spool.gate.set()
        until(lambda: running.committer.has_room)
        running.terminal.write(frame(b"after"))
        until(lambda: b"after" in spool.frames())
        lost = running.line.sides[0].pumped.bytes_lost

    assert sum(gap.facts["bytes"] for gap in spool.kinds(Kind.GAP)) == lost
    recorded = sum(len(frame(body)) for body in spool.frames()) + sum(n.length for n in spool.kinds(Kind.NOISE))
    assert recorded + lost == sent + len(frame(b"after"))


def test_bytes_pass_after_the_committer_died(relay: Any, frame: Any, told: Any) -> None:
    """Even without the committer's thread the relay relays."""
    running = relay(queue_bytes=1000)
    with running:
        assert running.committer.stop(30)
        for number in range(200):
            text = frame(b"%03d" % number + b"z" * 50)
            running.terminal.write(text)
            assert running.host.read(len(text)) == text
        assert running.line.sides[0].pumped.bytes_lost > 0
        assert told.named("not-recorded")


def test_a_slow_host_stops_the_terminal_and_loses_nothing(relay: Any, until: Any) -> None:
    """A host that reads nothing for a while: what waits is bounded, and comes in order when it reads again."""
    text = random.Random(7).randbytes(400_000)
    with relay() as running:
        writer = threading.Thread(target=running.terminal.write, args=(text, 30))
        writer.start()
        host_side = running.line.sides[1]
        until(lambda: len(host_side.outgoing) >= OUTGOING_LIMIT)
        time.sleep(0.3)
        assert OUTGOING_LIMIT <= len(host_side.outgoing) <= OUTGOING_LIMIT + 65536
        assert running.host.read(len(text), 30) == text
        writer.join(10)


def test_a_cut_host_is_a_cut_wire(
    relay: Any, frame: Any, spool: Any, told: Any, until: Any, record_property: Any
) -> None:
    """What the terminal says to an unplugged host is recorded and counted, never delivered late."""
    with relay() as running:
        running.host.unplug()
        until(lambda: told.named("unplugged"))
        running.terminal.write(frame(b"into the void"))
        until(lambda: spool.frames() == [b"into the void"])
        assert running.line.sides[0].pumped.bytes_not_forwarded == len(frame(b"into the void"))
        assert told.named("not-forwarded")
        running.host.plug()
        until(lambda: told.named("reopened"))
        running.terminal.write(frame(b"here again"))
        assert running.host.read(len(frame(b"here again"))) == frame(b"here again")
    until(lambda: len(spool.frames()) == 2)
    record_property("lost", "0 of 2 frames heard")


def test_bytes_of_a_relay_are_all_accounted_for(relay: Any, spool: Any, until: Any) -> None:
    """Nothing is dropped: what was read equals frames plus noise, whatever was sent."""
    text = random.Random(11).randbytes(20_000).replace(b"!", b"?")
    with relay() as running:
        running.terminal.write(text)
        assert running.host.read(len(text)) == text
        side = running.line.sides[0]
        until(lambda: side.pumped.bytes_read == side.pumped.bytes_forwarded == len(text))

    noise = sum(record.length for record in spool.kinds(Kind.NOISE))
    assert noise + sum(len(record.frame) for record in spool.kinds(Kind.FRAME)) == len(text)

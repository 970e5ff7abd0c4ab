"""The committer: nothing that fails at the disk or in a recorder reaches a line."""

import errno
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ingest.acknowledging import ACK, NAK, Answers
from ingest.asking import Asker
from ingest.committer import Committer
from ingest.errors import SpoolError
from ingest.handover import Chunk, Happened
from ingest.lines import Stream
from ingest.records import Kind
from tests.ingest.collecting.committer_bench import Bench


@pytest.mark.parametrize("wrong", [SpoolError("disk full"), OSError(errno.EIO, "I/O error"), TypeError("a bug")])
def test_a_frame_the_disk_refused_is_not_acknowledged(
    bench: Bench, frame: Any, until: Any, wrong: BaseException
) -> None:
    """Disk full, failed sync, a bug in the spool: NAK, never ACK; when it works again the resend is acknowledged."""
    line = bench.stream("receive")
    bench.spool.failing = wrong
    bench.say(line, frame(b"sale"))
    until(lambda: bench.answers)
    assert bench.bytes_answered() == NAK

    bench.spool.failing = None
    time.sleep(0.25)
    bench.say(line, frame(b"sale"))
    until(lambda: len(bench.answers) == 2)
    assert bench.bytes_answered() == NAK + ACK
    assert bench.spool.frames() == [b"sale"]
    assert bench.told.named("spool-failed")
    assert bench.told.named("spool-back")


def test_a_failing_spool_is_not_hammered(bench: Bench, frame: Any, until: Any) -> None:
    """While it fails the spool is asked with a growing delay, and every frame gets its NAK at once."""
    line = bench.stream("receive")
    bench.spool.failing = SpoolError("disk full")
    for number in range(100):
        bench.say(line, frame(b"%d" % number))
        until(lambda wanted=number + 1: len(bench.answers) >= min(wanted, 1))
        time.sleep(0.003)
    until(lambda: line.heard.naks >= 50)

    assert bench.spool.attempts <= 8
    assert ACK not in bench.bytes_answered()


def test_what_a_tap_heard_waits_for_the_disk(bench: Bench, frame: Any, until: Any) -> None:
    """A listening line cannot ask for a resend: its records are kept and written when the spool is back, in order."""
    line = bench.stream("listen")
    bench.spool.failing = SpoolError("disk full")
    for number in range(50):
        bench.say(line, frame(b"%d" % number))
    until(lambda: bench.told.named("spool-failed"))
    bench.spool.failing = None
    until(lambda: len(bench.spool.frames()) == 50)

    assert bench.spool.frames() == [b"%d" % number for number in range(50)]
    assert bench.spool.kinds(Kind.GAP) == []
    assert bench.answers == []


def test_what_does_not_fit_is_counted_in_a_gap(spool: Any, told: Any, recorder: Any, frame: Any, until: Any) -> None:
    """More than memory may hold: the rest is counted exactly, told, and a GAP record says so."""
    bench = Bench(spool, told, recorder, backlog_records=10)
    spool.failing = SpoolError("disk full")
    bench.start()
    line = bench.stream("relay")
    for number in range(30):
        bench.say(line, frame(b"%02d" % number))
    until(lambda: line.heard.unrecorded == 20)
    spool.failing = None
    until(lambda: spool.kinds(Kind.GAP))

    [gap] = spool.kinds(Kind.GAP)
    assert gap.facts["records"] == 20
    assert gap.facts["bytes"] == 20 * len(frame(b"00"))
    assert gap.facts["since_ns"] <= gap.facts["until_ns"]
    assert spool.frames() == [b"%02d" % number for number in range(10)]
    assert told.named("not-recorded")
    assert bench.committer.stop(30)


def test_a_stuck_disk_breaks_no_frame_in_two(bench: Bench, frame: Any, until: Any) -> None:
    """Half a frame, the disk hangs longer than the pause that ends one, the rest was read in time: it is one frame."""
    line = bench.stream("receive")
    whole = frame(b"in time")
    bench.spool.gate.clear()
    bench.say(line, frame(b"first"))
    until(lambda: bench.spool.attempts == 1)
    began = time.monotonic_ns()
    bench.say(line, whole[:4], began)
    bench.say(line, whole[4:], began + 10_000_000)
    time.sleep(0.5)
    bench.spool.gate.set()
    until(lambda: len(bench.answers) == 2)

    assert bench.bytes_answered() == ACK + ACK
    assert bench.spool.frames() == [b"first", b"in time"]


def test_a_large_backlog_breaks_no_frame_in_two(bench: Bench, frame: Any, until: Any) -> None:
    """The same across a batch that was full: the rest of the frame still stands in the queue."""
    noisy, line = bench.stream("listen", "noisy"), bench.stream("receive")
    whole = frame(b"in time")
    bench.spool.gate.clear()
    bench.say(line, frame(b"first"))
    until(lambda: bench.spool.attempts == 1)
    began = time.monotonic_ns()
    bench.say(line, whole[:4], began)
    bench.say(noisy, b"\xff" * 1_100_000, began)
    bench.say(line, whole[4:], began + 10_000_000)
    time.sleep(0.5)
    bench.spool.gate.set()
    until(lambda: len(bench.answers) == 2)

    assert bench.bytes_answered() == ACK + ACK
    assert bench.spool.frames("lane") == [b"first", b"in time"]


def test_a_bug_in_one_recorder_costs_one_line_one_chunk(bench: Bench, frame: Any, until: Any) -> None:
    """Law 5: an exception while decoding is told with its place and without its words, counted, and survived."""
    broken, sound = bench.stream("relay", "broken"), bench.stream("relay", "sound")
    bench.say(broken, frame(b"!"))
    bench.say(sound, frame(b"fine"))
    bench.say(broken, frame(b"again fine"))
    until(lambda: len(bench.spool.frames()) == 2)

    [(line, _, facts)] = bench.told.named("bug")
    assert line == "broken"
    assert facts["error"] == "ZeroDivisionError"
    assert "6212345678901232" not in str(facts)
    [gap] = bench.spool.kinds(Kind.GAP)
    assert gap.facts["bytes"] == len(frame(b"!"))


def test_a_full_queue_says_no_at_once(spool: Any, told: Any, recorder: Any, frame: Any, until: Any) -> None:
    """Offering never waits and never grows without bound, even when the disk hangs for ever."""
    bench = Bench(spool, told, recorder, queue_bytes=10_000)
    spool.gate.clear()
    bench.start()
    line = bench.stream("relay")
    bench.say(line, frame(b"stuck"))
    until(lambda: spool.attempts == 1)
    taken = [bench.say(line, frame(b"y" * 96)) for _ in range(1000)]

    assert 95 <= sum(taken) <= 101
    assert not bench.committer.has_room
    spool.gate.set()
    until(lambda: bench.committer.has_room)
    assert bench.committer.stop(30)


def test_a_spool_that_cannot_be_opened_is_tried_again(
    spool: Any, told: Any, recorder: Any, frame: Any, until: Any
) -> None:
    """No disk at the start: relays are heard, kept, and recorded once there is one."""
    tries: list[float] = []

    def open_spool() -> Any:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise SpoolError("read-only file system")
        return spool

    committer = Committer(open_spool, tell=told)
    committer.start(lambda *_: None)
    line = Stream("lane", "tiny", mode="relay", direction="rx", start=lambda: recorder("lane"))
    committer.offer(Chunk(line, frame(b"kept"), 0, 0))
    committer.hand_over()
    until(lambda: spool.frames() == [b"kept"])

    assert len(tries) == 3
    assert tries[2] - tries[0] >= 0.5
    assert committer.stop(30)


def test_random_failures_never_lose_an_acknowledged_frame(
    spool: Any, told: Any, recorder: Any, frame: Callable[[bytes], bytes]
) -> None:
    """A disk that fails at random: whatever was acknowledged is there, whatever was not is sent again and then is."""
    rng = random.Random(20261121)
    got = threading.Event()
    answers: list[bytes] = []

    def answer(said: Answers) -> None:
        answers.extend(byte for _, byte, _ in said)
        got.set()

    class Moody:
        def append_many(self, records: Any) -> None:
            if rng.random() < 0.3:
                raise OSError(errno.EIO, "I/O error")
            spool.append_many(records)

        def seal_if_due(self) -> None: ...
        def close(self) -> None: ...

    committer = Committer(Moody, tell=told)
    committer._backoff._first = committer._backoff._next = 0.001
    committer._backoff._longest = 0.005
    committer.start(answer)
    line = Stream("lane", "tiny", mode="receive", direction="rx", start=lambda: recorder("lane"))
    for number in range(60):
        while True:
            got.clear()
            committer.offer(Chunk(line, frame(b"%d" % number), 0, time.monotonic_ns()))
            committer.hand_over()
            assert got.wait(30)
            if answers[-1] == ACK:
                break
            time.sleep(0.002)

    assert NAK in answers
    assert [int(body) for body in spool.frames()] == list(range(60))
    assert committer.stop(30)


class FragileSession:
    """A dialect's session with a bug."""

    done, outcome = False, ""
    due: float | None = None

    def start(self, now: float) -> list[bytes]:
        del now
        return []

    tick = hear_noise = start

    def hear_control(self, byte: int, now: float) -> list[bytes]:
        del byte, now
        return []

    def hear_frame(self, frame: bytes, now: float) -> list[bytes]:
        raise ValueError(len(frame), now)


def test_a_session_that_fails_ends_alone(bench: Bench, frame: Any, until: Any) -> None:
    """A bug where a pulled terminal is answered: its frame is recorded once, another line's sale is acknowledged."""
    pulled, till = bench.stream("pull", "pulled"), bench.stream("receive", "till")
    pulled.asker = Asker("q", every=0, begin=FragileSession, own=bench.stream("pull", "own"), tell=bench.told)
    bench.note(Happened(pulled, Kind.SESSION, {}, time.time_ns(), time.monotonic_ns()))
    until(lambda: pulled.asker.due is None and bench.spool.batches)
    bench.say(pulled, frame(b"answer"))
    until(lambda: bench.committer.committed.bugs == 1)
    bench.say(till, frame(b"sale"))
    until(lambda: bench.answers)

    assert [(line, byte) for line, byte, _ in bench.answers] == [("till", ACK)]
    assert bench.spool.frames() == [b"answer", b"sale"]
    assert not bench.committer.is_failing

"""The committer: an ACK means on the disk, each frame has its own answer."""

import time
from typing import Any

import pytest

from ingest.acknowledging import ACK, NAK
from ingest.handover import Happened
from ingest.records import Kind
from tests.ingest.collecting.committer_bench import Bench


def test_no_ack_before_the_disk_has_it(bench: Bench, frame: Any, until: Any) -> None:
    """While the sync has not returned there is no ACK; when it has, there is."""
    line = bench.stream("receive")
    bench.spool.gate.clear()
    bench.say(line, frame(b"sale"))
    until(lambda: bench.spool.attempts == 1)
    time.sleep(0.1)

    assert bench.answers == []
    bench.spool.gate.set()
    until(lambda: bench.answers)
    assert bench.answers == [("lane", ACK, 1)]


def test_every_ack_of_a_long_run_follows_its_record(bench: Bench, frame: Any, until: Any) -> None:
    """At each ACK at least as many frames are on the disk as were acknowledged."""
    line = bench.stream("receive")
    for number in range(500):
        bench.say(line, frame(b"%d" % number))
    until(lambda: len(bench.answers) == 500)

    assert all(on_disk >= count for count, (_, _, on_disk) in enumerate(bench.answers, 1))
    assert bench.spool.frames() == [b"%d" % number for number in range(500)]


def test_what_gathers_meanwhile_is_one_commit(bench: Bench, frame: Any, until: Any) -> None:
    """Frames that arrive while the disk is busy share the next sync."""
    lines = [bench.stream("receive", f"lane-{number}") for number in range(50)]
    bench.spool.gate.clear()
    bench.say(lines[0], frame(b"first"))
    until(lambda: bench.spool.attempts == 1)
    for line in lines:
        bench.say(line, frame(b"more"))
    bench.spool.gate.set()
    until(lambda: len(bench.answers) == 51)

    assert bench.spool.batches == 2


def test_a_repeated_frame_is_acknowledged_without_waiting_for_the_disk(bench: Bench, frame: Any, until: Any) -> None:
    """The terminal lost our ACK and asks again: it is answered while the disk is busy, and the repeat is recorded."""
    line = bench.stream("receive")
    bench.say(line, frame(b"sale"))
    until(lambda: len(bench.answers) == 1)
    bench.spool.gate.clear()
    bench.say(line, frame(b"sale"))
    until(lambda: len(bench.answers) == 2)

    assert bench.bytes_answered() == ACK + ACK
    assert line.heard.duplicates == 1
    bench.spool.gate.set()
    until(lambda: bench.spool.frames() == [b"sale", b"sale"])


def test_a_repeat_is_known_to_its_own_line_only(bench: Bench, frame: Any, until: Any) -> None:
    """The same bytes on another line are another terminal's frame: they wait for the disk."""
    one, two = bench.stream("receive", "one"), bench.stream("receive", "two")
    bench.say(one, frame(b"sale"))
    until(lambda: len(bench.answers) == 1)
    bench.spool.gate.clear()
    bench.say(two, frame(b"sale"))
    time.sleep(0.1)

    assert len(bench.answers) == 1
    bench.spool.gate.set()
    until(lambda: len(bench.answers) == 2)
    assert two.heard.duplicates == 0


def test_a_repeat_in_the_same_batch_gets_its_own_answer(bench: Bench, frame: Any, until: Any) -> None:
    """Two copies read at once are two records and two ACKs, both after the disk."""
    line = bench.stream("receive")
    bench.spool.gate.clear()
    bench.say(line, frame(b"sale") * 2)
    until(lambda: bench.spool.attempts == 1)
    assert bench.answers == []
    bench.spool.gate.set()
    until(lambda: len(bench.answers) == 2)

    assert (line.heard.acks, line.heard.duplicates) == (2, 1)


@pytest.mark.parametrize(
    ("damage", "answer"),
    [("lrc", NAK), ("unsafe", NAK), ("garbage", b"")],
)
def test_what_gets_a_nak(bench: Bench, frame: Any, until: Any, damage: str, answer: bytes) -> None:
    """A wrong LRC and a frame that cannot be made safe are asked for again; noise between frames is not a frame."""
    line = bench.stream("receive")
    sent = {"lrc": frame(b"sale")[:-1] + b"\x00", "unsafe": frame(b"Xsale"), "garbage": b"\xff\xfe\xfd"}[damage]
    bench.say(line, sent)
    until(lambda: line.heard.noise_bytes == len(sent))
    time.sleep(0.02)

    assert bench.bytes_answered() == answer
    assert bench.spool.kinds(Kind.NOISE)[0].length == len(sent)


def test_half_a_frame_is_asked_for_again_once(bench: Bench, frame: Any, until: Any) -> None:
    """A terminal that stalls inside a frame gets one NAK."""
    line = bench.stream("receive")
    bench.say(line, frame(b"sale")[:5])
    until(lambda: bench.answers)
    time.sleep(0.7)

    assert bench.bytes_answered() == NAK


def test_taps_are_never_answered(bench: Bench, frame: Any, until: Any) -> None:
    """Good frames, bad frames and silence on a tap or relay give no ACK and no NAK."""
    for mode in ("listen", "relay"):
        line = bench.stream(mode, mode)
        bench.say(line, frame(b"ok") + frame(b"bad")[:-1] + b"\x00" + frame(b"ok"))
        until(lambda line=line: line.heard.frames == 2)

    assert bench.answers == []


def test_an_event_breaks_the_bytes_in_its_place(bench: Bench, frame: Any, until: Any) -> None:
    """Unplugged inside a frame: the half is noise, then the event, then what came after, in this order."""
    line = bench.stream("listen")
    bench.say(line, frame(b"half")[:4])
    bench.note(Happened(line, Kind.EVENT, {"event": "unplugged"}, 1, 1))
    bench.say(line, frame(b"whole"))
    until(lambda: len(bench.spool.records) == 3)

    assert [record.kind for record in bench.spool.records] == [Kind.NOISE, Kind.EVENT, Kind.FRAME]


def test_stopping_commits_what_was_offered_and_seals(spool: Any, told: Any, recorder: Any, frame: Any) -> None:
    """Stop means: everything offered is on the disk, half a frame as noise, and the segment is closed."""
    bench = Bench(spool, told, recorder)
    line = bench.stream("listen")
    for number in range(200):
        bench.say(line, frame(b"%d" % number))
    bench.say(line, frame(b"half")[:3])
    bench.start()

    assert bench.committer.stop(30)
    assert len(spool.frames()) == 200
    assert spool.kinds(Kind.NOISE)[0].length == 3
    assert spool.closed

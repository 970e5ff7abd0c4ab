"""Many terminals at once on the real command: slow ones, noisy ones, and a stop in the middle of it."""

import os
import random
import select
import signal
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from protocols.deframe import Frame
from tests.faults.lengths import length
from tests.faults.real import ACK, NAK, Collect, Crowd, Terminal, check
from tests.faults.shop import PROFILE, sale, wait_until

FLOOD_SECONDS = length(20, 600)
STOPS = length(3, 20)
TRIES = 10
"""On a busy machine a pause of ours may become the 0.3 s that end a frame, as a terminal's may: it says it again."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + FLOOD_SECONDS * 2)]


@pytest.fixture
def crowd() -> Iterator[Callable[..., Crowd]]:
    """Terminals, all alike; gone after the test."""
    made: list[Crowd] = []

    def make(count: int, first: int = 1, **options: Any) -> Crowd:
        made.append(Crowd([Terminal(number, **options) for number in range(first, first + count)]))
        return made[-1]

    yield make
    for each in made:
        if each.is_alive():
            each.finish(0)
        each.close()


def p99(times: list[float]) -> float:
    """Seconds to the ACK that one in a hundred takes longer than."""
    return statistics.quantiles(times, n=100)[98]


def waits(crowd: Crowd) -> list[float]:
    """Seconds to each ACK."""
    return [each for terminal in crowd.terminals for each in terminal.times]


def dribble(terminal: Terminal, frame: bytes, pauses: list[tuple[int, float]]) -> bytes:
    """Write the frame with a pause before some of its bytes; what comes back within two seconds of its end."""
    begun = 0
    for at, seconds in [*pauses, (len(frame), 0.0)]:
        os.write(terminal.master, frame[begun:at])
        begun = at
        time.sleep(seconds)
    return os.read(terminal.master, 10) if select.select([terminal.master], [], [], 2.0)[0] else b""


def quiet(terminal: Terminal) -> None:
    """Hear the rest of what a frame that was broken off led to: its pause is 0.3 s, then comes the last NAK."""
    while select.select([terminal.master], [], [], 1.5)[0]:
        os.read(terminal.master, 10)


def test_a_slow_terminal_costs_the_others_nothing(
    tmp_path: Path, crowd: Callable[..., Crowd], record_property: Any
) -> None:
    """Fault 10: a byte at a time is a frame; so is one with a short stall, a long one is a NAK; others go on."""
    busy = crowd(length(15, 63), pace=0.05)
    (slow,) = crowd(1, first=900).terminals
    frame = sale(1, slow.tid)
    collector = Collect(tmp_path, [each.word for each in (*busy.terminals, slow)], opens=len(busy.terminals) + 1)
    busy.start()
    wait_until(lambda: busy.acknowledged > 20 * len(busy.terminals), 60)
    alone = p99(waits(busy))
    for each in busy.terminals:
        each.times.clear()
    for pauses in ([(at, 0.05) for at in range(1, len(frame))], [(20, 0.15)]):
        for _ in range(TRIES):
            if dribble(slow, frame, pauses) == bytes([ACK]):
                break
            quiet(slow)
        else:
            raise AssertionError(f"never acknowledged with pauses {pauses[:2]}")
    heard = dribble(slow, frame, [(20, 0.8)])
    assert heard[:1] == bytes([NAK])
    assert heard.count(NAK) <= 2  # the second half is no frame either
    quiet(slow)
    assert dribble(slow, frame, []) == bytes([ACK])
    slow.stan, slow.acknowledged = 1, [1]
    busy.finish(20)
    assert collector.stop()[0] == 0
    beside = p99(waits(busy))
    assert beside < max(1.0, 4 * alone), "what this machine takes without the slow one, or less than a second"
    check(tmp_path, [*busy.terminals, slow])
    record_property(
        "tried",
        f"one terminal at a byte in 50 ms and with stalls, {len(busy.terminals)} others with {busy.acknowledged} "
        f"sales: ACK p99 {beside * 1e3:.0f} ms, {alone * 1e3:.0f} ms before it spoke",
    )
    record_property("lost", "0")


def test_a_flood_of_noise_hides_no_frame_and_takes_no_memory(
    tmp_path: Path, crowd: Callable[..., Crowd], record_property: Any
) -> None:
    """Fault 11: in random bytes at 115,200 baud every frame is found, memory stays flat, no noise is kept."""
    noisy = crowd(length(8, 32), garbage=7000, baud=115_200)
    collector = Collect(tmp_path, [each.word for each in noisy.terminals], opens=len(noisy.terminals))
    noisy.start()
    began = time.monotonic()
    time.sleep(min(10.0, FLOOD_SECONDS / 3))
    at_first = collector.status("VmRSS")
    most = at_first
    while time.monotonic() - began < FLOOD_SECONDS:
        time.sleep(1.0)
        most = max(most, collector.status("VmRSS"))
    noisy.finish(60)
    assert all(each.is_idle for each in noisy.terminals), "a frame was never found"
    assert collector.stop()[0] == 0
    assert most - at_first < 30_000, f"{most - at_first} KiB more than at first"
    check(tmp_path, noisy.terminals)
    sent = sum(each.stan for each in noisy.terminals)
    kept = sum(path.stat().st_size for path in (tmp_path / "var/spool").glob("*.seg"))
    assert kept < sent * 7000 / 4
    repeats, pauses = (sum(getattr(each, name) for each in noisy.terminals) for name in ("repeats", "pauses"))
    record_property(
        "tried",
        f"{len(noisy.terminals)} lines for {FLOOD_SECONDS} s, {sent * 7000 / 1e6:.0f} MB of noise with {sent} frames, "
        f"{repeats} sent again, {pauses} that this machine had let wait inside for 0.3 s; "
        f"{at_first // 1024} MiB at first, {most // 1024} MiB at most",
    )
    record_property("lost", f"0 of {noisy.acknowledged}")


def test_that_noise_hides_no_frame_from_who_reads_it_all(record_property: Any) -> None:
    """Fault 11: byte for byte the noise and the frames of that flood: each is found, at once or at the pause after it.

    So what the flood sends again was not hidden: a pause inside a frame, as a busy machine makes, ends the frame.
    """
    at_once = at_the_pause = 0
    for number in range(1, length(8, 32) + 1):
        rng, deframer = random.Random(number), PROFILE.deframer()
        for stan in range(1, length(60, 850) + 1):
            frame = sale(stan, f"{10_000_000 + number}")
            heard = deframer.feed(rng.randbytes(7000) + frame)
            now, later = (
                [each.data for each in events if isinstance(each, Frame)] for events in (heard, deframer.flush())
            )
            assert now + later == [frame], f"frame {stan} of terminal {number}"
            at_once += len(now)
            at_the_pause += len(later)
    record_property(
        "tried", f"{at_once} found at once, {at_the_pause} at the pause after a length that noise had claimed"
    )
    record_property("lost", f"0 of {at_once + at_the_pause}")


def test_a_stop_under_load_takes_less_than_five_seconds_and_loses_nothing(
    tmp_path: Path, crowd: Callable[..., Crowd], record_property: Any
) -> None:
    """Fault 19: SIGTERM at any moment, with an Airflow that never answers: sealed in time, every ACK kept."""
    rng = random.Random(19)
    silent = socket.create_server(("127.0.0.1", 0))  # takes connections into its queue and never says a word
    (tmp_path / "tillwatch.toml").write_text(
        f'[airflow]\nurl = "http://127.0.0.1:{silent.getsockname()[1]}"\n', "utf-8"
    )
    busy = crowd(8)
    busy.start()
    words = [each.word for each in busy.terminals]
    took: list[float] = []
    killed = 0
    for _ in range(STOPS):
        collector = Collect(tmp_path, words, opens=len(words))
        time.sleep(rng.uniform(0.05, 1.5))
        if rng.random() < 0.25:  # somebody loses patience
            killer = threading.Timer(1.0, collector.process.kill)
            killer.start()
            status, _ = collector.stop()
            killer.cancel()
            killed += status == -signal.SIGKILL
            continue
        status, seconds = collector.stop()
        assert status == 0, collector.said[-3:]
        assert not list((tmp_path / "var/spool").glob("*.open")), "not sealed"
        took.append(seconds)
    collector = Collect(tmp_path, words, opens=len(words))
    busy.finish(20)
    assert collector.stop()[0] == 0
    silent.close()
    assert max(took) < 5.0
    check(tmp_path, busy.terminals)
    record_property(
        "tried",
        f"{len(took)} stops under load, {killed} more killed after a second; {max(took):.1f} s at most",
    )
    record_property("lost", f"0 of {busy.acknowledged} acknowledged")

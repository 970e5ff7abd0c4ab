"""A small world of the detection benchmark, through everything: what must be found is, and sameness is silent."""

import os
import signal

import pytest

from bench.detection.figures import Outcome, total
from bench.detection.match import Matched, Share
from bench.detection.report import IDENTITY
from bench.detection.worlds import Order, WorldLostError, play, play_all
from tests.expectations.plainlaws import PlainBench


def test_a_share_has_wilson_s_interval():
    """No error in 300 leaves up to 1.3 % by Wilson's formula of 1927 at 95 %; 8 of 10 is 0.490 to 0.943."""
    low, high = Share(0, 300).interval
    assert round(low, 9) == 0.0
    assert round(high, 4) == 0.0126
    assert [round(each, 3) for each in Share(8, 10).interval] == [0.49, 0.943]


def test_a_worker_that_is_killed_ends_the_run_with_its_world_and_what_to_do():
    """A process that dies as one does when memory runs out is told by the world's name; nobody waits for it."""
    orders = [Order("test", 60 + number, shops=1, cases=1) for number in range(3)]

    with pytest.raises(WorldLostError) as told:
        play_all(orders, 2, act=killed_at_61)

    assert str(told.value) == (
        "test world 61 (as it is): its process was ended by SIGKILL; "
        "where memory ran out, give fewer --workers or a smaller --size"
    )


def test_worlds_come_back_in_their_order():
    """Whatever is done first, the outcomes stand as they were ordered."""
    orders = [Order("test", seed, shops=1, cases=1) for seed in (3, 1, 2)]

    assert [each.sales for each in play_all(orders, 2, act=killed_at_61)] == [3, 1, 2]


def test_a_worker_that_fails_ends_the_run_with_its_world():
    """An error in a world is told where it happened, and the run ends."""
    with pytest.raises(WorldLostError, match=r"^dev world 7 \(as it is\): its process ended with status 1; what"):
        play_all([Order("dev", 7, shops=1, cases=1)], 1, act=failing)


def killed_at_61(order: Order) -> Outcome:
    """The end that the kernel makes of a process without memory, for one world of several."""
    if order.seed == 61:
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome(Matched(), {}, order.seed, 0.0, 0, 0, 0, [])


def failing(order: Order) -> Outcome:
    """An error."""
    raise LookupError(order.seed)


@pytest.mark.slow
def test_a_seeded_world_is_judged_as_it_was_acted():
    """PROVEN rules find their faults and accuse nobody else; what is one thing told twice is met with silence."""
    seen = total([play(Order("dev", 4, shops=8, cases=2), bench=PlainBench())])

    assert seen.could_not_run == set()
    assert seen.rejects == 0
    assert seen.proven.recall.of >= 60
    assert seen.proven.recall.value >= 0.97, [play for play, share in seen.plays.items() if share.hits < share.of]
    assert seen.proven_wrong.value <= 0.005, dict(seen.wrong)
    assert all(seen.negatives[number].value == 1.0 for number in IDENTITY if seen.negatives[number].of)

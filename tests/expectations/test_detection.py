"""A small world of the detection benchmark, through everything: what must be found is, and sameness is silent."""

import json
import os
import signal
from pathlib import Path

import pytest

from bench.detection.casts import Cast
from bench.detection.figures import total
from bench.detection.match import Matched, Share
from bench.detection.outcome import Order, Outcome
from bench.detection.pipeline import Perturbation, run
from bench.detection.report import IDENTITY
from bench.detection.scene import SPECS
from bench.detection.story import write
from bench.detection.worlds import WorldLostError, brands, play, play_all
from expectations.findings import Finding
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
    plays = frozenset(each.name for each in SPECS if not each.calm)
    seen = total([play(Order("dev", 4, shops=8, cases=2, cast=Cast("mended", plays=plays)), bench=PlainBench())])

    assert seen.could_not_run == set()
    assert seen.rejects == 0
    assert seen.proven.recall.of >= 60
    assert seen.proven.recall.value >= 0.97, [play for play, share in seen.plays.items() if share.hits < share.of]
    assert seen.proven_wrong.value <= 0.005, dict(seen.wrong)
    assert all(seen.negatives[number].value == 1.0 for number in IDENTITY if seen.negatives[number].of)


@pytest.mark.slow  # acts, lands and judges a world twice
def test_days_that_land_late_are_judged_as_if_they_had_not(tmp_path: Path):
    """A third of the terminals' days lands after all others and the statements: every finding is the same."""
    as_it_is, late = (
        run(write("dev", 4, shops=8, cases=1, profiles=brands()), tmp_path / how.name, PlainBench(), how)
        for how in (Perturbation("as it is"), Perturbation("late", late=0.33))
    )
    assert as_it_is.could_not_run == late.could_not_run == []
    assert len(as_it_is.findings) >= 60
    assert sorted(map(_without_ids, late.findings)) == sorted(map(_without_ids, as_it_is.findings))


def _without_ids(found: Finding) -> str:
    """A finding without what is made with the shop's key, which is another in each folder."""
    plain = found.as_dict()
    subjects = [{name: each[name] for name in each if name != "transaction_id"} for each in plain["subjects"]]
    told = {name: plain[name] for name in plain if name not in {"finding_id", "evidence"}}
    return json.dumps(told | {"subjects": subjects}, sort_keys=True)

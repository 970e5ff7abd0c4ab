"""A small world of the detection benchmark, through everything: what must be found is, and sameness is silent."""

import pytest

from bench.detection.figures import total
from bench.detection.match import Share
from bench.detection.report import IDENTITY
from bench.detection.worlds import Order, play
from tests.expectations.plainlaws import PlainBench


def test_a_share_has_wilson_s_interval():
    """No error in 300 leaves up to 1.3 % by Wilson's formula of 1927 at 95 %; 8 of 10 is 0.490 to 0.943."""
    low, high = Share(0, 300).interval
    assert round(low, 9) == 0.0
    assert round(high, 4) == 0.0126
    assert [round(each, 3) for each in Share(8, 10).interval] == [0.49, 0.943]


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

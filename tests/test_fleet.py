"""Many collectors, one lake, and processes that are killed: `python -m bench.fleet`, short."""

from typing import Any

import pytest

from bench.fleet import is_whole, run

pytestmark = pytest.mark.slow


def test_a_hundred_collectors_and_five_kills_lose_and_double_no_frame(record_property: Any):
    """20,000 frames of 100 collectors through a real store, by two workers: each frame is in the tables, once.

    What ships, what lands and what works the tables out is killed on the way; counted against the spools.
    """
    figures = run(frames=20_000, collectors=100, kills=5, seed=1)

    assert len(figures["killed"]) == 5
    assert figures["counted"]["frames_landed"] == 20_000
    assert is_whole(figures), figures
    record_property("lost", "0 of 20000 frames, 0 twice")

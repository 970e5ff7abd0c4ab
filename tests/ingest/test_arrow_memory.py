"""What a process that lands does with its memory."""

import gc
from collections.abc import Iterator

import pytest

from ingest import arrow_memory


@pytest.fixture(autouse=True)
def _thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize(("before", "after"), [(700, 50_000), (80_000, 80_000), (0, 0)])
def test_cycles_are_looked_for_seldom_and_never_where_that_was_said(before: int, after: int) -> None:
    """CPython's 700 is raised; who looks more seldom, or never (0), goes on so; older generations as before."""
    gc.set_threshold(before, 12, 13)
    arrow_memory.keep()
    assert gc.get_threshold() == (after, 12, 13)

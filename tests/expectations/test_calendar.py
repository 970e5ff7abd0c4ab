"""The working days of the People's Republic of China, against the State Council's notices, and their end."""

import datetime as dt

import pytest

from expectations.calendar import end_notice, is_working_day, known_until, next_working_day
from ingest.errors import UsageError


@pytest.mark.parametrize(
    ("day", "working"),
    [
        ("2026-09-20", True),  # the Sunday worked for the National Day
        ("2026-10-01", False),
        ("2026-10-07", False),
        ("2026-10-08", True),
        ("2026-10-10", True),  # the Saturday worked for it
        ("2026-11-28", False),
    ],
)
def test_days_of_the_notice_of_2026(day: str, working: bool):
    """Holidays, and weekends that are worked instead: General Office of the State Council, notice of November 2025."""
    assert is_working_day(dt.date.fromisoformat(day)) is working


def test_past_the_end_nothing_is_guessed():
    """A day that no notice names is refused, and says what to do."""
    after = known_until() + dt.timedelta(days=1)
    with pytest.raises(UsageError, match="calendar of public holidays is known") as refused:
        next_working_day(known_until())
    assert str(after) in refused.value.message
    assert "chinesecalendar" in refused.value.hint


def test_the_end_is_told_while_there_is_time():
    """Nothing far from it; from two weeks before, what is not judged and which package to update."""
    assert end_notice(known_until() - dt.timedelta(days=14)) is None
    told = end_notice(known_until() - dt.timedelta(days=13))
    assert told is not None
    assert str(known_until()) in told
    assert "not judged" in told
    assert "chinesecalendar" in told

"""The working days of the People's Republic of China, against the State Council's notices, and their end."""

import datetime as dt
from typing import Any

import pytest

from expectations import calendar
from expectations.calendar import due_on, is_working_day, known_until, notices
from ingest.agreements import Deposit
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


MERCHANT = "898320548160001"


def deposit(working_days: int, **more: Any) -> Deposit:
    """One that was applied for on Tuesday, 1 December 2026."""
    told = {"merchant": MERCHANT, "amount_fen": 29_900, "signed_on": "2026-01-05", "applied_on": "2026-12-01"}
    return Deposit.model_validate(told | {"working_days": working_days} | more)


def test_past_the_end_nothing_is_guessed():
    """A day that no notice names is refused, and says what to do."""
    after = known_until() + dt.timedelta(days=1)
    with pytest.raises(UsageError, match="calendar of public holidays is known") as refused:
        is_working_day(after)
    assert str(after) in refused.value.message
    assert "chinesecalendar" in refused.value.hint


@pytest.mark.parametrize(
    ("day", "count", "due"),
    [
        ("2026-09-30", 1, "2026-10-08"),  # the National Day's week between
        ("2026-09-30", 3, "2026-10-10"),  # a Saturday that is worked
        ("2026-11-27", 1, "2026-11-30"),
        ("2026-12-01", 22, "2026-12-31"),
    ],
)
def test_the_last_day_of_a_term_of_working_days(day: str, count: int, due: str):
    """Counted on the calendar of the notice by hand."""
    assert due_on(dt.date.fromisoformat(day), count) == dt.date.fromisoformat(due)


def test_a_term_that_ends_past_the_calendar_has_no_last_day(monkeypatch: pytest.MonkeyPatch):
    """Not even where it ends on the day after: whether that one is worked is not known."""
    monkeypatch.setattr(calendar, "known_until", lambda: dt.date(2026, 12, 31))

    assert due_on(dt.date(2026, 12, 1), 23) is None
    assert due_on(dt.date(2027, 1, 4), 1) is None


def test_the_end_is_told_while_there_is_time(monkeypatch: pytest.MonkeyPatch):
    """Nothing far from it; from two weeks before, what is not judged and which package to update."""
    monkeypatch.setattr(calendar, "known_until", lambda: dt.date(2026, 12, 31))

    assert notices(dt.date(2026, 12, 17)) == []
    [told] = notices(dt.date(2026, 12, 18))
    assert "ends on 2026-12-31: payouts on working days" in told
    assert "not judged; update the package chinesecalendar" in told


def test_a_deposit_whose_last_day_is_past_the_end_is_told_at_once(monkeypatch: pytest.MonkeyPatch):
    """On 30 November already; one that is due within the calendar, not applied for, or returned needs nothing."""
    monkeypatch.setattr(calendar, "known_until", lambda: dt.date(2026, 12, 31))
    quiet = [deposit(22), deposit(23, applied_on=None), deposit(23, returned_on="2026-12-09")]

    assert notices(dt.date(2026, 11, 30), quiet) == []
    [told] = notices(dt.date(2026, 11, 30), [*quiet, deposit(23)])
    assert f"ends on 2026-12-31: the 23 working days for the deposit of merchant {MERCHANT}" in told
    assert "applied for on 2026-12-01, end after it" in told

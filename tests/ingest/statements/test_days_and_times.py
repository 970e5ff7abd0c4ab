"""Days and times of statements: of another century, turned round, without their zeros, or a workbook's own."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from ingest.lake import Lake
from ingest.settings import Settings
from ingest.statements.layout import Source
from ingest.statements.moments import moment
from ingest.statements.words import UnreadableError
from tests.ingest.lakerows import transactions
from tests.ingest.statements.likelyfiles import BANK, DAY, HEADER, call, own, refused, row, take, workbook
from tests.ingest.statements.statementfiles import kept


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("2062-11-21 20:43:52", "is 2062-11-21, a day after today"),
        ("1926-11-21 20:43:52", "is 1926-11-21, a day before 2000"),
        ("46349 20:43:52", "it looks like Excel's count of days, 2026-11-23"),
        ("46349", "it looks like Excel's count of days, 2026-11-23: format that column as a date"),
        ("46349.8638", "it looks like Excel's count of days, 2026-11-23"),
    ],
)
def test_a_day_that_cannot_be_is_refused_with_line_and_column(shop: Path, at: str, told: str) -> None:
    """Neither after this week nor before this century, and never Excel's count of days."""
    refused(shop, take(shop, HEADER, row(1), row(2, at=at)), "line 3, 支付时间: ", told)


def test_a_day_within_the_week_is_taken_and_one_after_it_is_not(shop: Path) -> None:
    """Clocks and zones differ by hours, settlements wait for the longest holiday; the hint names the turned day."""
    today = dt.datetime.now(Settings().zone).date()

    def on(days: int) -> str:
        return f"{today + dt.timedelta(days=days)} 20:43:52"

    assert take(shop, HEADER, row(1, at=on(7))).exit_code == 0
    assert "is this computer's clock right?" in take(shop, HEADER, row(1, at=on(9))).stderr
    late = f"{HEADER},结算日期"
    assert take(shop, late, f"{row(2, at=on(0))},{today + dt.timedelta(days=13)}").exit_code == 0
    assert take(shop, late, f"{row(3, at=on(0))},{today + dt.timedelta(days=16)}").exit_code == 3
    turned = own(shop, '支付时间", form = "%Y-%m-%d', '支付时间", form = "%d/%m/%Y')
    american = take(shop, HEADER, row(1, at=f"01/12/{today.year + 1} 10:00:00"), layout=turned)
    assert "a day after today" in american.stderr


def test_where_the_terminals_are_ahead_of_the_computer_s_clock_they_tell_the_day(shop: Path) -> None:
    """A board without a battery starts years ago: what its terminals did on a day, their acquirer may pay on it."""
    ahead = dt.datetime.now(Settings().zone).date() + dt.timedelta(days=400)
    told = [HEADER, row(1, at=f"{ahead} 20:43:52")]
    assert take(shop, *told).exit_code == 3
    Lake(shop / "var/lake").append("transactions", transactions(ahead, [1]), app_id="seen")
    assert take(shop, *told).exit_code == 0


def test_a_turned_day_is_told_with_the_day_that_it_is() -> None:
    """5 December of a file from May is 12 May."""
    source = Source(column="d", form="%d/%m/%Y")
    with pytest.raises(UnreadableError) as wrong:
        moment("05/12/2026", "timestamp", source, dt.date(2026, 6, 1))
    assert "with day and month the other way round it is 2026-05-12" in wrong.value.hint
    assert moment("05/12/2026", "timestamp", source, dt.date(2026, 11, 28)).month == 12


@pytest.mark.parametrize(
    ("clock", "seconds"),
    [("093000", 34200), ("93000", 34200), ("3000", 1800), ("５", 5), ("0", 0)],
)
def test_a_clock_that_lost_its_zeros_is_the_clock_that_it_was(shop: Path, clock: str, seconds: int) -> None:
    """A number keeps no zeros in front: 3000 is half past midnight, and was read as three o'clock."""
    text = BANK.format(file='[file]\nformat = "csv"') + (
        'amount_fen = { column = "b", unit = "fen" }\npaid_at = { column = ["d", "t"], form = "%Y%m%d %H%M%S" }\n'
    )
    (shop / "own.toml").write_text(text, "utf-8")
    assert take(shop, "d,t,b", f"20261121,{clock},5", layout="own.toml").exit_code == 0
    [line] = kept(shop, "payouts")
    midnight = dt.datetime(2026, 11, 21, tzinfo=Settings().zone)
    assert line["paid_at"] - midnight == dt.timedelta(seconds=seconds)
    wrong = take(shop, "d,t,b", f"2026121,{clock},5", layout="own.toml")
    assert "is not of the form %Y%m%d %H%M%S" in wrong.stderr


FORMS = ["%Y-%m-%d %H:%M:%S", "%Y%m%d %H%M%S", "%d/%m/%Y %H:%M"]
CELLS: list[tuple[Any, Any]] = [
    (DAY.date(), dt.time(9, 30)),
    (DAY, dt.time(9, 30)),
    (DAY, dt.timedelta(hours=9, minutes=30)),
    (DAY, dt.datetime(1899, 12, 31, 9, 30)),  # noqa: DTZ001
    (DAY.replace(hour=9, minute=30), DAY.replace(hour=9, minute=30)),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cells", CELLS, ids=repr)
def test_a_workbook_s_date_and_time_are_read_whatever_the_form(shop: Path, form: str, cells: tuple[Any, Any]) -> None:
    """A real date beside a real time, both real, either with more than is wanted: 09:30 on that day."""
    text = BANK.format(file='[file]\nformat = "xlsx"') + (
        'amount_fen = { column = "金额", unit = "yuan" }\n'
        f'paid_at = {{ column = ["日期", "时间"], form = "{form}" }}\n'
        f'settlement_date = {{ column = "日期", form = "{form.partition(" ")[0]}" }}\n'
    )
    (shop / "own.toml").write_text(text, "utf-8")
    workbook(shop, ["日期", "时间", "金额"], [*cells, 12.5])

    done = call("a.xlsx", "own.toml")

    assert done.exit_code == 0, done.stderr
    [line] = kept(shop, "payouts")
    assert line["paid_at"] == dt.datetime(2026, 11, 23, 1, 30, tzinfo=dt.UTC)
    assert line["settlement_date"] == dt.date(2026, 11, 23)


@pytest.mark.parametrize("cells", [("2026-11-23", dt.time(9, 30)), (DAY, "09:30:00")], ids=repr)
def test_a_workbook_s_text_may_stand_beside_its_day_or_time(shop: Path, cells: tuple[Any, Any]) -> None:
    """One of them is text: it has to be of the form, the other need not."""
    text = BANK.format(file='[file]\nformat = "xlsx"') + (
        'amount_fen = { column = "b", unit = "yuan" }\npaid_at = { column = ["d", "t"], form = "%Y-%m-%d %H:%M:%S" }\n'
    )
    (shop / "own.toml").write_text(text, "utf-8")
    workbook(shop, ["d", "t", "b"], [*cells, 12.5])
    assert call("a.xlsx", "own.toml").exit_code == 0


def test_a_number_in_the_place_of_a_workbook_s_day_is_told(shop: Path) -> None:
    """46349 without a date's format; a workbook given to a layout for CSV."""
    text = BANK.format(file='[file]\nformat = "xlsx"') + (
        'amount_fen = { column = "b", unit = "yuan" }\npaid_at = { column = "d", form = "%Y-%m-%d %H:%M:%S" }\n'
    )
    (shop / "own.toml").write_text(text, "utf-8")
    workbook(shop, ["d", "b"], [46349, 12.5])
    refused(shop, call("a.xlsx", "own.toml"), "line 2, d: ", "Excel's count of days, 2026-11-23: format that column")
    refused(shop, call("a.xlsx", "leshua"), "not CSV but an XLSX workbook", 'format = "xlsx" in the layout')

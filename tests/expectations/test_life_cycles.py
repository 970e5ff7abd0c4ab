"""The table of life cycles: what became of each attempt, and that a late day changes what it must and nothing else."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from expectations.lifecycle import link
from expectations.lifecycle.table import store
from ingest.tables import Lake
from tests.expectations.conftest import SHOP
from tests.expectations.shopdays import Row, Till, moment, tables

pytestmark = pytest.mark.thorough

FIRST, LAST = dt.date(2026, 11, 1), dt.date(2026, 11, 30)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def kept(lake: Lake, *tills: Till, first: dt.date = FIRST) -> list[dt.date]:
    """Link what the terminals did and keep it; the days that were written."""
    linked = link(tables(*tills), SHOP, first, LAST)
    try:
        return store(lake, linked, first, LAST)
    finally:
        linked.close()


def life(lake: Lake, of: Row) -> Row:
    row: Row
    [row] = [each for each in lake.read("life_cycles").to_pylist() if each["transaction_id"] == of["transaction_id"]]
    return row


def three_days() -> tuple[Till, Row]:
    till = Till(now=moment("2026-11-19 09:00:00"))
    first = till.sale(5000)
    for day in (20, 21):
        till.settle()
        till.at(f"2026-11-{day} 09:00:00").sale(5000 + day, card=day)
    return till, first


def test_each_attempt_has_its_life(lake: Lake, till: Till):
    """Reversed, voided, refunded, completed, adjusted: as a reader of the table sees it."""
    reversed_, voided, paid_back = till.sale(1000), till.sale(2000, card=2), till.sale(3000, card=3)
    till.reverse(reversed_)
    void = till.void(voided)
    till.refund(paid_back, 1200)
    held = till.attempt("PREAUTH", 9000, auth_code="A1", card=4)
    done = till.attempt("COMPLETION", 8000, orig_auth_code="A1", orig_date=held["business_date"], card=4)
    tipped = till.sale(4000, card=5)
    till.attempt("ADJUST", 4600, orig_stan=tipped["stan"], card=5)
    kept(lake, till)
    assert life(lake, reversed_)["is_reversed"]
    assert not life(lake, reversed_)["live"]
    assert life(lake, voided)["void_id"] == void["transaction_id"]
    assert (life(lake, void)["original_id"], life(lake, void)["linked_by"]) == (voided["transaction_id"], "number")
    assert life(lake, paid_back)["refunded_fen"] == 1200
    assert life(lake, paid_back)["exposed"]
    assert (life(lake, held)["hold_fen"], life(lake, held)["completed_fen"]) == (9000, 8000)
    assert life(lake, done)["original_id"] == held["transaction_id"]
    assert life(lake, tipped)["amount_fen"] == 4600


def test_the_same_tables_again_write_nothing(lake: Lake):
    """At-least-once."""
    till, _ = three_days()
    assert kept(lake, till) == [dt.date(2026, 11, day) for day in (19, 20, 21)]
    version = lake.version("life_cycles")
    assert kept(lake, till) == []
    assert lake.version("life_cycles") == version


def test_a_late_refund_writes_its_own_day_and_its_sales(lake: Lake):
    """The day between is left alone."""
    till, first = three_days()
    kept(lake, till)
    refund = till.refund(first, 700, at="2026-11-21 12:00:00")
    assert kept(lake, till) == [dt.date(2026, 11, 19), dt.date(2026, 11, 21)]
    assert life(lake, first)["refunded_fen"] == 700
    assert life(lake, refund)["original_date"] == dt.date(2026, 11, 19)
    assert life(lake, refund)["original_year_inferred"]


@pytest.mark.parametrize("at", [1, 2, 3])
def test_another_check_that_writes_meanwhile_is_seen(lake: Lake, monkeypatch: pytest.MonkeyPatch, at: int):
    """Day by day, one written while the next is worked out: of what was still to be written the newer tables stand."""
    monkeypatch.setattr("expectations.lifecycle.table.ROWS_AT_ONCE", 1)
    older, _ = three_days()
    newer, first = three_days()
    refund = newer.refund(first, 5000, at="2026-11-21 12:00:00")
    replace, tried = Lake.replace, list[bool]()

    def beside(self: Lake, name: str, *given: Any, **told: Any) -> bool:
        if len(tried) == at - 1:
            monkeypatch.setattr(Lake, "replace", replace)
            kept(lake, older)
        monkeypatch.setattr(Lake, "replace", beside)
        tried.append(replace(self, name, *given, **told))
        return tried[-1]

    monkeypatch.setattr(Lake, "replace", beside)
    kept(lake, newer)
    monkeypatch.setattr(Lake, "replace", replace)
    assert tried[at - 1] is False
    assert all(tried[at:])
    assert life(lake, refund)["original_id"] == first["transaction_id"]
    kept(lake, newer)
    assert life(lake, first)["refunded_fen"] == 5000
    assert kept(lake, newer) == []


def test_a_day_that_is_taken_back_takes_its_marks_back(lake: Lake):
    """A day is read again without its void: the sale lives again, and the void's row is gone."""
    till, first = three_days()
    kept(lake, till)
    void = till.void(first, at="2026-11-19 23:50:00")
    kept(lake, till)
    assert not life(lake, first)["live"]
    till.attempts.remove(void)
    assert kept(lake, till) == [dt.date(2026, 11, 19)]
    assert life(lake, first)["live"]


def test_an_older_day_keeps_the_original_that_only_older_tables_know(lake: Lake):
    """From the 21st on, with nothing older than the 20th read: what the 20th refunded stays known."""
    till, first = three_days()
    refund = till.refund(first, 700, at="2026-11-20 12:00:00")
    kept(lake, till)
    till.attempts.remove(first)
    for row in till.attempts:
        row["tip_fen"] = None
    late = next(row for row in till.attempts if row["business_date"] == dt.date(2026, 11, 20) and row is not refund)
    till.void(late, at="2026-11-21 12:00:00")
    assert dt.date(2026, 11, 20) in kept(lake, till, first=dt.date(2026, 11, 21))
    assert life(lake, refund)["original_id"] == first["transaction_id"]


@pytest.mark.parametrize(
    ("sold", "refunded", "named"),
    [
        ("2025-12-31 22:00:00", "2026-01-02 10:00:00", dt.date(2025, 12, 31)),
        ("2028-02-29 10:00:00", "2028-03-01 10:00:00", dt.date(2028, 2, 29)),
        ("2026-11-20 22:59:50", "2026-11-21 00:10:00", dt.date(2026, 11, 21)),
    ],
)
def test_year_ends_leap_days_and_clearing_days_are_linked(sold: str, refunded: str, named: dt.date):
    """A sale posted on the next clearing day is found by its settlement date as well as by its own."""
    till = Till(now=moment(sold))
    sale = till.sale(5000, at=sold, settlement_date=named)
    refund = till.refund(sale, orig_date=named, at=refunded)
    linked = link(tables(till), SHOP, dt.date(2025, 1, 1), dt.date(2029, 1, 1))
    [(original,)] = linked.sql("SELECT original FROM life WHERE id = ?", params=[refund["transaction_id"]]).fetchall()
    assert original == sale["transaction_id"]


def test_numbers_that_wrap_and_terminals_that_are_replaced_stay_apart():
    """999999 is followed by 1; a new device with the same number starts at 1 again in a batch of its own."""
    till = Till(stan=999_998, signed_in=False)
    last, first = till.sale(5000), till.sale(5100, card=2)
    replaced = Till(terminal=till.terminal, batch=1, stan=0, now=moment("2026-11-21 15:00:00"))
    again = replaced.sale(5200, card=3)
    replaced.void(again)
    linked = link(tables(till, replaced), SHOP, FIRST, LAST)
    lives = {row[0]: row[1:] for row in linked.sql("SELECT id, trace, live FROM life WHERE kind = 'SALE'").fetchall()}
    assert len({trace for trace, _ in lives.values()}) == 3
    assert lives[last["transaction_id"]][1]
    assert lives[first["transaction_id"]][1]
    assert not lives[again["transaction_id"]][1]
    assert linked.sql("SELECT count(*) FROM gap").fetchall() == [(0,)]


def test_without_batches_a_number_is_another_attempt_after_twelve_hours(till: Till):
    """Lines of other countries state no batch: the same number next day is no second sending."""
    morning = till.sale(5000, batch_no=None, stan=77)
    lost = till.sale(5100, batch_no=None, stan=77, card=2, code=None, at="2026-11-22 09:00:00")
    till.reverse(lost, at="2026-11-22 09:01:00")
    linked = link(tables(till), SHOP, FIRST, LAST)
    undone = dict(linked.sql("SELECT id, is_reversed FROM life WHERE kind = 'SALE'").fetchall())
    assert undone == {morning["transaction_id"]: False, lost["transaction_id"]: True}


def test_a_wrong_clock_is_corrected_by_the_last_measure_of_it(till: Till):
    """An offline day has no host's time: the day before tells how wrong the terminal's clock is."""
    for minute in range(3):
        host = moment(f"2026-11-20 10:0{minute}:00")
        till.sale(
            5000 + minute, at=f"2026-11-20 10:0{minute}:00", host_dt=host, terminal_dt=host + dt.timedelta(minutes=7)
        )
    offline = till.sale(6000, card=2, no_host_clock=True, at="2026-11-21 12:07:00")
    linked = link(tables(till), SHOP, FIRST, LAST)
    [(when,)] = linked.sql(
        "SELECT epoch(moment)::BIGINT FROM life WHERE id = ?", params=[offline["transaction_id"]]
    ).fetchall()
    assert when == int(moment("2026-11-21 12:00:00").timestamp())

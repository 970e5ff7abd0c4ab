"""A collector's clock that was never set, or is years ahead: the tables have the true year all the same."""

import dataclasses
import datetime as dt
from typing import Any

import pytest

from ingest.lake import Lake
from ingest.landing import land
from ingest.records import Kind, PendingRecord, session
from ingest.retention import missing_in
from ingest.segments import sealed_segments
from ingest.spool import Spool
from tests.ingest.landingshop import NOON, Shop, message

pytestmark = pytest.mark.slow  # whole landings

NEVER_SET = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
AHEAD = dt.datetime(2036, 11, 18, tzinfo=dt.UTC)
TODAY = dt.date(2026, 11, 21)
_UP = 3600.0
"""Seconds since the boot at noon."""


def asked(shop: Shop, stan: int, at: float, says: dt.datetime | None = None, up: float = _UP) -> PendingRecord:
    """A sale without a clock of its own, ``at`` seconds after noon, at which the collector's clock says ``says``.

    ``up`` is how long the machine was up at noon.
    """
    fields = {3: "000000", 4: f"{stan:012d}", 25: "00", 49: "156"}
    record = dataclasses.replace(shop.record(at, "rx", message("0200", stan, fields)), mono_ns=round((up + at) * 1e9))
    if says is not None:
        record = dataclasses.replace(record, wall_ns=round((says - NEVER_SET).total_seconds() + at) * 10**9)
    return record


def seal(shop: Shop, *records: PendingRecord, boot: int = 7) -> None:
    with Spool(shop.folder / "spool", shop.keys, boot_id=boot) as spool:
        opened = session(shop.line, shop.profile, wall_ns=records[0].wall_ns)
        spool.append_many([dataclasses.replace(opened, mono_ns=records[0].mono_ns), *records])
        spool.seal()


def sales(shop: Shop) -> dict[int, tuple[dt.date, float]]:
    """Of each trace number the business date and the seconds after noon."""
    return {
        row["stan"]: (row["business_date"], (row["requested_at"] - NOON).total_seconds())
        for row in shop.rows("transactions")
    }


@pytest.mark.parametrize("says", [NEVER_SET, AHEAD])
def test_a_record_of_the_same_boot_tells_the_exact_moment(shop: Shop, says: dt.datetime, record_property: Any) -> None:
    """The clock was wrong for two sales of four: by the monotonic clock they are 10 s before and 20 s after noon."""
    seal(shop, asked(shop, 1, -10, says), asked(shop, 2, 0), asked(shop, 3, 20, says), asked(shop, 4, 30))

    result = land(shop.settings)

    assert sales(shop) == {1: (TODAY, -10), 2: (TODAY, 0), 3: (TODAY, 20), 4: (TODAY, 30)}
    assert shop.rows("rejects") == []
    assert (len(result.clocks), result.damaged) == (1, [])
    assert f"({says + dt.timedelta(seconds=-10):%Y-%m-%d})" in result.clocks[0]
    frames = sorted((row["seq"], row["error"]) for row in shop.rows("raw_frames") if row["kind"] == "frame")
    assert ["clock" in (note or "") for _, note in frames] == [True, False, True, False]
    record_property("lost", "0 of 4 sales")


@pytest.mark.parametrize("first", [True, False])
def test_the_segment_beside_tells_it_be_it_earlier_or_later(shop: Shop, first: bool) -> None:
    """The clock was set after the segment was sealed, or lost before it began."""
    wrong, right = [asked(shop, 1, -10, NEVER_SET)], [asked(shop, 2, 40)]
    for records in (wrong, right) if first else (right, wrong):
        seal(shop, *records)
        if not first:
            land(shop.settings)
    land(shop.settings)

    assert sales(shop) == {1: (TODAY, -10), 2: (TODAY, 40)}


def test_after_a_boot_the_order_tells_the_earliest_moment(shop: Shop, record_property: Any) -> None:
    """Before the restart it was 12:01:40; 300 s after the restart it is 12:06:40 or later, of the same year."""
    seal(shop, asked(shop, 1, 100))
    seal(shop, asked(shop, 2, 0, NEVER_SET, up=300.0), asked(shop, 3, 7, NEVER_SET, up=300.0), boot=8)

    land(shop.settings)

    assert sales(shop) == {1: (TODAY, 100), 2: (TODAY, 400), 3: (TODAY, 407)}
    record_property("lost", "0 of 3 sales")


def test_what_comes_after_tells_the_latest_moment(shop: Shop) -> None:
    """The first records of a new spool were never timed; the next boot's were."""
    seal(shop, asked(shop, 1, 0, NEVER_SET), asked(shop, 2, 7, NEVER_SET), boot=8)
    seal(shop, asked(shop, 3, 100), boot=9)

    land(shop.settings)

    assert sales(shop) == {1: (TODAY, 93), 2: (TODAY, 100), 3: (TODAY, 100)}


def test_where_nothing_tells_the_segment_waits_and_lands_once_something_does(shop: Shop, record_property: Any) -> None:
    """Nothing is invented and nothing lost: it is told at every landing, and lands when the clock is set."""
    seal(shop, asked(shop, 1, 0, NEVER_SET))

    waiting = [land(shop.settings), land(shop.settings)]
    seal(shop, asked(shop, 2, 60))
    done = land(shop.settings)

    assert [(each.segments, len(each.damaged)) for each in waiting] == [(0, 1), (0, 1)]
    assert "1970-01-01" in waiting[1].damaged[0]
    assert "set the clock" in waiting[1].damaged[0]
    assert (done.segments, done.damaged) == (2, [])
    assert sales(shop) == {1: (TODAY, 0), 2: (TODAY, 60)}
    record_property("lost", "0 of 2 sales")


def test_the_spool_may_be_cleared_of_what_was_put_right(shop: Shop) -> None:
    """What the clock said is in the lake beside the time it got: the segment is proven to be there."""
    seal(shop, asked(shop, 1, -10, NEVER_SET), asked(shop, 2, 0))
    land(shop.settings)

    lacks = missing_in(Lake(shop.settings.lake.uri), shop.settings.zone)
    assert [lacks(info) for info in sealed_segments(shop.settings.spool.directory)] == [""]


def test_a_capture_of_an_early_year_keeps_its_time(shop: Shop) -> None:
    """What was not seen live has no clock that could be wrong."""
    record = shop.record(0, "rx", message("0200", 1, {3: "000000", 4: f"{100:012d}", 25: "00", 49: "156"}))
    record.wall_ns = round(dt.datetime(2019, 5, 4, 12, tzinfo=dt.UTC).timestamp()) * 10**9
    shop.seal([record])

    result = land(shop.settings)

    assert result.clocks == []
    assert [row["business_date"] for row in shop.rows("transactions")] == [dt.date(2019, 5, 4)]
    assert {row["kind"] for row in shop.rows("raw_frames")} == {"session", Kind.FRAME.name.lower()}

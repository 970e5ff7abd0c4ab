"""Landing: sealed segments into tables: what the rows say, and what costs a row of rejects."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable

import pytest

from ingest.landing import land
from ingest.near_dates import latest_date, nearest_date
from ingest.records import Kind, PendingRecord, session
from ingest.tables import TABLES
from tests.ingest.landingshop import NOON, PAN, SHANGHAI, Shop, day_of_traffic, message, sale, settlement

pytestmark = pytest.mark.slow  # whole landings


def test_exchanges_go_where_they_belong(shop: Shop) -> None:
    """Money to transactions, settlement to settlements, the rest to events, each frame in exactly one row."""
    shop.seal(day_of_traffic())

    result = land(shop.settings)

    assert (result.segments, result.frames, result.damaged) == (1, 19, [])
    assert result.rows == {
        "transactions": 7,
        "settlements": 1,
        "events": 1,
        "signatures": 0,
        "batch_uploads": 0,
        "rejects": 0,
    }
    assert (result.transactions, result.rejects, result.changed) == (7, 0, True)
    digests: Counter[str] = Counter()
    for name in ("transactions", "settlements", "events"):
        for row in shop.rows(name):
            digests.update(each for each in (row["request_digest"], row["response_digest"]) if each)
    recorded = {row["digest"] for row in shop.rows("raw_frames") if row["kind"] == "frame"}
    assert digests == Counter(recorded)


def test_rows_say_what_the_messages_say(shop: Shop) -> None:
    """Amount, card, clocks, numbers and references of a void, a repeated sale, a reversal."""
    shop.seal(day_of_traffic())
    land(shop.settings)
    by_type = {(row["txn_type"], row["stan"]): row for row in shop.rows("transactions")}

    sold, void, taken_back = by_type["SALE", 2], by_type["VOID", 6], by_type["REVERSAL", 5]
    assert (sold["amount_fen"], sold["currency"], sold["pan_masked"]) == (100, "156", "622424******3353")
    assert sold["card_token"].startswith("t")
    assert sold["requested_at"] == NOON + dt.timedelta(seconds=10)
    assert sold["host_dt"] == sold["event_at"] == NOON + dt.timedelta(seconds=10)
    assert (sold["merchant_id"], sold["terminal_id"], sold["batch_no"]) == ("898440300000001", "10000001", 1)
    assert by_type["SALE", 3]["outcome"] == "declined"
    assert by_type["SALE", 4]["attempts"] == 2
    assert (by_type["SALE", 5]["outcome"], by_type["SALE", 5]["response_code"]) == ("unknown", None)
    assert (void["orig_batch_no"], void["orig_stan"], void["orig_rrn"]) == (1, 2, "000000000002")
    assert (taken_back["attempts"], taken_back["reason_code"], taken_back["outcome"]) == (2, "98", "approved")


def test_settlement_has_both_sides(shop: Shop) -> None:
    """The terminal's totals are the request's, the host's totals and flags the answer's."""
    shop.seal(settlement(0))
    land(shop.settings)
    (row,) = shop.rows("settlements")

    assert (row["rmb_debit_amount_fen"], row["rmb_debit_count"], row["rmb_credit_count"]) == (100, 1, 0)
    assert (row["rmb_host_debit_amount_fen"], row["rmb_flag"], row["foreign_flag"]) == (100, "1", "2")
    assert (row["batch_no"], row["outcome"], row["currency"]) == (1, "approved", "156")


def test_unanswered_settlement_has_no_flag(shop: Shop) -> None:
    """The zero that a request carries in the flag's place is not the host's word."""
    shop.seal(settlement(0)[:1])
    land(shop.settings)
    (row,) = shop.rows("settlements")

    assert (row["rmb_flag"], row["foreign_flag"], row["outcome"]) == (None, None, "unknown")


def test_answer_in_the_next_segment_finds_its_request(shop: Shop) -> None:
    """A row that was unknown becomes approved when the next segment brings the answer; its id stays."""
    asked, answered = sale(2, 10)
    shop.seal([asked])
    land(shop.settings)
    (before,) = shop.rows("transactions")
    shop.seal([answered])

    land(shop.settings)

    (row,) = shop.rows("transactions")
    assert (before["outcome"], row["outcome"]) == ("unknown", "approved")
    assert before["transaction_id"] == row["transaction_id"]
    assert row["segment_id"] != row["response_segment_id"]


def test_business_date_is_the_merchants_day(shop: Shop) -> None:
    """00:30, 07:59 and 08:01 in Shanghai lie on one local day, whatever UTC says; 23:59 lies on the day before."""
    seconds = {-12.5: 2, -11.5: 3, -4 - 1 / 60: 4, -4 + 1 / 60: 5}
    shop.seal([heard for hours, stan in seconds.items() for heard in sale(stan, hours * 3600)])
    land(shop.settings)
    days = {row["stan"]: row["business_date"] for row in shop.rows("transactions")}

    assert days == {2: dt.date(2026, 11, 20), 3: NOON.date(), 4: NOON.date(), 5: NOON.date()}


def test_unknown_profile_is_a_reject_with_a_hint(shop: Shop) -> None:
    """Frames of a profile that is not there stay in raw_frames and are said in rejects; nothing crashes."""
    shop.profile = "lakalla"
    shop.seal(sale(2, 10))

    result = land(shop.settings)

    assert (result.transactions, result.rejects) == (0, 2)
    assert {(row["layer"], row["hint"]) for row in shop.rows("rejects")} == {("profile", "did you mean 'lakala'?")}
    assert sum(row["frame"] is not None for row in shop.rows("raw_frames")) == 2


def test_noise_and_gaps_are_rejects_without_bytes(shop: Shop) -> None:
    """What was no frame and what could not be recorded is told of, with the error's own words."""
    wall = round(NOON.timestamp() * 1e9)
    error = {"layer": "link", "field": "", "offset": 3, "code": "lrc", "expected": "5D", "got": "52", "hint": "cable"}
    noise = PendingRecord(
        Kind.NOISE, "lane-1", "unionpay", wall, direction="rx", length=7, digest=b"n" * 16, error=error
    )
    facts = {"reason": "queue", "bytes": 900, "since_ns": wall}
    shop.seal([noise, PendingRecord(Kind.GAP, "lane-1", "unionpay", wall + 10**9, facts=facts)])

    land(shop.settings)

    first, second = sorted(shop.rows("rejects"), key=lambda row: int(row["seq"]))
    assert [first[name] for name in ("kind", "code", "offset", "length", "hint")] == ["noise", "lrc", 3, 7, "cable"]
    assert [second[name] for name in ("kind", "got", "expected", "length")] == ["gap", "queue", "900 bytes", 900]
    assert first["business_date"] == first["seen_date"] == NOON.date()


def test_frame_that_cannot_be_decoded_costs_only_itself(shop: Shop) -> None:
    """A truncated frame in the middle of a segment is a reject; its neighbours are transactions."""
    broken = shop.record(*sale(3, 20)[0])
    cut = PendingRecord(Kind.FRAME, "lane-1", "unionpay", broken.wall_ns, frame=broken.frame[:40], digest=b"c" * 16)
    shop.seal([*sale(2, 10), cut, *sale(4, 30)])

    result = land(shop.settings)

    assert (result.transactions, result.rejects) == (2, 1)
    (reject,) = shop.rows("rejects")
    assert (reject["kind"], reject["length"]) == ("frame", 40)


def test_oversized_counter_is_not_a_counter(shop: Shop) -> None:
    """A 9F36 of eight bytes is no transaction counter and stops nothing."""
    frame = message("0200", 2, {3: "000000", 4: "000000000100", 25: "00", 49: "156", 55: "9F3608FFFFFFFFFFFFFFFF"})
    shop.seal([(10, "rx", frame)])
    land(shop.settings)

    assert [row["atc"] for row in shop.rows("transactions")] == [None]


def test_no_card_number_reaches_a_table(shop: Shop) -> None:
    """The test card's number and track are in no file of the lake, in digits or in BCD."""
    shop.seal(day_of_traffic())
    land(shop.settings)

    seen = b"".join(repr(row).encode() + (row.get("frame") or b"") for name in TABLES for row in shop.rows(name))
    assert PAN.encode() not in seen
    assert bytes.fromhex(PAN) not in seen
    assert b"3012201" not in seen


@pytest.mark.parametrize(
    ("mmdd", "near", "expected"),
    [
        ("1231", dt.date(2027, 1, 1), dt.date(2026, 12, 31)),
        ("0101", dt.date(2026, 12, 31), dt.date(2027, 1, 1)),
        ("0229", dt.date(2028, 3, 1), dt.date(2028, 2, 29)),
        ("0229", dt.date(2026, 3, 1), dt.date(2028, 2, 29)),
        ("1121", dt.date(2026, 11, 21), dt.date(2026, 11, 21)),
        ("0000", dt.date(2026, 11, 21), None),
        ("0230", dt.date(2026, 11, 21), None),
        ("13", dt.date(2026, 11, 21), None),
        (None, dt.date(2026, 11, 21), None),
    ],
)
def test_settlement_date_takes_the_nearest_year(mmdd: str | None, near: dt.date, expected: dt.date | None) -> None:
    """Month and day get the year that puts them nearest, also over New Year and in leap years."""
    assert nearest_date(mmdd, near) == expected


@pytest.mark.parametrize(
    ("mmdd", "event", "expected"),
    [
        ("1231", dt.date(2027, 1, 1), dt.date(2026, 12, 31)),
        ("0102", dt.date(2027, 1, 1), dt.date(2027, 1, 2)),
        ("0103", dt.date(2027, 1, 1), dt.date(2026, 1, 3)),
        ("1122", dt.date(2026, 11, 20), dt.date(2025, 11, 22)),
        ("0229", dt.date(2028, 2, 29), dt.date(2028, 2, 29)),
        ("0229", dt.date(2028, 2, 27), dt.date(2024, 2, 29)),
        ("0229", dt.date(2103, 6, 1), dt.date(2096, 2, 29)),
        ("9999", dt.date(2026, 11, 20), None),
    ],
)
def test_original_date_is_the_latest_not_after_the_event(mmdd: str, event: dt.date, expected: dt.date | None) -> None:
    """A refund refers back: its original lies before it, at most a day after for clocks that differ at midnight."""
    assert latest_date(mmdd, event) == expected


@pytest.mark.parametrize("year_end", [dt.datetime(2026, 12, 31, 23, 59, 58, tzinfo=SHANGHAI)])
def test_answer_after_new_year_has_the_new_year(shop: Shop, year_end: dt.datetime) -> None:
    """Asked at 23:59:58 on 31 December, answered on 1 January: the host's clock is in the new year."""
    at = (year_end - NOON).total_seconds()
    answer = {
        3: "000000",
        4: "000000000100",
        25: "00",
        12: "000001",
        13: "0101",
        15: "1231",
        37: "000000000001",
        39: "00",
    }
    shop.seal([*sale(2, at, rrn=None), (at + 3, "tx", message("0210", 2, answer))])
    land(shop.settings)
    (row,) = shop.rows("transactions")

    assert row["host_dt"] == dt.datetime(2027, 1, 1, 0, 0, 1, tzinfo=SHANGHAI)
    assert (row["business_date"], row["settlement_date"]) == (dt.date(2027, 1, 1), dt.date(2026, 12, 31))
    assert row["seen_date"] == dt.date(2026, 12, 31)


def test_sessions_are_kept(shop: Shop) -> None:
    """What is known of a device stays with the frames it brought: raw_frames has the session's facts."""
    opened = session("lane-1", "unionpay", {"usb": "2fb8:2116"}, wall_ns=round(NOON.timestamp() * 1e9))
    shop.seal([opened, *(shop.record(*heard) for heard in sale(2, 10))])
    land(shop.settings)
    facts: Iterable[str] = [row["error"] for row in shop.rows("raw_frames") if row["kind"] == "session"]

    assert any("2fb8:2116" in each for each in facts)

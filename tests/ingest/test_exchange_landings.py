"""The joining law, landing by landing: frames that come late, and a journal's records of what the line saw."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.exchangeframes import MIDNIGHT, Frame, answer, join, record, request, said, step_by_step, traffic

pytestmark = pytest.mark.slow  # a DuckDB session a test


def test_try_on_the_fourth_day_counts_in_the_row_of_the_first() -> None:
    """An episode that goes on for days is worked out from its first day, however late a frame of it lands."""
    tries = [[request(23 + 21 * n, segment_id=f"s{n}")] for n in range(4)]

    assert said(step_by_step(*tries), "attempts") == [(4,)]
    assert step_by_step(*tries) == join(*(each for landing in tries for each in landing))


def test_answer_that_lands_late_takes_its_copy_from_the_next_days_request() -> None:
    """Days beside the new frames are looked at too: an answer there may turn out to be a copy."""
    first = [request(23, "ask"), request(25, "ask again"), answer(44)]
    late = [answer(23.01, segment_id="s2")]

    assert said(step_by_step(first), "outcome") == [("unknown",), ("approved",)]
    assert said(step_by_step(first, late), "outcome") == [("approved",), ("unknown",)]
    assert step_by_step(first, late) == join(*first, *late)


def test_request_that_lands_late_takes_the_answer_from_the_one_before() -> None:
    """The request before it, of the day before, is unanswered after all."""
    first = [request(23, "first"), answer(44)]
    late = [request(24.5, "second", segment_id="s2")]

    assert said(step_by_step(first, late), "request_digest", "outcome") == [
        ("first", "unknown"),
        ("second", "approved"),
    ]


def test_try_after_an_answer_whose_request_lies_days_back_stays_with_it() -> None:
    """Days before are looked at until it is certain where an episode begins."""
    first = [request(1), request(23), answer(44), request(65)]
    late = [request(88, segment_id="s2")]

    assert said(step_by_step(first, late), "attempts") == [(3,), (1,)]
    assert step_by_step(first, late) == join(*first, *late)


def test_a_record_and_its_exchange_are_one_row() -> None:
    """What the line saw stands, the journal's proof is beside it; the row keeps the exchange's id."""
    (alone,) = join(request(1, amount_fen=100), answer(1.001, rrn="1"))
    (row,) = join(request(1, amount_fen=100), answer(1.001, rrn="1"), record(1.2, rrn="1", amount_fen=90))

    assert row["id"] == alone["id"]
    assert (row["amount_fen"], row["journal_amount_fen"], row["journal_digest"]) == (100, 90, "kept")


@pytest.mark.parametrize(
    "other",
    [
        {"terminal_id": "T2"},
        {"stan": 6},
        {"batch_no": 9},
        {"txn_type": "VOID"},
        {"rrn": "2"},
        {"day": MIDNIGHT.date() + dt.timedelta(days=2)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_record_of_something_else_is_a_row_of_its_own(other: Frame) -> None:
    """Terminal, trace number, batch, type, day and reference number must agree."""
    facts: dict[str, Any] = {"rrn": "1"} | other
    rows = join(request(1), answer(1.001, rrn="1"), record(1, **facts))

    assert {(row["request_digest"], row["journal_digest"]) for row in rows} == {("ask", None), (None, "kept")}


def test_a_record_chooses_the_exchange_with_its_reference_number() -> None:
    """The same trace number was approved twice, the terminal kept one: the other stays without its proof."""
    rows = join(
        request(1, "first"),
        answer(1.001, "yes 1", rrn="1"),
        request(2, "second"),
        answer(2.001, "yes 2", rrn="2"),
        record(1, rrn="2"),
    )

    assert said(rows, "request_digest", "journal_digest") == [("first", None), ("second", "kept")]


def test_the_latest_reading_of_a_record_counts() -> None:
    """Flags change in the terminal: of two readings the later one is the proof, in whatever order they landed."""
    readings = [record(1, "old", read=30), record(1, "new", read=60, journal_state="voided")]
    for order in (readings, readings[::-1]):
        (row,) = join(request(1), *order)
        assert (row["journal_digest"], row["journal_state"], row["outcome"]) == ("new", "voided", "approved")


def test_a_better_exchange_two_days_on_takes_the_record() -> None:
    """The day before its record loses it when the day after has the exchange with its reference number."""
    first = [request(23), record(25, rrn="2")]
    late = [request(49, "second", segment_id="s2"), answer(49.001, rrn="2", segment_id="s2")]

    assert said(step_by_step(first), "request_digest", "journal_digest") == [("ask", "kept")]
    assert said(step_by_step(first, late), "request_digest", "journal_digest") == [("ask", None), ("second", "kept")]
    assert step_by_step(first, late) == step_by_step(late, first) == join(*first, *late)


def test_a_decline_the_line_saw_stands() -> None:
    """The host's answer outweighs what the terminal kept."""
    (row,) = join(request(1), answer(1.001, response_code="51", outcome="declined"), record(1))

    assert row["outcome"] == "declined"


def test_totals_and_their_settlement_are_one_row() -> None:
    """A journal's totals have no trace number: terminal, batch and day say which settlement they are."""
    facts: dict[str, Any] = {"kind": "settlement", "txn_type": None, "batch_no": 7, "rmb_debit_count": 3}
    (row,) = join(
        request(22, pair="0500", **facts),
        answer(22.01, pair="0500", rmb_flag="2", **facts),
        record(22, stan=None, rmb_flag="0", **facts),
    )

    assert (row["rmb_flag"], row["journal_digest"], row["rmb_debit_count"]) == ("2", "kept", 3)


@st.composite
def with_journals(draw: st.DrawFn) -> list[list[Frame]]:
    """Landings of two trace numbers' frames and of a journal's records of them, spread over several days."""
    landings: list[list[Frame]] = [[], [], [], []]
    hours = draw(st.lists(st.sampled_from([1.0, 22, 23, 24.5, 44, 45, 65, 67, 88, 100]), min_size=3, max_size=8))
    for number, hour in enumerate(hours):
        landing = draw(st.integers(0, 3))
        make = draw(st.sampled_from([request, answer, record, record]))
        word = draw(st.sampled_from("aab"))
        facts: dict[str, Any] = {
            "stan": draw(st.sampled_from([5, 5, 6])),
            "rrn": draw(st.sampled_from([None, "1", "2"])),
        }
        if make is request:
            facts["rrn"] = None
        landings[landing].append(
            make(hour + number / 100, f"{make.__name__} {word}", segment_id=f"s{landing}", **facts)
        )
    return [landing for landing in landings if landing]


@st.composite
def one_key(draw: st.DrawFn) -> list[list[Frame]]:
    """Landings of one trace number's frames, spread so that episodes meet, part and reach over several days."""
    hours = draw(
        st.lists(st.sampled_from([1.0, 22, 23, 24.5, 44, 45, 65, 67, 88]), min_size=3, max_size=7, unique=True)
    )
    landings: list[list[Frame]] = [[], [], []]
    for hour in hours:
        landing = draw(st.integers(0, 2))
        make = draw(st.sampled_from([request, answer]))
        word = draw(st.sampled_from("aab"))
        landings[landing].append(make(hour, f"{make.__name__} {word}", segment_id=f"s{landing}"))
    return [landing for landing in landings if landing]


@pytest.mark.slow
@given(
    landings=st.one_of(
        one_key(), with_journals(), with_journals(), traffic().map(lambda frames: [frames[::2], frames[1::2]])
    )
)
@settings(max_examples=50, deadline=None)
def test_working_out_only_what_changed_is_working_out_everything(landings: list[list[Frame]]) -> None:
    """Segments that land one after the other, in any order, end in the same rows as all at once."""
    landings = [
        [{**each, "segment_id": f"{each['segment_id']}-{number}"} for each in landing]
        for number, landing in enumerate(landings)
        if landing
    ]

    assert step_by_step(*landings) == join(*(each for landing in landings for each in landing))

"""The joining law, on hand-made frames: which answer belongs to which request, and what is one attempt."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.exchange import FRAME_COLUMNS, changed

pytestmark = pytest.mark.slow  # a DuckDB session a test

MIDNIGHT = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
"""The start of a day; frames are placed by hours from here."""
PROOF = {"segment_id", "response_segment_id", "request_seq", "response_seq"}

Frame = dict[str, Any]


def frame(hour: float, digest: str, *, answer: bool = False, **facts: Any) -> Frame:
    """One decoded frame, ``hour`` after midnight; a sale of terminal T1 with trace number 5 unless told otherwise."""
    seen = MIDNIGHT + dt.timedelta(hours=hour)
    made: Frame = dict.fromkeys(FRAME_COLUMNS)
    made |= {"segment_id": "s1", "seq": round(hour * 3600), "line": "lane-1", "profile": "unionpay", "digest": digest}
    made |= {"kind": "financial", "txn_type": "SALE", "terminal_id": "T1", "stan": 5, "pair": "0200"}
    made |= {
        "is_journal": False,
        "is_request": not answer,
        "seen_us": round(seen.timestamp() * 1e6),
        "day": seen.date(),
    }
    if answer:
        made |= {"response_code": "00", "outcome": "approved"}
    return made | facts


def request(hour: float, digest: str = "ask", **facts: Any) -> Frame:
    return frame(hour, digest, **facts)


def answer(hour: float, digest: str = "yes", **facts: Any) -> Frame:
    return frame(hour, digest, answer=True, **facts)


def record(hour: float, digest: str = "kept", *, read: float = 200, **facts: Any) -> Frame:
    """A journal's record of what happened ``hour`` after midnight, read later; approved unless told otherwise."""
    at = MIDNIGHT + dt.timedelta(hours=hour)
    told: dict[str, Any] = {"outcome": "approved", "clock_us": round(at.timestamp() * 1e6)} | facts
    made = frame(hour, digest, **told)
    seen = MIDNIGHT + dt.timedelta(hours=read)
    return made | {"is_journal": True, "pair": None, "seen_us": round(seen.timestamp() * 1e6), "profile": "a-journal"}


def table(frames: Iterable[Frame]) -> Any:
    import pyarrow as pa

    types = {"string": pa.string(), "int32": pa.int32(), "int64": pa.int64(), "date": pa.date32(), "bool": pa.bool_()}
    return pa.Table.from_pylist(list(frames), schema=pa.schema([(n, types[t]) for n, t in FRAME_COLUMNS.items()]))


def join(*frames: Frame) -> list[Frame]:
    """All exchanges of these frames, in the order of their times."""
    days = {each["day"] for each in frames}
    _, rows, _, _ = changed(
        lambda day: table(f for f in frames if f["day"] == day),
        days.intersection,
        days,
        {f["segment_id"] for f in frames},
    )
    found: list[Frame] = rows.to_pylist()
    return sorted(found, key=moment)


def moment(row: Frame) -> tuple[Any, ...]:
    return row["requested_at"] or row["responded_at"] or row["event_at"], row["id"]


def said(rows: list[Frame], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_request_and_answer_are_one_row() -> None:
    """The row has the terminal's words from the request and the host's from the answer."""
    (row,) = join(request(1, amount_fen=100, batch_no=7), answer(1.001, rrn="000000000001", amount_fen=100))

    assert (row["outcome"], row["rrn"], row["amount_fen"], row["batch_no"]) == ("approved", "000000000001", 100, 7)
    assert (row["request_digest"], row["response_digest"], row["attempts"]) == ("ask", "yes", 1)
    assert row["business_date"] == row["seen_date"] == MIDNIGHT.date()


def test_partial_approval_counts_what_was_approved() -> None:
    """Response code 10: the answer's amount; any other code: the request's."""
    part = join(request(1, amount_fen=100), answer(1.001, response_code="10", amount_fen=60))
    whole = join(request(1, amount_fen=100), answer(1.001, response_code="00", amount_fen=60))

    assert said(part + whole, "amount_fen") == [(60,), (100,)]


@pytest.mark.parametrize("code", ["25", "12", "51"])
def test_reversal_keeps_its_answers_word(code: str) -> None:
    """25 and 12 on a reversal stay declined, with their code: what they mean is the rules' to say."""
    facts: dict[str, Any] = {"pair": "0400", "txn_type": "REVERSAL"}
    rows = join(request(1, reason_code="98", **facts), answer(1.1, response_code=code, outcome="declined", **facts))

    assert said(rows, "outcome", "response_code", "reason_code") == [("declined", code, "98")]


def test_no_answer_is_unknown() -> None:
    """A request without an answer has outcome unknown and no response code."""
    assert said(join(request(1)), "outcome", "response_code", "responded_at") == [("unknown", None, None)]


def test_answer_alone_is_a_row() -> None:
    """An answer whose request was never seen is not lost."""
    (row,) = join(answer(1))

    assert (row["attempts"], row["requested_at"], row["request_seq"]) == (0, None, None)
    assert (row["outcome"], row["segment_id"], row["response_segment_id"]) == ("approved", "s1", "s1")


@pytest.mark.parametrize(
    "other",
    [{"terminal_id": "T2"}, {"stan": 6}, {"pair": "0400"}],
    ids=["another terminal", "another trace number", "a reversal's answer"],
)
def test_answers_of_other_keys_stay_alone(other: Frame) -> None:
    """Terminal, message pair and trace number must all agree."""
    assert said(join(request(1), answer(1.01, **other)), "outcome", "attempts") == [("unknown", 1), ("approved", 0)]


def test_a_line_of_ones_own_joins_what_names_its_terminal_with_what_does_not() -> None:
    """An exchange of its line: a report that leaves the terminal out is that of the one that names it, a day long."""
    facts: dict[str, Any] = {"per_line": True, "exchange": "receipt 5", "stan": None}
    asked = request(1, **facts | {"terminal_id": None})
    again = answer(20, **facts | {"terminal_id": None})
    rows = join(asked, answer(1.1, **facts), again, answer(30, **facts | {"line": "lane-2"}))

    assert said(rows, "line", "terminal_id", "attempts") == [("lane-1", "T1", 1), ("lane-2", "T1", 0)]


def test_answer_before_its_request_is_not_its_answer() -> None:
    """An answer belongs to a request at or before it."""
    assert len(join(answer(1), request(1.01))) == 2
    assert len(join(answer(1), request(1))) == 1


def test_answer_is_found_across_midnight_and_segments() -> None:
    """An answer on the next day, in another segment, finds its request; the row lies on the request's day."""
    (row,) = join(request(23.999), answer(24.001, segment_id="s2"))

    assert (row["outcome"], row["segment_id"], row["response_segment_id"]) == ("approved", "s1", "s2")
    assert row["seen_date"] == row["business_date"] == MIDNIGHT.date()


@pytest.mark.parametrize(("hours", "rows"), [(21.9, 1), (22.1, 2)])
def test_silence_ends_an_episode(hours: float, rows: int) -> None:
    """Money is waited for 22 hours: a reversal kept overnight is one; after that it is another matter."""
    assert len(join(request(1), answer(1 + hours))) == rows
    assert len(join(request(1), request(1 + hours))) == rows


def test_management_is_waited_for_an_hour() -> None:
    """A terminal that signs in each morning with the same trace number signs in anew."""
    facts: dict[str, Any] = {"kind": "event", "pair": "0800", "txn_type": None}

    assert len(join(request(1, **facts), answer(1.9, **facts))) == 1
    assert len(join(request(1, **facts), answer(2.1, **facts))) == 2


def test_messages_without_trace_number_go_by_network_code() -> None:
    """Parameters and echo have no trace number: the latest request with the same code is the one answered."""
    facts: dict[str, Any] = {"kind": "event", "pair": "0800", "txn_type": None, "stan": None}
    rows = join(
        request(1, "echo", network_code="301", **facts),
        request(1.01, "keys", network_code="370", **facts),
        answer(1.02, "echoed", network_code="301", **facts),
        answer(1.03, "key", network_code="370", **facts),
    )

    assert said(rows, "request_digest", "response_digest") == [("echo", "echoed"), ("keys", "key")]


def test_same_reading_twice_is_one() -> None:
    """A capture read twice, into two segments, gives each row once, with the proof of the first in order."""
    once = [request(1), answer(1.01)]
    rows = join(*once, *({**each, "segment_id": "s0", "seq": each["seq"] + 900} for each in once))

    assert said(rows, "attempts", "segment_id", "response_segment_id") == [(1, "s0", "s0")]


def test_request_sent_again_is_an_attempt_of_the_answered_one() -> None:
    """Two sendings, one answer: one row, two attempts, the proof is the sending that was answered."""
    rows = join(request(1, seq=1), request(1.1, seq=2), answer(1.11))

    assert said(rows, "attempts", "request_seq", "outcome") == [(2, 2, "approved")]


def test_request_sent_after_its_answer_is_an_attempt_of_it() -> None:
    """The terminal did not hear the answer and asked again in vain, or got the same answer again."""
    alone = join(request(1, seq=1), answer(1.01), request(1.1, seq=2))
    again = join(request(1, seq=1), answer(1.01), request(1.1, seq=2), answer(1.11))

    assert said(alone, "attempts", "request_seq") == said(again, "attempts", "request_seq") == [(2, 1)]


def test_request_answered_twice_differently_is_two_debits() -> None:
    """The same request sent twice and approved twice under two numbers is two rows with two ids."""
    rows = join(request(1), answer(1.01, "yes", rrn="A"), request(1.1), answer(1.11, "yes again", rrn="B"))

    assert said(rows, "rrn", "attempts", "outcome") == [("A", 1, "approved"), ("B", 1, "approved")]
    assert len({row["id"] for row in rows}) == 2


def test_tries_without_any_answer_are_one_row() -> None:
    """Three tries of a reversal, none answered, are one row with three attempts, from the first try on."""
    (row,) = join(request(1, seq=1), request(1.1, seq=2), request(20, seq=3))

    assert (row["attempts"], row["request_seq"], row["outcome"]) == (3, 1, "unknown")


def test_trace_number_used_for_another_sale_is_another_row() -> None:
    """A terminal that starts again at the same trace number does not lend its answer to the sale before."""
    rows = join(request(1, "first"), request(1.1, "second"), answer(1.11))

    assert said(rows, "request_digest", "outcome") == [("first", "unknown"), ("second", "approved")]


def test_id_does_not_depend_on_the_answer() -> None:
    """A row keeps its id when its answer comes in later; another day or another message has another id."""
    alone, both = join(request(1)), join(request(1), answer(1.01))
    later, other = join(request(30)), join(request(1, "other"))

    assert alone[0]["id"] == both[0]["id"]
    assert len({alone[0]["id"], later[0]["id"], other[0]["id"]}) == 3
    assert len(alone[0]["id"]) == 32


def test_terminal_without_a_name_is_told_by_its_line() -> None:
    """Frames without field 41 are joined within their line only."""
    rows = join(request(1, terminal_id=None), answer(1.01, terminal_id=None, line="lane-2"))

    assert len(rows) == 2


@st.composite
def traffic(draw: st.DrawFn) -> list[Frame]:
    """Frames of few keys over several days: resent, answered late, twice, never, across midnight."""
    frames = []
    for number in range(draw(st.integers(1, 9))):
        hour = draw(st.sampled_from([0.0, 1, 21.5, 23.999, 24.001, 45, 47.99, 48.01, 70, 93]))
        hour += number / 3600
        kind = draw(st.sampled_from(["financial", "financial", "event"]))
        stan = None if kind == "event" and draw(st.booleans()) else draw(st.integers(1, 2))
        facts = {"stan": stan, "kind": kind, "pair": "0200" if kind == "financial" else "0800", "seq": number}
        facts["segment_id"] = f"s{draw(st.integers(0, 3))}"
        word = draw(st.sampled_from("ab"))
        frames.append(
            draw(st.sampled_from([request(hour, f"ask {word}", **facts), answer(hour, f"yes {word}", **facts)]))
        )
        if draw(st.booleans()):
            again = {**frames[-1], "segment_id": "s9", "seq": 100 + number}
            frames.append(again)
    return frames


@pytest.mark.slow
@given(frames=traffic(), order=st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_order_of_frames_makes_no_difference(frames: list[Frame], order: Any) -> None:
    """The same frames in any order give the same rows."""
    shuffled = list(frames)
    order.shuffle(shuffled)

    assert join(*shuffled) == join(*frames)


@pytest.mark.slow
@given(frames=traffic())
@settings(max_examples=15, deadline=None)
def test_every_frame_is_in_a_row(frames: list[Frame]) -> None:
    """Each message is the request or the answer of some row, or counted in its attempts; ids are unique."""
    rows = join(*frames)
    requests = {(each["digest"], each["seen_us"], each["stan"], each["kind"]) for each in frames if each["is_request"]}
    counted = {(row["request_digest"], row["seen_date"], row["requested_at"]): row["attempts"] for row in rows}

    assert len({row["id"] for row in rows}) == len(rows)
    assert sum(counted.values()) == len(requests)
    digests = {row["request_digest"] for row in rows} | {row["response_digest"] for row in rows} - {None}
    assert digests - {None} == {each["digest"] for each in frames}


def step_by_step(*landings: list[Frame]) -> list[Frame]:
    """The rows after these landings, each with only what it can have changed worked out again."""
    landed: list[Frame] = []
    kept: dict[dt.date, list[Frame]] = {}

    def load(day: dt.date) -> Any:
        return table(each for each in landed if each["day"] == day)

    for new in landings:
        landed += new
        days, rows, _, _ = changed(
            load,
            {each["day"] for each in landed}.intersection,
            {each["day"] for each in new},
            {each["segment_id"] for each in new},
        )
        kept |= {day: [] for day in days}
        for row in rows.to_pylist():
            kept[row["seen_date"]].append(row)
    found = [row for rows in kept.values() for row in rows]
    return sorted(found, key=moment)


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

"""The joining law, on hand-made frames: which answer belongs to which request, and what is one attempt."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.exchangeframes import MIDNIGHT, Frame, answer, join, request, said, traffic

pytestmark = pytest.mark.slow  # a DuckDB session a test


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

"""What the order on a till's link tells: answers, repetitions, strangers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dialect import Heard
from protocols.facts import Facts
from protocols.profile import load_profile
from tests.protocols.mis.test_messages_9f import framed

LINE = load_profile("allinpay")
FOLLOW = LINE.speech.follow
SALE = framed(("9F01", b"\x02"), ("9F02", "000000001000"))
QUERY = framed(("9F01", b"\x0f"))


def sold(trace: int, amount: int = 1000, number: bytes = b"\x02", code: str = "00") -> bytes:
    return framed(
        ("9F01", number),
        ("9F02", f"{amount:012d}"),
        ("9F05", "00440036"),
        ("9F0D", "000001"),
        ("9F0E", f"{trace:06d}"),
        ("9F14", code),
    )


def followed(*frames: bytes) -> list[Facts]:
    assert FOLLOW is not None
    return FOLLOW([Heard(LINE.facts(each), at, each.hex()) for at, each in enumerate(frames)])


def test_an_answer_gives_its_key_to_its_request():
    """Terminal, batch and trace number, which the till does not know when it asks."""
    request, answer = followed(SALE, sold(42))
    assert (request.stan, request.batch_no, request.terminal_id) == (42, 1, "00440036")
    assert request.exchange == answer.exchange == "batch 1 trace 42"
    assert request.pair == answer.pair


def test_an_unanswered_request_has_a_key_of_its_own():
    """Two that were never answered are two; one sent again before its answer is one more attempt."""
    one, again, other, answer = followed(SALE, SALE, QUERY, sold(42))
    assert one.exchange == again.exchange
    assert other.exchange != one.exchange
    assert answer.exchange == "batch 1 trace 42"
    assert one.stan is None


def test_the_same_sale_twice_is_two():
    """Equal requests with an answer between them: each has its own."""
    first, _, second, _ = followed(SALE, sold(42), SALE, sold(43))
    assert (first.stan, second.stan) == (42, 43)


def test_an_answer_of_another_type_is_not_the_requests():
    """A void's answer behind a sale's request stands for itself, and the sale waits on."""
    request, stranger, answer = followed(SALE, sold(7, number=b"\x03"), sold(42))
    assert stranger.exchange == "batch 1 trace 7"
    assert (stranger.txn_type, request.stan, answer.stan) == ("VOID", 42, 42)


def test_a_second_answer_is_the_same_or_a_stranger():
    """Sent again it is the answer again; other bytes behind it belong to nobody."""
    request, first, again, stranger = followed(SALE, sold(42), sold(42), sold(43))
    assert first == again
    assert request.stan == 42
    assert stranger.exchange == "batch 1 trace 43"


def test_a_host_message_between_them_parts_nothing():
    """Type 17 both ways leaves the sale waiting for its answer."""
    carried = framed(("9F01", b"\x11"), ("9F15", b"\x60"), ("9F16", "10.0.0.1"))
    back = framed(("9F01", b"\x11"), ("9F14", "00"), ("9F15", b"\x60"))
    request, *_, answer = followed(SALE, carried, back, sold(42))
    assert request.exchange == answer.exchange


def test_what_a_query_tells_of_is_the_transaction_itself():
    """The same key and the same identity as when it was made; the question is an event of its own."""
    _, answer, asked, told = followed(SALE, sold(42), QUERY, sold(42))
    assert (told.exchange, told.identity, told.kind) == (answer.exchange, answer.identity, "financial")
    assert (asked.kind, asked.stan) == ("event", None)


def test_a_query_that_finds_nothing_is_answered():
    """Its answer is the event's, with the code."""
    asked, told = followed(QUERY, framed(("9F01", b"\x0f"), ("9F14", "X2")))
    assert asked.exchange == told.exchange
    assert (told.kind, told.operation, told.outcome) == ("event", "QUERY_LAST", "declined")


def test_a_reprint_that_is_refused_is_no_transaction():
    """Whatever type its answer has, one that names no transaction is the event's."""
    asked, told = followed(framed(("9F01", b"\x10")), framed(("9F01", b"\x02"), ("9F14", "X2")))
    assert (told.kind, told.operation, told.txn_type, told.exchange) == ("event", "REPRINT", None, asked.exchange)


def test_a_terminal_without_a_name_has_its_lines():
    """Batch and trace number name the exchange all the same: asked twice it is one."""
    nameless = framed(("9F01", b"\x02"), ("9F02", "1.00"), ("9F0E", "000042"), ("9F14", "00"))
    _, first, _, second = followed(QUERY, nameless, QUERY, nameless)
    assert (first.exchange, first.identity) == (second.exchange, second.identity) == ("trace 42", first.identity)


def test_a_tip_is_not_the_sale_it_belongs_to():
    """Equal trace number and amount: two pairs."""
    _, sale, _, tip = followed(SALE, sold(42), framed(("9F01", b"\x05")), sold(42, number=b"\x05"))
    assert sale.exchange == tip.exchange
    assert sale.pair != tip.pair


@pytest.mark.parametrize("code", ["51", "X0", "-104"])
def test_a_refusal_without_a_trace_number_meets_its_request(code):
    """Nothing but the order joins them."""
    request, answer = followed(SALE, framed(("9F01", b"\x02"), ("9F14", code)))
    assert request.exchange == answer.exchange
    assert (answer.kind, answer.txn_type, answer.outcome) == ("financial", "SALE", "declined")


@given(st.lists(st.sampled_from([SALE, QUERY, sold(1), sold(2), sold(3, number=b"\x03"), framed(("9F01", b"\x0e"))])))
def test_any_order_keeps_every_message(frames):
    """None is lost, none is added; a request stays one; what has a key keeps it."""
    told = followed(*frames)
    assert len(told) == len(frames)
    for before, after in zip((LINE.facts(each) for each in frames), told, strict=True):
        assert before.is_request == after.is_request
        assert after.exchange is not None
        assert before.is_request or before.stan == after.stan
        assert before.amount_fen == after.amount_fen

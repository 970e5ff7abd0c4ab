"""Till and terminal, both sans-io, with a wire between them that loses and damages what it is told to."""

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.answering import Sold
from protocols.deframe import Control, Frame, Noise
from protocols.errors import ProfileError
from protocols.mis.link import wrap
from protocols.mis.tlv import build
from protocols.mis_df import tags
from protocols.mis_df.facts import several
from protocols.mis_df.record import read
from protocols.mis_df.session import MOST_PAGES, QUESTIONS, REPEATS, T1, T2, Asking
from protocols.mis_df.terminal import PAGE, Terminal
from protocols.profile import load_profile

PROFILE = load_profile("ingenico-mis-example")
ACK, NAK, EOT, ENQ = 6, 21, 4, 5
START = dt.datetime.fromisoformat("2026-11-21T10:00:00+08:00")
KINDS = ("SALE", "VOID", "REFUND")
Wire = Callable[[bytes], bytes]


def journal(size: int) -> list[Sold]:
    """So many records, of every kind."""
    return [
        Sold(n + 1, 100 + n, START + dt.timedelta(minutes=n), KINDS[n % 3], receipt=n + 1, rrn=f"{n:012d}")
        for n in range(size)
    ]


def echoes() -> Callable[[], str]:
    numbers = count(1001)
    return lambda: str(next(numbers))


def talk(
    question: str, size: int = 12, *, to_terminal: Wire = bytes, to_till: Wire = bytes
) -> tuple[Asking, Terminal, list[bytes], list[bytes]]:
    """A whole session in made-up time; the till, the terminal, and the frames that each said."""
    terminal = Terminal(PROFILE, "15221155", "104152253311021", journal(size))
    till = Asking(PROFILE, question, echoes())
    hearing = PROFILE.deframer()
    heard: list[bytes] = []
    said: list[bytes] = []
    now = 0.0
    outgoing = till.start(now)
    for _ in range(2000):
        if till.done and not outgoing:
            break
        said += [each for each in outgoing if len(each) > 1]
        came = to_till(terminal.feed(to_terminal(b"".join(outgoing)), now) + terminal.tick(now))
        events = hearing.feed(came)
        if came and not events:  # a pause inside a frame
            events = hearing.flush()
        outgoing = []
        for event in events:
            if isinstance(event, Control):
                outgoing += till.hear_control(event.byte, now)
            elif isinstance(event, Noise):
                outgoing += till.hear_noise(now)
            elif isinstance(event, Frame):
                heard.append(event.data)
                outgoing += till.hear_frame(event.data, now)
        if not outgoing and not came:
            now += 1.0
            outgoing = till.tick(now)
    return till, terminal, heard, said


def codes(said: list[bytes]) -> set[str]:
    return {read(PROFILE, each).fields["DF02"] for each in said}


def listed(heard: list[bytes]) -> list[int | None]:
    return [each.stan for frame in heard for each in several(PROFILE, frame) if each.kind == "financial"]


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_is_answered(question):
    """Each ends well; only the settlement closes the batch."""
    till, terminal, heard, _ = talk(question)
    assert till.outcome == "answered"
    assert heard
    assert len(terminal.closed) == (question == "settle")


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_moves_money(question):
    """Of all transaction codes only the question's own is ever sent, and no amount, card or order with it."""
    _, _, _, said = talk(question)
    (code,) = codes(said)
    assert PROFILE.operations[code] == QUESTIONS[question]
    for frame in said:
        assert set(read(PROFILE, frame).fields) <= {"DF01", "DF02", "DF04", "DF05", "DF08", "DF09"}


@pytest.mark.parametrize("size", [0, 1, PAGE - 1, PAGE, PAGE + 1, 23])
def test_a_list_is_asked_to_its_end(size):
    """Page after page until no record is left: every record once, in its order, each page with a number of its own."""
    till, _, heard, said = talk("journal-list", size)
    assert till.outcome == "answered"
    assert listed(heard) == list(range(1, size + 1))
    assert len(said) == max(1, -(-size // PAGE))
    assert len({read(PROFILE, each).fields["DF04"] for each in said}) == len(said)


def test_a_settlement_tells_the_batch():
    """Debits, credits and counts of all and of the card organisation; the batch is closed afterwards."""
    _, terminal, heard, _ = talk("settle", 3)
    (settled,) = several(PROFILE, heard[0])
    assert (settled.total_count, settled.total_amount_fen) == (3, 100 - 101 - 102)
    assert terminal.journal == []


def told(echo: str, *values: tuple[int, bytes]) -> bytes:
    head = ((tags.MODE, b"\2"), (tags.CODE, b"\x84"), (tags.ECHO, bytes.fromhex(echo)))
    return wrap(PROFILE.link, build((*head, *values), form="ber"))


DONE = (tags.RESPONSE, b"00")


def asking(question: str = "journal-list") -> Asking:
    till = Asking(PROFILE, question, echoes())
    till.start(0.0)
    return till


def test_another_number_is_not_our_answer():
    """A late answer to somebody else is acknowledged and passed over; ours still counts."""
    till = asking()
    assert till.hear_frame(told("9999", DONE), 1.0) == [bytes((ACK,))]
    assert not till.done
    till.hear_frame(told("1001", DONE), 2.0)
    assert till.outcome == "answered"


def test_a_notice_is_not_our_answer():
    """A frame that says it is a notice (DF89) does not end the question."""
    till = asking()
    till.hear_frame(told("1001", (0xDF89, b"\1"), DONE), 1.0)
    assert not till.done


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(b"12", "refused 12"), (b"96", "refused 96"), (bytes.fromhex("00010014"), "refused 00010014 no keys")],
)
def test_a_refusal_is_told(code, outcome):
    """The host's code or the terminal's own error is the outcome."""
    till = asking()
    till.hear_frame(told("1001", (tags.RESPONSE, code)), 1.0)
    assert till.outcome.startswith(outcome)


def test_errors_after_which_the_terminal_goes_on_end_nothing():
    """A card that could not be read: the terminal asks for it again by itself."""
    till = asking("status")
    till.hear_frame(told("1001", (tags.RESPONSE, bytes.fromhex("00000002"))), 1.0)
    assert not till.done
    assert till.due == 1.0 + T2


def test_where_records_left_are_not_said_packets_with_items_ask_on():
    """DF24 01 asks again while items come; without items, or without DF24, the list has ended."""
    item = (tags.NESTED, build([(tags.RECEIPT, b"\0\0\1"), (tags.ORDER_END, b"")], form="ber"))
    till = asking()
    assert len(till.hear_frame(told("1001", item, (tags.PACKETS, b"\1"), DONE), 1.0)) == 2
    till.hear_frame(told("1002", (tags.PACKETS, b"\1"), DONE), 2.0)
    assert till.outcome == "answered"
    till = asking()
    till.hear_frame(told("1001", item, DONE), 1.0)
    assert till.outcome == "answered"


def test_a_list_that_does_not_end_is_given_up():
    """A terminal that always has one more is not asked for ever."""
    till = asking()
    for echo in range(1001, 1001 + MOST_PAGES + 1):
        till.hear_frame(told(str(echo), (tags.LEFT, b"\0\0\1"), DONE), 1.0)
        if till.done:
            break
    assert till.outcome == "the list does not end"


def test_a_message_for_the_host_ends_the_question():
    """We are no till that passes messages on; saying so is better than a terminal that waits."""
    till = asking("settle")
    body = build(((tags.MODE, b"\1"), (tags.NESTED, b"\x60")), form="ber")
    till.hear_frame(wrap(PROFILE.link, body), 1.0)
    assert "host" in till.outcome


@pytest.mark.parametrize("question", ["journal-list", "status"])
def test_a_silent_terminal_is_asked_again_and_given_up(question):
    """No ACK within T1: twice more, then the end; nothing is sent afterwards."""
    till = Asking(PROFILE, question, echoes())
    (first,) = till.start(0.0)
    said = []
    for second in range(1, 60):
        said += till.tick(float(second))
    assert said == [first] * REPEATS
    assert till.outcome == "not acknowledged"
    assert till.due is None


def test_a_settlement_is_not_asked_twice():
    """A command that closes the batch may have been heard: silence does not repeat it, a NAK does."""
    till = Asking(PROFILE, "settle", echoes())
    (first,) = till.start(0.0)
    assert till.hear_control(NAK, 0.5) == [first]
    assert till.tick(T1 + 1.0) == []
    assert till.outcome == "silent"


def test_an_acknowledged_question_waits_for_the_host_and_not_for_ever():
    """After the ACK there are T2 seconds; then it is over."""
    till = asking()
    assert till.hear_control(ACK, 1.0) == []
    assert till.tick(1.0 + T2 - 0.1) == []
    assert not till.done
    till.tick(1.0 + T2)
    assert till.outcome == "silent"


def test_the_terminal_may_end_it_and_may_ask_for_us():
    """EOT ends the question, ENQ is answered with ACK."""
    till = asking()
    assert till.hear_control(ENQ, 1.0) == [bytes((ACK,))]
    till.hear_control(EOT, 1.0)
    assert till.outcome == "ended by the terminal"
    assert till.hear_control(ACK, 2.0) == till.hear_noise(2.0) == till.tick(99.0) == []


def test_damage_without_end_is_given_up():
    """Each damaged answer is refused with NAK, a few times."""
    till = asking()
    said = [till.hear_noise(1.0) for _ in range(5)]
    assert said[:REPEATS] == [[bytes((NAK,))]] * REPEATS
    assert till.outcome == "damaged"


def cut_after(frames: int) -> Wire:
    """A wire that dies after so many frames of the terminal."""
    left = iter(range(frames))

    def wire(data: bytes) -> bytes:
        if len(data) < 5:
            return data
        return data if next(left, None) is not None else b""

    return wire


@pytest.mark.parametrize("frames", range(4))
def test_a_terminal_that_stops_in_any_state_is_left(frames):
    """After none, one, two or three answers: the session ends, and what was told before is kept."""
    till, _, heard, _ = talk("journal-list", 23, to_till=cut_after(frames))
    assert till.done
    assert till.outcome != "answered"
    assert listed(heard) == list(range(1, frames * PAGE + 1))


def damaged(which: set[int]) -> Wire:
    """A wire that flips a bit in the answers of these numbers."""
    numbers = iter(range(10_000))

    def wire(data: bytes) -> bytes:
        if len(data) < 20 or next(numbers) not in which:
            return data
        return data[:-10] + bytes((data[-10] ^ 0x20,)) + data[-9:]

    return wire


@given(st.sets(st.integers(0, 6), max_size=3))
@settings(deadline=None)
def test_a_damaged_answer_is_told_again(which):
    """NAK, and the terminal says it once more: nothing is lost; what came twice has the same identity."""
    till, _, heard, _ = talk("journal-list", 12, to_till=damaged(which))
    if till.outcome == "answered":
        assert list(dict.fromkeys(listed(heard))) == list(range(1, 13))
        told_of = {each.identity for frame in heard for each in several(PROFILE, frame) if each.identity}
        assert len(told_of) == 12
    else:
        assert till.outcome in {"damaged", "silent"}


def test_a_code_that_is_not_known_is_never_sent():
    """The public facts name no code for a list or a settlement: without a profile that does, nothing is asked."""
    plain = load_profile("ingenico-mis")
    for question in ("journal-list", "settle"):
        with pytest.raises(ProfileError) as refused:
            Asking(plain, question)
        assert "transaction code" in str(refused.value)
    assert Asking(plain, "status").start(0.0)


def test_the_terminal_refuses_what_it_does_not_know():
    """A payment on this line is refused by the simulated terminal; a broken frame gets a NAK."""
    terminal = Terminal(PROFILE, "15221155", "104152253311021", journal(1))
    pay = build(((tags.MODE, b"\0"), (tags.ECHO, b"\x12\x34"), (tags.CODE, b"\x80")), form="ber")
    said = terminal.feed(wrap(PROFILE.link, pay), 0.0)
    assert said[0] == ACK
    assert several(PROFILE, said[1:])[0].response_code == "12"
    assert terminal.feed(wrap(PROFILE.link, b"\xdf"), 0.0) == bytes((NAK,))


def test_random_numbers_are_four_digits() -> None:
    """As the public client makes them: 1000 to 9999, another for each command."""
    till = Asking(PROFILE, "status")

    def numbers() -> Iterator[str]:
        for _ in range(50):
            (frame,) = till.start(0.0)
            yield read(PROFILE, frame).fields["DF04"]

    found = set(numbers())
    assert len(found) > 1
    assert all(1000 <= int(number) <= 9999 for number in found)

"""What only the order of a line's messages tells, on frames written out by hand."""

from protocols.dialect import Heard
from protocols.facts import Facts
from protocols.mis.tlv import build
from protocols.mis_df.facts import several
from protocols.mis_df.order import follow
from protocols.profile import load_profile
from tests.protocols.mis_df.test_frames import result, sealed

PROFILE = load_profile("ingenico-mis")
ASKED = sealed(bytes.fromhex("DF010100DF04021234DF020145DF0306000000000120"))


def receipt(number: int, clock: str, *more: tuple[int, bytes], response: bytes = b"00", code: int = 0x45) -> bytes:
    """A result with a receipt number, a clock and an amount of 1.20."""
    inside = [(0xDF03, b"RMB  1.20"), (0xDF10, bytes.fromhex(f"{number:06d}"))]
    inside += [(0xDF1C, clock[:4].encode()), (0xDF1D, clock[4:].encode()), *more]
    return result((0xDF07, response), inside=inside, code=code)


def passing(stan: str = "000065") -> bytes:
    """A sale of 1.20 on its way to the host."""
    fields = {3: "000000", 4: "000000000120", 11: stan, 25: "00", 41: "15221155", 60: "22130911"}
    message = load_profile("unionpay").build("0200", fields)[2:]
    return sealed(build([(0xDF01, b"\1"), (0xDF06, message)], form="ber"))


def heard(*frames: bytes) -> list[Facts]:
    """The facts of a line, a second between its frames."""
    told = [(at, frame, each) for at, frame in enumerate(frames) for each in several(PROFILE, frame)]
    return follow([Heard(each, at * 1_000_000, frame.hex()) for at, frame, each in told])


def rows(told: list[Facts]) -> set[str | None]:
    """What becomes rows: the exchanges that are no handshakes."""
    return {each.exchange or f"stan {each.stan}" for each in told if each.kind != "handshake"}


def test_an_unknown_code_with_an_amount_moved_money():
    """Nobody says what the code means: a transaction of a null type, and never an event that a rule overlooks."""
    (told,) = several(PROFILE, receipt(7, "1121100000", code=0x77))
    assert (told.kind, told.txn_type, told.amount_fen) == ("financial", None, 120)
    (asked,) = several(PROFILE, sealed(bytes.fromhex("DF010100DF04021234DF020177DF0306000000000120")))
    assert (asked.kind, asked.txn_type) == ("financial", None)


def test_command_and_result_meet_under_one_exchange():
    """Terminal, trace and batch of the result belong to the command too."""
    asked, told = heard(ASKED, receipt(5, "1121100000", (0xDF0A, b"\0\0\x65"), (0xDF12, b"15221155")))
    assert asked.exchange == told.exchange == told.identity
    assert (asked.stan, asked.terminal_id) == (65, "15221155")


def test_a_receipt_number_that_starts_anew_is_another_transaction():
    """The same number on another day, or at another time of it, is not the same report."""
    one, other, later = (receipt(5, clock) for clock in ("1121100000", "1121100001", "1122100000"))
    assert len({several(PROFILE, each)[0].identity for each in (one, other, later)}) == 3
    assert several(PROFILE, one)[0].identity == several(PROFILE, receipt(5, "1121100000", code=0x46))[0].identity


def test_a_repeated_command_is_one_until_it_is_answered():
    """Sent again before its result: an attempt; after it: another transaction."""
    answer = receipt(5, "1121100000")
    first, second, _ = heard(ASKED, ASKED, answer)
    assert first.exchange == second.exchange
    first, _, second = heard(ASKED, answer, ASKED)
    assert first.exchange != second.exchange


def test_a_result_to_another_number_is_not_this_commands():
    """What echoes another random number stands alone, and the command stays unanswered."""
    other = bytearray(ASKED)
    at = bytes(other).index(b"\x12\x34")
    other[at : at + 2] = b"\x56\x78"
    other[-1] ^= 0x12 ^ 0x34 ^ 0x56 ^ 0x78
    asked, told = heard(bytes(other), receipt(5, "1121100000"))
    assert asked.exchange != told.exchange


def test_a_message_that_passed_tells_of_its_command_and_result():
    """Trace number, terminal and batch agree: one row, with the receipt's number."""
    named = ((0xDF0A, b"\0\0\x65"), (0xDF11, b"130911"), (0xDF12, b"15221155"))
    told = heard(ASKED, passing(), receipt(5, "1121100000", *named))
    assert rows(told) == {"stan 65"}
    assert told[1].receipt_no == 5


def test_a_message_of_another_trace_number_tells_of_nothing_else():
    """A result whose trace number is another's is a row of its own."""
    told = heard(ASKED, passing("000064"), receipt(5, "1121100000", (0xDF0A, b"\0\0\x65")))
    assert rows(told) == {"stan 64", told[2].identity}


def test_a_result_that_states_no_trace_number_is_not_swallowed():
    """Its command was not heard, and nothing ties it to the message before: both are rows."""
    told = heard(passing(), receipt(5, "1121100000"))
    assert rows(told) == {"stan 65", told[1].identity}


def test_a_command_whose_message_went_out_and_no_result_came_is_that_message():
    """The next command begins: what the last one led to is the host's message; without one it stays unanswered."""
    other = sealed(bytes.fromhex("DF010100DF04025678DF020145DF0306000000000999"))
    assert len(rows(heard(ASKED, passing(), other))) == 2
    assert len(rows(heard(ASKED, other))) == 2
    more = sealed(bytes.fromhex("DF010100DF04021234DF020145DF0306000000000777"))
    assert len(rows(heard(more, passing()))) == 2  # another amount: not this command's message

"""Every type of message of the dialect, with generated values: built, read, built again, and read by somebody else.

The rows are docs/protocols.md 4; ``pyiso8583`` (``iso8583_witness``) is the second reader.
"""

from typing import NamedTuple

import iso8583
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.codecs import gbk_bytes
from protocols.dialect import Secured
from protocols.facts import facts
from protocols.profile import Profile, load_profile
from protocols.tlv import encode
from tests.protocols.conftest import load_vectors, profile_of
from tests.protocols.iso8583_witness import read

pytestmark = pytest.mark.thorough

CARD = "6225880000000001"


class Kind(NamedTuple):
    """One row: what a request holds, and what it is."""

    name: str
    mti: str
    codes: tuple[str, str] | None
    f60: str
    holds: tuple[int, ...]
    txn_type: str | None = None


_PAYS = (2, 4, 11, 22, 35, 41, 42, 49, 52, 53, 64)
_REFERS = (2, 4, 11, 22, 37, 38, 41, 42, 49, 53, 64)
_MANAGES = (11, 41, 42)
KINDS = (
    Kind("sign-in", "0800", None, "00######003", (*_MANAGES, 62, 63)),
    Kind("sign-off", "0820", None, "00######002", _MANAGES),
    Kind("echo", "0820", None, "00######301", _MANAGES),
    Kind("parameters", "0800", None, "00######360", _MANAGES),
    Kind("status upload", "0820", None, "00######362", (*_MANAGES, 62)),
    Kind("CAPK list", "0820", None, "00######372", (*_MANAGES, 62)),
    Kind("CAPK download", "0800", None, "00######370", (*_MANAGES, 62)),
    Kind("CAPK end", "0800", None, "00######371", _MANAGES),
    Kind("AID list", "0820", None, "00######382", (*_MANAGES, 62)),
    Kind("AID download", "0800", None, "00######380", (*_MANAGES, 62)),
    Kind("AID end", "0800", None, "00######381", _MANAGES),
    Kind("balance", "0200", ("310000", "00"), "01######000600", _PAYS, "BALANCE"),
    Kind("sale", "0200", ("000000", "00"), "22######000600", (*_PAYS, 14, 23, 26, 55), "SALE"),
    Kind("void", "0200", ("200000", "00"), "23######000600", (*_REFERS, 61), "VOID"),
    Kind("refund", "0220", ("200000", "00"), "25######000600", (*_REFERS, 61, 63), "REFUND"),
    Kind("pre-authorisation", "0100", ("030000", "06"), "10######000600", _PAYS, "PREAUTH"),
    Kind("pre-authorisation void", "0100", ("200000", "06"), "11######000600", (*_REFERS, 61), "PREAUTH_VOID"),
    Kind("completion, request", "0200", ("000000", "06"), "20######000600", (*_REFERS, 61), "COMPLETION"),
    Kind("completion, notice", "0220", ("000000", "06"), "24######000600", (*_REFERS, 61), "COMPLETION"),
    Kind("completion void", "0200", ("200000", "06"), "21######000600", (*_REFERS, 61), "COMPLETION_VOID"),
    Kind(
        "offline sale", "0220", ("000000", "00"), "30######000600", (2, 4, 11, 22, 41, 42, 49, 61, 64), "OFFLINE_SALE"
    ),
    Kind("adjustment", "0220", ("000000", "00"), "32######000600", (2, 4, 11, 22, 41, 42, 49, 61, 64), "ADJUST"),
    Kind("tip", "0220", ("000000", "00"), "34######000600", (2, 4, 11, 22, 41, 42, 48, 49, 61, 64), "ADJUST"),
    Kind(
        "offline chip sale",
        "0220",
        ("000000", "00"),
        "36######000600",
        (2, 4, 11, 22, 23, 41, 42, 49, 55, 64),
        "OFFLINE_SALE",
    ),
    Kind(
        "reversal",
        "0400",
        ("000000", "00"),
        "22######000600",
        (2, 4, 11, 14, 22, 39, 41, 42, 49, 55, 61, 64),
        "REVERSAL",
    ),
    Kind("script result", "0620", ("000000", "00"), "00######951", (2, 4, 11, 22, 23, 32, 37, 41, 42, 49, 55, 61, 64)),
    Kind("settlement", "0500", None, "00######201", (*_MANAGES, 48, 49, 63)),
    Kind("batch upload, list", "0320", None, "00######201", (*_MANAGES, 48)),
    Kind("batch upload, chip", "0320", None, "00######203", (2, 4, *_MANAGES, 22, 23, 55, 62)),
    Kind("batch upload, end", "0320", None, "00######207", (*_MANAGES, 48)),
    Kind("QR sale", "0200", ("000000", "00"), "22######000600", (4, 11, 22, 41, 42, 49, 59, 64), "QR_SALE"),
    Kind("signature, whole", "0820", None, "07######800", (2, 4, 11, 15, 37, 41, 42, 55, 62, 64)),
    Kind("signature, part", "0820", None, "08######8018", (2, 4, 11, 15, 37, 41, 42, 55, 62, 64)),
    Kind("signature, vendor's 0900", "0900", None, "07######", (2, 4, 11, 37, 41, 42, 55, 62, 64)),
    Kind("signature, vendor's 0920", "0920", None, "07######800", (2, 4, 11, 37, 41, 42, 62, 64)),
)
ANSWERS = (12, 13, 15, 32, 37, 38, 39, 41, 42, 44, 54, 55, 63, 64)
"""What an answer may hold beside what it repeats."""
REPEATED = (2, 3, 4, 11, 25, 49)


def digits(low: int, high: int | None = None) -> st.SearchStrategy[str]:
    """So many digits, or from so many to so many."""
    return st.text("0123456789", min_size=low, max_size=high or low)


def texts(size: int) -> st.SearchStrategy[str]:
    """Letters and digits of a fixed width."""
    return st.text("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ ", min_size=size, max_size=size)


def chip_data() -> st.SearchStrategy[str]:
    """Some tags of F55."""
    tags = {"9F26": 8, "9F36": 2, "9F10": 19, "95": 5, "9A": 3, "82": 2, "9F37": 4, "DF31": 5, "9F63": 16}
    raw = {
        tag: st.binary(min_size=size, max_size=size).map(lambda each: each.hex().upper()) for tag, size in tags.items()
    }
    return st.fixed_dictionaries({}, optional=raw).map(encode)


def text_of(most: int) -> st.SearchStrategy[str]:
    """GBK text up to so many bytes."""
    return st.text("银联商户测试ABC 0129", max_size=most // 2)


def raw(least: int, most: int) -> st.SearchStrategy[str]:
    """Bytes as hex."""
    return st.binary(min_size=least, max_size=most).map(lambda each: each.hex().upper())


VALUES: dict[int, st.SearchStrategy[str]] = {
    2: digits(13, 19) | st.just(CARD),
    3: digits(6),
    4: digits(12),
    11: digits(6),
    12: digits(6),
    13: digits(4),
    14: digits(4),
    15: digits(4),
    22: st.sampled_from(["011", "021", "022", "051", "052", "071", "072", "911"]),
    23: digits(3),
    25: digits(2),
    26: st.just("12"),
    32: digits(8, 11),
    35: st.tuples(digits(13, 19), digits(7, 16)).map(lambda track: f"{track[0]}D{track[1]}")
    | st.text("0123456789ABCDEF", min_size=48, max_size=48),
    37: texts(12),
    38: texts(6),
    39: st.sampled_from(["00", "01", "10", "51", "55", "A0", "98", "96"]),
    41: texts(8),
    42: texts(15),
    44: texts(22),
    49: st.just("156"),
    52: raw(8, 8),
    53: digits(16),
    54: texts(20),
    55: chip_data(),
    59: raw(0, 60),
    61: st.sampled_from([12, 16, 18, 29]).flatmap(digits),
    62: raw(0, 200),
    63: text_of(160),
    64: raw(8, 8),
}
F48 = {"settlement": digits(62), "tip": digits(12), "batch upload, end": digits(4)}


def f48(kind: Kind) -> st.SearchStrategy[str]:
    """Totals, a tip, a count, or a list of as many rows as it says."""
    rows = st.lists(digits(40), min_size=0, max_size=8).map(lambda found: f"{len(found):02d}{''.join(found)}")
    return F48.get(kind.name, rows)


@st.composite
def requests(draw: st.DrawFn, kind: Kind) -> dict[int, str]:
    """The fields of one request."""
    fields = {number: draw(VALUES[number]) for number in kind.holds if number != 48}
    if 48 in kind.holds:
        fields[48] = draw(f48(kind))
    if kind.codes is not None:
        fields[3], fields[25] = kind.codes
    if kind.name == "QR sale":
        fields[22] = "031"
    head, _, tail = kind.f60.partition("######")
    return fields | {60: head + draw(digits(6)) + tail}


@st.composite
def answers(draw: st.DrawFn, kind: Kind) -> dict[int, str]:
    """The fields of its answer."""
    asked = draw(requests(kind))
    holds = draw(st.sets(st.sampled_from(ANSWERS)))
    repeated = {number: value for number, value in asked.items() if number in {*REPEATED, 41, 42, 60}}
    return (
        repeated | {number: draw(VALUES[number]) for number in sorted(holds - repeated.keys())} | {39: draw(VALUES[39])}
    )


def compared(profile: Profile, frame: bytes) -> None:
    """Every field that we read has the value that pyiso8583 reads, and neither sees one more."""
    message = profile.decode(frame)
    theirs = read(frame[message.body_offset : message.end])
    ours: dict[int, str | bytes] = {}
    for number, value in message.fields.items():
        codec = profile.grammar.table[number].codec
        said = theirs.get(number)
        ours[number] = (
            str(value) if not isinstance(said, bytes) else gbk_bytes(value) if "text" in codec else bytes.fromhex(value)
        )
    assert theirs == ours


def held(profile: Profile, mti: str, fields: dict[int, str]) -> None:
    """Build, read, build: the same bytes; others read the same; made safe, it is still what it was."""
    frame = profile.build(mti, fields)
    message = profile.decode(frame)
    assert (message.mti, message.fields) == (mti, fields)
    assert profile.rebuild(message) == frame
    compared(profile, frame)
    secured: Secured = profile.speech.secure(profile, frame)
    safe = profile.decode(secured.frame)
    assert len(secured.frame) == len(frame)
    assert safe.spans == message.spans
    told, after = facts(message), facts(safe)
    assert (told.txn_type, told.stan, told.amount_fen) == (after.txn_type, after.stan, after.amount_fen)


@given(st.data())
@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_request_of_every_kind_is_what_it_was_built_of(kind, data):
    """The identity, and the type of transaction that the row states."""
    fields = data.draw(requests(kind))
    for name in ("unionpay", "leshua"):
        held(load_profile(name), kind.mti, fields)
    told = facts(load_profile("unionpay").decode(load_profile("unionpay").build(kind.mti, fields)))
    assert told.is_request
    assert told.txn_type == kind.txn_type


@given(st.data())
@settings(max_examples=10, deadline=None)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_answer_of_every_kind_is_what_it_was_built_of(kind, data):
    """The MTI of an answer is the request's and ten more."""
    fields = data.draw(answers(kind))
    mti = f"{int(kind.mti) + 10:04d}"
    held(load_profile("unionpay"), mti, fields)
    assert not facts(load_profile("unionpay").decode(load_profile("unionpay").build(mti, fields))).is_request


REFUSED = {10: ("35", "its unused nibble is not 0"), 43: ("64", "F64 is announced and not there")}
"""Public messages that pyiso8583 does not read: the field where it stops, and why."""


def test_another_decoder_reads_the_public_messages_the_same():
    """44 of 46 value by value; where the other stops, the dialect takes a liberty that it has no word for."""
    for index, vector in enumerate(load_vectors()):
        profile, frame = profile_of(vector), bytes.fromhex(vector["hex"])
        if index in REFUSED:
            message = profile.decode(frame)
            with pytest.raises(iso8583.DecodeError) as caught:
                read(frame[message.body_offset : message.end])
            assert caught.value.field == REFUSED[index][0]
        else:
            compared(profile, frame)

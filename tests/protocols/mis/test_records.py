"""Fixed records: a public answer, records by hand, what is found in noise, and what is wrong with bad ones."""

import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protocols.deframe import Frame, Noise
from protocols.describe import describe
from protocols.dialect import Heard
from protocols.errors import DecodeError, FrameError
from protocols.fixed_record.layout import ANSWER, FORMS, NEW_REQUEST, REQUEST, Field, Form
from protocols.fixed_record.record import build, read
from protocols.fixed_record.words import TYPES
from protocols.profile import load_profile

LINE = load_profile("chinaums-bankall")
PAN = "6225880000000001"
ASKED = b"POS0000101      00000000001250                          123"
# the first 148 bytes of a public caller's sample answer (Jonny.AllDemo, MISPOS/PosinfDLL.cs), GBK
SAMPLE = (
    "00"
    "0308"
    "621483******9012    "
    "000003"
    "000000000001"
    "交易成功                                "
    "898500080620629"
    "00000004"
    "000003"
    "0422"
    "173915"
    "173915040319"
    "      "
    "0422"
    "000"
).encode("gbk")


def test_the_widths_are_the_public_ones():
    """59, 148 and 243 bytes; each field where the public descriptions put it."""
    assert [(form.name, form.size) for form in FORMS] == [("request", 59), ("answer", 148), ("new-request", 243)]
    assert (len(ASKED), len(SAMPLE)) == (59, 148)
    places = {}
    at = 0
    for field in ANSWER.fields:
        places[field.name] = at
        at += field.width
    # as a public caller cuts them
    assert places == {
        "code": 0,
        "bank": 2,
        "card_number": 6,
        "voucher": 26,
        "amount": 32,
        "message": 44,
        "merchant_id": 84,
        "terminal_id": 99,
        "batch": 107,
        "date": 113,
        "time": 117,
        "rrn": 123,
        "auth_code": 135,
        "settlement_date": 141,
        "lrc": 145,
    }


def test_a_public_answer_is_read():
    """Every field of it, and what it means."""
    assert LINE.deframer().feed(SAMPLE) == [Frame(SAMPLE, 0)]
    told = LINE.facts(SAMPLE)
    assert (told.terminal_id, told.merchant_id, told.batch_no, told.stan) == ("00000004", "898500080620629", 3, 3)
    assert (told.amount_fen, told.pan_masked, told.rrn) == (1, "621483******9012", "173915040319")
    assert (told.host_time, told.settlement_mmdd, told.outcome) == (("0422", "173915"), "0422", "approved")
    assert (told.txn_type, told.auth_code) == (None, None)
    secured = LINE.speech.secure(LINE, SAMPLE)
    assert (secured.frame, secured.card, secured.masked) == (SAMPLE, None, ())
    fields = describe(LINE, SAMPLE)["fields"]
    names = {"name": "message", "zh": "错误说明", "en": "what the code means"}
    place = {"offset": 44, "length": 40, "confidence": "assumed"}
    assert fields["message"] == {**names, "value": "交易成功", **place}


def test_a_question_is_these_bytes():
    """A sale as public callers make it: blanks behind text, zeros before the amount, three digits at the end."""
    assert build(REQUEST, {"till": "POS00001", "operator": "01", "type": "00", "amount": "1250", "lrc": "123"}) == ASKED
    told = LINE.facts(ASKED)
    assert (told.txn_type, told.amount_fen, told.operator_no, told.is_request) == ("SALE", 1250, "01", True)
    assert (told.orig_stan, told.orig_rrn, told.orig_mmdd) == (None, None, None)


def test_a_refund_and_a_void_name_their_original():
    """Date and reference number, or the voucher number; zeros are nothing."""
    refund = LINE.facts(b"POS0000101      0200000000030020261120112000000007000000456")
    assert (refund.txn_type, refund.orig_mmdd, refund.orig_rrn, refund.orig_stan) == (
        "REFUND",
        "1120",
        "112000000007",
        None,
    )
    void = LINE.facts(b"POS0000101      01000000001000" + b"0" * 8 + b"0" * 12 + b"000042789")
    assert (void.txn_type, void.orig_stan, void.orig_rrn, void.orig_mmdd) == ("VOID", 42, None, None)


@pytest.mark.parametrize("number", sorted(TYPES))
def test_every_type_is_read_in_both_requests(number):
    """Old and new: the same meaning."""
    said = {"till": "1", "operator": "01", "type": number, "lrc": "123"}
    old, new = LINE.facts(build(REQUEST, said)), LINE.facts(build(NEW_REQUEST, said | {"application": "00"}))
    kind = TYPES[number]
    assert old == new
    assert (old.kind, old.operation, old.txn_type) == (kind.kind, kind.operation, kind.txn_type)


DIGITS = st.text(st.sampled_from("0123456789"), max_size=3)
KINDS: dict[str, st.SearchStrategy[str]] = {
    "text": st.text(st.sampled_from("ABC 019-"), max_size=8),
    "secret": st.text(st.sampled_from("0123456789"), max_size=20),
    "gbk": st.text(st.sampled_from("交易成功 ABC"), max_size=10),
    "word": st.text(st.sampled_from("AB01"), max_size=2),
    "id": st.text(st.sampled_from("AB01"), max_size=8),
    "digits": DIGITS,
    "type": st.sampled_from(sorted(TYPES)),
    "date": st.sampled_from(["", "20261121", "00000000"]),
    "card": st.sampled_from(["", PAN, "622588******0001", "4761739001010010123"]),
}


def _value(field: Field) -> st.SearchStrategy[str]:
    if field.kind == "number":
        return st.sampled_from(["", "0" * field.width, "1" * field.width])
    return KINDS[field.kind]


def _values(form: Form) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({field.name: _value(field) for field in form.fields})


RECORDS = st.sampled_from(FORMS).flatmap(lambda form: st.tuples(st.just(form), _values(form)))


@given(RECORDS)
def test_what_is_built_is_read_and_built_again(record):
    """build, parse, build is the identity for each form and every type."""
    form, values = record
    built = build(form, values)
    found = read(built, "line")
    assert (found.error, found.form) == (None, form)
    assert build(form, {item.field.name: item.value or "" for item in found.items}) == built


@given(RECORDS, st.data())
def test_part_of_a_record_is_waited_for(record, draw):
    """Until another form's record is whole in it, which must then be one by its content."""
    built = build(*record)
    part = built[: draw.draw(st.integers(1, len(built) - 1))]
    events = LINE.deframer().feed(part)
    assert all(read(event.data, "line").error is None for event in events if isinstance(event, Frame))
    if record[0] is REQUEST:
        assert events == []


def test_records_are_found_in_noise_in_any_cut():
    """Old requests and answers behind noise that is no text, cut anywhere; the bytes add up."""
    rng = random.Random(11)
    frames = [ASKED, SAMPLE, ASKED.replace(b"123", b"124"), SAMPLE[:-3] + b"124"]
    for _ in range(50):
        noises = [rng.randbytes(rng.randint(0, 20)).translate(None, bytes(range(0x20, 0x100))) for _ in frames]
        stream = b"".join(noise + frame for noise, frame in zip(noises, frames, strict=True))
        looking = LINE.deframer()
        events = []
        at = 0
        while at < len(stream):
            size = rng.randint(1, 60)
            events += looking.feed(stream[at : at + size])
            at += size
        events += looking.flush()
        assert [event.data for event in events if isinstance(event, Frame)] == frames
        lost = sum(event.length for event in events if isinstance(event, Noise))
        assert lost == sum(map(len, noises))


def test_a_record_behind_text_is_found_when_the_line_falls_silent():
    """Two digits before an old request may be a new one's application: the pause tells."""
    looking = LINE.deframer()
    assert looking.feed(b"99" + ASKED) == []
    assert [event for event in looking.flush() if isinstance(event, Frame)] == [Frame(ASKED, 2)]


def test_babble_costs_no_memory():
    """A megabyte of noise and of text leaves nothing behind."""
    rng = random.Random(5)
    for alphabet in (bytes(range(256)), b"0123456789 AB"):
        looking = LINE.deframer()
        for _ in range(16):
            looking.feed(bytes(rng.choices(alphabet, k=8192)))
            assert looking.pending < 2 * LINE.link.max_frame + 4096


NUMERIC = [
    (form, field.name, at, place)
    for form, record in ((REQUEST, ASKED), (ANSWER, SAMPLE))
    for field, at in (
        (each, sum(before.width for before in form.fields[:index])) for index, each in enumerate(form.fields)
    )
    if field.kind in {"digits", "number"}
    for place in range(field.width)
    if record[at : at + field.width].strip()
]


@pytest.mark.parametrize(("form", "name", "at", "place"), NUMERIC)
def test_a_wrong_character_in_any_place_of_a_number_is_seen(form, name, at, place):
    """Directed: a reject with the field and its first byte, and nothing of the bytes."""
    bad = bytearray(ASKED if form is REQUEST else SAMPLE)
    bad[at + place] = ord("E")
    with pytest.raises(DecodeError) as wrong:
        LINE.facts(bytes(bad))
    assert (wrong.value.path, wrong.value.offset, wrong.value.code) == (name, at, "digits")
    looking = LINE.deframer()
    assert not [each for each in looking.feed(bytes(bad)) + looking.flush() if isinstance(each, Frame)]


@pytest.mark.parametrize(
    ("record", "code", "path", "offset"),
    [
        (ASKED[:-1], "length", "", 0),
        (ASKED + b" ", "length", "", 0),
        (ASKED.replace(b"00000000001250", b"99000000001250"), "type", "type", 16),
        (ASKED.replace(b" " * 26, b"20261399" + b" " * 18), "digits", "orig_date", 30),
        (SAMPLE.replace(b"621483", b"62148X"), "card", "card_number", 6),
        (SAMPLE.replace(b"621483******9012    ", b"6214834567890129012 "[:12] + b" " * 8), "card", "card_number", 6),
        (SAMPLE.replace("交易成功".encode("gbk"), b"\xc9 \xff" + b" " * 5), "gbk", "message", 44),
    ],
)
def test_what_is_wrong_is_named_with_its_place(record, code, path, offset):
    """A cut, an unknown type, a month 13, a card that is none, a text that is not GBK."""
    with pytest.raises((DecodeError, FrameError)) as wrong:
        LINE.facts(record)
    assert (wrong.value.code, wrong.value.path, wrong.value.offset) == (code, path, offset)
    assert describe(LINE, record)["error"]["code"] == code


def test_a_card_keeps_its_first_six_and_last_four():
    """In its field and in the message; a payment code goes, the merchant's number stays."""
    told = {"code": "00", "card_number": PAN, "message": f"卡号{PAN}", "merchant_id": "898500080620629", "lrc": "123"}
    secured = LINE.speech.secure(LINE, build(ANSWER, told))
    assert (secured.card, secured.masked) == (PAN, ("card_number", "message"))
    assert secured.frame.count(b"622588******0001") == 2
    assert PAN.encode() not in secured.frame
    assert LINE.speech.secure(LINE, secured.frame).frame == secured.frame
    assert "622588******0001" in str(describe(LINE, build(ANSWER, told)))
    odd = build(ANSWER, {"card_number": "9912345678901234", "message": "9912345678901234", "lrc": "123"})
    assert b"9912345678901234" not in LINE.speech.secure(LINE, odd).frame  # of no known network
    wallet = build(NEW_REQUEST, {"type": "30", "barcode": "134512345678901234", "lrc": "124", "order": PAN})
    secured = LINE.speech.secure(LINE, wallet)
    assert secured.masked == ("barcode", "order")
    assert b"1345" not in secured.frame
    with pytest.raises(DecodeError):
        LINE.speech.secure(LINE, SAMPLE.replace(b"621483", b"62148X"))


def followed(*records: bytes):
    assert LINE.speech.follow is not None
    return LINE.speech.follow([Heard(LINE.facts(each), at, each.hex()) for at, each in enumerate(records)])


def test_three_digits_join_a_request_and_its_answer():
    """Its type, its key; another's digits join nothing."""
    request, answer = followed(ASKED, SAMPLE[:-3] + b"123")
    assert (request.stan, request.exchange, answer.txn_type) == (3, answer.exchange, "SALE")
    request, stranger = followed(ASKED, SAMPLE)
    assert (request.stan, stranger.txn_type, stranger.exchange) == (None, None, "batch 3 trace 3")


def test_a_reprint_tells_of_what_is_known_already():
    """The same key and identity as the sale's own answer."""
    reprint = build(REQUEST, {"type": "04", "orig_voucher": "000000", "lrc": "124"})
    _, sold, asked, told = followed(ASKED, SAMPLE[:-3] + b"123", reprint, SAMPLE[:-3] + b"124")
    assert (told.exchange, told.identity) == (sold.exchange, sold.identity)
    assert asked.kind == "event"


@given(st.binary(max_size=300))
def test_any_bytes_are_described(data):
    """No exception but our own."""
    assume(len(data) not in {form.size for form in FORMS})
    assert describe(LINE, data)["error"]["code"] == "length"
    with pytest.raises(FrameError):
        LINE.facts(data)


@given(st.sampled_from(FORMS).flatmap(lambda form: st.binary(min_size=form.size, max_size=form.size)))
def test_any_bytes_of_a_records_length_are_described(data):
    """Whatever stands in it."""
    assert describe(LINE, data)["profile"] == "chinaums-bankall"

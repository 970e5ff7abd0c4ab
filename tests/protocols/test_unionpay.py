"""The 46 public messages, and the table they prove."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.codecs import gbk_bytes, gbk_text
from protocols.errors import DecodeError
from protocols.message import Message
from protocols.profile import Profile, load_profile
from protocols.unionpay import FIELDS, BatchRow, Totals
from tests.protocols.conftest import profile_of

TABLE = (
    2,
    3,
    4,
    11,
    12,
    13,
    14,
    15,
    22,
    23,
    25,
    26,
    32,
    35,
    36,
    37,
    38,
    39,
    41,
    42,
    44,
    48,
    49,
    52,
    53,
    54,
    55,
    58,
    59,
)
VENDORS = (43, 46, 47, 51, 56, 57)


def read(vector: dict[str, Any]) -> tuple[Profile, bytes, Message]:
    """The vector's profile, bytes and message."""
    profile = profile_of(vector)
    frame = bytes.fromhex(vector["hex"])
    return profile, frame, profile.decode(frame)


def test_a_vector_decodes_to_its_stated_fields(vector):
    """Every value is the stated one, and stands where it is said to stand."""
    _, _, message = read(vector)
    assert message.mti == vector["mti"]
    assert message.fields == {int(number): value for number, value in vector["fields"].items()}
    assert message.spans == {int(number): tuple(span) for number, span in vector["value_at"].items()}
    assert message.mac_absent == vector["mac_absent"]


def test_a_vector_builds_back_to_its_bytes(vector):
    """Decoding and building lose nothing: not a pad nibble, not the absence of a MAC."""
    profile, frame, message = read(vector)
    assert profile.rebuild(message) == frame


def test_a_vector_tells_which_parts_of_its_envelope_it_has(vector):
    """What the dump lost is named as missing, and nothing else is."""
    _, _, message = read(vector)
    there = vector["envelope"]
    assert message.envelope["missing"] == [part for part in ("length", "tpdu", "header") if not there[part]]
    assert (message.envelope["tpdu"] is not None) == there["tpdu"]


def test_a_vector_reads_the_same_through_construct_itself(vector):
    """The derived walk and the construct declaration are one grammar."""
    profile, frame, message = read(vector)
    parsed = profile.grammar.declaration.parse(frame[message.body_offset :])
    assert parsed.mti == message.mti
    assert {n: parsed[f"f{n}"] for n in FIELDS if parsed[f"f{n}"] is not None} == message.fields


def test_the_base_dialect_reads_every_vector(vector, unionpay):
    """A terminal with vendor fields is no reject on the base profile; F63 is then escaped text and builds back."""
    frame = bytes.fromhex(vector["hex"])
    message = unionpay.decode(frame)
    assert unionpay.rebuild(message) == frame
    assert message.text(63) == message.fields.get(63)


def test_the_table_holds_every_field_of_the_dialect():
    """Each field of the published table and each vendor field met has a row with names in both languages."""
    assert set(FIELDS) == {*TABLE, *VENDORS, 60, 61, 62, 63, 64}
    assert all(spec.en and spec.zh and spec.source for spec in FIELDS.values())


def test_the_documentation_holds_the_table():
    """docs/protocols.md has each field's row as the code has it."""
    text = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text("utf-8")
    for spec in FIELDS.values():
        row = f"| {spec.number} | {spec.name} | {spec.zh} | {spec.en} | `{spec.codec}` | {spec.size} | {spec.mask} |"
        assert row in text


def test_22_lies_left_and_23_right(unionpay):
    """F22 021 is 0210 on the wire, F23 001 is 0001."""
    body = unionpay.encode("0200", {22: "021", 23: "001"})
    assert body.hex() == "0200" + "0000060000000000" + "0210" + "0001"


def test_an_odd_count_of_digits_is_padded_on_the_right(unionpay):
    """The count says 19; the twentieth nibble is no digit of the number, whatever it is."""
    body = unionpay.encode("0200", {2: "6210811015053304032"})
    assert body.hex().endswith("19" + "62108110150533040320")
    for pad in "0FD":
        odd = body[:-1] + bytes.fromhex("2" + pad)
        message = unionpay.decode(odd)
        assert message.fields[2] == "6210811015053304032"
        assert unionpay.rebuild(message) == odd


def test_an_encrypted_track_keeps_any_nibble(unionpay):
    """F35 may hold A to F anywhere; F53's third digit says why."""
    track = "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"
    body = unionpay.encode("0200", {35: track, 53: "2610000000000000"})
    assert unionpay.decode(body).fields[35] == track


@pytest.mark.parametrize(
    ("number", "value"), [(2, "6222 0212 3456 7894"), (4, "0000 0001234"), (62, "AB CD"), (52, "\u0661" * 16)]
)
def test_a_value_that_is_no_hex_is_refused(unionpay, number, value):
    """White space and digits of other scripts are no digits: DecodeError, not an error of the grammar's own."""
    with pytest.raises(DecodeError) as caught:
        unionpay.encode("0200", {number: value})
    assert caught.value.path == f"F{number}"


def test_60_and_61_give_as_many_parts_as_there_are_digits(unionpay):
    """Eight to seventeen digits of F60, twelve or sixteen or more of F61."""
    whole = "22000727000600070"
    for length in (8, 11, 13, 14, 15, 17):
        parts = unionpay.decode(unionpay.encode("0200", {60: whole[:length]})).subfields(60)
        assert "".join(parts.values()) == whole[:length]
        assert parts["60.1"] == "22"
        assert parts["60.2"] == "000727"
        assert ("60.3" in parts) == (length > 8)
    void = unionpay.decode(unionpay.encode("0200", {61: "000001000042"})).subfields(61)
    assert void == {"61.1": "000001", "61.2": "000042"}
    refund = unionpay.decode(unionpay.encode("0220", {61: "0000010000421121"})).subfields(61)
    assert refund["61.3"] == "1121"


def test_settlement_totals_are_amounts_and_counts(unionpay):
    """The published answer: 11 debits of 0.11, 2 credits of 0.02, balanced."""
    digits = "00000000001101100000000000200210000000000000000000000000000001"
    parts = unionpay.decode(unionpay.encode("0510", {48: digits})).subfields(48)
    assert parts["48.rmb_debit_amount"] == "11"
    assert parts["48.rmb_debit_count"] == "11"
    assert parts["48.rmb_credit_amount"] == "2"
    assert parts["48.rmb_flag"] == "1"
    assert parts["48.foreign_flag"] == "1"
    totals = Totals.parse(digits.encode())
    assert Totals.build(totals) == digits.encode()


def test_a_batch_row_is_forty_digits():
    """Card organisation, trace, number padded with zeros, amount in fen."""
    row = b"00" + b"000042" + b"00006222021234567894" + b"000000012345"
    parsed = BatchRow.parse(row)
    assert (parsed.stan, parsed.amount) == ("000042", 12345)
    assert BatchRow.build(parsed) == row


def test_tags_are_found_inside_templates(unionpay):
    """Issuer scripts hold tags; a signature's FF tags hold text and are left whole."""
    message = unionpay.decode(unionpay.encode("0210", {55: "9F3602002A7206860484240000FF00045A025A5A"}))
    assert message.tags() == {"9F36": "002A", "72": "860484240000", "86": "84240000", "FF00": "5A025A5A"}


@given(st.binary(max_size=120))
def test_text_gives_back_any_bytes(raw):
    """GBK or not, the text of bytes names every byte, and prints."""
    text = gbk_text(raw)
    assert gbk_bytes(text) == raw
    assert all(char.isprintable() or char == "\u3000" for char in text)


digits = st.text("0123456789")


def fields_of_any_message() -> st.SearchStrategy[dict[int, str]]:
    """Any legal values in any set of fields."""

    def value(number: int) -> st.SearchStrategy[str]:
        spec = FIELDS[number]
        if spec.codec in {"bcd", "bcd_right", "bcd_masked", "nibbles"}:
            return st.text("0123456789", min_size=spec.size, max_size=spec.size)
        if "bcd" in spec.codec or "pan" in spec.codec:
            return st.text("0123456789", max_size=spec.size)
        if "track" in spec.codec:
            return st.text("0123456789ABCDEF", max_size=min(spec.size, 60))
        fixed = spec.codec in {"text", "raw", "last_raw"}
        raw = st.binary(min_size=spec.size if fixed else 0, max_size=min(spec.size, 60))
        return raw.map(gbk_text) if "text" in spec.codec else raw.map(lambda data: data.hex().upper())

    return st.fixed_dictionaries({}, optional={number: value(number) for number in FIELDS})


@given(fields_of_any_message(), st.sampled_from(["0200", "0210", "0800", "0920"]))
@settings(max_examples=150, deadline=None)
def test_what_is_built_is_read(fields, mti):
    """Any fields, built in any envelope, are read back the same, and construct agrees."""
    for name in ("unionpay", "leshua"):
        profile = load_profile(name)
        frame = profile.build(mti, fields)
        message = profile.decode(frame)
        assert (message.mti, message.fields) == (mti, fields)
        assert message.envelope["missing"] == []
        assert profile.rebuild(message) == frame
        for number, (offset, length) in message.spans.items():
            assert message.starts[number] <= offset <= offset + length <= len(frame)

"""Card secrets in DFxx frames: gone in every place and writing, at the same offsets, and the frame still sound."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.describe import describe
from protocols.envelope import lrc
from protocols.errors import ProtocolError
from protocols.mis.tlv import build
from protocols.mis_df.facts import several
from protocols.mis_df.record import read
from protocols.mis_df.secrets import secure
from protocols.profile import load_profile
from protocols.sanitise import Sanitiser
from tests.protocols.conftest import KEYS
from tests.protocols.mis_df.test_frames import result, sealed

PROFILE = load_profile("ingenico-mis")
PAN = "6225880000000001"
MIDDLE = PAN[6:12]


def forms(digits: str) -> list[bytes]:
    """As text, packed, in hex, in base64 and in UTF-16."""
    packed = bytes.fromhex(digits)
    return [
        *(digits.encode(code) for code in ("ascii", "utf-16-le", "utf-16-be")),
        packed,
        packed.hex().encode(),
        *(base64.b64encode(bytes(shift) + digits.encode())[4:-4] for shift in range(3)),
    ]


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (0xDF1E, PAN.encode()),
        (0xDF1E, f"  {PAN}".encode()),
        (0xDF1E, bytes.fromhex(PAN)),
        (0xDF1E, f"{PAN}=30122010000000".encode()),
        (0xDF7B, PAN.encode()),
        (0xDF69, PAN.encode()),
        (0xDF70, f"card {PAN}.".encode()),
        (0xDF45, f"卡号{PAN}".encode("gbk")),
        (0xDFEE, b"\x01" + PAN.encode()),
        (0xDFEE, b"\x01" + bytes.fromhex(PAN)),
        (0xDFEE, bytes.fromhex("0" + PAN + "0")),
        (0xDF0A, PAN.encode()),
        (0xDF66, bytes.fromhex(PAN)),
        (0xDF46, PAN.encode()),
        (0xDF47, b"desk " + PAN.encode()),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_card_number_is_overwritten_wherever_it_stands(tag, value, nested):
    """Alone in any tag, known or not, its digits between the first six and the last four are gone."""
    frame = result(inside=[(tag, value)]) if nested else result((tag, value))
    safe = secure(PROFILE, frame)
    assert len(safe.frame) == len(frame)
    assert safe.frame[-1] == lrc(safe.frame[1:-1])
    for form in forms(PAN):
        assert form not in safe.frame
    assert PAN not in safe.frame.hex()
    assert safe.masked


@pytest.mark.parametrize(
    ("tag", "value", "kept"),
    [
        (0xDF6A, bytes.fromhex("4111111111111111"), "*" * 8),
        (0xDF6A, bytes.fromhex("0" + "4111111111111111" + "0") + "码".encode("gbk"), "*" * 11),
        (0xDF70, b"\x10" + bytes.fromhex("4111111111111111") + b"A", "*" * 10),
    ],
)
def test_a_text_is_a_text_still(tag: int, value: bytes, kept: str):
    """Packed digits in it are overwritten by nibbles that begin no character; then the whole text goes instead."""
    frame = result(inside=[(tag, value)])
    assert read(PROFILE, frame).error is None

    safe = secure(PROFILE, frame).frame

    record = read(PROFILE, safe)
    assert record.error is None
    assert [item.value for item in record.items if item.tag == tag] == [kept]
    assert len(several(PROFILE, safe)) == len(several(PROFILE, frame))


def test_the_named_card_is_gone_even_where_no_card_is_looked_for():
    """The number that DF1E names is overwritten in an order number, a reference and a desk too; its token is kept."""
    other = "6225881234567899"  # no Luhn digit: nothing but DF1E says that it is a card's
    values = [(0xDF1E, other.encode()), (0xDFBE, b"A" + other.encode() + b"Z"), (0xDF13, other.encode())]
    safe = secure(PROFILE, result(inside=values))
    assert safe.card == other
    assert other.encode() not in safe.frame
    assert several(PROFILE, safe.frame)[0].pan_masked == "622588******7899"


def test_a_masked_number_stays_as_it_is():
    """The terminal's own asterisks are not touched, and name no card."""
    for shown in (b"************84", b"622588******0001"):
        frame = result(inside=[(0xDF1E, shown)])
        safe = secure(PROFILE, frame)
        assert (safe.frame, safe.card) == (frame, None)


def test_expiry_and_cardholder_are_overwritten():
    """Whatever they look like; asterisks stay."""
    frame = result(inside=[(0xDF1F, b"30/12"), (0xDF3E, b"LI/LEI"), (0xDF03, b"RMB  1.00")])
    safe = secure(PROFILE, frame)
    assert b"30/12" not in safe.frame
    assert b"LI/LEI" not in safe.frame
    assert safe.masked == ("DF06.DF1F", "DF06.DF3E")
    assert several(PROFILE, safe.frame)[0].amount_fen == 100


def test_what_identifies_a_transaction_is_not_damaged():
    """Merchant, terminal, order and reference numbers keep their digits, though a part may look like a card's."""
    order = b"25190911565349538181" + b"4111111111111111"
    values = [(0xDF13, b"411111111111111"), (0xDF12, b"41111111"), (0xDF1A, b"411111111111"), (0xDF69, order)]
    frame = result(inside=values)
    assert secure(PROFILE, frame).frame == frame


def test_what_cannot_be_read_cannot_be_made_safe():
    """A lying length, another link's tags, a message that does not decode: no bytes are kept."""
    for data in ("DF010102DF1E10363232", "9F0100DF1E0131", "DF010101DF060402FFFFFF"):
        with pytest.raises(ProtocolError):
            secure(PROFILE, sealed(bytes.fromhex(data)))


def test_a_wrong_value_does_not_keep_the_others():
    """A bad nibble hides no other value: the card beside it, and in it, is overwritten all the same."""
    frame = result((0xDF0A, b"\xaa\xbb\xcc"), (0xDF1E, PAN.encode()), (0xDF10, PAN.encode()))
    safe = secure(PROFILE, frame)
    assert PAN.encode() not in safe.frame
    with pytest.raises(ProtocolError):
        several(PROFILE, safe.frame)


def test_a_passing_message_is_made_safe_as_on_its_own_line():
    """The same bytes, the same token, the same digest; and the card is gone from the tags around it."""
    unionpay = load_profile("unionpay")
    fields = {2: PAN, 3: "000000", 4: "000000000100", 11: "000001", 14: "3012", 22: "021", 25: "00", 49: "156"}
    fields |= {35: f"{PAN}D30122010000000", 41: "10000001", 42: "898440300000001", 52: "9F3C5AD1E7248B60"}
    message = unionpay.build("0200", fields)[2:]
    frame = sealed(build([(0xDF01, b"\1"), (0xDF06, message), (0xDFEE, b"x" + PAN.encode())], form="ber"))
    passed = Sanitiser(PROFILE, KEYS).sanitise(frame)
    alone = Sanitiser(unionpay, KEYS).sanitise(message)
    start, end = read(PROFILE, frame).message or (0, 0)
    assert passed.frame[start:end] == alone.frame
    assert (passed.card_token, passed.digest) == (alone.card_token, alone.digest)
    assert "DF06.F52" in passed.masked
    assert PAN.encode() not in passed.frame


def test_a_passing_message_is_described_by_its_own_fields():
    """Field numbers behind DF06., offsets from the frame's first byte, secrets starred, its own error placed."""
    unionpay = load_profile("unionpay")
    fields = {2: PAN, 3: "000000", 4: "000000000100", 11: "000001", 41: "10000001"}
    message = unionpay.build("0200", fields)[2:]
    frame = sealed(build([(0xDF01, b"\1"), (0xDF06, message)], form="ber"))
    said = describe(PROFILE, frame)
    at = said["fields"]["DF06.F11"]["offset"]
    assert frame[at : at + 3] == b"\0\0\1"
    assert said["mti"] == "0200"
    assert said["fields"]["DF06.F2"]["value"] == "622588******0001"
    cut = sealed(build([(0xDF01, b"\1"), (0xDF06, message[:-3])], form="ber"))
    wrong = describe(PROFILE, cut)["error"]
    start, _ = read(PROFILE, cut).message or (0, 0)
    assert wrong["field"] == "DF06.F41"
    assert wrong["offset"] > start


@pytest.mark.parametrize("tag", [0xDF1E, 0xDF1F, 0xDF3E, 0xDF70, 0xDF7B, 0xDFEE])
def test_describe_shows_no_secret(tag):
    """Masked in every row; nested rows do not show their bytes a second time."""
    frame = result(inside=[(tag, f"{PAN}=3012".encode()), (0xDF45, "沃尔玛".encode("gbk"))])
    text = str(describe(PROFILE, frame))
    assert MIDDLE + PAN[-4:] not in text
    assert PAN.encode().hex() not in text.lower()
    assert "沃尔玛" in text


VALUES = st.lists(st.tuples(st.integers(0xDF0E, 0xDFC0), st.binary(max_size=60)), max_size=5)


@given(VALUES)
@settings(deadline=None)
def test_a_safe_frame_is_safe_already_and_reads_alike(values):
    """Made safe twice is made safe once; what could be read still can, and nothing ever raises but our own errors."""
    frame = result(*[each for each in values if each[0] != 0xDF06])
    try:
        once = secure(PROFILE, frame)
    except ProtocolError:
        return
    assert secure(PROFILE, once.frame).frame == once.frame
    before, after = read(PROFILE, frame), read(PROFILE, once.frame)
    assert [(each.key, each.start, each.end) for each in before.items] == [
        (each.key, each.start, each.end) for each in after.items
    ]
    assert describe(PROFILE, frame)["profile"] == PROFILE.name

"""F59's private TLV in both widths of length, and what it says of QR payments."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.describe import describe
from protocols.errors import ProfileError
from protocols.facts import Facts, facts
from protocols.private_tlv import elements
from protocols.profile import load_profile
from protocols.sanitise import Sanitiser
from tests.protocols.conftest import KEYS, load_vectors

UNIONPAY = load_profile("unionpay")
ORDER = "58210526789879570802"  # a public message, docs/protocols.md 3


def said(width: int, mti: str = "0210", **fields: str) -> Facts:
    """The facts of a QR message whose F59 has the order number behind a length of so many digits."""
    private = f"A4{len(ORDER):0{width}d}{ORDER}".encode().hex().upper()
    base = {3: "000000", 4: "000000000100", 25: "00", 59: private, 60: "22000001000"}
    return facts(UNIONPAY.decode(UNIONPAY.build(mti, base | {int(key[1:]): value for key, value in fields.items()})))


def read(value: bytes, width: int = 0) -> dict[str, bytes]:
    """Tag -> value."""
    return {each.path: value[each.start : each.end] for each in elements(value, width)}


def test_the_public_message_with_two_digits():
    """Card number of the SIM, serial number, time, position, and a nested A2: as its source reads it."""
    value = bytes.fromhex(load_vectors()[27]["fields"]["59"])
    for width in (0, 2):
        found = read(value, width)
        assert found["12"] == b"89860617080002583993"
        assert (found["13"], found["14"], found["15"]) == (b"HFT17080301", b"20190830093435", b"00")
        assert found["17"] == b"BD30.621555,114.361954"
        assert (found["A2.01"], found["A2.02"]) == (b"02", b"0000290210015708")
        assert (found["A2.04"], found["A2.05"]) == (b"04247292", b"H7062801")
    assert read(value, 3) == {}


@pytest.mark.parametrize("width", [2, 3])
def test_the_order_number_is_in_the_facts(width):
    """Whichever width: a sale without a card is a QR sale, and names its order; so does a card's sale."""
    found = said(width)
    assert (found.txn_type, found.order_ref) == ("QR_SALE", ORDER)
    assert said(width, "0220", f3="200000", f22="032", f60="25000001000").order_ref == ORDER
    void = said(width, "0200", f3="200000", f22="031", f60="23000001000")
    assert (void.txn_type, void.order_ref) == ("VOID", ORDER)
    sale = said(width, f2="6222021234567894")
    assert (sale.txn_type, sale.order_ref) == ("SALE", ORDER)


@pytest.mark.parametrize("width", [2, 3])
def test_the_order_number_stays_readable(width):
    """Twenty digits that hold a card-like run are not taken for a card's."""
    frame = UNIONPAY.build("0210", {59: f"A4{len(ORDER):0{width}d}{ORDER}".encode().hex().upper()})
    assert Sanitiser(UNIONPAY, KEYS).sanitise(frame).frame == frame
    row = describe(UNIONPAY, frame)["fields"]["59.A4"]
    assert (row["value"], row["zh"], row["confidence"]) == (ORDER, "订单号", "public")


@given(
    st.lists(st.tuples(st.from_regex(r"[A-Z0-9]{2}", fullmatch=True), st.binary(max_size=99)), min_size=1, max_size=8)
)
def test_what_is_built_is_read_back(values):
    """Both widths, when the profile says which; and what is cut is not read at all."""
    for width in (2, 3):
        built = b"".join(tag.encode() + f"{len(value):0{width}d}".encode() + value for tag, value in values)
        found = [(each.path, built[each.start : each.end]) for each in elements(built, width) if "." not in each.path]
        assert found == values
        assert elements(built[:-1], width) == [] or not values[-1][1]


def test_three_digits_win_where_both_parse():
    """One value that reads whole either way is read as the specification's own message is."""
    value = b"A1003B00"
    assert read(value, 2) == {"A1": b"", "3B": b""}
    assert read(value, 3) == read(value) == {"A1": b"B00"}


def test_a_profile_says_the_width(tmp_path: Path):
    """tag_digits of field 59; another width is refused by name."""
    path = tmp_path / "mine.toml"
    head = (
        'name = "mine"\nextends = "unionpay"\nsource = "x"\nconfidence = "assumed"\n'
        'title = { zh-CN = "我", en = "mine" }\n[fields.59]\nsource = "x"\ntag_digits = '
    )
    path.write_text(head + "2\n")
    assert load_profile(str(path)).grammar.table[59].tag_digits == 2
    other = tmp_path / "other.toml"
    other.write_text(head + "4\n")
    with pytest.raises(ProfileError) as refused:
        load_profile(str(other))
    assert (refused.value.path, refused.value.got) == ("fields.59.tag_digits", "4")


def test_a_tip_is_in_the_facts():
    """F48 of twelve digits in a tip adjustment; totals and lists are no tip."""
    fields = {3: "000000", 4: "000000011500", 25: "00", 48: "000000001500", 60: "34000001000"}
    assert facts(UNIONPAY.decode(UNIONPAY.build("0220", fields))).tip_fen == 1500
    assert facts(UNIONPAY.decode(UNIONPAY.build("0500", {48: "0" * 62, 60: "00000001201"}))).tip_fen is None


# bytes of F62 -> its parts, by docs/protocols.md 3
WORK_KEYS = {
    24: ["pin_key", "pin_key_check", "mac_key", "mac_key_check"],
    40: ["pin_key", "pin_key_check", "mac_key", "reserved", "mac_key_check"],
    56: ["keys"],
    60: ["pin_key", "pin_key_check", "mac_key", "reserved", "mac_key_check", "track_key", "track_key_check"],
    64: ["keys"],
    80: ["keys"],
    84: ["keys"],
    104: ["keys"],
}


@pytest.mark.parametrize("size", WORK_KEYS)
def test_work_keys_are_named_and_overwritten(size):
    """Each key's place by the answer's length; nothing of it is shown or kept."""
    secret = bytes(range(1, size + 1))
    frame = UNIONPAY.build("0810", {39: "00", 60: "00000001003", 62: secret.hex().upper()})
    rows = describe(UNIONPAY, frame)["fields"]
    assert [key.partition(".")[2] for key in rows if key.startswith("62.")] == WORK_KEYS[size]
    assert sum(row["length"] for key, row in rows.items() if key.startswith("62.")) == size
    assert all(set(row["value"]) == {"*"} for key, row in rows.items() if key.startswith("62"))
    assert not set(secret[4:]) & set(Sanitiser(UNIONPAY, KEYS).sanitise(frame).frame[-size:])

"""A harmless wrong value in front of a broken end does not get that end on a disk."""

import pytest

from protocols.errors import ProtocolError
from protocols.fixed_record.layout import ANSWER
from protocols.profile import load_profile
from tests.fuzz.links import enveloped

CARD = b"6222021234567894"


def _answer() -> bytes:
    values = {"message": b"\x81\x20" * 20, "rrn": CARD[:11] + b"-"}
    return b"".join(values.get(each.name, b"0" * each.width) for each in ANSWER.fields)


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("zvt-tcp", bytes.fromhex("040F1B27000400000000000AF9") + b"\x11" + CARD, "unknown_field"),
        ("caisse-ap", b"CZ004030xAE00210AA099" + CARD, "short"),
        ("ingenico-mis", bytes.fromhex("DF010102DF0A031A0000DF1E50") + CARD, "short"),
        ("chinaums-bankall", _answer(), "word"),
    ],
    ids=["zvt", "caisse-ap", "ingenico", "bankall"],
)
def test_a_broken_end_behind_a_wrong_value_is_refused(name: str, body: bytes, code: str) -> None:
    """The first error is a wrong digit or a text that is no GBK; what decides is whether the rest can be told apart."""
    profile = load_profile(name)
    frame = enveloped(profile, body)
    told = profile.speech.describe(profile, frame).said["error"]

    with pytest.raises(ProtocolError) as refused:
        profile.speech.secure(profile, frame)

    assert refused.value.code == code
    assert told["code"] != code
    assert told["offset"] < (refused.value.offset or 0)


def test_a_card_number_is_hidden_wherever_the_message_says_it_again() -> None:
    """Caisse-AP: a tag that nobody knows says the number of AA before it; without a Luhn digit it is hidden too."""
    profile = load_profile("caisse-ap")
    frame = b"CZ0040300BB016" + b"6222021234597688" + b"AE00210AA016" + b"6222021234597688"

    secured = profile.speech.secure(profile, frame)

    assert secured.card == "6222021234597688"
    assert secured.frame == b"CZ0040300BB016622202******7688AE00210AA016622202******7688"

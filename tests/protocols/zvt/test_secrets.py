"""Nothing secret leaves the sanitiser; what the terminal masked itself stays as it is."""

import pytest

from protocols.errors import DecodeError, FrameError
from protocols.profile import load_profile
from protocols.sanitise import Sanitiser
from protocols.zvt.apdu import read
from protocols.zvt.facts import of_apdu
from protocols.zvt.link import deframer, wrap
from tests.protocols.conftest import KEYS

SERIAL, TCP = load_profile("zvt"), load_profile("zvt-tcp")
PAN = "4761739001010010"


def status(*parts: str) -> bytes:
    """A status information of hex parts."""
    body = bytes.fromhex("".join(parts))
    return b"\x04\x0f" + (bytes([len(body)]) if len(body) < 255 else b"\xff" + len(body).to_bytes(2, "little")) + body


SECRETS = status(
    "2700 04000000001000 0B000042",
    "0E3012",
    f"22F0F8{PAN}",
    f"23F1F9{PAN}D30122010000000000000F",
    "24F0F0F8" + "0123456789ABCDEF",
    "2DF1F6" + f"B{PAN}^TEST".encode().ljust(16)[:16].hex(),
    "3A0123",
    "3D314159",
    f"92F0F1F2{PAN}30129999",
    f"A7F1F2{PAN}30129999",
    f"AFF0F1F2{PAN}30129999",
    "3CF0F1F6" + PAN.encode().hex(),
    "8BF0F4" + b"VISA".hex(),
    "0612" + "0710" + PAN.encode().hex(),
)


@pytest.mark.parametrize("profile", [SERIAL, TCP], ids=lambda each: each.name)
def test_no_secret_is_left(profile):
    """Card number, expiry, all three tracks and check value are gone: packed, and written out in texts."""
    frame = wrap(SECRETS, profile.link.envelope)
    safe = Sanitiser(profile, KEYS).sanitise(frame)
    plain = read(safe.frame, "zvt").data
    for secret in (
        bytes.fromhex(PAN),
        PAN.encode(),
        b"73900101",
        bytes.fromhex("3012"),
        bytes.fromhex("0123"),
        bytes.fromhex("314159"),
        bytes.fromhex("9999"),
        b"TEST",
    ):
        assert secret not in plain
    assert safe.card_token == Sanitiser(profile, KEYS).token(PAN)
    assert {"22", "23", "24", "2D", "0E", "3A", "3C", "3D", "92", "A7", "AF", "06.07"} <= set(safe.masked)
    assert read(safe.frame, "zvt").error is None
    assert of_apdu(read(safe.frame, "zvt")).pan_masked == "476173******0010"


@pytest.mark.parametrize("tag", ["1F7F", "07"], ids=["unknown", "text"])
@pytest.mark.parametrize("shift", ["", "0"], ids=["whole", "across-nibbles"])
def test_the_named_card_is_gone_from_where_no_card_belongs(shift: str, tag: str):
    """Of no known network and without a check digit, packed into an unknown tag or a text: but the message names it."""
    odd = "9912345678901234"
    packed = f"{shift}{odd}{shift}"
    value = f"{tag}{len(packed) // 2:02X}{packed}"
    frame = status("2700", f"22F0F8{odd}", f"06{len(value) // 2:02X}{value}")
    safe = Sanitiser(TCP, KEYS).sanitise(frame)
    assert odd not in safe.frame.hex()
    assert odd[6:12] not in safe.frame.hex()
    assert {"22", f"06.{tag}"} <= set(safe.masked)


def test_a_safe_frame_is_a_frame_again():
    """The CRC is made anew, and the deframer takes it."""
    frame = wrap(SECRETS, "dle")
    safe = Sanitiser(SERIAL, KEYS).sanitise(frame)
    assert [event.data for event in deframer(SERIAL).feed(safe.frame)] == [safe.frame]  # type: ignore[union-attr]
    shorter = frame.count(b"\x10\x10") - safe.frame.count(b"\x10\x10")
    assert len(safe.frame) == len(frame) - shorter


def test_the_digest_is_the_messages_own():
    """The same message by serial and by TCP has one digest, and masking again changes nothing."""
    by_wire = Sanitiser(SERIAL, KEYS).sanitise(wrap(SECRETS, "dle"))
    by_net = Sanitiser(TCP, KEYS).sanitise(SECRETS)
    assert by_wire.digest == by_net.digest
    assert Sanitiser(TCP, KEYS).sanitise(by_net.frame).frame == by_net.frame


def test_the_terminals_own_mask_stays():
    """Nibbles E are the terminal's word that it does not tell; they make no token."""
    frame = status("22F0F8559883EEEEEE8074")
    safe = Sanitiser(TCP, KEYS).sanitise(frame)
    assert (safe.frame, safe.card_token) == (frame, None)
    assert of_apdu(read(safe.frame, "zvt")).pan_masked == "559883******8074"


def test_a_password_is_overwritten():
    """Commands carry the terminal's password."""
    safe = Sanitiser(TCP, KEYS).sanitise(bytes.fromhex("065003123456"))
    assert safe.frame == bytes.fromhex("065003FFFFFF")


@pytest.mark.parametrize(
    ("frame", "code", "path", "offset"),
    [
        ("040F04270055AA", "unknown_field", "55", 5),
        ("040F0322F2F0", "short", "22", 6),
        ("040F0322F09A", "length", "22", 5),
        ("040F", "length", "", 2),
    ],
)
def test_what_cannot_be_told_apart_cannot_be_kept(frame, code, path, offset):
    """An unknown bitmap, a lying counter, a length that is not there: refused, with field and place."""
    with pytest.raises((DecodeError, FrameError)) as refused:
        Sanitiser(TCP, KEYS).sanitise(bytes.fromhex(frame))
    assert (refused.value.code, refused.value.path, refused.value.offset) == (code, path, offset)

"""Frames of the DFxx link: the two public ones tag by tag, hand-written ones, and what is wrong with wrong ones."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.deframe import Control, Frame, Noise
from protocols.envelope import lrc
from protocols.errors import ProtocolError
from protocols.mis.link import wrap
from protocols.mis.tlv import build
from protocols.mis_df import tags
from protocols.mis_df.facts import several
from protocols.mis_df.record import read
from protocols.profile import load_profile
from tests.protocols.conftest import VECTORS

PROFILE = load_profile("ingenico-mis")
PUBLIC: list[dict[str, Any]] = json.loads((VECTORS / "mis_frames.json").read_text("utf-8"))


def sealed(data: bytes) -> bytes:
    """A frame around data, written out by hand: the length in BCD, the LRC over length to ETX."""
    covered = bytes.fromhex(f"{len(data):04d}") + data + b"\x03"
    return b"\x02" + covered + bytes((lrc(covered),))


def result(*values: tuple[int, bytes], inside: list[tuple[int, bytes]] | None = None, code: int = 0x45) -> bytes:
    """A result to echo 1234, approved unless it says otherwise."""
    nested = [] if inside is None else [(tags.NESTED, build(inside, form="ber"))]
    head = [(tags.MODE, b"\x02"), (tags.CODE, bytes((code,))), (tags.ECHO, b"\x12\x34")]
    return sealed(build([*head, *nested, *values], form="ber"))


def mended(hexed: str) -> bytes:
    """A public dump with the LRC that its rule asks for; the stated one is 0F away, and was probably edited."""
    frame = bytearray(bytes.fromhex(hexed))
    frame[-1] = lrc(frame[1:-1])
    return bytes(frame)


@pytest.mark.parametrize("public", PUBLIC, ids=["void", "sale"])
def test_the_public_frames_tag_by_tag(public):
    """Every tag, nested ones too, with its stated bytes in their order."""
    frame = mended(public["hex"])
    record = read(PROFILE, frame)
    stated = []
    for name, value, length, *nested in public["tlv"]:
        stated.append((name, value, length))
        stated += [(f"{name}.{inner}", raw, size) for inner, raw, size in (nested[0] if nested else [])]
    found = [(each.key, frame[each.start : each.end].hex().upper(), each.end - each.start) for each in record.items]
    assert record.error is None
    assert found == stated


@pytest.mark.parametrize("public", PUBLIC, ids=["void", "sale"])
def test_the_stated_lrc_is_refused(public):
    """The dumps' own LRC does not agree: such a frame is noise on the line, and described with its error."""
    frame = bytes.fromhex(public["hex"])
    with pytest.raises(ProtocolError) as wrong:
        PROFILE.facts(frame)
    assert (wrong.value.code, wrong.value.offset) == ("lrc", len(frame) - 1)
    assert not any(isinstance(each, Frame) for each in PROFILE.deframer().feed(frame))


def test_what_the_public_sale_says():
    """Terminal, merchant, batch, trace, receipt, reference number, clock and card; RMB  0.20 is twenty fen."""
    (sale,) = several(PROFILE, mended(PUBLIC[1]["hex"]))
    assert (sale.txn_type, sale.amount_fen, sale.currency, sale.outcome) == ("QR_SALE", 20, "156", "approved")
    assert (sale.terminal_id, sale.merchant_id) == ("15221155", "104152253311021")
    assert (sale.batch_no, sale.stan, sale.receipt_no, sale.rrn) == (130911, 65, 5, "925498334778")
    assert (sale.host_time, sale.pan_masked, sale.auth_code) == (("0911", "154213"), "************84", None)


def test_what_the_public_void_says():
    """A void states a negative amount; the amount of a transaction has no sign. It names its original's receipt."""
    (void,) = several(PROFILE, mended(PUBLIC[0]["hex"]))
    assert (void.txn_type, void.amount_fen, void.receipt_no, void.orig_receipt_no) == ("VOID", 20, 6, 5)


def test_a_command_by_hand():
    """Written out byte by byte: kind, echo, code, packed amount."""
    frame = sealed(bytes.fromhex("DF010100DF04021234DF020145DF08025555DF0306000000000002"))
    assert frame[:3] == bytes.fromhex("020027")
    (asked,) = several(PROFILE, frame)
    assert (asked.is_request, asked.txn_type, asked.amount_fen) == (True, "QR_SALE", 2)
    void = bytes.fromhex("DF010100DF04021234DF020146DF0306000000000020DF1803000005DF17020911")
    assert several(PROFILE, sealed(void))[0].orig_receipt_no == 5


@pytest.mark.parametrize(
    ("raw", "fen"),
    [
        (b"RMB  0.02", 2),
        (b"RMB  0.20", 20),
        (b"RMB 90071992.54", 9_007_199_254),
        (b"RMB 4503.5996", None),
        (b"RMB 1234567890.12", 123_456_789_012),
        (b"RMB -0.20", 20),
        (b"0.29", 29),
        (bytes.fromhex("000000000029"), 29),
        (b"000000000029", 29),
    ],
)
def test_amounts_are_exact(raw, fen):
    """Yuan and fen are digits, never a fraction: no amount is off by one."""
    frame = result((tags.RESPONSE, b"00"), inside=[(tags.AMOUNT, raw)])
    if fen is None:
        with pytest.raises(ProtocolError):
            several(PROFILE, frame)
        return
    assert several(PROFILE, frame)[0].amount_fen == fen


@given(st.integers(0, 10**12 - 1))
def test_an_amount_in_any_writing_is_the_same(fen):
    """Packed, in digits, or in yuan: the same fen."""
    yuan = f"RMB {fen // 100:>4}.{fen % 100:02d}".encode()
    writings = (bytes.fromhex(f"{fen:012d}"), f"{fen:012d}".encode(), yuan)
    frames = [result((tags.RESPONSE, b"00"), inside=[(tags.AMOUNT, raw)]) for raw in writings]
    assert {several(PROFILE, frame)[0].amount_fen for frame in frames} == {fen}


def test_every_listed_tag_is_named():
    """Each tag of the public tables has a Chinese and an English name; an unknown one keeps its bytes."""
    listed = [*range(0xDF01, 0xDF08), 0xDF0A, 0xDF0B, *range(0xDF10, 0xDF14), *range(0xDF16, 0xDF23)]
    listed += [*range(0xDF24, 0xDF29), 0xDF2C, 0xDF2F, *range(0xDF30, 0xDF37), *range(0xDF3D, 0xDF4E)]
    listed += [*range(0xDF50, 0xDF66), 0xDF69, 0xDF6A, *range(0xDF6C, 0xDF73), *range(0xDF82, 0xDF89), 0xDF8F]
    assert [f"{tag:04X}" for tag in (*listed, 0xDF90, 0xDFBE) if tag not in tags.TAGS] == []
    assert all(each.zh and each.en and each.name for each in tags.TAGS.values())
    record = read(PROFILE, result((0xDFEE, b"\x01\xff\x80")))
    assert record.fields["DFEE"] == "01FF80"


TAG_VALUES = st.lists(st.tuples(st.integers(0xDF91, 0xDFA0), st.binary(max_size=300)), max_size=3)


@given(TAG_VALUES)
def test_build_read_build_is_the_identity(values):
    """Tags nobody knows, of any length form, come back byte by byte."""
    frame = result(*values)
    record = read(PROFILE, frame)
    again = build([(each.tag, frame[each.start : each.end]) for each in record.items], form="ber")
    assert record.error is None
    assert wrap(PROFILE.link, again) == frame


@given(st.binary(max_size=40).filter(lambda noise: 2 not in noise), st.data())
@settings(deadline=None)
def test_frames_are_found_in_noise_in_any_chunking(noise, data):
    """The lone ACK before an answer is a control; frame, noise and controls add up."""
    frames = [mended(each["hex"]) for each in PUBLIC]
    stream = noise + b"".join(b"\x06" + frame for frame in frames)
    deframer = PROFILE.deframer()
    events, at = [], 0
    while at < len(stream):
        step = data.draw(st.integers(1, 300))
        events += deframer.feed(stream[at : at + step])
        at += step
    events += deframer.flush()
    assert [each.data for each in events if isinstance(each, Frame)] == frames
    sizes = [len(e.data) if isinstance(e, Frame) else 1 if isinstance(e, Control) else e.length for e in events]
    assert sum(sizes) == len(stream)


def test_a_prefix_needs_more_and_a_flipped_byte_is_corrupt():
    """No prefix of a frame is a frame, and none is noise yet; with any byte changed it is none."""
    frame = mended(PUBLIC[1]["hex"])
    for size in range(1, len(frame)):
        deframer = PROFILE.deframer()
        assert deframer.feed(frame[:size]) == []
        assert deframer.pending == size
    for at in range(len(frame)):
        flipped = bytearray(frame)
        flipped[at] ^= 0x40
        deframer = PROFILE.deframer()
        events = [*deframer.feed(bytes(flipped)), *deframer.flush()]
        assert not any(isinstance(each, Frame) and each.data == bytes(flipped) for each in events), at
        assert any(isinstance(each, Noise) for each in events)


@pytest.mark.parametrize("nibble", range(12))
def test_a_bad_nibble_is_named(nibble):
    """Each nibble of a packed amount, batch and trace number: the byte it is in, and the tag's path."""
    digits = list("000000000020")
    digits[nibble] = "C"
    frame = result(inside=[(tags.RECEIPT, b"\0\0\1"), (tags.AMOUNT, bytes.fromhex("".join(digits)))])
    start = read(PROFILE, frame).spans["DF06.DF03"][0]
    with pytest.raises(ProtocolError) as wrong:
        several(PROFILE, frame)
    assert (wrong.value.code, wrong.value.path, wrong.value.offset) == ("bcd", "DF06.DF03", start + nibble // 2)


@pytest.mark.parametrize(
    ("data", "code", "path", "offset"),
    [
        ("DF0101", "short", "DF01", 6),
        ("9F0100", "mode", "DF01", 3),
        ("DF010102DF", "tag", "", 7),
        ("DF010102DF07", "length", "DF07", 9),
        ("DF010102DF0780", "length", "DF07", 9),
        ("DF010102DF0783000001", "length", "DF07", 9),
        ("DF010102DF068105DF0201", "short", "DF06", 11),
        ("DF010102DF068203FFDF0201", "short", "DF06", 12),
        ("DF010102DF0682", "length", "DF06", 9),
        ("DF010102DF0604DF020245", "short", "DF06.DF02", 13),
        ("DF010102DF0603DF0A03", "short", "DF06.DF0A", 13),
        ("DF010102DF0607DF0A0400000165", "width", "DF06.DF0A", 13),
        ("DF010102DF0A0400000165", "width", "DF0A", 10),
        ("DF010102DF4502CEFF", "gbk", "DF45", 10),
        ("DF010102DF4504CEDACE20", "gbk", "DF45", 12),
        ("DF010102DF1D06313541323133", "digits", "DF1D", 12),
        ("DF010102DF0303524D42", "amount", "DF03", 10),
    ],
)
def test_what_is_wrong_is_named_with_its_place(data, code, path, offset):
    """Lying lengths, cut nests, no digits, no GBK: the failing part's path and first byte."""
    frame = sealed(bytes.fromhex(data))
    record = read(PROFILE, frame)
    assert record.error is not None
    assert record.error.code == code
    assert (record.error.path, record.error.offset) == (path, offset)


def test_a_character_cut_in_half_at_the_end_loses_nothing_else():
    """A name that a fixed width cut: the text before it is read, the frame is no reject."""
    record = read(PROFILE, result((0xDF45, "沃尔玛".encode("gbk")[:5])))
    assert record.error is None
    assert record.fields["DF45"] == "沃尔"


def test_an_error_shows_no_payload():
    """What is printed of a wrong frame are places and kinds, never bytes."""
    frame = result((0xDF1E, b"6225880000000001"), (0xDF1D, b"15x213"))
    with pytest.raises(ProtocolError) as wrong:
        several(PROFILE, frame)
    assert "6225" not in str(wrong.value)
    assert "15x" not in str(wrong.value)


def test_words_that_are_no_tags_are_no_rejects():
    """The terminal's own notices, a receipt number behind ACKACK and its log, are read and make no row."""
    (told,) = several(PROFILE, sealed(b"ACKACK000065"))
    assert told.kind == "handshake"
    (told,) = several(PROFILE, sealed(b"LOGLOG 6225880000000001"))
    assert told.kind == "handshake"

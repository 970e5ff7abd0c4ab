"""From a line's bytes to records: every byte is counted, and no secret and no noise gets through."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.keys import derive
from ingest.recording import Recorder
from ingest.records import NO_DIGEST, Kind, PendingRecord
from protocols.profile import load_profile

KEYS = derive("t1", bytes(32))
PAN = "6222021234567890123"  # a test number: no issuer, Luhn not met
PROFILES = ["unionpay", "lakala", "leshua", "shengpay"]


def sale(profile: str, stan: int = 1, **more: str) -> bytes:
    fields = {2: PAN, 3: "000000", 4: "000000010000", 11: f"{stan:06d}", 22: "021", 41: "12345678",
              42: "123456789012345", 49: "156"}  # fmt: skip
    fields |= {int(name[1:]): value for name, value in more.items()}
    return load_profile(profile).build("0200", fields)


def recorder(profile: str = "unionpay") -> Recorder:
    return Recorder(load_profile(profile), KEYS, "lane-1")


def accounted(one: Recorder, direction: str = "rx") -> int:
    counters = one.counters("rx" if direction == "rx" else "tx")
    return counters.frame_bytes + counters.noise_bytes + counters.control_bytes


@pytest.mark.parametrize("profile", PROFILES)
def test_a_frame_becomes_one_safe_record(profile: str) -> None:
    """Same length, masked card, token, digest, both clocks; nothing of the card number is left."""
    frame = sale(profile)
    one = recorder(profile)
    (record,) = one.feed("rx", frame, 111, 222)
    assert (record.kind, record.line, record.profile, record.direction) == (Kind.FRAME, "lane-1", profile, "rx")
    assert (record.wall_ns, record.mono_ns, record.length) == (111, 222, len(frame))
    assert len(record.frame) == len(frame)
    assert record.card_token is not None
    assert record.card_token.startswith("tt1.")
    assert PAN[6:15] not in record.frame.hex()
    assert PAN[:6] in record.frame.hex()


def test_the_same_bytes_have_the_same_digest_whatever_the_line() -> None:
    """A digest depends on the message and the key alone."""
    digests = {recorder(profile).feed("rx", sale(profile), 1, 1)[0].digest for profile in PROFILES}
    assert len(digests) == 1
    assert recorder().feed("rx", sale("unionpay", 2), 1, 1)[0].digest not in digests


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("chunk", [1, 7, 10_000])
def test_every_byte_is_accounted_for(profile: str, chunk: int) -> None:
    """Frame, noise and control bytes add up to the bytes fed, however they are cut, and all frames are found."""
    noise = random.Random(7)
    stream = b""
    for stan in range(1, 9):
        stream += noise.randbytes(noise.randrange(40)) + sale(profile, stan)
    stream += sale(profile, 9)[:20]
    one, records = recorder(profile), list[PendingRecord]()
    for start in range(0, len(stream), chunk):
        records += one.feed("rx", stream[start : start + chunk], 1, 1)
    records += one.flush("rx", 2, 2)
    assert one.pending("rx") == 0
    assert accounted(one) == len(stream)
    assert one.counters("rx").frames == 8
    assert sum(record.length for record in records) + one.counters("rx").control_bytes == len(stream)


def test_noise_has_no_bytes_and_no_digest() -> None:
    """Of noise a record keeps its length and why it is none."""
    one = recorder()
    records = one.feed("rx", b"\xa5" * 300, 1, 1) + one.flush("rx", 1, 1)
    (record,) = records
    assert (record.kind, record.length, record.frame, record.digest) == (Kind.NOISE, 300, b"", NO_DIGEST)
    assert record.error is not None
    assert record.error["layer"] == "link"


def test_a_frame_that_cannot_be_parsed_leaves_digest_length_and_error() -> None:
    """An STX frame is framed by its own bytes; when its message is not one, no byte of it is kept."""
    frame = bytearray(sale("leshua"))
    body = frame.index(bytes.fromhex("0200"), 10)
    frame[body + 1] ^= 0x0F  # a nibble of the MTI
    frame[-1] ^= 0x0F  # and the LRC with it
    one = recorder("leshua")
    (record,) = one.feed("rx", bytes(frame), 1, 1)
    assert record.kind is Kind.NOISE
    assert record.frame == b""
    assert record.length == len(frame)
    assert record.digest != NO_DIGEST
    assert record.error is not None
    assert PAN not in str(record)
    assert (one.counters("rx").unparsable, one.counters("rx").frames) == (1, 0)
    assert accounted(one) == len(frame)


def test_the_two_directions_do_not_mix() -> None:
    """Half a frame of one direction waits while the other's goes through."""
    request, answer = sale("unionpay", 1), sale("unionpay", 2)
    one = recorder()
    assert one.feed("rx", request[:30], 1, 1) == []
    assert [record.direction for record in one.feed("tx", answer, 1, 1)] == ["tx"]
    assert one.pending("rx") == 30
    assert [record.direction for record in one.feed("rx", request[30:], 1, 1)] == ["rx"]


def test_flushing_what_never_spoke_is_nothing() -> None:
    """A direction without bytes has nothing to end."""
    assert recorder().flush("tx", 1, 1) == []
    assert recorder().pending("tx") == 0


def secrets() -> Iterable[tuple[str, bytes]]:
    """Each way a card secret can stand in a frame, and what must not be found of it."""
    yield "PAN in BCD", bytes.fromhex(PAN[6:14])
    yield "PAN in text", PAN.encode()
    yield "track 2", bytes.fromhex("4912120123456789")


def test_no_secret_reaches_a_record() -> None:
    """Track, expiry and card number of a frame are in no byte of what is written."""
    frame = sale("unionpay", f14="4912", f35=f"{PAN[:6]}0000000000000=49121201234567890"[:37].replace("=", "D"))
    one = recorder()
    records = one.feed("rx", frame, 1, 1) + one.flush("rx", 1, 1)
    assert len(records) == 1
    kept = records[0].frame
    for name, secret in secrets():
        assert secret not in kept, name
    assert "49121201234567890" not in kept.hex()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=8), st.sampled_from(PROFILES))
def test_garbage_is_counted_to_the_byte(chunks: list[bytes], profile: str) -> None:
    """Whatever comes over a line: no exception, no byte unaccounted for, none kept."""
    one, records = recorder(profile), list[PendingRecord]()
    for chunk in chunks:
        records += one.feed("rx", chunk, 1, 1)
    records += one.flush("rx", 1, 1)
    assert accounted(one) == sum(map(len, chunks))
    assert all(record.kind is not Kind.NOISE or record.frame == b"" for record in records)


@given(st.lists(st.integers(1, 40), max_size=30))
def test_a_record_has_the_time_of_its_last_byte(cuts: list[int]) -> None:
    """Whether a message says its end, the next one shows it or a silence does, and however the bytes are cut."""
    messages = [f"CZ0040300CB004{number:04d}".encode() for number in range(4)]
    stream = b"".join(messages)
    one = recorder("caisse-ap")
    records, arrived, at = [], [], 0
    for cut in [*cuts, len(stream)]:
        piece = stream[at : at + cut]
        at += len(piece)
        arrived += [at * 10] * len(piece)
        records += one.feed("tx", piece, at * 10, at * 10 + 1) if piece else []
    records += one.flush("tx", 10**6, 10**6)
    ends = [sum(map(len, messages[: index + 1])) for index in range(4)]
    assert [(record.wall_ns, record.mono_ns) for record in records] == [
        (arrived[end - 1], arrived[end - 1] + 1) for end in ends
    ]

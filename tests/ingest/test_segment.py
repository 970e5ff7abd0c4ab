"""The bytes of a segment: what is written comes back, and nothing wrong goes unseen."""

import dataclasses
import hashlib
import itertools
import random
import re
import uuid
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.batch import Batch, Known
from ingest.records import DIGEST_SIZE, Kind, PendingRecord, Record, encode_payload, session
from ingest.segment import (
    CHAIN_SIZE,
    FOOTER_SIZE,
    HEADER_SIZE,
    MAX_PAYLOAD,
    NO_CHAIN,
    RECORD_OVERHEAD,
    Chain,
    Damage,
    Footer,
    Header,
    Ports,
    Raw,
    decode_header,
    encode_footer,
    encode_frame,
    encode_header,
    encode_record,
    read_footer,
    read_raw,
    walk,
)

CHAIN = Chain(b"c" * 32)
FIRST = 41


def frame(number: int, body: bytes = b"") -> PendingRecord:
    return PendingRecord(
        Kind.FRAME, "lane-1", "p", 1_700_000_000_000_000_000 + number, number, "rx",
        frame=body or bytes([number % 256]) * 60, digest=number.to_bytes(DIGEST_SIZE, "big"),
        card_token="tk.X", length=60,
    )  # fmt: skip


def build(count: int = 100, *, first: int = FIRST, sealed: bool = True, start: int = 0) -> tuple[bytes, list[int]]:
    """A segment of a session and frames, and the byte at which each of its parts begins."""
    data = encode_header(Header(uuid.UUID(int=7).hex, first, 5, "k1"))
    link, offsets = CHAIN.link(data), []
    for number in range(count):
        record = frame(start + number) if number else session("lane-1", "p", {"mode": "listen"}, wall_ns=1)
        one = encode_record(record, seq=first + number, port_id=1, boot_id=9, chain=link)
        offsets.append(len(data))
        data += one
        link = CHAIN.link(one)
    offsets.append(len(data))
    if sealed:
        footer = Footer(count, first, first + count - 1, hashlib.sha256(data).hexdigest(), 6)
        data += encode_footer(footer, boot_id=9, chain=link)
    return data, offsets


def read(data: bytes, chain: Chain | None = CHAIN) -> tuple[list[Record], list[Damage]]:
    ports, records, damages = Ports(), [], []
    for entry in walk(data, chain):
        if isinstance(entry, Raw):
            records.append(ports.decode(entry))
        elif isinstance(entry, Damage):
            damages.append(entry)
    return records, damages


text = st.text(st.characters(codec="utf-8"), max_size=20)
facts = st.dictionaries(text, st.one_of(text, st.integers(-(2**53), 2**53), st.booleans(), st.none()), max_size=4)
frames = st.builds(
    PendingRecord,
    st.just(Kind.FRAME), st.just("lane-1"), st.just("p"), st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**64 - 1),
    st.sampled_from(["rx", "tx"]),
    frame=st.binary(max_size=300), digest=st.binary(min_size=DIGEST_SIZE, max_size=DIGEST_SIZE),
    card_token=st.none() | st.text("abc.XYZ234567", min_size=1, max_size=80),
)  # fmt: skip
noises = st.builds(
    PendingRecord,
    st.just(Kind.NOISE), st.just("lane-1"), st.just("p"), st.integers(0, 2**62), st.integers(0, 2**62),
    st.sampled_from(["rx", "tx"]),
    digest=st.binary(min_size=DIGEST_SIZE, max_size=DIGEST_SIZE), length=st.integers(0, 2**32 - 1),
    error=facts.filter(bool),
)  # fmt: skip
others = st.builds(
    PendingRecord, st.sampled_from([Kind.GAP, Kind.EVENT]), st.just("lane-1"), st.just("p"), st.integers(0, 2**62),
    facts=facts,
)  # fmt: skip


@given(st.one_of(frames, noises, others), st.integers(1, 2**64 - 1), st.none() | st.integers(1, 2**64 - 1))
def test_a_record_comes_back_as_it_was(pending: PendingRecord, seq: int, dup_of: int | None) -> None:
    """Every value of every kind of record survives the disk."""
    encoded = encode_record(pending, seq=seq, port_id=1, boot_id=3, chain=b"12345678", dup_of=dup_of)
    raw = read_raw(encoded, 0)
    assert raw is not None
    assert (raw.end, raw.seq, raw.chain) == (len(encoded), seq, b"12345678")
    record = Ports({1: ("lane-1", "p")}).decode(raw)
    for name in (
        "kind",
        "line",
        "profile",
        "wall_ns",
        "mono_ns",
        "direction",
        "frame",
        "digest",
        "card_token",
        "error",
    ):
        assert getattr(record, name) == getattr(pending, name), name
    assert record.facts == pending.facts
    assert record.boot_id == 3
    assert record.dup_of == (dup_of if pending.kind is Kind.FRAME else None)


@given(
    frames, st.integers(1, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1),
    st.binary(min_size=CHAIN_SIZE, max_size=CHAIN_SIZE), st.none() | st.integers(1, 2**64 - 1),
)  # fmt: skip
def test_a_frame_is_encoded_in_one_piece_as_any_record_is(
    frame: PendingRecord, seq: int, port: int, boot: int, chain: bytes, dup_of: int | None
) -> None:
    """The short way makes the same bytes."""
    short = encode_frame(frame, seq, port, boot, chain, dup_of)
    assert short == encode_record(frame, seq=seq, port_id=port, boot_id=boot, chain=chain, dup_of=dup_of)


@given(st.data(), st.lists(st.one_of(frames, noises, others), max_size=12))
def test_a_batch_added_at_once_is_the_batch_added_one_by_one(data: Any, records: list[PendingRecord]) -> None:
    """Bytes, numbers and all that the next batch stands on: on new lines, on known ones, and of frames seen before."""
    lines, profiles = st.sampled_from(["lane-1", "lane-2", "lane-3"]), st.sampled_from(["p", "p", "q"])
    records = [dataclasses.replace(each, line=data.draw(lines), profile=data.draw(profiles)) for each in records]
    if records:
        records += [data.draw(st.sampled_from(records)) for _ in range(data.draw(st.integers(0, 4)))]
    known = Known({("lane-1", "rx"): OrderedDict({each.digest: 3 for each in records[::3]})})
    known.sessions["lane-1"] = (1, session("lane-1", "p", {}, wall_ns=1))
    at_once, singly = (Batch(7, bytes(CHAIN_SIZE), CHAIN, 9, known) for _ in range(2))
    assert at_once.add_all(records) == [singly.add(record) for record in records]
    assert at_once == singly


@given(st.binary(max_size=400))
def test_any_bytes_can_be_walked(noise: bytes) -> None:
    """Bytes that are no segment are damage, never an exception, and every byte of them is named."""
    damages = [entry for entry in walk(noise) if isinstance(entry, Damage)]
    assert sum(damage.length for damage in damages) == len(noise)


def test_the_record_is_laid_out_as_documented() -> None:
    """Widths and order of docs/spool-format.md: 48 bytes, payload, CRC-32C."""
    one = encode_record(frame(1), seq=0x0102030405060708, port_id=0x11121314, boot_id=0x21222324, chain=b"CHAINCHA")
    assert RECORD_OVERHEAD == 52
    assert one[:4] == bytes.fromhex("F15E0112")
    assert int.from_bytes(one[4:8], "big") == len(one) - RECORD_OVERHEAD
    assert one[8:20] == bytes.fromhex("010203040506070811121314")
    assert one[36:48] == bytes.fromhex("21222324") + b"CHAINCHA"
    assert HEADER_SIZE == 72
    assert FOOTER_SIZE == 52 + 56


def test_a_sound_segment_reads_whole() -> None:
    """Header, records in order, footer; no damage."""
    data, _ = build()
    records, damages = read(data)
    assert [record.seq for record in records] == list(range(FIRST, FIRST + 100))
    assert damages == []
    footer = read_footer(data)
    assert footer is not None
    assert (footer.count, footer.first_seq, footer.last_seq) == (100, FIRST, FIRST + 99)


@pytest.mark.slow
def test_a_segment_cut_anywhere_keeps_exactly_its_whole_records(record_property: Any) -> None:
    """Whatever byte a power cut stops at, every record before it is read, and nothing else."""
    data, offsets = build(100, sealed=False)
    whole = 0
    for cut in range(len(data)):
        while whole + 1 < len(offsets) and offsets[whole + 1] <= cut:
            whole += 1
        records, damages = read(data[:cut])
        assert [record.seq for record in records] == list(range(FIRST, FIRST + (whole if cut >= offsets[1] else 0))), (
            cut
        )
        torn = cut not in offsets
        assert bool(damages) == torn, cut
        assert all(damage.torn for damage in damages)
    record_property("tried", f"a segment of 100 records cut at each of {len(data)} bytes")
    record_property("lost", "0 whole records")


@pytest.mark.parametrize(
    "tail", [bytes(1), bytes(4096), b"\xff" * 700, b"\xf1\x5e" * 40], ids=["zero", "page", "ones", "magic"]
)
def test_garbage_after_the_last_record_is_torn(tail: bytes) -> None:
    """A tail of zero pages or noise takes no record with it."""
    data, _ = build(20, sealed=False)
    records, damages = read(data + tail)
    assert len(records) == 20
    assert [(damage.offset, damage.length, damage.torn) for damage in damages] == [(len(data), len(tail), True)]


def test_no_flipped_bit_goes_unseen() -> None:
    """Of 300 random single-bit flips none is read as if nothing had happened, and no other record is lost."""
    data, _ = build(100)
    sound, _ = read(data)
    random_bits = random.Random(20261121)
    for _ in range(300):
        place = random_bits.randrange(len(data) * 8)
        broken = bytearray(data)
        broken[place // 8] ^= 1 << place % 8
        records, damages = read(bytes(broken))
        assert damages, place
        # A session's facts name the line of the records that follow it, so only numbers and frames are compared.
        kept = {(record.seq, record.frame) for record in records}
        assert kept <= {(record.seq, record.frame) for record in sound}, place
        assert len(kept) >= len(sound) - 1, place


def test_every_bit_of_a_small_segment_is_covered(record_property: Any) -> None:
    """Each single bit of a segment of three records is under a checksum."""
    data, _ = build(3)
    for place in range(len(data) * 8):
        broken = bytearray(data)
        broken[place // 8] ^= 1 << place % 8
        assert read(bytes(broken))[1], place
    record_property("tried", f"{len(data) * 8} bits")
    record_property("lost", "0 unseen")


def test_a_hole_names_the_numbers_that_are_missing() -> None:
    """Damage in the middle says where it is and which records are gone; the rest is read."""
    data, offsets = build(30)
    broken = data[: offsets[10]] + bytes(offsets[13] - offsets[10]) + data[offsets[13] :]
    records, damages = read(broken)
    assert len(records) == 27
    assert damages[0].missing == (FIRST + 10, FIRST + 12)
    assert (damages[0].offset, damages[0].length) == (offsets[10], offsets[13] - offsets[10])
    assert "records 51 to 53 are missing" in str(damages[0])


def rearranged(data: bytes, offsets: list[int], order: list[int]) -> bytes:
    parts = [data[start:end] for start, end in itertools.pairwise(offsets)]
    return data[: offsets[0]] + b"".join(parts[index] for index in order) + data[offsets[-1] :]


@pytest.mark.parametrize(
    ("order", "left"),
    [
        pytest.param([*range(10), 4, *range(10, 20)], 20, id="doubled"),
        pytest.param([*range(5), 6, 5, *range(7, 20)], 20, id="swapped"),
        pytest.param([*range(5), *range(6, 20)], 19, id="left-out"),
    ],
)
@pytest.mark.parametrize("sealed", [True, False])
def test_moved_records_are_found_by_their_numbers(order: list[int], left: int, *, sealed: bool) -> None:
    """A doubled, swapped or missing record is named, and no record is read twice or lost by it."""
    data, offsets = build(20, sealed=sealed)
    for chain in (None, CHAIN):
        records, damages = read(rearranged(data, offsets, order), chain)
        assert damages
        assert len(records) == len({record.seq for record in records}) == left


def test_a_record_of_another_segment_is_found_by_the_chain() -> None:
    """A record with the right number and a right checksum, but not written after the one before it, is named."""
    data, offsets = build(20, sealed=False)
    other, others = build(20, sealed=False, start=500)
    spliced = data[: offsets[8]] + other[others[8] : others[9]] + data[offsets[9] :]
    assert read(spliced, None)[1] == []
    damages = read(spliced, CHAIN)[1]
    assert [damage.offset for damage in damages] == [offsets[8], offsets[9]]
    assert "keyed hash" in damages[0].what


def test_a_rewritten_sealed_segment_needs_the_key() -> None:
    """Whoever rebuilds a segment with all checksums right is still found without the chain's key."""
    data, offsets = build(5)
    forged = encode_record(frame(77), seq=FIRST + 2, port_id=1, boot_id=9, chain=NO_CHAIN)
    body = data[: offsets[2]] + forged + data[offsets[3] : offsets[-1]]
    footer = Footer(5, FIRST, FIRST + 4, hashlib.sha256(body).hexdigest(), 6)
    whole = body + encode_footer(footer, boot_id=9, chain=NO_CHAIN)
    assert read(whole, None)[1] == []
    assert read(whole, CHAIN)[1]


def test_bytes_after_the_footer_are_damage() -> None:
    """Nothing can be appended to a sealed segment unseen, not even a sound record."""
    data, _ = build(5)
    late = encode_record(frame(9), seq=FIRST + 5, port_id=1, boot_id=9, chain=CHAIN.link(data[-FOOTER_SIZE:]))
    assert read(data + late)[1]
    assert read(data + b"\0")[1]


def test_a_footer_must_count_what_is_there() -> None:
    """A footer with the right SHA-256 and a wrong count is damage."""
    data, offsets = build(5)
    body = data[: offsets[-1]]
    link = CHAIN.link(data[offsets[-2] : offsets[-1]])
    footer = Footer(6, FIRST, FIRST + 4, hashlib.sha256(body).hexdigest(), 6)
    (damage,) = read(body + encode_footer(footer, boot_id=9, chain=link))[1]
    assert damage.what == "the footer counts 6 records, 5 are readable"


def test_a_broken_header_costs_no_record() -> None:
    """Without a header the records still count from the first one found."""
    data, _ = build(10, sealed=False)
    records, damages = read(b"\0" * 30 + data[30:])
    assert len(records) == 10
    assert damages[0].offset == 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cut off"),
        (b"PARQUET\n" + bytes(64), "not a segment"),
        (encode_header(Header(uuid.UUID(int=1).hex, 1, 1, "k", version=2)), "version 2"),
        (encode_header(Header(uuid.UUID(int=1).hex, 1, 1, "k"))[:-1] + b"!", "checksum"),
    ],
)
def test_a_header_says_what_is_wrong_with_it(data: bytes, words: str) -> None:
    """Cut off, foreign, newer and damaged headers are told apart."""
    with pytest.raises(ValueError, match=words):
        decode_header(data)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [(Kind.FRAME, b"short"), (Kind.NOISE, bytes(20) + b"{"), (Kind.EVENT, b"[]"), (Kind.FRAME, bytes(24) + b"\x09abc")],
)
def test_a_payload_of_the_wrong_shape_is_refused(kind: Kind, payload: bytes) -> None:
    """A sound checksum over a payload we cannot read is an error, not a guess."""
    raw = Raw(0, 0, int(kind), 1, 1, 0, 0, 0, NO_CHAIN, payload)
    with pytest.raises(ValueError, match=r"payload|token"):
        Ports().decode(raw)


def test_an_unknown_kind_is_refused() -> None:
    """A record of a later version is not mistaken for one of ours."""
    with pytest.raises(ValueError, match="unknown flags"):
        Ports().decode(Raw(0, 0, 0x0E, 1, 1, 0, 0, 0, NO_CHAIN, b""))


def test_a_payload_has_a_limit() -> None:
    """A frame that no terminal sends is refused before it is written."""
    with pytest.raises(ValueError, match="over"):
        encode_record(frame(1, bytes(MAX_PAYLOAD)), seq=1, port_id=1, boot_id=1, chain=NO_CHAIN)


@settings(max_examples=60)
@given(st.data())
def test_any_damage_keeps_all_records_it_does_not_touch(data: Any) -> None:
    """Overwrite any range with anything: each record outside it is read, once, unchanged."""
    whole, offsets = build(20)
    start = data.draw(st.integers(0, len(whole) - 1))
    noise = data.draw(st.binary(min_size=1, max_size=min(400, len(whole) - start)))
    broken = whole[:start] + noise + whole[start + len(noise) :]
    records, damages = read(broken)
    untouched = [
        FIRST + index
        for index, (begin, end) in enumerate(itertools.pairwise(offsets))
        if end <= start or begin >= start + len(noise)
    ]
    seqs = [record.seq for record in records]
    assert set(untouched) <= set(seqs)
    assert len(seqs) == len(set(seqs))
    assert bool(damages) == (broken != whole)


def test_encoding_is_stable() -> None:
    """The same record always gives the same bytes, so a segment can be compared with its SHA-256."""
    assert encode_payload(session("a", "p", {"z": 1, "b": 2}, wall_ns=1)) == b'{"b":2,"line":"a","profile":"p","z":1}'


def documented(heading: str) -> list[tuple[int, int, str]]:
    """The rows (offset, size, field) of a table of docs/spool-format.md, without those of variable place."""
    page = (Path(__file__).parents[2] / "docs" / "spool-format.md").read_text("utf-8")
    section = page.split(f"## {heading}", 1)[1].split("\n## ", 1)[0]
    return [
        (int(at), int(size), name)
        for at, size, name in re.findall(r"^\| (\d+) \| (\d+) \| ([^|]+) \|", section, re.MULTILINE)
    ]


def test_the_page_on_the_format_is_true() -> None:
    """docs/spool-format.md names every byte of header and record, in order, at the place where the code writes it."""
    header, record = documented("Header"), documented("Record")
    for rows, size in ((header, HEADER_SIZE), (record, RECORD_OVERHEAD - 4)):
        assert [at for at, _, _ in rows] == [sum(width for _, width, _ in rows[:index]) for index in range(len(rows))]
        assert sum(width for _, width, _ in rows) == size
    data = encode_header(Header(uuid.UUID(int=0x0A0B).hex, 0x0102, 0x0304, "key", b"CHAINCHA"))
    places = {name: data[at : at + width] for at, width, name in header}
    assert places["magic"] == b"TILLSEG\n"
    assert places["segment id"] == uuid.UUID(int=0x0A0B).bytes
    assert int.from_bytes(places["first number"], "big") == 0x0102
    assert int.from_bytes(places["created"], "big") == 0x0304
    assert places["key id"].rstrip(b"\0") == b"key"
    assert places["chain"] == b"CHAINCHA"
    pending = PendingRecord(Kind.NOISE, "lane-1", "p", 0x0506, 0x0708, "tx")
    one = encode_record(pending, seq=0x090A, port_id=0x0B0C, boot_id=0x0D0E, chain=b"CHAINCHA")
    places = {name: one[at : at + width] for at, width, name in record}
    assert places["magic"] == bytes.fromhex("F15E")
    assert places["flags"] == bytes([0x23])
    numbers = {"number": 0x090A, "port": 0x0B0C, "boot": 0x0D0E, "wall time": 0x0506, "monotonic time": 0x0708}
    assert {name: int.from_bytes(places[name], "big") for name in numbers} == numbers
    assert places["chain"] == b"CHAINCHA"
    page = (Path(__file__).parents[2] / "docs" / "spool-format.md").read_text("utf-8")
    assert {int(kind): name for kind, name in re.findall(r"^\| (\d+) \| ([A-Z]+) \|", page, re.MULTILINE)} == {
        int(kind): kind.name for kind in Kind
    }

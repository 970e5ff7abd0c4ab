"""Damage to a segment: nothing wrong goes unseen, and no record that it does not touch is lost."""

import hashlib
import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.segment import (
    FOOTER_SIZE,
    NO_CHAIN,
    Footer,
    encode_footer,
    encode_record,
)
from tests.ingest.segment_bytes import CHAIN, FIRST, build, frame, read


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
def test_garbage_after_the_last_record_is_torn(tail: bytes, record_property: Any) -> None:
    """A tail of zero pages or noise takes no record with it."""
    data, _ = build(20, sealed=False)
    records, damages = read(data + tail)
    assert len(records) == 20
    assert [(damage.offset, damage.length, damage.torn) for damage in damages] == [(len(data), len(tail), True)]
    record_property("lost", f"0 of {len(records)} records")


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
def test_moved_records_are_found_by_their_numbers(
    order: list[int], left: int, *, sealed: bool, record_property: Any
) -> None:
    """A doubled, swapped or missing record is named, and no record is read twice or lost by it."""
    data, offsets = build(20, sealed=sealed)
    for chain in (None, CHAIN):
        records, damages = read(rearranged(data, offsets, order), chain)
        assert damages
        assert len(records) == len({record.seq for record in records}) == left
    record_property("lost", f"0 of {left} records")


def test_a_record_of_another_segment_is_found_by_the_chain(record_property: Any) -> None:
    """A record with the right number and a right checksum, but not written after the one before it, is named."""
    data, offsets = build(20, sealed=False)
    other, others = build(20, sealed=False, start=500)
    spliced = data[: offsets[8]] + other[others[8] : others[9]] + data[offsets[9] :]
    assert read(spliced, None)[1] == []
    records, damages = read(spliced, CHAIN)
    assert [damage.offset for damage in damages] == [offsets[8], offsets[9]]
    assert "keyed hash" in damages[0].what
    sound = read(data)[0]
    assert records[:8] + records[9:] == sound[:8] + sound[9:]
    record_property("lost", f"0 of {len(sound) - 1} records beside it")


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

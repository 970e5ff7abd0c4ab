"""The bytes of a segment: what is written comes back, as the page on the format says."""

import dataclasses
import re
import uuid
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.batch import Batch, Known
from ingest.records import DIGEST_SIZE, Kind, PendingRecord, encode_payload, session
from ingest.segment import (
    CHAIN_SIZE,
    FOOTER_SIZE,
    HEADER_SIZE,
    MAX_PAYLOAD,
    NO_CHAIN,
    RECORD_OVERHEAD,
    Damage,
    Header,
    Ports,
    Raw,
    decode_header,
    encode_frame,
    encode_header,
    encode_record,
    read_footer,
    read_raw,
    walk,
)
from tests.ingest.segment_bytes import CHAIN, FIRST, build, frame, read

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

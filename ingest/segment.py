"""The bytes of a segment: a header, numbered records, a footer. Pure: no files, no clock.

``docs/spool-format.md`` is the byte table. Every byte is under a CRC-32C; records
are numbered without gaps and each carries a keyed hash of the one before, so a
flipped bit, a lost, doubled, swapped or foreign record is found and named. A
reader never stops at damage: it looks for the next good record and says what is
missing between.
"""

import functools
import hashlib
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import google_crc32c

from ingest.records import FRAME_HEAD, Direction, Kind, PendingRecord, Record, decode_payload, encode_payload

if TYPE_CHECKING:
    from protocols.columnar.chaining import Keyed

FORMAT_VERSION = 1
SEGMENT_MAGIC = b"TILLSEG\n"
RECORD_MAGIC = b"\xf1\x5e"
MAX_PAYLOAD = 1 << 20
CHAIN_SIZE = 8
NO_CHAIN = bytes(CHAIN_SIZE)

_HEADER = struct.Struct(">8sHH16sQq16s8s")
_RECORD = struct.Struct(">2sBBIQIqQI8s")
_FRAME_RECORD = struct.Struct(_RECORD.format + FRAME_HEAD.format[1:])
_FOOTER = struct.Struct(">QQQ32s")
_CRC = struct.Struct(">I")
_VERSION = struct.Struct(">HH")
DIRECTIONS: tuple[Direction, ...] = ("", "rx", "tx")
_KINDS = {int(kind): kind for kind in Kind}
_FRAME_FLAGS = {direction: Kind.FRAME | place << 4 for place, direction in enumerate(DIRECTIONS)}

HEADER_SIZE = _HEADER.size + _CRC.size
RECORD_OVERHEAD = _RECORD.size + _CRC.size
FOOTER_SIZE = RECORD_OVERHEAD + _FOOTER.size


@dataclass(frozen=True, slots=True)
class Header:
    """How a segment begins.

    ``chain`` is the hash of the last record of the segment before, ``NO_CHAIN``
    when there is none or it is not known. ``created_ns`` is wall time.
    """

    segment_id: str
    first_seq: int
    created_ns: int
    key_id: str
    chain: bytes = NO_CHAIN
    version: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class Footer:
    """How a sealed segment ends: ``count`` records, their numbers, the SHA-256 of every byte before the footer.

    ``offset`` is where it was read; -1 for one that is still to be written.
    """

    count: int
    first_seq: int
    last_seq: int
    sha256: str
    sealed_ns: int
    offset: int = -1


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are no record, or a record that is not where it belongs.

    ``missing`` names the first and last number that is gone, None when no number is.
    ``torn`` is true when nothing readable follows: an append that a power cut stopped.
    """

    offset: int
    length: int
    what: str
    missing: tuple[int, int] | None = None
    torn: bool = False

    def __str__(self) -> str:
        gap = f"; records {self.missing[0]} to {self.missing[1]} are missing" if self.missing else ""
        return f"byte {self.offset}, {self.length} bytes: {self.what}{gap}"


@dataclass(frozen=True)
class Chain:
    """The keyed hash that ties each record to the one before."""

    key: bytes = field(repr=False)

    def link(self, encoded: bytes) -> bytes:
        """What the next record carries of this one."""
        found = self._keyed.copy()
        found.update(encoded)
        return found.digest()

    @functools.cached_property
    def _keyed(self) -> "hashlib.blake2b":
        return hashlib.blake2b(digest_size=CHAIN_SIZE, key=self.key)

    @functools.cached_property
    def many(self) -> "Keyed":
        """What links many records at once; only where numba is."""
        from protocols.columnar.chaining import Keyed

        return Keyed.of(self.key, CHAIN_SIZE)


def encode_header(header: Header) -> bytes:
    """The first bytes of a segment."""
    body = _HEADER.pack(
        SEGMENT_MAGIC,
        header.version,
        HEADER_SIZE,
        uuid.UUID(header.segment_id).bytes,
        header.first_seq,
        header.created_ns,
        header.key_id.encode("ascii"),
        header.chain,
    )
    return body + _CRC.pack(google_crc32c.value(body))


def decode_header(data: bytes) -> Header:
    """Read a segment's header.

    Raises:
        ValueError: too short, not a segment, a later format, or damaged.
    """
    if len(data) < HEADER_SIZE:
        raise ValueError("the header is cut off")
    magic, version, size, raw_id, first, created, key_id, chain = _HEADER.unpack_from(data)
    if magic != SEGMENT_MAGIC:
        raise ValueError("not a segment of tillwatch")
    if _CRC.unpack_from(data, _HEADER.size)[0] != google_crc32c.value(data[: _HEADER.size]):
        raise ValueError("the header's checksum is wrong")
    if version != FORMAT_VERSION or size != HEADER_SIZE:
        raise ValueError(f"format version {version} is not {FORMAT_VERSION}")
    return Header(uuid.UUID(bytes=raw_id).hex, first, created, key_id.rstrip(b"\0").decode("ascii"), chain, version)


def later_version(data: bytes) -> int | None:
    """The format version of a segment that another tillwatch wrote; None for ours, for damage and for anything else.

    Every version's header begins with magic, version and its own size, and ends with the CRC-32C of the bytes before.
    """
    if len(data) < HEADER_SIZE or not data.startswith(SEGMENT_MAGIC):
        return None
    version, size = _VERSION.unpack_from(data, len(SEGMENT_MAGIC))
    body = data[: size - _CRC.size]
    if version == FORMAT_VERSION or not _CRC.size < size <= len(data):
        return None
    known: int = version
    return known if _CRC.unpack_from(data, len(body))[0] == google_crc32c.value(body) else None


def encode_record(
    record: PendingRecord, *, seq: int, port_id: int, boot_id: int, chain: bytes, dup_of: int | None = None
) -> bytes:
    """One record as it stands on the disk."""
    payload = encode_payload(record, dup_of)
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload of {len(payload)} bytes is over {MAX_PAYLOAD}")
    flags = record.kind | DIRECTIONS.index(record.direction) << 4
    clock = (record.wall_ns, record.mono_ns, boot_id)
    return _enclose(flags, seq, port_id, clock, chain, payload)


def encode_frame(  # noqa: PLR0917  the record's own order of fields; called for each frame, by place that is quicker
    record: PendingRecord, seq: int, port_id: int, boot_id: int, chain: bytes, dup_of: int | None
) -> bytes:
    """``encode_record`` of a frame, in one piece."""
    token = record.card_token.encode("ascii") if record.card_token else b""
    length = FRAME_HEAD.size + len(token) + len(record.frame)
    if length > MAX_PAYLOAD:
        raise ValueError(f"a payload of {length} bytes is over {MAX_PAYLOAD}")
    flags, clock = _FRAME_FLAGS[record.direction], (record.wall_ns, record.mono_ns, boot_id)
    said = (record.digest, dup_of or 0, len(token))
    head = _FRAME_RECORD.pack(RECORD_MAGIC, FORMAT_VERSION, flags, length, seq, port_id, *clock, chain, *said)
    body = head + token + record.frame
    return body + _CRC.pack(google_crc32c.value(body))


def encode_footer(footer: Footer, *, boot_id: int, chain: bytes) -> bytes:
    """The record that closes a segment. It takes no number: it carries the one the next record will have."""
    payload = _FOOTER.pack(footer.count, footer.first_seq, footer.last_seq, bytes.fromhex(footer.sha256))
    return _enclose(Kind.FOOTER, footer.last_seq + 1, 0, (footer.sealed_ns, 0, boot_id), chain, payload)


def _enclose(  # noqa: PLR0917  the record's own order of fields
    flags: int, seq: int, port_id: int, clock: tuple[int, int, int], chain: bytes, payload: bytes
) -> bytes:
    head = _RECORD.pack(RECORD_MAGIC, FORMAT_VERSION, flags, len(payload), seq, port_id, *clock, chain)
    body = head + payload
    return body + _CRC.pack(google_crc32c.value(body))


@dataclass(frozen=True, slots=True)
class Raw:
    """A record whose checksum is right, not yet decoded."""

    offset: int
    size: int
    flags: int
    seq: int
    port_id: int
    wall_ns: int
    mono_ns: int
    boot_id: int
    chain: bytes
    payload: bytes

    @property
    def kind(self) -> Kind | None:
        """What the record is about; None for a kind this version does not know."""
        return _KINDS.get(self.flags & 0x0F)

    @property
    def end(self) -> int:
        """The byte after the record."""
        return self.offset + self.size


def read_raw(data: bytes, offset: int) -> Raw | None:
    """The record that starts at ``offset``, or None when no sound one does."""
    if len(data) - offset < RECORD_OVERHEAD:
        return None
    magic, version, flags, length, seq, port, wall, mono, boot, chain = _RECORD.unpack_from(data, offset)
    end = offset + RECORD_OVERHEAD + length
    if magic != RECORD_MAGIC or version != FORMAT_VERSION or length > MAX_PAYLOAD or end > len(data):
        return None
    body = data[offset : end - _CRC.size]
    if _CRC.unpack_from(data, end - _CRC.size)[0] != google_crc32c.value(body):
        return None
    return Raw(offset, end - offset, flags, seq, port, wall, mono, boot, chain, body[_RECORD.size :])


def read_footer(data: bytes) -> Footer | None:
    """The footer, when the bytes end with a sound one."""
    raw = read_raw(data, len(data) - FOOTER_SIZE) if len(data) >= FOOTER_SIZE else None
    return _as_footer(raw) if raw is not None and raw.end == len(data) else None


def _as_footer(raw: Raw) -> Footer | None:
    if raw.kind is not Kind.FOOTER or len(raw.payload) != _FOOTER.size:
        return None
    count, first, last, sha256 = _FOOTER.unpack(raw.payload)
    return Footer(count, first, last, sha256.hex(), raw.wall_ns, raw.offset)


def walk(data: bytes, chain: Chain | None = None) -> Iterator[Header | Raw | Damage | Footer]:
    """Everything in a segment, in order: header, records, footer, and the damage between them.

    Args:
        data: the whole file.
        chain: the key's chain; None leaves the keyed hashes unlooked at (CRC and numbers still are).
    """
    header: Header | None = None
    try:
        header = decode_header(data)
        yield header
        offset, expected = HEADER_SIZE, header.first_seq
        link = chain.link(data[:HEADER_SIZE]) if chain else None
    except ValueError as wrong:
        offset, expected, link = 0, None, None
        after = next_raw(data, 1)
        end = after.offset if after else len(data)
        yield Damage(0, end, str(wrong), torn=after is None)
        if after is None:
            return
        offset = end
    count, last = 0, -1
    gaps: list[tuple[int, int]] = []
    while offset < len(data):
        raw = read_raw(data, offset)
        if raw is None:
            after = next_raw(data, offset + 1)
            end = after.offset if after else len(data)
            missing = _gap(expected, after.seq) if after else None
            yield Damage(offset, end - offset, "no sound record here", missing, torn=after is None)
            if after is None:
                return
            if missing:
                gaps.append(missing)
            offset, expected, link = end, None, None
            continue
        late = raw.seq <= last
        misplaced = _misplaced(raw, last + 1 if late else expected, link)
        if misplaced:
            yield misplaced
            if misplaced.missing:
                gaps.append(misplaced.missing)
        link = chain.link(data[raw.offset : raw.end]) if chain else None
        offset = raw.end
        footer = _as_footer(raw)
        if footer is not None:
            yield from _check_footer(data, raw, footer, count)
            yield footer
        elif not late or any(start <= raw.seq <= end for start, end in gaps):
            count += 1
            last = max(last, raw.seq)
            expected = last + 1
            yield raw


def _misplaced(raw: Raw, expected: int | None, link: bytes | None) -> Damage | None:
    if expected is not None and raw.seq != expected:
        what = f"record {raw.seq} stands where {expected} belongs"
        return Damage(raw.offset, raw.size, what, _gap(expected, raw.seq))
    if link is not None and raw.chain != link:
        return Damage(raw.offset, raw.size, f"record {raw.seq} does not follow the one before it (keyed hash)")
    return None


def _check_footer(data: bytes, raw: Raw, footer: Footer, count: int) -> Iterator[Damage]:
    if hashlib.sha256(data[: raw.offset]).hexdigest() != footer.sha256:
        yield Damage(0, raw.offset, "the bytes are not those that were sealed (SHA-256)")
    elif count != footer.count:
        yield Damage(raw.offset, raw.size, f"the footer counts {footer.count} records, {count} are readable")
    if raw.end < len(data):
        yield Damage(raw.end, len(data) - raw.end, "bytes after the footer")


def _gap(expected: int | None, found: int) -> tuple[int, int] | None:
    return (expected, found - 1) if expected is not None and found > expected else None


def next_raw(data: bytes, offset: int) -> Raw | None:
    """The first sound record at ``offset`` or after it, or None when there is none."""
    while (offset := data.find(RECORD_MAGIC, offset)) >= 0:
        raw = read_raw(data, offset)
        if raw is not None:
            return raw
        offset += 1
    return None


@dataclass(slots=True)
class Ports:
    """Which line and profile each port number of a segment stands for, as its SESSION records say."""

    lines: dict[int, tuple[str, str]] = field(default_factory=dict)

    def decode(self, raw: Raw) -> Record:
        """A record in full.

        Raises:
            ValueError: a kind or payload that this version does not know.
        """
        kind = raw.kind
        if kind is None or kind is Kind.FOOTER or raw.flags >> 4 >= len(DIRECTIONS):
            raise ValueError(f"record {raw.seq} has unknown flags {raw.flags:#04x}")
        values: dict[str, Any] = decode_payload(kind, raw.payload)
        if kind is Kind.SESSION:
            facts = values["facts"]
            self.lines[raw.port_id] = (str(facts.get("line", "")), str(facts.get("profile", "")))
        line, profile = self.lines.get(raw.port_id, ("", ""))
        direction = DIRECTIONS[raw.flags >> 4]
        return Record(
            raw.seq, kind, line, profile, raw.wall_ns, raw.mono_ns, raw.boot_id, direction=direction, **values
        )

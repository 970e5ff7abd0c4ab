"""Reading the spool's files: which segments there are, and what is in one. Writes nothing."""

import datetime as dt
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import SpoolError
from ingest.records import Kind, Record
from ingest.segment import (
    FOOTER_SIZE,
    HEADER_SIZE,
    Chain,
    Damage,
    Footer,
    Header,
    Ports,
    Raw,
    decode_header,
    read_footer,
    walk,
)

SEALED, OPEN, POISONED, COPY = ".seg", ".open", ".poisoned", ".copy"
"""Suffixes: sealed and immutable; being written; put aside after a failed sync; an unfinished copy of such a one."""
NAME = re.compile(r"(\d{20})-([0-9a-f]{32})(\.seg|\.open|\.poisoned|\.copy)")


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """A sealed segment, as its header and footer state it.

    ``damaged`` is what is wrong with its footer or header, empty when nothing is;
    damage between them shows only when the records are read. ``key_id`` is the key of its
    card tokens, empty when the header does not say.
    """

    id: str
    path: Path
    first_seq: int
    last_seq: int
    count: int
    sha256: str
    sealed_at: dt.datetime
    size: int
    damaged: str = ""
    key_id: str = ""


def segment_name(first_seq: int, segment_id: str, suffix: str) -> str:
    """A segment's file name: names sort as their records do."""
    return f"{first_seq:020d}-{segment_id}{suffix}"


def is_sealed_name(name: str) -> bool:
    """Whether a file of this name is a sealed segment."""
    return name.endswith(SEALED) and NAME.fullmatch(name) is not None


def sealed_segments(directory: Path) -> list[SegmentInfo]:
    """Every sealed segment of a spool, oldest first. A damaged one is listed as such, never left out.

    Raises:
        SpoolError: the folder cannot be read.
    """
    try:
        names = sorted(entry.name for entry in directory.iterdir())
    except FileNotFoundError:
        return []
    except OSError as wrong:
        raise SpoolError(
            f"{directory}: cannot be read: {wrong.strerror}", hint="check spool.directory and its owner"
        ) from None
    return [segment_info(directory / name) for name in names if is_sealed_name(name)]


def segment_info(path: Path) -> SegmentInfo:
    """What a sealed segment says of itself, from its first and last bytes alone.

    Raises:
        SpoolError: the file cannot be read.
    """
    match = NAME.fullmatch(path.name)
    first_seq, segment_id = (int(match[1]), match[2]) if match else (0, path.stem)
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_SIZE)
            size = file.seek(0, 2)
            file.seek(max(0, size - FOOTER_SIZE))
            tail = file.read(FOOTER_SIZE)
            modified = path.stat().st_mtime
    except OSError as wrong:
        raise _unreadable(path, wrong) from None
    footer = read_footer(tail)
    damaged, key_id = "" if footer else "the footer is missing or damaged", ""
    try:
        header = decode_header(head)
        segment_id, key_id = header.segment_id, header.key_id
    except ValueError as wrong:
        damaged = str(wrong)
    if footer is None:
        at = dt.datetime.fromtimestamp(modified, dt.UTC)
        return SegmentInfo(segment_id, path, first_seq, first_seq, 0, "", at, size, damaged, key_id)
    return SegmentInfo(
        segment_id,
        path,
        footer.first_seq,
        footer.last_seq,
        footer.count,
        footer.sha256,
        from_ns(footer.sealed_ns),
        size,
        damaged,
        key_id,
    )


def read_segment(path: Path, *, salvage: bool = False, chain: Chain | None = None) -> Iterator[Record]:
    """The records of a segment, in order.

    A segment that was damaged before it was sealed holds GAP records that name what is
    missing; it is read like any other, for its bytes are those that were sealed.

    Args:
        path: the file.
        salvage: do not stop at damage; a GAP record stands where numbers are missing.
        chain: look at the keyed hashes too.

    Raises:
        SpoolError: the file cannot be read, or is damaged and ``salvage`` is off. Raised before the first record.
    """
    try:
        data = path.read_bytes()
    except OSError as wrong:
        raise _unreadable(path, wrong) from None
    entries = list(walk(data, chain))
    if not salvage:
        _refuse_damage(path, data, entries)
    return _decode(path, entries, salvage=salvage)


def _refuse_damage(path: Path, data: bytes, entries: list[Header | Raw | Damage | Footer]) -> None:
    damages = [entry for entry in entries if isinstance(entry, Damage)]
    footer = read_footer(data)
    sealed = path.suffix == SEALED
    if sealed and footer and hashlib.sha256(data[:-FOOTER_SIZE]).hexdigest() == footer.sha256:
        return
    if damages:
        raise SpoolError(
            f"{path}: {damages[0]}", hint=f"see all of it with `tillwatch spool verify {path}`; the file is kept"
        )
    if sealed and footer is None:
        raise SpoolError(
            f"{path}: the footer is missing", hint=f"see what is left with `tillwatch spool verify {path}`"
        )


def _decode(path: Path, entries: list[Header | Raw | Damage | Footer], *, salvage: bool) -> Iterator[Record]:
    ports = Ports()
    last, wall_ns = 0, 0
    for entry in entries:
        if isinstance(entry, Raw):
            try:
                record = ports.decode(entry)
            except ValueError as wrong:
                if not salvage:
                    raise SpoolError(
                        f"{path}: byte {entry.offset}: {wrong}",
                        hint="it may have been written by a newer tillwatch; update, then try again",
                    ) from None
                record = _gap(entry.seq, entry.wall_ns, {"reason": str(wrong), "missing": [entry.seq, entry.seq]})
            last, wall_ns = max(last, record.seq), record.wall_ns
            yield record
        elif isinstance(entry, Damage) and salvage and (entry.missing or entry.torn):
            first, until = entry.missing or (last + 1, None)
            facts = {"reason": entry.what, "offset": entry.offset, "bytes": entry.length, "missing": [first, until]}
            yield _gap(first, wall_ns, facts)


def _gap(seq: int, wall_ns: int, facts: dict[str, object]) -> Record:
    return Record(seq, Kind.GAP, "", "", wall_ns, 0, 0, facts=facts)


def from_ns(nanoseconds: int) -> dt.datetime:
    """A wall time of the spool, in UTC, to the microsecond."""
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=nanoseconds // 1000)


def _unreadable(path: Path, wrong: OSError) -> SpoolError:
    return SpoolError(f"{path}: cannot be read: {wrong.strerror}", hint="check the path and the file's owner")

"""A sealed segment as rows of ``raw_frames``, column by column: what ``segment.walk`` reads record by record.

Only a segment whose bytes are those that were sealed (SHA-256), that holds as many records as
its footer says, numbered without a hole, and whose every payload is of a known form. Anything
else is not read here: the caller reads it record by record, where damage is told apart and named.
The file is read, not mapped: a bad sector is then an error that can be told, not a signal.
"""

import array
import functools
import hashlib
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ingest.columns import TABLES
from ingest.frame_parts import gather, parts_of
from ingest.local_days import local_days
from ingest.records import Kind, Record
from ingest.rows import arrow_schema, as_table
from ingest.segment import (
    FOOTER_SIZE,
    FORMAT_VERSION,
    HEADER_SIZE,
    RECORD_MAGIC,
    RECORD_OVERHEAD,
    Footer,
    Ports,
    Raw,
    decode_header,
    read_footer,
    read_raw,
)
from protocols.columnar.loading import loops, ready

if TYPE_CHECKING:
    import pyarrow as pa

_LENGTH = struct.Struct(">I")
_LENGTH_AT = 4
_HEAD = 48  # of a record, before its payload; docs/spool-format.md
_DIRECTIONS = ("", "rx", "tx")
_NEAR = 1 << 18
"""So many bytes are read at a time: they stay in the processor's second cache."""
_FAR = 1 << 24
"""So many while another thread loads numba: that gives the interpreter up every 5 ms, and each piece asks for it."""
_PIECE = 32_768
"""So many frames at a time: what is made on the way stays near the processor."""

RowOf = Callable[[str, Record], Mapping[str, Any]]
"""A record of a segment as a row of ``raw_frames``."""


def segment_table(
    path: Path, segment: str, zone: ZoneInfo, by_row: frozenset[str], row_of: RowOf, *, compiled: bool = False
) -> "pa.Table | None":
    """All records of a segment in the columns of ``raw_frames``; None when it must be read record by record.

    Args:
        path: the file, sealed.
        segment: its id.
        zone: the merchant's, for ``day``.
        by_row: profiles whose frames do not lie on the day they were seen.
        row_of: makes the rows of those, and of everything that is no frame.
        compiled: whether machine code finds the records, where numba is.

    Raises:
        OSError: the file cannot be read.
    """
    import numpy as np
    import pyarrow as pa

    data, sha256, places = _read(path, compiled)
    footer = read_footer(bytes(data[-FOOTER_SIZE:]))
    if footer is None or not _sound(data, sha256, footer):
        return None
    places = _counted(data, places, footer)
    if places is None or not _in_order(heads := _heads(data, places), footer):
        return None
    kinds, directions = heads["flags"] & 15, heads["flags"] >> 4
    if directions.max(initial=0) >= len(_DIRECTIONS):
        return None
    try:
        others, opened = _others(data, segment, places, np.flatnonzero(kinds != Kind.FRAME), row_of)
    except ValueError:
        return None
    frames = np.flatnonzero(kinds == Kind.FRAME)
    lines = _lines(heads["port"][frames].astype(np.int64), frames, opened)
    slow = np.isin(lines, [at for at, (_, _, _, profile) in enumerate(opened) if profile in by_row])
    if slow.any():
        ports = Ports()
        for each in np.flatnonzero((kinds == Kind.SESSION) | np.isin(np.arange(kinds.size), frames[slow])).tolist():
            raw = _raw(data, int(places[each]))
            record = None if raw is None else ports.decode(raw)
            if record is not None and record.kind is Kind.FRAME:
                others.append(row_of(segment, record))
        frames, lines = frames[~slow], lines[~slow]
    tables = [as_table(TABLES["raw_frames"], others)]
    again = functools.cache(_again)  # pieces share what is the same in each of their rows
    for start in range(0, frames.size, _PIECE):
        some = frames[start : start + _PIECE]
        mine: Any = slice(some[0], some[-1] + 1) if some[-1] - some[0] < some.size else some
        frames_of = (data, segment, places[mine], heads[mine], lines[start : start + _PIECE], opened, zone)
        table = _frames(*frames_of, again=again, made=loops() if compiled else None)
        if table is None:
            return None
        tables.append(table)
    return pa.concat_tables(tables)


def _read(path: Path, compiled: bool) -> tuple[memoryview, str, Any]:
    """A file's bytes, in memory of Arrow's: the next segment takes the same again.

    Some at a time, and while they are near the processor they are hashed, and the records among them found.

    Returns:
        The bytes; the SHA-256 of those before the footer; with ``compiled`` what ``_places`` gives, else None.
    """
    import numpy as np
    import pyarrow as pa

    with path.open("rb", buffering=0) as file:
        data = memoryview(pa.allocate_buffer(file.seek(0, os.SEEK_END)))
        file.seek(0)
        end = max(len(data) - FOOTER_SIZE, 0)
        hashed, read = hashlib.sha256(), 0
        follow = _follow() if compiled and end and ready() else None
        near = _FAR if compiled and not ready() else _NEAR
        octets = np.frombuffer(data.toreadonly() if end else bytes(1), np.int8)
        places, count, at = np.empty(end // RECORD_OVERHEAD + 2, np.int64), 0, HEADER_SIZE
        while got := file.readinto(data[read : read + near]):
            hashed.update(data[read : min(read + got, end)])
            read += got
            if follow is not None:
                count = follow(octets, at, min(read, end), _LENGTH_AT, RECORD_OVERHEAD, places, count)
                at = int(places[count])
        late = _follow() if follow is None and compiled and end else None
        if late is not None:  # it was not there yet
            follow, count = late, late(octets, at, min(read, end), _LENGTH_AT, RECORD_OVERHEAD, places, count)
    return data[:read].toreadonly(), hashed.hexdigest(), None if follow is None else places[: count + 1]


def _follow() -> Any:
    """The loop that finds records, once it is loaded; None where numba is not."""
    found = loops()
    return None if found is None else found.follow


def _sound(data: memoryview, sha256: str, footer: Footer) -> bool:
    try:
        decode_header(bytes(data[:HEADER_SIZE]))
    except ValueError:
        return False
    return sha256 == footer.sha256


def _places(data: memoryview) -> Any:
    """Where each record begins, as each tells how long it is; and where the next one would."""
    end = len(data) - FOOTER_SIZE
    places = array.array("q")
    at, length = HEADER_SIZE, _LENGTH.unpack_from
    while at + RECORD_OVERHEAD <= end:
        places.append(at)
        at += RECORD_OVERHEAD + length(data, at + _LENGTH_AT)[0]
    places.append(at)
    return places


def _counted(data: memoryview, places: Any, footer: Footer) -> Any:
    """Where each record begins; None when they do not end where the footer begins, or are not as many as it says.

    ``places`` are those that ``_read`` found, or None.
    """
    import numpy as np

    places = _places(data) if places is None else places
    whole = places[-1] == len(data) - FOOTER_SIZE and len(places) - 1 == footer.count
    return np.asarray(places[:-1], np.int64) if whole else None


def _raw(data: memoryview, at: int) -> Raw | None:
    """The record that begins there, if it is sound."""
    return read_raw(bytes(data[at : at + RECORD_OVERHEAD + _LENGTH.unpack_from(data, at + _LENGTH_AT)[0]]), 0)


def _heads(data: memoryview, places: Any) -> Any:
    """The fixed part of each record."""
    import numpy as np

    names = ["magic", "version", "flags", "length", "seq", "port", "wall_ns", "mono_ns", "boot_id", "chain"]
    kind = np.dtype(list(zip(names, ["S2", "u1", "u1", ">u4", ">u8", ">u4", ">i8", ">u8", ">u4", "V8"], strict=True)))
    return gather(np.frombuffer(data, np.uint8), places, _HEAD).view(kind).ravel()


def _in_order(heads: Any, footer: Footer) -> bool:
    import numpy as np

    numbers = heads["seq"].astype(np.int64)
    return bool(
        (heads["magic"] == RECORD_MAGIC).all()
        and (heads["version"] == FORMAT_VERSION).all()
        and (numbers == np.arange(footer.first_seq, footer.first_seq + footer.count)).all()
    )


Opened = tuple[int, int, str, str]
"""A session: the place of its record among all, its port, line and profile."""


def _others(
    data: memoryview, segment: str, places: Any, which: Any, row_of: RowOf
) -> tuple[list[Mapping[str, Any]], list[Opened]]:
    """The rows of all records that are no frames, and the sessions among them.

    Raises:
        ValueError: a record is not sound, or of no known form.
    """
    ports = Ports()
    rows, opened = [], []
    for at in which.tolist():
        raw = _raw(data, int(places[at]))
        if raw is None:
            raise ValueError(f"record {at} is not sound")
        record = ports.decode(raw)
        rows.append(row_of(segment, record))
        if record.kind is Kind.SESSION:
            opened.append((at, raw.port_id, record.line, record.profile))
    return rows, opened


def _lines(ports: Any, frames: Any, opened: Sequence[Opened]) -> Any:
    """For each frame the place in ``opened`` of the session it belongs to; -1 for none."""
    import numpy as np

    of = dict[int, list[int]]()
    for at, (_, port, _, _) in enumerate(opened):
        of.setdefault(port, []).append(at)
    found = np.full(frames.size, -1, np.int64)
    for port, mine in of.items():
        here = np.flatnonzero(ports == port)
        last = np.searchsorted(np.array([opened[at][0] for at in mine], np.int64), frames[here], "right") - 1
        found[here] = np.array([*mine, -1], np.int64)[last]
    return found


def _frames(  # noqa: PLR0917  what is known of the segment
    data: memoryview,
    segment: str,
    places: Any,
    heads: Any,
    lines: Any,
    opened: Sequence[Opened],
    zone: ZoneInfo,
    *,
    again: "Callable[[str | None], pa.Array]",
    made: Any,
) -> "pa.Table | None":
    """The rows of frames; None when a payload is not a frame's. ``made`` are the compiled loops, or None.

    ``again`` gives a text for each of as many rows as there may be.
    """
    import numpy as np
    import pyarrow as pa

    starts = places + _HEAD
    ends = starts + heads["length"].astype(np.int64)
    parts = parts_of(data, starts, ends, made)
    if parts is None:
        return None
    seen = heads["wall_ns"].astype(np.int64) // 1000
    strange = [""] if (lines < 0).any() else []  # of a frame without a session
    lines_of = pa.array([each[2] for each in opened] + strange, pa.string())
    profiles_of = pa.array([each[3] for each in opened] + strange, pa.string())
    session = pa.array(np.where(lines < 0, len(opened), lines))
    count = places.size
    made = {
        "segment_id": again(segment)[:count],
        "seq": pa.array(heads["seq"].astype(np.int64)),
        "line": _taken(lines_of, session, again),
        "profile": _taken(profiles_of, session, again),
        "direction": pa.array(_DIRECTIONS).take(pa.array((heads["flags"] >> 4).astype(np.int8))),
        "kind": again(Kind.FRAME.name.lower())[:count],
        "seen_at": pa.array(seen).cast(pa.timestamp("us", tz="UTC")),
        "mono_ns": pa.array(heads["mono_ns"].astype(np.int64)),
        "boot_id": pa.array(heads["boot_id"].astype(np.int64)),
        "frame": parts.frames,
        "length": pa.array(parts.lengths),
        "digest": parts.digests,
        "card_token": parts.tokens,
        "error": again(None)[:count],
        "day": pa.array(local_days(seen, zone)).cast(pa.date32()),
    }
    return pa.table(made).select(arrow_schema(TABLES["raw_frames"]).names).cast(arrow_schema(TABLES["raw_frames"]))


def _again(text: str | None) -> "pa.Array":
    """A text for each frame of a piece."""
    import pyarrow as pa

    return pa.repeat(pa.scalar(text, pa.string()), _PIECE)


def _taken(values: "pa.Array", places: "pa.Array", again: "Callable[[str | None], pa.Array]") -> "pa.Array":
    """A value for each place; what all have is not looked up one by one."""
    first = values[0]
    same = all(each == first for each in values)
    return again(first.as_py())[: len(places)] if same else values.take(places)

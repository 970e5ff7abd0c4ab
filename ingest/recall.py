"""What a spool remembers of the time before it was opened: a frame sent again after a restart is known, and so is
which terminal a line had.

Read from the end of the newest sealed segments, so that the start costs the same however
much the spool holds. Damage there costs memory, never a record.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.disk import Disk
from ingest.records import Kind, Record
from ingest.segment import HEADER_SIZE, Ports, Raw, next_raw, read_raw
from ingest.segments import NAME, SEALED

RECALL_BYTES = 4 * 1024 * 1024
"""So many bytes of segments are looked at: some 20,000 frames, a fifth of a second."""

Seen = dict[tuple[str, str], OrderedDict[bytes, int]]
"""(line, direction) -> digest -> number of the frame that came first, the latest last."""

LAST = 16
"""So many frames of a line tell which terminals it had: several may take turns."""


@dataclass(slots=True)
class Lane:
    """A line as it was: the last frames of its terminal with their profiles, and its session."""

    frames: deque[tuple[str, bytes]] = field(default_factory=lambda: deque(maxlen=LAST))
    session: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Recalled:
    """What a spool remembers: the digests of frames, and its lines by their names."""

    seen: Seen = field(default_factory=dict)
    lanes: dict[str, Lane] = field(default_factory=dict)


def recall(disk: Disk, directory: Path, most: int) -> Recalled:
    """The last frames of each line and direction, ``most`` digests of each at most."""
    parts: list[bytes] = []
    left = RECALL_BYTES
    names = [name for name in disk.names(directory) if NAME.fullmatch(name) and name.endswith(SEALED)]
    while names and left > 0:
        try:
            data = disk.read(directory / names.pop())
        except OSError:
            break
        parts.append(data)
        left -= len(data)
    found = Recalled()
    for data in reversed(parts):
        _remember(data, max(0, -left) if data is parts[-1] else 0, found, most)
    return found


def _remember(data: bytes, skipped: int, found: Recalled, most: int) -> None:
    ports = Ports()
    raw = read_raw(data, HEADER_SIZE)
    while raw is not None and raw.kind is Kind.SESSION and raw.end < skipped:  # each segment begins with its lines
        _note(raw, ports, found, most)
        raw = read_raw(data, raw.end)
    if raw is None or raw.offset < skipped:
        raw = next_raw(data, max(skipped, HEADER_SIZE))
    while raw is not None:
        _note(raw, ports, found, most)
        raw = read_raw(data, raw.end) or next_raw(data, raw.end)


def _note(raw: Raw, ports: Ports, found: Recalled, most: int) -> None:
    if raw.kind not in {Kind.SESSION, Kind.FRAME}:
        return
    try:
        record = ports.decode(raw)
    except ValueError:
        return
    if not record.line:
        return
    lane = found.lanes.setdefault(record.line, Lane())
    if record.kind is Kind.SESSION:
        lane.session = record.facts or lane.session
        return
    if record.direction == "rx":
        lane.frames.append((record.profile, record.frame))
    _note_digest(record, found.seen, most)


def _note_digest(record: Record, seen: Seen, most: int) -> None:
    digests = seen.setdefault((record.line, record.direction), OrderedDict())
    digests.setdefault(record.digest, record.dup_of or record.seq)
    if len(digests) > most:
        digests.popitem(last=False)

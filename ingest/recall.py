"""What a spool remembers of the frames before it was opened, so that one sent again after a restart is known.

Read from the end of the newest sealed segments, so that the start costs the same however
much the spool holds. Damage there costs memory, never a record.
"""

from collections import OrderedDict
from pathlib import Path

from ingest.disk import Disk
from ingest.records import Kind
from ingest.segment import HEADER_SIZE, Ports, Raw, next_raw, read_raw
from ingest.segments import NAME, SEALED

RECALL_BYTES = 4 * 1024 * 1024
"""So many bytes of segments are looked at: some 20,000 frames, a fifth of a second."""

Seen = dict[tuple[str, str], OrderedDict[bytes, int]]
"""(line, direction) -> digest -> number of the frame that came first, the latest last."""


def recall(disk: Disk, directory: Path, most: int) -> Seen:
    """The last frames of each line and direction, ``most`` of each at most."""
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
    seen: Seen = {}
    for data in reversed(parts):
        _remember(data, max(0, -left) if data is parts[-1] else 0, seen, most)
    return seen


def _remember(data: bytes, skipped: int, seen: Seen, most: int) -> None:
    ports = Ports()
    raw = read_raw(data, HEADER_SIZE)
    while raw is not None and raw.kind is Kind.SESSION and raw.end < skipped:  # each segment begins with its lines
        ports.decode(raw)
        raw = read_raw(data, raw.end)
    if raw is None or raw.offset < skipped:
        raw = next_raw(data, max(skipped, HEADER_SIZE))
    while raw is not None:
        _note(raw, ports, seen, most)
        raw = read_raw(data, raw.end) or next_raw(data, raw.end)


def _note(raw: Raw, ports: Ports, seen: Seen, most: int) -> None:
    if raw.kind not in {Kind.SESSION, Kind.FRAME}:
        return
    try:
        record = ports.decode(raw)
    except ValueError:
        return
    if record.kind is not Kind.FRAME or not record.line:
        return
    digests = seen.setdefault((record.line, record.direction), OrderedDict())
    digests.setdefault(record.digest, record.dup_of or record.seq)
    if len(digests) > most:
        digests.popitem(last=False)

"""Clearing sealed segments away: only what is held elsewhere, read back and compared, and only when it is old.

Oldest first, and it stops at the first segment that may not go, so the spool never has a
hole. What goes is written down in ``pruned.jsonl`` and synced before it goes. The newest
segment always stays: the numbers go on from it.
"""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ingest.disk import Disk
from ingest.errors import SpoolError
from ingest.healing import LEDGER
from ingest.lake import Lake
from ingest.landing import row_of
from ingest.ledger import write_down
from ingest.segments import SegmentInfo, read_segment, sealed_segments
from ingest.true_time import stamped
from protocols.profile_files import available_journals

Lacks = Callable[[SegmentInfo], str]
"""Why another place does not prove to hold a segment; empty when it does."""
_KIND = 1
_COMPARED = ("seq", "kind", "line", "profile", "direction", "frame", "length", "digest", "card_token", "seen_at")


@dataclass(frozen=True, slots=True)
class Judged:
    """One segment: cleared away, or why it and all after it stay (empty: it goes)."""

    info: SegmentInfo
    stays: str


def prune(
    directory: Path,
    lacks: Lacks,
    *,
    keep_days: float,
    now: dt.datetime,
    dry_run: bool = False,
    mirror: Path | None = None,
    disk: Disk | None = None,
) -> Iterator[Judged]:
    """Clear away what is older than ``keep_days`` and proven to be elsewhere.

    Args:
        directory: the spool.
        lacks: ``missing_in`` the lake, or ``Depot.lacks`` for object storage.
        keep_days: a segment stays this long after it was sealed.
        now: the moment.
        dry_run: judge and remove nothing.
        mirror: the folder that holds the same on another disk; where it cannot be reached now, what went here goes
            there when the two are made equal.
        disk: the file system calls that write and remove.

    Raises:
        SpoolError: the spool cannot be read or written.
        LakeError, StoreError: the other place cannot be read; nothing more is removed.
    """
    disk = disk or Disk()
    segments = sealed_segments(directory)
    for place, info in enumerate(segments):
        stays = "the newest stays: the numbers go on from it" if place == len(segments) - 1 else ""
        if not stays and now - info.sealed_at < dt.timedelta(days=keep_days):
            stays = f"sealed less than {keep_days:g} days ago"
        stays = stays or lacks(info)
        if not stays and not dry_run:
            clear_away(disk, info, now)
            if mirror is not None:
                with contextlib.suppress(OSError):
                    disk.remove(mirror / info.path.name)
        yield Judged(info, stays)
        if stays:
            return


def missing_in(lake: Lake, zone: ZoneInfo) -> Lacks:
    """Why a lake does not prove to hold a segment; ``zone`` is the one the lake was made with."""
    return lambda info: _unverified(info, lake, zone)


def _unverified(info: SegmentInfo, lake: Lake, zone: ZoneInfo) -> str:
    """Why the lake does not prove to hold this segment; empty when it does. Every page read is checked."""
    if lake.committed("raw_frames", info.id) is None:
        return "it has not landed: run `tillwatch land`"
    lake.secure("raw_frames")
    try:
        journals = frozenset(available_journals())
        recorded = [row_of(info.id, record, zone, journals) for record in read_segment(info.path)]
    except SpoolError as wrong:
        return f"it is damaged: {wrong.message}"
    columns = [*_COMPARED, "error"]
    landed = lake.read("raw_frames", columns=columns, filters=[("segment_id", "==", info.id)]).to_pylist()
    ours = _content(recorded)
    gaps = {
        row for row in ours if row[_KIND] == "gap"
    }  # another gap is a damaged copy's, and what was missing has come
    theirs = [row for row in _content(map(stamped, landed)) if row[_KIND] != "gap" or row in gaps]
    if ours != theirs:
        return "the lake holds something else under its id: keep both and look"
    return ""


def _content(rows: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((tuple(row[name] for name in _COMPARED) for row in rows), key=lambda row: row[0])


def clear_away(disk: Disk, info: SegmentInfo, now: dt.datetime) -> None:
    """Remove a segment. That it goes on purpose is on the disk first, so that no copy of it comes back.

    Raises:
        SpoolError: the folder cannot be written; the segment may be there still, and goes the next time.
    """
    told = {
        "segment": info.id,
        "file": info.path.name,
        "first_seq": info.first_seq,
        "last_seq": info.last_seq,
        "sha256": info.sha256,
        "pruned_at": now.isoformat(timespec="seconds"),
    }
    directory = info.path.parent
    try:
        write_down(directory / LEDGER, told, disk)
        disk.remove(info.path)
        disk.sync_directory(directory)
    except OSError as wrong:
        raise SpoolError(
            f"{info.path}: cannot be removed: {wrong.strerror}", hint="run it as the user of the collector"
        ) from None

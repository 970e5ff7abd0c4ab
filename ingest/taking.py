"""Segments from object storage, on their way into the tables: batch by batch, through a folder of bounded size.

The store is only read. What has landed is known from the tables' own log, so that a run may die
anywhere, be repeated, or meet another: each segment is in the tables once all the same.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ingest.depot import Depot, Parcel
from ingest.errors import SpoolError, StoreError
from ingest.segments import SegmentInfo, segment_info

BATCH = 64
"""Segments taken down before they land together: 4 GiB at most as they are sealed by default."""
LEFT_FREE = 512 << 20
"""Bytes that copies leave free where they lie: a collector that records on the same disk comes first."""
_FOLDER = "taken-"
_LEFT_SECONDS = 86400.0
"""A folder this old belongs to a run that died."""


def waiting(depot: Depot, missing: Callable[[Iterable[str]], list[str]]) -> list[Parcel]:
    """What lies in the store and has not landed, in the order of its names.

    Args:
        depot: where the segments are.
        missing: which of these ids have not landed.

    Raises:
        StoreError: the store cannot be listed.
    """
    parcels = {parcel.segment_id: parcel for parcel in depot.parcels()}
    return [parcels[each] for each in missing(parcels)]


def batches(
    depot: Depot,
    parcels: Iterable[Parcel],
    directory: Path,
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Iterator[list[SegmentInfo]]:
    """Copies of these segments, some at a time; each batch goes when the next is asked for.

    A batch ends early where its copies would leave less than ``LEFT_FREE`` bytes on the disk.

    Args:
        depot: where the segments are.
        parcels: which.
        directory: where copies lie while they land.
        free: the bytes that are free on a folder's disk.

    Raises:
        StoreError: there is no room for a single copy; or, after the last batch, a segment could not be taken.
        SpoolError: a copy cannot be written.
    """
    new = list(parcels)
    trouble: StoreError | None = None
    _clear(directory)
    while new:
        with _folder(directory) as folder:
            fitting = _fitting(new, free(Path(folder)), directory)
            new = new[len(fitting) :]
            copies = []
            for parcel in fitting:
                try:
                    copies.append(depot.take(parcel, Path(folder) / parcel.collector))
                except StoreError as wrong:
                    trouble = trouble or wrong
            yield [segment_info(copy) for copy in copies]
    if trouble is not None:
        raise trouble


def _fitting(parcels: list[Parcel], free: int, directory: Path) -> list[Parcel]:
    """The first of these, as many as one batch and the disk take."""
    fitting = []
    for parcel in parcels[:BATCH]:
        free -= parcel.size
        if free < LEFT_FREE:
            break
        fitting.append(parcel)
    if not fitting:
        needed = (LEFT_FREE - free) >> 20
        raise StoreError(
            f"{directory}: no room for a copy of {parcels[0].collector}/{parcels[0].name}: {needed + 1} MiB are short",
            hint=f"free some; {LEFT_FREE >> 20} MiB are left to what records on that disk",
        )
    return fitting


def _folder(directory: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return tempfile.TemporaryDirectory(prefix=_FOLDER, dir=directory)
    except OSError as wrong:
        raise SpoolError(
            f"{directory}: no copies can lie there: {wrong.strerror}", hint="check spool.directory"
        ) from None


def _clear(directory: Path) -> None:
    for left in directory.glob(f"{_FOLDER}*"):
        if time.time() - left.stat().st_mtime > _LEFT_SECONDS:
            shutil.rmtree(left, ignore_errors=True)

"""Landing from object storage: many collectors' segments, batch by batch, through a folder of bounded size.

The store is only read. What has landed is known from the tables' own log, so that a run may die
anywhere, be repeated, or meet another: each segment is in the tables once all the same.
"""

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ingest.depot import Depot, Parcel
from ingest.lake import Lake

BATCH = 64
"""Segments taken down before they land together: 4 GiB at most as they are sealed by default."""


def batches(depot: Depot, lake: Lake, folder: Path, *, size: int = BATCH) -> Iterator[list[Path]]:
    """Folders with the next segments that the lake does not hold, until it holds all; each is emptied afterwards.

    A segment that did not land when its turn was over is not taken again in this run.

    Args:
        depot: where the segments are.
        lake: which of them it holds decides.
        folder: where copies lie while they land; what an earlier run left there goes.
        size: segments in a batch.

    Raises:
        StoreError, SpoolError, LakeError: the store cannot be read, a copy not written, the lake not read.
    """
    parcels = {parcel.segment_id: parcel for parcel in depot.parcels()}
    new = iter(lake.uncommitted("raw_frames", parcels))
    while ids := list(islice(new, size)):
        shutil.rmtree(folder, ignore_errors=True)
        try:
            yield sorted({_take(depot, parcels[each], folder) for each in ids})
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _take(depot: Depot, parcel: Parcel, folder: Path) -> Path:
    return depot.take(parcel, folder / parcel.collector).parent

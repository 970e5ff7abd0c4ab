"""A backlog in the store shared out: batches that any number of workers bring at once, and may bring twice.

Each batch goes into ``raw_frames`` alone; what stands on that is worked out once, by `landing.land`,
when all are in. A batch that fails is brought again without the others, and what nobody brought
`landing.land` lands itself.
"""

import functools
import time
from collections.abc import Iterable

from ingest import arrow_memory
from ingest.depot import Depot, Parcel
from ingest.landing import Brought, LandResult, bring, missing
from ingest.settings import Settings
from ingest.tables import Lake
from ingest.taking import BATCH, batches, waiting

BATCH_BYTES = 1 << 30
"""A batch ends at so many segments or so many bytes, whichever comes first."""
MOST_BATCHES = 1000
"""Airflow maps a task at most 1024 times (``[core] max_map_length``)."""


def share_out(settings: Settings) -> list[list[Parcel]]:
    """What lies in the store of ``lake.take_from`` and has not landed, in batches; none without such a store.

    Raises:
        StoreError: the store cannot be listed.
        LakeError: the table's log cannot be read.
    """
    if settings.lake.take_from is None:
        return []
    lake = Lake.of(settings.lake)
    shares: list[list[Parcel]] = []
    size = 0
    for parcel in waiting(Depot(settings.lake.take_from), functools.partial(missing, lake)):
        if not shares or len(shares[-1]) == BATCH or size + parcel.size > BATCH_BYTES:
            if len(shares) == MOST_BATCHES:
                break
            shares.append([])
            size = 0
        shares[-1].append(parcel)
        size += parcel.size
    return shares


def land_share(settings: Settings, parcels: Iterable[Parcel]) -> LandResult:
    """Bring these segments into ``raw_frames``; those that are there already are not taken again.

    Raises:
        SpoolError: a copy cannot be written.
        LakeError: a table cannot be read or written.
        StoreError: a segment could not be taken; all others of the batch are in.
    """
    if settings.lake.take_from is None:
        return LandResult(0, 0, {}, [], 0.0)
    started = time.monotonic()
    arrow_memory.keep()
    lake = Lake.of(settings.lake)
    named = {parcel.segment_id: parcel for parcel in parcels}
    new = [named[each] for each in missing(lake, named)]
    brought = Brought()
    for segments in batches(Depot(settings.lake.take_from), new, settings.spool.directory):
        brought.add(bring(lake, segments, settings.zone, lambda _what, _done, _all: None))
    return brought.result({}, time.monotonic() - started)

"""Small files of a table put together, in one commit that changes no row."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ingest import deltalog
from ingest.encryption import Cipher
from ingest.places import Place
from ingest.scan import scan
from ingest.staging import HASH
from ingest.tablespec import TableSpec

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction

COMPACTION = "compact"
"""The application that puts small files together, and what its files' names begin with."""
FEWEST = 4
"""So many files of one partition are worth putting together."""
LARGEST_ROWS = 2_000_000
"""Rows of files that are put together at a time."""


def compact(
    place: Place,
    cipher: Cipher | None,
    spec: TableSpec,
    handle: "DeltaTable",
    write: "Callable[[pa.Table, str], list[AddAction]]",
) -> int | None:
    """Put together what is worth it in a table; how many files it took, None when it wrote nothing.

    Its application's version is the log's that it saw. A file that goes away meanwhile was replaced, or taken by
    another: nothing is done then.

    Args:
        place: where the lake lies.
        cipher: opens the files.
        spec: the table.
        handle: its log.
        write: writes rows in files of such a name; what the log will say of each.
    """
    from deltalake.transaction import RemoveAction

    version = handle.version()
    added: list[AddAction] = []
    gone: list[dict[str, Any]] = []
    wanted = [column.name for column in spec.columns]
    _finish_removing(place, spec.name, handle)
    for files in _together(spec, deltalog.listed(handle)):
        try:
            rows = scan(spec, place, files, wanted, None, cipher=cipher)
        except FileNotFoundError:
            return None
        added += write(rows, f"{COMPACTION}-v{version}-{HASH}.parquet")
        gone += files
    if not gone:
        return None
    now = int(time.time() * 1000)
    removed = [
        RemoveAction(each["path"], True, now, each["size_bytes"], deltalog.partition(spec, each)) for each in gone
    ]
    done = deltalog.commit(place, handle, spec, [*added, *removed], app=(COMPACTION, version))
    for file in gone if done else []:
        place.remove(f"{spec.name}/{file['path']}")
    return len(gone) if done else 0


def _finish_removing(place: Place, name: str, handle: "DeltaTable") -> None:
    """Remove what the log has taken out and a writer that was killed has left: a plain glob would count it."""
    with place.errors(name):
        taken_out = set(handle.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False))
    for file in [each for each in place.found(name) if each.path in taken_out]:
        place.remove(f"{name}/{file.path}")


def _together(spec: TableSpec, files: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The files of each partition that are worth putting together, some at a time."""
    partitions: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for file in files:
        partitions.setdefault(tuple(deltalog.partition(spec, file).values()), []).append(file)
    for each in partitions.values():
        if len(each) < FEWEST:
            continue
        some, rows = list[dict[str, Any]](), 0
        for file in each:
            if some and rows + file["num_records"] > LARGEST_ROWS:
                yield some
                some, rows = [], 0
            some.append(file)
            rows += file["num_records"]
        if len(some) > 1:
            yield some


def is_compacted(path: str) -> bool:
    """Whether a file was made of others, by its path."""
    return path.rpartition("/")[2].startswith(f"{COMPACTION}-v")

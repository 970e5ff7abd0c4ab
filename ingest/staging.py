"""Data files on their way into a table's log: written, read back, named, and not yet counted.

A file's name follows from who writes it or from its bytes, so the same work done twice makes the same file.
"""

import io
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ingest import datafile
from ingest.encryption import Cipher
from ingest.errors import LakeError
from ingest.overlap import abreast
from ingest.places import Place
from ingest.rows import by_partition
from ingest.tablespec import TableSpec

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake.transaction import AddAction

HASH = "{hash}"
"""In a file's name: a hash of the file's bytes."""
_SAFE = re.compile(r"[\w.-]{1,120}")


@dataclass
class Staged:
    """Files of a ``replace`` that are written and not yet in the log: pieces of what is too much for memory at once.

    Attributes:
        actions: what the log will say of each.
        rows: how many there are.
        values: the partitions they are in, by column.
    """

    actions: "list[AddAction]" = field(default_factory=list)
    rows: int = 0
    values: dict[str, set[Any]] = field(default_factory=dict)

    def add(self, spec: TableSpec, table: "pa.Table", actions: "list[AddAction]") -> None:
        """Count files that hold the rows of a table."""
        for column, values in values_of(table, spec.partition_by).items():
            self.values.setdefault(column, set()).update(values)
        self.actions += actions
        self.rows += table.num_rows


def write(  # noqa: PLR0917  what a file's name and place follow from
    place: Place,
    cipher: Cipher | None,
    spec: TableSpec,
    table: "pa.Table",
    name: str,
    listed: Callable[[], Sequence[str]],
    parts: "dict[str, pa.Table] | None" = None,
) -> "list[AddAction]":
    """Write a table's rows, a file for each partition; what the log will say of each.

    Args:
        place: where the lake lies.
        cipher: encrypts the files.
        spec: the table.
        table: the rows.
        name: the files' names, with `HASH` where it is to be.
        listed: tells where the files lie that the log lists now.
        parts: where it is given, gets the rows of each file by its path, without the columns of its partition.

    Raises:
        LakeError: the disk refused them, or what was read back is not what was written.
        StoreError: the object store refuses or cannot be reached.
    """
    from deltalake.transaction import AddAction

    def prepared() -> "Iterator[tuple[dict[str, str], list[str], pa.Table]]":
        for values, part in by_partition(spec, table):
            folder = [f"{column}={value}" for column, value in values.items()]
            try:
                place.prepare(spec.name, *folder)
            except OSError as wrong:
                raise LakeError(
                    f"{place.at(spec.name, *folder)}: cannot be made: {wrong.strerror}",
                    hint="check the disk's free space and the folder's owner",
                ) from wrong
            yield values, folder, part

    def made(given: "tuple[dict[str, str], list[str], pa.Table]") -> "tuple[AddAction, pa.Table]":
        values, folder, part = given
        with (
            place.desk(spec.name, *folder) as desk,
            datafile.written(part, desk, spec.statistics, cipher) as file,
        ):
            own = datafile.content_hash(io.BytesIO(file.data)) if HASH in name else ""
            path = "/".join([*folder, name.replace(HASH, own)])
            final, size = f"{spec.name}/{path}", len(file.data)
            if not place.publish(file.path, final, keep_other=True) and place.at(final) not in listed():
                place.publish(file.path, final)  # the other was left by a writer that died
        stats = datafile.statistics(part, spec.statistics if cipher is None else ())  # the log is not encrypted
        return AddAction(path, size, values, int(time.time() * 1000), True, stats), part

    actions = []
    for action, part in abreast(made, prepared()):  # one waits for the disk, or is read back, while one is encoded
        actions.append(action)
        if parts is not None:
            parts[action.path] = part
    return actions


def values_of(table: "pa.Table", columns: Iterable[str]) -> dict[str, set[Any]]:
    """The values that occur in some columns."""
    return {column: set(table[column].unique().to_pylist()) for column in columns}


def refuse_strangers(
    name: str, rows: int, found: Mapping[str, set[Any]], partitions: Mapping[str, Sequence[Any]]
) -> None:
    """See that rows lie in the partitions that they replace.

    Raises:
        ValueError: some do not.
    """
    if rows and not partitions:
        raise ValueError(f"{name}: rows, but no partitions to put them in")
    for column, values in partitions.items():
        if strangers := found.get(column, set()) - set(values):
            raise ValueError(f"{name}: rows outside the partitions to replace: {column} = {min(strangers)}")


def safe(app_id: str) -> str:
    """An application id as a part of a file's name.

    Raises:
        ValueError: it cannot be one.
    """
    if not _SAFE.fullmatch(app_id):
        raise ValueError(f"an application id becomes a file's name: {app_id!r} cannot")
    return app_id

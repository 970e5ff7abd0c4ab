"""A table's Delta log: opened, made, committed to.

Of two that commit at once one is let in. A commit carries a mark of its own, so that one whose
answer was lost on the way is known as ours.
"""

import contextlib
import json
import random
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ingest.errors import LakeError, StoreError
from ingest.places import Place
from ingest.rows import arrow_schema, text
from ingest.scan import first_line, remedy
from ingest.tablespec import TableSpec

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

MAKE_TRIES = 20
COMMIT_TRIES = 1000
CHECKPOINT_EVERY = 100
"""So many commits to a log in a folder are read one by one at most when a table is opened."""
MOST_PROTOCOL = (3, 7)
"""The newest reader and writer version of the Delta protocol (PROTOCOL.md, "Protocol Evolution")."""
_MARK = "tillwatch"
_NEWER = "written by a newer version"
_FULL = "check the disk's free space and health, and the folder's owner"
_ALONE = "let one `tillwatch land` run at a time"
_UPDATE = "update tillwatch on this machine; nothing was changed"


def opened(place: Place, spec: TableSpec, version: int | None = None) -> "DeltaTable | None":
    """A table's log; None when there is none.

    Raises:
        LakeError: it cannot be read, or a newer version wrote it.
        StoreError: the object store refuses or cannot be reached.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    name = spec.name
    if not place.has_log(name):
        return None
    table = place.at(name)
    try:
        with place.errors(name):
            handle = DeltaTable(table, version=version, storage_options=place.options)
    except TableNotFoundError:
        return None
    except (DeltaError, OSError) as wrong:
        if "Unsupported" in str(wrong):
            raise LakeError(f"{table}: {_NEWER}: {first_line(wrong)}", hint=_UPDATE) from None
        raise LakeError(f"{table}: the log cannot be read: {first_line(wrong)}", hint=remedy(name)) from wrong
    protocol = handle.protocol()
    if protocol.min_reader_version > MOST_PROTOCOL[0] or protocol.min_writer_version > MOST_PROTOCOL[1]:
        told = f"reader {protocol.min_reader_version}, writer {protocol.min_writer_version} of the Delta protocol"
        raise LakeError(f"{table}: {_NEWER}: {told}", hint=_UPDATE)
    known = {column.name for column in spec.columns}
    if strange := [each.name for each in handle.schema().fields if each.name not in known]:
        raise LakeError(f"{table}: {_NEWER}: it has a column {strange[0]}", hint=_UPDATE)
    return handle


def listed(handle: "DeltaTable | None") -> list[dict[str, Any]]:
    """The files that the log lists, by their paths: for each ``path``, ``num_records`` and ``partition.<column>``."""
    import pyarrow as pa

    if handle is None:
        return []
    files: list[dict[str, Any]] = pa.table(handle.get_add_actions(flatten=True)).to_pylist()
    return sorted(files, key=lambda file: str(file["path"]))


def made(place: Place, spec: TableSpec) -> "DeltaTable":
    """A table's log, made when there is none.

    Raises:
        LakeError: it cannot be read or made, or a newer version wrote it.
        StoreError: the object store refuses or cannot be reached.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    name, table = spec.name, place.at(spec.name)

    def create(address: str) -> None:
        DeltaTable.create(
            address, arrow_schema(spec, comments=True), "error", list(spec.partition_by), name=name,
            description=spec.meaning, configuration=place.configuration, storage_options=place.options,
        )  # fmt: skip

    wrong: Exception | None = None
    for _ in range(MAKE_TRIES):
        if (handle := opened(place, spec)) is not None:
            return handle
        try:
            place.prepare(name)
            with place.errors(name):
                place.enter(name, -1, "", create)
        except DeltaError as first:  # of two at once, one makes it and the other finds it on its next turn
            wrong = first
        except OSError as refused:
            wrong = refused
            break
    raise LakeError(
        f"{table}: cannot be made: {first_line(wrong or OSError())}", hint="check lake.uri and the folder's owner"
    ) from wrong


def commit(
    place: Place,
    handle: "DeltaTable",
    spec: TableSpec,
    actions: "Sequence[AddAction | RemoveAction]",
    filters: list[tuple[str, str, list[str]]] | None = None,
    *,
    app: tuple[str, int],
) -> bool:
    """One commit on what ``handle`` saw; False when somebody else's came in between that was about the same.

    It stays, whatever happens once this has returned. It carries a name of its own, so that one whose answer
    was lost on the way is known as ours.

    Raises:
        LakeError: the disk refused it, or others kept committing first.
        StoreError: the object store refuses or cannot be reached.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import CommitFailedError, DeltaError
    from deltalake.transaction import CommitProperties, Transaction

    name, mark, seen = spec.name, uuid.uuid4().hex, handle.version()
    properties = CommitProperties(app_transactions=[Transaction(*app)], custom_metadata={_MARK: mark})
    schema, by = arrow_schema(spec), list(spec.partition_by)

    def write(address: str) -> None:
        """In a draft no file is listed: what is replaced is taken out by name."""
        told: list[AddAction | RemoveAction] = list(actions)
        if address == place.at(name):
            table, mode, where = handle, "overwrite" if filters else "append", filters
        else:
            table, mode, where = DeltaTable(address), "append", None
            told += _removals(handle, spec, filters)
        table.create_write_transaction(told, mode, schema, by, where, commit_properties=properties)

    newest = handle
    for _ in range(COMMIT_TRIES):
        try:
            with place.errors(name):
                if place.enter(name, newest.version(), _state(newest), write):
                    _condense_if_due(place, spec, newest)
                    return True
        except CommitFailedError:
            return _has(place, spec, mark, seen)
        except (DeltaError, StoreError):
            if not _has(place, spec, mark, seen):
                raise
            return True
        except OSError as wrong:
            raise LakeError(f"{place.at(name)}: cannot be written: {first_line(wrong)}", hint=_FULL) from wrong
        if (now := opened(place, spec)) is None:
            return False
        newest = now
        if (done := newest.transaction_version(app[0])) is not None and done >= app[1]:
            return False
        if _taken_out(newest, actions, filters) != _taken_out(handle, actions, filters):
            return False
        time.sleep(random.uniform(0, 0.02))  # noqa: S311  lets another go first
    raise LakeError(f"{place.at(name)}: other runs kept committing first", hint=_ALONE)


def checkpoint(place: Place, handle: "DeltaTable", spec: TableSpec) -> None:
    """Write the log's state down as one file, and remove entries of it that are older than 30 days.

    Raises:
        LakeError: the disk refused it.
        StoreError: the object store refuses or cannot be reached.
    """
    from deltalake import DeltaTable

    def write(address: str) -> None:
        (handle if address == place.at(spec.name) else DeltaTable(address)).create_checkpoint()

    try:
        with place.errors(spec.name):
            place.condense(spec.name, handle.version(), write)
            if (now := opened(place, spec)) is not None:
                now.cleanup_metadata()
    except OSError as wrong:
        raise LakeError(f"{place.at(spec.name)}: cannot be written: {first_line(wrong)}", hint=_FULL) from wrong


def _state(handle: "DeltaTable") -> str:
    """Protocol and metadata of a table, as an entry of its log states them."""
    protocol, metadata = handle.protocol(), handle.metadata()
    features = {"readerFeatures": protocol.reader_features, "writerFeatures": protocol.writer_features}
    versions = {"minReaderVersion": protocol.min_reader_version, "minWriterVersion": protocol.min_writer_version}
    about = {
        "id": str(metadata.id),
        "name": metadata.name,
        "description": metadata.description,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": handle.schema().to_json(),
        "partitionColumns": metadata.partition_columns,
        "configuration": metadata.configuration,
        "createdTime": metadata.created_time,
    }
    known = {name: value for name, value in features.items() if value is not None}
    return "\n".join(json.dumps(each) for each in ({"protocol": versions | known}, {"metaData": about}))


def _condense_if_due(place: Place, spec: TableSpec, before: "DeltaTable") -> None:
    """A draft knows no history, so when a checkpoint is due is said here; in a bucket deltalake says it."""
    from deltalake.exceptions import DeltaError

    if place.options is None and (before.version() + 2) % CHECKPOINT_EVERY == 0:
        with contextlib.suppress(LakeError, DeltaError):  # the commit is in; without a checkpoint reading takes longer
            if (now := opened(place, spec)) is not None:
                checkpoint(place, now, spec)


def _concerned(
    handle: "DeltaTable", named: set[str], filters: list[tuple[str, str, list[str]]] | None
) -> list[dict[str, Any]]:
    """Of the files that are listed those with these names, or in the partitions that are replaced."""
    import pyarrow as pa

    if not named and not filters:
        return []
    files: list[dict[str, Any]] = pa.table(handle.get_add_actions(flatten=True)).to_pylist()
    return [
        file
        for file in files
        if file["path"] in named
        or (filters and all(text(file[f"partition.{column}"]) in values for column, _, values in filters))
    ]


def _taken_out(
    handle: "DeltaTable",
    actions: "Sequence[AddAction | RemoveAction]",
    filters: list[tuple[str, str, list[str]]] | None,
) -> set[str]:
    """The files of a table that a commit takes out: where they are no longer the same, it is not about them."""
    from deltalake.transaction import RemoveAction

    named = {each.path for each in actions if isinstance(each, RemoveAction)}
    return {file["path"] for file in _concerned(handle, named, filters)}


def _removals(
    handle: "DeltaTable", spec: TableSpec, filters: list[tuple[str, str, list[str]]] | None
) -> "list[RemoveAction]":
    """What takes everything out of the partitions that are replaced."""
    from deltalake.transaction import RemoveAction

    now = int(time.time() * 1000)
    return [
        RemoveAction(file["path"], True, now, file["size_bytes"], partition(spec, file))
        for file in _concerned(handle, set(), filters)
    ]


def partition(spec: TableSpec, file: Mapping[str, Any]) -> dict[str, str]:
    """The partition of a listed file, by column."""
    return {column: text(file[f"partition.{column}"]) for column in spec.partition_by}


def _has(place: Place, spec: TableSpec, mark: str, after: int) -> bool:
    """Whether a commit later than a version carries this mark."""
    name, now = spec.name, opened(place, spec)
    with place.errors(name):
        for version in range(after + 1, (now.version() if now else 0) + 1):
            entry = place.inside(name, "_delta_log", f"{version:020d}.json")
            with place.filesystem.open_input_file(entry) as file:
                if mark.encode() in file.read():
                    return True
    return False

"""A table's Delta log: opened, made, committed to.

Of two that commit at once one is let in. A commit carries a mark of its own, so that one whose
answer was lost on the way is known as ours.
"""

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingest.errors import LakeError, StoreError
from ingest.places import Place
from ingest.rows import arrow_schema
from ingest.scan import first_line, remedy
from ingest.tablespec import TableSpec

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

MAKE_TRIES = 20
MOST_PROTOCOL = (3, 7)
"""The newest reader and writer version of the Delta protocol (PROTOCOL.md, "Protocol Evolution")."""
_MARK = "tillwatch"
_NEWER = "written by a newer version"
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


def made(place: Place, spec: TableSpec) -> "DeltaTable":
    """A table's log, made when there is none.

    Raises:
        LakeError: it cannot be read or made, or a newer version wrote it.
        StoreError: the object store refuses or cannot be reached.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    name, table = spec.name, place.at(spec.name)
    wrong: Exception | None = None
    for _ in range(MAKE_TRIES):
        if (handle := opened(place, spec)) is not None:
            return handle
        schema = arrow_schema(spec, comments=True)
        by, told = list(spec.partition_by), {"name": name, "description": spec.meaning}
        try:
            place.prepare(name)
            with place.errors(name):
                DeltaTable.create(
                    table, schema, "error", by, configuration=place.configuration,
                    storage_options=place.options, **told,
                )  # fmt: skip
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
    """One commit on what ``handle`` saw; False when somebody else's came in between.

    A commit carries a name of its own, so that one whose answer was lost is known as ours.
    """
    from deltalake.exceptions import CommitFailedError, DeltaError
    from deltalake.transaction import CommitProperties, Transaction

    mode, mark, seen = "overwrite" if filters else "append", uuid.uuid4().hex, handle.version()
    properties = CommitProperties(app_transactions=[Transaction(*app)], custom_metadata={_MARK: mark})
    schema, by = arrow_schema(spec), list(spec.partition_by)
    try:
        with place.errors(spec.name):
            handle.create_write_transaction(list(actions), mode, schema, by, filters, commit_properties=properties)
    except CommitFailedError:
        return _has(place, spec, mark, seen)
    except (DeltaError, StoreError):
        if not _has(place, spec, mark, seen):
            raise
    return True


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

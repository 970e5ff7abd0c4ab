"""The lake: tables whose files are Parquet by pyarrow and whose truth is a Delta log.

A file counts only when the log lists it. A commit carries the writer's application id
and version, so the same work done twice, or by two at once, is committed once. Files
that a ``replace`` takes out of the log are removed from the disk at once, so that a
plain ``read_parquet('<table>/**/*.parquet')`` sees each row once between two runs; our
own readers look at the log again when a file went away under them.
"""

import contextlib
import datetime as dt
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest import datafile
from ingest.columns import TABLES
from ingest.encryption import Cipher, cipher
from ingest.errors import LakeError, UsageError
from ingest.permissions import make_lake_folder
from ingest.rows import arrow_schema, as_table, by_partition, text
from ingest.scan import first_line, remedy, scan
from ingest.tablespec import TableSpec

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction

    from ingest.storage import LakeSettings

READ_TRIES = 20
TEMPORARY_SECONDS = 3600.0
"""A temporary file this old belongs to nobody any more."""
ORPHAN_SECONDS = 86400.0
"""A file this old that no version of the log lists belongs to a writer that died."""
_REPLACED = re.compile(r"(?P<app>.+)-v(?P<version>\d+)-[0-9a-f]{16}\.parquet")
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


class Lake:
    """The tables under one folder.

    Args:
        uri: the folder. Object storage is refused by name until it is supported.
        cipher: encrypts new files, and opens those that are encrypted.
    """

    def __init__(self, uri: str | Path, cipher: Cipher | None = None) -> None:
        folder = str(uri).removeprefix("file://")
        if "://" in folder:
            raise UsageError(f"lake.uri: {folder} is not a folder", hint="give a folder, such as var/lake")
        self.root = Path(folder).absolute()
        self.cipher = cipher

    @classmethod
    def of(cls, settings: "LakeSettings") -> "Lake":
        """The lake that the settings name.

        Raises:
            KeyFileError: the key of its files is not there, open to others, or not a key.
            UsageError: not a folder, or no such key service.
        """
        return cls(settings.uri, cipher(settings.key, settings.key_service))

    def read(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        filters: Any = None,
        version: int | None = None,
    ) -> "pa.Table":
        """A table's rows; no rows, in the declared columns, when the table is not there.

        Args:
            name: a name of ``TABLES``.
            columns: which columns, in which order; all by default.
            filters: a pyarrow expression, or tuples such as ``[("seen_date", "in", [...])]``.
            version: an earlier version of the log; only for tables that are never replaced.

        Raises:
            LakeError: a file is damaged (it is named) or missing.
        """
        import pyarrow.parquet as pq

        spec = _spec(name)
        wanted = list(columns or [column.name for column in spec.columns])
        where = pq.filters_to_expression(list(filters)) if isinstance(filters, (list, tuple)) else filters
        for attempt in range(READ_TRIES):
            handle = self._open(name, version)
            if handle is None:
                return arrow_schema(spec).empty_table().select(wanted)
            try:
                return scan(spec, self.root / name, _listed(handle), wanted, where, cipher=self.cipher)
            except FileNotFoundError as wrong:
                missing = first_line(wrong)
                time.sleep(0.01 * attempt)
        raise LakeError(f"{self.root / name}: the log lists a file that is not there: {missing}", hint=remedy(name))

    def files(self, name: str) -> list[Path]:
        """The table's files now, in the order of their names."""
        handle = self._open(name)
        return [self.root / name / file["path"] for file in _listed(handle)] if handle else []

    def days(self, name: str) -> dict[dt.date, int]:
        """How many rows each business day has, as the log says it: no file is opened."""
        counts: dict[dt.date, int] = {}
        for file in _listed(self._open(name)):
            day = file["partition.business_date"]
            day = day if isinstance(day, dt.date) else dt.date.fromisoformat(str(day))
            counts[day] = counts.get(day, 0) + int(file["num_records"])
        return counts

    def version(self, name: str) -> int | None:
        """The log's newest version; None when the table is not there."""
        handle = self._open(name)
        return handle.version() if handle else None

    def committed(self, name: str, app_id: str) -> int | None:
        """The version an application last committed with; None when it never did."""
        handle = self._open(name)
        return handle.transaction_version(app_id) if handle else None

    def uncommitted(self, name: str, app_ids: Iterable[str]) -> list[str]:
        """Those application ids that never committed, in the order given."""
        handle = self._open(name)
        return [each for each in app_ids if handle is None or handle.transaction_version(each) is None]

    def added(self, name: str, *, version: int | None = None, since: int | None = None) -> list[dict[str, Any]]:
        """The files at ``version`` that were not there at ``since``: ``path`` and ``partition.<column>`` of each."""
        before: set[str] = set()
        if since is not None:
            with contextlib.suppress(LakeError):  # the log no longer reaches that far back: take every file
                before = {file["path"] for file in _listed(self._open(name, since))}
        return [file for file in _listed(self._open(name, version)) if file["path"] not in before]

    def append(
        self, name: str, rows: "pa.Table | Sequence[Mapping[str, Any]]", *, app_id: str, app_version: int = 1
    ) -> bool:
        """Add rows in one commit; False when this application id and version are in already."""
        spec, handle = _spec(name), self._create(name)
        if (handle.transaction_version(app_id) or 0) >= app_version:
            return False
        suffix = "" if app_version == 1 else f"-v{app_version}"
        actions = self._write(spec, as_table(spec, rows), f"{_safe(app_id)}{suffix}.parquet")
        return _commit(handle, spec, actions, app=(app_id, app_version))

    def stage(
        self,
        name: str,
        rows: "pa.Table | Sequence[Mapping[str, Any]]",
        staged: Staged,
        *,
        app_id: str,
        app_version: int,
    ) -> None:
        """Write rows for a ``replace`` that follows; ``staged`` grows by them. Of one partition all at once."""
        spec = _spec(name)
        self._create(name)
        table = as_table(spec, rows)
        for column, values in _values(table, spec.partition_by).items():
            staged.values.setdefault(column, set()).update(values)
        staged.actions += self._write(spec, table, f"{_safe(app_id)}-v{app_version}-{{hash}}.parquet")
        staged.rows += table.num_rows

    def replace(
        self,
        name: str,
        rows: "Staged | pa.Table | Sequence[Mapping[str, Any]]",
        *,
        partitions: Mapping[str, Sequence[Any]],
        app_id: str,
        app_version: int,
    ) -> bool:
        """Put rows in the place of everything in ``partitions``, in one commit.

        Rows outside ``partitions`` are refused. No partitions: only the version is recorded.

        Returns:
            False when somebody else committed in between, or this version or a later one is in
            already: look at ``committed`` again and, if need be, work it out anew.
        """
        spec, handle = _spec(name), self._create(name)
        if (committed := handle.transaction_version(app_id)) is not None and committed >= app_version:
            self.sweep(name)
            return False
        staged = rows if isinstance(rows, Staged) else Staged()
        if not isinstance(rows, Staged):
            table = as_table(spec, rows)
            _refuse_strangers(name, table.num_rows, _values(table, partitions), partitions)
            self.stage(name, table, staged, app_id=app_id, app_version=app_version)
        _refuse_strangers(name, staged.rows, staged.values, partitions)
        filters = [(column, "in", [text(value) for value in values]) for column, values in partitions.items() if values]
        try:
            return _commit(handle, spec, staged.actions, filters, app=(app_id, app_version))
        finally:
            self.sweep(name)

    def sweep(self, name: str) -> int:
        """Remove files that no reader and no writer can want any more; how many there were.

        These are files the log does not list, written by a ``replace`` whose version is not
        above the committed one (a later commit took them out, or their writer lost the race
        or died), and any other unlisted or temporary file that is old.
        """
        handle = self._open(name)
        if handle is None:
            return 0
        folder, swept = self.root / name, 0
        listed = {folder / file["path"] for file in _listed(handle)}
        for path in folder.rglob("*"):
            if "_delta_log" in path.parts or path in listed or path.is_dir() or not _dead(path, handle):
                continue
            path.unlink(missing_ok=True)
            swept += 1
        return swept

    def _open(self, name: str, version: int | None = None) -> "DeltaTable | None":
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        folder = self.root / _spec(name).name
        if not (folder / "_delta_log").is_dir():
            if self.root.exists() and not self.root.is_dir():
                raise LakeError(f"{self.root}: not a folder", hint="set lake.uri to a folder, such as var/lake")
            return None
        try:
            return DeltaTable(str(folder), version=version)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as wrong:
            raise LakeError(f"{folder}: the log cannot be read: {first_line(wrong)}", hint=remedy(name)) from wrong

    def _create(self, name: str) -> "DeltaTable":
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        spec, folder = _spec(name), self.root / name
        wrong: Exception | None = None
        for _ in range(READ_TRIES):
            if (handle := self._open(name)) is not None:
                return handle
            try:
                make_lake_folder(folder, self.root)
                schema = arrow_schema(spec, comments=True)
                by = list(spec.partition_by)
                DeltaTable.create(str(folder), schema, "error", by, name=name, description=spec.meaning)
            except DeltaError as first:  # of two at once, one makes it and the other finds it on its next turn
                wrong = first
            except OSError as refused:
                wrong = refused
                break
        raise LakeError(
            f"{folder}: cannot be made: {first_line(wrong or OSError())}", hint="check lake.uri and the folder's owner"
        ) from wrong

    def _write(self, spec: TableSpec, table: "pa.Table", name: str) -> "list[AddAction]":
        from deltalake.transaction import AddAction

        actions = []
        for values, part in by_partition(spec, table):
            folder = Path(*(f"{column}={value}" for column, value in values.items()))
            try:
                make_lake_folder(self.root / spec.name / folder, self.root)
            except OSError as wrong:
                raise LakeError(
                    f"{self.root / spec.name / folder}: cannot be made: {wrong.strerror}",
                    hint="check the disk's free space and the folder's owner",
                ) from wrong
            with datafile.written(part, self.root / spec.name / folder, self.cipher) as temporary:
                final = self.root / spec.name / folder / name.format(hash=datafile.content_hash(temporary))
                size = temporary.stat().st_size
                if not datafile.publish(temporary, final, keep_other=True) and final not in self.files(spec.name):
                    datafile.publish(temporary, final)  # the other was left by a writer that died
            stats = datafile.statistics(
                part, spec.statistics if self.cipher is None else ()
            )  # the log is not encrypted
            actions.append(AddAction(str(folder / final.name), size, values, int(time.time() * 1000), True, stats))
        return actions


def _commit(
    handle: "DeltaTable",
    spec: TableSpec,
    actions: "list[AddAction]",
    filters: list[tuple[str, str, list[str]]] | None = None,
    *,
    app: tuple[str, int],
) -> bool:
    """One commit on what ``handle`` saw; False when somebody else's came in between."""
    from deltalake.exceptions import CommitFailedError
    from deltalake.transaction import CommitProperties, Transaction

    mode = "overwrite" if filters else "append"
    properties = CommitProperties(app_transactions=[Transaction(*app)])
    try:
        handle.create_write_transaction(
            actions, mode, arrow_schema(spec), list(spec.partition_by), filters, commit_properties=properties
        )
    except CommitFailedError:
        return False
    return True


def _values(table: "pa.Table", columns: Iterable[str]) -> dict[str, set[Any]]:
    return {column: set(table[column].unique().to_pylist()) for column in columns}


def _refuse_strangers(
    name: str, rows: int, found: Mapping[str, set[Any]], partitions: Mapping[str, Sequence[Any]]
) -> None:
    if rows and not partitions:
        raise ValueError(f"{name}: rows, but no partitions to put them in")
    for column, values in partitions.items():
        if strangers := found.get(column, set()) - set(values):
            raise ValueError(f"{name}: rows outside the partitions to replace: {column} = {min(strangers)}")


def _spec(name: str) -> TableSpec:
    if name not in TABLES:
        raise UsageError(f"there is no table {name!r}", hint=f"tables are: {', '.join(TABLES)}")
    return TABLES[name]


def _listed(handle: "DeltaTable | None") -> list[dict[str, Any]]:
    import pyarrow as pa

    if handle is None:
        return []
    files: list[dict[str, Any]] = pa.table(handle.get_add_actions(flatten=True)).to_pylist()
    return sorted(files, key=lambda file: str(file["path"]))


def _safe(app_id: str) -> str:
    if not _SAFE.fullmatch(app_id):
        raise ValueError(f"an application id becomes a file's name: {app_id!r} cannot")
    return app_id


def _dead(path: Path, handle: "DeltaTable") -> bool:
    with contextlib.suppress(FileNotFoundError):
        age = time.time() - path.stat().st_mtime
        if path.suffix == datafile.TEMPORARY:
            return age > TEMPORARY_SECONDS
        if match := _REPLACED.fullmatch(path.name):
            committed = handle.transaction_version(match["app"])
            if committed is not None and int(match["version"]) <= committed:
                return True
        return age > ORPHAN_SECONDS
    return False

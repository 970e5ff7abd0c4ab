"""The lake: tables whose files are Parquet by pyarrow and whose truth is a Delta log.

A file counts only when the log lists it. A commit carries the writer's application id
and version, so the same work done twice, or by two at once, is committed once. Files
that a ``replace`` takes out of the log are removed from the disk at once, so that a
plain ``read_parquet('<table>/**/*.parquet')`` sees each row once between two runs; our
own readers look at the log again when a file went away under them.
"""

import contextlib
import datetime as dt
import functools
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest import deltalog
from ingest.columns import TABLES
from ingest.compaction import compact, is_compacted
from ingest.encryption import Cipher, cipher
from ingest.errors import LakeError, UsageError
from ingest.handing import Handed
from ingest.places import Folder, place_of
from ingest.plainfiles import plain
from ingest.rows import arrow_schema, as_table, text
from ingest.scan import first_line, remedy, scan
from ingest.staging import HASH, Staged, refuse_strangers, safe, values_of, write
from ingest.sweeping import is_dead
from ingest.tablespec import TableSpec

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction

    from ingest.storage import LakeSettings

READ_TRIES = 20


class FilesGoneError(LakeError):
    """The log of a table lists a file that is not there: removed by hand, or put together with others meanwhile."""


class Lake:
    """The tables under one folder, or in one bucket.

    Args:
        uri: the folder, or ``s3://bucket/prefix``.
        cipher: encrypts new files, and opens those that are encrypted.

    Raises:
        UsageError: neither.
        StoreError: a setting of the environment for object storage is wrong.
    """

    def __init__(self, uri: str | Path, cipher: Cipher | None = None) -> None:
        self.place = place_of(uri)
        self.cipher = cipher
        self._made: set[str] = set()

    @property
    def root(self) -> Path:
        """The folder of a lake in a folder.

        Raises:
            UsageError: it lies in a bucket.
        """
        if not isinstance(self.place, Folder):
            raise UsageError(f"lake.uri: {self.place.at()} is not a folder", hint="give a folder, such as var/lake")
        return self.place.root

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
        coded: bool = False,
    ) -> "pa.Table":
        """A table's rows; no rows, in the declared columns, when the table is not there.

        Args:
            name: a name of ``TABLES``.
            columns: which columns, in which order; all by default.
            filters: a pyarrow expression, or tuples such as ``[("seen_date", "in", [...])]``.
            version: an earlier version of the log; only for tables that are never replaced.
            coded: texts that repeat come as dictionaries, as they are stored: half the time, for who takes them so.

        Raises:
            LakeError: a file is damaged (it is named) or missing.
            StoreError: the object store refuses or cannot be reached.
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
                return scan(spec, self.place, deltalog.listed(handle), wanted, where, cipher=self.cipher, coded=coded)
            except FileNotFoundError as wrong:
                missing = first_line(wrong)
                time.sleep(0.01 * attempt)
        told = f"{self.place.at(name)}: the log lists a file that is not there: {missing}"
        raise FilesGoneError(told, hint=remedy(name))

    def plain(self, name: str, columns: Sequence[str], since: dt.date) -> list[Path] | None:
        """The table's files of the business days from ``since`` on, where another reader may read them by itself.

        Their checksums were looked at; partitions are told by their folders. None where it has to be `read`.
        """
        files = [each for each in deltalog.listed(self._open(name)) if each["partition.business_date"] >= since]
        return plain(_spec(name), self.place, files, columns, self.cipher)

    def files(self, name: str) -> list[str]:
        """The table's files now, in the order of their names: where each lies."""
        return [self.place.at(name, file["path"]) for file in deltalog.listed(self._open(name))]

    def days(self, name: str) -> dict[dt.date, int]:
        """How many rows each business day has, as the log says it: no file is opened."""
        counts: dict[dt.date, int] = {}
        for file in deltalog.listed(self._open(name)):
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
        """The files at ``version`` that were not there at ``since``: ``path`` and ``partition.<column>`` of each.

        What `compact` made holds rows that were there; see what its caller promises.
        """
        files = deltalog.listed(self._open(name, version))
        if since is not None:
            with contextlib.suppress(LakeError):  # the log no longer reaches that far back: take every file
                before = {file["path"] for file in deltalog.listed(self._open(name, since))}
                files = [file for file in files if file["path"] not in before and not is_compacted(file["path"])]
        return files

    def append(
        self,
        name: str,
        rows: "pa.Table | Sequence[Mapping[str, Any]]",
        *,
        app_id: str,
        app_version: int = 1,
        handed: Handed | None = None,
    ) -> bool:
        """Add rows in one commit, and hand them on; False when this application id and version are in already."""
        spec, handle = _spec(name), self._create(name)
        if (handle.transaction_version(app_id) or 0) >= app_version:
            return False
        suffix = "" if app_version == 1 else f"-v{app_version}"
        parts: dict[str, pa.Table] = {}
        file = f"{safe(app_id)}{suffix}.parquet"
        actions = self._write(spec, as_table(spec, rows), file, None if handed is None else parts)
        done = deltalog.commit(self.place, handle, spec, actions, app=(app_id, app_version))
        if handed is not None and done:
            for path, part in parts.items():
                handed.add(path, part)
        return done

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
        if name not in self._made:  # to open a log for each of many pieces takes longer the more there are
            self._create(name)
            self._made.add(name)
        table = as_table(spec, rows)
        staged.add(spec, table, self._write(spec, table, f"{safe(app_id)}-v{app_version}-{HASH}.parquet"))

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
            refuse_strangers(name, table.num_rows, values_of(table, partitions), partitions)
            self.stage(name, table, staged, app_id=app_id, app_version=app_version)
        refuse_strangers(name, staged.rows, staged.values, partitions)
        filters = [(column, "in", [text(value) for value in values]) for column, values in partitions.items() if values]
        try:
            return deltalog.commit(self.place, handle, spec, staged.actions, filters, app=(app_id, app_version))
        finally:
            self.sweep(name)

    def compact(self, name: str, *, at: int | None = None) -> int:
        """Put the small files of each partition together, in one commit that changes no row; how many files it took.

        Args:
            name: a table.
            at: only if this is the log's newest version. Who asks `added` what is new must have seen this one.
        """
        spec, handle = _spec(name), self._open(name)
        if handle is None or at not in {None, handle.version()}:
            return 0
        taken = compact(self.place, self.cipher, spec, handle, functools.partial(self._write, spec))
        if taken is not None:
            self.sweep(name)
        return taken or 0

    def checkpoint(self, name: str) -> None:
        """Write the log's state down as one file, and remove entries of it that are older than 30 days."""
        if (handle := self._open(name)) is not None:
            deltalog.checkpoint(self.place, handle, _spec(name))

    def secure(self, name: str) -> None:
        """What a table is seen to hold stays so, whatever happens next: ask before anything relies on it.

        Raises:
            LakeError: the disk refused it.
        """
        try:
            self.place.secure(name)
        except OSError as wrong:
            raise LakeError(
                f"{self.place.at(name)}: cannot be synced: {wrong.strerror}", hint="the disk is failing: check it"
            ) from wrong

    def sweep(self, name: str) -> int:
        """Remove files that no reader and no writer can want any more; how many there were.

        These are files the log does not list, written by a ``replace`` whose version is not
        above the committed one (a later commit took them out, or their writer lost the race
        or died), and any other unlisted or temporary file that is old.
        """
        handle = self._open(name)
        if handle is None:
            return 0
        listed = {file["path"] for file in deltalog.listed(handle)}
        dead = [file for file in self.place.found(name) if file.path not in listed and is_dead(file, handle)]
        for file in dead:
            self.place.remove(f"{name}/{file.path}")
        return len(dead)

    def _open(self, name: str, version: int | None = None) -> "DeltaTable | None":
        return deltalog.opened(self.place, _spec(name), version)

    def _create(self, name: str) -> "DeltaTable":
        return deltalog.made(self.place, _spec(name))

    def _write(
        self, spec: TableSpec, table: "pa.Table", name: str, parts: "dict[str, pa.Table] | None" = None
    ) -> "list[AddAction]":
        return write(self.place, self.cipher, spec, table, name, lambda: self.files(spec.name), parts)


def _spec(name: str) -> TableSpec:
    if name not in TABLES:
        raise UsageError(f"there is no table {name!r}", hint=f"tables are: {', '.join(TABLES)}")
    return TABLES[name]

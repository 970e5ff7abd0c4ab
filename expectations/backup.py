"""Backup and restore: spool, tables and cases as they stood together, each file proven by its hash.

A backup is a folder. Its ``manifest.json`` is written last: without it the folder is no backup.
Everything goes on meanwhile: of a table the log's newest version is taken with the files that it
lists, cases in one transaction. The spool is copied before the tables, for what is pruned meanwhile
has landed, and again after them, for what is sealed meanwhile and not in them. Keys are not in it:
they belong in another place than what they open.
"""

import datetime as dt
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from expectations.cases.database import REVISION, database_of
from expectations.cases.schema import METADATA, Moment
from ingest.errors import BackupError
from ingest.lakecopy import PLACE, copied_tables, put_back, tables_there
from ingest.settings import Settings
from ingest.spoolcopy import copied_spool, put_back_spool, spool_there
from ingest.tables import Lake

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

MANIFEST = "manifest.json"
FORMAT = "tillwatch-backup-1"
CASES = "cases.jsonl"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds: when it was made, of each file its path, size and SHA-256."""

    made_at: str
    files: dict[str, dict[str, Any]]

    def count(self, of: str) -> int:
        """How many files it has of ``spool`` or ``lake``."""
        return sum(PurePosixPath(name).parts[0] == of for name in self.files)

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(each["size"] for each in self.files.values())


def back_up(settings: Settings, folder: Path, now: dt.datetime, tell: Tell = lambda _: None) -> Contents:
    """Make a backup in a folder that is not there yet, or is empty.

    Raises:
        BackupError: the folder is in use or cannot be written.
        LakeError, SpoolError, StoreError, CaseError: what is to be copied cannot be read.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(folder.iterdir()):
            raise BackupError(f"{folder}: is not empty", hint="name a folder that is not there yet")
        tell("spool")
        copied_spool(settings.spool.directory, folder / "spool")
        tell("tables")
        copied_tables(Lake.of(settings.lake), folder / PLACE)
        tell("spool")
        copied_spool(settings.spool.directory, folder / "spool")
        tell("cases")
        _write_cases(settings, folder / CASES)
        tell("hashes")
        files = {name: {"size": path.stat().st_size, "sha256": _sha256(path)} for name, path in _files(folder)}
        told = {"format": FORMAT, "made_at": now.isoformat(timespec="seconds"), "cases": REVISION, "files": files}
        temporary = folder / f".{MANIFEST}"
        temporary.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
        tell("disk")
        for path in [*folder.rglob("*"), folder]:
            _sync(path)
        temporary.replace(folder / MANIFEST)
        _sync(folder)
    except OSError as wrong:
        raise _refused(folder, wrong) from None
    return verified(folder)


def verified(folder: Path) -> Contents:
    """What a backup holds, each file read and compared with the manifest.

    Raises:
        BackupError: it is no backup, or a file is missing, changed, or not of it.
    """
    manifest = _manifest(folder)
    try:
        there = dict(_files(folder))
        for name, stated in manifest["files"].items():
            if name not in there:
                raise BackupError(f"{folder / name}: is missing", hint="take another backup; nothing was restored")
            if there[name].stat().st_size != stated["size"] or _sha256(there[name]) != stated["sha256"]:
                raise BackupError(f"{folder / name}: was changed", hint="take another backup; nothing was restored")
    except OSError as wrong:
        raise _refused(folder, wrong) from None
    if strange := sorted(set(there) - set(manifest["files"])):
        raise BackupError(f"{folder / strange[0]}: does not belong to the backup", hint="move it elsewhere")
    return Contents(manifest["made_at"], manifest["files"])


def restore(settings: Settings, folder: Path, tell: Tell = lambda _: None) -> Contents:
    """Put a backup where the settings say, into places that hold nothing.

    Raises:
        BackupError: it is damaged, or something is there already; nothing was written.
        LakeError, SpoolError, StoreError, CaseError: a place cannot be written.
    """
    tell("hashes")
    contents = verified(folder)
    if (revision := _manifest(folder)["cases"]) > REVISION:
        raise BackupError(
            f"{folder}: its cases are of schema {revision}, this version knows {REVISION}", hint="update tillwatch"
        )
    lake, database = Lake.of(settings.lake), database_of(settings)
    taken = [
        *(lake.place.at(name) for name in tables_there(lake)),
        *map(str, spool_there(settings.spool.directory)),
        *([database.name] if database.run(_count_cases) else []),
    ]
    if taken:
        raise BackupError(
            f"{taken[0]}: is there already", hint="move spool, lake and cases aside first; nothing was restored"
        )
    try:
        tell("tables")
        put_back(lake, folder / PLACE)
        tell("cases")
        with (folder / CASES).open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        database.run(lambda connection: _read_cases(connection, rows))
        tell("spool")
        put_back_spool(folder / "spool", settings.spool.directory)
    except OSError as wrong:
        raise _refused(Path(wrong.filename or folder), wrong) from None
    return contents


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        ours = manifest["format"] == FORMAT and {"made_at", "cases"} <= set(manifest)
        ours = ours and all({"size", "sha256"} <= set(each) for each in manifest["files"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        ours = False
    if not ours:
        raise BackupError(
            f"{folder}: is no whole backup of format {FORMAT}", hint=f"name a folder with the {MANIFEST} of one"
        )
    return dict(manifest)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / MANIFEST:
            yield path.relative_to(folder).as_posix(), path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Have a file's bytes, or a folder's names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(path: Path, wrong: OSError) -> BackupError:
    return BackupError(
        f"{path}: {(wrong.strerror or str(wrong)).lower()}", hint="check the disk's free space and the folder's owner"
    )


def _write_cases(settings: Settings, path: Path) -> None:
    """Every row of the cases' tables, read in one transaction: a JSON object a line."""

    def read(connection: "Connection") -> list[dict[str, Any]]:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        return [
            {"table": table.name, "row": {name: _plain(value) for name, value in row._mapping.items()}}  # noqa: SLF001 - its public name
            for table in METADATA.sorted_tables
            for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))
        ]

    rows = database_of(settings).run(read)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def _read_cases(connection: "Connection", rows: list[dict[str, Any]]) -> None:
    for table in METADATA.sorted_tables:
        mine = [
            {name: _typed(table.c[name].type, value) for name, value in each["row"].items()}
            for each in rows
            if each["table"] == table.name
        ]
        if mine:
            connection.execute(sa.insert(table), mine)
    if connection.dialect.name == "postgresql":
        for table in METADATA.sorted_tables:
            _go_on_numbering(connection, table)


def _go_on_numbering(connection: "Connection", table: sa.Table) -> None:
    """PostgreSQL numbers from its own counter, which rows with numbers of their own do not move."""
    column = table.autoincrement_column
    if column is None:
        return
    names = {"table": table.name, "column": column.name}
    sequence = connection.execute(sa.text("SELECT pg_get_serial_sequence(:table, :column)"), names).scalar()
    last = connection.execute(sa.select(sa.func.max(column))).scalar()
    if sequence and last:
        connection.execute(
            sa.text("SELECT setval(CAST(:sequence AS regclass), :last)"), {"sequence": sequence, "last": last}
        )


def _count_cases(connection: "Connection") -> int:
    return sum(
        connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() or 0
        for table in METADATA.sorted_tables
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def _typed(kind: "sa.types.TypeEngine[Any]", value: Any) -> Any:
    if value is None or not isinstance(kind, (Moment, sa.Date)):
        return value
    return (dt.datetime if isinstance(kind, Moment) else dt.date).fromisoformat(value)

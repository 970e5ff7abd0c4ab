"""A copy of every table as it stands: the log up to one version, and the files that version lists."""

import re
import shutil
from pathlib import Path

from ingest.lake import Lake
from ingest.objectstore import OF_STORE
from ingest.tables import TABLES

PLACE = "lake"
TRIES = 20
_VERSIONED = re.compile(r"(?P<version>\d{20})[.].+")


def copied_tables(lake: Lake, target: Path) -> None:
    """Copy every table that is there.

    Raises:
        LakeError: a table cannot be read, or others keep replacing its files.
        StoreError: the object store refuses or cannot be reached.
        OSError: the copy cannot be written.
    """
    for name in TABLES:
        for attempt in range(TRIES):
            try:
                _copy(lake, name, target / name)
                break
            except FileNotFoundError:  # put together or replaced meanwhile: take the newer version
                shutil.rmtree(target / name, ignore_errors=True)
                if attempt == TRIES - 1:
                    lake.read(name)  # says what is missing
                    raise


def _copy(lake: Lake, name: str, target: Path) -> None:
    version = lake.version(name)
    if version is None:
        return
    for file in lake.added(name, version=version):
        _fetch(lake, name, file["path"], target)
    for entry in lake.place.log(name):
        match = _VERSIONED.fullmatch(entry.rpartition("/")[2])
        if match and int(match["version"]) <= version:
            _fetch(lake, name, entry, target)


def _fetch(lake: Lake, name: str, path: str, target: Path) -> None:
    place = lake.place
    file = target / path
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with place.filesystem.open_input_stream(place.inside(name, path)) as source, file.open("wb") as copy:
            shutil.copyfileobj(source, copy)
    except OSError as wrong:
        if OF_STORE in str(wrong) and not isinstance(wrong, FileNotFoundError):
            with place.errors(name):
                raise
        raise


def tables_there(lake: Lake) -> list[str]:
    """The tables that somebody has made."""
    return [name for name in TABLES if lake.version(name) is not None]


def put_back(lake: Lake, source: Path) -> None:
    """Put the tables of a copy where there are none. Of each the log comes last: before, nobody sees it."""
    for table in sorted(each for each in source.iterdir() if each.is_dir()) if source.is_dir() else []:
        files = sorted(each.relative_to(table).as_posix() for each in table.rglob("*") if each.is_file())
        for path in sorted(files, key=lambda each: each.startswith("_delta_log/")):
            folder = [table.name, *path.split("/")[:-1]]
            lake.place.prepare(*folder)
            with lake.place.desk(*folder) as desk:
                temporary = desk / f".restored-{path.rpartition('/')[2]}.tmp"
                try:
                    shutil.copyfile(table / path, temporary)
                    lake.place.publish(temporary, f"{table.name}/{path}")
                finally:
                    temporary.unlink(missing_ok=True)

"""A copy of every table as it stands: the log up to one version, and the files that version lists.

Frames are copied last: what was made from them stands on a version that the copy has. If frames
were put together in between, some that a table has not seen yet may lie in a file that counts as
seen (`Lake.added`); everything is copied anew then.
"""

import contextlib
import re
import shutil
from pathlib import Path

from ingest.compaction import COMPACTION
from ingest.deriving import APPLICATION, DERIVED
from ingest.errors import LakeError
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
    for _ in range(TRIES):
        for name in sorted(TABLES, key=lambda each: each == "raw_frames"):
            _copied(lake, name, target)
        if _stand_together(Lake(target)):
            return
        shutil.rmtree(target)
    raise LakeError(
        f"{lake.place.at()}: frames are put together all the time", hint="make the backup when `lake maintain` is done"
    )


def _copied(lake: Lake, name: str, target: Path) -> None:
    for attempt in range(TRIES):
        with contextlib.suppress(FileNotFoundError):  # put together or replaced meanwhile: take the newer version
            if _copy(lake, name, target / name):
                return
        shutil.rmtree(target / name, ignore_errors=True)
        if attempt == TRIES - 1:
            lake.read(name)  # says what is missing
    raise LakeError(f"{lake.place.at(name)}: changes all the time", hint="make the backup in a quiet hour")


def _stand_together(copy: Lake) -> bool:
    """Whether every frame of the copy either is in each table made from them, or will be at the next landing."""
    frames, put_together = copy.version("raw_frames"), copy.committed("raw_frames", COMPACTION) or 0
    stands = [stand for name in DERIVED if (stand := copy.committed(name, APPLICATION)) is not None]
    return frames is None or all(put_together <= stand <= frames for stand in stands)


def _copy(lake: Lake, name: str, target: Path) -> bool:
    """Copy one table; False when its log went on so far meanwhile that the copy is not whole."""
    version = lake.version(name)
    if version is None:
        return True
    for file in lake.added(name, version=version):
        _fetch(lake, name, file["path"], target)
    for entry in lake.place.log(name):
        match = _VERSIONED.fullmatch(entry.rpartition("/")[2])
        if match and int(match["version"]) <= version:
            _fetch(lake, name, entry, target)
    copy = Lake(target.parent)
    return copy.version(name) == version and len(copy.files(name)) == len(lake.added(name, version=version))


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
    """Put the tables of a copy where there are none. Of each the log comes last: before, nobody sees it.

    Raises:
        LakeError: somebody has made a table there meanwhile; what is in its log stays.
    """
    for table in sorted(each for each in source.iterdir() if each.is_dir()) if source.is_dir() else []:
        files = sorted(each.relative_to(table).as_posix() for each in table.rglob("*") if each.is_file())
        for path in sorted(files, key=lambda each: each.startswith("_delta_log/")):
            folder = [table.name, *path.split("/")[:-1]]
            lake.place.prepare(*folder)
            with lake.place.desk(*folder) as desk:
                temporary = desk / f".restored-{path.rpartition('/')[2]}.tmp"
                try:
                    shutil.copyfile(table / path, temporary)
                    if not lake.place.publish(temporary, f"{table.name}/{path}", keep_other=True):
                        raise LakeError(
                            f"{lake.place.at(table.name, path)}: was written meanwhile",
                            hint="stop Airflow, landing and checking, move the tables aside and restore again",
                        )
                finally:
                    temporary.unlink(missing_ok=True)

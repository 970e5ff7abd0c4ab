"""A commit to a Delta log in a folder: on the disk before it has its name there.

deltalake syncs nothing that it writes to a folder: after a power cut an entry may be empty or cut off, and
what was cut off nobody can read. So deltalake is given a draft, a table beside the true ones, and commits to
that. What it wrote is synced, linked into the log, and the log's folder synced. An entry has one name and the
first to link it has it: of two writers one is let in, as when deltalake links its own. What a writer that
died has left is removed when it is an hour old.
"""

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ingest.datafile import sync

LOG = "_delta_log"
ABANDONED_SECONDS = 3600.0
_DRAFT = ".draft-"
_LAST = "_last_checkpoint"
_FILE = re.compile(r"(?P<version>\d{20})[.](?P<kind>json|checkpoint[.].*parquet)")


def enter(log: Path, version: int, state: str, write: Callable[[str], None], folder: Path) -> bool:
    """Have ``write`` commit to a draft, and enter what it wrote as the version after this one.

    Args:
        log: the folder of the log, which is there.
        version: what the commit stands on; -1 when ``write`` makes the table.
        state: the log's entry with the table's protocol and metadata, all that a commit needs to know.
        write: commits once to the table at this address.
        folder: where the draft is made: on the log's file system, and in no table.

    Returns:
        False when another has that version already; nothing was changed then.

    Raises:
        OSError: the disk refused it.
    """
    with _draft(folder) as draft:
        if state:
            (draft / LOG / _entry(0)).write_text(state, "utf-8")
        write(str(draft))
        written = draft / LOG / _entry(1 if state else 0)
        sync(written)
        try:
            os.link(written, log / _entry(version + 1))
        except FileExistsError:
            return False
        sync(log)
        return True


def condense(log: Path, version: int, write: Callable[[str], None], folder: Path) -> None:
    """Have ``write`` make a checkpoint of the state at a version in a draft, and bring it into the log.

    Raises:
        OSError: the disk refused it, or an entry was cleaned away meanwhile.
    """
    with _draft(folder) as draft:
        names = _state(log, version)
        for name in names:
            os.link(log / name, draft / LOG / name)
        write(str(draft))
        new = [file for file in (draft / LOG).iterdir() if file.name not in names]
        for file in sorted(new, key=lambda each: each.name == _LAST):  # that there is one is said last
            sync(file)
            file.replace(log / file.name)
            sync(log)


@contextlib.contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """A table's folder with an empty log, removed at the end."""
    own = f"{_DRAFT}{os.getpid()}-"
    for left in folder.glob(f"{_DRAFT}*"):
        if left.name.startswith(own):
            continue  # of another table that commits beside; a clock that is set ahead makes it look old
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    table = folder / f"{own}{secrets.token_hex(6)}"
    try:
        (table / LOG).mkdir(parents=True)
        yield table
    finally:
        shutil.rmtree(table, ignore_errors=True)


def _entry(version: int) -> str:
    return f"{version:020d}.json"


def _state(log: Path, version: int) -> set[str]:
    """The files that tell the state at a version: the last checkpoint up to it, and the entries from there on."""
    found = [match for each in log.iterdir() if (match := _FILE.fullmatch(each.name))]
    found = [each for each in found if int(each["version"]) <= version]
    begin = max((int(each["version"]) for each in found if each["kind"] != "json"), default=0)
    return {each[0] for each in found if int(each["version"]) >= begin}

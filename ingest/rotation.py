"""Changing the key of card tokens: a new one for new data, the old one kept aside, and destroyed when its time is over.

Tokens of two keys never match, whatever the card: across a rotation cards are compared by
first six and last four digits, exchanges by terminal, trace number and date. A table that
maps old tokens to new ones would need the card numbers, and nobody here has them.

Every step is on the disk before the next: killed anywhere, there is one current key, and
the one before is never lost.
"""

import os
from pathlib import Path

from ingest.disk import Disk
from ingest.errors import KeyFileError
from ingest.files import FOR_US_ALONE
from ingest.keys import RETIRED, Keys, load_keys, new_key, read_key, write_key

CURRENT, OLD = "current", "retired"


def key_files(path: Path) -> list[tuple[str, Path, Keys]]:
    """Each key: its state, its file and the key; the current one first.

    Raises:
        KeyFileError: one of them cannot be used.
    """
    keys = load_keys(path)
    return [(CURRENT, path, keys), *((OLD, _retired(path, each.key_id), each) for each in keys.retired)]


def rotate(path: Path) -> Keys:
    """Put the current key aside and a new one in its place.

    Raises:
        KeyFileError: the current key cannot be used, or a file cannot be written.
    """
    old = load_keys(path)
    aside = _retired(path, old.key_id)
    fresh = path.with_name(f".{path.name}.new")
    try:
        _keep(path, aside)
        fresh.unlink(missing_ok=True)
        write_key(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FOR_US_ALONE, 0o600), new_key())
        fresh.replace(path)
        Disk().sync_directory(path.parent)
    except OSError as wrong:
        raise KeyFileError(
            f"{path}: cannot be rotated: {wrong.strerror}", hint="check the folder's owner and the disk, and try again"
        ) from None
    return load_keys(path)


def destroy(path: Path, key_id: str) -> Path:
    """Overwrite and remove a retired key; which file it was.

    The file's bytes are overwritten first, which a flash disk or a journal may not honour: copies and
    snapshots are the operator's.

    Raises:
        KeyFileError: it is the current key, or there is none of that id.
    """
    keys = load_keys(path)
    if key_id == keys.key_id:
        raise KeyFileError(
            f"{key_id} is the current key", hint="`tillwatch keys rotate` first: nothing new uses it then"
        )
    if keys.of(key_id) is None:
        known = ", ".join(each.key_id for each in keys.retired) or "there are none"
        raise KeyFileError(f"{key_id}: no retired key of that id", hint=f"retired keys: {known}")
    file = _retired(path, key_id)
    try:
        file.chmod(0o600)
        with file.open("r+b", buffering=0) as opened:
            opened.write(bytes(file.stat().st_size))
            os.fsync(opened.fileno())
        file.unlink()
        Disk().sync_directory(file.parent)
    except OSError as wrong:
        raise KeyFileError(f"{file}: cannot be destroyed: {wrong.strerror}", hint="check the file's owner") from None
    return file


def _retired(path: Path, key_id: str) -> Path:
    return path.with_name(path.name + RETIRED) / f"{key_id}.key"


def _keep(path: Path, aside: Path) -> None:
    """A copy of the current key among the retired ones, read-only."""
    aside.parent.mkdir(mode=0o700, exist_ok=True)
    Disk().sync_directory(path.parent)
    if aside.exists() and read_key(aside) == read_key(path):
        return  # a rotation that was stopped half way
    unfinished = aside.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FOR_US_ALONE, 0o400)
    write_key(fd, path.read_text("ascii"))
    unfinished.replace(aside)
    Disk().sync_directory(aside.parent)

"""Who may read what is written: the spool, keys and mails their owner alone, the lake its group too, nobody else.

The process's umask is not asked: a folder made here is closed even where everything else is open.
"""

import os
import stat
from pathlib import Path

LAKE_FOLDER, LAKE_FILE = 0o750, 0o640
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
UMASK = 0o027
"""What the command line takes from the mode of every other file it writes: others' rights, and the group's writing."""


def narrow_umask() -> None:
    """Take others' rights away from every file that this process makes; a stricter umask stays as it is."""
    os.umask(os.umask(UMASK) | UMASK)


def make_lake_folder(folder: Path, root: Path) -> list[Path]:
    """Make a folder of the lake, and those above it up to ``root``, closed to others; old ones stay as they are.

    Returns:
        The folders that were made, those above the root too: their names are not synced yet.
    """
    made = [each for each in root.parents if not each.exists()]
    root.parent.mkdir(parents=True, exist_ok=True)
    for each in (root, *reversed([up for up in folder.parents if root in up.parents]), folder):
        try:
            each.mkdir()
        except FileExistsError:
            if not each.is_dir():
                raise
        else:
            each.chmod(LAKE_FOLDER)
            made.append(each)
    return made


def write_private(path: Path, content: bytes) -> None:
    """Write a file for its owner alone; one that was there and open to others is closed first."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    with os.fdopen(fd, "wb") as file:
        os.fchmod(fd, PRIVATE_FILE)
        file.truncate()
        file.write(content)


def too_open(path: Path, bits: int) -> str:
    """What of ``bits`` a path gives away, as ``0755``; empty when it gives none, or is not there."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return ""
    return f"{mode:04o}" if mode & bits else ""

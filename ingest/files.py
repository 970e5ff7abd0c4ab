"""The file system calls of the spool, one method each, so that a test can fail or crash at any of them.

Nothing here decides anything: it opens, writes, syncs and renames, and lets OSError through. What is the
same on every system is here; `ingest.disk.Disk` is all of it, for this system.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.healing import Healed

if sys.platform == "win32":
    FOR_US_ALONE = os.O_BINARY | os.O_NOINHERIT
else:
    FOR_US_ALONE = os.O_CLOEXEC
"""Every file is opened so: no child of ours gets it, and its bytes are kept as they are."""


class Files:
    """What opening, writing and naming files is everywhere. Every method may raise OSError.

    ``heal``, ``catch_up``, ``rejoin`` and ``may_rejoin`` mean something where this stands for two disks
    (`ingest.mirror`).
    """

    may_rejoin = False

    def names(self, directory: Path) -> list[str]:
        """The names in a folder, sorted; none when it is not there."""
        try:
            return sorted(os.listdir(directory))  # noqa: PTH208  names, not paths
        except FileNotFoundError:
            return []

    def create(self, path: Path) -> int:
        """A new file that only appends, readable by its owner; FileExistsError when the name is taken."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | FOR_US_ALONE, 0o600)

    def open_append(self, path: Path) -> int:
        """A file that is there, to append to."""
        return os.open(path, os.O_RDWR | os.O_APPEND | FOR_US_ALONE)

    def write(self, fd: int, data: bytes) -> int:
        """How many bytes were taken: at a full disk it may be fewer than given, without an error."""
        return os.write(fd, data)

    def fsync(self, fd: int) -> None:
        """The bytes and all of the file's own facts are on the disk."""
        os.fsync(fd)

    def truncate(self, fd: int, length: int) -> None:
        """Cut the file to a length."""
        os.ftruncate(fd, length)

    def close(self, fd: int) -> None:
        """Give the descriptor back."""
        os.close(fd)

    def tail(self, path: Path, count: int) -> tuple[int, bytes]:
        """How long the file is, and its last ``count`` bytes."""
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - count))
            return size, file.read(count)

    def heal(self) -> "Healed | None":
        """Made equal before the spool is opened; None: there is nothing to be equal to."""

    def catch_up(self) -> bool:
        """What it missed was copied, all but the open segment; False: there is more, or nothing to be copied."""
        return False

    def rejoin(self) -> "Healed | None":
        """Taken back in between two segments; None: nothing was."""

    def read(self, path: Path) -> bytes:
        """The whole file."""
        return path.read_bytes()

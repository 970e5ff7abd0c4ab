"""The file system calls of the spool under POSIX."""

import contextlib
import fcntl
import os
import sys
from pathlib import Path

from ingest.files import FOR_US_ALONE, Files

assert sys.platform != "win32"  # noqa: S101  tells mypy where this module is used


class PosixDisk(Files):
    """A local file system. Every method may raise OSError."""

    def kind(self, path: Path) -> str:
        """The kind of file system a path is on, e.g. ``ext4``; empty where it cannot be told."""
        there = path.resolve()
        while not there.exists() and there != there.parent:
            there = there.parent
        with contextlib.suppress(OSError):
            device = there.stat().st_dev
            wanted = f"{os.major(device)}:{os.minor(device)}"
            best = ""
            for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines():
                before, _, after = line.partition(" - ")
                if before.split()[2] == wanted:
                    best = after.split()[0]
            return best
        return ""

    def make_directory(self, path: Path) -> None:
        """Make a folder for this user only, and its parents, and sync their names; one that is there is fine."""
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
            self.sync_directory(folder.parent)

    def fdatasync(self, fd: int) -> None:
        """The bytes and the length are on the disk."""
        os.fdatasync(fd)

    def make_read_only(self, fd: int) -> None:
        """Nobody appends by accident to what is sealed."""
        os.fchmod(fd, 0o440)

    def rename(self, source: Path, target: Path) -> None:
        """Change a file's name, all at once."""
        source.rename(target)

    def remove(self, path: Path) -> None:
        """Remove a file; one that is not there is fine."""
        path.unlink(missing_ok=True)

    def sync_directory(self, path: Path) -> None:
        """The folder's names are on the disk."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | FOR_US_ALONE)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def reserve(self, path: Path, size: int) -> None:
        """Keep ``size`` bytes of the disk under this name."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | FOR_US_ALONE, 0o600)
        try:
            os.posix_fallocate(fd, 0, size)
        finally:
            os.close(fd)

    def lock(self, path: Path, text: str) -> int | None:
        """Own the file and write ``text`` into it; None when another process owns it.

        The kernel drops the lock with its owner, so a killed collector leaves nothing behind.
        """
        fd = os.open(path, os.O_RDWR | os.O_CREAT | FOR_US_ALONE, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        os.ftruncate(fd, 0)
        os.pwrite(fd, text.encode(), 0)
        return fd

    def locked_text(self, path: Path) -> str | None:
        """What the process that owns the file wrote into it; None when nobody owns it. Takes nothing."""
        with path.open("r", encoding="ascii", errors="replace") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read()
        return None

"""The file system calls of the spool, one method each, so that a test can fail or crash at any of them.

Nothing here decides anything: it opens, writes, syncs and renames, and lets OSError through.
"""

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.healing import Healed

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs", "fuse.glusterfs"})
"""File systems whose fdatasync or flock cannot be relied on."""
VOLATILE = frozenset({"tmpfs", "ramfs", "overlay"})
"""File systems that may not outlive the machine or the container."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a write says when there is no room."""


class Disk:
    """A local file system. Every method may raise OSError.

    ``heal``, ``rejoin`` and ``may_rejoin`` mean something where it stands for two (`ingest.mirror`).
    """

    may_rejoin = False

    def heal(self) -> "Healed | None":
        """Made equal before the spool is opened; None: there is nothing to be equal to."""

    def rejoin(self) -> "Healed | None":
        """Taken back in between two segments; None: nothing was."""

    def kind(self, path: Path) -> str:
        """The kind of file system a path is on, e.g. ``ext4``; empty where it cannot be told."""
        return file_system(path)

    def make_directory(self, path: Path) -> None:
        """Make a folder for this user only, and its parents, and sync their names; one that is there is fine."""
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
            self.sync_directory(folder.parent)

    def names(self, directory: Path) -> list[str]:
        """The names in a folder, sorted; none when it is not there."""
        try:
            return sorted(os.listdir(directory))  # noqa: PTH208  names, not paths
        except FileNotFoundError:
            return []

    def create(self, path: Path) -> int:
        """A new file that only appends, readable by its owner; FileExistsError when the name is taken."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def open_append(self, path: Path) -> int:
        """A file that is there, to append to."""
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)

    def write(self, fd: int, data: bytes) -> int:
        """How many bytes were taken: at a full disk it may be fewer than given, without an error."""
        return os.write(fd, data)

    def fdatasync(self, fd: int) -> None:
        """The bytes and the length are on the disk."""
        os.fdatasync(fd)

    def fsync(self, fd: int) -> None:
        """The bytes and all of the file's own facts are on the disk."""
        os.fsync(fd)

    def truncate(self, fd: int, length: int) -> None:
        """Cut the file to a length."""
        os.ftruncate(fd, length)

    def make_read_only(self, fd: int) -> None:
        """Nobody appends by accident to what is sealed."""
        os.fchmod(fd, 0o440)

    def close(self, fd: int) -> None:
        """Give the descriptor back."""
        os.close(fd)

    def rename(self, source: Path, target: Path) -> None:
        """Change a file's name, all at once."""
        source.rename(target)

    def remove(self, path: Path) -> None:
        """Remove a file; one that is not there is fine."""
        path.unlink(missing_ok=True)

    def sync_directory(self, path: Path) -> None:
        """The folder's names are on the disk."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def read(self, path: Path) -> bytes:
        """The whole file."""
        return path.read_bytes()

    def tail(self, path: Path, count: int) -> tuple[int, bytes]:
        """How long the file is, and its last ``count`` bytes."""
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - count))
            return size, file.read(count)

    def reserve(self, path: Path, size: int) -> None:
        """Keep ``size`` bytes of the disk under this name."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, size)
        finally:
            os.close(fd)

    def lock(self, path: Path, text: str) -> int | None:
        """Own the file and write ``text`` into it; None when another process owns it.

        The kernel drops the lock with its owner, so a killed collector leaves nothing behind.
        """
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        os.ftruncate(fd, 0)
        os.pwrite(fd, text.encode(), 0)
        return fd


def file_system(path: Path) -> str:
    """The kind of file system a path is on, or will be on; empty where it cannot be told."""
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

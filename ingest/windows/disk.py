"""The file system calls of the spool under Windows.

``os.fsync`` is ``_commit``, which is FlushFileBuffers: file data and metadata. A folder cannot be flushed;
NTFS logs its names, and a rename is written through before it returns. A locked byte is locked for
readers too, so the lock stands behind the text that says who has it.
"""

import ctypes
import msvcrt
import os
import stat
import sys
from pathlib import Path

from ingest.files import FOR_US_ALONE, Files

assert sys.platform == "win32"  # noqa: S101  tells mypy where this module is used

LOCK_OFFSET = 0x40000000
"""Where the locked byte is: far behind any text, and not a byte of the file (LockFile allows that)."""
REPLACE_EXISTING, WRITE_THROUGH = 0x1, 0x8  # winbase.h: MOVEFILE_…
DRIVE_REMOTE = 4  # winbase.h
_ZEROS = bytes(65536)


class WindowsDisk(Files):
    """A local NTFS volume. Every method may raise OSError."""

    def __init__(self) -> None:
        self._paths: dict[int, Path] = {}

    def kind(self, path: Path) -> str:
        """``cifs`` for a network drive, else empty: what is local is taken for NTFS."""
        remote = ctypes.windll.kernel32.GetDriveTypeW(path.resolve().anchor) == DRIVE_REMOTE
        return "cifs" if remote else ""

    def make_directory(self, path: Path) -> None:
        """Make a folder and its parents; one that is there is fine."""
        path.mkdir(parents=True, exist_ok=True)

    def create(self, path: Path) -> int:
        """As `Files.create`."""
        return self._remember(super().create(path), path)

    def open_append(self, path: Path) -> int:
        """As `Files.open_append`."""
        return self._remember(super().open_append(path), path)

    def fdatasync(self, fd: int) -> None:
        """The bytes and the length are on the disk."""
        os.fsync(fd)

    def make_read_only(self, fd: int) -> None:
        """Nobody appends by accident to what is sealed."""
        self._paths[fd].chmod(stat.S_IREAD)

    def close(self, fd: int) -> None:
        """Give the descriptor back."""
        self._paths.pop(fd, None)
        super().close(fd)

    def rename(self, source: Path, target: Path) -> None:
        """Change a file's name, all at once; on the disk when this returns."""
        if target.exists():
            target.chmod(stat.S_IREAD | stat.S_IWRITE)
        if not ctypes.windll.kernel32.MoveFileExW(str(source), str(target), REPLACE_EXISTING | WRITE_THROUGH):
            raise ctypes.WinError()

    def remove(self, path: Path) -> None:
        """Remove a file, also one that is sealed; one that is not there is fine."""
        try:
            path.chmod(stat.S_IREAD | stat.S_IWRITE)
            path.unlink()
        except FileNotFoundError:
            return

    def sync_directory(self, path: Path) -> None:
        """Nothing to do: see above."""

    def reserve(self, path: Path, size: int) -> None:
        """Keep ``size`` bytes of the disk under this name."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | FOR_US_ALONE, 0o600)
        try:
            missing = size - os.fstat(fd).st_size
            os.lseek(fd, 0, os.SEEK_END)
            while missing > 0:
                missing -= os.write(fd, _ZEROS[:missing])
        finally:
            os.close(fd)

    def lock(self, path: Path, text: str) -> int | None:
        """Own the file and write ``text`` into it; None when another process owns it.

        The system drops the lock with its owner, so a killed collector leaves nothing behind.
        """
        fd = os.open(path, os.O_RDWR | os.O_CREAT | FOR_US_ALONE, 0o600)
        if not _lock_byte(fd):
            os.close(fd)
            return None
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, text.encode())
        return fd

    def locked_text(self, path: Path) -> str | None:
        """What the process that owns the file wrote into it; None when nobody owns it."""
        fd = os.open(path, os.O_RDWR | FOR_US_ALONE)
        try:
            if _lock_byte(fd):
                os.lseek(fd, LOCK_OFFSET, os.SEEK_SET)
                msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)
                return None
            os.lseek(fd, 0, os.SEEK_SET)
            return os.read(fd, 4096).decode("ascii", "replace")
        finally:
            os.close(fd)

    def _remember(self, fd: int, path: Path) -> int:
        self._paths[fd] = path
        return fd


def _lock_byte(fd: int) -> bool:
    os.lseek(fd, LOCK_OFFSET, os.SEEK_SET)
    try:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True

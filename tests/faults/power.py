"""A disk whose power can be cut: an ext4 file system in a file, mounted through a loop device.

What was not synced is in the kernel's cache and not in the file; a copy of the file, taken
while it is mounted and without a sync, is what the disk would hold after the cut. Mounting
the copy replays its journal, as the next start would. Not modelled: a disk that reorders
or tears its own writes (the memory disk of the spool's crash tests does that).
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = "64M"


def why_not() -> str:
    """Why this machine cannot cut the power of a loop device; empty when it can."""
    if os.geteuid() != 0:
        return "mounting a loop device needs root"
    for tool in ("losetup", "mkfs.ext4", "mount"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed (Debian: util-linux, e2fsprogs, mount)"
    found = subprocess.run(["losetup", "--find"], capture_output=True, check=False)
    return "" if found.returncode == 0 else "there is no free loop device"


class PowerDisk:
    """One disk, on and off.

    Args:
        folder: where its image and its mount point lie.
        size: as ``truncate`` takes it.
    """

    def __init__(self, folder: Path, size: str = SIZE) -> None:
        self._size = size
        self._image = folder / "disk.img"
        self.mounted_at = folder / "disk"
        self.mounted_at.mkdir()
        self.wipe()

    def wipe(self) -> None:
        """An empty file system."""
        self._image.unlink(missing_ok=True)
        _run("truncate", "--size", self._size, str(self._image))
        _run("mkfs.ext4", "-q", str(self._image))

    @contextmanager
    def powered(self) -> Iterator[None]:
        """Mounted; at the end what was not synced is lost."""
        self.switch_on()
        try:
            yield
        except BaseException:
            self.switch_off()
            raise
        self.cut()

    def switch_on(self) -> None:
        """Mounted."""
        _run("mount", "-o", "loop", str(self._image), str(self.mounted_at))

    def cut(self) -> None:
        """What was not synced is lost; off. Nobody may have a file there open any more."""
        after = self._image.with_suffix(".after")
        try:
            _run("cp", "--sparse=always", str(self._image), str(after))  # before anything syncs it
        finally:
            self.switch_off()
        after.replace(self._image)

    def switch_off(self) -> None:
        """Synced and unmounted."""
        _run("umount", str(self.mounted_at))


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words[0]}: {done.stderr}"

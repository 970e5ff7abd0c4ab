"""A disk in memory that can fail, fill up, and lose its power.

It has two images: what is in the cache and what is durable. A power cut keeps the durable one and as much of the rest
as a real disk may: nothing, all, half of a write, zeros where a write should be, or names without their bytes.
"""

import errno
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ingest.disk import Disk


class PowerCutError(BaseException):
    """The machine is gone: nothing of ours may catch this."""


@dataclass
class Inode:
    cached: bytes = b""
    durable: bytes = b""
    lost: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class MemoryDisk(Disk):
    """A disk that can lose what was not synced. ``fault`` is asked before each operation."""

    inodes: list[Inode] = field(default_factory=list)
    cached: dict[Path, int] = field(default_factory=dict)
    durable: dict[Path, int] = field(default_factory=dict)
    open_files: dict[int, int] = field(default_factory=dict)
    operations: list[tuple[str, int]] = field(default_factory=list)
    fault: Callable[[int, str], None] = lambda _index, _name: None
    syncs: bool = True
    room: int | None = None

    def step(self, name: str, fd: int = -1) -> None:
        index = len(self.operations)
        self.operations.append((name, fd))
        self.fault(index, name)

    def inode(self, fd: int) -> Inode:
        return self.inodes[self.open_files[fd]]

    def kind(self, path: Path) -> str:
        del path
        return "ext4"

    def make_directory(self, path: Path) -> None:
        self.step(f"make_directory {path.name}")

    def names(self, directory: Path) -> list[str]:
        return sorted(path.name for path in self.cached if path.parent == directory)

    def lock(self, path: Path, text: str) -> int | None:
        del path, text
        return 3

    def reserve(self, path: Path, size: int) -> None:
        del path, size
        self.step("reserve")

    def opened(self, path: Path) -> int:
        fd = 10 + len(self.operations)
        self.open_files[fd] = self.cached[path]
        return fd

    def create(self, path: Path) -> int:
        self.step("create")
        if path in self.cached:
            raise FileExistsError(errno.EEXIST, "File exists")
        self.inodes.append(Inode())
        self.cached[path] = len(self.inodes) - 1
        return self.opened(path)

    def open_append(self, path: Path) -> int:
        self.step("open_append")
        if path not in self.cached:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return self.opened(path)

    def write(self, fd: int, data: bytes) -> int:
        inode = self.inode(fd)
        if self.room is not None:
            data = data[: self.room]
            if not data:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.room -= len(data)
        before = inode.cached
        inode.cached = before + data[: len(data) // 2]
        self.step("write", fd)
        inode.cached = before + data
        return len(data)

    def _flush(self, fd: int) -> None:
        inode = self.inode(fd)
        if self.syncs:
            image = bytearray(inode.cached)
            for start, end in inode.lost:
                image[start:end] = bytes(len(image[start:end]))
            inode.durable = bytes(image)

    def fdatasync(self, fd: int) -> None:
        inode = self.inode(fd)
        try:
            self.step("fdatasync", fd)
        except OSError:
            # As Linux does: the pages count as clean from here on and are never written.
            inode.lost.append((len(inode.durable), len(inode.cached)))
            raise
        self._flush(fd)

    def fsync(self, fd: int) -> None:
        inode = self.inode(fd)
        try:
            self.step("fsync", fd)
        except OSError:
            inode.lost.append((len(inode.durable), len(inode.cached)))
            raise
        self._flush(fd)

    def truncate(self, fd: int, length: int) -> None:
        self.step("truncate", fd)
        inode = self.inode(fd)
        if self.room is not None:
            self.room += len(inode.cached) - length
        inode.cached = inode.cached[:length]

    def make_read_only(self, fd: int) -> None:
        self.step("make_read_only", fd)

    def close(self, fd: int) -> None:
        if fd != 3:
            del self.open_files[fd]

    def rename(self, source: Path, target: Path) -> None:
        self.step("rename")
        if source not in self.cached:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        if target in self.cached:
            # POSIX: two names of one file; nothing is done and both names stay.
            assert self.cached[target] == self.cached[source], target
            return
        self.cached[target] = self.cached.pop(source)

    def remove(self, path: Path) -> None:
        self.step("remove")
        self.cached.pop(path, None)

    def sync_directory(self, path: Path) -> None:
        self.step(f"sync_directory {path.name}")
        if self.syncs:
            for name in [name for name in self.durable if name.parent == path]:
                del self.durable[name]
            self.durable |= {name: inode for name, inode in self.cached.items() if name.parent == path}

    def read(self, path: Path) -> bytes:
        self.step("read")
        return self.inodes[self.cached[path]].cached

    def tail(self, path: Path, count: int) -> tuple[int, bytes]:
        data = self.read(path)
        return len(data), data[-count:]

    def after_power_cut(self, names: str, content: str) -> "MemoryDisk":
        """The disk that comes up again."""
        kept = dict(self.durable if names == "durable" else self.cached)
        chance = random.Random(f"{len(self.operations)} {names}")
        images = [_image(inode, chance.choice(CONTENTS) if content == "mixed" else content) for inode in self.inodes]
        return MemoryDisk(inodes=[Inode(image, image) for image in images], cached=kept, durable=dict(kept))


def _image(inode: Inode, content: str) -> bytes:
    durable, cached = inode.durable, inode.cached
    if content == "durable":
        return durable
    if content == "cached" and not inode.lost:
        return cached
    fresh = len(cached) - len(durable)
    if fresh <= 0:
        return durable
    half = len(durable) + fresh // 2
    if content == "torn":
        return durable + cached[len(durable) : half]
    if content == "hole":
        return durable + bytes(half - len(durable)) + cached[half:]
    return durable + bytes(fresh)


CONTENTS = ("durable", "cached", "torn", "zeros", "hole")
"""What may become of the bytes of one file that were not synced."""


SURVIVORS = [
    ("durable", "durable"),
    ("durable", "cached"),
    ("cached", "durable"),
    ("cached", "cached"),
    ("cached", "torn"),
    ("cached", "zeros"),
    ("cached", "hole"),
    ("durable", "mixed"),
    ("cached", "mixed"),
]
"""Which names are there after a power cut, and which bytes; mixed: each file another of ``CONTENTS``, at random, seeded
by the operation: the disk wrote what it liked in the order it liked."""

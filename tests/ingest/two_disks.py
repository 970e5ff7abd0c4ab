"""A spool on two disks in memory, and ways in which one of them fails."""

import errno
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from ingest.mirror import Mirrored
from ingest.spool import Spool
from tests.ingest.memory_disk import MemoryDisk
from tests.ingest.spool_life import FOLDER, KEYS, Told, check


class AtOnce(Executor):
    """Runs what it is given before it returns: the order of two syncs is then always the same."""

    def submit(self, call: Any, /, *words: Any, **named: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_result(call(*words, **named))
        return done


def two(first: MemoryDisk, second: MemoryDisk, *, retry_seconds: float = 30.0) -> Mirrored:
    """The same folder on both: they are different disks."""
    return Mirrored(FOLDER, FOLDER, first=first, second=second, retry_seconds=retry_seconds, beside=AtOnce())


def reopen(first: MemoryDisk, second: MemoryDisk) -> None:
    """Start and stop a collector that has nothing to say."""
    Spool(FOLDER, KEYS, boot_id=1, disk=two(first, second)).close()


def contents(disk: MemoryDisk) -> dict[str, bytes]:
    """The segments by name."""
    return {path.name: disk.inodes[inode].cached for path, inode in disk.cached.items() if path.suffix == ".seg"}


def files(disk: MemoryDisk) -> dict[Path, bytes]:
    """Every file by its path."""
    return {path: disk.inodes[inode].cached for path, inode in disk.cached.items()}


def check_both(first: MemoryDisk, second: MemoryDisk, told: Told) -> None:
    """All that was acknowledged is on each disk, and both hold the same."""
    check(first, told)
    check(second, told)
    assert contents(first) == contents(second)


def out_of_order(_index: int, _name: str) -> None:
    raise OSError(errno.EIO, "Input/output error")


def failing_once(operation: str) -> Callable[[int, str], None]:
    """The first operation of this name fails, all others work."""
    left = 1

    def fail(_index: int, name: str) -> None:
        nonlocal left
        if name == operation and left:
            left -= 1
            raise OSError(errno.EIO, "Input/output error")

    return fail


def fine(_index: int, _name: str) -> None:
    """Nothing fails."""

"""Who owns a spool: one process, for as long as it lives. The lock is the kernel's; the text in it is for people."""

import os
import time
from pathlib import Path

from ingest.disk import NETWORK, Disk
from ingest.errors import SpoolError

LOCK = "LOCK"
TRIES, PAUSE = 5, 0.05
"""Somebody who only asks who the owner is holds the lock for a moment; an owner holds it for longer."""


def own(disk: Disk, directory: Path, boot_id: int) -> int:
    """Make the folder this process's; gives the descriptor that holds it.

    Raises:
        SpoolError: it belongs to another process, it is on a network file system, or it cannot be written.
    """
    kind = disk.kind(directory)
    if kind in NETWORK:
        raise SpoolError(
            f"{directory}: a spool cannot be on {kind}: its sync and locks cannot be relied on",
            hint="set spool.directory to a folder on a local disk",
        )
    me = f"pid {os.getpid()}\nboot {boot_id:08x}\nsince {time.time_ns()}\n"
    try:
        disk.make_directory(directory)
        for _ in range(TRIES):
            fd = disk.lock(directory / LOCK, me)
            if fd is not None:
                return fd
            time.sleep(PAUSE)
    except OSError as wrong:
        raise SpoolError(
            f"{directory}: the spool cannot be opened: {wrong.strerror}",
            hint="check spool.directory, its owner and the disk",
        ) from None
    raise SpoolError(
        f"{directory}: the spool belongs to process {owner_of(directory) or 'unknown'}",
        hint="stop that collector, or use another folder: TILLWATCH_SPOOL__DIRECTORY=<folder>",
    )


def owner_of(directory: Path) -> int | None:
    """The process that owns a spool, 0 when it cannot be told which, None when none does. Takes nothing."""
    try:
        text = Disk().locked_text(directory / LOCK)
    except OSError:
        return None
    if text is None:
        return None
    words = text.splitlines()[0].split() if text else []
    return int(words[1]) if len(words) == 2 and words[1].isdecimal() else 0


def this_boot() -> int:
    """A number of this boot, so that monotonic times of two boots are never compared. 1 where the kernel has none."""
    try:
        return int(Path("/proc/sys/kernel/random/boot_id").read_text("ascii")[:8], 16) or 1
    except (OSError, ValueError):
        return 1

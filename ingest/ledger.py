"""Ledgers of the spool: one JSON object a line, on the disk before what it tells of is relied upon."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.disk import Disk


def write_down(path: Path, told: dict[str, Any], disk: Disk | None = None) -> None:
    """Append one line and sync it, and the ledger's name where it is new.

    A line that was cut off before is ended first: it is not read, and takes no other with it.

    Raises:
        OSError: it could not be written; it may be there in part, and is then not read.
    """
    disk = disk or Disk()
    try:
        fd, is_new = disk.open_append(path), False
    except FileNotFoundError:
        fd, is_new = disk.create(path), True
    try:
        _, end = disk.tail(path, 1)
        line = (b"" if end in {b"", b"\n"} else b"\n") + json.dumps(told).encode() + b"\n"
        while line:
            line = line[disk.write(fd, line) :]
        disk.fsync(fd)
    finally:
        disk.close(fd)
    if is_new:
        disk.sync_directory(path.parent)


def written_down(path: Path, disk: Disk | None = None) -> Iterator[dict[str, Any]]:
    """The lines that are whole; nothing when there is no ledger.

    Raises:
        OSError: it cannot be read.
    """
    try:
        data = (disk or Disk()).read(path)
    except FileNotFoundError:
        return
    for line in data.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict):
            yield told

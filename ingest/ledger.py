"""Ledgers of the spool: one JSON object a line, on the disk before what it tells of is relied upon."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.files import FOR_US_ALONE


def write_down(path: Path, told: dict[str, Any]) -> None:
    """Append one line and sync it.

    Raises:
        OSError: it could not be written; it may be there in part, and is then not read.
    """
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | FOR_US_ALONE, 0o600)
    with os.fdopen(fd, "ab") as ledger:
        ledger.write(json.dumps(told).encode() + b"\n")
        ledger.flush()
        os.fsync(ledger.fileno())


def written_down(path: Path) -> Iterator[dict[str, Any]]:
    """The lines that are whole; nothing when there is no ledger.

    Raises:
        OSError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    for line in data.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict):
            yield told

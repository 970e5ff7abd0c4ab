"""A wall clock that a test steps under a process: libfaketime, which leaves the monotonic clock alone."""

import os
from pathlib import Path

from tests.faults.tools import why_without

_LIBRARIES = (Path("/usr/lib"), Path("/usr/local/lib"))
_SHARED = Path("/dev/shm")  # noqa: S108 - libfaketime's choice


def why_not() -> str:
    """Why no clock can be stepped; empty when it can."""
    return why_without("faketime", "faketime")


def clock(file: Path) -> dict[str, str]:
    """The environment of a process whose clock is off by what a file says, now and later (``+3600``, in seconds).

    libfaketime names a semaphore after its process and leaves it there when that is killed; a later process of the
    same number would end on finding it, so what the dead left is removed first.
    """
    for left in _SHARED.glob("*faketime_s*_*"):
        if not Path("/proc", left.name.rpartition("_")[2]).exists():
            left.unlink(missing_ok=True)
    library = next(found for each in _LIBRARIES for found in each.glob("**/faketime/libfaketimeMT.so.1"))
    return {
        "LD_PRELOAD": os.fspath(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }

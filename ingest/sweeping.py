"""Which files of a table no reader and no writer can want any more."""

import re
import time
from typing import TYPE_CHECKING

from ingest import datafile
from ingest.places import Found

if TYPE_CHECKING:
    from deltalake import DeltaTable

TEMPORARY_SECONDS = 3600.0
"""A temporary file this old belongs to nobody any more."""
ORPHAN_SECONDS = 86400.0
"""A file this old that no version of the log lists belongs to a writer that died."""
_REPLACED = re.compile(r"(?P<app>.+)-v(?P<version>\d+)-[0-9a-f]{16}\.parquet")


def is_dead(file: Found, handle: "DeltaTable") -> bool:
    """Whether a file that the log does not list is one of these.

    It was written by a ``replace`` whose version is not above the committed one (a later commit took
    it out, or its writer lost the race or died), or it is any other file, or a temporary one, that is old.
    """
    age, name = time.time() - file.written, file.path.rpartition("/")[2]
    if name.endswith(datafile.TEMPORARY):
        return age > TEMPORARY_SECONDS
    if match := _REPLACED.fullmatch(name):
        committed = handle.transaction_version(match["app"])
        if committed is not None and int(match["version"]) <= committed:
            return True
    return age > ORPHAN_SECONDS

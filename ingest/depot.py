"""Sealed segments in object storage, one folder a collector: put there once, and proven to be there.

A segment is put only where nothing lies yet (HTTP ``If-None-Match: *``), so that an upload
whose answer was lost may simply be tried again: what then lies there already is read back and
compared. Nothing is ever overwritten, and nothing is removed.
"""

import datetime as dt
import hashlib
from typing import Any

from ingest.errors import SpoolError, StoreError
from ingest.objectstore import PATIENCE, open_store, store_errors
from ingest.segments import SegmentInfo

_SHA256 = "sha256"


class Depot:
    """A bucket and prefix of an object store.

    Args:
        url: ``s3://bucket/prefix``.
        collector: the folder of this collector's segments.
        patience: how long one request may take, its repetitions included.

    Raises:
        StoreError: the address is none, or a setting of the environment is wrong.
    """

    def __init__(self, url: str, collector: str, *, patience: dt.timedelta = PATIENCE) -> None:
        self.url = url.rstrip("/")
        self.collector = collector
        self._store = open_store(self.url, patience=patience)

    def put(self, info: SegmentInfo) -> bool:
        """Put a segment there; False when it lay there already, byte for byte.

        Raises:
            SpoolError: the segment cannot be read.
            StoreError: the store refuses or cannot be reached, or holds something else under this name.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError

        data = _bytes_of(info)
        path = self._path(info)
        attributes: Any = {_SHA256: hashlib.sha256(data).hexdigest()}
        with store_errors(self.url, path):
            try:
                obstore.put(self._store, path, data, mode="create", attributes=attributes, use_multipart=False)
            except AlreadyExistsError:
                if why := self.lacks(info):
                    hint = "give this collector a name of its own (ship.collector), and keep both files"
                    raise StoreError(f"{self.url}/{path}: {why}", hint=hint) from None
                return False
        return True

    def lacks(self, info: SegmentInfo) -> str:
        """Why the store does not prove to hold this segment; empty when it was read back and is the same.

        Raises:
            SpoolError: the segment cannot be read.
            StoreError: the store refuses or cannot be reached.
        """
        import obstore

        path = self._path(info)
        with store_errors(self.url, path):
            try:
                held = obstore.get(self._store, path)
            except FileNotFoundError:
                return "it was not shipped"
            sums = hashlib.sha256()
            for chunk in held.stream():
                sums.update(chunk)
        same = sums.hexdigest() == hashlib.sha256(_bytes_of(info)).hexdigest()
        return "" if same else "the store holds something else under its name"

    def _path(self, info: SegmentInfo) -> str:
        return f"{self.collector}/{info.path.name}"


def _bytes_of(info: SegmentInfo) -> bytes:
    try:
        return info.path.read_bytes()
    except OSError as wrong:
        raise SpoolError(f"{info.path}: cannot be read: {wrong.strerror}", hint="check its owner and mode") from None

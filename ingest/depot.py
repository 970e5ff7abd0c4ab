"""Sealed segments in object storage, one folder a collector: put there once, proven to be there, and taken down.

A segment is put only where nothing lies yet (HTTP ``If-None-Match: *``), so that an upload
whose answer was lost may simply be tried again: what then lies there already is read back and
compared. Nothing is ever overwritten, and nothing is removed.
"""

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ingest.errors import SpoolError, StoreError
from ingest.objectstore import PATIENCE, SLOWEST, open_store, store_errors
from ingest.segments import SegmentInfo, is_sealed_name

if TYPE_CHECKING:
    from obstore.store import S3Store

_FOLDER = re.compile(r"[\w-][\w.-]*")
_SHA256 = "sha256"


@dataclass(frozen=True, slots=True, order=True)
class Parcel:
    """A segment in the store: whose it is, its file's name and size in bytes, and its id."""

    collector: str
    name: str
    size: int

    @property
    def segment_id(self) -> str:
        """The segment's id, as in its name."""
        return Path(self.name).stem[21:]


class NameTakenError(StoreError):
    """Something else lies in the store under a segment's name."""


class Depot:
    """A bucket and prefix of an object store.

    Args:
        url: ``s3://bucket/prefix``.
        collector: the folder of this collector's segments; not needed to take down others'.
        patience: how long one request may take, its repetitions included, beside the time for its bytes.

    Raises:
        StoreError: the address is none, or a setting of the environment is wrong.
    """

    def __init__(self, url: str, collector: str = "", *, patience: dt.timedelta = PATIENCE) -> None:
        self.url = url.rstrip("/")
        self.collector = collector
        self._patience = patience
        self._store(0)  # a wrong address is told at once

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
                obstore.put(
                    self._store(len(data)), path, data, mode="create", attributes=attributes, use_multipart=False
                )
            except AlreadyExistsError:
                if why := self.lacks(info):
                    hint = "give this collector a name of its own (ship.collector), and keep both files"
                    raise NameTakenError(f"{self.url}/{path}: {why}", hint=hint) from None
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
                held = obstore.get(self._store(info.size), path)
            except FileNotFoundError:
                return "it was not shipped"
            sums = hashlib.sha256()
            for chunk in held.stream():
                sums.update(chunk)
        same = sums.hexdigest() == hashlib.sha256(_bytes_of(info)).hexdigest()
        return "" if same else "the store holds something else under its name"

    def parcels(self) -> list[Parcel]:
        """Every collector's segments, in the order of their names; what is named like none is left alone.

        Raises:
            StoreError: the store refuses or cannot be reached.
        """
        import obstore

        with store_errors(self.url):
            store = self._store(0)
            names = [(PurePosixPath(each["path"]), each["size"]) for batch in obstore.list(store) for each in batch]
        return sorted(
            Parcel(name.parts[0], name.name, size)
            for name, size in names
            if len(name.parts) == 2 and _FOLDER.fullmatch(name.parts[0]) and is_sealed_name(name.name)
        )

    def take(self, parcel: Parcel, folder: Path) -> Path:
        """A copy of a segment in a folder: whole or not there.

        Raises:
            StoreError: the store refuses or cannot be reached.
            SpoolError: the copy cannot be written.
        """
        import obstore

        path, target = f"{parcel.collector}/{parcel.name}", folder / parcel.name
        with store_errors(self.url, path):
            data = bytes(obstore.get(self._store(parcel.size), path).bytes())
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            target.with_suffix(".taking").write_bytes(data)
            target.with_suffix(".taking").replace(target)
        except OSError as wrong:
            raise SpoolError(
                f"{target}: cannot be written: {wrong.strerror}", hint="check the disk's free space"
            ) from None
        return target

    def _store(self, size: int) -> "S3Store":
        """The store, with time for so many bytes on a slow line."""
        return open_store(self.url, patience=self._patience + dt.timedelta(seconds=size / SLOWEST))

    def _path(self, info: SegmentInfo) -> str:
        return f"{self.collector}/{info.path.name}"


def _bytes_of(info: SegmentInfo) -> bytes:
    try:
        return info.path.read_bytes()
    except OSError as wrong:
        raise SpoolError(f"{info.path}: cannot be read: {wrong.strerror}", hint="check its owner and mode") from None

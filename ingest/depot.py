"""Sealed segments in object storage, one folder a collector: put there once, and proven to be there.

A segment is put only where nothing lies yet (HTTP ``If-None-Match: *``), so that an upload
whose answer was lost may simply be tried again: what then lies there already is read back and
compared. Nothing is ever overwritten, and nothing is removed.

Keys, endpoint and region come from the environment as for every S3 client: ``AWS_ACCESS_KEY_ID``,
``AWS_SECRET_ACCESS_KEY``, ``AWS_ENDPOINT_URL`` (``http://…`` only inside a network of one's own), ``AWS_REGION``.
"""

import datetime as dt
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ingest.errors import SpoolError, StoreError
from ingest.segments import SegmentInfo

TRIES = 3
CONNECT, PATIENCE = dt.timedelta(seconds=10), dt.timedelta(seconds=60)
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
        from obstore.exceptions import BaseError
        from obstore.store import S3Store

        self.url = url.rstrip("/")
        self.collector = collector
        retry: Any = {"max_retries": TRIES, "retry_timeout": patience}
        plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
        client: Any = {"timeout": patience, "connect_timeout": CONNECT, "allow_http": plain}
        try:
            self._store = S3Store.from_url(self.url, retry_config=retry, client_options=client)
        except (BaseError, ValueError) as wrong:
            raise StoreError(f"{url}: {_said(wrong)}", hint="give s3://bucket/prefix; see docs/shipping.md") from None

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
        with self._errors(path):
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
        with self._errors(path):
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

    @contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as wrong:
            hint = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do with this bucket"
            raise StoreError(f"{self.url}/{path}: refused: {_said(wrong)}", hint=hint) from None
        except FileNotFoundError as wrong:
            hint = "make the bucket, or check its name and AWS_ENDPOINT_URL"
            raise StoreError(f"{self.url}: there is no such bucket: {_said(wrong)}", hint=hint) from None
        except (BaseError, OSError) as wrong:
            hint = "check the network, AWS_ENDPOINT_URL and AWS_REGION; it is tried again"
            raise StoreError(f"{self.url}/{path}: {_said(wrong)}", hint=hint) from None


def _bytes_of(info: SegmentInfo) -> bytes:
    try:
        return info.path.read_bytes()
    except OSError as wrong:
        raise SpoolError(f"{info.path}: cannot be read: {wrong.strerror}", hint="check its owner and mode") from None


def _said(wrong: BaseException) -> str:
    """The first line of what the store's client says, without its debugging notes."""
    return next(iter(str(wrong).splitlines()), type(wrong).__name__).strip()[:300]

"""A bucket and prefix of an S3 API: how it is opened, and its errors as ours.

Keys, endpoint and region come from the environment as for every S3 client: ``AWS_ACCESS_KEY_ID``,
``AWS_SECRET_ACCESS_KEY``, ``AWS_ENDPOINT_URL`` (``http://…`` only inside a network of one's own), ``AWS_REGION``.
"""

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ingest.errors import StoreError

if TYPE_CHECKING:
    from obstore.store import S3Store

TRIES = 3
CONNECT, PATIENCE = dt.timedelta(seconds=10), dt.timedelta(seconds=60)


def open_store(url: str, *, patience: dt.timedelta = PATIENCE, page: str = "shipping") -> "S3Store":
    """The store at ``s3://bucket/prefix``; nothing is asked of it yet.

    Args:
        url: its address.
        patience: how long one request may take, its repetitions included.
        page: the page of docs/ that explains what it is for.

    Raises:
        StoreError: the address is none, or a setting of the environment is wrong.
    """
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    retry: Any = {"max_retries": TRIES, "retry_timeout": patience}
    plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    client: Any = {"timeout": patience, "connect_timeout": CONNECT, "allow_http": plain}
    try:
        return S3Store.from_url(url, retry_config=retry, client_options=client)
    except (BaseError, ValueError) as wrong:
        raise StoreError(f"{url}: {_said(wrong)}", hint=f"give s3://bucket/prefix; see docs/{page}.md") from None


@contextmanager
def store_errors(url: str, path: str = "") -> Iterator[None]:
    """What the client raises, as a `StoreError` that says where and what to do."""
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    where = f"{url}/{path}" if path else url
    try:
        yield
    except (BaseError, OSError) as wrong:
        if isinstance(wrong, FileNotFoundError) or "404 Not Found" in str(wrong):
            hint = "make the bucket, or check its name and AWS_ENDPOINT_URL"
            raise StoreError(f"{url}: there is no such bucket: {_said(wrong)}", hint=hint) from None
        if isinstance(wrong, (PermissionDeniedError, UnauthenticatedError)) or "403 Forbidden" in str(wrong):
            hint = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do with this bucket"
            raise StoreError(f"{where}: refused: {_said(wrong)}", hint=hint) from None
        hint = "check the network, AWS_ENDPOINT_URL and AWS_REGION; it is tried again"
        raise StoreError(f"{where}: {_said(wrong)}", hint=hint) from None


def _said(wrong: BaseException) -> str:
    """The first line of what the store's client says, without its debugging notes."""
    return next(iter(str(wrong).splitlines()), type(wrong).__name__).strip()[:300]

"""A bucket and prefix of an S3 API: how it is opened, and its errors as ours.

Keys, endpoint and region come from where every S3 client looks: ``AWS_ACCESS_KEY_ID`` and
``AWS_SECRET_ACCESS_KEY``, or the file that ``AWS_SHARED_CREDENTIALS_FILE`` names (its profile ``AWS_PROFILE``,
``default`` by default), ``AWS_ENDPOINT_URL`` (``http://…`` only inside a network of one's own), ``AWS_REGION``.
"""

import configparser
import datetime as dt
import html
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.errors import StoreError

if TYPE_CHECKING:
    from obstore.store import S3Store
    from pyarrow import fs

TRIES = 3
CONNECT, PATIENCE = dt.timedelta(seconds=10), dt.timedelta(seconds=60)
SLOWEST = 32 * 1024
"""Bytes a second of the slowest line that a file still gets over."""
OF_STORE = "AWS Error"
"""What pyarrow's errors say when it is the store that failed."""
_REFUSED = ("403 Forbidden", "401 Unauthorized", "ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH")
_SKEWED = "RequestTimeTooSkewed"
_ANSWER = re.compile(r"<Code>(\w+)</Code>\s*(?:<Message>([^<]{0,300})</Message>)?")
_CAUSE = re.compile(r'\b(?:message|error): "([^"\\]{1,300})"')
"""What an S3 API answers, and the system's own words in obstore's notes."""
_NO_BUCKET = "NoSuchBucket"
"""S3's own code; every other 404 is of a file."""
_PYARROW = {
    "aws_access_key_id": "access_key",
    "aws_secret_access_key": "secret_key",
    "aws_session_token": "session_token",
}
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def is_plain() -> bool:
    """Whether the endpoint is one without TLS, inside a network of one's own."""
    return os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")


def keys() -> dict[str, str]:
    """The keys of the credentials file, by obstore's and deltalake's names.

    None where the environment says them, or names no file.

    Raises:
        StoreError: the file cannot be read, or its profile has no keys.
    """
    file = os.environ.get("AWS_SHARED_CREDENTIALS_FILE")
    if not file or os.environ.get("AWS_ACCESS_KEY_ID"):
        return {}
    profile = os.environ.get("AWS_PROFILE", "default")
    found = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        found.read_string(Path(file).read_text("utf-8"))
        section = found[profile]
        named = {name: section[name] for name in ("aws_access_key_id", "aws_secret_access_key")}
    except (OSError, ValueError, configparser.Error, KeyError) as wrong:
        why = wrong.strerror if isinstance(wrong, OSError) else f"has no keys of the profile {profile!r}"
        hint = "see AWS_SHARED_CREDENTIALS_FILE: [default], aws_access_key_id = …, aws_secret_access_key = …"
        raise StoreError(f"{file}: {why}", hint=hint) from None
    token = section.get("aws_session_token")
    return named | ({"aws_session_token": token} if token else {})


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
    client: Any = {"timeout": patience, "connect_timeout": CONNECT, "allow_http": is_plain()}
    ours: Any = keys()
    try:
        return S3Store.from_url(url, config=ours, retry_config=retry, client_options=client)
    except (BaseError, ValueError) as wrong:
        raise StoreError(f"{url}: {_said(wrong)}", hint=f"give s3://bucket/prefix; see docs/{page}.md") from None


def for_deltalake() -> dict[str, str]:
    """The same, as deltalake's ``storage_options``: a file of its log is put only where none lies yet."""
    return keys() | {
        "aws_conditional_put": "etag",
        "allow_http": str(is_plain()).lower(),
        "max_retries": str(TRIES),
        "retry_timeout": f"{PATIENCE.total_seconds():.0f}s",
        "timeout": f"{PATIENCE.total_seconds():.0f}s",
        "connect_timeout": f"{CONNECT.total_seconds():.0f}s",
    }


def for_pyarrow() -> "fs.S3FileSystem":
    """The same, for pyarrow's reading."""
    from pyarrow import fs

    where = {"region": os.environ.get("AWS_REGION"), "endpoint_override": os.environ.get("AWS_ENDPOINT_URL")}
    ours = {_PYARROW[name]: value for name, value in keys().items()}
    return fs.S3FileSystem(
        **ours,
        **{key: value for key, value in where.items() if value},
        connect_timeout=CONNECT.total_seconds(),
        request_timeout=PATIENCE.total_seconds(),
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=max(1, TRIES)),
    )


@contextmanager
def store_errors(url: str, path: str = "") -> Iterator[None]:
    """What the client raises, as a `StoreError` that says where and what to do."""
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    where = f"{url}/{path}" if path else url
    try:
        yield
    except (BaseError, OSError) as wrong:
        text = str(wrong)
        if _NO_BUCKET in text:
            hint = "make the bucket, or check its name and AWS_ENDPOINT_URL"
            raise StoreError(f"{url}: there is no such bucket", hint=hint) from None
        if isinstance(wrong, FileNotFoundError):
            hint = "somebody removed it, or a rule of the bucket did; look there, and put back what is missing"
            raise StoreError(f"{where}: not there, or not any more", hint=hint) from None
        if "404 Not Found" in text:
            hint = "check AWS_ENDPOINT_URL: the store's address alone, without a bucket or a path"
            raise StoreError(f"{where}: what answers there is no S3 API: {_said(wrong)}", hint=hint) from None
        if _SKEWED in text:
            raise StoreError(f"{where}: refused: {_said(wrong)}", hint="set this machine's clock, by NTP") from None
        if isinstance(wrong, (PermissionDeniedError, UnauthenticatedError)) or any(each in text for each in _REFUSED):
            hint = (
                "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, what they may do with this bucket, "
                "and this machine's clock"
            )
            raise StoreError(f"{where}: refused: {_said(wrong)}", hint=hint) from None
        hint = "check the network, AWS_ENDPOINT_URL and AWS_REGION; it is tried again"
        raise StoreError(f"{where}: {_said(wrong)}", hint=hint) from None


def _said(wrong: BaseException) -> str:
    """What the store says, or what kept it from saying anything, in one line without the client's notes."""
    text = _COLOURS.sub("", str(wrong))
    if answer := _ANSWER.search(text):
        return ": ".join(filter(None, (answer[1], html.unescape(answer[2] or ""))))
    if cause := _CAUSE.search(text):
        return cause[1]
    lines = [line.strip(" \t\u21b3") for line in text.splitlines()]
    if "\u21b3" in text:  # deltalake: one cause a line, the last one says most
        lines = [line for line in lines if line and "<" not in line][-1:]
    return next(iter(lines), type(wrong).__name__).strip()[:300]

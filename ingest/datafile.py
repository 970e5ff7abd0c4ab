"""One Parquet file: written, synced, read back and only then given its name.

zstd, page checksums written and verified: without them 52 of 60 single-bit flips in a
Parquet file were read as data (measured, pyarrow 26). The footer has a checksum of ours
(`ingest.footer`). A file has its name only when it is whole; what a crash leaves behind
ends in ``.tmp`` and nothing reads that.
"""

import contextlib
import datetime as dt
import filecmp
import hashlib
import io
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import google_crc32c

from ingest.encryption import Cipher
from ingest.errors import LakeError
from ingest.footer import SEAL, UNSEALED, is_encrypted, seal, unsealed
from ingest.pages import are_sound
from ingest.permissions import LAKE_FILE

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import fs

TEMPORARY = ".tmp"
_READ_BACK = 65_536
"""So many rows of an encrypted file are read back at a time."""
_FIRST = 1024
"""So many rows of any other are read back in all columns."""
UNIQUE = ("digest", "transaction_id", "settlement_id", "event_id", "rrn")
"""Endings of columns whose values hardly repeat: a dictionary of them is only in the way."""


def coded(schema: "pa.Schema") -> list[str]:
    """The columns that are stored as a dictionary of their values: texts that repeat."""
    import pyarrow as pa

    return [each.name for each in schema if pa.types.is_string(each.type) and not each.name.endswith(UNIQUE)]


def options(schema: "pa.Schema") -> dict[str, Any]:
    """How a table of these columns is written."""
    return {"compression": "zstd", "use_dictionary": coded(schema), "write_page_checksum": True}


@dataclass(frozen=True, slots=True)
class Written:
    """A verified file under a temporary name, and its bytes as they were read back."""

    path: Path
    data: bytes


@contextlib.contextmanager
def written(
    table: "pa.Table", folder: Path, keys: Sequence[str] = (), cipher: Cipher | None = None
) -> Iterator[Written]:
    """The table as a verified Parquet file under a temporary name in ``folder``, which is there, removed at the end.

    With a ``cipher`` it is encrypted, and no two files have the same bytes. Once it is synced it is read back: its
    bytes have the checksum that they had when pyarrow gave them, and each page that which pyarrow made of it. What is
    decoded and compared value for value are the columns ``keys``, and of all columns the first rows; of an encrypted
    file, whose pages only its cipher can tell, every row.

    Raises:
        KeyFileError: a key is missing.
        LakeError: the disk refused it, or what was read back is not what was written.
    """
    temporary = folder / f".{os.getpid()}-{secrets.token_hex(6)}{TEMPORARY}"
    try:
        given = _write(table, temporary, cipher)
        temporary.chmod(LAKE_FILE)
        sync(temporary)
        data = temporary.read_bytes()
        if not _is_sound(data, table, keys, given=given, cipher=cipher):
            raise LakeError(
                f"{folder}: a file read back differs from what was written",
                hint="the disk or the memory is failing; nothing was committed, check them and run again",
            )
        yield Written(temporary, data)
    except OSError as wrong:
        raise LakeError(
            f"{folder}: cannot write: {wrong.strerror or wrong}",
            hint="check the disk's free space and the folder's owner",
        ) from wrong
    finally:
        temporary.unlink(missing_ok=True)


class _Sink:
    """A file that pyarrow writes to: the checksum of each piece is taken as it comes."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.checksum = 0

    def write(self, piece: bytes) -> int:
        """Put a piece behind those before."""
        self.checksum = google_crc32c.extend(self.checksum, piece)
        return self._file.write(piece)

    def flush(self) -> None:
        """The file is closed by who opened it."""


def _write(table: "pa.Table", path: Path, cipher: Cipher | None) -> int:
    """Write the file; the CRC-32C of its bytes as pyarrow gave them, the footer of a plain one not yet sealed."""
    import pyarrow.parquet as pq

    cipher_options = {} if cipher is None else {"encryption_properties": cipher.for_writing()}
    with path.open("x+b") as file:
        sink = _Sink(file)
        with pq.ParquetWriter(sink, table.schema, **options(table.schema), **cipher_options) as writer:
            writer.write_table(table)
            if cipher is None:
                writer.add_key_value_metadata({SEAL: UNSEALED})
        if cipher is None:
            seal(file)
    return sink.checksum


def _is_sound(data: bytes, table: "pa.Table", keys: Sequence[str], *, given: int, cipher: Cipher | None) -> bool:
    """Whether a file, whose bytes these are, is what pyarrow gave and holds the table's rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    repeating = coded(table.schema)  # read as they were written: a value once, not in each row
    opened = None if cipher is None else cipher.for_reading()
    reading = {"page_checksum_verification": True, "decryption_properties": opened}
    try:
        if cipher is None:
            bare, end = unsealed(data)
            if google_crc32c.value(bare) != given or not are_sound(memoryview(data), end):
                return False
        elif google_crc32c.value(data) != given:
            return False
        with pq.ParquetFile(pa.BufferReader(data), read_dictionary=repeating, **reading) as file:
            known = file.metadata
            if known.num_rows != table.num_rows:
                return False
            if not _holds(file, table, repeating, _FIRST if cipher is None else _READ_BACK, cipher is not None):
                return False
        if cipher is not None:
            return True
        with pq.ParquetFile(pa.BufferReader(data), metadata=known, **reading) as file:
            return bool(file.read(list(keys), use_threads=False).equals(table.select(list(keys))))
    except (OSError, KeyError, pa.ArrowException):  # KeyError: it has other columns
        return False


def _holds(file: "pq.ParquetFile", table: "pa.Table", repeating: Sequence[str], some: int, to_the_end: bool) -> bool:
    """Whether a file's rows are those of the table, the first of them or all; some at a time, to save memory."""
    import pyarrow as pa

    names, at = file.schema_arrow.names, 0
    for batch in file.iter_batches(some, use_threads=False):
        plain = [batch[name].dictionary_decode() if name in repeating else batch[name] for name in names]
        if not pa.table(plain, names=names).equals(table.slice(at, batch.num_rows)):
            return False
        at += batch.num_rows
        if not to_the_end:
            return bool(at == min(some, table.num_rows))
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


def content_hash(file: io.BufferedIOBase) -> str:
    """A short name for the bytes of a file, which is read from where it stands: 64 bits of their SHA-256, hex."""
    return hashlib.file_digest(file, "sha256").hexdigest()[:16]


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

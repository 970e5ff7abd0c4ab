"""The footer of a data file: it has no checksum in Parquet, so ours carries one.

A flipped bit in its statistics hides rows from every filter. The entry ``tillwatch.footer`` is the CRC-32C of the
footer as it is with eight zeros there; an encrypted footer (`ingest.encryption`) needs none, its cipher tells.
"""

import io
import os
import struct
from typing import BinaryIO

import google_crc32c

from ingest.encryption import ENCRYPTED

SEAL, UNSEALED = "tillwatch.footer", "00000000"
"""The entry, and what it says until it is sealed."""
_MOST = 16 * 1024 * 1024
_TAIL = struct.Struct("<I4s")


def seal(file: BinaryIO) -> None:
    """Put its checksum into the footer of a file that was just written."""
    at, footer, _ = _footer(file)
    file.seek(at)
    file.write(_checksum(footer))


def unsealed(data: bytes) -> tuple[bytes, int]:
    """A sealed file's bytes as they were before, and where its footer begins.

    Raises:
        OSError: as `is_encrypted`.
    """
    _, footer, sealed = _footer(io.BytesIO(data))
    if sealed != _checksum(footer):
        raise OSError("the footer's checksum is wrong")
    begin = len(data) - len(footer)
    return data[:begin] + footer, begin


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


def _checksum(footer: bytes) -> bytes:
    value: int = google_crc32c.value(footer)
    return b"%08x" % value


def _footer(file: BinaryIO) -> tuple[int, bytes, bytes]:
    """Where the checksum stands, the footer to the file's end with zeros there, and the checksum."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL.size))
    tail = file.read()
    length, magic = _TAIL.unpack(tail) if len(tail) == _TAIL.size else (0, b"")
    if magic != b"PAR1" or length > min(_MOST, size - _TAIL.size):
        raise OSError("it does not end as a Parquet file does")
    start = file.seek(size - _TAIL.size - length)
    footer = file.read()
    key = footer.rfind(SEAL.encode())
    at = key + len(SEAL) + 2  # Thrift's compact protocol: the value's field header and its length
    if key < 0:
        raise OSError("its footer has no checksum")
    return start + at, footer[:at] + UNSEALED.encode() + footer[at + len(UNSEALED) :], footer[at : at + 8]

"""A bitmap as a PNG file: one bit a pixel, nothing else in it (ISO/IEC 15948)."""

import struct
import zlib

from protocols.jbig import Bitmap

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_INVERTED = bytes(range(255, -1, -1))


def png(picture: Bitmap) -> bytes:
    """The picture as PNG: black on white, each equal picture as equal bytes."""
    size = picture.row_bytes
    shown = picture.rows.translate(_INVERTED)  # in PNG's grey of one bit, 0 is black
    lines = b"".join(b"\x00" + shown[at : at + size] for at in range(0, len(shown), size))
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 1, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 6)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(*part) for part in parts)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

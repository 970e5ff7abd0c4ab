"""A picture of one bit a pixel in a BMP file -> a bitmap.

The file header, the information header of 40 bytes or a longer one, two colours, lines from
below or from above, nothing compressed: what a signature pad sends. Any other BMP is refused by
name. Whatever the bytes say, only ``DecodeError`` is raised, and no more than the file is copied.
"""

import struct

from protocols.errors import DecodeError
from protocols.jbig import MAX_PIXELS, Bitmap

FILE_HEADER_BYTES = 14
INFO_HEADER_BYTES = 40
_COLOURS_AT = FILE_HEADER_BYTES + INFO_HEADER_BYTES
_SIZE, _PIXELS_AT, _INFO, _WIDTH, _HEIGHT, _PLANES, _DEPTH, _COMPRESSION = 2, 10, 14, 18, 22, 26, 28, 30
_INVERTED = bytes(range(255, -1, -1))


def decode(data: bytes) -> Bitmap:
    """The picture: 1 is the darker colour.

    Raises:
        DecodeError: no BMP of one bit a pixel, one that is cut short or too large, or one whose sizes disagree;
            ``offset`` is from the first byte of ``data``.
    """
    if data[:2] != b"BM":
        raise _refused("magic", 0, "BM", "other bytes" if data else "nothing")
    if len(data) < _COLOURS_AT:
        raise _refused("short", len(data), f"a header of {_COLOURS_AT} bytes", f"{len(data)} bytes")
    (size,), (pixels_at, info) = struct.unpack_from("<I", data, _SIZE), struct.unpack_from("<II", data, _PIXELS_AT)
    width, height, planes, depth, compression = struct.unpack_from("<iiHHI", data, _WIDTH)
    if size > len(data):
        raise _refused("short", len(data), f"{size} bytes", f"{len(data)}")
    if size not in {0, len(data)}:
        raise _refused("size", _SIZE, f"{len(data)}, the bytes that are there", f"{size}")
    if not INFO_HEADER_BYTES <= info <= len(data) - FILE_HEADER_BYTES:
        raise _refused("header", _INFO, f"{INFO_HEADER_BYTES} bytes or more, inside the file", f"{info}")
    for name, at, value, wanted in (
        ("planes", _PLANES, planes, 1),
        ("depth", _DEPTH, depth, 1),
        ("compression", _COMPRESSION, compression, 0),
    ):
        if value != wanted:
            raise _refused(name, at, f"{wanted}", f"{value}")
    if width <= 0 or height == 0 or width * abs(height) > MAX_PIXELS:
        raise _refused("dimensions", _WIDTH, f"1 … {MAX_PIXELS} pixels", f"{width} x {height}")
    colours_at = FILE_HEADER_BYTES + info
    if not colours_at + 8 <= pixels_at <= len(data):
        raise _refused("pixels", _PIXELS_AT, f"{colours_at + 8} … {len(data)}", f"{pixels_at}")
    step = (width + 31) // 32 * 4
    end = pixels_at + step * abs(height)
    if end > len(data):
        raise _refused("short", len(data), f"{end} bytes, {abs(height)} lines", f"{len(data)}")
    lines = [data[at : at + step] for at in range(pixels_at, end, step)]
    if height > 0:
        lines.reverse()
    rows = b"".join(line[: (width + 7) // 8] for line in lines)
    if sum(data[colours_at : colours_at + 3]) <= sum(data[colours_at + 4 : colours_at + 7]):
        rows = rows.translate(_INVERTED)  # the first colour is the darker one
    return Bitmap(width, abs(height), _whitened(rows, width), used=end)


def encode(picture: Bitmap) -> bytes:
    """The picture as such a file: black and white, lines from below."""
    step = (picture.width + 31) // 32 * 4
    size = picture.row_bytes
    lines = [picture.rows[at : at + size].ljust(step, b"\0") for at in range(0, len(picture.rows), size)]
    pixels = b"".join(line.translate(_INVERTED) for line in reversed(lines))
    pixels_at = _COLOURS_AT + 8
    info = struct.pack(
        "<IiiHHIIiiII", INFO_HEADER_BYTES, picture.width, picture.height, 1, 1, 0, len(pixels), 0, 0, 2, 2
    )
    head = b"BM" + struct.pack("<IHHI", pixels_at + len(pixels), 0, 0, pixels_at)
    return head + info + bytes(4) + b"\xff\xff\xff\0" + pixels


def _whitened(rows: bytes, width: int) -> bytes:
    """The lines with white where they are filled up to a whole byte."""
    if width % 8 == 0:
        return rows
    step = (width + 7) // 8
    filled = bytearray(rows)
    for at in range(step - 1, len(filled), step):
        filled[at] &= 0xFF << (8 - width % 8) & 0xFF
    return bytes(filled)


def _refused(code: str, offset: int, expected: str, got: str) -> DecodeError:
    message, hint = _MESSAGES.get(code, ("no BMP of one bit a pixel", "this make's pictures are of another kind"))
    return DecodeError(
        message,
        protocol="bmp",
        layer="field",
        path="picture",
        offset=offset,
        code=code,
        expected=expected,
        got=got,
        hint=hint,
    )


_MESSAGES = {
    "magic": ("no BMP starts here", "this make's pictures are of another kind"),
    "short": ("the picture ends early", "check whether bytes were lost"),
    "size": ("the file's size is not that of the picture", "check whether bytes were lost"),
    "dimensions": ("no signature has this size", "check whether bytes were lost"),
    "pixels": ("the pixels do not lie in the file", "check whether bytes were lost"),
    "header": ("the header has no such length", "check whether bytes were lost"),
}

"""The pages of a Parquet file as bytes: each seen to be what its checksum was made of, none decoded.

A file is `PAR1`, pages one after the other, each behind a header in Thrift's compact protocol, and the footer
(parquet-format, README and parquet.thrift, `PageHeader`). The checksum is a CRC-32 of the page as it lies there.
"""

import zlib

FIRST = 4
"""Where the first page begins."""
_SIZE, _CRC = 3, 4  # compressed_page_size and crc of PageHeader
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 12


def are_sound(data: memoryview, end: int) -> bool:
    """Whether a file's bytes from the first page to ``end`` are pages with right checksums, and nothing else.

    Args:
        data: the file.
        end: where the footer begins, or an index before it.
    """
    at = FIRST
    try:
        while at < end:
            numbers, at = _header(data, at)
            size = numbers[_SIZE]
            if size < 0 or at + size > end or zlib.crc32(data[at : at + size]) != numbers[_CRC] & 0xFFFFFFFF:
                return False
            at += size
    except (IndexError, KeyError, ValueError):
        return False
    return at == end


def _header(data: memoryview, at: int) -> tuple[dict[int, int], int]:
    """The numbers of a page's header by their fields, and where the page begins."""
    numbers: dict[int, int] = {}
    field = 0
    while octet := data[at]:
        at += 1
        kind, step = octet & 15, octet >> 4
        if not step:
            raise ValueError("a header's fields are numbered by steps")
        field += step
        if kind == _I32:
            numbers[field], at = _number(data, at)
        else:
            at = _after(data, at, kind)
    return numbers, at + 1


def _number(data: memoryview, at: int) -> tuple[int, int]:
    """A number as Thrift writes it, zigzag in sevens of bits, and where it ends."""
    value, at = _plain_number(data, at)
    return (value >> 1) ^ -(value & 1), at


def _plain_number(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        octet = data[at]
        at += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value, at
        shift += 7


def _after(data: memoryview, at: int, kind: int) -> int:
    """Where a value ends.

    Raises:
        ValueError: no page header has such a value.
    """
    if kind in {_TRUE, _FALSE}:
        return at
    if kind == _BYTE:
        return at + 1
    if kind in {_I16, _I32, _I64}:
        return _plain_number(data, at)[1]
    if kind == _DOUBLE:
        return at + 8
    if kind == _BINARY:
        size, at = _plain_number(data, at)
        return at + size
    if kind == _STRUCT:
        return _header(data, at)[1]
    raise ValueError(f"a value of kind {kind}")

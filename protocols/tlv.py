"""BER-TLV as EMV uses it: tag, length, value; templates hold TLVs themselves.

Tags of class private with all number bits set (FF00 …) belong to the electronic
signature: two bytes of tag, text inside, never a template.
"""

from collections.abc import Iterator
from typing import NamedTuple

from protocols.errors import DecodeError

TEMPLATES = frozenset((0x61, 0x6F, 0x70, 0x71, 0x72, 0x77, 0xA5, 0xBF0C, 0xE0, 0xE1))
"""Constructed tags whose value is TLV; others are left whole."""
MOST_DEPTH = 4


class Tlv(NamedTuple):
    """One element: its tag, and where its value lies in the bytes given."""

    tag: int
    tag_at: int
    start: int
    end: int
    depth: int


def elements(data: bytes | bytearray, start: int = 0, end: int | None = None, depth: int = 0) -> Iterator[Tlv]:
    """Each element of ``data[start:end]``, a template before what it holds.

    Raises:
        DecodeError: a tag or value runs out of the bytes; ``offset`` is from the start of ``data``.
    """
    end = len(data) if end is None else end
    at = start
    while at < end:
        tag_at = at
        if data[at] == 0:  # padding between elements (EMV book 3, annex B1)
            at += 1
            continue
        tag = data[at]
        at += 1
        if tag & 0x1F == 0x1F:
            more = True
            while more:
                if at >= end or at - tag_at > 3:
                    raise _broken("tag", tag_at, "a tag of at most four bytes")
                more = bool(data[at] & 0x80)
                tag = tag << 8 | data[at]
                at += 1
        if at >= end:
            raise _broken("length", tag_at, "a length after the tag")
        length = data[at]
        at += 1
        if length > 0x80 and tag >> 8 != 0xFF:
            count = length & 0x7F
            if count > 2 or at + count > end:
                raise _broken("length", tag_at, "a length of at most two bytes more")
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > end:
            raise _broken("short", tag_at, "the whole value", f"{at + length - end} bytes too few")
        yield Tlv(tag, tag_at, at, at + length, depth)
        if tag in TEMPLATES and depth < MOST_DEPTH:
            yield from elements(data, at, at + length, depth + 1)
        at += length


def tag_name(tag: int) -> str:
    """The tag as people write it: ``9F26``."""
    text = f"{tag:X}"
    return text if len(text) % 2 == 0 else "0" + text


def encode(tags: dict[str, str]) -> str:
    """TLVs of hex tags and hex values, in order, as upper-case hex."""
    parts = []
    for tag, value in tags.items():
        size = len(value) // 2
        length = f"{size:02X}" if size < 0x80 else f"81{size:02X}" if size < 0x100 else f"82{size:04X}"
        parts.append(tag + length + value)
    return "".join(parts).upper()


def _broken(code: str, at: int, expected: str, got: str = "the end of the field") -> DecodeError:
    return DecodeError("chip data is not BER-TLV", layer="field", offset=at, code=code, expected=expected, got=got)

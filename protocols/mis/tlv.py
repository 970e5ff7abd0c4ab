"""TLV with a tag of two bytes: ``9F02``, ``DF06``; how the length is written is the caller's.

Nothing is padded and nothing is nested here: a value that holds TLVs is read by
``elements`` again, over its own span. What stands before a broken element is kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from protocols.errors import DecodeError

LengthForm = Literal["two-bytes", "ber"]
"""``two-bytes``: big-endian. ``ber``: one byte to 7F, then 81 and one byte, 82 and two (ISO/IEC 8825-1, 8.1.3)."""
TAG_BYTES = 2
_LONG_FORMS = {0x81: 1, 0x82: 2}
_MOST = 0xFFFF


class Element(NamedTuple):
    """One element: its tag, and where it and its value lie in the bytes given."""

    tag: int
    at: int  # first byte of the tag
    start: int  # first byte of the value
    end: int

    @property
    def name(self) -> str:
        """The tag as people write it: ``9F02``."""
        return f"{self.tag:04X}"


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements of one run of TLVs, and what ended it early."""

    found: tuple[Element, ...]
    error: DecodeError | None = None

    def __iter__(self) -> Iterator[Element]:
        return iter(self.found)


def elements(
    data: bytes | bytearray, start: int = 0, end: int | None = None, *, form: LengthForm, path: str = ""
) -> Elements:
    """The elements of ``data[start:end]``, in their order.

    Args:
        data: bytes; offsets count from their first.
        start: first byte of the span that whole elements must fill.
        end: one past its last; None for all there is.
        form: how lengths are written.
        path: stands before the tag in an error's path: ``DF06.``

    Returns:
        the elements, and the error of the first that is broken: code ``tag``, ``length`` or
        ``short``, ``offset`` of its tag, its length or its value.
    """
    end = len(data) if end is None else end
    found: list[Element] = []
    at = start
    while at < end:
        one = _element(data, at, end, form, path)
        if isinstance(one, DecodeError):
            return Elements(tuple(found), one)
        found.append(one)
        at = one.end
    return Elements(tuple(found))


def build(values: Iterable[tuple[int, bytes]], *, form: LengthForm) -> bytes:
    """TLVs of tags and values, in order, each length in its shortest form.

    Raises:
        DecodeError: a value of more than 65,535 bytes.
    """
    parts = []
    for tag, value in values:
        if len(value) > _MOST:
            raise _broken("length", f"{tag:04X}", 0, f"at most {_MOST} bytes", f"{len(value)}")
        parts.append(tag.to_bytes(TAG_BYTES, "big") + _length(len(value), form) + value)
    return b"".join(parts)


def _element(data: bytes | bytearray, at: int, end: int, form: LengthForm, path: str) -> Element | DecodeError:
    if end - at < TAG_BYTES:
        return _broken("tag", path.rstrip("."), at, "a tag of two bytes", f"{end - at} byte")
    tag = int.from_bytes(data[at : at + TAG_BYTES], "big")
    name = f"{path}{tag:04X}"
    length_at = at + TAG_BYTES
    count, start = 2, length_at
    if form == "ber":
        if length_at >= end:
            return _broken("length", name, length_at, "a length after the tag", "the end of the data")
        first = data[length_at]
        start += 1
        count = _LONG_FORMS.get(first, 0)
        if first >= 0x80 and not count:
            return _broken("length", name, length_at, "a length of one byte, 81 or 82", "another form")
        if not count:
            count, start = 1, length_at
    if start + count > end:
        return _broken("length", name, length_at, f"{count} bytes of length", f"{end - start}")
    size = int.from_bytes(data[start : start + count], "big")
    start += count
    if size > end - start:
        return _broken("short", name, start, f"{size} bytes of value", f"{end - start}")
    return Element(tag, at, start, start + size)


def _length(size: int, form: LengthForm) -> bytes:
    if form == "two-bytes":
        return size.to_bytes(2, "big")
    if size < 0x80:
        return bytes((size,))
    return bytes((0x81, size)) if size <= 0xFF else b"\x82" + size.to_bytes(2, "big")


def _broken(code: str, path: str, at: int, expected: str, got: str) -> DecodeError:
    message = {
        "tag": "a tag is cut",
        "length": "the length of a value is not possible",
        "short": "a value runs out of the data",
    }[code]
    return DecodeError(
        message,
        layer="field",
        path=path,
        offset=at,
        code=code,
        expected=expected,
        got=got,
        hint="check whether bytes were lost, and how the profile's lengths are written",
    )

"""Fixed records of a terminal's memory: C structs, little-endian, packed or aligned.

A record is a table of columns; the construct declaration is made of it, standing on
nothing but fixed ``Bytes`` under named adapters, so that a plan over many records can be
derived from it. Aligned means what the C compiler does: an integer starts at a multiple
of its size, the record is as long as a multiple of four; the bytes between are named
``pad…`` and read as raw bytes.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import construct as c

from protocols.codecs import gbk_bytes, gbk_text
from protocols.errors import DecodeError

MASKS = ("none", "card", "track", "wipe", "tlv", "sweep")
"""What the sanitiser does with a column: see ``protocols.journal.sanitise``."""
_ALIGNED = {"int32": 4, "int16": 2}
_RECORD_ALIGNMENT = 4


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a record.

    Attributes:
        name: as the terminal's own source calls it.
        codec: a key of ``CODECS``.
        size: bytes.
        mask: one of ``MASKS``.
        en: English title.
        zh: Chinese title.
    """

    name: str
    codec: str
    size: int
    mask: str = "none"
    en: str = ""
    zh: str = ""


def _wrong(code: str, expected: str, got: str) -> NoReturn:
    raise DecodeError("not a value of this column", layer="record", code=code, expected=expected, got=got)


class Little(c.Adapter):  # type: ignore[misc]  # construct has no types
    """A little-endian integer of fixed size; negative ones are none of a journal's."""

    def __init__(self, size: int) -> None:
        super().__init__(c.Bytes(size))
        self.size = size

    def _decode(self, obj: bytes, context: Any, path: str) -> int:
        del context, path
        return int.from_bytes(obj, "little")

    def _encode(self, obj: int, context: Any, path: str) -> bytes:
        del context, path
        if not 0 <= obj < 1 << (8 * self.size):
            _wrong("range", f"0 … {(1 << (8 * self.size)) - 1}", "another number")
        return obj.to_bytes(self.size, "little")


class PackedFen(c.Adapter):  # type: ignore[misc]
    """An amount in fen as packed digits."""

    def __init__(self, size: int) -> None:
        super().__init__(c.Bytes(size))
        self.size = size

    def _decode(self, obj: bytes, context: Any, path: str) -> int:
        del context, path
        for at, nibble in enumerate(obj.hex()):
            if not nibble.isdigit():
                _wrong("bcd", "digits", f"another nibble at {at}")
        return int(obj.hex())

    def _encode(self, obj: int, context: Any, path: str) -> bytes:
        del context, path
        if not 0 <= obj < 100**self.size:
            _wrong("range", f"at most {2 * self.size} digits", "another number")
        return bytes.fromhex(f"{obj:0{2 * self.size}d}")


class PackedDigits(c.Adapter):  # type: ignore[misc]
    """Packed digits in front of spare zero bytes: the value is the digits.

    Args:
        size: bytes, the spare ones included.
        spare: how many bytes at the end are spare.
        masked: whether F nibbles, as the sanitiser writes them, are legal.
    """

    def __init__(self, size: int, spare: int = 0, *, masked: bool = False) -> None:
        super().__init__(c.Bytes(size))
        self.size, self.spare, self.masked = size, spare, masked

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        del context, path
        digits = obj[: self.size - self.spare].hex().upper()
        for at, nibble in enumerate(digits):
            if not nibble.isdigit() and not (self.masked and nibble == "F"):
                _wrong("bcd", "digits", f"another nibble at {at}")
        return digits

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        del context, path
        if len(obj) != 2 * (self.size - self.spare):
            _wrong("length", f"{2 * (self.size - self.spare)} digits", f"{len(obj)}")
        return bytes.fromhex(obj) + bytes(self.spare)


class Terminated(c.Adapter):  # type: ignore[misc]
    """Text up to a zero byte, GBK; what stands behind the zero byte is old memory and no value.

    Args:
        size: bytes, the zero byte included.
        digits: whether only digits are legal, and asterisks as the sanitiser writes them.
    """

    def __init__(self, size: int, *, digits: bool = False) -> None:
        super().__init__(c.Bytes(size))
        self.size, self.digits = size, digits

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        del context, path
        text, zero, _ = obj.partition(b"\x00")
        if not zero:
            _wrong("text", f"text of at most {self.size - 1} bytes and a zero byte", "no zero byte")
        if self.digits and not set(text) <= set(b"0123456789*"):
            _wrong("digits", "digits", "another character")
        return gbk_text(text)

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        del context, path
        raw = gbk_bytes(obj)
        if len(raw) >= self.size or b"\x00" in raw:
            _wrong("length", f"at most {self.size - 1} bytes without a zero byte", f"{len(raw)}")
        return raw.ljust(self.size, b"\x00")


class Hex(c.Adapter):  # type: ignore[misc]
    """Fixed bytes as upper-case hex."""

    def __init__(self, size: int) -> None:
        super().__init__(c.Bytes(size))
        self.size = size

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        del context, path
        return obj.hex().upper()

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        del context, path
        raw = bytes.fromhex(obj)
        if len(raw) != self.size:
            _wrong("length", f"{self.size} bytes", f"{len(raw)}")
        return raw


CODECS: dict[str, Callable[[int], Any]] = {
    "byte": Little,
    "int16": Little,
    "int32": Little,
    "fen": PackedFen,
    "text": Terminated,
    "digits": lambda size: Terminated(size, digits=True),
    "packed": PackedDigits,
    "packed1": lambda size: PackedDigits(size, 1),
    "packed1_masked": lambda size: PackedDigits(size, 1, masked=True),
    "raw": Hex,
}
"""Codec name -> maker; its argument is the size in bytes."""


@dataclass(frozen=True)
class Layout:
    """One way a record lies in bytes.

    Attributes:
        name: for people: ``POS_LOG_STRUCT, aligned``.
        fields: its columns, without padding.
        offsets: where each column starts.
        size: bytes of a record.
        declaration: the construct of a record.
    """

    name: str
    fields: Mapping[str, Field]
    offsets: Mapping[str, int]
    size: int
    declaration: Any = field(repr=False, compare=False)

    def build(self, values: Mapping[str, Any]) -> bytes:
        """The record of these values; a column that is not named is zero bytes.

        Raises:
            DecodeError: a value does not fit its column.
        """
        blank = self.declaration.parse(bytes(self.size))
        built: bytes = self.declaration.build({**blank, **values})
        return built

    def read(self, record: bytes) -> tuple[dict[str, Any], DecodeError | None]:
        """The values that can be read, and the first column that cannot; its offset is from the record's start."""
        if len(record) != self.size:
            return {}, _short(self, record)
        values: dict[str, Any] = {}
        first: DecodeError | None = None
        for name, offset in self.offsets.items():
            each = self.fields[name]
            try:
                raw = record[offset : offset + each.size]
                # construct's own parsing takes ten times as long
                values[name] = _codec(each.codec, each.size)._decode(raw, None, "")  # noqa: SLF001
            except DecodeError as wrong:
                wrong.path, wrong.offset = name, offset
                first = first or wrong
        return values, first


@functools.cache
def _codec(name: str, size: int) -> Any:
    return CODECS[name](size)


def _short(layout: Layout, record: bytes) -> DecodeError:
    return DecodeError(
        "the record is cut off",
        layer="record",
        offset=0,
        code="short",
        expected=f"{layout.size} bytes ({layout.name})",
        got=f"{len(record)}",
        hint="the terminal or the copy stopped in the middle; read the journal again",
    )


def layout(name: str, fields: Sequence[Field], *, aligned: bool) -> Layout:
    """The layout of these columns, with or without the compiler's padding."""
    parts: list[Any] = []
    offsets: dict[str, int] = {}
    at = 0

    def pad(boundary: int) -> int:
        gap = -at % boundary if aligned else 0
        if gap:
            parts.append(f"pad{at}" / Hex(gap))
        return gap

    for each in fields:
        at += pad(_ALIGNED.get(each.codec, 1))
        offsets[each.name] = at
        parts.append(each.name / CODECS[each.codec](each.size))
        at += each.size
    at += pad(_RECORD_ALIGNMENT)
    said = f"{name}, {'aligned' if aligned else 'packed'}"
    return Layout(said, {each.name: each for each in fields}, offsets, at, c.Struct(*parts))

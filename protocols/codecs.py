"""How one value lies in bytes: packed digits, counted fields, text, raw bytes.

Each codec is a construct adapter with a name in ``CODECS``, standing on nothing
but fixed ``Bytes``, ``Prefixed`` and a two-part ``Struct``, so that a plan over
many frames can be derived from it (``protocols.walk`` derives one). The value of
a field is always a ``str``: digits for packed numbers, text for text, upper-case
hex for raw bytes; what it means is not decided here.

Counted fields count digits for packed numbers and bytes for everything else.
An odd count of digits lies left-aligned before one pad nibble, usually 0; F and
D are met. A pad other than 0 rides along in ``Padded`` so that a value builds
back to the bytes it came from.
"""

import binascii
import re
from collections.abc import Callable
from typing import Any, NoReturn, Self

import construct as c

from protocols.errors import DecodeError

DIGITS, MASKED, NIBBLES = "digits", "digits or mask", "nibbles"
_ESCAPE = re.compile(r"\\(?:x([0-9A-F]{2})|(\\))")
_WIDE_SPACE = "\u3000"  # str.isprintable() says no to it; merchants' names use it


class Padded(str):
    """Digits whose unused nibble is not 0; equal to the same digits without it."""

    __slots__ = ("pad",)
    pad: str

    def __new__(cls, digits: str, pad: str = "0") -> Self:
        """The digits, and the nibble that fills their last byte."""
        value = super().__new__(cls, digits)
        value.pad = pad
        return value

    def __reduce__(self) -> tuple[type["Padded"], tuple[str, str]]:
        return Padded, (str(self), self.pad)


def _wrong(message: str, code: str, expected: str, got: str) -> NoReturn:
    raise DecodeError(message, layer="field", code=code, expected=expected, got=got)


def _check_nibbles(value: str, accept: str, offset: int = 0) -> None:
    """Raise DecodeError unless each nibble is one the codec accepts."""
    if accept == NIBBLES or value.isdigit() or not value:
        return
    mask = "F" if accept == MASKED else ""
    for at, nibble in enumerate(value):
        if not nibble.isdigit() and nibble != mask:
            _wrong(f"nibble {at + offset} is not a digit", "bcd", "digits", f"another nibble at {at + offset}")


class Bcd(c.Adapter):  # type: ignore[misc]  # construct has no types
    """A number of ``2 * width`` packed digits: the length in front of a counted field."""

    def __init__(self, width: int) -> None:
        super().__init__(c.Bytes(width))
        self.width = width

    def _decode(self, obj: bytes, context: Any, path: str) -> int:
        del context, path
        digits = obj.hex()
        if not digits.isdigit():
            _wrong("length is not packed digits", "length", "packed digits", "another nibble")
        return int(digits)

    def _encode(self, obj: int, context: Any, path: str) -> bytes:
        del context, path
        return bytes.fromhex(f"{obj:0{2 * self.width}d}")


class Packed(c.Adapter):  # type: ignore[misc]
    """A fixed count of packed digits.

    Args:
        digits: how many; an odd count leaves one nibble over.
        right: the digits lie right-aligned (F23); left-aligned otherwise (F22).
        accept: DIGITS, MASKED (F nibbles as the sanitiser writes them) or NIBBLES.
    """

    def __init__(self, digits: int, *, right: bool = False, accept: str = DIGITS) -> None:
        super().__init__(c.Bytes((digits + 1) // 2))
        self.digits = digits
        self.right = right
        self.accept = accept

    def value(self, raw: bytes, count: int) -> str:
        """The digits in ``raw``."""
        del count
        text = raw.hex().upper()
        if self.digits & 1:
            pad, text = (text[0], text[1:]) if self.right else (text[-1], text[:-1])
            if pad != "0":
                text = Padded(text, pad)
        if not text.isdigit():
            _check_nibbles(text, self.accept, int(self.right and self.digits & 1))
        return text

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        del context, path
        return self.value(obj, self.digits)

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        del context, path
        if len(obj) != self.digits:
            _wrong("wrong number of digits", "length", f"{self.digits} digits", f"{len(obj)}")
        return _pack(obj, right=self.right, accept=self.accept)


class CountedDigits(c.Adapter):  # type: ignore[misc]
    """Packed digits behind their count (LLVAR, LLLVAR of n and z fields).

    Args:
        prefix: bytes of the count, 1 or 2.
        limit: most digits.
        accept: which nibbles are legal; a track may be encrypted and then holds any.
    """

    def __init__(self, prefix: int, limit: int, *, accept: str = DIGITS) -> None:
        super().__init__(c.Struct("count" / Bcd(prefix), "packed" / c.Bytes((c.this.count + 1) // 2)))
        self.prefix = prefix
        self.limit = limit
        self.accept = accept

    def value(self, raw: bytes, count: int) -> str:
        """The first ``count`` nibbles of ``raw``."""
        text = raw.hex().upper()
        if count & 1:
            pad, text = text[-1], text[:-1]
            if pad != "0":
                text = Padded(text, pad)
        if not text.isdigit():
            _check_nibbles(text, self.accept)
        return text

    def _decode(self, obj: Any, context: Any, path: str) -> str:
        del context, path
        _check_limit(obj.count, self.limit, "digits")
        return self.value(obj.packed, obj.count)

    def _encode(self, obj: str, context: Any, path: str) -> dict[str, Any]:
        del context, path
        _check_limit(len(obj), self.limit, "digits")
        return {"count": len(obj), "packed": _pack(obj, right=False, accept=self.accept)}


class Text(c.Adapter):  # type: ignore[misc]
    r"""GBK text; a byte that is no text is written ``\x..``, a backslash ``\\``.

    Args:
        subcon: ``Bytes(n)`` or ``Prefixed(Bcd(k), GreedyBytes)``.
        limit: most bytes.
    """

    def __init__(self, subcon: Any, limit: int) -> None:
        super().__init__(subcon)
        self.limit = limit

    def value(self, raw: bytes, count: int) -> str:
        """The text in ``raw``."""
        del count
        return gbk_text(raw)

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        del context, path
        _check_limit(len(obj), self.limit, "bytes")
        return gbk_text(obj)

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        del context, path
        return _sized(gbk_bytes(obj), self.subcon, self.limit)


class Raw(c.Adapter):  # type: ignore[misc]
    """Bytes nobody has interpreted yet, as upper-case hex."""

    def __init__(self, subcon: Any, limit: int) -> None:
        super().__init__(subcon)
        self.limit = limit

    def value(self, raw: bytes, count: int) -> str:
        """The bytes of ``raw`` in hex."""
        del count
        return raw.hex().upper()

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        del context, path
        _check_limit(len(obj), self.limit, "bytes")
        return obj.hex().upper()

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        del context, path
        return _sized(_from_hex(obj), self.subcon, self.limit)


class LastRaw(c.Construct):  # type: ignore[misc]
    """Fixed bytes at the very end, or nothing: a MAC-input dump ends before its F64."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length
        self.flagbuildnone = True

    def value(self, raw: bytes, count: int) -> str:
        """The bytes of ``raw`` in hex."""
        del count
        return raw.hex().upper()

    def _parse(self, stream: Any, context: Any, path: str) -> str | None:
        del context, path
        raw = stream.read(self.length + 1)
        if not raw:
            return None
        if len(raw) != self.length:
            _wrong("last field has another length", "length", f"{self.length} bytes or none", f"{len(raw)}")
        return str(raw.hex().upper())

    def _build(self, obj: str | None, stream: Any, context: Any, path: str) -> str | None:
        del context, path
        if obj is not None:
            stream.write(_sized(_from_hex(obj), c.Bytes(self.length), self.length))
        return obj


class DigitText(c.Adapter):  # type: ignore[misc]
    """A fixed run of ASCII digits: the parts of a field once its packed digits are text.

    Args:
        width: how many.
        accept: DIGITS or MASKED.
    """

    def __init__(self, width: int, *, accept: str = DIGITS) -> None:
        super().__init__(c.Bytes(width))
        self.digits = width
        self.accept = accept

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        del context, path
        text = obj.decode("ascii")
        _check_nibbles(text, self.accept)
        return text

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        del context, path
        if len(obj) != self.digits:
            _wrong("wrong number of digits", "length", f"{self.digits} digits", f"{len(obj)}")
        return obj.encode("ascii")


class Whole(c.Adapter):  # type: ignore[misc]
    """An int over any codec of a fixed number of decimal digits (``Packed``, ``DigitText``)."""

    def _decode(self, obj: str, context: Any, path: str) -> int:
        del context, path
        return int(obj)

    def _encode(self, obj: int, context: Any, path: str) -> str:
        del context, path
        return f"{obj:0{self.subcon.digits}d}"


class Fen(Whole):
    """An amount in fen, 1/100 yuan."""


def gbk_text(raw: bytes) -> str:
    r"""Text of GBK bytes; what is no printable text becomes ``\x..``, never lost."""
    try:
        text = raw.decode("gbk")
    except UnicodeDecodeError:
        return _escaped(raw)
    if text.isprintable() and "\\" not in text:
        return text
    return _escaped(raw)


def _escaped(raw: bytes) -> str:
    parts = []
    at = 0
    while at < len(raw):
        width = 1 if raw[at] < 0x80 else 2
        try:
            char = raw[at : at + width].decode("gbk")
        except UnicodeDecodeError:
            char = ""
        if char == "\\":
            parts.append("\\\\")
        elif len(char) == 1 and (char.isprintable() or char == _WIDE_SPACE):
            parts.append(char)
        else:
            parts.append(f"\\x{raw[at]:02X}")
            width = 1
        at += width
    return "".join(parts)


def gbk_bytes(text: str) -> bytes:
    """The bytes ``gbk_text`` made ``text`` of; raises DecodeError for text GBK has no bytes for."""
    parts = []
    at = 0
    try:
        for escape in _ESCAPE.finditer(text):
            parts.append(text[at : escape.start()].encode("gbk"))
            parts.append(bytes.fromhex(escape[1]) if escape[1] else b"\\")
            at = escape.end()
        parts.append(text[at:].encode("gbk"))
        return b"".join(parts)
    except UnicodeEncodeError as wrong:
        at = wrong.start
    _wrong("text has a character GBK does not know", "gbk", "GBK text", f"character {at}")


def _from_hex(text: str) -> bytes:
    try:
        return binascii.unhexlify(text)  # bytes.fromhex passes over white space
    except ValueError:
        pass
    _wrong("value is not hex", "hex", "pairs of hex digits", f"{len(text)} characters")


def _sized(raw: bytes, subcon: Any, limit: int) -> bytes:
    if isinstance(subcon, c.Bytes) and len(raw) != limit:
        _wrong("value has another length", "length", f"{limit} bytes", f"{len(raw)}")
    _check_limit(len(raw), limit, "bytes")
    return raw


def _check_limit(count: int, limit: int, unit: str) -> None:
    if count > limit:
        _wrong("value is too long", "length", f"at most {limit} {unit}", f"{count}")


def _pack(digits: str, *, right: bool, accept: str) -> bytes:
    value = str(digits).upper()
    pad = digits.pad if isinstance(digits, Padded) else "0"
    if len(value) & 1:
        value = pad + value if right else value + pad
    packed = _from_hex(value)
    _check_nibbles(str(digits).upper(), accept)
    return packed


def _counted(prefix: int) -> Any:
    return c.Prefixed(Bcd(prefix), c.GreedyBytes)


Codec = Callable[[int], Any]
CODECS: dict[str, Codec] = {
    "bcd": Packed,
    "bcd_right": lambda size: Packed(size, right=True),
    "bcd_masked": lambda size: Packed(size, accept=MASKED),
    "nibbles": lambda size: Packed(size, accept=NIBBLES),
    "llvar_bcd": lambda size: CountedDigits(1, size),
    "lllvar_bcd": lambda size: CountedDigits(2, size),
    "llvar_pan": lambda size: CountedDigits(1, size, accept=MASKED),
    "lllvar_pan": lambda size: CountedDigits(2, size, accept=MASKED),
    "llvar_track": lambda size: CountedDigits(1, size, accept=NIBBLES),
    "lllvar_track": lambda size: CountedDigits(2, size, accept=NIBBLES),
    "text": lambda size: Text(c.Bytes(size), size),
    "llvar_text": lambda size: Text(_counted(1), size),
    "lllvar_text": lambda size: Text(_counted(2), size),
    "raw": lambda size: Raw(c.Bytes(size), size),
    "llvar_raw": lambda size: Raw(_counted(1), size),
    "lllvar_raw": lambda size: Raw(_counted(2), size),
    "last_raw": LastRaw,
}
"""Codec name -> maker; its argument is the fixed count, or the most, of digits or bytes."""

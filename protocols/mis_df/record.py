"""Reading a frame: its tags in their order, each with its value and its place; nested results too.

What could be read before an error is kept. A value that is wrong has a place and no value.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from protocols.errors import DecodeError, ProtocolError, breaking
from protocols.mis.link import unwrap
from protocols.mis.tlv import elements
from protocols.mis_df.tags import MODE, NESTED, PASSTHROUGH, TAGS, UNKNOWN, Tag
from protocols.profile import Profile

VALUE_ERRORS = frozenset(("bcd", "digits", "amount", "gbk", "width"))
"""Codes of a wrong value: it hides no other value."""
NOTICES = (b"ACKACK", b"LOGLOG")
"""What data may begin with that is no TLV: the terminal's word that it is done, with a receipt number; its log."""
MOST_DEPTH = 4
_AMOUNT = re.compile(rb" *([A-Z]{3})? *(-?) *([0-9]{1,10})\.([0-9]{2}) *")
_ASCII_DIGITS = re.compile(rb"[0-9]+")
_CURRENCIES = {"RMB": "156", "CNY": "156"}


@dataclass(frozen=True, slots=True)
class Item:
    """One value and its bytes in the frame; no value: it is wrong.

    Attributes:
        key: ``DF03``, ``DF06.DF03``, and ``DF06.DF03[2]`` for the second of a kind.
        tag: its number; 0 for what is no tag.
        number: an amount in fen, signed as stated, or a count.
        currency: ISO 4217 number, where an amount states it.
    """

    key: str
    tag: int
    name: str
    kind: str
    start: int
    end: int
    value: str | None = field(repr=False)
    number: int | None = field(default=None, repr=False)
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One frame.

    Attributes:
        mode: DF01: 00 a command, 01 a host's message, 02 a result; ``notice``, or empty when there is none.
        items: in the order of the bytes, a nest before what it holds.
        message: where a host's message lies in the frame; None when it carries none.
        data: where its data begins and ends.
        envelope: stx, or none for bare data.
        error: the first thing that is wrong.
    """

    mode: str
    items: tuple[Item, ...]
    message: tuple[int, int] | None
    data: tuple[int, int]
    envelope: str
    errors: tuple[ProtocolError, ...]

    @property
    def error(self) -> ProtocolError | None:
        """The first thing that is wrong."""
        return next(iter(self.errors), None)

    @property
    def broken(self) -> ProtocolError | None:
        """The first error behind which values cannot be told apart; a wrong value hides no other."""
        return breaking(self.errors, VALUE_ERRORS)

    @property
    def fields(self) -> Mapping[str, str]:
        """Key -> value."""
        return {item.key: item.value for item in self.items if item.value is not None}

    @property
    def spans(self) -> Mapping[str, tuple[int, int]]:
        """Key -> (offset of the value from the link frame's first byte, its bytes)."""
        return {item.key: (item.start, item.end - item.start) for item in self.items}


def read(profile: Profile, frame: bytes) -> Record:
    """A whole frame, or bare data; ``errors`` say what is wrong with it."""
    found = unwrap(profile.link, frame, profile.name)
    start, end = found.at, found.at + len(found.data)
    if found.error is not None:
        return Record("", (), None, (start, end), found.kind, (found.error,))
    if found.data.startswith(NOTICES):
        text = found.data.decode("latin-1")
        notice = Item("notice", 0, "notice", "text", start, end, text)
        return Record("notice", (notice,), None, (start, end), found.kind, ())
    reader = _Reader(frame, profile.name)
    reader.read(start, end, "", 0)
    errors = reader.errors
    if not errors and not reader.mode:
        error = DecodeError(
            "it does not say what kind of frame it is",
            protocol=profile.name,
            layer="field",
            path="DF01",
            offset=start,
            code="mode",
            expected="DF01: 00 a command, 01 a host's message, 02 a result",
            got="no DF01",
            hint="check the profile: another link has the same frame around other tags",
        )
        errors = [error]
    return Record(reader.mode, tuple(reader.items), reader.message, (start, end), found.kind, tuple(errors))


class _Reader:
    def __init__(self, frame: bytes, protocol: str) -> None:
        self.frame = frame
        self.protocol = protocol
        self.items: list[Item] = []
        self.mode = ""
        self.message: tuple[int, int] | None = None
        self.errors: list[ProtocolError] = []
        self._met: dict[str, int] = {}

    def read(self, start: int, end: int, path: str, depth: int) -> None:
        """The elements of a span."""
        found = elements(self.frame, start, end, form="ber", path=path)
        if not depth:
            modes = (self.frame[each.start : each.end].hex() for each in found if each.tag == MODE)
            self.mode = next(modes, "")
        for each in found:
            known = TAGS.get(each.tag, UNKNOWN)
            key = self._key(path + each.name)
            if each.tag == NESTED and self.mode == PASSTHROUGH and not depth:
                self.message = self.message or (each.start, each.end)
                known = Tag("message", "message", known.zh, known.en)
            self._add(key, each.tag, known, each.start, each.end)
            if known.kind == "nested" and depth < MOST_DEPTH:
                self.read(each.start, each.end, f"{key}.", depth + 1)
        if found.error is not None:
            found.error.protocol = self.protocol
            self.errors.append(found.error)

    def _key(self, key: str) -> str:
        """A key of its own for the second of a kind."""
        met = self._met[key] = self._met.get(key, 0) + 1
        return key if met == 1 else f"{key}[{met}]"

    def _add(self, key: str, tag: int, known: Tag, start: int, end: int) -> None:
        raw = self.frame[start:end]
        try:
            value, number, currency = _value(known, raw)
        except _WrongError as wrong:
            self.items.append(Item(key, tag, known.name, known.kind, start, end, None))
            self.errors.append(
                DecodeError(
                    _MESSAGES[wrong.code],
                    protocol=self.protocol,
                    layer="field",
                    path=key,
                    offset=start + wrong.at,
                    code=wrong.code,
                    expected=wrong.expected,
                    got=wrong.got,
                    hint="compare with the terminal's own document; tags of this link are likely, not certain",
                )
            )
            return
        self.items.append(Item(key, tag, known.name, known.kind, start, end, value, number, currency))


_MESSAGES = {
    "bcd": "not packed digits",
    "digits": "not digits",
    "amount": "no amount",
    "gbk": "no GBK text",
    "width": "a value of another size",
}


class _WrongError(Exception):
    """A value is wrong: why, and where in it."""

    def __init__(self, code: str, at: int, expected: str, got: str) -> None:
        super().__init__(code)
        self.code, self.at, self.expected, self.got = code, at, expected, got


def is_readable(item: Item, raw: bytes) -> bool:
    """Whether bytes are a value of the item's tag, as its own are."""
    try:
        _value(TAGS.get(item.tag, UNKNOWN), raw)
    except _WrongError:
        return False
    return True


def _value(known: Tag, raw: bytes) -> tuple[str, int | None, str | None]:
    """A value as text; of an amount and a count the number too, of an amount its currency."""
    kind = known.kind
    if not raw:
        return "", None, None
    if kind == "nested":
        return f"{len(raw)} bytes", None, None
    if kind == "digits":
        return _digits(raw, known.width), None, None
    if kind == "amount":
        return _amount(raw)
    if kind == "count":
        digits = raw.decode("ascii") if len(raw) > 1 and _ASCII_DIGITS.fullmatch(raw) else _packed(raw)
        return digits, int(digits), None
    if kind in {"text", "id", "order"}:
        return _gbk(raw), None, None
    as_text = kind in {"card", "secret", "chip"} or (kind == "response" and len(raw) == 2)
    if as_text and all(0x20 <= byte < 0x7F for byte in raw):
        return raw.decode("ascii"), None, None
    return raw.hex().upper(), None, None


def _digits(raw: bytes, width: int) -> str:
    if len(raw) == width:
        if raw.strip(b" ") and not _ASCII_DIGITS.fullmatch(raw):
            at = next(index for index, byte in enumerate(raw) if not 0x30 <= byte <= 0x39)
            raise _WrongError("digits", at, f"{width} digits", "another character")
        return raw.decode("ascii").strip(" ")
    if len(raw) == (width + 1) // 2:
        return _packed(raw)
    raise _WrongError("width", 0, f"{width} digits, or {(width + 1) // 2} bytes of packed ones", f"{len(raw)} bytes")


def _packed(raw: bytes) -> str:
    digits = raw.hex()
    for index, nibble in enumerate(digits):
        if nibble > "9":
            raise _WrongError("bcd", index // 2, "packed digits", "another nibble")
    return digits


def _amount(raw: bytes) -> tuple[str, int, str | None]:
    """An amount in fen: ``RMB  0.20``, six bytes of packed digits, or twelve digits."""
    text = _AMOUNT.fullmatch(raw)
    if text is not None:
        unit, sign, yuan, fen = (part.decode("ascii") if part else "" for part in text.groups())
        number = int(yuan) * 100 + int(fen)
        return raw.decode("ascii"), -number if sign else number, _CURRENCIES.get(unit)
    if len(raw) == 6:
        digits = _packed(raw)
    elif len(raw) == 12 and _ASCII_DIGITS.fullmatch(raw):
        digits = raw.decode("ascii")
    else:
        raise _WrongError("amount", 0, "RMB and an amount, or twelve digits", f"{len(raw)} bytes of something else")
    return digits, int(digits), None


def _gbk(raw: bytes) -> str:
    """Text; a last character that a fixed width has cut in half is left out."""
    text = raw.rstrip(b"\0")
    try:
        return text.decode("gbk")
    except UnicodeDecodeError as wrong:
        if wrong.start == len(text) - 1 and text[-1] >= 0x81:
            return text[:-1].decode("gbk")
        raise _WrongError("gbk", wrong.start, "GBK text", "a byte that begins no character") from None


def transactions(items: Iterator[Item], closing: int) -> list[list[Item]]:
    """The items of a list: each ends with the tag that closes it; what follows the last one is an item too."""
    runs: list[list[Item]] = [[]]
    for item in items:
        runs[-1].append(item)
        if item.tag == closing:
            runs.append([])
    return [run for run in runs if run]

"""Reading an APDU: control field, what stands before the bitmaps, bitmaps, and the TLVs in them.

Bitmaps come in any order and do not say their own length, so after an unknown one
nothing can be told apart: reading stops there and says where. What could be read
before an error is kept. A value that is wrong has a place and no value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from protocols.errors import DecodeError, ProtocolError, breaking
from protocols.zvt.link import apdu_end, unwrap
from protocols.zvt.words import BITMAPS, COMMANDS, TAGS, TOTALS_BYTES, TOTALS_GROUPS

MOST_DEPTH = 8
_MOST_SERVICE = 0x03
_ABORT = b"\x06\x1e"
_WRONG_CURRENCY = 0x6F
_POSITIONAL = {
    "password": ("secret", 3),
    "config": ("hex", 1),
    "currency": ("digits", 2),
    "wait": ("hex", 1),
    "status": ("hex", 1),
    "result": ("hex", 1),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One value: its key (``04``, ``06.25.07``, ``password``) and its bytes in the APDU; no value: it is wrong."""

    key: str
    name: str
    kind: str
    start: int
    end: int
    value: str | None = field(repr=False)
    tag: int = 0


@dataclass(frozen=True, slots=True)
class Apdu:
    """One APDU.

    Attributes:
        control: class and instruction, four hex digits.
        items: in the order of the bytes.
        data: the APDU, not doubled.
        places: the offset in the link frame of each byte of ``data``, and of its end.
        envelope: dle or apdu: what the bytes came in.
        errors: what is wrong, in the order of the bytes.
    """

    control: str
    items: tuple[Item, ...]
    data: bytes = field(repr=False)
    places: list[int] = field(repr=False)
    envelope: str
    errors: tuple[ProtocolError, ...]

    @property
    def error(self) -> ProtocolError | None:
        """The first thing that is wrong."""
        return next(iter(self.errors), None)

    @property
    def broken(self) -> ProtocolError | None:
        """The first error behind which values cannot be told apart; a wrong digit hides no other value."""
        return breaking(self.errors, {"bcd"})

    @property
    def fields(self) -> Mapping[str, str]:
        """Key -> value."""
        return MappingProxyType({item.key: item.value for item in self.items if item.value is not None})

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """Key -> (offset of the value from the link frame's first byte, bytes it takes there)."""
        places = self.places
        return {item.key: (places[item.start], places[item.end] - places[item.start]) for item in self.items}


def read(frame: bytes, protocol: str) -> Apdu:
    """An APDU in its link frame, or bare; ``error`` says what is wrong with it."""
    try:
        data, places, envelope = unwrap(frame, protocol)
    except ProtocolError as wrong:
        return Apdu("", (), frame, list(range(len(frame) + 1)), "", (wrong,))
    reader = _Reader(data, places, protocol)
    reader.read()
    return Apdu(data[:2].hex().upper(), tuple(reader.items), data, places, envelope, tuple(reader.errors))


_SEVEN_BITS = str.maketrans("{|}~", "äöüß")


class _StopError(Exception):
    """Nothing after this place can be told apart."""


class _Reader:
    def __init__(self, data: bytes, places: list[int], protocol: str) -> None:
        self.data = data
        self.places = places
        self.protocol = protocol
        self.items: list[Item] = []
        self.errors: list[ProtocolError] = []
        self._met: dict[str, int] = {}

    def read(self) -> None:
        data = self.data
        end = apdu_end(data, 0)
        if end != len(data):
            said = "a control field and a length" if end is None else f"{end} bytes"
            self._wrong("length", "", min(2, len(data)), said, f"{len(data)} bytes", layer="apdu")
            if end is None:
                return
        at = 5 if data[2] == 0xFF else 3
        stop = min(end, len(data))
        control = data[:2].hex().upper()
        try:
            if control not in COMMANDS and data[0] not in {0x80, 0x84}:
                if at < stop:
                    self._add("data", "data", "raw", at, stop)
                return
            for word in COMMANDS.get(control, ("", ()))[1]:
                at = self._positional(word, at, stop)
            while at < stop:
                at = self._bitmap(at, stop)
        except _StopError:
            return

    # -- before the bitmaps --------------------------------------------------------------

    def _positional(self, word: str, at: int, stop: int) -> int:
        if word == "completion":
            return self._completion(at, stop)
        if word == "print":
            return self._print(at, stop)
        name = word.removesuffix("?")
        kind, size = _POSITIONAL[name]
        # what may be missing has no bitmap's number, and its own values are bitmaps' numbers too
        if word == "wait?" and (at == stop or self._tlv_fits(at, stop)):
            return at
        if word == "currency?" and self._without_currency(at, stop):
            return at
        self._room(name, at, size, stop)
        self._add(name, name, kind, at, at + size)
        return at + size

    def _completion(self, at: int, stop: int) -> int:
        """A completion may begin with the software's version (LLLVAR) and the terminal's state, or be a text alone."""
        data = self.data[at:stop]
        if data[:1] and data[0] >> 4 == 0xF and len(data) >= 3 and all(byte >> 4 == 0xF for byte in data[:3]):
            start, end = self._counted("software_version", at, 3, stop)
            self._add("software_version", "software_version", "text", start, end)
            at, data = end, self.data[end:stop]
            if data:
                self._add("state", "terminal_state", "hex", at, at + 1)
                at += 1
        elif len(data) == 1:
            self._add("state", "terminal_state", "hex", at, stop)
            at = stop
        elif self._tlv_fits(at + 1, stop) and not self._bitmaps_fit(at, stop):
            self._add("state", "terminal_state", "hex", at, at + 1)
            at += 1
        elif data and data[0] not in BITMAPS and all(0x20 <= byte < 0x7F for byte in data):
            self._add("text", "text", "text", at, stop)
            at = stop
        return at

    def _print(self, at: int, stop: int) -> int:
        """An attribute, a text to the end, and a TLV container if one reaches exactly to the end."""
        if at == stop:
            return at
        self._add("attribute", "line_attribute", "hex", at, at + 1)
        cut = next((place for place in range(at + 1, stop) if self._container_fits(place, stop)), stop)
        self._add("text", "text", "text", at + 1, cut)
        return cut

    def _tlv_fits(self, at: int, stop: int) -> bool:
        """Whether bitmap 06, its length and its bytes reach exactly to the end."""
        return stop - at >= 2 and self.data[at] == 0x06 and self._container_end(at) == stop

    def _container_end(self, at: int) -> int | None:
        """Where bitmap 06 that stands there ends; None when its length is cut."""
        extra = {0x81: 1, 0x82: 2}.get(self.data[at + 1], 0)
        told = self.data[at + 2 : at + 2 + extra] if extra else self.data[at + 1 : at + 2]
        return at + 2 + extra + int.from_bytes(told, "big") if len(told) == max(extra, 1) else None

    def _bitmaps_fit(self, at: int, stop: int) -> bool:
        """Whether bitmaps alone reach exactly to the end."""
        while at < stop:
            bmp = BITMAPS.get(self.data[at])
            if bmp is None or at + 1 == stop:
                return False
            if bmp.size == "BER":
                at = self._container_end(at) or stop + 1
            elif isinstance(bmp.size, int):
                at += 1 + bmp.size
            else:
                counter = self.data[at + 1 : at + 1 + len(bmp.size)]
                if not all(byte >> 4 == 0xF and byte & 0x0F <= 9 for byte in counter):
                    return False
                at += 1 + len(counter) + int("".join(f"{byte & 0x0F}" for byte in counter))
        return at == stop

    def _without_currency(self, at: int, stop: int) -> bool:
        """Whether what may follow a currency stands in its place; any two digits may be a currency's.

        In an abort nothing but two bytes behind 6F (wrong currency), and a container, is one; in a registration
        what is neither nothing, a service byte (two bits) nor a container.
        """
        if self.data[:2] == _ABORT:
            named = at + 2 == stop or self._tlv_fits(at + 2, stop)
            return self.data[at - 1] != _WRONG_CURRENCY or not named or self._tlv_fits(at, stop)
        if stop - at >= 2 and self.data[at] == 0x03 and self.data[at + 1] <= _MOST_SERVICE:
            at += 2
        return at == stop or self._tlv_fits(at, stop)

    def _container_fits(self, at: int, stop: int) -> bool:
        if self.data[at] != 0x06 or stop - at < 4 or self.data[at + 2] != 0x1F:
            return False
        return self.data[at + 1] == stop - at - 2

    # -- bitmaps -------------------------------------------------------------------------

    def _bitmap(self, at: int, stop: int) -> int:
        number = self.data[at]
        bmp = BITMAPS.get(number)
        key = f"{number:02X}"
        if bmp is None:
            self._wrong("unknown_field", key, at, "a known bitmap", f"bitmap {key}")
            if at + 1 < stop:
                self._add("rest", "rest", "raw", at, stop)
            raise _StopError
        if number == 0x06 and at + 1 == stop:  # the state of the terminal at a completion's end, not a container
            self._add("state", "terminal_state", "hex", at, stop)
            return stop
        if bmp.size == "BER":
            start, end = self._length(key, at + 1, stop)
            self._add(key, bmp.name, bmp.kind, start, end)
            self._tlvs(key, start, end, 0)
        elif isinstance(bmp.size, str):
            start, end = self._counted(key, at + 1, len(bmp.size), stop)
            self._add(key, bmp.name, bmp.kind, start, end)
            if bmp.kind == "totals":
                self._totals(key, start, end)
        else:
            self._room(key, at + 1, bmp.size, stop)
            start, end = at + 1, at + 1 + bmp.size
            self._add(key, bmp.name, bmp.kind, start, end)
        return end

    def _counted(self, key: str, at: int, digits: int, stop: int) -> tuple[int, int]:
        """LLVAR and LLLVAR: each counter byte is F and a digit."""
        self._room(key, at, digits, stop)
        count = 0
        for place in range(at, at + digits):
            byte = self.data[place]
            if byte >> 4 != 0xF or byte & 0x0F > 9:
                self._wrong("length", key, place, "a counter byte F0 … F9", "another byte")
                raise _StopError
            count = count * 10 + (byte & 0x0F)
        self._room(key, at + digits, count, stop)
        return at + digits, at + digits + count

    def _totals(self, key: str, start: int, end: int) -> None:
        if end - start != TOTALS_BYTES:
            self._wrong("length", key, start, f"{TOTALS_BYTES} bytes", f"{end - start}")
            return
        self._add(f"{key}.first", "receipt_first", "digits", start, start + 2)
        self._add(f"{key}.last", "receipt_last", "digits", start + 2, start + 4)
        at = start + 4
        for group in TOTALS_GROUPS:
            self._add(f"{key}.{group}_count", f"{group}_count", "count", at, at + 1)
            self._add(f"{key}.{group}_total", f"{group}_total", "digits", at + 1, at + 7)
            at += 7

    # -- TLV -----------------------------------------------------------------------------

    def _length(self, key: str, at: int, stop: int) -> tuple[int, int]:
        self._room(key, at, 1, stop)
        first = self.data[at]
        extra = {0x81: 1, 0x82: 2}.get(first, 0)
        if first > 0x7F and not extra:
            self._wrong("length", key, at, "00 … 7F, 81 or 82", "another byte")
            raise _StopError
        self._room(key, at + 1, extra, stop)
        count = int.from_bytes(self.data[at + 1 : at + 1 + extra], "big") if extra else first
        start = at + 1 + extra
        self._room(key, start, count, stop)
        return start, start + count

    def _tlvs(self, path: str, at: int, stop: int, depth: int) -> None:
        while at < stop:
            tag_at = at
            tag = self.data[at]
            at += 1
            if tag & 0x1F == 0x1F:
                more = True
                while more:
                    self._room(f"{path}.{tag:02X}", at, 1, stop)
                    more = bool(self.data[at] & 0x80) and at - tag_at < 3
                    tag = tag << 8 | self.data[at]
                    at += 1
            key = self._key(f"{path}.{tag:02X}" if tag < 0x100 else f"{path}.{tag:04X}")
            start, end = self._length(key, at, stop)
            name, kind = TAGS.get(tag, ("tag", "hex"))
            self._add(key, name, kind, start, end, tag=tag)
            if kind == "tlv" and depth < MOST_DEPTH:
                self._tlvs(key, start, end, depth + 1)
            at = end

    def _key(self, key: str) -> str:
        """A key of its own for the second of a kind: ``06.25.07[2]``."""
        met = self._met[key] = self._met.get(key, 0) + 1
        return key if met == 1 else f"{key}[{met}]"

    # -- values --------------------------------------------------------------------------

    def _add(self, key: str, name: str, kind: str, start: int, end: int, *, tag: int = 0) -> None:
        raw = self.data[start:end]
        for index in _bad_nibbles(kind, raw):
            self._wrong("bcd", key, start + index, "packed digits", "another nibble")
            self.items.append(Item(key, name, kind, start, end, None, tag))
            return
        self.items.append(Item(key, name, kind, start, end, _value(kind, raw), tag))

    def _room(self, key: str, at: int, size: int, stop: int) -> None:
        if at + size > stop:
            self._wrong("short", key, min(at, stop), f"{size} bytes", f"{max(stop - at, 0)}")
            if at < stop:
                self._add("rest", "rest", "raw", at, stop)
            raise _StopError

    def _wrong(self, code: str, key: str, at: int, expected: str, got: str, *, layer: str = "field") -> None:
        message, hint = _WORDS[code]
        self.errors.append(
            DecodeError(
                message,
                protocol=self.protocol,
                layer=layer,
                path=key,
                offset=self.places[min(at, len(self.places) - 1)],
                code=code,
                expected=expected,
                got=got,
                hint=hint,
            )
        )


_WORDS = {
    "length": ("its length is not possible", "check whether the dump was cut"),
    "short": ("the APDU ends inside this value", "check whether the dump was cut"),
    "unknown_field": (
        "an unknown bitmap; what follows cannot be told apart",
        "look it up in the terminal's specification",
    ),
    "bcd": ("not packed digits", "check the cable and the stop bits; on TCP the terminal's software"),
}


def _bad_nibbles(kind: str, raw: bytes) -> Iterator[int]:
    """Index of the first byte with a nibble that the kind does not allow; nothing when all are."""
    if kind == "maybe" and set(raw) <= {0xFF}:
        return
    worst = {"digits": "abcdef", "maybe": "abcdef", "card": "abc"}.get(kind, "")
    found = next((index for index, nibble in enumerate(raw.hex()) if nibble in worst), None)
    if found is not None:
        yield found // 2


def text_of(raw: bytes) -> str:
    """A text in CP437; one of seven bits alone is in ZVT's own code, where these four are German letters."""
    text = raw.decode("cp437").rstrip("\0")
    return text.translate(_SEVEN_BITS) if text.isascii() else text


def _value(kind: str, raw: bytes) -> str:
    if kind == "text":
        return text_of(raw)
    if kind == "count":
        return str(raw[0])
    text = raw.hex().upper()
    return text.rstrip("F") if kind == "card" else text

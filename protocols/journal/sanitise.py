"""Making a journal's record safe to keep, in memory: same length, same offsets.

A card number keeps its first six and last four digits; expiry, tracks, names and
telephone numbers are overwritten; chip data loses the tags a frame's loses. Old memory
behind a text's zero byte and in the padding becomes zero, for it may hold another
customer's card. A card number the record names is then looked for in every column that could hold one, in
text and in packed digits. A record that cannot be read cannot be made safe.
"""

import json
import re
from dataclasses import dataclass, field

from protocols import sweep
from protocols.journal import t_water
from protocols.journal.formats import Shape
from protocols.journal.layout import Field, Layout
from protocols.mask import mask_chip_data

_STAR = ord("*")
_HEX = re.compile(rb"(?:[0-9A-F]{2})+")
_SHORT = 12  # no card number is this short
_TEXTS = frozenset(("text", "digits"))
_NUMBERS = frozenset(("byte", "int16", "int32", "fen", "packed", "packed1"))


@dataclass(slots=True)
class Cleaned:
    """A record that may be kept: its bytes, and the card numbers it named, its own first."""

    record: bytes
    cards: list[str] = field(default_factory=list, repr=False)


def clean(shape: Shape, record: bytes) -> Cleaned:
    """The safe form of a record that ``shape.read`` finds nothing wrong with."""
    if shape.layout is None:
        return _clean_row(record)
    return _clean_fixed(shape.layout, record)


def _clean_fixed(layout: Layout, record: bytes) -> Cleaned:
    buffer = bytearray(layout.size)
    cards: list[str] = []
    for name, at in layout.offsets.items():
        each = layout.fields[name]
        buffer[at : at + each.size] = record[at : at + each.size]
    for name, at in layout.offsets.items():
        each = layout.fields[name]
        end = at + each.size
        if each.codec in _TEXTS:
            _clean_text(buffer, at, end, each, cards)
        elif each.mask == "wipe":
            filler = 0xFF if each.codec == "packed1_masked" else 0
            buffer[at : end - (filler == 0xFF)] = bytes([filler]) * (each.size - (filler == 0xFF))
        elif each.mask == "tlv":
            used = record[layout.offsets["iIccDataLen"]]
            cards += mask_chip_data(buffer, at, min(at + used, end))
            buffer[at + used : end] = bytes(max(each.size - used, 0))
        elif each.mask == "sweep":
            _sweep(buffer, at, end)
    before = bytes(buffer)
    for card in dict.fromkeys(cards):
        _forget_in_columns(layout, buffer, card)
    if buffer != before:  # what stands there now may be read in another way: chip data whose tags it went through
        again = _clean_fixed(layout, bytes(buffer))
        return Cleaned(again.record, [*cards, *again.cards])
    return Cleaned(before, cards)


def _clean_text(buffer: bytearray, at: int, end: int, each: Field, cards: list[str]) -> None:
    stop = buffer.index(0, at, end)
    buffer[stop:end] = bytes(end - stop)
    if each.mask == "card":
        _card(buffer, at, stop, cards)
    elif each.mask == "wipe":
        buffer[at:stop] = b"*" * (stop - at)
    elif each.size > _SHORT:
        _mask_text(buffer, at, stop)


def _card(buffer: bytearray, at: int, stop: int, cards: list[str]) -> None:
    number = buffer[at:stop].decode("ascii")
    if number.isdigit() and sweep.SHORTEST <= len(number) <= sweep.LONGEST:
        cards.append(number)
    first, last = sweep.hidden(len(number))
    buffer[at + first : at + last] = b"*" * (last - first)


def _sweep(buffer: bytearray, at: int, end: int) -> None:
    """Raw bytes: card numbers in text and in packed digits, and what is one only beside digits overwritten before."""
    while True:
        value = bytes(buffer[at:end])
        spans = list(sweep.in_nibbles(value, text=False))
        _mask_text(buffer, at, end)
        for span in spans:
            sweep.fill(buffer, at, span)
        if buffer[at:end] == value:
            return


def _mask_text(buffer: bytearray, at: int, end: int) -> None:
    """Card numbers in text, until what is left between asterisks holds none either."""
    while spans := list(sweep.in_text(bytes(buffer[at:end]))):
        for first, last in spans:
            buffer[at + first : at + last] = b"*" * (last - first)


def _forget_in_columns(layout: Layout, buffer: bytearray, card: str) -> None:
    """A known card number in every column that could hold one; overwritten numbers could not be read any more."""
    for name, at in layout.offsets.items():
        each = layout.fields[name]
        end = at + each.size
        if each.codec in _TEXTS:
            end = buffer.index(0, at, end)
        if each.codec not in _NUMBERS:
            value = buffer[at:end]
            _forget(value, card, packed=each.codec != "digits")
            buffer[at:end] = value


def _forget(buffer: bytearray, card: str, *, packed: bool = True) -> None:
    """A known card number, wherever else it stands."""
    whole = bytes(buffer)
    spans = list(sweep.known_in_nibbles(whole, card)) if packed else []
    for first, last in sweep.known_in_text(whole, card):
        buffer[first:last] = b"*" * (last - first)
    for span in spans:
        sweep.fill(buffer, 0, span)


def _clean_row(record: bytes) -> Cleaned:
    """A row: each value as its column says, then every value looked through; the JSON keeps its length."""
    values = json.loads(record)
    cards: list[str] = []
    safe: dict[str, str] = {}
    for name, value in values.items():
        kind = _kind(name)
        raw = bytearray(value.encode())
        if kind == "card":
            if set(value) <= set("0123456789*"):
                _card(raw, 0, len(raw), cards)
            else:
                raw = _stars(value)
        elif kind == "wipe":
            raw = _stars(value)
        elif kind == "tlv":
            raw = _chip_text(value, cards)
        else:
            _sweep_text(raw)
        safe[name] = raw.decode()
    before = dict(safe)
    for card in dict.fromkeys(cards):
        safe = {name: _forget_in(value, card, _kind(name)) for name, value in safe.items()}
    cleaned = json.dumps(safe, ensure_ascii=False, sort_keys=True).encode()
    if safe != before:
        again = _clean_row(cleaned)
        return Cleaned(again.record, [*cards, *again.cards])
    return Cleaned(cleaned, cards)


def _kind(column: str) -> str:
    return t_water.COLUMNS.get(column, ("sweep",))[0]


def _forget_in(value: str, card: str, kind: str) -> str:
    """A value without a known card number; chip data in hex stays hex."""
    if kind != "tlv" or not _HEX.fullmatch(value.encode()):
        return _forget_text(value, card)
    data = bytearray.fromhex(value)
    _forget(data, card)
    return data.hex().upper()


def _stars(value: str) -> bytearray:
    """As many asterisks as the value has bytes in JSON."""
    return bytearray(b"*" * (len(json.dumps(value, ensure_ascii=False).encode()) - 2))


def _chip_text(value: str, cards: list[str]) -> bytearray:
    """Chip data written in hex; what is no hex is overwritten."""
    upper = value.upper().encode()
    if not _HEX.fullmatch(upper):
        return _stars(value)
    data = bytearray.fromhex(value)
    cards += mask_chip_data(data, 0, len(data))
    return bytearray(data.hex().upper().encode())


def _sweep_text(raw: bytearray) -> None:
    value = bytes(raw)
    _mask_text(raw, 0, len(raw))
    if len(value) > _SHORT and _HEX.fullmatch(value.upper()):  # a blob: text or packed digits written in hex
        data = bytearray.fromhex(bytes(raw).decode()) if b"*" not in raw else bytearray()
        _sweep(data, 0, len(data))
        raw[: 2 * len(data)] = data.hex().upper().encode()


def _forget_text(value: str, card: str) -> str:
    first, last = sweep.hidden(len(card))
    for form in (card, card.encode().hex().upper()):
        scale = len(form) // len(card)
        stars = form[: first * scale] + "*" * ((last - first) * scale) + form[last * scale :]
        value = value.replace(form, stars)
    return value

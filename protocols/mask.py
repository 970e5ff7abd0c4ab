"""Overwriting card secrets in a message, in place: same length, same offsets.

What is done with a field stands in the field table (``mask``). The bytes written
are ones the decoder accepts: nibble F where digits may be masked, zero bytes for
binary, an asterisk in text. Of a card number the first six and last four digits
stay; of a track too, so that a masked card number can still be shown.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from protocols import sweep
from protocols.codecs import DIGITS, CountedDigits, Packed, Text, gbk_text
from protocols.errors import DecodeError
from protocols.grammar import FieldSpec
from protocols.meaning import (
    BATCH_MTI,
    FINANCIAL_MTIS,
    NETWORK_CODES,
    PUBLIC_DOWNLOADS,
    SCRIPT_MTI,
    SETTLEMENT_MTI,
    SIGNATURE_MTIS,
    TRANSACTION_TYPES,
    is_answer,
    request_mti,
)
from protocols.private_tlv import FACTOR, ORDER, Element
from protocols.private_tlv import elements as elements_of_59
from protocols.tlv import TEMPLATES, Tlv, elements, tag_name
from protocols.unionpay import BATCH_ROW_DIGITS, TOTALS_DIGITS
from protocols.walk import Item, Step

SECRET_TAGS = {
    0x57: 0xFF,  # track 2 equivalent
    0x5A: 0xFF,  # card number
    0x5F24: 0xFF,  # expiry
    0x9F6B: 0xFF,  # track 2, contactless
    0xFF05: 0xFF,  # expiry, in a signature message
    0xFF25: 0xFF,  # card transferred into, in a signature message
    0x56: 0x00,  # track 1 equivalent
    0x5F20: 0x00,  # cardholder name
    0x9F20: 0x00,  # track 2 discretionary data
    0x9F1F: 0x00,  # track 1 discretionary data
    0x99: 0x00,  # PIN data
}
"""EMV tag -> the byte its value is overwritten with."""
TRACK_SEPARATOR = "D"
TRACK_3, SECURITY_CONTROL = 36, 53
_CARD_NUMBER = re.compile(r"[0-9]{6}[0-9F]{3,9}[0-9]{4}")
CONTROL = re.compile(r"[0-9]{4}0{12}")  # F53 as control information; anything else there is key data
_BALANCE = re.compile(rb"(?:[0-9]{7}[CD][0-9]{12})+")  # F54
_MONTH_DAY = re.compile(r"0000|(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_KEYLESS_MTIS = FINANCIAL_MTIS | SIGNATURE_MTIS | {SETTLEMENT_MTI, BATCH_MTI, SCRIPT_MTI}


@dataclass(slots=True)
class Masking:
    """One message being masked.

    Attributes:
        buffer: the frame, changed in place.
        mti: its type.
        table: the field table.
        items: number -> where the field lies.
        cards: the card numbers met, the message's own first.
        masked: what was overwritten: ``F2``, ``F55.57``.
    """

    buffer: bytearray
    mti: str
    table: Mapping[int, FieldSpec]
    items: dict[int, Item]
    cards: list[str] = field(default_factory=list, repr=False)
    masked: list[str] = field(default_factory=list)

    def raw(self, item: Item) -> bytes:
        """The field's value bytes."""
        return bytes(self.buffer[item.value : item.end])

    def digits(self, number: int) -> str:
        """The field's nibbles as counted; empty when the field is not there."""
        item = self.items.get(number)
        if item is None:
            return ""
        text = self.buffer[item.value : item.end].hex().upper()
        return text[: item.length] if item.step.digits else text

    def fill(self, start: int, end: int, byte: int) -> None:
        """Overwrite bytes."""
        self.buffer[start:end] = bytes([byte]) * (end - start)

    def fill_nibbles(self, at: int, span: sweep.Span) -> None:
        """Overwrite nibbles with F; the span counts from the first nibble of byte ``at``."""
        first, last = span
        if first >= last:
            return
        if first & 1:
            self.buffer[at + (first >> 1)] |= 0x0F
        if last & 1:
            self.buffer[at + (last >> 1)] |= 0xF0
        whole, end = at + (first + 1 >> 1), at + (last >> 1)
        if whole < end:
            self.buffer[whole:end] = b"\xff" * (end - whole)

    def met(self, number: str) -> None:
        """Remember a whole card number, so that it is found wherever else it stands."""
        if number not in self.cards and sweep.SHORTEST <= len(number) <= sweep.LONGEST and number.isdigit():
            self.cards.append(number)


def mask(buffer: bytearray, mti: str, items: Sequence[Item], table: Mapping[int, FieldSpec]) -> Masking:
    """Overwrite the secrets of a located message.

    Args:
        buffer: the frame, changed in place.
        mti: four digits.
        items: the fields that could be walked.
        table: the field table, which says what each field may hold.
    """
    work = Masking(buffer, mti, table, {item.step.number: item for item in items})
    for item in work.items.values():
        mask_field(work, item)
    if items and work.cards:
        rest = buffer[items[0].start : items[-1].end]
        for card in work.cards:
            if card.encode("ascii") in rest or card in rest.hex():
                _sweep_known(work, card)
    return work


def mask_field(work: Masking, item: Item) -> None:
    """Overwrite the secrets of one field."""
    number, start, end = item.step.number, item.value, item.end
    kind = work.table[number].mask
    if kind == "none":
        return
    before = work.buffer[start:end]
    _MASKERS[kind](work, item)
    if kind != "tlv" and work.buffer[start:end] != before:
        work.masked.append(f"F{number}")


def _sweep_known(work: Masking, number: str) -> None:
    """The message's own card number, wherever else it stands."""
    for at, item in work.items.items():
        value = work.raw(item)
        text = list(sweep.known_in_text(value, number))
        packed = list(sweep.known_in_nibbles(value, number))
        for first, last in text:
            work.fill(item.value + first, item.value + last, ord("*"))
        for span in packed:
            work.fill_nibbles(item.value, span)
        if (text or packed) and f"F{at}" not in work.masked:
            work.masked.append(f"F{at}")


def _pan(work: Masking, item: Item) -> None:
    number = work.digits(item.step.number)
    work.met(number)
    work.fill_nibbles(item.value, sweep.hidden(len(number)))


def _track(work: Masking, item: Item) -> None:
    """Track 2: its card number masked, the rest overwritten; an encrypted track whole."""
    text = work.digits(item.step.number)
    number, separator, _ = text.partition(TRACK_SEPARATOR)
    if _encrypted(work) or not separator or not _CARD_NUMBER.fullmatch(number):
        work.fill(item.value, item.end, 0xFF)
        return
    work.met(number)
    work.fill_nibbles(item.value, sweep.hidden(len(number)))
    work.fill_nibbles(item.value, (len(number) + 1, 2 * (item.end - item.value)))


def _encrypted(work: Masking) -> bool:
    """F53's third digit says that the tracks are encrypted."""
    return work.digits(SECURITY_CONTROL)[2:3] == "1"


def _overwrite(work: Masking, item: Item) -> None:
    if item.step.number == TRACK_3:
        _meet_track_3(work, item)
    work.fill(item.value, item.end, _filler(item))


def _meet_track_3(work: Masking, item: Item) -> None:
    """Track 3 in the clear: two digits of format, the card number, a separator (ISO/IEC 4909)."""
    number, separator, _ = work.digits(item.step.number)[2:].partition(TRACK_SEPARATOR)
    if separator and not _encrypted(work):
        work.met(number)


def _filler(item: Item) -> int:
    """A byte the field's decoder accepts."""
    return filler_of(item.step.codec)


def filler_of(codec: Any) -> int:
    """A byte a codec's decoder accepts."""
    if isinstance(codec, Text):
        return ord("*")
    strict = not isinstance(codec, Packed | CountedDigits) or codec.accept == DIGITS
    return 0x00 if strict else 0xFF


def _control(work: Masking, item: Item) -> None:
    if not CONTROL.fullmatch(work.digits(item.step.number)):
        work.fill(item.value, item.end, _filler(item))


def _keys(work: Masking, item: Item) -> None:
    """F62: work keys in the answers that carry them; whatever else is swept."""
    network = work.digits(60)[8:11]
    asked = request_mti(work.mti)
    public = network in PUBLIC_DOWNLOADS
    signature = asked in SIGNATURE_MTIS and work.digits(60)[:2] in {"07", "08"}
    known = (asked in _KEYLESS_MTIS and asked != "0820") or signature
    if is_answer(work.mti) and not known and not public:
        work.fill(item.value, item.end, _filler(item))
        return
    # a signature's image and a public key are random bits: packed digits found in them would be chance
    _sweep(work, item, packed=not (public or signature))


def _tlv(work: Masking, item: Item) -> None:
    """F55: the secret tags, wherever nested; from a broken element on, everything."""
    _mask_tags(work, item, item.value, item.end, strict=True)


def _mask_tags(work: Masking, item: Item, start: int, end: int, *, strict: bool) -> None:
    found: list[Tlv] = []
    try:
        found.extend(elements(work.buffer, start, end))
    except DecodeError:
        if not strict:
            return  # a constructed tag whose value is no TLV
        found = list(_sound(work.buffer, start, end))
        broken = max((each.end for each in found if each.depth == 0), default=start)
        work.fill(broken, end, 0x00)
        work.masked.append(f"F{item.step.number}")
    for each in found:
        filler = SECRET_TAGS.get(each.tag)
        if filler is not None:
            _meet_tag(work, each)
            work.fill(each.start, each.end, filler)
            work.masked.append(f"F{item.step.number}.{tag_name(each.tag)}")
        elif each.tag not in TEMPLATES:
            before = bytes(work.buffer[each.start : each.end])
            for span in sweep.in_text(before):
                work.fill(each.start + span[0], each.start + span[1], ord("*"))
            first = each.tag >> (8 * ((each.tag.bit_length() - 1) // 8)) if each.tag else 0
            if first & 0x20 and first != 0xFF:
                _mask_tags(work, item, each.start, each.end, strict=False)


def _sound(data: bytearray, start: int, end: int) -> Iterable[Tlv]:
    """The elements before the broken one; nothing of the outermost element that holds it."""
    sound: list[Tlv] = []
    pending: list[Tlv] = []
    try:
        for each in elements(data, start, end):
            if each.depth == 0:
                sound += pending
                pending = []
            pending.append(each)
    except DecodeError as broken:
        if pending and pending[0].tag not in TEMPLATES and (broken.offset or 0) >= pending[0].end:
            sound += pending
    return sound


def _meet_tag(work: Masking, each: Tlv) -> None:
    """The card number inside 5A, 57 and 9F6B."""
    value = work.buffer[each.start : each.end].hex().upper()
    if each.tag == 0x5A:
        work.met(value.rstrip("F"))
    elif each.tag in {0x57, 0x9F6B}:
        number, separator, _ = value.partition(TRACK_SEPARATOR)
        if separator:
            work.met(number)


def _totals(work: Masking, item: Item) -> None:
    """F48: settlement totals stay; a batch list's card numbers are masked; anything else is swept."""
    digits = work.digits(item.step.number)
    if len(digits) == TOTALS_DIGITS:
        return
    rows, rest = divmod(len(digits) - 2, BATCH_ROW_DIGITS)
    listed = request_mti(work.mti) == BATCH_MTI and len(digits) >= BATCH_ROW_DIGITS
    if rows > 0 and rest == 0 and (listed or digits[:2] == f"{rows:02d}"):
        for row in range(rows):
            slot = 2 + row * BATCH_ROW_DIGITS + 8
            padded = digits[slot : slot + 20]
            number = padded.lstrip("0")
            work.met(number)
            first, last = sweep.hidden(len(number))
            lead = slot + len(padded) - len(number)
            work.fill_nibbles(item.value, (lead + first, lead + last))
        return
    if listed:  # nobody can say where its card numbers stand
        work.fill_nibbles(item.value, (2, len(digits)))
        return
    _sweep_digits(work, item, digits)


def _references(work: Masking, item: Item) -> None:
    """F60 and F61 have rigid parts that hold no card number; digits that do not fit the parts are swept."""
    digits = work.digits(item.step.number)
    if not fits_its_parts(item.step.number, digits):
        _sweep_digits(work, item, digits)


def fits_its_parts(number: int, digits: str) -> bool:
    """Whether the digits of F60 or F61 are those parts."""
    if number == 60:
        return digits[:2] in TRANSACTION_TYPES and (len(digits) < sweep.SHORTEST or digits[8:11] in NETWORK_CODES)
    return len(digits) <= 12 or (len(digits) in {16, 18, 29} and _MONTH_DAY.fullmatch(digits[12:16]) is not None)


def _sweep_digits(work: Masking, item: Item, digits: str) -> None:
    if not digits.isdigit():
        return
    for span in sweep.in_digits(digits, alone=False):
        work.fill_nibbles(item.value, span)


def _sweep(work: Masking, item: Item, *, packed: bool = True) -> None:
    """Free text and private data: card numbers in ASCII, and in packed digits."""
    value = work.raw(item)
    if _BALANCE.fullmatch(value):
        return
    if not packed:
        spans: list[sweep.Span] = []
    else:
        spans = list(sweep.in_nibbles(value, text="\\x" not in gbk_text(value)))
    private = elements_of_59(value, work.table[59].tag_digits) if item.step.number == 59 else []
    for first, last in factors(private):
        work.fill(item.value + first, item.value + last, ord("*"))
    spared = _order_number(value, private)
    for first, last in sweep.in_text(value):
        if spared is None or not (spared[0] <= first and last <= spared[1]):
            work.fill(item.value + first, item.value + last, ord("*"))
    for span in spans:
        work.fill_nibbles(item.value, span)


def factors(private: Iterable[Element]) -> list[sweep.Span]:
    """Where F59's TLV holds the end of a card number, which beside a masked one would leave little hidden."""
    return [(each.start, each.end) for each in private if each.path == FACTOR]


def _order_number(value: bytes, private: Iterable[Element]) -> sweep.Span | None:
    """Where F59's TLV holds a QR order number that is no card's."""
    for each in private:
        if each.path == ORDER:
            inner = value[each.start : each.end]
            whole = inner.isdigit() and sweep.SHORTEST <= len(inner) <= sweep.LONGEST
            return None if whole else (each.start, each.end)
    return None


_MASKERS: dict[str, Callable[[Masking, Item], None]] = {
    "pan": _pan,
    "track": _track,
    "overwrite": _overwrite,
    "control": _control,
    "keys": _keys,
    "tlv": _tlv,
    "totals": _totals,
    "references": _references,
    "sweep": _sweep,
}


def mask_chip_data(buffer: bytearray, start: int, end: int) -> list[str]:
    """Overwrite the secret tags of chip data that stands outside a message; the card numbers met.

    Args:
        buffer: changed in place; from a broken element on, everything is overwritten.
        start: first byte of the chip data.
        end: one past its last.
    """
    work = Masking(buffer, "", {}, {})
    step = Step(55, 0, end - start, digits=False, last=False, codec=None)
    _mask_tags(work, Item(step, start, start, end, end - start), start, end, strict=True)
    return work.cards

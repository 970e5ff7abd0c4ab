"""Batch upload (批上送, 0320): the transactions a terminal sends once more when its batch is settled.

After a settlement that did not balance the magnetic ones go as a list, up to eight in
F48: count n2, then type n2, trace n6, card number n20 and amount n12 each; chip and
offline ones go as one full record each. After a balanced one only chip records go. The
end says how many there were (F48 n4). Source: docs/protocols.md 3.
"""

from dataclasses import dataclass

from protocols import meaning
from protocols.errors import DecodeError
from protocols.facts import facts, mask_pan
from protocols.message import Message
from protocols.unionpay import BATCH_ROW_DIGITS, BATCH_ROWS, TOTALS_DIGITS, BatchRow

OPERATIONS = frozenset(("BATCH_UPLOAD", "BATCH_UPLOAD_END", "SETTLEMENT"))
"""The operations whose F48 counts something."""
REASONS = {
    "201": "list",
    "203": "chip, balanced",
    "204": "chip failed, balanced",
    "205": "chip, unbalanced",
    "206": "chip failed, unbalanced",
}
"""60.3 -> what is uploaded; ``list`` covers full records of offline sales, refunds and notices too."""
_END_DIGITS = 4
_CHIP_ORG = slice(2, 4)
_CHIP, _FAILED = "61", "71"
_CHIP_BYTES, _FAILED_BYTES = 21, 23


@dataclass(frozen=True, slots=True)
class Uploaded:
    """One transaction of a batch upload.

    Attributes:
        place: from 1 in a list; 0 for a full record.
        card_type: ``00`` UnionPay's, ``01`` foreign; None when nothing says so.
        stan: its trace number.
        amount_fen: its amount.
        pan_masked: first six and last four digits.
        named: whether the frame's own card token is this card's: a frame keeps one.
    """

    place: int
    card_type: str | None
    stan: int | None
    amount_fen: int | None
    pan_masked: str | None
    named: bool


def uploaded(message: Message) -> tuple[Uploaded, ...]:
    """The transactions of a batch upload; none in its end, in an answer and in a settlement.

    Raises:
        DecodeError: F48 does not add up: another count, a length that no list, total or end has, a digit that is none.
    """
    asked = meaning.request_mti(message.mti)
    if meaning.is_answer(message.mti) or asked not in {meaning.BATCH_MTI, meaning.SETTLEMENT_MTI}:
        return ()
    digits = message.fields.get(48)
    if asked == meaning.SETTLEMENT_MTI:
        if digits is not None and len(digits) != TOTALS_DIGITS:
            raise _wrong(message, 0, "length", f"{TOTALS_DIGITS} digits of totals", f"{len(digits)}")
        return ()
    if message.subfields(60).get("60.3") in meaning.BATCH_END:
        if digits is not None and len(digits) != _END_DIGITS:
            raise _wrong(message, 0, "length", f"a count of {_END_DIGITS} digits", f"{len(digits)}")
        return ()
    if 4 in message.fields:
        return (_record(message),)
    return () if digits is None else _rows(message, digits)


def _rows(message: Message, digits: str) -> tuple[Uploaded, ...]:
    rows, rest = divmod(len(digits) - 2, BATCH_ROW_DIGITS)
    if rest or not 0 <= rows <= BATCH_ROWS:
        expected = f"a count of 2 digits and up to {BATCH_ROWS} times {BATCH_ROW_DIGITS}"
        raise _wrong(message, 0, "length", expected, f"{len(digits)}")
    if digits[:2] != f"{rows:02d}":
        raise _wrong(message, 0, "count", "as many rows as it says", f"{rows} rows")
    found: list[Uploaded] = []
    for place in range(1, rows + 1):
        start = 2 + (place - 1) * BATCH_ROW_DIGITS
        row = digits[start : start + BATCH_ROW_DIGITS]
        for first, last in ((0, 8), (28, 40)):  # a masked card number stands between
            _check(message, row[first:last], start + first)
        said = BatchRow.parse(row.encode("ascii"))
        pan = mask_pan(said.pan.lstrip("0"))
        named = pan is not None and not any(each.named for each in found)
        found.append(Uploaded(place, said.card_org, int(said.stan), said.amount, pan, named))
    return tuple(found)


def _check(message: Message, digits: str, at: int) -> None:
    bad = next((index for index, digit in enumerate(digits, start=at) if not digit.isdigit()), None)
    if bad is not None:
        raise _wrong(message, bad // 2, "bcd", "digits", f"another nibble at {bad}")


def _record(message: Message) -> Uploaded:
    said = facts(message)
    text = message.text(62) or ""
    chip = (text[:2], len(text)) in {(_CHIP, _CHIP_BYTES), (_FAILED, _FAILED_BYTES)}
    org = text[_CHIP_ORG] if chip and text[:2] == _CHIP else None
    return Uploaded(0, org, said.stan, said.amount_fen, said.pan_masked, named=True)


def _wrong(message: Message, at: int, code: str, expected: str, got: str) -> DecodeError:
    return DecodeError(
        "F48 does not add up",
        layer="field",
        path="F48",
        offset=message.spans[48][0] + at,
        code=code,
        expected=expected,
        got=got,
        hint="check the profile's field 48 against the terminal's specification",
    )

"""What a message says, in the field's own terms: the pure step from fields to facts.

A request states what the terminal wants, an answer what the host did; a fact the
message does not carry is None. Amounts are fen. The year, which no message
carries, is inferred by ``infer_datetime`` from when the message was seen.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from protocols import meaning
from protocols.errors import DecodeError
from protocols.message import Message
from protocols.private_tlv import ORDER
from protocols.responses import is_approved, response_text
from protocols.unionpay import TOTALS_DIGITS, Totals

__all__ = ["Facts", "SettlementTotals", "facts", "infer_datetime", "is_approved", "mask_pan", "response_text"]

_OPERATOR = re.compile(r"\d{1,3}(?= *$)")
_CARD_ORG = re.compile(r"[A-Z]{3}")
_TIP_DIGITS = 12  # F48 of a financial message
OFFLINE = frozenset(("OFFLINE_SALE", "ADJUST"))
"""What was approved before its message: the request itself says the authorisation."""


@dataclass(frozen=True, slots=True)
class SettlementTotals:
    """Totals of a settlement (F48): the terminal's in a request, the host's with its flags in an answer.

    Amounts in fen. Flag: 0 asked, 1 balanced, 2 not balanced, 3 error.
    """

    rmb_debit_amount_fen: int
    rmb_debit_count: int
    rmb_credit_amount_fen: int
    rmb_credit_count: int
    rmb_flag: str
    foreign_debit_amount_fen: int
    foreign_debit_count: int
    foreign_credit_amount_fen: int
    foreign_credit_count: int
    foreign_flag: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What one message says; None where it says nothing.

    ``terminal_time`` and ``host_time`` are (MMDD or None, hhmmss or None).
    ``orig_*`` is what a void, refund, completion or reversal refers to; of a
    reversal it is the message it takes back (the same trace number, the batch of
    60.2). ``reversed_type`` is that message's type.

    For dialects whose messages do not say it by their type: ``pair`` is what request and
    answer have in common (else the request's message type), ``exchange`` joins them where no
    trace number does, ``identity`` is equal for reports of the same thing in other bytes, and
    ``outcome`` is approved or declined. A ``handshake`` belongs to the link alone: no row.
    ``feature_code`` (特征码) names what a picture signs where no number does.
    ``card_totals`` is a JSON list of ``{card_org, count, amount_fen}``. ``order_ref`` is the order number of
    a QR payment, of a void or refund the original's. With ``per_line`` the exchange is one of its line,
    whatever terminal the message names or leaves out.
    """

    mti: str
    is_request: bool
    kind: Literal["financial", "settlement", "event", "handshake"]
    operation: str
    txn_type: str | None = None
    pair: str | None = None
    exchange: str | None = None
    identity: str | None = None
    outcome: str | None = None
    terminal_id: str | None = None
    merchant_id: str | None = None
    batch_no: int | None = None
    stan: int | None = None
    amount_fen: int | None = None
    currency: str | None = None
    pan_masked: str | None = None
    entry_mode: str | None = None
    operator_no: str | None = None
    terminal_time: tuple[str | None, str | None] | None = None
    host_time: tuple[str | None, str | None] | None = None
    settlement_mmdd: str | None = None
    rrn: str | None = None
    auth_code: str | None = None
    response_code: str | None = None
    reason_code: str | None = None
    orig_batch_no: int | None = None
    orig_stan: int | None = None
    orig_mmdd: str | None = None
    orig_rrn: str | None = None
    orig_auth_code: str | None = None
    reversed_type: str | None = None
    atc: int | None = None
    aid: str | None = None
    card_org: str | None = None
    processing_code: str | None = None
    network_code: str | None = None
    batch_count: int | None = None
    tip_fen: int | None = None
    order_ref: str | None = None
    receipt_no: int | None = None
    orig_receipt_no: int | None = None
    card_totals: str | None = None
    total_count: int | None = None
    total_amount_fen: int | None = None
    feature_code: str | None = None
    totals: SettlementTotals | None = None
    per_line: bool = False


def facts(message: Message) -> Facts:
    """The facts of a message."""
    fields = message.fields
    parts = message.subfields(60)
    original = message.subfields(61)
    tags = _tags(message)
    mti = message.mti
    asked = meaning.request_mti(mti)
    request = not meaning.is_answer(mti)
    kind60, network = parts.get("60.1"), parts.get("60.3")
    batch, stan = _number(parts.get("60.2")), _number(fields.get(11))
    reversal = asked == meaning.REVERSAL_MTI
    note = message.text(63) or ""
    operator = _OPERATOR.match(note) if request else None
    org = _CARD_ORG.match(note)
    clock = (fields.get(13), fields.get(12)) if 12 in fields or 13 in fields else None
    totals = _totals(message) if asked == meaning.SETTLEMENT_MTI else None
    auth = _word(fields.get(38))
    private = message.private()
    kind, operation, txn_type, reversed_type = _what(message, private, asked, kind60, network, request=request)
    own_auth = not request or txn_type in OFFLINE
    tip = fields.get(48, "") if kind == "financial" else ""
    return Facts(
        mti=mti,
        is_request=request,
        kind=kind,
        operation=operation,
        txn_type=txn_type,
        terminal_id=fields.get(41),
        merchant_id=fields.get(42),
        batch_no=batch,
        stan=stan,
        amount_fen=_number(fields.get(4)),
        currency=fields.get(49),
        pan_masked=_pan(message),
        entry_mode=fields.get(22),
        operator_no=operator[0] if operator else None,
        terminal_time=clock if request else None,
        host_time=None if request else clock,
        settlement_mmdd=fields.get(15),
        rrn=None if request else _word(fields.get(37)),
        auth_code=auth if own_auth else None,
        response_code=None if request else fields.get(39),
        reason_code=fields.get(39) if request else None,
        orig_batch_no=batch if reversal else _number(original.get("61.1")),
        orig_stan=stan if reversal else _number(original.get("61.2")),
        orig_mmdd=None if reversal else _whole(original.get("61.3"), 4),
        orig_rrn=_word(fields.get(37)) if request else None,
        orig_auth_code=None if own_auth else auth,
        reversed_type=reversed_type,
        atc=int(tags["9F36"], 16) if tags.get("9F36") else None,
        aid=tags.get("84") or tags.get("9F06") or tags.get("4F"),
        card_org=org[0] if org else None,
        processing_code=fields.get(3),
        network_code=network,
        batch_count=_number(fields.get(48)) if asked == meaning.BATCH_MTI and len(fields.get(48, "")) == 4 else None,
        tip_fen=_number(_whole(tip, _TIP_DIGITS)),
        order_ref=_word(private.get(ORDER)),
        totals=totals,
    )


def _what(
    message: Message, private: Mapping[str, str], asked: str, kind60: str | None, network: str | None, *, request: bool
) -> tuple[Literal["financial", "settlement", "event"], str, str | None, str | None]:
    """Kind, operation, transaction type, and the type of what a reversal takes back."""
    if asked in meaning.FINANCIAL_MTIS:
        if asked == meaning.REVERSAL_MTI:
            return "financial", "REVERSAL", "REVERSAL", _reversed(message, kind60)
        name = meaning.transaction_type(asked, message.fields.get(3), message.fields.get(25), kind60)
        if name in meaning.QR_TYPES and _is_qr(message, private, request=request):
            name = meaning.QR_TYPES[name]
        return "financial", name or "UNKNOWN", name, None
    operation = meaning.operation_of(asked, kind60, network)
    return ("settlement" if operation == "SETTLEMENT" else "event"), operation, None, None


def _reversed(message: Message, kind60: str | None) -> str | None:
    for mti in ("0200", "0100", "0220"):
        name = meaning.transaction_type(mti, message.fields.get(3), message.fields.get(25), kind60)
        if name is not None:
            return name
    return None


def _is_qr(message: Message, private: Mapping[str, str], *, request: bool) -> bool:
    """F22 says 03x; an answer without F22 and F2 carries the order in F59 A4."""
    entry = message.fields.get(22)
    if entry is not None or request:
        return (entry or "").startswith(meaning.QR_ENTRY)
    return 2 not in message.fields and (ORDER in private or message.raw(59).startswith(ORDER.encode("ascii")))


def _tags(message: Message) -> dict[str, str]:
    """F55's tags; none when F55 is broken, for one field must not lose the message."""
    try:
        return message.tags()
    except DecodeError:
        return {}


def _totals(message: Message) -> SettlementTotals | None:
    digits = message.fields.get(48, "")
    if len(digits) != TOTALS_DIGITS or not digits.isdigit():
        return None
    found = Totals.parse(digits.encode("ascii"))
    sides = {
        f"{name}_fen" if name.endswith("amount") else name: value
        for name, value in found.items()
        if not name.startswith("_")
    }
    return SettlementTotals(**sides)


def _pan(message: Message) -> str | None:
    number = message.fields.get(2)
    if number is None:
        number, separator, _ = message.fields.get(35, "").partition("D")
        if not separator:
            return None
    return mask_pan(number)


def mask_pan(number: str) -> str | None:
    """First six and last four of a card number, whole or masked; None when it is none."""
    if not 13 <= len(number) <= 19 or not (number[:6] + number[-4:]).isdigit():
        return None
    return f"{number[:6]}{'*' * (len(number) - 10)}{number[-4:]}"


def _number(digits: str | None) -> int | None:
    return int(digits) if digits and digits.isdigit() else None


def _whole(digits: str | None, width: int) -> str | None:
    return digits if digits and len(digits) == width else None


def _word(text: str | None) -> str | None:
    """A fixed text without its fill of blanks or zero bytes; None when nothing is left."""
    return (text or "").replace("\\x00", " ").strip() or None


def infer_datetime(
    mmdd: str | None, hhmmss: str | None, seen: dt.datetime, zone: ZoneInfo | dt.tzinfo
) -> dt.datetime | None:
    """The moment a message's clock names, in the year (or, without a date, on the day) nearest to ``seen``.

    Args:
        mmdd: month and day, or None.
        hhmmss: time of day; midnight when None.
        seen: when the message was seen, with its zone.
        zone: the zone the terminal's clock runs in.

    Returns:
        None when neither is there or they name no moment (``0000``, 29 February in no near year).
    """
    if mmdd is None and hhmmss is None:
        return None
    local = seen.astimezone(zone)
    text = hhmmss or "000000"
    candidates = []
    for step in (-1, 0, 1):
        day = local.date() + dt.timedelta(days=step)
        year, month, date = (
            (day.year, day.month, day.day) if mmdd is None else (local.year + step, _two(mmdd[:2]), _two(mmdd[2:4]))
        )
        clock = _two(text[:2]), _two(text[2:4]), _two(text[4:6])
        try:
            moment = dt.datetime(year, month, date, *clock, tzinfo=zone)
        except ValueError:
            continue
        candidates.append(moment)
    return min(candidates, key=lambda each: abs(each - seen), default=None)


def _two(digits: str) -> int:
    return int(digits) if len(digits) == 2 and digits.isdigit() else -1

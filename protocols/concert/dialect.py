"""Concert as a value: safe frames, facts, order and words. There are no questions: asking is paying here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from protocols import sweep
from protocols.concert.ends import talk
from protocols.concert.link import deframer
from protocols.concert.record import TITLES, UNKNOWN, Record, read
from protocols.describe import ERROR_KEYS, row
from protocols.dialect import Described, Dialect, Heard, Secured
from protocols.envelope import STX, lrc
from protocols.facts import Facts, mask_pan
from protocols.profile import Profile

PAIR = "payment"
_SALE, _REIMBURSE = "0", "1"
_RESULTS = {"0": "approved", "7": "declined"}  # 9 is "not verified": nobody knows
_CAISSE_RESULTS = {"10": "approved", "01": "declined"}  # 11 is "taken into account": nobody knows


def secure(profile: Profile, frame: bytes) -> Secured:
    """The card number keeps its first six and last four digits, the rest of the report and the expiry go.

    Raises:
        ProtocolError: it is no frame, or its values cannot be told apart.
    """
    record = read(frame, profile.name, profile.link.envelope)
    if record.broken is not None:
        raise record.broken
    safe, card, masked = _overwrite(record, frame)
    return Secured(bytes(safe), card, _message(frame), masked)


def _message(frame: bytes) -> bytes:
    return frame[1:-2] if frame[:1] == bytes((STX,)) else frame


def _overwrite(record: Record, frame: bytes) -> tuple[bytearray, str | None, tuple[str, ...]]:
    safe = bytearray(frame)
    card: str | None = None
    masked = []
    for item in record.items:
        text = frame[item.start : item.end]
        if item.kind in {"report", "card"}:
            number = _number_at_start(text)
            card = number if number is not None and number.isdigit() else card
            keep = sweep.hidden(len(number)) if number is not None else (0, 0)
            plain = b" 0" if set(text) <= set(b" 0") else b" "  # a report of zeros says nothing
            for index, byte in enumerate(text):
                inside = number is not None and index < len(number)
                secret = keep[0] <= index < keep[1] if inside else byte not in plain
                safe[item.start + index] = ord("*") if secret else byte
        elif item.kind == "secret":
            safe[item.start : item.end] = b"*" * (item.end - item.start)
    for item in record.items:
        if item.kind in {"text", "digits"}:
            text = frame[item.start : item.end]
            known = sweep.known_in_text(text, card) if card is not None else ()
            for first, last in (*sweep.in_text(text), *known):
                safe[item.start + first : item.start + last] = b"*" * (last - first)
        if safe[item.start : item.end] != frame[item.start : item.end]:
            masked.append(item.key)
    if frame[:1] == bytes((STX,)):
        safe[-1] = lrc(safe[1:-1])
    return safe, card, tuple(masked)


def _number_at_start(text: bytes) -> str | None:
    """The card number a report begins with, whole or masked; a report of zeros has none."""
    length = next((index for index, byte in enumerate(text) if byte not in b"0123456789*"), len(text))
    number = text[: min(length, sweep.LONGEST)].decode("ascii")
    while len(number) > sweep.SHORTEST and length > sweep.LONGEST and not _is_card(number):
        number = number[:-1]  # digits follow without a gap: the longest that a network and its Luhn digit agree to
    known = len(number) >= sweep.SHORTEST and (length <= sweep.LONGEST or _is_card(number))
    return number if known and number.strip("0*") else None


def _is_card(number: str) -> bool:
    return number.isdigit() and sweep.is_card(number)  # a masked one has no Luhn digit to agree with


def facts(profile: Profile, frame: bytes) -> Facts:
    """What a frame says by itself.

    Raises:
        ProtocolError: it cannot be read.
    """
    record = read(frame, profile.name, profile.link.envelope)
    if record.error is not None:
        raise record.error
    return of_record(record)


def of_record(record: Record) -> Facts:
    """The facts of a record, or of the part of it that could be read."""
    said = record.fields
    amount = int(said["amount"]) if said.get("amount", "").isdigit() else None
    currency = said.get("currency")
    if record.form in {"ask", "caisse-ask"}:
        kind = said.get("type", said.get("action", ""))
        caisse = record.form == "caisse-ask"
        refund = "REFUND" if caisse and kind == _REIMBURSE else None
        return Facts(
            mti=record.form,
            is_request=True,
            kind="financial",
            operation="SALE" if kind == _SALE else "REIMBURSEMENT",
            txn_type="SALE" if kind == _SALE else refund,
            pair=PAIR,
            amount_fen=amount,
            currency=currency,
        )
    code = said.get("result")
    results = _CAISSE_RESULTS if record.form == "caisse-answer" else _RESULTS
    return Facts(
        mti=record.form,
        is_request=False,
        kind="financial",
        operation="ANSWER",
        pair=PAIR,
        amount_fen=amount,
        currency=currency,
        pan_masked=_pan(said.get("report") or said.get("card_number")),
        response_code=code,
        outcome=results.get(code or "", "unknown"),
        auth_code=(said.get("auth_code") or "").strip() or None,
        aid=said.get("application_id"),
    )


def _pan(report: str | None) -> str | None:
    number = _number_at_start(report.encode("latin-1")) if report else None
    return mask_pan(number) if number else None


@dataclass(slots=True)
class _Ask:
    """An ask that waits for its answer."""

    digest: str
    exchange: str
    facts: Facts
    answered: bool = False


def follow(heard: Sequence[Heard]) -> list[Facts]:
    """One line's messages of one day, in order: an answer belongs to the ask before it, for no number says so.

    An ask sent again before its answer is the same attempt; the same ask after an answer is another payment.
    """
    told = []
    ask: _Ask | None = None
    for each in heard:
        found = each.facts
        if found.is_request:
            if ask is None or ask.answered or ask.digest != each.digest:
                ask = _Ask(each.digest, f"ask at {each.seen_us}", found)
            told.append(replace(found, exchange=ask.exchange))
        elif ask is not None:
            ask.answered = True
            told.append(
                replace(found, exchange=ask.exchange, operation=ask.facts.operation, txn_type=ask.facts.txn_type)
            )
        else:
            told.append(replace(found, exchange=f"answer at {each.seen_us}"))
    return told


def describe(profile: Profile, frame: bytes) -> Described:
    """What a frame says, value by value, masked; never raises for bad bytes."""
    record = read(frame, profile.name, profile.link.envelope)
    safe, _, masked = _overwrite(record, frame)
    rows = {}
    for item in record.items:
        shown = bytes(safe[item.start : item.end]).decode("latin-1") if item.value is not None else None
        names = (item.name, *TITLES.get(item.name, UNKNOWN))
        sure = profile.confidence if item.name in TITLES else "assumed"
        rows[item.key] = row(names, shown, item.start, item.end - item.start, sure)
    del masked
    error = record.error.as_dict() if record.error is not None else None
    whole = profile.link.envelope == "tags" or frame[:1] == bytes((STX,))
    told = of_record(record) if record.form else None
    return Described(
        said={
            "profile": profile.name,
            "protocol": profile.dialect,
            "mti": record.form or None,
            "operation": told.operation if told else None,
            "envelope": {
                "kind": profile.link.envelope if whole else "none",
                "tpdu": None,
                "header": None,
                "missing": [] if whole or not record.form else [profile.link.envelope],
            },
            "fields": rows,
            "error": {key: error[key] for key in ERROR_KEYS} if error else None,
            "confidence": profile.confidence,
        },
        error=record.error,
        direction="" if told is None else "request" if told.is_request else "answer",
    )


DIALECT = Dialect(
    name="concert",
    envelopes=("stx-etx", "tags"),
    deframer=deframer,
    secure=secure,
    facts=facts,
    describe=describe,
    follow=follow,
    talk=talk,
)

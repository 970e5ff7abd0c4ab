"""Fixed records as a value: safe records, facts, order and words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from protocols import sweep
from protocols.codecs import gbk_text
from protocols.describe import ERROR_KEYS, row
from protocols.dialect import Described, Dialect, Heard, Secured
from protocols.facts import Facts, mask_pan
from protocols.fixed_record.link import deframer
from protocols.fixed_record.record import Item, Record, read
from protocols.fixed_record.session import CLOSING, SESSIONS
from protocols.fixed_record.terminal import Terminal
from protocols.fixed_record.words import REPRINT, TYPES, UNKNOWN
from protocols.mis import order
from protocols.profile import Profile
from protocols.responses import response_text

_ANSWER = "answer"
_APPROVED = "00"


def secure(profile: Profile, frame: bytes) -> Secured:
    """The card number keeps its first six and last four digits, a payment code goes, texts are searched.

    Raises:
        FrameError: no record has this length.
        DecodeError: a field holds what it cannot hold, so that nobody knows what stands where.
    """
    record = read(frame, profile.name)
    if record.broken is not None:
        raise record.broken
    safe, card, masked = _overwrite(record)
    return Secured(safe, card, frame, masked)


def _overwrite(record: Record) -> tuple[bytes, str | None, tuple[str, ...]]:
    safe = bytearray(record.data)
    card: str | None = None
    masked = []
    for item in record.items:
        raw = record.data[item.start : item.end]
        done = bytearray(raw)
        if item.field.kind == "card":
            size = len(raw.rstrip(b" "))
            first, last = sweep.hidden(size)
            done[first:last] = b"*" * (last - first)
            number = raw[:size]
            card = number.decode("ascii") if number.isdigit() and size >= sweep.SHORTEST and int(number) else card
        elif item.field.kind == "secret":
            done = bytearray(byte if byte == ord(" ") else ord("*") for byte in raw)
        elif item.field.kind in {"text", "gbk"}:
            for first, last in sweep.in_text(raw):
                done[first:last] = b"*" * (last - first)
        if item.field.kind in {"text", "gbk"} and card is not None:
            for first, last in sweep.known_in_text(bytes(done), card):
                done[first:last] = b"*" * (last - first)
        if done != raw:
            masked.append(item.field.name)
            safe[item.start : item.end] = done
    return bytes(safe), card, tuple(masked)


def facts(profile: Profile, frame: bytes) -> Facts:
    """What a record says by itself: an answer does not say what it answers.

    Raises:
        ProtocolError: it cannot be read.
    """
    record = read(frame, profile.name)
    if record.error is not None:
        raise record.error
    return of_record(record)


def of_record(record: Record) -> Facts:
    """The facts of a record, or of the part of it that could be read."""
    return _request(record) if record.is_request else _answer(record)


def _request(record: Record) -> Facts:
    said = record.values
    number = said.get("type", "")
    kind = TYPES.get(number, UNKNOWN)
    amount, rrn = _number(said.get("amount")), said.get("orig_rrn")
    return Facts(
        mti=number,
        is_request=True,
        kind=kind.kind,
        operation=kind.operation,
        txn_type=kind.txn_type,
        pair={"financial": order.TRANSACTION, "settlement": order.SETTLEMENT}.get(kind.kind, number),
        exchange=_echo(said.get("lrc")),
        amount_fen=amount if kind.kind == "financial" else None,
        operator_no=said.get("operator"),
        orig_stan=_number(said.get("orig_voucher")) or None,
        orig_mmdd=_mmdd(said.get("orig_date")),
        orig_rrn=rrn if rrn and rrn.strip("0") else None,
    )


def _answer(record: Record) -> Facts:
    said = record.values
    code = said.get("code")
    stan, amount = _number(said.get("voucher")), _number(said.get("amount"))
    date, time = said.get("date"), said.get("time")
    transaction = bool(stan) and amount is not None
    number = said.get("card_number")
    found = Facts(
        mti=_ANSWER,
        is_request=False,
        kind="financial" if transaction else "event",
        operation="TRANSACTION" if transaction else "ANSWER",
        pair=order.TRANSACTION if transaction else _ANSWER,
        exchange=_echo(said.get("lrc")),
        terminal_id=said.get("terminal_id"),
        merchant_id=said.get("merchant_id"),
        batch_no=_number(said.get("batch")),
        stan=stan or None,
        amount_fen=amount,
        pan_masked=mask_pan(number) if number else None,
        host_time=(date, time) if date or time else None,
        settlement_mmdd=said.get("settlement_date"),
        rrn=said.get("rrn"),
        auth_code=said.get("auth_code"),
        response_code=code,
        outcome=None if code is None else "approved" if code == _APPROVED else "declined",
    )
    return replace(found, identity=order.identity(found))


def follow(heard: Sequence[Heard]) -> list[Facts]:
    """See ``protocols.mis.order``; an answer has its request's three digits, and a reprint's tells of a transaction."""
    return order.follow(heard, lambda asked, answer: asked.exchange == answer.exchange, tells=frozenset((REPRINT,)))


def describe(profile: Profile, frame: bytes) -> Described:
    """What a record says, field by field, masked; never raises for bad bytes."""
    record = read(frame, profile.name)
    safe, _, masked = _overwrite(record)
    rows = {item.field.name: _row(profile, item, safe, masked) for item in record.items}
    told = of_record(record) if record.form is not None else None
    error = record.error.as_dict() if record.error is not None else None
    form = record.form.name if record.form is not None else "none"
    return Described(
        said={
            "profile": profile.name,
            "protocol": profile.dialect,
            "mti": told.mti if told else None,
            "operation": told.operation if told else None,
            "envelope": {"kind": form, "tpdu": None, "header": None, "missing": []},
            "fields": rows,
            "error": {key: error[key] for key in ERROR_KEYS} if error else None,
            "confidence": profile.confidence,
        },
        error=record.error,
        direction="" if told is None else "request" if told.is_request else "answer",
        glossary={item.field.name: means for item in record.items if (means := _meaning(item))},
    )


def _row(profile: Profile, item: Item, safe: bytes, masked: tuple[str, ...]) -> dict[str, Any]:
    value = item.value
    if item.field.name in masked and value is not None:
        value = gbk_text(safe[item.start : item.end]).rstrip()
    names = (item.field.name, item.field.zh, item.field.en)
    return row(names, value, item.start, item.end - item.start, profile.confidence)


def _meaning(item: Item) -> str:
    """What a type or a code says, in both languages."""
    if item.field.name == "type" and item.value in TYPES:
        kind = TYPES[item.value]
        return f"{kind.zh}, {kind.en}"
    if item.field.name == "code" and item.value:
        return f"{response_text(item.value, 'zh-CN')}, {response_text(item.value, 'en')}"
    return ""


def _echo(lrc: str | None) -> str | None:
    return None if lrc is None else f"lrc {lrc}"


def _mmdd(date: str | None) -> str | None:
    return date[4:] if date and date.strip("0") else None


def _number(digits: str | None) -> int | None:
    return int(digits) if digits and digits.isdigit() else None


DIALECT = Dialect(
    name="fixed-record",
    envelopes=("record",),
    deframer=deframer,
    secure=secure,
    facts=facts,
    describe=describe,
    follow=follow,
    questions=SESSIONS,
    closing=CLOSING,
    terminal=Terminal,
)

"""What a message of the link means: one by itself; the order is told by ``protocols.mis.order``.

A message with a type and no word that only a terminal knows is the till's request, any other
the terminal's answer. The answer of a query or a reprint has the type of what it tells of.
A host's message that passes through (type 17) is no row: the answer says the same again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from protocols.dialect import Heard
from protocols.facts import Facts, mask_pan
from protocols.mis import order
from protocols.mis_9f.message import Message, fen, read
from protocols.mis_9f.words import APPROVED_UNPRINTED, QUESTIONS, Type
from protocols.profile import Profile
from protocols.responses import is_approved

_TELLS = frozenset(f"{number:02d}" for number in QUESTIONS)


def facts(profile: Profile, frame: bytes) -> Facts:
    """What a frame says by itself.

    Raises:
        ProtocolError: it cannot be read.
    """
    message = read(profile, frame)
    if message.error is not None:
        raise message.error
    return of_message(message)


def of_message(message: Message) -> Facts:
    """The facts of a message that could be read, or of the part of it that could."""
    said, kind = message.values, message.kind
    mti = f"{message.number or 0:02d}"
    shared = Facts(
        mti=mti,
        is_request=message.is_request,
        kind=kind.kind,
        operation=kind.operation,
        txn_type=kind.txn_type,
        pair=_pair(kind, mti),
        amount_fen=fen(said.get("amount")),
        pan_masked=_pan(said.get("card_number")),
        entry_mode=said.get("entry_mode"),
        operator_no=said.get("operator"),
        orig_stan=_number(said.get("orig_trace")),
    )
    return _request(shared, said) if message.is_request else _answer(shared, said, message.number)


def _pair(kind: Type, mti: str) -> str:
    """An adjustment may have the trace number of what it changes: they are two."""
    if kind.kind == "financial":
        return kind.operation if kind.txn_type == "ADJUST" else order.TRANSACTION
    return order.SETTLEMENT if kind.kind == "settlement" else mti


def _request(shared: Facts, said: Mapping[str, str]) -> Facts:
    """What the till wants: reference number, date and authorisation are those of an earlier transaction."""
    return replace(
        shared,
        orig_rrn=said.get("rrn"),
        orig_mmdd=_mmdd(said.get("date")),
        orig_auth_code=said.get("auth_code"),
    )


def _answer(shared: Facts, said: Mapping[str, str], number: int | None) -> Facts:
    code = said.get("reject_code")
    atc = said.get("atc", "")
    found = replace(
        shared,
        terminal_id=said.get("terminal_id"),
        merchant_id=said.get("merchant_id"),
        batch_no=_number(said.get("batch")),
        stan=_number(said.get("trace")),
        host_time=_clock(said),
        rrn=said.get("rrn"),
        auth_code=said.get("auth_code"),
        response_code=code,
        outcome=_outcome(code),
        aid=said.get("aid"),
        atc=int(atc, 16) if len(atc) == 4 and _is_hex(atc) else None,
    )
    if found.kind == "settlement":
        found = replace(found, total_amount_fen=fen(said.get("total")), amount_fen=None)
    elif number in QUESTIONS and found.stan is not None and found.amount_fen is not None:
        # what it tells of is a transaction whose type it does not say
        found = replace(found, kind="financial", operation="TRANSACTION", pair=order.TRANSACTION)
    return replace(found, identity=order.identity(found))


def follow(heard: Sequence[Heard]) -> list[Facts]:
    """See ``protocols.mis.order``."""
    return order.follow(heard, _belongs, tells=_TELLS)


def _belongs(request: Facts, answer: Facts) -> bool:
    """An answer has its request's type; that of a query or a reprint has any."""
    return request.mti == answer.mti or int(request.mti) in QUESTIONS


def _outcome(code: str | None) -> str | None:
    if code is None:
        return None
    return "approved" if is_approved(code) or code == APPROVED_UNPRINTED else "declined"


def _clock(said: Mapping[str, str]) -> tuple[str | None, str | None] | None:
    date, time = _mmdd(said.get("date")), said.get("time")
    time = time if time is not None and len(time) == 6 else None
    return (date, time) if date or time else None


def _mmdd(date: str | None) -> str | None:
    """Month and day of YYYYMMDD, YYMMDD or MMDD."""
    return date[-4:] if date is not None and len(date) in {4, 6, 8} else None


def _pan(number: str | None) -> str | None:
    return mask_pan(number) if number else None


def _number(digits: str | None) -> int | None:
    return int(digits) if digits and digits.isdigit() else None


def _is_hex(text: str) -> bool:
    return all(character in "0123456789ABCDEFabcdef" for character in text)

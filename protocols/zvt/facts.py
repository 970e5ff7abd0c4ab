"""What ZVT messages mean: one by itself, and a line's messages in their order.

A command says what is wanted; the status information (04 0F) says what became of it,
with trace number, terminal and clock, but not which command it answers: that only
their order tells (``follow``). A status that answers no command that was heard (a
repeated receipt) has the type of what it repeats where it says one: a reversal names
its original (BMP 37), a sale and a refund look alike.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from protocols.dialect import Heard
from protocols.facts import Facts, mask_pan
from protocols.profile import Profile
from protocols.zvt.apdu import Apdu, read
from protocols.zvt.words import COMMANDS, FROM_TERMINAL, MONEY, TOTALS_GROUPS

PAIR = "040F"
STATUS = "STATUS_INFORMATION"
_SETTLEMENT = "0650"
_ENDS = frozenset(("060F", "061E"))
_WAIT = frozenset(("8400", "849C", "849D"))
_OWN_MASK = str.maketrans("EF", "**")


def facts(profile: Profile, frame: bytes) -> Facts:
    """What a frame says by itself.

    Raises:
        ProtocolError: it cannot be read.
    """
    apdu = read(frame, profile.name)
    if apdu.error is not None:
        raise apdu.error
    return of_apdu(apdu)


def of_apdu(apdu: Apdu) -> Facts:
    """The facts of an APDU that could be read, or of the part of it that could."""
    control, said = apdu.control, apdu.fields
    operation = COMMANDS.get(control, ("", ()))[0]
    if control == PAIR:
        return _status(said)
    if control in FROM_TERMINAL or control[:2] in {"80", "84"} or not operation:
        name = operation or {"80": "ACCEPTED", "84": "REFUSED"}.get(control[:2], "VENDOR")
        code = said.get("result") if control == "061E" else control[2:] if control[:2] == "84" else None
        return Facts(mti=control, is_request=False, kind="handshake", operation=name, response_code=code, pair=control)
    if control not in MONEY:
        kind = "settlement" if control == _SETTLEMENT else "event"
        return Facts(mti=control, is_request=True, kind=kind, operation=operation, pair=control)  # type: ignore[arg-type]  # one of the literals
    return Facts(
        mti=control,
        is_request=True,
        kind="financial",
        operation=operation,
        pair=PAIR,
        txn_type=MONEY[control],
        amount_fen=_number(said.get("04")),
        currency=_currency(said),
        pan_masked=_pan(said.get("22")),
        orig_receipt_no=_number(said.get("87")),
    )


def _status(fields: Mapping[str, str]) -> Facts:
    code = fields.get("27", "").upper() or None
    trace = _number(fields.get("0B"))
    original = _number(fields.get("37"))
    groups = _groups(fields)
    found = Facts(
        mti=PAIR,
        is_request=False,
        kind="settlement" if groups else "financial",
        operation="SETTLEMENT" if groups else STATUS,
        pair=_SETTLEMENT if groups else PAIR,
        txn_type="VOID" if original is not None and not groups else None,
        terminal_id=fields.get("29"),
        merchant_id=fields.get("2A", "").strip() or None,
        stan=trace,
        amount_fen=_number(fields.get("04")),
        currency=_currency(fields),
        pan_masked=_pan(fields.get("22") or fields.get("23", "").partition("D")[0] or None),
        host_time=_clock(fields),
        auth_code=fields.get("3B", "").strip() or None,
        response_code=code,
        outcome=None if code is None else "approved" if code == "00" else "declined",
        orig_stan=original,
        aid=_application(fields),
        card_org=fields.get("8B", "").strip() or None,
        receipt_no=_number(fields.get("87")),
        card_totals=json.dumps([each.as_dict() for each in groups], separators=(",", ":")) if groups else None,
        total_count=sum(each.count for each in groups) if groups else None,
        total_amount_fen=sum(each.amount_fen for each in groups) if groups else None,
    )
    return replace(found, identity=_identity(found))


def _identity(found: Facts) -> str | None:
    """What makes two statuses the same report: a repeat may have other bytes around it."""
    if found.stan is None:
        return None
    names = (found.terminal_id, found.stan, found.host_time, found.amount_fen, found.response_code, found.card_totals)
    return hashlib.sha256(repr(names).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class _Group:
    """One card organisation's total."""

    card_org: str
    count: int
    amount_fen: int

    def as_dict(self) -> dict[str, int | str]:
        return {"card_org": self.card_org, "count": self.count, "amount_fen": self.amount_fen}


def _groups(fields: Mapping[str, str]) -> list[_Group]:
    found = []
    for name in TOTALS_GROUPS:
        count, amount = fields.get(f"60.{name}_count"), fields.get(f"60.{name}_total")
        if count is not None and amount is not None:
            found.append(_Group(name, int(count), int(amount)))
    return found


def _application(fields: Mapping[str, str]) -> str | None:
    return next((value for key, value in fields.items() if key.startswith("06.") and key.endswith(".43")), None)


def _clock(fields: Mapping[str, str]) -> tuple[str | None, str | None] | None:
    mmdd = fields.get("0D") or (fields["AA"][2:] if "AA" in fields else None)
    return (mmdd, fields.get("0C")) if mmdd or "0C" in fields else None


def _currency(fields: Mapping[str, str]) -> str | None:
    code = fields.get("49")
    return code[1:] if code else None


def _pan(number: str | None) -> str | None:
    if number is None:
        return None
    digits = number.translate(_OWN_MASK)
    if mask_pan(number):
        return mask_pan(number)
    return digits if "*" in digits and digits[-4:].isdigit() else None


def _number(digits: str | None) -> int | None:
    return int(digits) if digits and digits.isdigit() else None


@dataclass(slots=True)
class _Command:
    """A command that waits for what becomes of it."""

    facts: Facts
    digest: str
    sent: list[int]
    exchange: str
    answered: bool = False
    heard: bool = field(default=False)  # the terminal has said something since


def follow(heard: Sequence[Heard]) -> list[Facts]:
    """The facts of one line's messages of one day, in order, each status tied to its command.

    A status gives its trace number, terminal and clock to its command, so that both meet under
    one key. A command that never got a trace number meets its answers under the time it was sent.
    """
    told = [each.facts for each in heard]
    command: _Command | None = None
    for index, each in enumerate(heard):
        found = each.facts
        if found.is_request:
            if command is not None and not command.heard and command.digest == each.digest:
                command.sent.append(index)  # sent again after a NAK, or for want of an ACK
                told[index] = told[command.sent[0]]
                continue
            command = _Command(found, each.digest, [index], f"{found.mti} at {each.seen_us}")
            told[index] = replace(found, exchange=command.exchange)
        elif found.mti == PAIR:
            told[index] = _answer(command, found, told)
        elif command is not None and (found.mti in _ENDS or (found.mti[:2] == "84" and found.mti not in _WAIT)):
            told[index] = _ended(command, found)
            command = None
        if command is not None:
            command.heard = command.heard or not found.is_request
    return told


def _answer(command: _Command | None, found: Facts, told: list[Facts]) -> Facts:
    """A status: the command's, a settlement's, or a repeated one."""
    money = command is not None and command.facts.kind == "financial"
    if command is None or (found.kind != "settlement" and not money):
        # a repeated receipt, or a command that was not heard; a card that was only read is no transaction
        is_transaction = found.kind == "settlement" or (found.stan is not None and found.amount_fen is not None)
        return found if is_transaction else replace(found, kind="handshake")
    if found.kind == "settlement" and command.facts.kind != "settlement":
        return replace(found, kind="handshake")  # totals asked for between: no settlement
    own_key = found.stan is not None
    asked = command.facts
    for index in command.sent:
        told[index] = replace(
            told[index],
            stan=found.stan,
            terminal_id=found.terminal_id,
            merchant_id=found.merchant_id,
            exchange=None if own_key else command.exchange,
            orig_stan=found.orig_stan,
        )
    command.answered = True
    return replace(
        found,
        operation=asked.operation,
        txn_type=asked.txn_type,
        exchange=None if own_key else command.exchange,
    )


def _ended(command: _Command, found: Facts) -> Facts:
    """A completion, an abort or a refusal: the answer of a command that no status answered."""
    asked = command.facts
    if command.answered or (found.mti == "060F" and asked.kind == "financial"):
        return found  # a completion without a status does not say that money moved
    approved = found.mti == "060F"
    return replace(
        found,
        kind=asked.kind,
        operation=asked.operation,
        txn_type=asked.txn_type,
        pair=asked.pair,
        exchange=command.exchange,
        outcome="approved" if approved else "declined",
        response_code="00" if approved else (found.response_code or "").upper() or None,
    )

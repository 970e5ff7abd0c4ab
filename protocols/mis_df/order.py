"""What only the order of a line's messages tells: whose result a result is, and what a terminal is called.

A result echoes its command's random number. A transaction whose message to the host passed
through this link is told by that message, as on the host's own line; the command and the
result around it, and the same transaction in a list of that day, are then the same thing and
no rows. Its receipt number goes to the message's answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from protocols.dialect import Heard
from protocols.facts import Facts


@dataclass(slots=True)
class _Command:
    """A command that waits for its result."""

    facts: Facts
    digest: str
    exchange: str
    sent: list[int]
    answered: bool = False
    carried: list[int] = field(default_factory=list)  # the host's messages that it led to


def follow(heard: Sequence[Heard]) -> list[Facts]:
    """The facts of one line's messages of one day, in order, each result tied to its command."""
    told = [each.facts for each in heard]
    command: _Command | None = None
    passed: set[str] = set()  # identities of what the host's messages tell
    stans: dict[int, int] = {}  # receipt number -> trace number
    for index, each in enumerate(heard):
        found = each.facts
        if not found.per_line:
            if command is not None and not command.answered and found.kind == "financial" and _leads(command, found):
                command.carried.append(index)
        elif found.kind == "handshake":
            continue
        elif found.is_request:
            if command is not None and not command.answered and command.digest == each.digest:
                command.sent.append(index)  # sent again
                told[index] = told[command.sent[0]]
                continue
            _unanswered(command, told)
            command = _Command(found, each.digest, f"{found.exchange} at {each.seen_us}", [index])
            told[index] = replace(found, exchange=command.exchange, orig_stan=_original(found, stans))
        elif found.exchange is None:
            told[index] = _listed(found, passed, stans)
        else:
            mine = command if command is not None and command.facts.exchange == found.exchange else None
            told[index] = _result(found, mine, told, f"{found.exchange} at {each.seen_us}", stans)
            if told[index].kind == "handshake" and found.identity is not None:
                passed.add(found.identity)
            if found.receipt_no is not None and found.stan is not None:
                stans[found.receipt_no] = found.stan
    _unanswered(command, told)
    return _named(told)


def _leads(command: _Command, found: Facts) -> bool:
    """Whether a message to the host, or its answer, may come of this command."""
    asked = command.facts
    agree = found.amount_fen is None or asked.amount_fen in {None, found.amount_fen}
    return asked.kind == "financial" and agree


def _result(found: Facts, command: _Command | None, told: list[Facts], alone: str, stans: dict[int, int]) -> Facts:
    if command is None:
        return replace(found, exchange=found.identity or alone, orig_stan=_original(found, stans))
    command.answered = True
    asked = command.facts
    if found.kind != "financial":
        return replace(found, exchange=command.exchange, kind=asked.kind, pair=asked.pair, operation=asked.operation)
    messages = [index for index in command.carried if _agrees(told[index], found)]
    if messages:
        for index in command.sent:
            told[index] = replace(told[index], kind="handshake")
        for index in messages:
            told[index] = replace(told[index], receipt_no=found.receipt_no)
        return replace(found, kind="handshake")
    exchange = found.identity or command.exchange
    for index in command.sent:
        told[index] = replace(
            told[index],
            exchange=exchange,
            stan=found.stan,
            batch_no=found.batch_no,
            terminal_id=found.terminal_id,
            merchant_id=found.merchant_id,
        )
    typed = found.txn_type or asked.txn_type
    return replace(found, exchange=exchange, txn_type=typed, orig_stan=_original(found, stans))


def _agrees(sent: Facts, found: Facts) -> bool:
    """Whether a host's message and a result are of the same transaction: trace number, terminal and batch agree."""
    pairs = ((sent.stan, found.stan), (sent.terminal_id, found.terminal_id), (sent.batch_no, found.batch_no))
    return all(one is None or other is None or one == other for one, other in pairs)


def _unanswered(command: _Command | None, told: list[Facts]) -> None:
    """A command whose result never came, but whose message to the host did go out: that message tells of it."""
    if command is not None and not command.answered and command.carried:
        for index in command.sent:
            told[index] = replace(told[index], kind="handshake")


def _listed(found: Facts, passed: set[str], stans: dict[int, int]) -> Facts:
    if found.identity in passed:
        return replace(found, kind="handshake")
    return replace(found, exchange=found.identity, orig_stan=_original(found, stans))


def _original(found: Facts, stans: dict[int, int]) -> int | None:
    """The trace number of what a void refers to by its receipt number, where this line has seen it."""
    if found.orig_stan is not None or found.orig_receipt_no is None:
        return found.orig_stan
    return stans.get(found.orig_receipt_no)


def _named(told: list[Facts]) -> list[Facts]:
    """Terminal and merchant for what leaves them out: as the line's last message before it named them, or its first."""
    name = next(((each.terminal_id, each.merchant_id) for each in told if each.terminal_id), (None, None))
    named = []
    for each in told:
        if each.terminal_id:
            name = (each.terminal_id, each.merchant_id or (name[1] if name[0] == each.terminal_id else None))
            named.append(each)
        elif each.per_line:
            named.append(replace(each, terminal_id=name[0], merchant_id=each.merchant_id or name[1]))
        else:
            named.append(each)
    return named

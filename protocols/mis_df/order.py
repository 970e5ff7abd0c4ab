"""What only the order of a line's messages tells: whose result a result is, and what a terminal is called.

A result echoes its command's random number. A transaction whose message to the host passed
through this link is told by that message, as on the host's own line; the command and the
result around it, and the same transaction in a list of that day, are then the same thing and
no rows. Its receipt number goes to the message's answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from protocols.dialect import Heard
from protocols.facts import Facts


@dataclass(slots=True)
class _Command:
    """A command that waits for its result: where it stands, and how its exchange is called."""

    facts: Facts
    digest: str
    exchange: str
    sent: list[int]
    answered: bool = False


def follow(heard: Sequence[Heard]) -> list[Facts]:
    """The facts of one line's messages of one day, in order, each result tied to its command."""
    line = _Line([each.facts for each in heard])
    for index, each in enumerate(heard):
        found = each.facts
        if not found.per_line:
            line.passes(index)
        elif found.is_request:
            line.asks(index, each)
        elif found.kind != "handshake" and found.exchange is None:
            line.lists(index)
        elif found.kind != "handshake":
            line.answers(index, each.seen_us)
    line.gives_up()
    return _named(line.told)


class _Line:
    """What was said so far.

    Attributes:
        told: every message's facts, those before the one at hand as the order has made them.
    """

    def __init__(self, told: list[Facts]) -> None:
        self.told = told
        self._command: _Command | None = None
        self._passing: list[int] = []  # the host's messages since the last command
        self._passed: set[str] = set()  # identities of transactions that the host's messages tell
        self._stans: dict[int, int] = {}  # receipt number -> trace number

    def passes(self, index: int) -> None:
        """A message to the host, or its answer."""
        if self.told[index].kind == "financial":
            self._passing.append(index)

    def asks(self, index: int, each: Heard) -> None:
        """A command, or the same one sent again."""
        command = self._command
        if command is not None and not command.answered and command.digest == each.digest:
            command.sent.append(index)
            self.told[index] = self.told[command.sent[0]]
            return
        self.gives_up()
        found = each.facts
        self._command = _Command(found, each.digest, f"{found.exchange} at {each.seen_us}", [index])
        self.told[index] = replace(found, exchange=self._command.exchange, orig_stan=self._original(found))

    def gives_up(self) -> None:
        """The command's result never came; where its message to the host went out, that message tells of it."""
        command, passing = self._command, self._passing
        self._command, self._passing = None, []
        if command is None or command.answered:
            return
        if any(_leads(command.facts, self.told[index]) for index in passing):
            self._drop(command)

    def lists(self, index: int) -> None:
        """An item of a list."""
        found = self.told[index]
        if found.identity in self._passed:
            self.told[index] = replace(found, kind="handshake")
        else:
            self.told[index] = replace(found, exchange=found.identity, orig_stan=self._original(found))

    def answers(self, index: int, seen_us: int) -> None:
        """A result: of the command before it when it echoes its number, else of one that was not heard."""
        found = self.told[index]
        command = self._command
        if command is None or command.facts.exchange != found.exchange:
            command = None
        else:
            command.answered = True
        alone = f"{found.exchange} at {seen_us}"
        if found.kind == "financial":
            self.told[index] = self._transaction(found, command, alone)
        elif command is None:
            self.told[index] = replace(found, exchange=alone)
        else:
            asked = command.facts
            self.told[index] = replace(
                found, exchange=command.exchange, kind=asked.kind, pair=asked.pair, operation=asked.operation
            )

    def _transaction(self, found: Facts, command: _Command | None, alone: str) -> Facts:
        if found.receipt_no is not None and found.stan is not None:
            self._stans[found.receipt_no] = found.stan
        messages = [index for index in self._passing if _agree(self.told[index], found, certain=command is None)]
        if messages:
            for index in messages:
                self.told[index] = replace(self.told[index], receipt_no=found.receipt_no)
            if command is not None:
                self._drop(command)
            self._passed.add(found.identity or alone)
            return replace(found, kind="handshake")
        if command is None:
            return replace(found, exchange=found.identity or alone, orig_stan=self._original(found))
        exchange = found.identity or command.exchange
        for index in command.sent:
            self.told[index] = replace(
                self.told[index],
                exchange=exchange,
                stan=found.stan,
                batch_no=found.batch_no,
                terminal_id=found.terminal_id,
                merchant_id=found.merchant_id,
            )
        typed = found.txn_type or command.facts.txn_type
        return replace(found, exchange=exchange, txn_type=typed, orig_stan=self._original(found))

    def _drop(self, command: _Command) -> None:
        for index in command.sent:
            self.told[index] = replace(self.told[index], kind="handshake")

    def _original(self, found: Facts) -> int | None:
        """The trace number of what a void refers to by its receipt number, where this line has seen it."""
        if found.orig_stan is not None or found.orig_receipt_no is None:
            return found.orig_stan
        return self._stans.get(found.orig_receipt_no)


def _leads(asked: Facts, message: Facts) -> bool:
    """Whether a message to the host may come of a command: both move money, and as much of it."""
    return asked.kind == "financial" and (asked.amount_fen is None or message.amount_fen in {None, asked.amount_fen})


def _agree(message: Facts, found: Facts, *, certain: bool) -> bool:
    """Whether a host's message and a result are of one transaction: trace number, terminal and batch do not differ.

    Args:
        message: the host's.
        found: the result.
        certain: the trace number must be stated by both: nothing else ties them.
    """
    if certain and (message.stan is None or found.stan is None):
        return False
    pairs = ((message.stan, found.stan), (message.terminal_id, found.terminal_id), (message.batch_no, found.batch_no))
    return all(one is None or other is None or one == other for one, other in pairs)


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

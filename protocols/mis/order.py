"""What the order on a till's link tells: which answer belongs to which request.

A request names neither terminal nor trace number, and an answer not its request: the till
asks one thing at a time and waits. An answer gives its terminal, batch and trace number to
its request, so that both meet under one key; a query's answer tells of something else, which
has that key already, so that asking again adds nothing.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from protocols.dialect import Heard
from protocols.facts import Facts

TRANSACTION, SETTLEMENT = "transaction", "settlement"
"""What request and answer have in common (``Facts.pair``)."""

Belongs = Callable[[Facts, Facts], bool]
"""(request, answer) -> whether the one can be the other's answer."""


@dataclass(slots=True)
class _Asked:
    """A request that waits for its answer."""

    facts: Facts
    digest: str
    sent: list[int]
    exchange: str
    answer: str | None = None  # the digest of the answer it got


def follow(heard: Sequence[Heard], belongs: Belongs, *, tells: frozenset[str]) -> list[Facts]:
    """One line's messages of one day, in order, each answer tied to its request.

    A request sent again before its answer is one more attempt. An answer sent again is the
    same answer. One that belongs to no request that was heard stands for itself.

    Args:
        heard: the messages.
        belongs: which answers can be which requests'.
        tells: the ``mti`` of requests that ask about something else, which the answer then tells of.
    """
    told = [each.facts for each in heard]
    asked: _Asked | None = None
    for index, each in enumerate(heard):
        found = each.facts
        if found.kind == "handshake":
            continue
        if found.is_request:
            if asked is not None and asked.answer is None and asked.digest == each.digest:
                asked.sent.append(index)
            else:
                asked = _Asked(found, each.digest, [index], f"{found.mti} at {each.seen_us}")
            told[index] = replace(found, exchange=asked.exchange)
        elif asked is not None and belongs(asked.facts, found) and asked.answer in {None, each.digest}:
            asked.answer = each.digest
            _join(told, index, asked, tells=asked.facts.mti in tells)
        else:
            told[index] = _alone(found, each.seen_us)
    return told


def key_of(found: Facts) -> str | None:
    """What names the exchange of an answer, on its terminal or its line; None where it names none."""
    batch = "" if found.batch_no is None else f"batch {found.batch_no} "
    if found.kind == "settlement":
        return batch.strip() or None
    return f"{batch}trace {found.stan}" if found.stan is not None else None


def identity(found: Facts) -> str | None:
    """Equal for reports of the same thing in other bytes: a sale's answer, a query's, a reprint's."""
    key = key_of(found)
    if key is None:
        return None
    amount = found.total_amount_fen if found.kind == "settlement" else found.amount_fen
    said = (found.terminal_id, found.merchant_id, key, found.kind, amount, found.outcome)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:32]


def _join(told: list[Facts], index: int, asked: _Asked, *, tells: bool) -> None:
    found, request = told[index], asked.facts
    key = key_of(found)
    if tells and found.kind != "event" and key is not None:
        told[index] = replace(found, exchange=key)
        return
    found = replace(found, kind=request.kind)
    key = key_of(found)
    exchange = asked.exchange if request.kind == "event" else key or asked.exchange
    for place in asked.sent:
        told[place] = replace(
            request,
            stan=found.stan,
            batch_no=found.batch_no,
            terminal_id=found.terminal_id,
            merchant_id=found.merchant_id,
            exchange=exchange,
        )
    told[index] = replace(
        found,
        pair=request.pair,
        operation=request.operation,
        txn_type=request.txn_type,
        exchange=exchange,
        identity=None if request.kind == "event" else identity(found),
    )


def _alone(found: Facts, seen_us: int) -> Facts:
    """An answer without a request: a transaction it names, or nothing that can be told."""
    return replace(found, exchange=key_of(found) or f"answer at {seen_us}")

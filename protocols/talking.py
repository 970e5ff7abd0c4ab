"""A till and a terminal that talk to each other, sans-io: both ends of a relayed line, for the simulator and for tests.

Where asking is paying nobody but a till may ask; what tillwatch can do there is sit between
the two. A dialect makes both ends from payments (``Dialect.talk``), and says which rows must
be in the tables when they have talked.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from protocols.answering import Machine


@dataclass(frozen=True, slots=True)
class Payment:
    """One thing a till wants.

    Attributes:
        amount: minor units.
        number: the till's own number of it.
        txn_type: SALE or REFUND.
        outcome: what becomes of it; ``unknown``: the terminal never answers.
        card: a whole test number, which the terminal reports.
    """

    amount: int
    number: int
    txn_type: Literal["SALE", "REFUND"] = "SALE"
    outcome: Literal["approved", "declined", "unknown"] = "approved"
    card: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds.

    Attributes:
        pause: without a byte inside a frame, after which it is given up.
        ack: for an ACK; also for what must follow one.
        answer: for the terminal's answer, customer included.
        work: that the terminal takes.
        between: from the end of one payment to the next.
    """

    pause: float = 1.0
    ack: float = 3.0
    answer: float = 90.0
    work: float = 0.0
    between: float = 0.0


class Till(Machine, Protocol):
    """The till's end."""

    @property
    def current(self) -> int:
        """The payment at hand, counted from 0; their number when all are done."""

    @property
    def outcomes(self) -> list[str]:
        """One word for each payment that is over: answered, silent, not acknowledged."""


@dataclass(frozen=True, slots=True)
class Talk:
    """Both ends, and what must be in the tables afterwards.

    Attributes:
        rows: with the columns that are known beforehand.
        repairs: whether the link sends again what was damaged.
        table: which one the rows are of.
        opening: bytes that change nothing on the line: what says them knows by their leaving that somebody reads.
    """

    till: Till
    terminal: Machine
    rows: list[dict[str, Any]]
    repairs: bool
    opening: bytes = b""
    table: str = "transactions"

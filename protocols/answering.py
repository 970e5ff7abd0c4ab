"""Terminals that answer: the far end of a pulled line, sans-io, for the simulator and for tests.

A dialect whose terminals can be asked makes one from a journal (``Dialect.terminal``).
The journal's record is neutral: each dialect writes it as its protocol does, and says
with ``told`` which rows a question must bring into the tables, and with which columns.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Sold:
    """One transaction of a terminal's journal.

    Attributes:
        stan: trace number.
        amount: minor units.
        at: when, with its zone; a protocol without one writes the clock as it is here.
        txn_type: as in the contract: SALE, VOID, REFUND, …
        receipt: receipt number; 0 for none.
        card: as the terminal prints it, stars for what it hides.
        card_org: three letters: CUP, VIS, MCC, JCB, AEX, DCC.
        orig_stan: trace number of what a void takes back.
        orig_rrn: reference number of what a void or refund takes back.
    """

    stan: int
    amount: int
    at: dt.datetime
    txn_type: str = "SALE"
    batch: int = 1
    receipt: int = 0
    card: str = "622200******4771"
    card_org: str = "CUP"
    auth_code: str = ""
    rrn: str = ""
    operator: str = "01"
    orig_stan: int | None = None
    orig_rrn: str = ""


class Machine(Protocol):
    """One end of a line: bytes of the other end go in, bytes to say come out. Times are monotonic seconds."""

    @property
    def due(self) -> float | None:
        """When ``tick`` must be called, if nothing is heard before."""

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes came; what to say."""

    def tick(self, now: float) -> bytes:
        """Time went by; what to say."""


class Answering(Machine, Protocol):
    """A terminal that is asked."""

    def told(self, question: str) -> list[dict[str, Any]]:
        """The rows of ``transactions`` that a question brings out of the journal as it is now (``row``)."""


def row(sold: Sold, terminal_id: str, merchant_id: str, carried: Collection[str], **own: Any) -> dict[str, Any]:
    """What must stand in ``transactions`` of a record.

    Args:
        sold: the record.
        terminal_id: the terminal's number.
        merchant_id: its merchant's.
        carried: the columns that the protocol carries; the others must be null.
        own: columns whose values are the protocol's own.

    Raises:
        KeyError: a column that no record fills is said to be carried.
    """
    filled: dict[str, Any] = {**_filled(sold), "terminal_id": terminal_id, "merchant_id": merchant_id}
    unknown = set(carried) - filled.keys()
    if unknown:
        raise KeyError(*sorted(unknown))
    return {name: value if name in carried else None for name, value in filled.items()} | own


def _filled(sold: Sold) -> Mapping[str, Any]:
    moment = sold.at.astimezone(dt.UTC).isoformat()
    return {
        "stan": sold.stan,
        "batch_no": sold.batch,
        "txn_type": sold.txn_type,
        "amount_fen": sold.amount,
        "receipt_no": sold.receipt or None,
        "pan_masked": sold.card,
        "card_org": sold.card_org,
        "auth_code": sold.auth_code or None,
        "rrn": sold.rrn or None,
        "operator_no": sold.operator,
        "orig_stan": sold.orig_stan,
        "orig_rrn": sold.orig_rrn or None,
        "terminal_dt": moment,
        "host_dt": moment,
        "outcome": "approved",
    }

"""What a terminal keeps of a batch, and the totals it settles with (docs/protocols.md).

Debit: sales and completions; a voided sale stays in debit. Credit: voids and
refunds. RMB: cards of CUP; everything else is foreign.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace

from ingest.simulator.cards import DOMESTIC, Card

RECORDS_PER_UPLOAD = 8
BALANCED, UNBALANCED = "1", "2"


@dataclass(frozen=True, slots=True)
class Entry:
    """One approved exchange of the open batch."""

    side: str  # "debit" or "credit"
    amount: int
    org: str
    stan: int
    card: Card
    entry_mode: str
    chip_data: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts and sums in fen, RMB and foreign apart."""

    rmb_debit_amount: int = 0
    rmb_debit_count: int = 0
    rmb_credit_amount: int = 0
    rmb_credit_count: int = 0
    foreign_debit_amount: int = 0
    foreign_debit_count: int = 0
    foreign_credit_amount: int = 0
    foreign_credit_count: int = 0

    @classmethod
    def of(cls, entries: Iterable[tuple[str, str, int]]) -> "Totals":
        """Sum (side, card organisation, amount) triples."""
        sums = dict.fromkeys((field.name for field in fields(cls)), 0)
        for side, org, amount in entries:
            key = f"{'rmb' if org == DOMESTIC else 'foreign'}_{side}"
            sums[f"{key}_amount"] += amount
            sums[f"{key}_count"] += 1
        return cls(**sums)

    def falsified(self, by: Mapping[str, int]) -> "Totals":
        """These totals with the named ones moved: what a lying terminal reports."""
        return replace(self, **{name: getattr(self, name) + delta for name, delta in by.items()})

    def digits(self, rmb_flag: str = "0", foreign_flag: str = "0") -> str:
        """F48 of a settlement: 62 digits."""
        return self.half("rmb") + rmb_flag + self.half("foreign") + foreign_flag

    def flags(self, other: "Totals") -> tuple[str, str]:
        """The host's flags for a terminal that reports ``other``: RMB and foreign."""
        return (
            BALANCED if self.half("rmb") == other.half("rmb") else UNBALANCED,
            BALANCED if self.half("foreign") == other.half("foreign") else UNBALANCED,
        )

    def half(self, money: str) -> str:
        """30 digits of one money: debit amount 12 and count 3, credit amount 12 and count 3."""
        return "".join(
            f"{getattr(self, f'{money}_{side}_amount'):012d}{getattr(self, f'{money}_{side}_count'):03d}"
            for side in ("debit", "credit")
        )

    @classmethod
    def parse(cls, digits: str) -> "Totals":
        """Read F48 of a settlement back; the flags are left out."""
        values = []
        for start in (0, 31):
            half = digits[start : start + 30]
            values += [int(half[0:12]), int(half[12:15]), int(half[15:27]), int(half[27:30])]
        return cls(*values)


def upload_lists(entries: Iterable[Entry]) -> list[str]:
    """F48 of the magnetic-stripe batch upload: count n2, then up to 8 records of 40 digits each."""
    records = [
        f"{'00' if entry.org == DOMESTIC else '01'}{entry.stan:06d}{entry.card.pan:0>20}{entry.amount:012d}"
        for entry in entries
    ]
    chunks = [records[start : start + RECORDS_PER_UPLOAD] for start in range(0, len(records), RECORDS_PER_UPLOAD)]
    return [f"{len(chunk):02d}{''.join(chunk)}" for chunk in chunks]

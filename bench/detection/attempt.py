"""One attempt, and the kinds of message by which it is made (docs/protocols.md)."""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.detection.host import Posting
from bench.detection.truth import Key, key_of
from ingest.simulator.cards import Card

if TYPE_CHECKING:
    from bench.detection.device import Device

APPROVED = frozenset(("00", "10", "11", "A2", "A4", "A5", "A6"))


@dataclass(frozen=True, slots=True)
class Form:
    """A financial message's fixed values (docs/protocols.md), and its side of the totals."""

    mti: str
    processing: str
    condition: str
    code: str
    side: str = ""
    reversible: bool = True


FORMS = {
    "SALE": Form("0200", "000000", "00", "22", "debit"),
    "QR_SALE": Form("0200", "000000", "00", "22"),
    "VOID": Form("0200", "200000", "00", "23", "credit"),
    "REFUND": Form("0220", "200000", "00", "25", "credit", reversible=False),
    "QR_REFUND": Form("0220", "200000", "00", "25", reversible=False),
    "PREAUTH": Form("0100", "030000", "06", "10"),
    "PREAUTH_VOID": Form("0100", "200000", "06", "11"),
    "COMPLETION": Form("0200", "000000", "06", "20", "debit"),
    "COMPLETION_VOID": Form("0200", "200000", "06", "21", "credit"),
    "OFFLINE_SALE": Form("0220", "000000", "00", "30", "debit", reversible=False),
    "ADJUST": Form("0220", "000000", "00", "34", reversible=False),
    "BALANCE": Form("0200", "310000", "00", "01", reversible=False),
}


@dataclass(slots=True)
class Attempt:
    """One attempt as the clerk knows it."""

    device: "Device"
    kind: str
    batch: int
    stan: int
    amount: int
    card: Card | None
    at: dt.datetime
    entry: str = "chip"
    atc: int | None = None
    order: str = ""
    code: str | None = None
    rrn: str = ""
    auth: str = ""
    of: "Attempt | None" = None
    posting: Posting | None = None
    given_up: bool = False

    @property
    def key(self) -> Key:
        """What a finding's subject has of it."""
        return key_of(self.device.terminal, self.batch, self.stan)

    @property
    def approved(self) -> bool:
        """Whether the terminal printed a slip."""
        return self.code in APPROVED

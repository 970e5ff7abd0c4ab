"""One attempt, and the fields by which a message says it (docs/protocols.md)."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.detection.host import Posting
from bench.detection.truth import Key, key_of
from ingest.simulator.cards import Card
from ingest.simulator.draft import tlv

if TYPE_CHECKING:
    from bench.detection.device import Device

APPROVED = frozenset(("00", "10", "11", "A2", "A4", "A5", "A6"))
ENTRY = {"mag": "02", "chip": "05", "contactless": "07", "manual": "01", "qr": "03"}


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


def clock_fields(at: dt.datetime) -> dict[int, str]:
    """F12 hhmmss and F13 MMDD."""
    return {12: f"{at:%H%M%S}", 13: f"{at:%m%d}"}


def card_fields(attempt: Attempt, *, pin: bool) -> dict[int, str]:
    """How the card was read, and what of it: F2, F22, F23, F35, F55; F59 with the till's order."""
    entry, card = attempt.entry, attempt.card
    mode = f"{ENTRY[entry]}{1 if pin and entry != 'qr' else 2}"
    if card is None:
        return {22: mode, 59: order_field(attempt.order)} if attempt.order else {22: mode}
    if entry == "manual" or attempt.kind == "COMPLETION":
        return {22: mode, 2: card.pan}
    fields = {22: mode, 35: card.track2}
    if entry == "mag":
        return fields | ({59: order_field(attempt.order)} if attempt.order else {})
    fields |= {2: card.pan, 23: "001"}
    if attempt.order:
        del fields[2]  # an order number is told only where F2 is not
        fields[59] = order_field(attempt.order)
    if attempt.atc is not None:
        tags = (
            ("9F26", f"{attempt.atc:08X}{attempt.amount:08X}"[:16]),
            ("9F36", f"{attempt.atc:04X}"),
            ("84", card.aid),
        )
        fields[55] = tlv(tags)
    return fields


def original_fields(attempt: Attempt, told: Mapping[str, Any]) -> dict[int, str]:
    """How a message names what it takes back or completes: field 61, reference and authorisation code.

    Args:
        attempt: the message's; ``of`` is its original.
        told: what it says in place of the truth: ``batch``, ``stan``, ``date``, ``rrn``, ``auth``.
    """
    fields: dict[int, str] = {}
    original = attempt.of
    batch = told.get("batch", original.batch if original else None)
    stan = told.get("stan", original.stan if original else None)
    if batch is not None and stan is not None:
        dated = attempt.kind in ("REFUND", "QR_REFUND", "COMPLETION", "PREAUTH_VOID", "COMPLETION_VOID")
        day = told.get("date", original.at.date() if original else None)
        fields[61] = f"{batch:06d}{stan:06d}" + (f"{day:%m%d}" if dated and day else "")
    if attempt.kind in ("VOID", "REFUND", "QR_REFUND") and (rrn := told.get("rrn", original.rrn if original else "")):
        fields[37] = rrn
    auth = told.get("auth", original.auth if original else "")
    if auth and attempt.kind not in ("REFUND", "QR_REFUND", "ADJUST"):
        fields[38] = auth
    return fields


def order_field(order: str) -> str:
    """F59 with an order number."""
    return private_field("A4", order)


def private_field(tag: str, text: str) -> str:
    """F59 with one element."""
    return f"{tag}{len(text):03d}{text}".encode("ascii").hex().upper()

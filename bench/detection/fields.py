"""The fields by which a message says an attempt, as a profile's ``build`` takes them (docs/protocols.md)."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from bench.detection.attempt import APPROVED, FORMS, Attempt, Form
from bench.detection.host import Posting
from ingest.simulator.cards import DOMESTIC
from ingest.simulator.draft import tlv

ENTRY = {"mag": "02", "chip": "05", "contactless": "07", "manual": "01", "qr": "03"}


def request_fields(
    attempt: Attempt, form: Form, clock: Mapping[int, str], *, pin: bool, tip: int, told: Mapping[str, Any]
) -> dict[int, str]:
    """A financial request.

    Args:
        attempt: what is asked for.
        form: of its kind.
        clock: what the terminal's clock says.
        pin: whether the PIN was entered.
        tip: what an adjustment adds, fen.
        told: ``operator``, and what it says otherwise of what it refers to.
    """
    fields = {3: form.processing, 11: f"{attempt.stan:06d}", **clock, 25: form.condition, **_names(attempt)}
    fields |= {49: "156", 60: _f60(attempt, form), 63: f"{told['operator']} "}
    if attempt.kind != "BALANCE":
        fields[4] = f"{attempt.amount:012d}"
    fields |= card_fields(attempt, pin=pin)
    fields |= original_fields(attempt, told)
    if attempt.kind == "ADJUST":
        fields[48] = f"{tip:012d}"
    if attempt.kind == "REFUND":
        fields[63] = DOMESTIC
    return fields


def answer_fields(attempt: Attempt, posting: Posting, code: str, amount: int, at: dt.datetime) -> dict[int, str]:
    """A host's answer to a financial request: its code, the amount in fen, and the host's clock."""
    form = FORMS[attempt.kind]
    fields = {3: form.processing, 4: f"{amount:012d}", 11: f"{attempt.stan:06d}", 25: form.condition, 39: code}
    fields |= {15: f"{posting.day:%m%d}", 37: posting.rrn, **_names(attempt), 49: "156"}
    fields |= {60: _f60(attempt, form), **clock_fields(at)}
    if attempt.card is not None:
        fields |= {2: attempt.card.pan, 63: attempt.card.org}
    if attempt.order and attempt.card is None:
        fields[59] = order_field(attempt.order)
    if code in APPROVED:
        fields[38] = posting.auth
    return fields


def reversal_fields(attempt: Attempt, clock: Mapping[int, str]) -> dict[int, str]:
    """A reversal that the clerk asks for."""
    form = FORMS[attempt.kind]
    fields = {3: form.processing, 4: f"{attempt.amount:012d}", 11: f"{attempt.stan:06d}", 25: form.condition, 39: "06"}
    fields |= {**clock, **_names(attempt), 49: "156", 60: _f60(attempt, form)}
    if attempt.card is not None:
        fields |= {2: attempt.card.pan, 22: "021"}
    return fields


def _names(attempt: Attempt) -> dict[int, str]:
    return {41: attempt.device.terminal, 42: attempt.device.merchant}


def _f60(attempt: Attempt, form: Form) -> str:
    """Message type code, batch, network code and the rest, as a financial message has them."""
    return f"{form.code}{attempt.batch:06d}000600"


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

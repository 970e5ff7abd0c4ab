"""Rows of decoded tables, as plain values: what a test does not say has an innocent default.

`Till` is one terminal that counts its trace numbers; each call makes one attempt, in the
order of the calls, one minute apart unless told otherwise.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ingest.simulator.rehearsal import Rehearsal
from ingest.tables import TABLES, arrow_schema
from protocols.profile import load_profile

if TYPE_CHECKING:
    import pyarrow as pa

ZONE = ZoneInfo("Asia/Shanghai")
MERCHANT = "898320548160001"
OTHER_MERCHANT = "898320548160002"
APPROVED = ("00", "10", "11", "A2", "A4", "A5", "A6")
Row = dict[str, Any]


def moment(text: str) -> dt.datetime:
    """A moment in the merchant's zone: ``"2026-11-21 20:41:07"``."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZONE)


def card(number: int) -> dict[str, str]:
    """A card's token and mask."""
    return {"card_token": f"k1:{number:064x}", "pan_masked": f"622424******{number % 10000:04d}"}


@dataclass
class Till:
    """One terminal."""

    terminal: str = "12345678"
    merchant: str = MERCHANT
    batch: int = 231
    stan: int = 4500
    now: dt.datetime = field(default_factory=lambda: moment("2026-11-21 09:00:00"))
    step: dt.timedelta = dt.timedelta(minutes=1)
    signed_in: bool = True
    line: str = "lane-1"
    attempts: list[Row] = field(default_factory=list)
    settlements: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    signatures: list[Row] = field(default_factory=list)
    rejects: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.signed_in:
            self.event("SIGN_IN")

    def at(self, text: str) -> "Till":
        """Set the clock: ``"20:41:07"`` today, or a whole day and time."""
        self.now = moment(text if "-" in text else f"{self.now.astimezone(ZONE):%Y-%m-%d} {text}")
        return self

    def attempt(self, txn_type: str, amount_fen: int | None = None, **told: Any) -> Row:
        """One attempt of any type; ``code=None`` for one without an answer."""
        stan, when = self._next(told)
        code = told.pop("code", "00")
        host = when if code is not None and not told.pop("no_host_clock", False) else None
        row = _row(
            "transactions",
            {
                "profile": "unionpay",
                "line": self.line,
                "merchant_id": self.merchant,
                "terminal_id": self.terminal,
                "batch_no": self.batch,
                "stan": stan,
                "txn_type": txn_type,
                "amount_fen": amount_fen,
                "currency": "156",
                **card(told.pop("card", 5817)),
                "entry_mode": "051",
                "operator_no": "01",
                "requested_at": when,
                "responded_at": None if code is None else when + dt.timedelta(seconds=2),
                "event_at": host or when,
                "terminal_dt": when,
                "host_dt": host,
                "attempts": 1,
                "rrn": None if code is None else f"{stan or 0:06d}{when.astimezone(ZONE):%H%M%S}",
                "response_code": code,
                "outcome": "unknown" if code is None else "approved" if code in APPROVED else "declined",
                **_days(when),
                **told,
            },
            "transaction_id",
            len(self.attempts),
        )
        self.attempts.append(row)
        return row

    def sale(self, amount_fen: int = 36800, **told: Any) -> Row:
        """A sale."""
        return self.attempt("SALE", amount_fen, **told)

    def reverse(self, original: Row, code: str | None = "00", **told: Any) -> Row:
        """A reversal: it carries its original's trace number."""
        named = {name: original[name] for name in ("batch_no", "stan", "card_token", "pan_masked")}
        told = {**named, "orig_batch_no": named["batch_no"], "orig_stan": named["stan"], "reason_code": "98", **told}
        return self.attempt("REVERSAL", original["amount_fen"], code=code, **told)

    def void(self, original: Row, amount_fen: int | None = None, **told: Any) -> Row:
        """A void: it names batch, trace number and reference of its original."""
        told = {
            "orig_batch_no": original["batch_no"],
            "orig_stan": original["stan"],
            "orig_rrn": original["rrn"],
            "card_token": original["card_token"],
            "pan_masked": original["pan_masked"],
            **told,
        }
        kind = told.pop("kind", "VOID")
        return self.attempt(kind, original["amount_fen"] if amount_fen is None else amount_fen, **told)

    def refund(self, original: Row, amount_fen: int | None = None, **told: Any) -> Row:
        """A refund: it names reference and date of its original."""
        told = {
            "orig_batch_no": original["batch_no"],
            "orig_stan": original["stan"],
            "orig_rrn": original["rrn"],
            "orig_date": original["business_date"],
            "card_token": original["card_token"],
            "pan_masked": original["pan_masked"],
            **told,
        }
        kind = told.pop("kind", "REFUND")
        return self.attempt(kind, original["amount_fen"] if amount_fen is None else amount_fen, **told)

    def event(self, operation: str, **told: Any) -> Row:
        """A message without money."""
        stan, when = self._next(told)
        row = _row(
            "events",
            {
                "profile": "unionpay",
                "line": self.line,
                "merchant_id": self.merchant,
                "terminal_id": self.terminal,
                "operation": operation,
                "batch_no": self.batch,
                "stan": stan,
                "requested_at": when,
                "responded_at": when,
                "event_at": when,
                "response_code": "00",
                "outcome": "approved",
                **_days(when),
                **told,
            },
            "event_id",
            len(self.events),
        )
        self.events.append(row)
        return row

    def settle(self, **told: Any) -> Row:
        """A settlement with true totals, unless told otherwise; the batch number then moves on."""
        stan, when = self._next(told)
        row = _row(
            "settlements",
            {
                "profile": "unionpay",
                "line": self.line,
                "merchant_id": self.merchant,
                "terminal_id": self.terminal,
                "batch_no": self.batch,
                "stan": stan,
                "requested_at": when,
                "responded_at": when,
                "event_at": when,
                "host_dt": when,
                "currency": "156",
                **self.totals(),
                "rmb_flag": "1",
                "foreign_flag": "1",
                "response_code": "00",
                "outcome": "approved",
                **_days(when),
                **told,
            },
            "settlement_id",
            len(self.settlements),
        )
        self.settlements.append(row)
        self.batch += 1
        return row

    def sign(self, sale: Row, picture: str = "", **told: Any) -> Row:
        """A signature of that sale, sent a moment later: every ``picture`` is another one, all blank ones are alike."""
        drawn = hashlib.sha256((picture or str(sale["transaction_id"])).encode())
        row = _row(
            "signatures",
            {
                **{
                    name: sale[name]
                    for name in ("profile", "line", "merchant_id", "terminal_id", "batch_no", "stan", "rrn")
                },
                "transaction_id": sale["transaction_id"],
                "width": 200,
                "height": 80,
                "sha256": drawn.hexdigest(),
                "phash": drawn.hexdigest()[:16],
                "ink_ratio": 0.05,
                "parts": 1,
                "upload_state": "sent",
                "response_code": "00",
                "requested_at": sale["event_at"],
                "event_at": sale["event_at"] + dt.timedelta(seconds=20),
                **_days(sale["event_at"]),
                **told,
            },
            "signature_id",
            len(self.signatures),
        )
        self.signatures.append(row)
        return row

    def reject(self, kind: str = "frame", **told: Any) -> Row:
        """A record that could not be read, on this terminal's line."""
        row = _row(
            "rejects",
            {
                "segment_id": "s1",
                "seq": len(self.rejects),
                "line": self.line,
                "profile": "unionpay",
                "kind": kind,
                "seen_at": self.now,
                "layer": "field",
                "code": "length",
                **_days(self.now),
                **told,
            },
        )
        self.rejects.append(row)
        return row

    def totals(self) -> dict[str, int]:
        """What a terminal that adds up rightly reports of its open batch."""
        mine = [row for row in self.attempts if row["batch_no"] == self.batch]
        undone = {
            row["stan"] for row in mine if row["txn_type"] == "REVERSAL" and row["response_code"] in ("00", "25", "12")
        }
        sums: dict[str, int] = {}
        for area, foreign in (("rmb", False), ("foreign", True)):
            for side, kinds in (
                ("debit", ("SALE", "COMPLETION", "OFFLINE_SALE")),
                ("credit", ("VOID", "COMPLETION_VOID", "REFUND")),
            ):
                rows = [
                    row["amount_fen"]
                    for row in mine
                    if row["txn_type"] in kinds
                    and row["outcome"] == "approved"
                    and row["stan"] not in undone
                    and (row["card_org"] not in (None, "CUP")) == foreign
                ]
                sums[f"{area}_{side}_amount_fen"] = sum(rows)
                sums[f"{area}_{side}_count"] = len(rows)
        return sums

    def _next(self, told: dict[str, Any]) -> tuple[int, dt.datetime]:
        if "at" in told:
            self.at(told.pop("at"))
        else:
            self.now += self.step
        if "stan" in told:
            return told.pop("stan"), self.now
        self.stan = self.stan % 999999 + 1
        return self.stan, self.now


def tables(*tills: Till) -> dict[str, "pa.Table"]:
    """The tables that hold what these terminals did."""
    import pyarrow as pa

    rows = {
        "transactions": [row for till in tills for row in till.attempts],
        "settlements": [row for till in tills for row in till.settlements],
        "events": [row for till in tills for row in till.events],
        "signatures": [row for till in tills for row in till.signatures],
        "rejects": [row for till in tills for row in till.rejects],
    }
    return {
        name: pa.Table.from_pylist([_typed(row) for row in each], schema=arrow_schema(TABLES[name]))
        for name, each in rows.items()
    }


def _row(table: str, values: Mapping[str, Any], key: str = "", nth: int = 0) -> Row:
    names = [column.name for column in TABLES[table].columns]
    if unknown := set(values) - set(names):
        raise KeyError(f"{table} has no column {sorted(unknown)}")
    row: Row = dict.fromkeys(names) | dict(values)
    if not key:
        return row
    content = f"{table} {row['terminal_id']} {row['batch_no']} {row['stan']} {row['event_at']} {nth}"
    row[key] = row[key] or hashlib.sha256(content.encode()).hexdigest()[:32]
    return row


def _days(when: dt.datetime) -> dict[str, dt.date]:
    day = when.astimezone(ZONE).date()
    return {"business_date": day, "seen_date": day}


def _typed(row: Mapping[str, Any]) -> Row:
    return {name: value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value for name, value in row.items()}


def captures(play: Rehearsal, folder: Path) -> dict[Path, str]:
    """What ears on the lines would have heard: a capture for each line, and its profile."""
    heard: dict[str, tuple[str, list[Row]]] = {}
    for sent in play.heard:
        frame = load_profile(sent.seat.profile).build(sent.draft.mti, sent.draft.fields)
        row = {
            "t": sent.draft.at.isoformat(),
            "line": sent.seat.line,
            "dir": "rx" if sent.is_request else "tx",
            "frame": frame.hex(),
        }
        heard.setdefault(sent.seat.line, (sent.seat.profile, []))[1].append(row)
    files = {}
    for line, (profile, rows) in heard.items():
        file = folder / f"{line}.capture.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        files[file] = profile
    return files


def next_day(till: Till, day: str = "2026-11-22") -> Till:
    """The same shop another day: every day is settled and signs in anew."""
    till.settle()
    till.at(f"{day} 09:00:00").event("SIGN_IN")
    return till

"""A finding: what is wrong, how much it may cost, how sure we are, and what we could not see.

Severity (money and time), certainty (what the data proves) and completeness (what
data was missing) are three different things and are kept apart. A finding is a
value: the same tables and the same rules always give the same findings.
"""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from expectations.money import CNY, Money
from ingest.settings import Settings
from ingest.tables import Lake

Severity = Literal["P1", "P2", "P3", "P4"]
Certainty = Literal["PROVEN", "PROBABLE", "POSSIBLE", "UNVERIFIABLE"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
CERTAINTIES: tuple[Certainty, ...] = get_args(Certainty)

RULES_VERSION = "2026.12.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One attempt, or one settlement, that a finding is about.

    ``txn_type`` is a type of the contract, ``SETTLEMENT`` for a settlement, or None for a
    trace number that was never seen. Amounts are fen; times are aware.
    """

    terminal_id: str
    batch_no: int | None
    stan: int | None
    txn_type: str | None
    requested_at: dt.datetime | None
    amount_fen: int | None
    rrn: str | None
    pan_masked: str | None
    event_at: dt.datetime | None = None
    response_code: str | None = None
    currency: str | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The finding object of the contract; ``subjects[0]`` is the offending one.

    ``ruled_out`` holds codes of `vocabulary.RULED_OUT`; ``completeness`` holds ``missing``
    (codes of `vocabulary.MISSING`) and what else is known of the gap. ``act_by`` is aware.
    """

    finding_id: str
    rule: str
    severity: Severity
    certainty: Certainty
    merchant_id: str
    terminal_id: str
    business_date: dt.date
    amount_at_risk_fen: int
    subjects: tuple[Subject, ...]
    evidence: Mapping[str, Any]
    ruled_out: tuple[str, ...]
    completeness: Mapping[str, Any]
    act_by: dt.datetime | None
    rules_version: str
    decoder_version: str

    @property
    def currency(self) -> str:
        """The currency of its money, an ISO 4217 number: that of the offending transaction; yuan if none says."""
        return next((each.currency for each in self.subjects if each.currency), CNY)

    @property
    def at_risk(self) -> Money:
        """What is at risk, in its currency."""
        return Money.of(self.amount_at_risk_fen, self.currency)

    def as_dict(self) -> dict[str, Any]:
        """The contract's object, in JSON's own types; times are ISO 8601 with their zone."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), default=_plain, ensure_ascii=False))
        return plain

    def to_json(self) -> str:
        """The contract's object on one line."""
        return json.dumps(self.as_dict(), ensure_ascii=False)

    def as_row(self) -> dict[str, Any]:
        """A row of the ``findings`` table: lists and objects as JSON text."""
        row = {name: getattr(self, name) for name in self.__slots__}
        plain = self.as_dict()
        for name in ("subjects", "evidence", "ruled_out", "completeness"):
            row[name] = json.dumps(plain[name], ensure_ascii=False, sort_keys=name != "subjects")
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Finding":
        """The finding that `as_row` wrote."""
        values = {name: row[name] for name in cls.__slots__}
        values["subjects"] = tuple(_subject(each) for each in json.loads(values["subjects"]))
        values["ruled_out"] = tuple(json.loads(values["ruled_out"]))
        values["evidence"] = json.loads(values["evidence"])
        values["completeness"] = json.loads(values["completeness"])
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> "Finding":
        """The finding that `to_json` wrote."""
        plain: dict[str, Any] = json.loads(text)
        plain["business_date"] = dt.date.fromisoformat(plain["business_date"])
        plain["act_by"] = dt.datetime.fromisoformat(plain["act_by"]) if plain["act_by"] else None
        plain["subjects"] = tuple(_subject(each) for each in plain["subjects"])
        plain["ruled_out"] = tuple(plain["ruled_out"])
        return cls(**plain)


def read_findings(source: Settings | Lake, start: dt.date | None = None, end: dt.date | None = None) -> list[Finding]:
    """The stored findings of these business days, both included; none when nothing was checked yet.

    They come in order of business day, merchant, severity and rule.

    Raises:
        LakeError: the table cannot be read.
    """
    lake = source if isinstance(source, Lake) else Lake.of(source.lake)
    bounds = [("business_date", ">=", start)] if start else []
    bounds += [("business_date", "<=", end)] if end else []
    found = [Finding.from_row(row) for row in lake.read("findings", filters=bounds or None).to_pylist()]
    return sorted(
        found, key=lambda each: (each.business_date, each.merchant_id, each.severity, each.rule, each.finding_id)
    )


def _subject(plain: dict[str, Any]) -> Subject:
    for name in ("requested_at", "event_at"):
        if plain[name] is not None:
            plain[name] = dt.datetime.fromisoformat(plain[name])
    return Subject(**plain)


def _plain(value: object) -> str:
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    message = f"a finding cannot hold a {type(value).__name__}"
    raise TypeError(message)

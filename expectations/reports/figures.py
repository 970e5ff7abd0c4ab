"""What a period came to at each merchant, counted from the tables and the book of cases.

Takings are what stands of sales less what stands of refunds, each currency for itself. Fees are of yuan, and held
against the contract only where the settings have one.
"""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from expectations.cases.record import CaseRecord, MoneyBack
from expectations.cases.states import OVER, age_class
from expectations.deposits import DepositProgress, progress
from expectations.findings import Finding
from expectations.mail.timing import DAY
from expectations.money import CNY, Money, total
from expectations.reports.period import Period
from expectations.software import Terminal, versions
from ingest.settings import Settings
from ingest.tables import Lake

if TYPE_CHECKING:
    import pyarrow as pa

SALES = ("SALE", "COMPLETION", "OFFLINE_SALE", "QR_SALE")
REFUNDS = ("REFUND", "QR_REFUND")
AGES = ("0-3", "4-7", "8-15", ">15")
KNOWN_DAYS = 28
"""A merchant that was seen so many days before a period, or in it, is reported on."""


Owned = TypeVar("Owned", CaseRecord, Finding, MoneyBack)
"""What is of one merchant."""


@dataclass(frozen=True, slots=True)
class Fees:
    """What the acquirer's files charge: all of it, and of what a contract tells the fee of both sides."""

    paid_fen: int
    turnover_fen: int
    contract_paid_fen: int
    contract_fen: int


@dataclass(frozen=True, slots=True)
class ShopFigures:
    """One merchant's period.

    Attributes:
        merchant_id: whose it is.
        checked: attempts that were recorded; all are judged where ``unjudged_days`` is 0.
        takings: currency -> local day -> takings in minor units, for every day of the period; yuan are always there.
        seen_days: days with a record.
        numbers_missing: trace numbers that were never seen.
        unjudged_days: days with attempts of which no check has judged any.
        cases: cases that stand and were opened for a day of the period.
        found: money at risk in them.
        recovered: money of this merchant that came back in the period.
        ages: class of age -> open cases now.
        still_open: money at risk in those.
        fees: what was charged; None without an acquirer's file.
        deposits: of this merchant.
        terminals: terminal -> (profile, last day seen).
        software: terminal -> the version that it tells; without those that tell none.
        profiles: profile of terminals -> attempts that were recorded.
    """

    merchant_id: str
    checked: int
    takings: Mapping[str, Mapping[dt.date, int]]
    seen_days: int
    numbers_missing: int
    cases: int
    found: Money
    recovered: Money
    ages: Mapping[str, int]
    still_open: Money
    fees: Fees | None = None
    deposits: tuple[DepositProgress, ...] = ()
    terminals: Mapping[str, tuple[str, dt.date]] = field(default_factory=dict)
    software: Mapping[str, str] = field(default_factory=dict)
    profiles: Mapping[str, int] = field(default_factory=dict)
    unjudged_days: int = 0

    @property
    def completeness(self) -> float | None:
        """The share of trace numbers that was seen; None when nothing was."""
        return self.checked / (self.checked + self.numbers_missing) if self.checked else None

    def as_dict(self) -> dict[str, Any]:
        """The object of ``tillwatch report --json``; what is not of yuan stands in ``foreign``, by currency."""
        plain = asdict(self) | {"completeness": self.completeness}
        for name in ("takings", "found", "recovered", "still_open"):
            del plain[name]
        sums = (self.found, self.recovered, self.still_open)
        currencies = sorted({*self.takings, *(currency for each in sums for currency, _ in each.parts)} - {CNY})
        plain |= self._sums(CNY) | {"foreign": {currency: self._sums(currency) for currency in currencies}}
        plain["terminals"] = {name: [profile, day.isoformat()] for name, (profile, day) in self.terminals.items()}
        for each in plain["deposits"]:
            each |= {name: str(each[name]) for name in ("until", "returned_on") if each[name]}
        return plain

    def _sums(self, currency: str) -> dict[str, Any]:
        return {
            "takings_fen": {day.isoformat(): minor for day, minor in self.takings.get(currency, {}).items()},
            "found_fen": self.found.get(currency),
            "recovered_fen": self.recovered.get(currency),
            "open_fen": self.still_open.get(currency),
        }


def seen_days(lake: Lake, start: dt.date, end: dt.date) -> dict[str, set[dt.date]]:
    """Merchant -> the days with any record of it."""
    found: dict[str, set[dt.date]] = {}
    within = [("business_date", ">=", start), ("business_date", "<=", end)]
    for name in ("transactions", "settlements", "events"):
        rows = lake.read(name, columns=["merchant_id", "business_date"], filters=within)
        for row in rows.group_by(["merchant_id", "business_date"]).aggregate([]).to_pylist():
            if row["merchant_id"]:
                found.setdefault(row["merchant_id"], set()).add(row["business_date"])
    return found


def last_days(lake: Lake, merchants: Collection[str]) -> dict[str, dt.date]:
    """Merchant -> the last day with any attempt of it, however long ago; one that never had any is not named."""
    if not merchants:
        return {}
    rows = lake.read("transactions", columns=["merchant_id", "business_date"],
                     filters=[("merchant_id", "in", sorted(merchants))])  # fmt: skip
    found = rows.group_by("merchant_id").aggregate([("business_date", "max")]).to_pylist()
    return {row["merchant_id"]: row["business_date_max"] for row in found}


def figures(
    settings: Settings,
    lake: Lake,
    records: Collection[CaseRecord],
    findings: Collection[Finding],
    period: Period,
    *,
    money_back: Collection[MoneyBack],
    now: dt.datetime,
) -> dict[str, ShopFigures]:
    """Merchant -> its figures, for every merchant seen in the period or not long before.

    Args:
        settings: zone, contracts, deposits.
        lake: the tables.
        records: every case.
        findings: all that is known.
        period: which days.
        money_back: what came back in all cases, and when.
        now: at which the age of open cases is told.
    """
    days = seen_days(lake, period.start - KNOWN_DAYS * DAY, period.end)
    within = [("business_date", ">=", period.start), ("business_date", "<=", period.end)]
    seen = lake.read(
        "transactions",
        columns=[
            *("transaction_id", "merchant_id", "terminal_id", "profile", "line"),
            *("currency", "business_date", "seen_date"),
        ],
        filters=within,
    )
    takings = _takings(lake, seen, period)
    in_yuan: dict[str, dict[dt.date, int]] = {CNY: {}}  # also where there were none
    checked = Counter(seen["merchant_id"].to_pylist())
    fees = _fees(settings, lake, period)
    terminals, profiles, told = _terminals(seen), _profiles(seen), versions(lake, seen)
    unjudged = _unjudged(lake, seen, period)
    theirs_of, back, missing = _by_merchant(records), _by_merchant(money_back), _numbers_missing(findings, period)
    return {
        merchant_id: ShopFigures(
            merchant_id=merchant_id,
            checked=checked[merchant_id],
            takings={
                currency: {day: taken.get(day, 0) for day in period.days}
                for currency, taken in sorted((in_yuan | takings.get(merchant_id, {})).items())
            },
            seen_days=sum(day >= period.start for day in theirs),
            numbers_missing=missing[merchant_id],
            recovered=total(
                each.amount
                for each in back.get(merchant_id, ())
                if period.start <= each.at.astimezone(settings.zone).date() <= period.end
            ),
            **case_figures(theirs_of.get(merchant_id, ()), period, now),
            fees=fees.get(merchant_id),
            deposits=tuple(
                progress(lake, each, period.end) for each in settings.deposits if each.merchant == merchant_id
            ),
            terminals=(here := terminals.get(merchant_id, {})),
            software={each: version for each in here if (version := told.get(Terminal(merchant_id, each)))},
            profiles=profiles.get(merchant_id, {}),
            unjudged_days=unjudged[merchant_id],
        )
        for merchant_id, theirs in sorted(days.items())
    }


def _unjudged(lake: Lake, seen: "pa.Table", period: Period) -> Counter[str]:
    """Merchant -> days with attempts that have no life cycle yet: no check has looked at them."""
    within = [("business_date", ">=", period.start), ("business_date", "<=", period.end)]
    of_day = ["merchant_id", "business_date"]
    judged = lake.read("life_cycles", columns=of_day, filters=within)
    days = [
        {(row["merchant_id"], row["business_date"]) for row in table.group_by(of_day).aggregate([]).to_pylist()}
        for table in (seen, judged)
    ]
    return Counter(merchant_id for merchant_id, _ in days[0] - days[1] if merchant_id)


def _by_merchant(things: Iterable[Owned]) -> dict[str, list[Owned]]:
    found: dict[str, list[Owned]] = {}
    for each in things:
        found.setdefault(each.merchant_id, []).append(each)
    return found


def _numbers_missing(findings: Iterable[Finding], period: Period) -> Counter[str]:
    """Merchant -> trace numbers of the period that were never seen."""
    found: Counter[str] = Counter()
    for each in findings:
        if each.rule == "stan_gap" and period.start <= each.business_date <= period.end:
            found[each.merchant_id] += int(each.evidence.get("numbers_missing", 0))
    return found


def case_figures(records: Collection[CaseRecord], period: Period, now: dt.datetime) -> dict[str, Any]:
    """What one merchant's cases came to: how many, found, ages, still open."""
    opened = [each for each in records if each.stands and period.start <= each.business_date <= period.end]
    still = [each for each in records if each.stands and each.state not in OVER]
    ages = Counter(age_class(each.age_days(now)) for each in still)
    return {
        "cases": len(opened),
        "found": total(each.at_risk for each in opened),
        "ages": {name: ages[name] for name in AGES},
        "still_open": total(Money.of(max(0, each.amount_fen - each.recovered_fen), each.currency) for each in still),
    }


def _takings(lake: Lake, seen: "pa.Table", period: Period) -> dict[str, dict[str, dict[dt.date, int]]]:
    """Merchant -> currency -> local day -> takings in minor units."""
    columns = ["transaction_id", "merchant_id", "txn_type", "amount_fen", "business_date"]
    filters = [
        ("business_date", ">=", period.start), ("business_date", "<=", period.end),
        ("txn_type", "in", [*SALES, *REFUNDS]), ("live", "==", True),
    ]  # fmt: skip
    sums = (
        lake.read("life_cycles", columns=columns, filters=filters)
        .join(seen.select(["transaction_id", "currency"]), keys="transaction_id", join_type="left outer")
        .group_by(["merchant_id", "currency", "business_date", "txn_type"])
        .aggregate([("amount_fen", "sum")])
    )
    found: dict[str, dict[str, dict[dt.date, int]]] = {}
    for row in sums.to_pylist():
        taken = found.setdefault(row["merchant_id"], {}).setdefault(row["currency"] or CNY, {})
        sign = 1 if row["txn_type"] in SALES else -1
        taken[row["business_date"]] = taken.get(row["business_date"], 0) + sign * (row["amount_fen_sum"] or 0)
    return found


def _terminals(seen: "pa.Table") -> dict[str, dict[str, tuple[str, dt.date]]]:
    grouped = seen.group_by(["merchant_id", "terminal_id", "profile"]).aggregate([("business_date", "max")])
    found: dict[str, dict[str, tuple[str, dt.date]]] = {}
    for row in sorted(grouped.to_pylist(), key=lambda row: row["business_date_max"]):
        if row["merchant_id"] and row["terminal_id"]:
            here = found.setdefault(row["merchant_id"], {})
            here[row["terminal_id"]] = (row["profile"], row["business_date_max"])
    return found


def _profiles(seen: "pa.Table") -> dict[str, dict[str, int]]:
    counted = seen.group_by(["merchant_id", "profile"]).aggregate([("transaction_id", "count")])
    found: dict[str, dict[str, int]] = {}
    for row in sorted(counted.to_pylist(), key=lambda row: row["profile"] or ""):
        if row["merchant_id"] and row["profile"]:
            found.setdefault(row["merchant_id"], {})[row["profile"]] = row["transaction_id_count"]
    return found


def _fees(settings: Settings, lake: Lake, period: Period) -> dict[str, Fees]:
    """What was charged, held against contracts by the same view that the rules use."""
    within = [("business_date", ">=", period.start), ("business_date", "<=", period.end)]
    if lake.read("statement_lines", columns=["line_id"], filters=within).num_rows == 0:
        return {}
    from expectations.lifecycle import link
    from expectations.lifecycle.reading import read_tables
    from expectations.run import shop_of

    linked = link(read_tables(lake, period.start), shop_of(settings), period.start, period.end)
    try:
        rows = linked.execute(
            "SELECT merchant, sum(fee_fen), sum(amount_fen), sum(fee_fen) FILTER (WHERE expected_fen IS NOT NULL), "
            "sum(expected_fen) FROM fee_line WHERE business_date BETWEEN ? AND ? GROUP BY merchant",
            [period.start, period.end],
        ).fetchall()
    finally:
        linked.close()
    return {row[0]: Fees(*(int(each or 0) for each in row[1:])) for row in rows}

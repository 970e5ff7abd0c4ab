"""Everything that a plan of mails is made from, read once."""

import datetime as dt
import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from expectations.cases.book import CaseBook
from expectations.cases.database import database_of
from expectations.cases.kept import kept
from expectations.cases.record import CaseRecord, MoneyBack
from expectations.cases.seen import seen as seen_at
from expectations.cases.states import State
from expectations.findings import Finding
from expectations.mail.cases import Case, group, happened
from expectations.mail.catalogue import behaviours
from expectations.mail.files import absent, waiting
from expectations.mail.history import History
from expectations.mail.ledger import Ledger
from expectations.mail.routes import NO_FACTS, Facts, groups_of
from expectations.mail.storms import Storm, storms
from expectations.mail.timing import DAY, Hours
from ingest.settings import Settings
from ingest.tables import Lake

OPEN: tuple[State, ...] = ("told", "claimed", "promised")


@dataclass(frozen=True)
class World:
    """Findings, cases, ledger, clock and settings at one moment.

    Attributes:
        settings: routes, timing, names.
        now: the decision moment, aware.
        findings: all that the tables hold.
        history: what was sent.
        settled: findings that a person has closed, and that did not become proven since.
        over: findings of cases that the book has as over: they are not told any more.
        numbers: finding_id -> number of its case.
        seen: finding_id -> when it was first seen.
        open_numbers: numbers of cases that were told and are not over.
        surer: number of an open case -> findings that opened it again because they became proven, and when.
        recovered: cases whose money is back, with findings and log.
        money_back: what came back in all cases, and when; read when there are recovered cases.
        facts: what routes ask for.
        late: merchants whose acquirer's file of yesterday is expected and not there.
        kept: findings of open cases that no check finds any more: called to mind, and told to nobody anew.
    """

    settings: Settings
    now: dt.datetime
    findings: tuple[Finding, ...] = ()
    history: History = field(default_factory=lambda: History(()))
    settled: Collection[str] = frozenset()
    over: frozenset[str] = frozenset()
    numbers: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, dt.datetime] = field(default_factory=dict)
    open_numbers: frozenset[str] = frozenset()
    surer: Mapping[str, Mapping[str, dt.datetime]] = field(default_factory=dict)
    recovered: tuple[CaseRecord, ...] = ()
    money_back: tuple[MoneyBack, ...] = ()
    facts: Facts = NO_FACTS
    late: frozenset[str] = frozenset()
    kept: tuple[Finding, ...] = ()

    def knowing(self, history: History) -> "World":
        """The same world with a newer ledger."""
        return replace(self, history=history)

    @functools.cached_property
    def hours(self) -> Hours:
        """The timing of this moment."""
        return Hours(self.settings.alerts.timing, self.settings.zone, self.now, self.seen, self.history.sent, self.late)

    @functools.cached_property
    def cases(self) -> Mapping[str, tuple[Case, ...]]:
        """Merchant -> its cases, with what no check finds any more, closed findings left out."""
        by_merchant: dict[str, list[Finding]] = {}
        for each in (*self.findings, *self.kept):
            if each.finding_id not in self.settled and each.rule in behaviours():
                by_merchant.setdefault(each.merchant_id, []).append(each)
        return {
            merchant_id: tuple(group(theirs, self.now, self.numbers))
            for merchant_id, theirs in sorted(by_merchant.items())
        }

    @functools.cached_property
    def found(self) -> frozenset[str]:
        """Ids of the findings that the tables hold."""
        return frozenset(each.finding_id for each in self.findings)

    @functools.cached_property
    def storms(self) -> list[Storm]:
        """Storms among the cases that stand for themselves and are found now."""
        found = self.found
        standing = [
            case
            for theirs in self.cases.values()
            for case in theirs
            if case.stands_alone and any(each.finding_id in found for each in case.findings)
        ]
        return storms(standing, self.settings.alerts.timing, self.settings.zone)


def look(settings: Settings, lake: Lake, ledger: Ledger, now: dt.datetime, merchant: str | None = None) -> World:
    """Read everything; findings that are in no case yet open or join one.

    Raises:
        CaseError: the database of cases cannot be used.
        LakeError: a table cannot be read.
    """
    findings = known_findings(lake, merchant)
    history = ledger.history(merchant)
    database = database_of(settings)
    book = CaseBook(database, now=lambda: now)
    numbers = book.open_cases(findings).numbers
    book.mark_told({each.finding_id for each in history.told if each.as_case})
    surer = book.surer(merchant)
    yesterday = now.astimezone(settings.zone).date() - DAY
    unfound = kept(database, OPEN, {each.finding_id for each in findings}, merchant)
    recovered = book.cases(state="recovered", merchant=merchant, review=True, whole=True)
    recovered = [each for each in recovered if each.recovered_fen > 0]
    return World(
        settings=settings,
        now=now,
        findings=tuple(findings),
        history=history,
        settled=ledger.settled().difference(*surer.values()),
        over=book.over(merchant),
        numbers={**numbers, **{each.finding_id: number for number, each in unfound}},
        seen=_first_seen(findings, seen_at(database, [each.finding_id for each in findings]), now),
        open_numbers=frozenset(each.number for state in OPEN for each in book.cases(state=state, merchant=merchant)),
        surer=surer,
        recovered=tuple(recovered),
        money_back=tuple(book.money_back()) if recovered else (),
        facts=Facts(groups_of(settings), _brands(settings, lake, [*findings, *(each for _, each in unfound)])),
        late=waiting(settings, absent(settings, lake, [yesterday]), {each.merchant_id for each in findings}),
        kept=tuple(each for _, each in unfound),
    )


def known_findings(lake: Lake, merchant: str | None = None) -> list[Finding]:
    """Every finding of the tables."""
    filters = None if merchant is None else [("merchant_id", "==", merchant)]
    return [Finding.from_row(row) for row in lake.read("findings", filters=filters).to_pylist()]


def _first_seen(
    findings: Collection[Finding], joined: Mapping[str, dt.datetime], now: dt.datetime
) -> dict[str, dt.datetime]:
    """When each finding came into the book; asked for a moment before that, when its last transaction happened."""
    found = {}
    for each in findings:
        at = joined.get(each.finding_id, now)
        if at > now:
            moments = [when for subject in each.subjects if (when := happened(subject)) and when <= now]
            at = max(moments, default=now)
        found[each.finding_id] = at
    return found


def _brands(settings: Settings, lake: Lake, findings: Collection[Finding]) -> dict[str, frozenset[str]]:
    """Terminal -> the profiles it was read with; looked up only when a route asks for brands."""
    if not findings or not any(route.brands for route in settings.alerts.routes):
        return {}
    terminals = sorted({subject.terminal_id for each in findings for subject in each.subjects if subject.terminal_id})
    rows = lake.read("transactions", columns=["terminal_id", "profile"], filters=[("terminal_id", "in", terminals)])
    found: dict[str, set[str]] = {}
    for row in rows.group_by(["terminal_id", "profile"]).aggregate([]).to_pylist():
        found.setdefault(row["terminal_id"], set()).add(row["profile"])
    return {terminal: frozenset(profiles) for terminal, profiles in found.items()}

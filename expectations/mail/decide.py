"""Who is told what, now: one mail for a merchant and a decision moment, the cases inside.

A person is told of a finding once in a language. A case is sent when it holds a finding
that stands on its own and that this person has not been told; what they know already is
shown with it. When one case of a reader is due (`timing`), all that wait for them go along.
What is only POSSIBLE or UNVERIFIABLE never causes a mail: it rides along as a short list to
review, and what is left of it stands in the weekly report. P4 stands only there.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from expectations.findings import Finding
from expectations.mail.cases import Case, group, stands
from expectations.mail.catalogue import LOCALES, Locale, behaviours
from expectations.mail.history import Doubt, Told
from expectations.mail.routes import NO_FACTS, Facts, may_have_evidence, readers_of_case
from expectations.mail.timing import Hours
from ingest.alerting import Route

MOST_REVIEWED = 10
"""Rows of the review list; the rest waits for a later mail (at most 10 rows, best first)."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One mail: a merchant, a decision moment, the same content for everybody named.

    ``with_evidence``: whether all of them may have the dossiers and the letters of complaint.
    """

    merchant_id: str
    locale: Locale
    recipients: tuple[str, ...]
    decided_at: dt.datetime
    cases: tuple[Case, ...]
    review: tuple[Case, ...]
    with_evidence: bool = True

    @property
    def finding_ids(self) -> tuple[str, ...]:
        """The findings told as cases."""
        return tuple(sorted(each.finding_id for case in self.cases for each in case.findings))

    @property
    def review_ids(self) -> tuple[str, ...]:
        """The findings told as rows to review."""
        return tuple(sorted(each.finding_id for case in self.review for each in case.findings))

    @property
    def alert_id(self) -> str:
        """A function of what is said and to whom: the same alert always has the same id."""
        content = [self.merchant_id, self.locale, self.recipients, self.finding_ids, self.review_ids]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]

    @property
    def kind(self) -> str:
        """The gravest severity in it, by which later mails are timed."""
        return min(each.severity for case in self.cases for each in case.findings if stands(each))

    @property
    def is_urgent(self) -> bool:
        """Whether a P1's deadline in it is still ahead."""
        found = (each for case in self.cases for each in case.findings if each.severity == "P1")
        return any(each.act_by is not None and each.act_by > self.decided_at for each in found)

    @property
    def business_date(self) -> dt.date:
        """The newest business day that a case of the mail is about."""
        return max(each.lead.business_date for each in self.cases)


@dataclass(frozen=True, slots=True)
class Held:
    """A case that waits for its time."""

    merchant_id: str
    address: str
    locale: str
    finding_ids: tuple[str, ...]
    until: dt.datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """The mails to send, those that wait, merchants that nobody is named for, rules that there are no words for."""

    alerts: tuple[Alert, ...]
    unrouted: tuple[str, ...]
    unspoken: tuple[str, ...] = ()
    held: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the findings.

    Attributes:
        told: what the ledger says has been told.
        dead: what was given up for whom.
        doubts: mails whose sender died while it handed them over.
        settled: findings that a person has closed (done, two purchases) or whose case is over; they are not told.
        numbers: finding_id -> number of its case.
        facts: what routes may ask for.
    """

    told: frozenset[Told] = frozenset()
    dead: frozenset[Told] = frozenset()
    doubts: tuple[Doubt, ...] = ()
    settled: Collection[str] = frozenset()
    numbers: Mapping[str, str] = field(default_factory=dict)
    facts: Facts = NO_FACTS


def decide(
    findings: Iterable[Finding],
    routes: Iterable[Route],
    now: dt.datetime,
    known: Known | None = None,
    hours: Hours | None = None,
) -> Decision:
    """The mails of this moment.

    Args:
        findings: all that is known; those told already are needed beside the new ones.
        routes: every route that matches a case gets its mail, not only the first.
        now: the decision moment, aware.
        known: what was told, closed and named before; nothing by default.
        hours: when cases leave; at once by default.
    """
    if now.tzinfo is None:
        raise ValueError("the decision moment needs a time zone")
    known = known or Known()
    by_merchant: dict[str, list[Finding]] = {}
    unspoken: set[str] = set()
    for finding in findings:
        if finding.rule not in behaviours():
            unspoken.add(finding.rule)
        elif finding.finding_id not in known.settled:
            by_merchant.setdefault(finding.merchant_id, []).append(finding)
    routes = tuple(routes)
    alerts: list[Alert] = []
    held: list[Held] = []
    unrouted: list[str] = []
    for merchant_id, theirs in sorted(by_merchant.items()):
        cases = group(theirs, now, known.numbers)
        if not any(case.stands_alone for case in cases):
            continue
        desk = _Desk(merchant_id, cases, routes, now=now, known=known, hours=hours)
        if not desk.readers:
            unrouted.append(merchant_id)
        alerts += [*desk.doubtful(theirs), *desk.alerts()]
        held += desk.held
    return Decision(tuple(alerts), tuple(unrouted), tuple(sorted(unspoken)), tuple(held))


class _Desk:
    """One merchant's cases and readers at one moment."""

    def __init__(
        self,
        merchant_id: str,
        cases: list[Case],
        routes: tuple[Route, ...],
        *,
        now: dt.datetime,
        known: Known,
        hours: Hours | None,
    ) -> None:
        self._merchant_id, self._now, self._known, self._hours = merchant_id, now, known, hours
        self._routes = routes
        self._cases = {case.lead.finding_id: case for case in cases}
        self.readers: dict[tuple[Locale, str], list[str]] = {}
        for name, case in self._cases.items():
            for reader in readers_of_case(case, routes, known.facts):
                self.readers.setdefault(reader, []).append(name)
        self.held: list[Held] = []
        self._doubtful: set[Told] = set()

    def doubtful(self, findings: list[Finding]) -> list[Alert]:
        """Mails in doubt once more, word for word of the same cases, so that both have one Message-ID.

        What is in them goes to their readers in no other mail meanwhile; what is new does.
        """
        found = []
        for doubt in self._known.doubts:
            locale = next((each for each in LOCALES if each == doubt.locale), None)
            mine = {*doubt.finding_ids, *doubt.review_ids}
            cases = group((each for each in findings if each.finding_id in mine), self._now, self._known.numbers)
            if doubt.merchant_id != self._merchant_id or locale is None or not cases:
                continue
            named = {
                Told(name, address, locale, as_case=as_case)
                for names, as_case in ((doubt.finding_ids, True), (doubt.review_ids, False))
                for name in names
                for address in doubt.recipients
            }
            if {each for each in named if each.as_case} <= self._known.told:
                continue  # its cases grew, and were told whole meanwhile
            alert = Alert(
                self._merchant_id, locale, doubt.recipients, self._now,
                tuple(each for each in cases if each.lead.finding_id in doubt.finding_ids),
                tuple(each for each in cases if each.lead.finding_id in doubt.review_ids),
                self._may_have_evidence(doubt.recipients),
            )  # fmt: skip
            if alert.alert_id != doubt.alert_id:
                continue  # a finding of it is gone or closed: what is left is told as any other
            waits = [self._waits(case, address, locale) for case in alert.cases for address in doubt.recipients]
            self._doubtful |= named
            if not waits or min(waits) <= self._now:
                found.append(alert)
                continue
            self.held += [
                Held(self._merchant_id, address, locale, alert.finding_ids, min(waits)) for address in doubt.recipients
            ]
        return found

    def alerts(self) -> list[Alert]:
        """Readers who lack the same cases and may have the same attachments share a mail."""
        together: dict[tuple[Locale, tuple[str, ...], tuple[str, ...], bool], list[str]] = {}
        for (locale, address), names in self.readers.items():
            pending = [name for name in names if self._cases[name].stands_alone and self._news(name, address, locale)]
            waits = {name: self._waits(self._cases[name], address, locale) for name in pending}
            if not pending:
                continue
            if min(waits.values()) > self._now:
                ids = [each.finding_id for name in pending for each in self._cases[name].findings]
                self.held.append(Held(self._merchant_id, address, locale, tuple(sorted(ids)), min(waits.values())))
                continue
            review = [
                name for name in names if not self._cases[name].stands_alone and self._news(name, address, locale)
                and self._cases[name].lead.severity != "P4"
            ]  # fmt: skip
            may_have = self._may_have_evidence((address,))
            together.setdefault((locale, tuple(pending), tuple(review[:MOST_REVIEWED]), may_have), []).append(address)
        return [
            Alert(
                merchant_id=self._merchant_id,
                locale=locale,
                recipients=tuple(sorted(addresses)),
                decided_at=self._now,
                cases=tuple(self._cases[name] for name in due),
                review=tuple(self._cases[name] for name in review),
                with_evidence=may_have,
            )
            for (locale, due, review, may_have), addresses in together.items()
        ]

    def _may_have_evidence(self, addresses: Collection[str]) -> bool:
        return may_have_evidence(self._merchant_id, addresses, self._routes, self._known.facts)

    def _waits(self, case: Case, address: str, locale: str) -> dt.datetime:
        if self._hours is None:
            return self._now
        news = [each for each in case.findings if stands(each) and self._is_news(each, case, address, locale)]
        deadline = case.act_by if case.is_open else None
        return self._hours.leaves(news or case.findings, deadline, self._merchant_id, address, locale)

    def _news(self, name: str, address: str, locale: str) -> bool:
        case = self._cases[name]
        return any(self._is_news(each, case, address, locale) for each in case.findings)

    def _is_news(self, finding: Finding, case: Case, address: str, locale: str) -> bool:
        """A finding once shown as a row to review is news again when its case comes to stand on its own."""
        as_case = Told(finding.finding_id, address, locale, as_case=True)
        if any(as_case in each for each in (self._known.told, self._known.dead, self._doubtful)):
            return False
        as_row = Told(finding.finding_id, address, locale, as_case=False)
        return case.stands_alone or not (as_row in self._known.told or as_row in self._doubtful)

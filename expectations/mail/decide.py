"""Who is told what, now: one mail for a merchant and a decision moment, the cases inside.

A person is told of a finding once in a language. A case is sent when it holds a finding
that stands on its own and that this person has not been told; what they know already is
shown with it. What is only POSSIBLE, UNVERIFIABLE or P4 never causes a mail: it rides
along as a short list to review.
"""

import datetime as dt
import fnmatch
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from expectations.findings import Finding
from expectations.mail.cases import Case, group
from expectations.mail.catalogue import Locale, behaviours
from ingest.settings import Route

MOST_REVIEWED = 10
"""Rows of the review list; the rest waits for a later mail (at most 10 rows, best first)."""


@dataclass(frozen=True, slots=True)
class Told:
    """One finding told to one person, as a case or as a row to review."""

    finding_id: str
    address: str
    locale: str
    as_case: bool


@dataclass(frozen=True, slots=True)
class Alert:
    """One mail: a merchant, a decision moment, the same content for everybody named."""

    merchant_id: str
    locale: Locale
    recipients: tuple[str, ...]
    decided_at: dt.datetime
    cases: tuple[Case, ...]
    review: tuple[Case, ...]

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
    def business_date(self) -> dt.date:
        """The newest business day that a case of the mail is about."""
        return max(each.lead.business_date for each in self.cases)


@dataclass(frozen=True, slots=True)
class Decision:
    """The mails to send, the merchants that nobody is named for, the rules that there are no words for."""

    alerts: tuple[Alert, ...]
    unrouted: tuple[str, ...]
    unspoken: tuple[str, ...] = ()


def decide(
    findings: Iterable[Finding],
    routes: Iterable[Route],
    now: dt.datetime,
    *,
    told: Collection[Told] = frozenset(),
    settled: Collection[str] = frozenset(),
    numbers: Mapping[str, str] | None = None,
) -> Decision:
    """The mails of this moment.

    Args:
        findings: all that is known; those told already are needed beside the new ones.
        routes: every route that matches a merchant gets its mail, not only the first.
        now: the decision moment, aware.
        told: what the ledger says has been told.
        settled: findings that a person has closed (done, two purchases); they are not told again.
        numbers: finding_id -> number of its case.
    """
    if now.tzinfo is None:
        raise ValueError("the decision moment needs a time zone")
    by_merchant: dict[str, list[Finding]] = {}
    unspoken: set[str] = set()
    for finding in findings:
        if finding.rule not in behaviours():
            unspoken.add(finding.rule)
        elif finding.finding_id not in settled:
            by_merchant.setdefault(finding.merchant_id, []).append(finding)
    routes = tuple(routes)
    alerts: list[Alert] = []
    unrouted: list[str] = []
    for merchant_id, theirs in sorted(by_merchant.items()):
        cases = group(theirs, now, numbers)
        if not any(case.stands_alone for case in cases):
            continue
        readers = readers_of(merchant_id, routes)
        if not readers:
            unrouted.append(merchant_id)
        alerts += _alerts(merchant_id, cases, readers, now, frozenset(told))
    return Decision(tuple(alerts), tuple(unrouted), tuple(sorted(unspoken)))


def readers_of(merchant_id: str, routes: Iterable[Route]) -> list[tuple[Locale, str]]:
    """Everybody who gets a merchant's mails, with their language; a name given twice counts once."""
    found: dict[tuple[Locale, str], None] = {}
    for route in routes:
        if any(fnmatch.fnmatchcase(merchant_id, pattern) for pattern in route.merchants):
            found.update(dict.fromkeys((route.locale, address) for address in route.to))
    return list(found)


def _alerts(
    merchant_id: str,
    cases: list[Case],
    readers: list[tuple[Locale, str]],
    now: dt.datetime,
    told: frozenset[Told],
) -> list[Alert]:
    """Readers who lack the same cases share a mail."""
    content: Mapping[str, Case] = {case.lead.finding_id: case for case in cases}
    together: dict[tuple[Locale, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for locale, address in readers:

        def news(case: Case, *, locale: Locale = locale, address: str = address) -> bool:
            return any(_is_news(each, case, address, locale, told) for each in case.findings)

        due = [name for name, case in content.items() if case.stands_alone and news(case)]
        if due:
            review = [name for name, case in content.items() if not case.stands_alone and news(case)]
            together.setdefault((locale, tuple(due), tuple(review[:MOST_REVIEWED])), []).append(address)
    return [
        Alert(
            merchant_id=merchant_id,
            locale=locale,
            recipients=tuple(sorted(addresses)),
            decided_at=now,
            cases=tuple(content[name] for name in due),
            review=tuple(content[name] for name in review),
        )
        for (locale, due, review), addresses in together.items()
    ]


def _is_news(finding: Finding, case: Case, address: str, locale: str, told: frozenset[Told]) -> bool:
    """A finding once shown as a row to review is news again when its case comes to stand on its own."""
    as_case = Told(finding.finding_id, address, locale, as_case=True)
    if as_case in told:
        return False
    return case.stands_alone or Told(finding.finding_id, address, locale, as_case=False) not in told

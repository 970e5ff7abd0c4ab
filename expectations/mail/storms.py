"""Storms: so many cases of one rule in one hour at so many merchants that the fault is the acquirer's.

Then operations get one mail with every case's identifiers, and each merchant one short notice in
the place of many mails. Hours are those of the transactions, not of the check: a week's findings
that come at once are no storm. A finding without a moment counts at its day's beginning.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from expectations.findings import Finding
from expectations.mail.cases import Case, happened
from expectations.money import Money, total
from ingest.alerting import Timing

WINDOW = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Storm:
    """One rule's cases of one local day.

    Attributes:
        rule: the rule.
        day: the local day it began on.
        cases: the oldest first.
    """

    rule: str
    day: dt.date
    cases: tuple[Case, ...]

    @property
    def name(self) -> str:
        """Under which the ledger keeps it."""
        return f"storm:{self.rule}:{self.day}"

    @property
    def merchants(self) -> tuple[str, ...]:
        """Whom it hits."""
        return tuple(sorted({each.lead.merchant_id for each in self.cases}))

    @property
    def at_risk(self) -> Money:
        """What is at risk in all of it."""
        return total(each.at_risk for each in self.cases)

    def of(self, merchant_id: str) -> tuple[Case, ...]:
        """One merchant's cases of it."""
        return tuple(each for each in self.cases if each.lead.merchant_id == merchant_id)


def storms(cases: Iterable[Case], timing: Timing, zone: ZoneInfo) -> list[Storm]:
    """The storms among these cases of all merchants, by day and rule."""
    by_rule: dict[str, list[tuple[dt.datetime, Case]]] = {}
    for case in cases:
        by_rule.setdefault(case.lead.rule, []).append((_moment(case.lead, zone), case))
    found: dict[tuple[dt.date, str], list[Case]] = {}
    for rule, theirs in by_rule.items():
        theirs.sort(key=lambda each: (each[0], each[1].lead.finding_id))
        for first, last in _windows(theirs, timing):
            for moment, case in theirs[first : last + 1]:
                day = moment.astimezone(zone).date()
                held = found.setdefault((day, rule), [])
                if case not in held:
                    held.append(case)
    return [Storm(rule, day, tuple(cases)) for (day, rule), cases in sorted(found.items())]


def _windows(theirs: Sequence[tuple[dt.datetime, Case]], timing: Timing) -> list[tuple[int, int]]:
    """Every widest stretch of at most an hour with enough cases at enough merchants: its first and last place."""
    found, first = [], 0
    for last, (moment, _) in enumerate(theirs):
        while moment - theirs[first][0] >= WINDOW:
            first += 1
        inside = theirs[first : last + 1]
        if len(inside) > timing.storm_cases:
            merchants = {case.lead.merchant_id for _, case in inside}
            if len(merchants) >= timing.storm_merchants:
                found.append((first, last))
    return found


def _moment(finding: Finding, zone: ZoneInfo) -> dt.datetime:
    accused = finding.subjects[0] if finding.subjects else None
    when = happened(accused) if accused is not None else None
    return when or dt.datetime.combine(finding.business_date, dt.time(), zone)

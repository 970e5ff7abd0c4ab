"""Cases: findings about the same money, told as one thing.

Two findings meet when they share a transaction (a retry and its lost reversal, a refund
given twice and to another card). Findings about a whole batch meet only when they accuse
the same settlement or gap: a gap must not glue a day's cases together.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from expectations.findings import CERTAINTIES, SEVERITIES, Finding, Subject
from expectations.mail.catalogue import behaviours
from expectations.money import Money, total
from protocols.responses import is_approved

DEBITS = frozenset({"SALE", "COMPLETION", "OFFLINE_SALE", "QR_SALE", "ADJUST"})
SubjectKey: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """Findings about the same money; ``findings[0]`` leads: it gives the title and the advice.

    Attributes:
        findings: the leading one first.
        at_risk: what is at risk, each debit or refund counted once.
        act_by: the nearest deadline still ahead at the decision, else the latest one past, else None.
        is_open: whether that deadline is ahead.
        number: what a person quotes, as the database of cases gave it; empty when it gave none.
    """

    findings: tuple[Finding, ...]
    at_risk: Money
    act_by: dt.datetime | None
    is_open: bool
    number: str = ""

    @property
    def lead(self) -> Finding:
        """The finding that gives the case its title."""
        return self.findings[0]

    @property
    def currency(self) -> str:
        """The leading finding's, an ISO 4217 number."""
        return self.lead.currency

    @property
    def amount_fen(self) -> int:
        """What is at risk in the leading finding's currency, in its minor units."""
        return self.at_risk.get(self.currency)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Every transaction of the case once, oldest first; one without a time stands where its number would."""
        seen = {subject_key(each): each for finding in reversed(self.findings) for each in finding.subjects}
        timed = sorted((each for each in seen.values() if happened(each)), key=_age)
        for unseen in sorted((each for each in seen.values() if not happened(each)), key=_age):
            later = (i for i, each in enumerate(timed) if (each.stan or 0) > (unseen.stan or 0))
            timed.insert(next(later, len(timed)), unseen)
        return tuple(timed)

    @property
    def unknown_outcome(self) -> bool:
        """Whether somebody could still pay twice by acting in haste."""
        return any(behaviours()[each.rule].unknown_outcome for each in self.findings)

    @property
    def asks_duplicate(self) -> bool:
        """Whether the question is: one purchase, or two?"""
        return any(behaviours()[each.rule].duplicate for each in self.findings)

    @property
    def tempts(self) -> bool:
        """Whether reflexes do harm: swiping again, or a refund of one's own beside what bank or acquirer gives back."""
        return self.unknown_outcome or self.asks_duplicate

    @property
    def stands_alone(self) -> bool:
        """Whether the case may be the reason of a mail; POSSIBLE, UNVERIFIABLE and P4 may not."""
        return any(stands(each) for each in self.findings)


def stands(finding: Finding) -> bool:
    """Whether a finding is sure and grave enough to be told on its own."""
    return finding.certainty in {"PROVEN", "PROBABLE"} and finding.severity != "P4"


def group(findings: Iterable[Finding], now: dt.datetime, numbers: Mapping[str, str] | None = None) -> list[Case]:
    """The cases of one merchant, the most pressing first; a finding that came twice counts once.

    Args:
        findings: of one merchant.
        now: the decision moment, aware.
        numbers: finding_id -> number of its case.
    """
    unique = {each.finding_id: each for each in findings}
    ordered = sorted(unique.values(), key=lambda each: each.finding_id)
    parent = list(range(len(ordered)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    holder: dict[SubjectKey, int] = {}
    for index, finding in enumerate(ordered):
        for key in meeting_points(finding):
            parent[root(index)] = root(holder.setdefault(key, index))
    members: dict[int, list[Finding]] = {}
    for index, finding in enumerate(ordered):
        members.setdefault(root(index), []).append(finding)
    return sorted((case_of(each, now, numbers or {}) for each in members.values()), key=_pressing)


def subject_key(subject: Subject) -> SubjectKey:
    """What makes two mentions the same transaction."""
    if subject.transaction_id:
        return (subject.transaction_id,)
    return (
        subject.terminal_id,
        subject.batch_no,
        subject.stan,
        subject.txn_type,
        subject.event_at or subject.requested_at,
        subject.rrn,
    )


def happened(subject: Subject) -> dt.datetime | None:
    """When it happened by the best clock there is."""
    return subject.event_at or subject.requested_at


def unknown_attempt(finding: Finding) -> Subject | None:
    """The attempt whose result is in doubt: rules about an unknown outcome accuse it."""
    if not behaviours()[finding.rule].unknown_outcome or not finding.subjects:
        return None
    return finding.subjects[0]


def approved(subject: Subject) -> bool:
    """Whether the bank said yes."""
    return subject.response_code is not None and is_approved(subject.response_code)


def meeting_points(finding: Finding) -> list[SubjectKey]:
    """What another finding must name too, one of them, to be about the same money."""
    if not finding.subjects:
        return [_agreement(finding)]
    if behaviours()[finding.rule].scope == "batch":
        accused = finding.subjects[:1]
        return [("batch", *subject_key(each)) for each in accused]
    return [subject_key(each) for each in finding.subjects if each.txn_type != "SETTLEMENT"]


def case_of(findings: Sequence[Finding], now: dt.datetime, numbers: Mapping[str, str]) -> Case:
    """One case of all these findings; the gravest leads."""
    ranked = sorted(findings, key=lambda f: (not stands(f), f.severity, behaviours()[f.rule].rank, f.finding_id))
    deadlines = sorted(each.act_by for each in findings if each.act_by is not None)
    ahead = [each for each in deadlines if each > now]
    return Case(
        findings=tuple(ranked),
        at_risk=at_risk(ranked),
        act_by=ahead[0] if ahead else deadlines[-1] if deadlines else None,
        is_open=bool(ahead),
        number=next((numbers[each.finding_id] for each in ranked if each.finding_id in numbers), ""),
    )


def at_risk(findings: Sequence[Finding]) -> Money:
    """Each accused transaction's money once, and each agreement's, however many findings accuse it."""
    found: dict[SubjectKey, Finding] = {}
    for finding in findings:
        key = subject_key(finding.subjects[0]) if finding.subjects else _agreement(finding)
        if key not in found or finding.amount_at_risk_fen > found[key].amount_at_risk_fen:
            found[key] = finding
    return total(each.at_risk for each in found.values())


def _agreement(finding: Finding) -> SubjectKey:
    """What makes two findings that name no transaction the same: one deposit; else each is its own."""
    signed = finding.evidence.get("signed_on")
    what = (finding.terminal_id, finding.amount_at_risk_fen, signed) if signed else (finding.finding_id,)
    return ("agreement", finding.merchant_id, *what)


_FAR = dt.datetime.max.replace(tzinfo=dt.UTC)


def _pressing(case: Case) -> tuple[object, ...]:
    deadline = case.act_by if case.is_open and case.act_by is not None else _FAR
    severity = min(SEVERITIES.index(each.severity) for each in case.findings)
    return (deadline, severity, CERTAINTIES.index(case.lead.certainty), -case.amount_fen, case.lead.finding_id)


def _age(subject: Subject) -> tuple[object, ...]:
    return (happened(subject) or _FAR, subject.stan or 0, subject.txn_type or "")

"""Findings against the truth, case by case, and the figures that come of it."""

import datetime as dt
import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.detection.truth import Case, Key, Truth, key_of
from expectations.findings import Finding

ALERTS = frozenset(("PROVEN", "PROBABLE"))
"""Certainties that accuse; a POSSIBLE finding is for review, an UNVERIFIABLE one says what cannot be seen."""
OF_A_MERCHANT, OF_A_TERMINAL = frozenset(("mcc_mismatch",)), frozenset(("terminal_software_outdated",))
"""Rules of a merchant's number, or of a terminal: whichever record shows it."""
OF_A_LINE = frozenset(("decode_errors", "truncated_file", "unknown_record_type"))
"""Rules of a line's day."""
HINTS = frozenset(("refund_same_day_should_void", "hold_plus_charge_confusion", "dq_duplicate_record"))
"""Rules that help and do not accuse: counted where a play is of them, and nowhere else."""
SHARES = frozenset((
    "void_operator_outlier", "operator_refund_concentration", "velocity_card", "unusual_hours", "key_entered_share",
    "refund_unlinked_or_repeat_card", "card_testing", "terminal_silent", "large_txn_no_slip", "refund_exceeds_takings",
))  # fmt: skip
"""Rules of behaviour: they judge shares of days, which a benchmark that packs faults into few days falsifies. They
are counted at the healthy merchants alone."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with Wilson's 95 % interval."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """The share; not a number of nothing."""
        return self.hits / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval, 95 %."""
        if not self.of:
            return 0.0, 1.0
        z, n, p = 1.959964, self.of, self.hits / self.of
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __add__(self, other: "Share") -> "Share":
        return Share(self.hits + other.hits, self.of + other.of)

    def __str__(self) -> str:
        if not self.of:
            return "-"
        low, high = self.interval
        return f"{self.value:.3f} ({low:.3f}-{high:.3f})"


def nothing() -> Share:
    """None of none."""
    return Share(0, 0)


@dataclass(slots=True)
class RuleCount:
    """What one rule did: faults found and missed, and what it accused wrongly.

    A fault of which a record was lost is counted apart (``lost_found``, ``lost_missed``).
    """

    found: int = 0
    reviewed: int = 0
    missed: int = 0
    wrong: int = 0
    wrong_proven: int = 0
    proven: int = 0
    lost_found: int = 0
    lost_missed: int = 0

    @property
    def recall_of_all(self) -> Share:
        """Of all faults that were done, those whose records were lost among them."""
        return Share(self.found + self.lost_found, self.found + self.missed + self.lost_found + self.lost_missed)

    @property
    def recall(self) -> Share:
        """Of the faults that it must find, those it accused."""
        return Share(self.found, self.found + self.missed)

    @property
    def precision(self) -> Share:
        """Of its accusations, case by case, those that are right."""
        return Share(self.found, self.found + self.wrong)

    def add(self, other: "RuleCount") -> None:
        """Count together."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Weighed(NamedTuple):
    """A pair that the window rule told of: its score, whether it was a fault, and what was said of it."""

    score: int
    right: bool
    certainty: str


@dataclass(slots=True)
class Matched:
    """What came of all findings of one world.

    Attributes:
        rules: by rule.
        negatives: by hard negative, how many were met with silence.
        missed: faults that a rule did not find: rule and case.
        wrong: accusations that no fault explains, each with the case it touches, if any.
        plays: by fault's play and rule, how many were found.
        money: fen of loss that was accused with P1 or P2, of all.
        cause: of the faults accused, those whose gravest finding names the cause itself.
        scores: each pair that the window rule weighed.
        first_fee: of the changes of fees that were told, those whose first transaction is exact.
        healthy_mails: accusations at merchants to whom nothing was done.
        doubled: faults of doubled debits, and whether they were accused; `doubled_wrong` by merchant what was
            accused without one.
        in_time: of the faults that a void puts right, those told 20 min before the clearing cut-off.
    """

    rules: dict[str, RuleCount] = field(default_factory=lambda: defaultdict(RuleCount))
    negatives: dict[int, Share] = field(default_factory=lambda: defaultdict(nothing))
    missed: list[tuple[str, Case]] = field(default_factory=list)
    wrong: list[tuple[Finding, Case | None]] = field(default_factory=list)
    loud: list[tuple[Finding, Case]] = field(default_factory=list)
    plays: dict[tuple[str, str], Share] = field(default_factory=lambda: defaultdict(nothing))
    money: tuple[int, int] = (0, 0)
    cause: Share = field(default_factory=nothing)
    scores: list[Weighed] = field(default_factory=list)
    first_fee: Share = field(default_factory=nothing)
    healthy_mails: int = 0
    doubled: dict[int, bool] = field(default_factory=dict)
    doubled_wrong: Counter[str] = field(default_factory=Counter)
    in_time: Share = field(default_factory=nothing)


DOUBLED = frozenset((
    "dup_stan_resent", "dup_same_atc", "dup_rrn_twice", "dup_card_amount_window", "retry_after_unknown",
    "qr_card_double_pay", "offline_online_double_post",
))  # fmt: skip
"""The rules whose faults are one purchase debited twice."""
SEALED = dt.timedelta(seconds=60)
"""How old a segment grows before it is sealed (``spool.seal_seconds``); half of it in the median."""
HANDLED = dt.timedelta(seconds=90)
"""From a sealed segment to the mail at the latest: to land, check and send."""
DELAY = SEALED + HANDLED
"""From a message to the mail at the latest."""
BEFORE = dt.timedelta(minutes=20)


def match(
    truth: Truth,
    findings: Iterable[Finding],
    healthy: set[str],
    lost: frozenset[Key] = frozenset(),
    *,
    skewed: bool = False,
) -> Matched:
    """Match by causal id: a case counts once however many rows accuse it.

    Args:
        truth: what was done, whether it was recorded or not: an accusation that the world refutes is wrong, even
            where the record that refutes it is among the lost ones.
        findings: what the product says.
        healthy: merchants to whom nothing was done.
        lost: numbers of exchanges that were not recorded. A fault that lacks a record of its own is not among those
            that can be known; that the record is missing is rightly said.
        skewed: every clock was put ahead: that is rightly said as well.
    """
    out = Matched()
    told: dict[tuple[int, str], set[str]] = defaultdict(set)
    worst: dict[int, tuple[str, str]] = {}
    grave: set[int] = set()
    alarmed: set[int] = set()
    wrong_cases: set[tuple[str, int]] = set()
    for each in findings:
        is_hint = each.rule in HINTS and not any(each.rule in truth.cases[n].rules for n in _numbers(truth, each))
        if is_hint or (each.rule in SHARES and each.merchant_id not in healthy):
            continue
        cases = [truth.cases[number] for number in _numbers(truth, each)]
        right = [case for case in cases if case.kind == "fault" and each.rule in case.rules | case.also]
        for case in right:
            told[case.number, each.rule].add(each.certainty)
            rank = (each.severity, "" if each.rule in case.rules else each.rule)
            if each.certainty in ALERTS:
                if each.severity in ("P1", "P2"):
                    grave.add(case.number)
                worst[case.number] = min(worst.get(case.number, ("P9", "x")), rank)
                if each.rule == "fee_rate_step_change":
                    first = each.subjects[0]
                    exact = key_of(first.terminal_id, first.batch_no, first.stan) in case.firsts
                    out.first_fee += Share(int(exact), 1)
        if each.rule == "dup_card_amount_window":
            is_fault = any(each.rule in c.rules for c in right)
            out.scores.append(Weighed(int(each.evidence["duplicate_score"]), is_fault, each.certainty))
        if right or each.certainty not in ALERTS or each.severity == "P4":
            continue
        if any(case.kind == "dropped" or each.rule in case.also for case in cases) or _tells_the_loss(each, lost):
            continue
        if skewed and each.rule == "clock_skew":
            continue
        touched = [case for case in cases if case.kind == "negative" and _watches(case, each.rule)]
        for case in touched:
            alarmed.add(case.number)
            out.loud.append((each, case))
        place = (each.rule, cases[0].number if cases else -1)
        if not cases or place not in wrong_cases:
            wrong_cases.add(place)
            count = out.rules[each.rule]
            count.wrong += 1
            out.doubled_wrong[each.merchant_id] += each.rule in DOUBLED
            count.wrong_proven += each.certainty == "PROVEN"
            out.wrong.append((each, cases[0] if cases else None))
        if each.merchant_id in healthy and each.severity in ("P1", "P2"):
            out.healthy_mails += 1
    for case in truth.cases:
        if _count(out, case, told, alarmed, lost):
            found, whole = out.money
            out.money = found + case.loss_fen * (case.number in grave), whole + case.loss_fen
        if case.number in worst:
            out.cause += Share(int(worst[case.number][1] == ""), 1)
    return out


def _count(
    out: Matched, case: Case, told: dict[tuple[int, str], set[str]], alarmed: set[int], lost: frozenset[Key]
) -> bool:
    """Count a case; whether it is a fault of which all was recorded."""
    if not case.keys or case.kind == "dropped":
        return False
    if case.kind == "negative":
        out.negatives[case.negative] += Share(int(case.number not in alarmed), 1)
        return False
    unknown = not _of_statements(case) and not lost.isdisjoint(case.keys)
    for rule in sorted(case.rules):
        certainties = told[case.number, rule]
        found = bool(certainties & ALERTS)
        count = out.rules[rule]
        if unknown:
            count.lost_found += found
            count.lost_missed += not found
            continue
        count.found += found
        count.missed += not found
        count.reviewed += not found and "POSSIBLE" in certainties
        count.proven += "PROVEN" in certainties
        out.plays[case.name, rule] += Share(int(found), 1)
        if not found:
            out.missed.append((rule, case))
    if unknown:
        return False
    if case.rules & DOUBLED:
        out.doubled[case.number] = any(told[case.number, rule] & ALERTS for rule in DOUBLED)
    if case.voidable_until is not None and case.at is not None:
        found = any(told[case.number, rule] & ALERTS for rule in case.rules)
        out.in_time += Share(int(found and case.at + DELAY + BEFORE <= case.voidable_until), 1)
    return True


def _watches(case: Case, rule: str) -> bool:
    """A negative of fees says something of those rules alone, as it is made of ordinary sales."""
    return rule.startswith("fee_") or not _of_statements(case)


def _of_statements(case: Case) -> bool:
    """Whether the acquirer's files alone tell of it."""
    return case.name.startswith("fee_")


def _tells_the_loss(finding: Finding, lost: frozenset[Key]) -> bool:
    """Whether it says no more than that a record is missing, and one is: a gap, or a debit that stands in one (P3)."""
    if finding.rule == "stan_gap":
        first, last = int(finding.evidence["first_stan"]), int(finding.evidence["last_stan"])
        run = range((last - first) % 999_999 + 1)
        numbers = ((first + step - 1) % 999_999 + 1 for step in run)
        return any(key_of(finding.terminal_id, finding.evidence["batch_no"], each) in lost for each in numbers)
    if finding.rule == "missing_in_terminal" and finding.severity == "P3":
        return any(key_of(each.terminal_id, each.batch_no, each.stan) in lost for each in finding.subjects)
    return False


def _numbers(truth: Truth, finding: Finding) -> list[int]:
    keys: list[Key] = [] if finding.subjects else [("deposit", finding.merchant_id)]
    if finding.rule in OF_A_MERCHANT:
        keys.append((finding.rule, finding.merchant_id))
    if finding.rule in OF_A_TERMINAL:
        keys.append((finding.rule, finding.terminal_id))
    if finding.rule in OF_A_LINE:
        keys.append(("line", finding.terminal_id, f"{finding.business_date}"))
    for subject in finding.subjects:
        if subject.txn_type == "PAYOUT":
            keys.append(("payout", subject.rrn or ""))
        elif subject.txn_type == "PROFIT":
            keys.append(("profit", subject.rrn or ""))
        else:
            keys.append(key_of(subject.terminal_id, subject.batch_no, subject.stan))
    return list(dict.fromkeys(number for key in keys for number in truth.by_key.get(key, ())))


def certainty_of(matched: Matched) -> Share:
    """Of the accusations that are called proven, those that are wrong."""
    wrong = sum(count.wrong_proven for count in matched.rules.values())
    return Share(wrong, wrong + sum(count.proven for count in matched.rules.values()))


def worst_rules(matched: Matched) -> Counter[tuple[str, str]]:
    """Which plays the wrong accusations come from: what to look at first."""
    return Counter((finding.rule, case.name if case else "ordinary trade") for finding, case in matched.wrong)

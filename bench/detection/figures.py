"""What the worlds of one split come to together, and how far a score can be believed."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bench.detection.baselines import Score
from bench.detection.dossiers import Dossiers
from bench.detection.match import RuleCount, Share, Weighed, nothing
from bench.detection.outcome import Order, Outcome
from bench.detection.overlap import Overlap

WINDOW = "dup_card_amount_window"
BASE_RATES = (20, 200, 2000)
BINS = (45, 55, 65, 70, 80, 95)
"""Edges of the score's bins."""


@dataclass(slots=True)
class Total:
    """Several worlds."""

    rules: dict[str, RuleCount] = field(default_factory=lambda: defaultdict(RuleCount))
    negatives: dict[int, Share] = field(default_factory=lambda: defaultdict(nothing))
    plays: dict[tuple[str, str], Share] = field(default_factory=lambda: defaultdict(nothing))
    by_merchant: dict[str, list[Score]] = field(default_factory=lambda: defaultdict(list))
    """Of each way beside others, and of ours, what it did at each merchant; merchants in one order."""
    scores: list[Weighed] = field(default_factory=list)
    money: tuple[int, int] = (0, 0)
    cause: Share = field(default_factory=nothing)
    first_fee: Share = field(default_factory=nothing)
    in_time: Share = field(default_factory=nothing)
    healthy_mails: int = 0
    merchant_weeks: float = 0.0
    sales: int = 0
    attempts: int = 0
    frames: int = 0
    rejects: int = 0
    worlds: int = 0
    could_not_run: set[str] = field(default_factory=set)
    wrong: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    overlap: Overlap = field(default_factory=Overlap)
    dossiers: Dossiers = field(default_factory=Dossiers)

    @property
    def baselines(self) -> dict[str, Score]:
        """Each way at all merchants together."""
        return {name: sum(scores, Score()) for name, scores in self.by_merchant.items()}

    @property
    def proven(self) -> RuleCount:
        """All rules whose accusations are proven ones, together."""
        whole = RuleCount()
        for rule, count in self.rules.items():
            if rule in PROVEN_RULES:
                whole.add(count)
        return whole

    @property
    def proven_wrong(self) -> Share:
        """Of all accusations that are called proven, the wrong ones."""
        wrong = sum(count.wrong_proven for count in self.rules.values())
        return Share(wrong, wrong + sum(count.proven for count in self.rules.values()))

    def precision_at(self, rule: str, ppm: int) -> float:
        """A rule's precision where so many sales in a million bear its fault, by what it accuses wrongly here."""
        count = self.rules[rule]
        hits, wrong = ppm * count.recall.value, 1e6 * count.wrong / max(1, self.sales)
        return hits / (hits + wrong) if hits + wrong else math.nan


PROVEN_RULES = frozenset((
    "dup_stan_resent", "dup_same_atc", "dup_rrn_twice", "reversal_exhausted", "offline_online_double_post",
    "dup_completion", "host_approved_terminal_failed", "retry_after_unknown", "void_no_original",
    "void_amount_mismatch", "double_void", "void_card_mismatch",
    "void_not_effective", "refund_over_original", "refund_cumulative_over",
    "dup_refund", "refund_other_card", "refund_other_merchant", "refund_of_voided", "refund_of_reversed",
    "completion_over_115", "preauth_void_after_completion", "completion_void_amount", "missing_in_acquirer",
    "missing_in_terminal", "amount_differs", "settled_but_declined", "payout_short", "payout_failed_or_returned",
    "fee_rate_step_change", "fee_debit_cap_missed", "fee_fixed_surcharge", "fee_not_returned_on_void",
    "sig_reused_exact", "deposit_double_charged", "deposit_due_not_returned",
))  # fmt: skip
"""Rules of severity P1 whose findings are proven when nothing is missing."""


def total(outcomes: Iterable[Outcome]) -> Total:
    """Worlds together; no two share a merchant, though some share a number of one."""
    out = Total()
    for each in outcomes:
        matched = each.matched
        for rule, count in matched.rules.items():
            out.rules[rule].add(count)
        for number, share in matched.negatives.items():
            out.negatives[number] += share
        for play, share in matched.plays.items():
            out.plays[play] += share
        for name, scores in each.baselines.items():
            out.by_merchant[name] += [scores[merchant] for merchant in sorted(scores)]
        out.overlap += each.overlap
        out.dossiers += each.dossiers
        out.scores += matched.scores
        out.money = out.money[0] + matched.money[0], out.money[1] + matched.money[1]
        out.cause += matched.cause
        out.first_fee += matched.first_fee
        out.in_time += matched.in_time
        out.healthy_mails += matched.healthy_mails
        out.merchant_weeks += each.merchant_weeks
        out.sales += each.sales
        out.attempts += each.attempts
        out.frames += each.frames
        out.rejects += each.rejects
        out.worlds += 1
        out.could_not_run |= set(each.could_not_run)
        for finding, case in matched.wrong:
            out.wrong[finding.rule, case.name if case else "ordinary trade"] += 1
    return out


@dataclass(frozen=True, slots=True)
class World:
    """One world's own figures: every seed is told, not the best."""

    order: Order
    proven_precision: Share
    proven_recall: Share
    window_recall: Share
    window_wrong: int
    money: Share

    def as_dict(self) -> dict[str, Any]:
        """What stands in the file of results; a share as (hits, of)."""
        shares = {name: getattr(self, name) for name in ("proven_precision", "proven_recall", "window_recall", "money")}
        of = {"split": self.order.split, "seed": self.order.seed, "cast": self.order.cast.name}
        told = {name: [share.hits, share.of] for name, share in shares.items()}
        return of | told | {"window_wrong": self.window_wrong}


def world(order: Order, outcome: Outcome) -> World:
    """What one world came to by itself."""
    seen = total([outcome])
    window = seen.rules[WINDOW]
    proven = seen.proven
    return World(order, proven.precision, proven.recall, window.recall, window.wrong, Share(*seen.money))


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far the score of ``dup_card_amount_window`` can be believed.

    Attributes:
        bins: of each bin of scores its lower edge, what was expected of it, and what came true.
        brier: mean square of what was expected less what was.
        ece: mean gap between expected and true share, weighed by the bins' sizes.
    """

    bins: tuple[tuple[int, float, Share], ...]
    brier: float
    ece: float


def calibrate(fitted: Iterable[Weighed], tried: Iterable[Weighed]) -> Calibration:
    """Take each bin's chance from one split, by Jeffreys' prior (a half of each), and hold it against another."""
    chances = {edge: Share(sum(right), len(right)) for edge, right in _binned(fitted).items()}
    rows, square, gap, count = [], 0.0, 0.0, 0
    for edge, right in sorted(_binned(tried).items()):
        expected = (chances[edge].hits + 0.5) / (chances[edge].of + 1) if edge in chances else 0.5
        share = Share(sum(right), len(right))
        rows.append((edge, expected, share))
        square += sum((expected - each) ** 2 for each in right)
        gap += abs(expected - share.value) * share.of
        count += share.of
    return Calibration(tuple(rows), square / max(1, count), gap / max(1, count))


def _binned(scores: Iterable[Weighed]) -> dict[int, list[bool]]:
    bins: dict[int, list[bool]] = defaultdict(list)
    for each in scores:
        bins[max((edge for edge in BINS if edge <= each.score), default=0)].append(each.right)
    return bins

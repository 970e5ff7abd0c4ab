"""The rules: each a small view and the law that holds on it.

A rule's SQL (``<id>.sql`` beside this file) makes one row for each judged thing from the
linked life cycles; its law is stated on that view by Great Expectations; what breaks the
law becomes a finding. The view's ``grade`` picks severity and certainty. Rules run in
this order: a view may leave out what an earlier rule has already accused (``accused``).

A new rule is one value here, one SQL file, and its texts in the mail's catalogue.
"""

from dataclasses import dataclass
from importlib.resources import files

from expectations.findings import SEVERITIES, Certainty, Severity
from expectations.laws import Equal, Law, NotAbove, NotBelow, Stated, Weight

VIEW_COLUMNS = frozenset(
    {
        "key", "subjects", "merchant", "terminal", "business_date", "amount_at_risk_fen", "act_by",
        "grade", "missing", "also_ruled_out",
    }
)  # fmt: skip
"""What every view has; its other columns are the rule's evidence."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: its name, the view's file and the key of its texts.
        expectation: the name of its expectation, in the field's words.
        says: the law as a sentence, shown in the Data Docs.
        law: the law itself, on the view's columns.
        grades: what the view's ``grade`` means; ``clear`` where nothing is missing, ``gap`` where
            missing trace numbers could hold the counter-evidence.
        ruled_out: codes of what the view has tested for every row it accuses.
    """

    id: str
    expectation: str
    says: str
    law: Law
    grades: dict[str, tuple[Severity, Certainty]]
    ruled_out: tuple[str, ...]

    @property
    def sql(self) -> str:
        """The view's query."""
        return files(__name__).joinpath(f"{self.id}.sql").read_text("utf-8")

    @property
    def stated(self) -> Stated:
        """The law under its expectation's name, weighed by the worst it can find."""
        worst = min((severity for severity, _ in self.grades.values()), key=SEVERITIES.index)
        return Stated(self.expectation, self.says, self.law, _WEIGHTS[worst])


_WEIGHTS: dict[Severity, Weight] = {"P1": "critical", "P2": "critical", "P3": "warning", "P4": "info"}
_SAME_MONEY = ("same_record_read_twice", "reversed", "voided", "refunded")
_LAW_OF_TOTALS = ("declined_or_reserved", "reversed", "tip_adjusted")

_RULES = (
    Rule(
        id="dup_stan_resent",
        expectation="ExpectOneDebitPerTrace",
        says="A trace number debits a card once.",
        law=NotAbove("debits_of_this_trace", 1),
        grades={"clear": ("P1", "PROVEN"), "gap": ("P1", "PROBABLE")},
        ruled_out=(*_SAME_MONEY, "other_batch"),
    ),
    Rule(
        id="dup_same_atc",
        expectation="ExpectOneDebitPerCardCounter",
        says="A chip's transaction counter debits its card once.",
        law=NotAbove("debits_of_this_counter", 1),
        grades={"clear": ("P1", "PROVEN"), "gap": ("P1", "PROBABLE"), "partial": ("P1", "PROBABLE")},
        ruled_out=(*_SAME_MONEY, "offline_upload"),
    ),
    Rule(
        id="retry_after_unknown",
        expectation="ExpectNoDebitAfterUnknownOutcome",
        says="While an attempt's outcome is unknown, the same card is not debited again.",
        law=NotAbove("debits_after_unknown_outcome", 0),
        grades={"clear": ("P1", "PROBABLE")},
        ruled_out=(*_SAME_MONEY, "declined_first"),
    ),
    Rule(
        id="reversal_exhausted",
        expectation="ExpectReversalConfirmedInTime",
        says="A reversal is confirmed before the terminal gives up, at three sendings.",
        law=NotAbove("unconfirmed_sendings", 2),
        grades={"clear": ("P1", "PROVEN"), "gap": ("P1", "PROBABLE"), "partial": ("P1", "PROBABLE")},
        ruled_out=("reversed", "voided", "refunded", "declined_first"),
    ),
    Rule(
        id="dup_card_amount_window",
        expectation="ExpectNoRepeatedCharge",
        says="A card is not charged the same amount twice within minutes, unless something explains it.",
        law=NotAbove("duplicate_score", 44),
        grades={"alert": ("P2", "PROBABLE"), "review": ("P4", "POSSIBLE")},
        ruled_out=(*_SAME_MONEY, "declined_first"),
    ),
    Rule(
        id="void_no_original",
        expectation="ExpectVoidHasItsSale",
        says="A void refers to a sale of its own terminal.",
        law=NotBelow("originals", 1),
        grades={"clear": ("P1", "PROVEN"), "gap": ("P4", "UNVERIFIABLE")},
        ruled_out=("void_reversed",),
    ),
    Rule(
        id="void_amount_mismatch",
        expectation="ExpectVoidOfFullAmount",
        says="A void is of the sale's full amount.",
        law=Equal("void_fen", "sale_fen"),
        grades={"clear": ("P1", "PROVEN"), "gap": ("P1", "PROBABLE")},
        ruled_out=("void_reversed", "tip_adjusted"),
    ),
    Rule(
        id="double_void",
        expectation="ExpectOneVoidPerSale",
        says="A sale is voided once.",
        law=NotAbove("voids_of_this_sale", 1),
        grades={"clear": ("P1", "PROVEN")},
        ruled_out=("same_record_read_twice", "void_reversed"),
    ),
    Rule(
        id="void_after_settlement",
        expectation="ExpectVoidBeforeSettlement",
        says="A sale is voided before its batch is settled.",
        law=NotAbove("settlements_before_void", 0),
        grades={"clear": ("P2", "PROVEN")},
        ruled_out=("void_reversed",),
    ),
    Rule(
        id="void_cross_day",
        expectation="ExpectVoidOnClearingDay",
        says="A sale is voided on its own clearing day.",
        law=NotAbove("clearing_days_apart", 0),
        grades={"clear": ("P2", "PROVEN")},
        ruled_out=("void_reversed", "one_settlement_date"),
    ),
    Rule(
        id="refund_no_original",
        expectation="ExpectRefundHasItsSale",
        says="A refund refers to a sale of the last 335 days.",
        law=NotBelow("originals", 1),
        grades={"clear": ("P2", "PROBABLE"), "gap": ("P4", "UNVERIFIABLE")},
        ruled_out=(),
    ),
    Rule(
        id="refund_of_voided",
        expectation="ExpectRefundOfStandingSale",
        says="What was voided or reversed is not refunded as well.",
        law=NotAbove("undone_before_refund", 0),
        grades={"clear": ("P1", "PROVEN")},
        ruled_out=("void_reversed",),
    ),
    Rule(
        id="refund_over_original",
        expectation="ExpectRefundWithinSale",
        says="A refund does not exceed its sale.",
        law=NotAbove("refund_fen", "sale_fen"),
        grades={"clear": ("P1", "PROVEN"), "gap": ("P1", "PROBABLE")},
        ruled_out=("tip_adjusted",),
    ),
    Rule(
        id="dup_refund",
        expectation="ExpectOneRefundPerReturn",
        says="The same return is refunded once.",
        law=NotAbove("same_refunds_before", 0),
        grades={"clear": ("P1", "PROVEN"), "gap": ("P1", "PROBABLE"), "review": ("P4", "POSSIBLE")},
        ruled_out=("same_record_read_twice", "declined_refund_retried"),
    ),
    Rule(
        id="refund_cumulative_over",
        expectation="ExpectRefundsWithinSale",
        says="All refunds and voids of a sale together do not exceed it.",
        law=NotAbove("credited_fen", "sale_fen"),
        grades={"clear": ("P1", "PROVEN"), "gap": ("P1", "PROBABLE")},
        ruled_out=("partial_refunds", "declined_refund_retried", "tip_adjusted"),
    ),
    Rule(
        id="refund_other_card",
        expectation="ExpectRefundToPayingCard",
        says="A refund goes to the card that paid.",
        law=NotAbove("cards", 1),
        grades={"clear": ("P1", "PROVEN"), "wallet": ("P1", "PROBABLE")},
        ruled_out=(),
    ),
    Rule(
        id="refund_other_merchant",
        expectation="ExpectRefundByTheSeller",
        says="A refund is made by the merchant that sold.",
        law=NotAbove("merchants", 1),
        grades={"clear": ("P1", "PROVEN")},
        ruled_out=("terminal_registered_anew",),
    ),
    Rule(
        id="batch_total_count_mismatch",
        expectation="ExpectBatchCountsToAgree",
        says="A settled batch has as many debits and credits as its terminal reported.",
        law=NotAbove("counts_that_differ", 0),
        grades={"clear": ("P2", "PROVEN"), "doubt": ("P2", "PROBABLE"), "gap": ("P4", "UNVERIFIABLE")},
        ruled_out=_LAW_OF_TOTALS,
    ),
    Rule(
        id="batch_total_amount_mismatch",
        expectation="ExpectBatchAmountsToAgree",
        says="A settled batch adds up to the debits and credits its terminal reported.",
        law=NotAbove("fen_that_differ", 0),
        grades={"clear": ("P2", "PROVEN"), "doubt": ("P2", "PROBABLE"), "gap": ("P4", "UNVERIFIABLE")},
        ruled_out=_LAW_OF_TOTALS,
    ),
    Rule(
        id="stan_gap",
        expectation="ExpectEveryTraceNumberSeen",
        says="Every trace number between a batch's first and last is seen.",
        law=NotAbove("numbers_missing", 0),
        grades={"clear": ("P3", "PROVEN")},
        ruled_out=("management_messages", "batch_number_jump", "number_wrap"),
    ),
)

RULES: dict[str, Rule] = {rule.id: rule for rule in _RULES}

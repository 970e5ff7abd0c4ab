"""Refunds and their sale: which one it is, of nothing, to another card, by another shop, of what was undone."""

import datetime as dt
from typing import Any

import pytest

from tests.expectations.conftest import Findings
from tests.expectations.shopdays import OTHER_MERCHANT, Till, moment, next_day
from tests.expectations.told import ids, only, rules

pytestmark = pytest.mark.thorough


# --- what refunds should be


def test_a_refund_just_after_midnight_of_yesterday(till: Till, findings: Findings):
    """00:10 for a sale of the evening before."""
    sale = till.sale(36800, at="22:40:00")
    till.refund(sale, at="2026-11-22 00:10:00")
    assert findings(till) == []


def test_a_refund_over_the_turn_of_the_year(till: Till, findings: Findings):
    """The date has no year on the line; landing has inferred it."""
    sale = till.at("2026-12-31 20:00:00").sale(36800)
    till.refund(sale, at="2027-01-01 10:00:00")
    assert findings(till) == []


def test_a_refund_of_a_leap_day(findings: Findings):
    """29 February is a day like any other."""
    till = Till(now=moment("2028-02-29 10:00:00"))
    sale = till.sale(36800)
    till.settle()
    till.refund(sale, at="2028-03-05 10:00:00")
    assert findings(till) == []


def test_a_sale_posted_next_day_is_found_by_its_settlement_date(till: Till, findings: Findings):
    """Sold at 22:59:50, dated tomorrow by the host."""
    tomorrow = dt.date(2026, 11, 22)
    sale = till.sale(36800, at="22:59:50", settlement_date=tomorrow)
    till.settle()
    till.refund(sale, orig_date=tomorrow, at="2026-11-23 10:00:00")
    assert findings(till) == []


def test_a_refund_that_names_only_card_and_date_finds_its_sale(till: Till, findings: Findings):
    """Without a reference: merchant, card, date, and an amount that fits."""
    sale = till.sale(36800)
    till.refund(sale, 30000, orig_rrn=None)
    assert findings(till) == []


def test_a_refund_by_card_passes_over_what_was_undone(till: Till, findings: Findings):
    """The newest sale that fits was voided, the one before it reversed: the refund is of the one that stands."""
    till.sale(36800)
    till.reverse(till.sale(36800, at="12:00:00"))
    till.void(till.sale(36800, at="15:00:00"))
    refund = till.refund(till.attempts[0], orig_rrn=None, orig_batch_no=None, orig_stan=None)
    hint = only(findings(till), "refund_same_day_should_void")  # in full, of this day: a void was possible
    assert ids(hint) == [refund["transaction_id"], till.attempts[0]["transaction_id"]]


def test_a_refund_of_a_sale_whose_answer_was_not_seen(till: Till, findings: Findings):
    """Its reference is not known, its batch and trace number are."""
    till.sale(1200)
    next_day(till)
    sale = till.sale(36800)
    till.refund(sale, 10000, card_token="k1:f", pan_masked="622424******0000")
    sale.update(rrn=None, response_code=None, outcome="unknown", host_dt=None, responded_at=None)
    assert findings(till) == []


def test_a_refund_at_another_terminal_of_the_shop(till: Till, findings: Findings):
    """A refund, unlike a void, may be made anywhere in the shop."""
    other = Till(terminal="87654321", stan=100, now=moment("2026-11-21 12:00:00"))
    other.refund(till.sale(36800))
    assert findings(till, other) == []


# --- refund_no_original


def test_a_refund_without_a_sale_on_a_day_that_was_seen_whole(till: Till, findings: Findings):
    """The day it names was collected without a gap: there was no such sale."""
    till.sale(1200)
    sale = next_day(till).sale(36800)
    refund = till.refund(
        sale, 5000, orig_rrn="112233445566", orig_stan=1, card=9999, card_token="k1:f", pan_masked="622424******0000"
    )
    found = only(findings(till), "refund_no_original")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P2", "PROBABLE", 5000)
    assert ids(found) == [refund["transaction_id"]]
    assert found.act_by is None
    assert found.evidence == {
        "originals": 0,
        "original_rrn": "112233445566",
        "original_date": "2026-11-22",
        "original_batch_no": 232,
        "original_stan": 1,
    }
    assert found.ruled_out == ("log_gap",)
    assert found.completeness["missing"] == []


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        ({"orig_date": dt.date(2026, 11, 19)}, "original_day_not_collected"),
        ({"orig_date": dt.date(2025, 12, 20)}, "older_than_335_days"),
        ({"orig_date": None, "orig_rrn": None}, "original_not_named"),
    ],
)
def test_a_refund_of_what_cannot_have_been_seen_proves_nothing(
    till: Till, findings: Findings, told: dict[str, Any], missing: str
):
    """Outside what was collected, or nameless: UNVERIFIABLE, and the finding says why."""
    sale = till.sale(36800)
    till.refund(sale, **{"orig_rrn": "112233445566", "card_token": None, "pan_masked": None, **told})
    found = only([each for each in findings(till) if each.rule != "refund_after_window"], "refund_no_original")
    assert (found.severity, found.certainty) == ("P4", "UNVERIFIABLE")
    assert found.completeness["missing"] == [missing]


def test_a_gap_on_the_day_of_the_sale_proves_nothing(till: Till, findings: Findings):
    """The sale may be among the missing numbers."""
    till.sale(1200)
    sale = next_day(till).sale(36800)
    till.stan += 1
    till.sale(1300)
    till.refund(sale, orig_rrn="112233445566", card_token="k1:f")
    found = {each.rule: each for each in findings(till)}
    assert found["refund_no_original"].certainty == "UNVERIFIABLE"
    assert found["refund_no_original"].completeness["missing"] == ["stan_gap"]


def test_a_gap_hides_no_sale_whose_reference_is_something_else_s(till: Till, findings: Findings):
    """The reference that the refund names is that of a balance inquiry of that day, and a day has it once."""
    till.sale(1200)
    inquiry = next_day(till).attempt("BALANCE", 0)
    till.stan += 1
    till.sale(1300)
    till.refund(inquiry, 5000)
    found = {each.rule: each for each in findings(till)}["refund_no_original"]
    assert (found.severity, found.certainty) == ("P2", "PROBABLE")
    assert found.completeness["missing"] == []


@pytest.mark.parametrize(
    ("days", "expected"), [(335, ["refund_after_window"]), (336, ["refund_after_window", "refund_no_original"])]
)
def test_a_sale_is_searched_for_335_days(till: Till, findings: Findings, days: int, expected: list[str]):
    """Eleven months: 335 days are searched, 336 are not; that it is after 330 days is said as well."""
    sale = till.sale(36800)
    till.settle()
    later = till.now + dt.timedelta(days=days)
    again = Till(stan=till.stan, batch=700, now=later)
    again.refund(sale, card_token=None, pan_masked=None)
    assert rules(findings(till, again)) == expected


def test_a_declined_refund_is_judged_by_no_rule(till: Till, findings: Findings):
    """It has paid nothing back."""
    sale = till.sale(36800)
    till.refund(sale, 99900, code="61")
    till.refund(sale, orig_rrn="112233445566", card_token="k1:f", code="25")
    assert findings(till) == []


# --- refund_other_card


def test_a_refund_to_another_card(till: Till, findings: Findings):
    """The reference names the sale, the card is another."""
    sale = till.sale(36800)
    refund = till.refund(sale, card_token="k1:other", pan_masked="621700******9999")
    found = only(findings(till), "refund_other_card")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P1", "PROVEN", 36800)
    assert ids(found) == [refund["transaction_id"], sale["transaction_id"]]
    assert found.evidence == {
        "cards": 2,
        "refund_card": "621700******9999",
        "sale_card": "622424******5817",
    }
    assert found.ruled_out == ("wallet_or_plastic",)


def test_a_phone_and_the_plastic_of_one_account(till: Till, findings: Findings):
    """Paid by phone, paid back to the card: the numbers differ, the last four agree."""
    sale = till.sale(36800, entry_mode="072")
    till.refund(sale, card_token="k1:plastic", pan_masked="621700******5817")
    assert findings(till) == []


def test_a_phone_and_a_card_whose_digits_differ_is_only_probable(till: Till, findings: Findings):
    """A phone's number may end differently: without a reference to the account nothing is proven."""
    sale = till.sale(36800, entry_mode="072")
    till.refund(sale, card_token="k1:other", pan_masked="621700******9999")
    found = only(findings(till), "refund_other_card")
    assert found.certainty == "PROBABLE"
    assert found.completeness["missing"] == ["payment_account_reference"]


def test_a_refund_without_a_card_accuses_no_card(till: Till, findings: Findings):
    """By reference alone."""
    till.refund(till.sale(36800), card_token=None, pan_masked=None)
    assert findings(till) == []


# --- refund_other_merchant


def test_a_refund_by_another_merchant(till: Till, findings: Findings):
    """Reference, date and card name a sale of another merchant."""
    other = Till(terminal="87654321", merchant=OTHER_MERCHANT, stan=100, now=moment("2026-11-21 12:00:00"))
    sale = till.sale(36800)
    refund = other.refund(sale)
    found = only(findings(till, other), "refund_other_merchant")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P1", "PROVEN", 36800)
    assert found.merchant_id == OTHER_MERCHANT
    assert ids(found) == [refund["transaction_id"], sale["transaction_id"]]
    assert found.completeness["missing"] == ["merchant_map"]
    assert found.evidence["sale_merchant_id"] == till.merchant


def test_a_terminal_registered_anew_is_the_same_shop(till: Till, findings: Findings):
    """One terminal, an old and a new merchant number."""
    sale = till.sale(36800)
    till.settle()
    till.merchant = OTHER_MERCHANT
    till.refund(sale, at="2026-11-22 10:00:00")
    assert findings(till) == []


def test_another_merchants_reference_for_another_card_is_a_coincidence(till: Till, findings: Findings):
    """References are unique for an acquirer's day, not for the world: that sale is not the original."""
    other = Till(terminal="87654321", merchant=OTHER_MERCHANT, stan=100, now=moment("2026-11-21 12:00:00"))
    other.refund(till.sale(36800), card_token="k1:other")
    assert rules(findings(till, other)) == ["refund_no_original"]


# --- refund_of_voided


def test_a_refund_of_a_voided_sale(till: Till, findings: Findings):
    """Credited twice; of all refund rules only this one speaks."""
    sale = till.sale(36800)
    void = till.void(sale)
    refund = till.refund(sale)
    found = only(findings(till), "refund_of_voided")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P1", "PROVEN", 36800)
    assert ids(found) == [refund["transaction_id"], sale["transaction_id"], void["transaction_id"]]
    assert found.evidence == {"undone_before_refund": 1}


def test_a_refund_of_a_reversed_sale(till: Till, findings: Findings):
    """A reversal undoes as well as a void."""
    sale = till.sale(36800)
    till.reverse(sale)
    till.refund(sale)
    assert only(findings(till), "refund_of_reversed").evidence["linked_by"] == "reference"


def test_a_refund_of_a_sale_whose_void_was_reversed(till: Till, findings: Findings):
    """The sale stands again."""
    sale = till.sale(36800)
    till.reverse(till.void(sale))
    till.refund(sale)
    assert findings(till) == []

"""What goes wrong on the shop day: one storyboard for each rule (docs/rules.md).

Each names the row that the rule must accuse: of a pair the later one, of an
attempt without an outcome the first one, of a gap the first trace number missing.
"""

from ingest.simulator.cards import Card
from ingest.simulator.scenario import Order
from ingest.simulator.till import LOST, Till

APPROVE = {mti: [Order(mti, "approve")] for mti in ("0200", "0220")}


def stan_resent(till: Till) -> None:
    """The terminal got its answer, sent the same request again, and the host booked it again."""
    orders = [Order("0200", "plain"), Order("0200", "again")]
    label = till.sale(till.card(), till.odd_amount(), quirk="repeat_answered", orders=orders)
    till.wait(30)
    till.fault("dup_stan_resent", label, "one request sent twice, approved twice with two reference numbers")


def same_atc(till: Till) -> None:
    """One cryptogram of the chip was used for two sales."""
    card, amount = till.card(), till.odd_amount()
    atc = till.wallet.next_atc(card)
    till.sale(card, amount, atc=atc)
    till.wait(50)
    label = till.sale(card, amount, atc=atc)
    till.fault("dup_same_atc", label, "two trace numbers, one chip counter: the card was there once")


def charged_again(till: Till) -> None:
    """The first request timed out and was sent again; the clerk saw no slip and charged the card once more."""
    card, amount = till.card(), till.odd_amount()
    till.sale(card, amount, quirk="repeat_unanswered", orders=[Order("0200", "lose")])
    till.wait(12)
    label = till.sale(card, amount)
    till.fault(
        "dup_card_amount_window", label, "same card, amount, terminal and clerk within a minute, after a timeout"
    )


def retried_after_lost_reversal(till: Till) -> None:
    """The answer was lost, the reversal was given up after three tries, and the customer paid again."""
    card, amount = till.card(), till.odd_amount()
    first = till.sale(card, amount, orders=[Order("0200", "drop")])
    till.wait(20)
    till.sale(card, amount, orders=[LOST, LOST, LOST])
    till.fault("retry_after_unknown", first, "no answer, then approved on the second try; the first was never settled")
    till.fault("reversal_exhausted", first, "three reversals without an answer")


def retried_after_power_cut(till: Till) -> None:
    """The terminal lost its power with the reversal still in it; the customer paid again."""
    card, amount = till.card(), till.odd_amount()
    first = till.sale(card, amount, orders=[Order("0200", "drop")])
    till.do("power_cut")
    till.wait(60)
    till.do("sign_in")
    till.sale(card, amount)
    till.fault("retry_after_unknown", first, "no answer and no reversal, then approved on the second try")


def reversal_given_up(till: Till) -> None:
    """The answer was lost, the customer paid in cash, and the reversal was never answered."""
    first = till.sale(till.card(), till.odd_amount(), orders=[Order("0200", "drop")])
    till.wait(30)
    till.sale(till.card(), till.odd_amount(), orders=[LOST, LOST, LOST])
    till.fault("reversal_exhausted", first, "three reversals without an answer")


def void_without_sale(till: Till) -> None:
    """A void that names the trace number of a balance inquiry."""
    card = till.card()
    inquiry = till.do("balance", card=card, atc=till.wallet.next_atc(card))
    till.wait(40)
    label = till.void(inquiry, card, amount=till.odd_amount(), orders=APPROVE["0200"])
    till.fault("void_no_original", label, "the original's trace number is a balance inquiry")


def void_of_other_amount(till: Till) -> None:
    """A void of less than the sale."""
    card, amount = till.card(), till.odd_amount(20_000, 40_000)
    sale = till.sale(card, amount)
    till.wait(60)
    label = till.void(sale, card, amount=amount - 3_000, orders=APPROVE["0200"])
    till.fault("void_amount_mismatch", label, "30.00 less than the sale")


def voided_twice(till: Till) -> None:
    """Two approved voids of one sale."""
    card = till.card()
    sale = till.sale(card, till.odd_amount())
    till.wait(60)
    till.void(sale, card)
    till.wait(60)
    label = till.void(sale, card, orders=APPROVE["0200"])
    till.fault("double_void", label, "the sale had been voided a minute before")


def void_after_settlement(till: Till, sale: str) -> None:
    """A void of a sale whose batch has been settled."""
    label = till.void(sale, card_of(till, sale), orders=APPROVE["0200"])
    till.fault("void_after_settlement", label, "the sale's batch was settled before the void")


def void_next_day(till: Till, sale: str) -> None:
    """A void on the clearing day after the sale's; the batch is still open."""
    label = till.void(sale, card_of(till, sale), orders=APPROVE["0200"])
    till.fault("void_cross_day", label, "the sale was of the clearing day before")


def refund_without_sale(till: Till) -> None:
    """A refund whose reference number was never a sale's."""
    card = till.card()
    inquiry = till.do("balance", card=card, atc=till.wallet.next_atc(card))
    till.wait(40)
    label = till.refund(inquiry, card, till.odd_amount(), orders=APPROVE["0220"])
    till.fault(
        "refund_no_original", label, "the original's reference number is a balance inquiry's; no sale to this card"
    )


def refund_too_large(till: Till) -> None:
    """One refund of more than the sale."""
    card, amount = till.card(), till.odd_amount()
    sale = till.sale(card, amount)
    till.wait(600)
    label = till.refund(sale, card, amount + 2_000, orders=APPROVE["0220"])
    till.fault("refund_over_original", label, "20.00 more than the sale")


def refunds_too_many(till: Till) -> None:
    """Two partial refunds, together more than the sale."""
    card, amount = till.card(), till.odd_amount(20_000, 60_000)
    sale = till.sale(card, amount)
    till.wait(900)
    till.refund(sale, card, amount - 7_000)
    till.wait(1_500)
    label = till.refund(sale, card, 9_000, orders=APPROVE["0220"])
    till.fault("refund_cumulative_over", label, "two partial refunds, 20.00 more than the sale")


def refunded_twice(till: Till) -> None:
    """The whole sale refunded twice within minutes."""
    card = till.card()
    sale = till.sale(card, till.odd_amount())
    till.wait(900)
    till.refund(sale, card)
    till.wait(240)
    label = till.refund(sale, card, orders=APPROVE["0220"])
    till.fault("dup_refund", label, "the whole sale refunded a second time four minutes later")


def refund_to_other_card(till: Till) -> None:
    """A refund to a card that did not pay."""
    sale = till.sale(till.card(), till.odd_amount())
    till.wait(900)
    label = till.refund(sale, till.card(), orders=APPROVE["0220"])
    till.fault("refund_other_card", label, "the refund went to another card than the sale's")


def refund_by_other_merchant(till: Till, seller: Till, sale: str) -> None:
    """A refund at another merchant's terminal of a sale by its reference number."""
    label = till.refund(sale, card_of(seller, sale), orders=APPROVE["0220"])
    till.fault("refund_other_merchant", label, "the sale was another merchant's")


def refund_after_void(till: Till) -> None:
    """A sale voided, then refunded as well."""
    card = till.card()
    sale = till.sale(card, till.odd_amount())
    till.wait(90)
    till.void(sale, card)
    till.wait(900)
    label = till.refund(sale, card, orders=APPROVE["0220"])
    till.fault("refund_of_voided", label, "the sale had been voided: the customer is paid back twice")


def false_count(till: Till) -> None:
    """Settle with one debit too many."""
    label = till.settle(falsify={"rmb_debit_count": 1})
    till.fault("batch_total_count_mismatch", label, "the terminal reports one RMB debit more than the line saw")


def false_amount(till: Till) -> None:
    """Settle with a debit sum that is 10.00 too high."""
    label = till.settle(falsify={"rmb_debit_amount": 1_000})
    till.fault("batch_total_amount_mismatch", label, "the terminal reports 10.00 of RMB debit more than the line saw")


def lost_log(till: Till) -> None:
    """Three trace numbers used while nobody listened."""
    label = till.do("skip_stans", count=3)
    till.fault("stan_gap", label, "three trace numbers that no message on the line has")


def card_of(till: Till, label: str) -> Card:
    """The card of an earlier step of that till."""
    step = next(step for step in till.steps if step.label == label)
    if step.card is None:
        msg = f"{label} has no card"
        raise ValueError(msg)
    return step.card

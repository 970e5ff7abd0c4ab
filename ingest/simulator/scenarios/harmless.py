"""What looks wrong on a good day and is not: the hard negatives (docs/rules.md).

Each names the row that a careless rule would accuse.
"""

from ingest.simulator.scenario import Order
from ingest.simulator.scenarios.faults import card_of
from ingest.simulator.scenarios.trade import Trade
from ingest.simulator.till import LOST, Till


def two_coffees(till: Till, prices: Trade) -> None:
    """Two identical coffees on one card, 20 seconds apart."""
    card = till.card()
    till.sale(card, prices.points[0], entry="contactless", pin=False)
    till.wait(12)
    label = till.sale(card, prices.points[0], entry="contactless", pin=False)
    till.harmless("dup_card_amount_window", label, "two identical coffees 20 s apart: two chip counters, common price")
    till.harmless("dup_same_atc", label, "two identical coffees: the chip counted twice")


def gift_cards(till: Till, prices: Trade) -> None:
    """Five gift cards at a common price, one card, five sales (no. 20)."""
    card = till.card()
    for _ in range(5):
        label = till.sale(card, prices.points[0])
        till.wait(25)
    till.harmless("dup_card_amount_window", label, "the fifth of five gift cards at a common price")


def split_bill(till: Till) -> None:
    """Four guests, four cards, one amount (no. 19)."""
    amount = till.odd_amount()
    for _ in range(4):
        label = till.sale(till.card(), amount)
        till.wait(20)
    till.harmless("dup_card_amount_window", label, "a split bill: four cards, one amount")


def declined_then_approved(till: Till) -> None:
    """Not enough funds, then a PIN mistyped, then approved (no. 2)."""
    card, amount = till.card(), till.odd_amount()
    till.sale(card, amount, orders=[Order("0200", "decline", "51")])
    till.wait(20)
    till.sale(card, amount, orders=[Order("0200", "decline", "55")])
    till.wait(20)
    label = till.sale(card, amount)
    till.harmless("dup_card_amount_window", label, "declined 51 and 55, then approved")
    till.harmless("retry_after_unknown", label, "the first tries were declined, not unknown")


def reversed_then_paid(till: Till) -> None:
    """The answer was lost, the reversal answered 00, then approved (no. 3)."""
    card, amount = till.card(), till.odd_amount()
    first = till.sale(card, amount, orders=[Order("0200", "drop")])
    till.wait(20)
    till.sale(card, amount)
    till.harmless("retry_after_unknown", first, "no answer, reversed (00), then approved")


def never_arrived_then_paid(till: Till) -> None:
    """The request never arrived, the reversal was answered 25, then approved (no. 4)."""
    card, amount = till.card(), till.odd_amount()
    first = till.sale(card, amount, orders=[Order("0200", "lose")])
    till.wait(20)
    till.sale(card, amount)
    till.harmless("retry_after_unknown", first, "no answer, reversal answered 25, then approved")
    till.harmless("reversal_exhausted", first, "reversal answered 25: the host never had the sale")


def third_reversal_answered(till: Till) -> None:
    """Two reversals without an answer, the third answered 00."""
    first = till.sale(till.card(), till.odd_amount(), orders=[Order("0200", "drop")])
    till.wait(30)
    till.sale(till.card(), till.odd_amount(), orders=[LOST, LOST])
    till.harmless("reversal_exhausted", first, "the third reversal was answered 00")


def bad_mac(till: Till) -> None:
    """Approved on the line, but the terminal did not trust the MAC: reversed (A0), then approved again."""
    card, amount = till.card(), till.odd_amount()
    till.sale(card, amount, quirk="bad_mac")
    till.wait(20)
    label = till.sale(card, amount)
    till.harmless("dup_card_amount_window", label, "the first approval was reversed with reason A0")


def request_read_twice(till: Till) -> None:
    """The terminal sent a request twice and the host repeated its answer: one sale (no. 22)."""
    label = till.sale(till.card(), till.odd_amount(), quirk="repeat_answered")
    till.wait(20)
    till.harmless("dup_stan_resent", label, "one request sent twice, one answer repeated: one reference number")


def acknowledgement_lost(till: Till) -> None:
    """The collector's ACK was lost and the terminal reported the same frames again (no. 22)."""
    label = till.sale(till.card(), till.odd_amount(), quirk="ack_lost")
    till.harmless("dup_stan_resent", label, "the frames were reported twice on the link")


def reprinted(till: Till) -> None:
    """The last slip was printed again, and reported again (no. 21)."""
    label = till.sale(till.card(), till.odd_amount())
    till.wait(30)
    till.do("reprint")
    till.harmless("dup_stan_resent", label, "a reprint reports the same frames again")


def same_counter_on_two_cards(till: Till) -> None:
    """Two cards whose chips happen to count the same."""
    amount = till.odd_amount()
    first, second = till.card(), till.card()
    atc = till.wallet.next_atc(first)
    till.sale(first, amount, atc=atc)
    till.wait(30)
    label = till.sale(second, amount, atc=atc)
    till.harmless("dup_same_atc", label, "one chip counter, two cards")


def wrong_amount_put_right(till: Till) -> None:
    """Ten times too much, voided, and the right amount (no. 5)."""
    card, amount = till.card(), till.odd_amount(3_000, 9_000)
    wrong = till.sale(card, amount * 10)
    till.wait(30)
    void = till.void(wrong, card)
    till.wait(15)
    till.sale(card, amount)
    till.harmless("void_amount_mismatch", void, "sale voided in full, then sold again at the right amount")


def voided_and_sold_again(till: Till) -> None:
    """A sale voided and taken again at once for the same amount."""
    card, amount = till.card(), till.odd_amount()
    wrong = till.sale(card, amount)
    till.wait(20)
    till.void(wrong, card)
    till.wait(10)
    label = till.sale(card, amount)
    till.harmless("dup_card_amount_window", label, "the first sale was voided")


def voided_before_settlement(till: Till) -> None:
    """A void in the last minute of the batch."""
    card = till.card()
    sale = till.sale(card, till.odd_amount())
    till.wait(20)
    label = till.void(sale, card)
    till.harmless("void_after_settlement", label, "voided a minute before its batch was settled")


def void_reversed_and_repeated(till: Till) -> None:
    """The void's answer was lost, the void reversed, and voided again (no. 6)."""
    card = till.card()
    sale = till.sale(card, till.odd_amount())
    till.wait(30)
    till.void(sale, card, orders=[Order("0200", "drop")])
    till.wait(20)
    label = till.void(sale, card)
    till.harmless("double_void", label, "the first void was reversed")
    till.harmless("void_no_original", label, "the sale is there")


def refund_after_void_reversed(till: Till) -> None:
    """The void was reversed, and the sale refunded later."""
    card = till.card()
    sale = till.sale(card, till.odd_amount())
    till.wait(30)
    till.void(sale, card, orders=[Order("0200", "drop")])
    till.wait(20)
    till.do("echo")
    till.wait(900)
    label = till.refund(sale, card)
    till.harmless("refund_of_voided", label, "the void had been reversed")


def test_sale(till: Till) -> None:
    """A test sale of 0.01 and its void (no. 16)."""
    card = till.card()
    sale = till.sale(card, 1)
    till.wait(20)
    label = till.void(sale, card)
    till.harmless("double_void", label, "a test sale of 0.01 and its one void")


def partly_approved(till: Till) -> None:
    """120.00 of 200.00 approved (F39 = 10), the rest on another card; later the first part is voided (no. 18)."""
    card = till.card()
    part = till.sale(card, 20_000, orders=[Order("0200", "partial", "12000")])
    till.wait(20)
    label = till.sale(till.card(), 8_000)
    till.harmless("dup_card_amount_window", label, "second tender after a partial approval")
    till.wait(60)
    void = till.void(part, card)
    till.harmless("void_amount_mismatch", void, "the void is of the amount that was approved, not the one asked for")


def refunded_in_three(till: Till) -> None:
    """Three partial refunds that make up the sale (no. 7)."""
    card, part = till.card(), till.odd_amount(5_000, 20_000)
    sale = till.sale(card, part * 3 + 600)
    for amount in (part, part + 200, part + 400):
        till.wait(700)
        label = till.refund(sale, card, amount)
    till.harmless("refund_cumulative_over", label, "three partial refunds, together the sale")
    till.harmless("refund_over_original", label, "three partial refunds, each less than the sale")


def two_items_returned(till: Till) -> None:
    """Two equal items of one sale, returned a quarter of an hour apart."""
    card, price = till.card(), till.odd_amount(4_000, 20_000)
    sale = till.sale(card, price * 2)
    till.wait(900)
    till.refund(sale, card, price)
    till.wait(900)
    label = till.refund(sale, card, price)
    till.harmless("dup_refund", label, "two equal items returned 15 min apart, together the sale")


def refund_declined_then_done(till: Till) -> None:
    """A refund declined (96) and tried again. The customer has called: without the card there is no void."""
    card = till.card()
    sale = till.sale(card, till.odd_amount())
    till.wait(900)
    till.refund(sale, card, entry="manual", orders=[Order("0220", "decline", "96")])
    till.wait(60)
    label = till.refund(sale, card, entry="manual")
    till.harmless("dup_refund", label, "the first refund was declined (96)")
    till.harmless("refund_cumulative_over", label, "the first refund was declined (96)")


def refund_of_day(till: Till, sale: str, amount: int, day: str) -> None:
    """One of two equal partial refunds on different days (no. 8)."""
    label = till.refund(sale, card_of(till, sale), amount)
    till.harmless("dup_refund", label, f"two equal partial refunds on different days: {day}")


def refund_at_sister_terminal(till: Till, seller: Till, sale: str) -> None:
    """A refund at the merchant's other terminal."""
    label = till.refund(sale, card_of(seller, sale))
    till.harmless("refund_other_merchant", label, "the sale was at the same merchant's other terminal")
    till.harmless("refund_no_original", label, "the sale was at the same merchant's other terminal")
    till.harmless("refund_other_card", label, "same card as the sale")


def preauthorised(till: Till) -> None:
    """A pre-authorisation completed below the hold, and one voided: neither hold is in the totals (no. 10)."""
    card, hold = till.card(), till.odd_amount(40_000, 80_000)
    first = till.do("preauth", card=card, amount=hold, atc=till.wallet.next_atc(card))
    till.wait(600)
    label = till.do("completion", card=card, amount=hold - 5_000, of=first)
    other = till.card()
    second = till.do("preauth", card=other, amount=till.odd_amount(), atc=till.wallet.next_atc(other))
    till.wait(60)
    till.do("preauth_void", card=other, of=second)
    till.harmless("dup_card_amount_window", label, "the completion of a pre-authorisation")


def numbers_used_up(till: Till) -> None:
    """Echo, balance inquiry and a declined sale use trace numbers too."""
    till.do("echo")
    till.wait(20)
    card = till.card()
    till.do("balance", card=card, atc=till.wallet.next_atc(card))
    till.wait(20)
    label = till.sale(card, till.odd_amount(), orders=[Order("0200", "decline", "61")])
    till.harmless("stan_gap", label, "echo, balance inquiry and declined sale used the trace numbers")

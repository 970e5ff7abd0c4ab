"""Whole shops: one with a fault for nearly every rule, and one without any."""

import datetime as dt
import random
from typing import Any

from tests.expectations.shopdays import OTHER_MERCHANT, Till, moment


def faulty_shop() -> list[Till]:
    """Terminals of one shop, and one of another, with one fault at least for every rule."""
    debits = Till(terminal="10000001", stan=100)
    first = debits.sale(36800, at="10:00:00")
    debits.sale(36800, stan=first["stan"], rrn="999900000001", at="10:00:40")  # dup_stan_resent
    debits.sale(8800, at="11:00:00", atc=301, aid="A0", card=2)
    debits.sale(8800, at="11:00:30", atc=301, aid="A0", card=2)  # dup_same_atc
    debits.sale(1234, at="11:30:00", card=3, attempts=2)
    debits.sale(1234, at="11:30:20", card=3)  # dup_card_amount_window
    lost = debits.sale(5600, at="12:00:00", code=None, card=4)
    debits.reverse(lost, None, attempts=3)  # reversal_exhausted
    debits.sale(5600, at="12:05:00", card=4)  # retry_after_unknown
    debits.settle(at="22:00:00", rmb_debit_amount_fen=1, rmb_debit_count=1)  # batch_total_*

    voids = Till(terminal="10000002", stan=200)
    sale = voids.sale(5000, at="10:00:00", card=5)
    voids.void(sale, 4000)  # void_amount_mismatch
    voids.void(sale)  # double_void
    voids.void(sale, orig_stan=voids.stan + 9, orig_rrn=None)  # void_no_original
    late = voids.sale(6000, at="22:58:00", card=6)
    voids.void(late, at="23:05:00")  # void_cross_day
    settled = voids.sale(7000, at="23:10:00", card=7)
    voids.settle()
    voids.void(settled, at="2026-11-22 10:00:00")  # void_after_settlement

    refunds = Till(terminal="10000003", stan=300)
    over, parts, twice, other, undone = (refunds.sale(10000 + n, card=20 + n) for n in range(5))
    refunds.refund(over, 12000)  # refund_over_original
    refunds.refund(parts, 8000)
    refunds.refund(parts, 8000 - 1)  # refund_cumulative_over
    refunds.refund(twice)
    refunds.refund(twice)  # dup_refund
    refunds.refund(other, card_token="k1:other", pan_masked="621700******9999")  # refund_other_card
    refunds.void(undone)
    refunds.refund(undone)  # refund_of_voided
    refunds.refund(over, 100, orig_rrn="112233445566", card_token="k1:f", pan_masked=None)  # refund_no_original
    elsewhere = Till(terminal="10000004", merchant=OTHER_MERCHANT, stan=400, now=moment("2026-11-21 12:00:00"))
    elsewhere.refund(debits.sale(4300, card=9, at="2026-11-21 22:10:00"), at="22:20:00")  # refund_other_merchant
    elsewhere.stan += 2
    elsewhere.sale(100, card=10)  # stan_gap
    return [debits, voids, refunds, elsewhere]


def quiet_days(seed: int, sales: int = 30) -> Till:
    """Two days without a fault: sales of several cards and prices, refusals, lost answers that were taken back,
    voids, part refunds, and true settlements.
    """
    chance = random.Random(seed)
    till = Till(
        terminal=f"{seed % 10**8:08d}",
        stan=chance.randrange(1, 999999),
        step=dt.timedelta(seconds=130),
        signed_in=False,
    )
    for day in (21, 22):
        till.at(f"2026-11-{day} 09:00:00").event("SIGN_IN", batch_no=chance.choice((till.batch, 0)))
        for number in range(sales):
            told: dict[str, Any] = {
                "card": chance.randrange(1, 10**6),
                "atc": chance.randrange(1, 60000),
                "aid": "A000000333010101",
            }
            fen = chance.choice((1500, 1800, 2200, 36840 + number))
            match chance.randrange(10):
                case 0:
                    till.sale(fen, **told, code=chance.choice(("51", "55", "61")))
                    till.sale(fen, **told | {"atc": told["atc"] + 1})
                case 1:
                    till.reverse(till.sale(fen, **told, code=None), chance.choice(("00", "25")))
                    till.sale(fen, **told | {"atc": told["atc"] + 1})
                case 2:
                    till.void(till.sale(fen, **told))
                case 3:
                    sale = till.sale(fen, **told)
                    till.refund(sale, fen // 3)
                    till.refund(sale, fen - fen // 3)
                case 4:
                    till.event("ECHO", batch_no=None)
                case _:
                    till.sale(fen, **told)
        till.settle()
    return till

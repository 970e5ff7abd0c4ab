import datetime as dt

import pytest

from ingest.simulator.host import Host, clearing_day, mti_of_answer
from ingest.simulator.journal import Totals
from ingest.simulator.scenario import Order
from ingest.simulator.till import Till
from tests.ingest.simulator.test_terminal import play


def responses(till: Till) -> list[str]:
    return [answer.response for answer in play(till)[2][1::2] if answer is not None]


def test_answers_add_ten_to_the_request():
    """0200 is answered by 0210, 0820 by 0830."""
    assert [mti_of_answer(mti) for mti in ("0200", "0400", "0820")] == ["0210", "0410", "0830"]


def test_an_honest_host_refuses_a_second_void(till):
    """12: the sale is voided already."""
    card = till.card()
    sale = till.sale(card, 5_000)
    till.void(sale, card)
    till.void(sale, card)
    assert responses(till) == ["00", "00", "12"]


def test_an_honest_host_refuses_a_void_of_another_amount_or_day(till):
    """64 and 22."""
    card = till.card()
    sale = till.sale(card, 5_000)
    till.void(sale, card, amount=4_000)
    till.at(till.now.date(), "23:30:00")
    till.void(sale, card)
    assert responses(till) == ["00", "64", "22"]


def test_an_honest_host_refuses_a_void_after_settlement(till):
    """22: the batch is settled."""
    card = till.card()
    sale = till.sale(card, 5_000)
    till.settle()
    till.void(sale, card)
    assert responses(till)[-1] == "22"


def test_an_honest_host_bears_refunds_up_to_the_sale(till):
    """13 beyond it, 14 for another card, 25 without a sale."""
    card, other = till.card(), till.card()
    sale = till.sale(card, 5_000)
    declined = till.sale(card, 5_000, orders=[Order("0200", "decline", "51")])
    till.refund(sale, card, 3_000)
    till.refund(sale, card, 2_001)
    till.refund(sale, other, 1_000)
    till.refund(declined, card, 1_000)
    till.refund(sale, card, 2_000)
    assert responses(till) == ["00", "51", "00", "13", "14", "25", "00"]


def test_a_completion_is_borne_up_to_115_percent(till):
    """Exactly 115 % passes, one fen more does not."""
    card = till.card()
    hold = till.do("preauth", card=card, amount=10_000)
    till.do("completion", card=card, of=hold, amount=11_501)
    till.do("completion", card=card, of=hold, amount=11_500)
    assert responses(till) == ["00", "13", "00"]


def test_orders_override_the_ledger(till):
    """Told to approve, the host looks at nothing."""
    card = till.card()
    sale = till.sale(card, 5_000)
    till.void(sale, card, amount=1, orders=[Order("0200", "approve")])
    assert responses(till) == ["00", "00"]


def test_a_partial_approval_says_so(till):
    """F39 = 10, F4 is what was approved, and that is what is counted."""
    till.sale(till.card(), 20_000, orders=[Order("0200", "partial", "12000")])
    terminal, host, heard = play(till)
    assert heard[1].fields[39] == "10"
    assert heard[1].fields[4] == "000000012000"
    assert terminal.totals == host.totals("10010001", 7) == Totals(rmb_debit_amount=12_000, rmb_debit_count=1)


def test_a_reversal_of_nothing_is_answered_25(till):
    """The request never arrived."""
    till.sale(till.card(), 5_000, orders=[Order("0200", "lose")])
    till.do("echo")
    assert responses(till) == ["25", "00"]


def test_reference_numbers_do_not_depend_on_other_terminals(till):
    """They count by terminal, so lines may run at any speed."""
    till.sale(till.card(), 5_000)
    alone = play(till)[2][1].fields[37]
    busy = Host()
    for _ in range(5):
        request = play(till)[2][0]
        busy.handle(type(request)(request.mti, {**request.fields, 41: "10010009"}, request.at))
    assert play(till, host=busy)[2][1].fields[37] == alone
    assert len(alone) == 12


@pytest.mark.parametrize(("time", "days"), [("22:59:44", 0), ("22:59:45", 1), ("23:30:00", 1), ("00:10:00", 0)])
def test_the_clearing_day_turns_a_little_before_eleven(time, days):
    """The host's own clock cuts at 22:59:45."""
    day = dt.date(2026, 11, 21)
    at = dt.datetime.combine(day, dt.time.fromisoformat(time), dt.UTC)
    assert clearing_day(at) == day + dt.timedelta(days=days)

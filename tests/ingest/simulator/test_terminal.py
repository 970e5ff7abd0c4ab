import datetime as dt
from typing import Any

import pytest

from ingest.keys import create_keys
from ingest.landing import land
from ingest.simulator.draft import Draft, tlv_value
from ingest.simulator.host import Host
from ingest.simulator.journal import Totals
from ingest.simulator.scenario import Order, Record
from ingest.simulator.terminal import Terminal
from ingest.simulator.till import LOST, Till
from protocols.facts import facts
from protocols.profile import load_profile
from tests.ingest.landingshop import Shop


def play(till: Till, terminal: Terminal | None = None, host: Host | None = None) -> tuple[Terminal, Host, list[Any]]:
    """Play a till's steps in memory; every message in its order, None for an answer that never came."""
    records: dict[str, Record] = {}
    terminal = terminal or Terminal(till.seat, records)
    host = host or Host()
    heard: list[Any] = []
    for step in till.steps:
        host.order(till.seat.terminal_id, step.orders)
        draft = terminal.start(step)
        while draft is not None:
            reply = host.handle(draft)
            answer = reply.answer if reply.delivered else None
            heard += [draft, answer]
            draft = terminal.receive(answer)
    return terminal, host, heard


def requests(heard: list[Any]) -> list[Draft]:
    return [message for message in heard[::2] if message is not None]


def test_a_sale_carries_the_fields_of_its_entry_mode(till):
    """Stripe: track 2 and no F2; chip: F2, F23, F55 with the card's counter; contactless without PIN: F22 = 072."""
    card = till.card()
    till.sale(card, 1_234, entry="mag")
    till.sale(card, 1_234, entry="chip")
    till.sale(card, 1_234, entry="contactless", pin=False)
    stripe, chip, wave = (message.fields for message in requests(play(till)[2]))
    assert stripe[22] == "021"
    assert 2 not in stripe
    assert 55 not in stripe
    assert stripe[35].startswith(card.pan + "D")
    assert chip[22] == "051"
    assert chip[2] == card.pan
    counters = [int(tlv_value(fields[55], "9F36") or "", 16) for fields in (chip, wave)]
    assert counters[1] == counters[0] + 1
    assert wave[22] == "072"
    assert 52 not in wave
    assert {fields[4] for fields in (stripe, chip, wave)} == {"000000001234"}
    assert [fields[11] for fields in (stripe, chip, wave)] == ["000100", "000101", "000102"]


def test_a_lost_answer_is_reversed_before_the_next_online_message(till):
    """The reversal keeps the sale's trace number, says 98, and carries neither track nor PIN."""
    till.sale(till.card(), 5_000, orders=[Order("0200", "drop")])
    till.do("echo")
    terminal, host, heard = play(till)
    sale, reversal, echo = requests(heard)
    assert [sale.mti, reversal.mti, echo.mti] == ["0200", "0400", "0820"]
    assert reversal.fields[11] == sale.fields[11]
    assert reversal.fields[39] == "98"
    assert not {26, 35, 36, 37, 52, 53} & set(reversal.fields)
    assert heard[3].fields[39] == "00"
    assert not host.bookings[0].live
    assert terminal.totals == Totals()


def test_a_reversal_is_sent_three_times_and_given_up(till):
    """Three times the same bytes, then the waiting sale goes out, and the reversal never comes back."""
    till.sale(till.card(), 5_000, orders=[Order("0200", "drop")])
    till.sale(till.card(), 6_000, orders=[LOST, LOST, LOST])
    till.do("echo")
    terminal, _, heard = play(till)
    assert [message.mti for message in requests(heard)] == ["0200", "0400", "0400", "0400", "0200", "0820"]
    assert len({str(sorted(message.fields.items())) for message in requests(heard)[1:4]}) == 1
    assert not terminal.reversal_waiting


@pytest.mark.parametrize("code", ["00", "12", "25"])
def test_a_reversal_ends_with_each_code_that_means_done(till, code):
    """00, 12 and 25 end it at the first answer."""
    till.sale(till.card(), 5_000, orders=[Order("0200", "lose")])
    till.do("echo", orders=[Order("0400", "decline", code)])
    assert [message.mti for message in requests(play(till)[2])] == ["0200", "0400", "0820"]


def test_a_refund_and_a_balance_leave_no_reversal(till):
    """Neither an advice nor an inquiry is ever reversed."""
    card = till.card()
    sale = till.sale(card, 5_000)
    till.refund(sale, card, orders=[Order("0220", "drop")])
    till.do("balance", card=card, orders=[Order("0200", "drop")])
    terminal, _, _ = play(till)
    assert not terminal.reversal_waiting


def test_a_power_cut_loses_the_reversal(till):
    """After it the next message is the next sale's."""
    till.sale(till.card(), 5_000, orders=[Order("0200", "drop")])
    till.do("power_cut")
    till.do("sign_in")
    assert [message.mti for message in requests(play(till)[2])] == ["0200", "0800"]


def test_a_distrusted_approval_is_reversed_and_not_counted(till):
    """A bad MAC: reason A0, nothing in the totals."""
    till.sale(till.card(), 5_000, quirk="bad_mac")
    till.do("echo")
    terminal, host, heard = play(till)
    assert requests(heard)[1].fields[39] == "A0"
    assert terminal.totals == host.totals(till.seat.terminal_id, 7) == Totals()


def test_void_and_refund_name_their_original(till):
    """A void: F61 batch and trace, F38; a refund: F37, and F61 with the date; the amount is the original's."""
    card = till.card()
    sale = till.sale(card, 5_000)
    till.void(sale, card)
    other = till.sale(card, 6_000)
    till.refund(other, card, 2_000)
    heard = play(till)[2]
    first, void, second, refund = requests(heard)
    assert void.fields[61] == "000007" + first.fields[11]
    assert void.fields[38] == heard[1].fields[38]
    assert void.fields[4] == first.fields[4]
    assert refund.fields[61] == "000007" + second.fields[11] + "1121"
    assert refund.fields[37] == heard[5].fields[37]
    assert [message.response for message in heard[1::2]] == ["00"] * 4


def test_a_voided_sale_stays_in_debit_and_its_void_is_credit(till):
    """The totals of docs/protocols.md."""
    card = till.card()
    sale = till.sale(card, 5_000)
    till.void(sale, card)
    terminal, _, _ = play(till)
    assert terminal.totals == Totals(
        rmb_debit_amount=5_000, rmb_debit_count=1, rmb_credit_amount=5_000, rmb_credit_count=1
    )


def test_settlement_that_balances_ends_the_batch(till):
    """0500, then 0320 with 207, then a new batch number and an empty journal."""
    till.sale(till.card(), 5_000)
    till.settle()
    terminal, _, heard = play(till)
    assert [(m.mti, m.fields[60][8:]) for m in requests(heard)[1:]] == [("0500", "201"), ("0320", "207")]
    assert requests(heard)[2].fields[48] == "0001"
    assert terminal.batch_no == 8
    assert terminal.journal == []


def test_false_totals_are_told_and_the_batch_is_uploaded(till):
    """The host says unbalanced; stripe records go in lists, chip records one by one under their own trace number."""
    till.sale(till.card(), 5_000, entry="mag")
    till.sale(till.card(), 6_000)
    till.settle(falsify={"rmb_debit_count": 1})
    _, _, heard = play(till)
    _, chip, settle, lists, record, end = requests(heard)
    assert settle.fields[48] == "000000011000" + "003" + "0" * 15 + "0" + "0" * 31
    assert heard[5].fields[48] == "000000011000" + "002" + "0" * 15 + "2" + "0" * 30 + "1"
    assert lists.fields[60][8:] == "201"
    assert len(lists.fields[48]) == 2 + 40
    assert record.fields[60][8:] == "205"
    assert record.fields[11] == chip.fields[11]
    assert end.fields[60][8:] == "202"


def test_a_settlement_without_an_answer_is_sent_once_more(till):
    """Same totals under a new trace number."""
    till.sale(till.card(), 5_000)
    till.settle(orders=[Order("0500", "drop")])
    _, first, second, end = requests(play(till)[2])
    assert first.fields[48] == second.fields[48]
    assert int(second.fields[11]) == int(first.fields[11]) + 1
    assert end.mti == "0320"


def test_trace_numbers_wrap_to_one(till):
    """999999 is followed by 1."""
    for _ in range(3):
        till.do("echo")
    terminal = Terminal(till.seat, {})
    terminal.stan = 999_999
    assert [m.fields[11] for m in requests(play(till, terminal)[2])] == ["999999", "000001", "000002"]


def test_the_host_assigns_the_batch_at_sign_in(till):
    """A jump of 37 is taken over."""
    till.do("sign_in", orders=[Order("0800", "jump", "37")])
    terminal, _, _ = play(till)
    assert terminal.batch_no == 44


def test_a_repeated_request_is_the_same_to_the_bit(till):
    """With an honest host one answer too, and one entry in the journal; told to book again, two."""
    till.sale(till.card(), 5_000, quirk="repeat_answered")
    till.sale(till.card(), 6_000, quirk="repeat_answered", orders=[Order("0200", "plain"), Order("0200", "again")])
    terminal, _, heard = play(till)
    assert heard[0].fields == heard[2].fields
    assert heard[1].fields == heard[3].fields
    assert heard[4].fields == heard[6].fields
    assert heard[5].fields[37] != heard[7].fields[37]
    assert terminal.totals.rmb_debit_count == 3


def test_time_moves_with_answers_and_timeouts(till):
    """A message is never earlier than the one before it, and a timeout takes 30 seconds."""
    till.sale(till.card(), 5_000, orders=[Order("0200", "drop")])
    till.sale(till.card(), 6_000, orders=[LOST, LOST, LOST])
    times = [message.at for message in requests(play(till)[2])]
    assert times == sorted(times)
    assert times[2] - times[1] == dt.timedelta(seconds=30)


def test_an_answer_before_any_step_is_a_bug(till):
    """Receiving before starting is refused."""
    with pytest.raises(RuntimeError, match="before start"):
        Terminal(till.seat, {}).receive(None)


def test_an_offline_sale_and_a_tip_are_told_and_counted(till):
    """0220 with 60.1 = 30 and 34; the tip in F48 and in the original's amount; the settlement still balances."""
    card, other = till.card(), till.card()
    sold = till.sale(card, 10_000)
    till.offline_sale(other, 5_000)
    till.tip(sold, card, 1_500)
    till.settle()
    terminal, _, heard = play(till)
    _, offline, tip, settlement, end = requests(heard)
    profile = load_profile("unionpay")
    told = [facts(profile.decode(profile.build(each.mti, each.fields))) for each in (offline, tip)]

    assert [each.txn_type for each in told] == ["OFFLINE_SALE", "ADJUST"]
    assert (told[1].amount_fen, told[1].tip_fen, told[1].orig_stan) == (11_500, 1_500, terminal.records[sold].stan)
    assert Totals.parse(settlement.fields[48]).rmb_debit_amount == 16_500
    assert end.fields[60].endswith("207")


def test_a_tip_beyond_a_fifth_is_refused(till):
    """The host's answer is 13, and the journal keeps the sale's own amount."""
    card = till.card()
    till.tip(till.sale(card, 10_000), card, 2_100)
    terminal, _, heard = play(till)

    assert heard[-1].response == "13"
    assert [entry.amount for entry in terminal.journal] == [10_000]


def test_an_unbalanced_batch_lands_as_rows_tied_to_its_sales(till, tmp_path):
    """What the terminal uploads is read back: a list and a chip record, each the sale that was seen."""
    stripe, chip = till.card(), till.card()
    labels = [till.sale(stripe, 1_234, entry="mag"), till.sale(chip, 5_678)]
    till.settle(falsify={"rmb_debit_amount": 100})
    terminal, _, heard = play(till)
    profile = load_profile("unionpay")
    shop = Shop(tmp_path, create_keys(tmp_path / "key"))
    shop.seal([(at, "tx" if at % 2 else "rx", profile.build(each.mti, each.fields)) for at, each in enumerate(heard)])
    land(shop.settings)

    seen = {row["stan"]: row for row in shop.rows("transactions")}
    uploads = {row["stan"]: row for row in shop.rows("batch_uploads")}
    assert set(uploads) == {terminal.records[label].stan for label in labels} == set(seen)
    for stan, row in uploads.items():
        assert row["transaction_id"] == seen[stan]["transaction_id"]
        assert row["amount_fen"] == row["transaction_amount_fen"] == seen[stan]["amount_fen"]
        assert row["pan_masked"] == seen[stan]["pan_masked"]
        assert row["card_token"] == seen[stan]["card_token"]
    assert sorted(row["reason"] for row in uploads.values()) == ["chip, unbalanced", "list"]

import datetime as dt
import itertools
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import UsageError
from ingest.simulator.cards import Wallet
from ingest.simulator.rehearsal import rehearse
from ingest.simulator.scenario import take_seats, truth_lines
from ingest.simulator.scenarios import MERCHANTS, write_scenario
from ingest.simulator.scenarios.trade import CAFE_TRADE, STORE_TRADE, trade
from ingest.simulator.till import Till
from protocols.profile import load_profile
from tests.ingest.simulator.conftest import DAY, SEAT
from tests.ingest.simulator.test_terminal import play

RULES = {
    "dup_stan_resent",
    "dup_same_atc",
    "dup_card_amount_window",
    "retry_after_unknown",
    "reversal_exhausted",
    "void_no_original",
    "void_amount_mismatch",
    "double_void",
    "void_after_settlement",
    "void_cross_day",
    "refund_no_original",
    "refund_over_original",
    "refund_cumulative_over",
    "dup_refund",
    "refund_other_card",
    "refund_other_merchant",
    "refund_of_voided",
    "batch_total_count_mismatch",
    "batch_total_amount_mismatch",
    "stan_gap",
    "late_settlement",
}


@pytest.fixture(scope="module")
def shop(four_seats):
    """The shop day of seed 1, written and rehearsed."""
    scenario = write_scenario("shop-day", four_seats, DAY, 1)
    return scenario, rehearse(scenario)


def test_the_shop_day_has_a_fault_and_a_hard_negative_for_each_rule(shop):
    """Every rule of this day can fire, and can fire wrongly."""
    scenario, _ = shop
    faults = {claim.rule for claim in scenario.claims if claim.kind == "fault"}
    harmless = {claim.rule for claim in scenario.claims if claim.kind == "hard_negative"}
    assert faults == RULES
    assert harmless == RULES


def test_the_truth_names_rows_that_were_on_the_line(shop):
    """Each accused row is a request of that terminal with that batch and trace number; a gap is of none."""
    scenario, rehearsal = shop
    on_line = Counter(
        (s.draft.fields[41], int(s.draft.fields[60][2:8]), int(s.draft.fields[11]))
        for s in rehearsal.heard
        if s.is_request
    )
    stans = {(terminal, stan) for terminal, _, stan in on_line}
    for row in truth_lines(scenario.claims, rehearsal.records):
        key = (row["terminal_id"], row["batch_no"], row["stan"])
        if row["rule"] == "stan_gap" and row["kind"] == "fault":
            assert not {(row["terminal_id"], row["stan"] + missing) for missing in range(3)} & stans
        else:
            assert on_line[key] >= 1, row
        assert row["merchant_id"] in MERCHANTS


def test_no_other_trace_number_is_missing(shop):
    """Apart from the fault each terminal's trace numbers are without a gap; one of them wraps."""
    _, rehearsal = shop
    wrapped = 0
    for line in ("lane-1", "lane-2", "lane-3", "lane-4"):
        stans = [int(s.draft.fields[11]) for s in rehearsal.heard if s.is_request and s.seat.line == line]
        seen: list[int] = []
        for stan in stans:
            if stan not in seen:
                seen.append(stan)
        steps = [(after - before) % 999_999 for before, after in itertools.pairwise(seen)]
        wrapped += 999_999 in seen and 1 in seen
        assert Counter(steps) - Counter({1: len(steps)}) == Counter({4: 1} if line == "lane-4" else {})
    assert wrapped == 1


def test_every_message_is_built_and_read_back(shop):
    """Each message decodes to the fields it was built from, in its own profile's envelope."""
    _, rehearsal = shop
    for sent in rehearsal.heard:
        profile = load_profile(sent.seat.profile)
        message = profile.decode(profile.build(sent.draft.mti, sent.draft.fields))
        assert message.mti == sent.draft.mti
        assert message.fields == dict(sent.draft.fields)


def test_the_same_seed_is_the_same_day(four_seats):
    """Seed, seats and day decide everything; another seed is another day."""
    first, same, other = (rehearse(write_scenario("shop-day", four_seats, DAY, seed)).heard for seed in (3, 3, 4))
    assert first == same
    assert first != other


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", ["shop-day", "quiet-day"])
def test_any_seed_can_be_written(four_seats, name, seed):
    """No storyboard overtakes its own clock; two tills are settled at the end, two are still open."""
    rehearsal = rehearse(write_scenario(name, four_seats, DAY, seed))
    assert {line for line, terminal in rehearsal.terminals.items() if terminal.journal} == {"lane-2", "lane-4"}
    assert not any(terminal.reversal_waiting for terminal in rehearsal.terminals.values())


@pytest.mark.parametrize("seed", range(12))
def test_the_quiet_day_balances(four_seats, seed):
    """No faults, and the host agrees with every settlement."""
    scenario = write_scenario("quiet-day", four_seats, DAY, seed)
    assert {claim.kind for claim in scenario.claims} == {"hard_negative"}
    answers = [s.draft.fields[48] for s in rehearse(scenario).heard if s.draft.mti == "0510"]
    assert answers
    assert {(digits[30], digits[61]) for digits in answers} == {("1", "1")}


@pytest.mark.parametrize("name", ["shop-day", "quiet-day"])
def test_no_pair_of_sales_looks_alike_by_accident(four_seats, name):
    """Two live sales on one card for one amount within the hour are only those that a storyboard put there."""
    scenario = write_scenario(name, four_seats, DAY, 1)
    named = {(row["terminal_id"], row["stan"]) for row in truth_lines(scenario.claims, rehearse(scenario).records)}
    seen: dict[tuple[str, str], list[tuple[dt.datetime, str, int]]] = {}
    for sent in rehearse(scenario).heard:
        draft = sent.draft
        if draft.mti == "0210" and draft.fields[60][:2] == "22" and draft.approved:
            key = (draft.fields[2], draft.fields[4])
            seen.setdefault(key, []).append((draft.at, draft.fields[41], int(draft.fields[11])))
    for sales in seen.values():
        if len(sales) > 1 and len(set(sales)) > 1:
            assert {(terminal, stan) for _, terminal, stan in sales} & named, sales


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from((CAFE_TRADE, STORE_TRADE)))
def test_host_and_terminal_agree_on_honest_trade(seed, prices):
    """Whatever the seed: with every answer in or reversed, the host's ledger is the terminal's totals."""
    rng = random.Random(seed)
    till = Till(SEAT, rng, Wallet(rng), set())
    till.at(DAY, "08:00:00")
    trade(till, prices, DAY, "20:00:00", 60)
    till.do("echo")  # flushes a last reversal
    terminal, host, _ = play(till)
    assert host.totals(SEAT.terminal_id, SEAT.batch_no) == terminal.totals


def test_traffic_has_no_end(four_seats):
    """As many steps as anybody wants, in the order of the clock, and it cannot be rehearsed."""
    scenario = write_scenario("traffic", four_seats, DAY, 1)
    steps = list(itertools.islice(scenario.steps(four_seats[0]), 700))
    assert len({step.label for step in steps}) == 700
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert sum(step.do == "settle" for step in steps) == 3
    with pytest.raises(ValueError, match="no end"):
        rehearse(scenario)


def test_further_lines_trade_and_nothing_else():
    """Six terminals hold the same faults as four."""
    seats = take_seats([("unionpay", False)], 6, merchants=MERCHANTS)
    six = write_scenario("shop-day", seats, DAY, 1)
    four = write_scenario("shop-day", seats[:4], DAY, 1)
    assert [(claim.rule, claim.label) for claim in six.claims] == [(claim.rule, claim.label) for claim in four.claims]
    assert {s.seat.line for s in rehearse(six).heard} == {f"lane-{number}" for number in range(1, 7)}


def test_an_unknown_scenario_and_too_few_lines_are_told(four_seats):
    """The message names what there is."""
    with pytest.raises(UsageError) as wrong:
        write_scenario("shopday", four_seats, DAY, 1)
    assert "shop-day" in wrong.value.hint
    with pytest.raises(UsageError, match="needs 4 terminals"):
        write_scenario("shop-day", four_seats[:2], DAY, 1)


def test_seats_follow_the_links():
    """A link with ACKs receives; the others relay, listen, relay in turn; two terminals an owner."""
    seats = take_seats([("a", False), ("b", True), ("c", False), ("d", False)], 6, merchants=("M1", "M2"))
    assert [seat.mode for seat in seats] == ["relay", "receive", "listen", "relay", "relay", "receive"]
    assert [seat.merchant_id for seat in seats] == ["M1", "M1", "M2", "M2", "M1", "M1"]
    assert [seat.mode for seat in take_seats([("a", False)], 2, merchants=("M",), modes=("listen",))] == ["listen"] * 2

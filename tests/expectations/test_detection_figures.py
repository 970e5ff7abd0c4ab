"""The figures of the detection benchmark: counted as they are defined, on cases worked out by hand."""

import datetime as dt
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.detection.__main__ import SIZES, beside_whole, mixed, taken_from
from bench.detection.baselines import OURS, Score, compare
from bench.detection.dossiers import Dossiers
from bench.detection.figures import calibrate, total, world
from bench.detection.keep import REPORTING, ROOT
from bench.detection.match import Matched, Share, Weighed
from bench.detection.outcome import Order, Outcome
from bench.detection.overlap import Overlap, overlap
from bench.detection.paired import paired
from bench.detection.pipeline import FIVE_PERCENT, Perturbation
from bench.detection.report import _right, _seeds, _told
from bench.detection.truth import Truth

if TYPE_CHECKING:
    import pyarrow as pa

NOON = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)


def test_a_bootstrap_of_two_merchants_has_the_four_draws_that_there_are():
    """Of two merchants one is drawn twice in a quarter of the draws each: the difference of 1, 1/2 or 0, by hand.

    Ours finds the one fault of each; theirs none at the first, that of the second, and flags a sale wrongly there.
    """
    ours = [Score(1, 1, 0, 10), Score(1, 1, 0, 10)]
    theirs = [Score(1, 0, 0, 10), Score(1, 1, 1, 10)]

    found = paired({"theirs": theirs, OURS: ours}, OURS)["theirs"]

    assert (found.recall.value, found.recall.low, found.recall.high) == (0.5, 0.0, 1.0)
    # 1 of 1 against 1 of 2 flags; the draw of the first alone has flagged nothing and is no number
    assert (found.precision.value, found.precision.low, found.precision.high) == (0.5, 0.5, 0.5)
    # 200 ppm x 1/2 against 999,800 ppm x 1/20 wrong flags a sale: 100 / (100 + 49,990)
    assert found.at_200_ppm.value == pytest.approx(1 - 100 / 50090)


def test_what_differs_alike_at_every_merchant_has_no_interval():
    """Merchants differ from 0 to 90 % of recall, both ways alike: ours is better by a tenth, in every draw."""
    theirs = [Score(10, hits, 0, 100) for hits in range(10)]
    ours = [Score(10, hits + 1, 0, 100) for hits in range(10)]

    recall = paired({"theirs": theirs, OURS: ours}, OURS)["theirs"].recall

    assert [recall.value, recall.low, recall.high] == pytest.approx([0.1, 0.1, 0.1])


def test_the_bootstrap_s_interval_is_the_binomial_s():
    """A hundred merchants of one fault, theirs finds half: the share of those drawn is binomial, 0.5 +- 0.098."""
    theirs = [Score(1, place % 2, 0, 10) for place in range(100)]
    ours = [Score(1, 1, 0, 10)] * 100

    recall = paired({"theirs": theirs, OURS: ours}, OURS)["theirs"].recall

    assert recall.value == 0.5
    assert recall.low == pytest.approx(0.402, abs=0.015)
    assert recall.high == pytest.approx(0.598, abs=0.015)


def test_the_bootstrap_is_the_same_each_time():
    """The seed is fixed, and no baseline's draws hang on which others there are."""
    theirs, others = [Score(1, place % 3 > 0, place % 2, 9) for place in range(30)], [Score(1, 0, 1, 9)] * 30
    ours = [Score(1, 1, 0, 9)] * 30

    alone = paired({"theirs": theirs, OURS: ours}, OURS)["theirs"]

    assert paired({"others": others, "theirs": theirs, OURS: ours}, OURS)["theirs"] == alone


def test_a_way_is_counted_at_each_merchant():
    """Two merchants: one debited twice within a minute, the other sold two coffees alike a minute apart."""
    truth = Truth()
    fault = truth.open("fault", "paid_twice", "M1", rules=["dup_same_atc"])
    for stan in ("1", "2"):
        truth.mark(fault, ("T1", "7", stan))
    sales = [("M1", "T1", 1, 0), ("M1", "T1", 2, 60), ("M1", "T1", 3, 9000)]
    sales += [("M2", "T2", 1, 0), ("M2", "T2", 2, 60)]
    told = compare(truth, approved(sales), {fault.number: True}, {"M2": 3})

    assert told["Authorize.Net, 120 s"] == {"M1": Score(1, 1, 0, 1), "M2": Score(0, 0, 1, 2)}
    assert told["Braintree, 30 s (amount, order)"] == {"M1": Score(1, 0, 0, 1), "M2": Score(0, 0, 0, 2)}
    assert told[OURS] == {"M1": Score(1, 1, 0, 1), "M2": Score(0, 0, 3, 2)}


def test_a_score_s_shares_are_of_its_counts():
    """90 of 100 found, 10 wrong among a thousand: at 200 ppm 180 right of 180 + 9,998."""
    score = Score(60, 50, 4, 400) + Score(40, 40, 6, 600)

    assert (score.recall, score.flagged, score.wrong_of) == (Share(90, 100), Share(90, 100), Share(10, 1000))
    assert score.precision_at(200) == pytest.approx(180 / (180 + 9998))


def approved(sales: list[tuple[str, str, int, int]]) -> "pa.Table":
    """Approved sales of 12.00 by one card, so many seconds after noon."""
    import pyarrow as pa

    return pa.table(
        {
            "transaction_id": [f"{terminal}-{stan}" for _, terminal, stan, _ in sales],
            "merchant_id": [each[0] for each in sales],
            "terminal_id": [each[1] for each in sales],
            "batch_no": [7] * len(sales),
            "stan": [each[2] for each in sales],
            "amount_fen": [1200] * len(sales),
            "order_ref": pa.array([None] * len(sales), pa.string()),
            "event_at": [NOON + dt.timedelta(seconds=each[3]) for each in sales],
            "seen_date": [NOON.date()] * len(sales),
            "card_token": ["k1"] * len(sales),
            "pan_masked": ["622200******1234"] * len(sales),
            "txn_type": ["SALE"] * len(sales),
            "outcome": ["approved"] * len(sales),
        }
    )


@pytest.mark.parametrize(
    ("other", "stan", "kind", "expected"),
    [
        ("T1", 10, "fault", (1, 1, 0)),
        ("T1", 13, "fault", (0, 1, 0)),
        ("T1", 14, "fault", (0, 0, 0)),
        ("T2", 11, "fault", (0, 0, 0)),
        ("T1", 7, "negative", (0, 0, 1)),
        ("T1", 6, "negative", (0, 0, 0)),
    ],
)
def test_a_neighbour_is_three_numbers_away_at_most(other: str, stan: int, kind: str, expected: tuple[int, int, int]):
    """A record in common, a fault or a hard negative at most three numbers away at the same till: of one fault."""
    truth = Truth()
    truth.mark(truth.open("fault", "one", "M"), ("T1", "7", "10"))
    second = truth.open(kind, "other", "M", negative=int(kind == "negative"))  # type: ignore[arg-type]
    truth.mark(second, (other, "7", str(stan)))

    found = overlap(truth)

    faults = 1 + (kind == "fault")
    often = 2 if kind == "fault" else 1  # both faults have the other beside them
    assert found.shared == Share(expected[0] * often, faults)
    assert found.second == Share(expected[1] * often, faults)
    assert found.beside == Share(expected[2], faults)


def test_what_has_no_slip_is_no_neighbour():
    """Fees mark every sale, payouts and deposits have no trace number, and a play that was not acted is nothing."""
    truth = Truth()
    truth.mark(truth.open("fault", "one", "M"), ("T1", "7", "10"))
    for name in ("fee_step", "not_acted"):
        truth.mark(truth.open("fault", name, "M"), ("T1", "7", "10"))
    truth.cases[-1].kind = "dropped"
    truth.mark(truth.open("fault", "payout_late", "M"), ("payout", "P1"))

    assert overlap(truth) == Overlap(Share(0, 1), Share(0, 1), Share(0, 1))


def test_merchants_of_all_worlds_stand_side_by_side():
    """Each way has the same merchants in the same order, though two worlds may use one number."""
    first = {"theirs": {"b": Score(1), "a": Score(2)}, OURS: {"a": Score(2, 1), "b": Score(1, 1)}}
    second = {"theirs": {"a": Score(3)}, OURS: {"a": Score(3, 3)}}

    seen = total(outcome(baselines=each) for each in (first, second))

    assert [each.faults for each in seen.by_merchant["theirs"]] == [2, 1, 3]
    assert [each.faults for each in seen.by_merchant[OURS]] == [2, 1, 3]
    assert seen.baselines[OURS] == Score(6, 5)


def test_evidence_of_all_worlds_is_counted_together():
    """Shares add up, and what was found is told."""
    one = Dossiers(Share(3, 3), Share(2, 3), Share(1, 1), ("a",))
    other = Dossiers(Share(1, 2), Share(2, 2), Share(0, 1), ("b",))

    assert total([outcome(dossiers=one), outcome(dossiers=other)]).dossiers == Dossiers(
        Share(4, 5), Share(4, 5), Share(1, 2), ("a", "b")
    )


def test_every_world_is_told_by_itself():
    """The seed's own counts, in the file's form; one rule is PROVEN, the other the window's."""
    given = outcome(matched=counted(found=8, missed=2, wrong=1))

    assert world(Order("test", 63, 30, 24), given).as_dict() == {
        "split": "test",
        "seed": 63,
        "cast": "whole",
        "proven_precision": [8, 9],
        "proven_recall": [8, 10],
        "window_recall": [1, 4],
        "window_wrong": 5,
        "money": [70, 80],
    }


def test_the_page_names_the_lowest_the_median_and_the_highest_world():
    """Of recalls 0.9, 0.5, 0.8 of seeds 60 to 62, in this order of size; a world without any is left out."""
    worlds = [
        world(Order("test", 60 + place, 30, 24), outcome(matched=counted(found, 10 - found)))
        for place, found in enumerate((9, 5, 8))
    ]
    worlds.append(world(Order("test", 99, 30, 24), outcome()))

    [_, told] = _seeds(worlds)

    assert "PROVEN recall 0.500 (seed 61), 0.800 (seed 62), 0.900 (seed 60)" in told
    assert "99" not in told


@pytest.mark.parametrize("name", SIZES)
def test_no_two_splits_share_a_seed(name: str):
    """Dev and test, and the worlds that something is taken from; each size's dev has every kind that its test has."""
    size = SIZES[name]
    tests, devs = mixed("test", size.test, size), mixed("dev", size.dev, size)
    lost = taken_from(size)

    seeds = [{each.seed for each in orders} for orders in (tests, devs, lost)]
    assert sum(map(len, seeds)) == len(set().union(*seeds))
    assert len(set(tests + devs + lost)) == len(tests + devs + lost)
    mixes = [size.test, size.dev]
    assert [bool(each.accounts) for each in mixes] in ([True] * 2, [False] * 2)
    assert [bool(each.tills) for each in mixes] in ([True] * 2, [False] * 2)


def test_a_way_is_held_against_the_same_worlds_as_they_are():
    """Five per cent is lost in two worlds, one more way is tried in the first: each has its own worlds beside it."""
    late = Perturbation("late", late=0.1)
    orders = [Order("test", seed, 1, 1, how) for how in (Perturbation(), FIVE_PERCENT) for seed in (59, 58)]
    orders.append(Order("test", 59, 1, 1, late))

    found = beside_whole({each: outcome(sales=each.seed + 1000 * bool(each.how.dropped)) for each in orders})

    assert (found["late"].less.worlds, found["late"].whole.sales) == (1, 59)
    assert (found[FIVE_PERCENT.name].less.sales, found[FIVE_PERCENT.name].whole.sales) == (2117, 117)


def test_five_per_cent_lost_is_tried_in_enough_worlds():
    """Some 300 accusations a world: 0 wrong of 1,500 is at most 0.0026 by Wilson, and 3 of 1,500 would be told."""
    lost = taken_from(SIZES["full"])

    assert sum(each.how == FIVE_PERCENT for each in lost) >= 5
    assert sum(each.how == Perturbation() for each in lost) >= 5
    assert Share(0, 1500).interval[1] < 0.005


def test_no_world_passes_through_what_may_change():
    """What `--keep` leaves out of its digest is not even imported where a world is played."""
    script = "import sys, bench.detection.worlds; print(*(m for m in sys.modules if m.startswith('bench.detection')))"
    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True).stdout

    modules = {f"{each.replace('.', '/')}.py" for each in told.split()}
    assert modules & REPORTING == {"bench/detection/keep.py"}
    assert "bench/detection/match.py" in modules
    assert all((Path(ROOT) / each).exists() for each in REPORTING)


def counted(found: int, missed: int, wrong: int = 0) -> Matched:
    """A PROVEN rule's counts; of the window rule 1 of 4 found and 5 wrong; 70 of 80 fen."""
    matched = Matched(money=(70, 80))
    rule = matched.rules["dup_same_atc"]
    rule.found, rule.missed, rule.wrong = found, missed, wrong
    window = matched.rules["dup_card_amount_window"]
    window.found, window.missed, window.wrong = 1, 3, 5
    return matched


def outcome(**given: object) -> Outcome:
    """An outcome of nothing but what is given."""
    return replace(Outcome(Matched(), {}, 0, 0.0, 0, 0, 0, []), **given)  # type: ignore[arg-type]


def test_what_cannot_be_seen_is_no_accusation():
    """Of four pairs one is accused rightly, one for review wrongly; of two nothing is said."""
    weighed = [Weighed(98, True, "PROBABLE"), Weighed(45, False, "POSSIBLE")]
    weighed += [Weighed(35, True, "UNVERIFIABLE"), Weighed(35, False, "UNVERIFIABLE")]

    assert _right(_told(weighed)) == Share(1, 2)


def test_a_bin_s_chance_comes_from_the_one_split_and_is_tried_on_the_other():
    """By hand: dev has 9 of 9 at 98, so 9.5/10 are expected; of test 3 of 4, and 1 of 1 where dev has none (1/2).

    ECE is (4 x 0.20 + 1 x 0.5) / 5, Brier (3 x 0.0025 + 0.9025 + 0.25) / 5.
    """
    dev = [Weighed(98, True, "PROBABLE")] * 9
    test = [Weighed(98, place > 0, "PROBABLE") for place in range(4)] + [Weighed(45, True, "POSSIBLE")]

    found = calibrate(dev, test)

    assert found.ece == pytest.approx(0.26)
    assert found.brier == pytest.approx(0.232)

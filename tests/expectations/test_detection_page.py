"""The page of the detection benchmark's figures: what a reader finds in its tables, from counts given by hand."""

import re
from dataclasses import replace
from pathlib import Path

from bench.detection.baselines import OURS, Score
from bench.detection.fees import FeeFigures
from bench.detection.figures import calibrate, total, world
from bench.detection.match import Matched, Share, Weighed
from bench.detection.outcome import Order, Outcome
from bench.detection.paired import paired
from bench.detection.report import BEGIN, END, Lessened, Results, page, put, text


def results() -> Results:
    """One world: a proven rule with 99 of 100 found and one wrong accusation, the window rule, one missed silence."""
    matched = Matched(money=(990, 1000), cause=Share(9, 10), in_time=Share(19, 20))
    rule = matched.rules["dup_same_atc"]
    rule.found, rule.missed, rule.wrong, rule.proven, rule.wrong_proven = 99, 1, 1, 99, 1
    window = matched.rules["dup_card_amount_window"]
    window.found, window.missed, window.reviewed = 9, 1, 1
    matched.negatives[21], matched.negatives[1] = Share(300, 300), Share(299, 300)
    matched.scores = [Weighed(98, True, "PROBABLE")] * 9 + [Weighed(50, False, "POSSIBLE")]
    matched.plays["answer_lost", "dup_same_atc"] = Share(99, 100)
    ways = {OURS: {"M": Score(10, 9, 0, 990)}, "Braintree, 30 s": {"M": Score(10, 3, 3, 990)}}
    outcome = Outcome(matched, ways, 1000, 2.0, 1100, 2200, 0, [])
    whole = total([outcome])
    less = total([replace(outcome, matched=Matched(rules={"dup_same_atc": replace(rule, found=90, missed=10)}))])
    return Results(
        "small", "make bench-detection SIZE=small", "2 cores", whole, whole, calibrate(whole.scores, whole.scores),
        {"5 % of the records lost": Lessened(less, whole)},
        [world(Order("test", 60, 1, 1), outcome)],
        paired(whole.by_merchant, OURS, resamples=20),
        FeeFigures({"floor": Share(0, 1000)}, Share(97, 100), Share(100, 100), 0),
    )  # fmt: skip


def rows(told: str) -> dict[str, list[str]]:
    """Every row of every table, by its first cell."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in told.splitlines() if line[:1] == "|"]
    return {each[0]: each[1:] for each in cells}


def test_each_figure_stands_beside_its_aim():
    """99 of 100 is 0.990; Wilson's interval of it, from tables, is 0.946 to 0.998."""
    found = rows(page(results()))

    assert found["PROVEN rules of P1: recall"] == [">= 0.99", "0.990 (0.946-0.998)"]
    assert found["PROVEN rules of P1: precision"] == [">= 0.995", "0.990 (0.946-0.998)"]
    assert found["accusations called PROVEN that are wrong"][1].startswith("0.010 ")
    assert found["dup_card_amount_window: recall, alerts"][1].startswith("0.900 ")
    assert found["money recall (yuan of loss accused, P1 and P2)"] == [">= 0.99", "0.9900"]
    assert found["hard negatives that are one thing twice (21, 22, 23, 38)"][1].startswith("1.000 (0.987")
    assert found["false breaks, floor, of 1,000 fees"] == ["0", "0"]


def test_the_review_list_s_first_ten_are_told_with_and_without_their_equals():
    """One of 67 points and twelve of 60, nine of them right: 7 of 10 where the wrong come first, 10 of 13 of all."""
    pairs = [(67, True), *[(60, True)] * 9, *[(60, False)] * 3, *[(50, False)] * 20, (98, True)]
    told = results()
    told.test.scores[:] = [Weighed(score, right, "POSSIBLE") for score, right in pairs]

    found = rows(page(told))
    assert found["dup_card_amount_window: review list, ten highest scores"][1].startswith("0.700 ")
    assert found["dup_card_amount_window: review list, and all equal to the tenth"][1].startswith("0.769 ")


def test_each_rule_negative_and_way_has_a_row():
    """Of 1,000 sales one is accused wrongly: at 200 ppm 198 right stand against 1,000 wrong."""
    found = rows(page(results()))

    assert found["`dup_same_atc`"][:1] + found["`dup_same_atc`"][-1:] == ["100", "0.165"]
    assert found["`dup_card_amount_window` ¹"][2:4] == ["1", "0"]
    assert found["1"] == ["two identical coffees", "0.997 (0.981-0.999)"]
    assert found["5 % of the records lost"][2] == "-9.0 points"
    assert {"Braintree, 30 s", OURS} <= set(found)


def test_every_table_is_whole():
    """As many cells in each row as in its table's head, or Markdown drops them."""
    for table in re.findall(r"(?:^\|.*\n)+", page(results()), re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_the_terminal_shows_what_the_page_says():
    """The same three columns, aligned."""
    lines = text(results()).splitlines()

    assert re.split("  +", lines[1]) == ["PROVEN rules of P1: recall", ">= 0.99", "0.990 (0.946-0.998)"]
    assert len({line.index("0.990 (") for line in lines[:2]}) == 1


def test_what_people_wrote_around_the_figures_stays(tmp_path: Path):
    """Only what stands between the marks is made anew."""
    (tmp_path / "page.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")

    put(tmp_path / "page.md", "new\n")

    assert (tmp_path / "page.md").read_text("utf-8") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"

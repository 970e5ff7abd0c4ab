"""What holds of every shop: no order of rows matters, no split of days, and a day without a fault is silent."""

import datetime as dt
import functools
import itertools
import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from expectations.findings import Finding
from expectations.lifecycle import Shop
from expectations.run import judge
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import Till, moment, tables
from tests.expectations.wholeshops import faulty_shop, quiet_days

SHOP = Shop("Asia/Shanghai", dt.time(23, 0))
FIRST, LAST = dt.date(2026, 11, 1), dt.date(2026, 12, 31)
FEW = settings(
    max_examples=6,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
SEEDS = st.integers(min_value=0, max_value=10**6)

pytestmark = pytest.mark.slow


def found(tills: list[Till], first: dt.date = FIRST, last: dt.date = LAST) -> list[Finding]:
    out = judge(tables(*tills), SHOP, first, last, bench=PlainBench())
    assert out.could_not_run == []
    return out.findings


@functools.cache
def found_in_the_faulty_shop() -> list[Finding]:
    return found(faulty_shop())


@functools.cache
def found_beside_quiet_days() -> list[Finding]:
    return found([*faulty_shop(), quiet_days(7)])


@functools.cache
def found_in_three_days() -> list[Finding]:
    return found(three_days())


def shuffled(tills: list[Till], seed: int) -> list[Till]:
    chance = random.Random(seed)
    chance.shuffle(tills)
    for till in tills:
        for rows in (till.attempts, till.settlements, till.events):
            chance.shuffle(rows)
    return tills


@FEW
@given(SEEDS)
def test_the_order_of_rows_never_changes_what_is_found(seed: int):
    """Segments land in any order."""
    assert found(shuffled([*faulty_shop(), quiet_days(7)], seed)) == found_beside_quiet_days()


@FEW
@given(SEEDS)
def test_quiet_days_have_no_findings(seed: int):
    """Refusals, lost answers taken back, voids, part refunds: the ordinary life of a till."""
    assert found([quiet_days(seed)]) == []


@FEW
@given(st.lists(st.dates(dt.date(2026, 11, 19), dt.date(2026, 11, 24)), max_size=3))
def test_judging_day_by_day_is_judging_all_at_once(cuts: list[dt.date]):
    """However the days are split, every finding is found once."""
    edges = [FIRST, *sorted({*cuts}), LAST + dt.timedelta(days=1)]
    spans = [(one, two - dt.timedelta(days=1)) for one, two in itertools.pairwise(edges)]
    parts = [each for first, last in spans for each in found(three_days(), first, last)]
    assert len(parts) == len({each.finding_id for each in parts})
    by_id = {each.finding_id: each for each in parts}
    assert by_id == {each.finding_id: each for each in found_in_three_days()}


def three_days() -> list[Till]:
    """The faulty shop, and faults whose rows lie on two days."""
    late = Till(terminal="10000009", stan=900, now=moment("2026-11-20 12:00:00"))
    sale = late.sale(5000, card=50)
    lost = late.sale(7700, code=None, card=51, at="2026-11-20 23:58:00")
    late.reverse(lost, None)
    late.sale(7700, card=51, at="2026-11-21 00:05:00")
    late.refund(sale, 3000, at="2026-11-21 10:00:00")
    late.refund(sale, 3000, at="2026-11-23 10:00:00")
    return [*faulty_shop(), late]


@FEW
@given(SEEDS)
def test_a_row_read_twice_changes_nothing(seed: int):
    """At-least-once delivery: duplicates of any rows."""
    tills = [*faulty_shop()]
    chance = random.Random(seed)
    for till in tills:
        for rows in (till.attempts, till.settlements, till.events):
            rows.extend([dict(row) for row in rows if chance.random() < 0.5])
    assert found(tills) == found_in_the_faulty_shop()


@FEW
@given(SEEDS, st.integers(min_value=0, max_value=5), st.integers(min_value=0, max_value=3))
def test_lost_rows_and_lost_answers_are_never_proof(seed: int, rows: int, answers: int):
    """Whatever is lost from quiet days, nothing but the gap itself is PROVEN."""
    till = quiet_days(seed)
    chance = random.Random(seed)
    for row in chance.sample(till.attempts, rows):
        till.attempts.remove(row)
    for row in chance.sample(till.attempts, answers):
        unanswered = dict.fromkeys(("responded_at", "host_dt", "rrn", "auth_code", "response_code"))
        row.update(unanswered, outcome="unknown")
    proven = {each.rule for each in found([till]) if each.certainty == "PROVEN"}
    assert proven <= {"stan_gap"}

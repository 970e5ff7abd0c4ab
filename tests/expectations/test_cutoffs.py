"""The clearing day ends when the acquirer's does (catalogue 2.2, point 6: "config per acquirer")."""

import datetime as dt

import pytest

from expectations.lifecycle import Shop
from expectations.run import judge, shop_of
from ingest.settings import Settings
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import MERCHANT, OTHER_MERCHANT, Till, moment, tables

DAYS = dt.date(2026, 1, 1), dt.date(2026, 12, 31)


def settings(cutoff: str | None) -> Settings:
    """Two shops, one of whose acquirers names its cut-off."""
    return Settings.model_validate(
        {
            "acquirers": [{"name": "early", "cutoff": cutoff}, {"name": "usual"}],
            "merchants": [
                {"id": MERCHANT, "name": "a", "acquirer": "early"},
                {"id": OTHER_MERCHANT, "name": "b", "acquirer": "usual"},
            ],
        }
    )


@pytest.mark.parametrize(("cutoff", "expected"), [("22:00", [MERCHANT]), (None, [])])
def test_a_void_after_the_acquirer_s_own_cut_off_is_of_another_day(cutoff: str | None, expected: list[str]):
    """Sold at 21:50 and voided at 22:20, at two shops: only where the day ended at 22:00 is it too late."""
    tills = [Till(), Till(terminal="87654321", merchant=OTHER_MERCHANT, line="lane-2")]
    for till in tills:
        till.void(till.sale(5000, at="21:50:00"), at="22:20:00")

    found = judge(tables(*tills), shop_of(settings(cutoff)), *DAYS, bench=PlainBench())

    assert found.could_not_run == []
    assert [each.merchant_id for each in found.findings if each.rule == "void_cross_day"] == expected


def test_a_debit_can_be_undone_until_the_acquirer_s_own_cut_off():
    """Taken twice at noon: the one shop has until 22:00, the other until 23:00."""
    tills = [Till(), Till(terminal="87654321", merchant=OTHER_MERCHANT, line="lane-2")]
    for till in tills:
        first = till.sale(8800, at="12:00:00", rrn=f"{till.terminal}0001")
        till.sale(8800, stan=first["stan"], at="12:00:30", rrn=f"{till.terminal}0002")

    found = judge(tables(*tills), shop_of(settings("22:00")), *DAYS, bench=PlainBench()).findings

    until = {each.merchant_id: each.act_by for each in found if each.rule == "dup_stan_resent"}
    assert until == {MERCHANT: moment("2026-11-21 22:00:00"), OTHER_MERCHANT: moment("2026-11-21 23:00:00")}


def test_whose_acquirer_names_none_has_that_of_the_business():
    """Only what differs is kept apart."""
    assert shop_of(settings(None)).cutoffs == {}
    assert shop_of(settings("22:00")) == Shop(
        "Asia/Shanghai", dt.time(23), agreed=shop_of(settings(None)).agreed, cutoffs={MERCHANT: dt.time(22)}
    )

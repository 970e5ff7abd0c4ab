"""A key changed between a sale and what refers to it accuses nobody."""

import datetime as dt
from typing import Any

import pytest

from expectations.lifecycle import Shop
from expectations.parameters import Parameters
from expectations.run import judge
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import Till, tables

FIRST, LAST = dt.date(2020, 1, 1), dt.date(2030, 12, 31)
OLD: dict[str, Any] = {"card_token": "t0a1b2c3d." + "a" * 26, "pan_masked": "622588******0001"}
NEW = {"card_token": "t4e5f6a7b." + "b" * 26, "pan_masked": "622588******0001"}
SAME_KEY = {"card_token": "t0a1b2c3d." + "c" * 26, "pan_masked": "621700******9999"}
OTHER_CARD = {"card_token": "t4e5f6a7b." + "c" * 26, "pan_masked": "621700******9999"}


def rules_found(*tills: Till) -> set[str]:
    shop = Shop("Asia/Shanghai", dt.time(23, 0), {}, {})
    out = judge(tables(*tills), shop, FIRST, LAST, bench=PlainBench(), given=Parameters({}, {}))
    assert out.could_not_run == []
    return {each.rule for each in out.findings}


@pytest.mark.parametrize(("undone_with", "accused"), [(OLD, False), (NEW, False), (SAME_KEY, True), (OTHER_CARD, True)])
def test_a_void_and_a_refund_after_a_rotation(undone_with: dict[str, Any], accused: bool):
    """The same card under another key is the same card; another card is another one, under whatever key."""
    void, refund = Till(terminal="10000001"), Till(terminal="10000002", stan=2000)
    void.void(void.sale(5000, **OLD), **undone_with)
    refund.refund(refund.sale(5000, **OLD), **undone_with)
    found = rules_found(void, refund) & {"void_card_mismatch", "refund_other_card", "void_no_original"}
    assert found == ({"void_card_mismatch", "refund_other_card"} if accused else set())

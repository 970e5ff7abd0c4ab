"""The detection benchmark's plays: every rule has one or stands among those that none can act, and worlds are whole."""

import re
from pathlib import Path

import pytest

from bench.detection.accounts import FEE_RULES
from bench.detection.casts import ACCOUNTS, LONG, TILLS, WHOLE, Cast
from bench.detection.match import match
from bench.detection.payoutplays import PAYOUT_RULES
from bench.detection.pipeline import Remembering
from bench.detection.scene import SPECS
from bench.detection.story import write
from bench.detection.worlds import brands
from expectations.findings import Finding
from protocols.profile import load_profile

DOCS = Path(__file__).parents[2] / "docs"
BESIDES = {"deposit_due_not_returned", "deposit_condition_met", "deposit_terms_changed", "mcc_mismatch",
           "agent_profit_mismatch"}  # fmt: skip
"""What accounts have beside changes of fees and payouts."""


def acted() -> set[str]:
    """The rules that a play must have found."""
    told = [*(each.rules for each in SPECS), *PAYOUT_RULES.values(), *FEE_RULES.values()]
    return BESIDES.union(*told)


def test_every_rule_is_acted_or_said_to_be_not():
    """Each rule of docs/rules.md: by a play, or with its reason in the page's section of those that none can act."""
    rules = set(re.findall(r"^### `(\w+)`", (DOCS / "rules.md").read_text("utf-8"), re.MULTILINE))
    page = (DOCS / "detection.md").read_text("utf-8")
    said = re.search(r"^## Rules that no play acts$(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    assert said
    assert len(rules) >= 116
    assert set(re.findall(r"`(\w+)`", said[1])) & rules == rules - acted()


@pytest.mark.parametrize("cast", [ACCOUNTS, TILLS, LONG], ids=lambda cast: cast.name)
def test_a_cast_names_plays_that_there_are(cast: Cast):
    """A name that no play bears would be left out without a word."""
    assert cast.plays
    assert cast.plays <= {each.name for each in SPECS}


def test_what_eight_days_are_too_short_for_is_acted_in_the_long_worlds():
    """Else the rules that it belongs to are measured in a season alone."""
    too_long = {each.name for each in SPECS if each.days >= WHOLE.days}

    assert too_long == {"hold_forgotten", "completed_after_a_month", "card_s_refund_stuck"}
    assert LONG.plays is not None
    assert too_long < LONG.plays
    assert all(each.days < LONG.days for each in SPECS)


@pytest.mark.parametrize("play", ["refund_at_another_merchant", "completed_at_another_merchant"])
def test_a_world_without_another_merchant_drops_what_needs_one(play: str):
    """One hotel alone: the story ends, and both cases count as neither fault nor silence."""
    cast = Cast("few", plays=frozenset((play,)), sales_a_day=2)

    story = write("test", 8, shops=1, cases=2, profiles=brands(), cast=cast)

    assert [each.kind for each in story.truth.cases if each.name == play] == ["dropped", "dropped"]


def test_what_takes_longer_than_the_story_is_not_put_in():
    """A hold that is forgotten for 31 days is a fault of a season, not of eight days."""
    names = {each.name for each in write("dev", 3, shops=12, cases=1, profiles=brands()).truth.cases}

    assert "hold_forgotten" not in names
    assert "card_s_refund_stuck" not in names
    assert {"code_s_refund_stuck", "completed_after_records_began"} <= names


def test_slips_of_the_finger_are_acted_where_prices_are_not_packed():
    """A cast of the whole catalogue has none, one of accounts has."""
    calm = frozenset(each.name for each in SPECS if each.calm)

    assert WHOLE.plays is None
    assert calm == {"two_zeros_more", "two_zeros_more_and_voided"}
    assert ACCOUNTS.plays == calm


def test_a_profile_that_remembers_says_the_same():
    """The same value of two fields, twice: byte for byte what the profile itself builds."""
    plain, remembering = load_profile("lakala"), Remembering.named("lakala")
    fields = {3: "000000", 11: "000042", 25: "00", 41: "12345678", 42: "898290058140001", 60: "22000001000600"}

    for told in (fields, fields | {3: "000042", 11: "000000"}, fields):
        assert remembering.build("0200", told) == plain.build("0200", told)


def test_a_finding_of_a_line_a_terminal_and_a_merchant_belongs_to_its_case():
    """Noise, old software and a trade that is another's name no record of their own."""
    story = write("dev", 3, shops=1, cases=0, profiles=brands())
    truth = story.truth
    keys = {
        "decode_errors": ("line", "12345678", "2024-02-27"),
        "terminal_software_outdated": ("terminal_software_outdated", "12345678"),
        "mcc_mismatch": ("mcc_mismatch", "390584058120000"),
    }
    for rule, key in keys.items():
        truth.mark(truth.open("fault", rule, "390584058120000", rules=(rule,)), key)

    found = match(truth, [_finding(rule) for rule in keys], set())

    assert {rule: found.rules[rule].found for rule in keys} == dict.fromkeys(keys, 1)
    assert not found.wrong


def _finding(rule: str) -> Finding:
    import datetime as dt

    return Finding(
        finding_id=rule, rule=rule, severity="P3", certainty="PROVEN", merchant_id="390584058120000",
        terminal_id="12345678", business_date=dt.date(2024, 2, 27), amount_at_risk_fen=0, subjects=(), evidence={},
        ruled_out=(), completeness={}, act_by=None, rules_version="1", decoder_version="1",
    )  # fmt: skip

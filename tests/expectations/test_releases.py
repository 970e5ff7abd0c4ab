"""Terminals that run older software than was handed out: what they tell is compared, and told after the days for it."""

import dataclasses
import datetime as dt
from pathlib import Path

import pytest

from expectations import run
from expectations.judging import Judged
from expectations.releases import Running, older, running
from ingest.errors import UsageError
from ingest.releases import Release
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.conftest import SHOP
from tests.expectations.plainlaws import PlainBench
from tests.expectations.reports.reportshop import land, settings_for, shop_week
from tests.expectations.reports.test_software import PUBLIC, frames
from tests.expectations.shopdays import MERCHANT, Till, tables

SINCE = dt.date(2026, 11, 1)
TERMINAL = "10000019"


@pytest.mark.parametrize(
    ("told", "wanted", "is_older"),
    [
        ("V1.9", "V1.10", True),
        ("V1.10", "V1.9", False),
        ("V2", "V2", False),
        ("V2", "V2.0.1", True),
        ("H7062801", "H7070101", True),
        ("H7062801", "V1.10", None),
        ("2.14.15", "2.15", True),
        ("TRIAL", "V1", None),
        ("V", "V1", None),
    ],
)
def test_versions_are_compared_by_their_numbers(told: str, wanted: str, is_older: bool | None):
    """1.9 comes before 1.10; other letters in front are another model's."""
    assert older(told, wanted) is is_older


def judged(*days: int, runs: Running | None = None) -> Judged:
    """A terminal that sold on these days of November, and what it runs."""
    till = Till()
    for day in days:
        till.at(f"2026-11-{day:02} 10:00:00")
        till.sale()
    running = (runs._replace(terminal=till.terminal),) if runs else ()
    shop = dataclasses.replace(SHOP, running=running)
    out = run.judge(tables(till), shop, SINCE, dt.date(2026, 11, 30), bench=PlainBench())
    assert out.could_not_run == []
    out.findings = [each for each in out.findings if each.rule == "terminal_software_outdated"]
    return out


BEHIND = Running(MERCHANT, "", "V1.9", "V1.10", SINCE, is_older=True, is_urgent=False)


def test_an_older_version_is_told_once_on_the_first_day_after_its_days():
    """Fourteen days are allowed: the fifteenth or the first after it on which it is heard is told, and no later one."""
    [found] = judged(2, 15, 17, 20, runs=BEHIND).findings
    assert (found.business_date, found.severity, found.certainty) == (dt.date(2026, 11, 17), "P4", "PROVEN")
    assert (found.merchant_id, found.amount_at_risk_fen) == (MERCHANT, 0)


def test_within_its_days_and_with_that_version_nothing_is_told():
    """The fourteenth day is the last that is allowed; who runs that version or a later one is not told of."""
    assert judged(2, 15, runs=BEHIND).findings == []
    assert judged(2, 20, runs=BEHIND._replace(told="V1.10", is_older=False)).findings == []


def test_an_urgent_release_is_told_louder():
    """It closes a hole."""
    [found] = judged(20, runs=BEHIND._replace(is_urgent=True)).findings
    assert found.severity == "P3"


def test_a_shop_without_a_release_is_unverifiable():
    """It is said once, and accused of nothing."""
    out = judged(20)
    assert ("terminal_software_outdated", "software_version") in {(each.rule, each.needs) for each in out.blind}
    assert out.findings == []


def with_releases(folder: Path, *releases: Release) -> Settings:
    """A shop whose terminal says H7062801 in a public message."""
    settings = settings_for(folder)
    till = shop_week(19)
    for row in till.attempts:
        row.update(terminal_id=TERMINAL, line="lane-1")
    land(settings, till)
    frames(settings, ("10:00", PUBLIC))
    return settings.model_copy(update={"releases": list(releases)})


def test_what_a_real_message_tells_is_held_against_the_release(tmp_path: Path):
    """Its own version is not older, the next one is; of a pilot, another shop or another model nothing is said."""
    own = Release(profile="unionpay", version="H7062801", since=SINCE)
    later = own.model_copy(update={"version": "H7070101", "urgent": True})
    pilot = later.model_copy(update={"pilots": [TERMINAL]})
    elsewhere = later.model_copy(update={"merchants": ["898000000000000"]})
    model = later.model_copy(update={"version": "V2"})
    settings = with_releases(tmp_path, own, later, pilot, elsewhere, model)

    assert running(settings, Lake(settings.lake.uri)) == (
        Running(MERCHANT, TERMINAL, "H7062801", "H7062801", SINCE, is_older=False, is_urgent=False),
        Running(MERCHANT, TERMINAL, "H7062801", "H7070101", SINCE, is_older=True, is_urgent=True),
    )


def test_a_check_tells_of_it(tmp_path: Path):
    """The whole way: settings, the frames in the lake, the finding."""
    late = Release(profile="unionpay", version="H7070101", since=SINCE)
    out = run.check(with_releases(tmp_path, late))

    [found] = [each for each in out.findings if each.rule == "terminal_software_outdated"]
    assert found.business_date == dt.date(2026, 11, 19)
    assert {"H7062801", "H7070101"} <= set(map(str, found.evidence.values()))


@pytest.mark.parametrize("profile", ["nobody", "caisse-ap"])
def test_a_profile_that_tells_no_software_is_an_error_that_names_it(tmp_path: Path, profile: str):
    """Nothing would ever be judged by such a release."""
    settings = with_releases(tmp_path, Release(profile=profile, version="V2", since=SINCE))
    with pytest.raises(UsageError, match=f"releases.0.profile: {profile} "):
        running(settings, Lake(settings.lake.uri))

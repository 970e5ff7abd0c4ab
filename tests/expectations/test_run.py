"""A check from lake to findings table: written once, kept when a rule crashed, whole whatever lands beside it."""

import datetime as dt
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from expectations import engines, lifecycle, run
from expectations.findings import RULES_VERSION, Finding, read_findings
from expectations.lifecycle import Shop
from expectations.lifecycle.reading import InFiles
from expectations.parameters import Parameters
from expectations.rules import RULES
from ingest.errors import LakeError, UsageError
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.checking import fill, sql_of
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import Till, tables
from tests.expectations.wholeshops import faulty_shop

pytestmark = pytest.mark.slow  # whole checks of a lake

FIRST, LAST = dt.date(2026, 11, 21), dt.date(2026, 11, 22)


@pytest.mark.usefixtures("plain_bench")
def test_what_was_found_is_what_is_read_back(settings: Settings):
    """Written by the check, read by the mail: equal values."""
    fill(settings, *faulty_shop())
    result = run.check(settings)
    assert (result.first_day, result.last_day) == (FIRST, LAST)
    assert result.rules_run == [rule.id for rule in RULES.values() if Parameters().judges(rule)]
    assert result.could_not_run == []
    assert result.written
    assert read_findings(settings) == result.findings
    assert {each.rules_version for each in result.findings} == {RULES_VERSION}
    assert result.data_docs == Path(settings.lake.uri).parent / "data-docs" / "index.html"


@pytest.mark.usefixtures("plain_bench")
def test_checking_again_writes_nothing(settings: Settings):
    """The findings are a function of the tables: the second time nothing is new."""
    lake = fill(settings, *faulty_shop())
    first = run.check(settings)
    version = lake.version("findings")
    second = run.check(settings)
    assert second.findings == first.findings
    assert not second.written
    assert lake.version("findings") == version


@pytest.mark.usefixtures("plain_bench")
def test_a_fault_that_was_undone_leaves_the_table(settings: Settings):
    """The void arrives, the finding goes."""
    till = Till()
    first = till.sale(36800)
    second = till.sale(36800, stan=first["stan"], rrn="999900000001")
    lake = fill(settings, till)
    assert [each.rule for each in run.check(settings).findings] == ["dup_stan_resent"]
    till.void(second)
    lake.append("transactions", tables(till)["transactions"].slice(2), app_id="later")
    assert run.check(settings).findings == []
    assert read_findings(settings) == []


@pytest.mark.usefixtures("plain_bench")
def test_a_check_of_one_day_leaves_the_others_alone(settings: Settings):
    """Findings are replaced by business day."""
    fill(settings, *faulty_shop())
    whole = run.check(settings).findings
    assert run.check(settings, start=LAST, end=LAST).findings == [each for each in whole if each.business_date == LAST]
    assert read_findings(settings) == whole
    assert read_findings(settings, FIRST, FIRST) == [each for each in whole if each.business_date == FIRST]


@pytest.mark.usefixtures("plain_bench")
def test_a_finding_may_lie_on_a_day_without_a_row(settings: Settings):
    """The term of a batch ends while the shop is closed: that is the finding's day, replaced like another's."""
    till = Till()
    till.sale()
    till.at("2026-11-25 09:00:00").sale()
    lake = fill(settings, till)
    closed = dt.date(2026, 11, 22)
    found = [each for each in run.check(settings).findings if each.business_date == closed]
    assert closed not in run.business_days(lake)
    assert [each.rule for each in found] == ["late_settlement"]
    assert read_findings(settings, closed, closed) == found
    assert not run.check(settings).written


@pytest.mark.usefixtures("plain_bench")
def test_a_rule_that_crashed_is_named_and_its_findings_stay(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """Not judged is not acquitted; all others run."""
    fill(settings, *faulty_shop())
    before = run.check(settings).findings
    broken = RULES["double_void"]
    monkeypatch.setattr(
        type(broken), "sql", property(lambda self: "SELECT lost" if self.id == "double_void" else sql_of(self.id))
    )
    result = run.check(settings)
    assert [each.name for each in result.could_not_run] == ["double_void"]
    assert "lost" in result.could_not_run[0].reason
    judged = [rule.id for rule in RULES.values() if Parameters().judges(rule)]
    assert result.rules_run == [rule for rule in judged if rule != "double_void"]
    assert "double_void" not in {each.rule for each in result.findings}
    assert read_findings(settings) == before


@pytest.mark.usefixtures("plain_bench")
def test_somebody_elses_commit_in_between_makes_it_judge_again(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """Two checks at once: the slower one looks again and finds that all is written."""
    lake = fill(settings, *faulty_shop())
    replace, calls = Lake.replace, []

    def raced(self: Lake, *args: object, **told: object) -> bool:
        stored = replace(self, *args, **told)  # type: ignore[arg-type]  # passed on as they came
        if args[0] != "findings":
            return stored
        calls.append(1)
        return False

    monkeypatch.setattr(Lake, "replace", raced)
    result = run.check(settings)
    assert len(calls) == 1
    assert read_findings(lake) == result.findings


@pytest.mark.usefixtures("plain_bench")
def test_broken_laws_of_the_tables_are_no_findings(settings: Settings):
    """A short merchant number is a matter of data quality."""
    till = Till(merchant="short")
    till.sale(36800)
    till.sale(100, currency="999")
    till.sale(-5)
    fill(settings, till)
    result = run.check(settings)
    assert result.findings == []
    assert {(each.expectation, each.broken, each.judged) for each in result.quality} == {
        ("ExpectMerchantOfFifteenCharacters", 3, 3),
        ("ExpectKnownCurrency", 1, 3),
        ("ExpectAmountNotNegative", 1, 3),
    }


def test_an_empty_lake_is_nothing_to_check(settings: Settings):
    """And no Great Expectations is loaded for it."""
    result = run.check(settings)
    assert (result.findings, result.data_docs, result.attempts) == ([], None, 0)


def test_days_in_the_wrong_order_are_refused(settings: Settings):
    """With the words to say it right."""
    with pytest.raises(UsageError, match="is before"):
        run.check(settings, start=LAST, end=FIRST)


def test_a_finding_keeps_its_value_through_its_row():
    """Types, zones and order survive JSON."""
    found = run.judge(
        tables(*faulty_shop()), Shop("Asia/Shanghai", dt.time(23)), FIRST, LAST, bench=PlainBench()
    ).findings
    assert [Finding.from_row(each.as_row()) for each in found] == found
    contract = {
        "finding_id", "rule", "severity", "certainty", "merchant_id", "terminal_id", "business_date",
        "amount_at_risk_fen", "subjects", "evidence", "ruled_out", "completeness", "act_by", "rules_version",
        "decoder_version",
    }  # fmt: skip
    for each in found:
        assert set(each.as_dict()) == contract
        assert each.subjects[0].terminal_id == each.terminal_id


@pytest.mark.usefixtures("plain_bench")
def test_a_finding_on_a_day_the_shop_was_closed_is_kept_and_goes_when_its_reason_goes(settings: Settings):
    """A batch that is late on a day without a single message: its finding is written, once, and taken back later."""
    till = Till()
    till.sale()
    till.at("2026-11-24 10:00:00").settle()
    lake = fill(settings, till)
    found = run.check(settings)
    (late,) = (each for each in found.findings if each.rule == "late_settlement")
    assert late.business_date not in run.business_days(lake)
    assert read_findings(settings) == found.findings
    assert not run.check(settings).written
    punctual = Till()
    punctual.sale()
    punctual.at("2026-11-21 22:00:00").settle()
    lake.append("settlements", tables(punctual)["settlements"], app_id="read-late")
    assert [each for each in run.check(settings).findings if each.rule == "late_settlement"] == []
    assert read_findings(settings, late.business_date, late.business_date) == []


@pytest.mark.usefixtures("plain_bench")
def test_what_lands_while_the_tables_are_read_is_judged_whole(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """Between two pieces a void lands: the check reads anew, and does not accuse of what was undone."""
    till = Till()
    till.sale(36800)
    second = till.sale(36800, stan=till.attempts[0]["stan"], rrn="999900000001")
    lake = fill(settings, till)
    till.void(second)
    calls: list[int] = []

    def landing(*given: Any, **told: Any) -> Any:
        linked = lifecycle.link(*given, **told)
        if not calls:
            lake.append("transactions", tables(till)["transactions"].slice(2), app_id="meanwhile")
        calls.append(1)
        return linked

    monkeypatch.setattr(engines, "link", landing)
    assert run.check(settings).findings == []
    assert len(calls) == 2


@pytest.mark.usefixtures("plain_bench")
def test_files_that_are_replaced_while_they_are_read_are_read_anew(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """A day is worked out again between two looks into its file, which is gone: the check sees the void, and no fault.

    A file that nobody put another in the place of is a damaged table.
    """
    till = Till()
    till.sale(36800)
    second = till.sale(36800, stan=till.attempts[0]["stan"], rrn="999900000001")
    lake = fill(settings, till)
    monkeypatch.setattr("expectations.lifecycle.reading.MOST_IN_MEMORY", 0)
    seen: list[int] = []

    def worked_out() -> None:
        rows = tables(till)["transactions"]
        days = rows["business_date"].unique().to_pylist()
        made = lake.replace(
            "transactions", rows, partitions={"business_date": days}, app_id="land", app_version=len(seen)
        )
        assert made

    def landing(given: dict[str, Any], *more: Any, **told: Any) -> Any:
        assert isinstance(given["transactions"], InFiles)
        seen.append(len(given["transactions"].paths))
        if len(seen) == 2:
            till.void(second)
            worked_out()
        if len(seen) == 4:
            given["transactions"].paths[0].unlink()
        return lifecycle.link(given, *more, **told)

    monkeypatch.setattr(engines, "link", landing)
    worked_out()
    assert [each.rule for each in run.check(settings).findings] == ["dup_stan_resent"]
    assert run.check(settings).findings == []
    assert len(seen) == 3
    with pytest.raises(LakeError, match="gone while it was read"):
        run.check(settings)


@pytest.mark.usefixtures("plain_bench")
def test_a_check_without_room_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """No memory and no disk for what is linked: one line with what to do, not a traceback."""
    import duckdb

    fill(settings, *faulty_shop())

    def full(*given: object, **_: object) -> None:
        raise duckdb.OutOfMemoryException(f"Out of Memory Error: {len(given)} more")

    monkeypatch.setattr(engines, "link", full)
    with pytest.raises(LakeError, match="no room: Out of Memory") as told:
        run.check(settings)
    assert "TMPDIR" in told.value.hint


def test_what_a_killed_check_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Old folders of processes that are no more go; those of the living, and young ones, stay."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait(30)
    for name in (
        f"tillwatch-check-{ended.pid}-old",
        f"tillwatch-check-{ended.pid}-young",
        f"tillwatch-check-{os.getpid()}-old",
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "duckdb_temp").write_bytes(b"x")
        if name.endswith("old"):
            os.utime(tmp_path / name, (0, 0))
    lifecycle._sweep_spilt()
    assert {each.name for each in tmp_path.iterdir()} == {
        f"tillwatch-check-{ended.pid}-young",
        f"tillwatch-check-{os.getpid()}-old",
    }

"""``tillwatch check`` and ``findings`` on the command line: what they print, and their exit status."""

import datetime as dt
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from expectations import run
from expectations.commands.alert import SHORTEST
from expectations.commands.check import check as check_command
from expectations.commands.findings import findings as findings_command
from expectations.findings import read_findings
from expectations.rules import RULES
from ingest.settings import Settings
from tests.expectations.checking import fill, sql_of
from tests.expectations.shopdays import Till
from tests.expectations.wholeshops import faulty_shop

pytestmark = pytest.mark.slow  # whole checks of a lake

LAST = dt.date(2026, 11, 22)


@pytest.fixture
def config(settings: Settings, tmp_path: Path) -> str:
    file = tmp_path / "tillwatch.toml"
    file.write_text(f'[lake]\nuri = "{settings.lake.uri}"\n')
    return str(file)


def call(command: object, *words: str) -> Result:
    return CliRunner().invoke(command, list(words))  # type: ignore[arg-type]  # a click command


@pytest.mark.usefixtures("plain_bench")
def test_check_prints_findings_and_exits_with_1(settings: Settings, config: str):
    """Data on stdout, talk on stderr; ``--json`` is the contract's object, one a line."""
    fill(settings, *faulty_shop())
    told = call(check_command, "--config", config)
    assert told.exit_code == 1
    heading, *lines = told.stdout.splitlines()
    assert heading.split()[:4] == ["finding", "severity", "certainty", "rule"]
    found = read_findings(settings)
    assert len(lines) == len(found)
    assert "2026-11-21 10:00:40" in told.stdout
    assert "368.00" in told.stdout
    assert f"{len(found)} findings" in told.stderr
    as_json = call(check_command, "--config", config, "--json")
    assert as_json.exit_code == 1
    assert [json.loads(line) for line in as_json.stdout.splitlines()] == [each.as_dict() for each in found]


@pytest.mark.usefixtures("plain_bench")
def test_check_of_an_innocent_day_exits_with_0(settings: Settings, config: str):
    """Nothing on stdout."""
    till = Till()
    till.sale()
    fill(settings, till)
    told = call(check_command, "--config", config)
    assert (told.exit_code, told.stdout) == (0, "")
    assert "nothing wrong" in told.stderr


@pytest.mark.usefixtures("plain_bench")
def test_check_exits_with_3_when_a_rule_could_not_run(settings: Settings, config: str, monkeypatch: pytest.MonkeyPatch):
    """By name, after all others ran; their findings are printed."""
    fill(settings, *faulty_shop())
    monkeypatch.setattr(
        type(RULES["stan_gap"]), "sql", property(lambda self: "SELECT" if self.id == "stan_gap" else sql_of(self.id))
    )
    told = call(check_command, "--config", config)
    assert told.exit_code == 3
    assert "stan_gap could not run" in told.stderr
    assert "double_void" in told.stdout


def test_check_of_nothing_says_what_to_do(config: str):
    """An empty lake: land first."""
    told = call(check_command, "--config", config)
    assert (told.exit_code, told.stdout) == (0, "")
    assert "tillwatch land" in told.stderr


@pytest.mark.usefixtures("plain_bench")
def test_findings_lists_what_is_stored(settings: Settings, config: str):
    """By day; an empty list says where findings come from."""
    assert "tillwatch check" in call(findings_command, "--config", config).stderr
    fill(settings, *faulty_shop())
    run.check(settings)
    listed = call(findings_command, "--config", config, "--from", str(LAST), "--to", str(LAST), "--json")
    assert listed.exit_code == 0
    days = {json.loads(line)["business_date"] for line in listed.stdout.splitlines()}
    assert days == {str(LAST)}


@pytest.mark.usefixtures("plain_bench")
def test_the_list_has_what_alert_ack_wants(settings: Settings, config: str):
    """Each line of the table begins with enough of the finding's id to acknowledge it."""
    fill(settings, *faulty_shop())
    found = run.check(settings).findings
    heading, *lines = call(findings_command, "--config", config).stdout.splitlines()
    assert heading.split()[0] == "finding"
    shown = [line.split()[0] for line in lines]
    assert len(shown) == len(found)
    for start, each in zip(shown, found, strict=True):
        assert len(start) >= SHORTEST
        assert [other.finding_id for other in found if other.finding_id.startswith(start)] == [each.finding_id]


@pytest.mark.parametrize("command", [check_command, findings_command])
def test_a_day_that_is_none_is_a_usage_error(command: object, config: str):
    """Exit status 2, and an example."""
    told = call(command, "--config", config, "--from", "yesterday")
    assert told.exit_code == 2
    assert "2026-11-21" in told.stderr


@pytest.mark.usefixtures("plain_bench")
def test_days_past_the_records_or_the_calendar_are_told(settings: Settings, config: str):
    """Who asks for a day that nobody has records of hears so, not only that nothing was wrong."""
    past = call(check_command, "--config", config, "--from", "2031-01-01")
    assert "the tables hold no record of any day" in past.stderr
    assert "the calendar of public holidays ends on" in past.stderr
    till = Till()
    till.sale()
    fill(settings, till)
    day = dt.date(2026, 11, 21)
    later = call(check_command, "--config", config, "--from", "2031-01-01")
    assert f"no attempt on these days; there are records of {day} to {day}" in later.stderr
    assert "give --from and --to days among those" in later.stderr
    assert "the calendar of public holidays ends on" in later.stderr
    wider = call(check_command, "--config", config, "--from", "2026-10-01", "--to", "2031-01-01")
    assert wider.exit_code == 0
    assert f"--from 2026-10-01: records begin on {day}" in wider.stderr
    assert f"--to 2031-01-01: records end on {day}; of days without records nothing was judged" in wider.stderr

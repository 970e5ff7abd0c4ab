"""The simulator's shop day, as frames through spool and lake: what is found is exactly what is wrong."""

import datetime as dt
from pathlib import Path

import pytest
from click.testing import CliRunner

from expectations import run
from ingest.commands.replay import replay
from ingest.keys import create_keys
from ingest.landing import land
from ingest.settings import load_settings
from ingest.simulator.rehearsal import rehearse
from ingest.simulator.scenario import Seat, take_seats, truth_lines
from ingest.simulator.scenarios import MERCHANTS, write_scenario
from protocols.profile import load_profile, profiles_speaking
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import captures

pytestmark = pytest.mark.slow

DAY = dt.date(2026, 11, 21)


class Bench(PlainBench):
    """Plain verdicts, no pages."""

    def build_data_docs(self, folder: Path, _: object = None) -> Path:
        return folder


@pytest.fixture
def seats() -> tuple[Seat, ...]:
    return take_seats(
        [(name, load_profile(name).link.ack) for name in profiles_speaking("unionpay")], 4, merchants=MERCHANTS
    )


@pytest.mark.parametrize(("scenario", "seed"), [("shop-day", 1), ("shop-day", 11), ("quiet-day", 1)])
def test_the_findings_are_exactly_the_faults(
    scenario: str, seed: int, seats: tuple[Seat, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A fault of every rule and the hard negatives beside them: no finding more, and none less."""
    monkeypatch.setattr("expectations.suites.ge.Bench", Bench)
    config = tmp_path / "tillwatch.toml"
    config.write_text(
        f'[spool]\ndirectory = "{tmp_path}/spool"\n[lake]\nuri = "{tmp_path}/lake"\n'
        f'[keys]\npan_token = "{tmp_path}/pan-token.key"\n'
    )
    settings = load_settings(config)
    create_keys(settings.keys.pan_token)
    written = write_scenario(scenario, seats, DAY, seed)
    play = rehearse(written)
    for file, profile in captures(play, tmp_path).items():
        told = CliRunner().invoke(replay, [str(file), "--profile", profile, "--config", str(config)])
        assert told.exit_code == 0, told.stderr
    land(settings)

    result = run.check(settings)

    assert result.could_not_run == []
    assert result.quality == []
    faults = [each for each in truth_lines(written.claims, play.records) if each["kind"] == "fault"]
    wrong = {(each["rule"], each["terminal_id"], each["batch_no"], each["stan"]) for each in faults}
    found = [
        (each.rule, each.terminal_id, each.subjects[0].batch_no, each.subjects[0].stan) for each in result.findings
    ]
    assert not (set(found) ^ set(wrong)), sorted(set(found) ^ set(wrong))
    assert sorted(found) == sorted(wrong)
    assert len(faults) == len(wrong)

"""What the batch parts leave for a monitor: a file each, whole, with the last good run in it after a bad one."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest.batch_metrics import METRICS, batch_run, measured
from ingest.errors import UsageError
from ingest.landing import land
from ingest.settings import Settings


def settings_of(folder: Path) -> Settings:
    return Settings.model_validate(
        {
            "spool": {"directory": str(folder / "spool")},
            "lake": {"uri": str(folder / "lake")},
            "metrics": {"directory": str(folder / "metrics")},
        }
    )


def numbers(file: Path) -> dict[str, float]:
    """Sample -> value, as Prometheus' own parser reads it."""
    found = {}
    for family in text_string_to_metric_families(file.read_text("utf-8")):
        assert family.type == "gauge"
        for each in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(each.labels.items()))
            found[f"{each.name}{{{labels}}}"] = each.value
    return found


def test_a_run_leaves_its_numbers(tmp_path: Path):
    """What was told, and when the run began, ended and ended well; for the group to read, not for others."""
    with batch_run(settings_of(tmp_path), "check") as run:
        run.tell("check_findings", 3, "P1", "PROVEN")

    file = tmp_path / "metrics" / "tillwatch_check.prom"
    told = numbers(file)
    assert told["tillwatch_check_findings{certainty=PROVEN,severity=P1}"] == 3
    assert told["tillwatch_run_failed{part=check}"] == 0
    started = told["tillwatch_run_started_timestamp_seconds{part=check}"]
    assert 1_700_000_000 < started <= told["tillwatch_run_ended_timestamp_seconds{part=check}"]
    assert (
        told["tillwatch_run_succeeded_timestamp_seconds{part=check}"]
        == told["tillwatch_run_ended_timestamp_seconds{part=check}"]
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_failed_run_keeps_the_last_good_one(tmp_path: Path):
    """An error goes on its way; what is left says failed, and when it last was well: a monitor's alarm is its age."""
    settings, file = settings_of(tmp_path), tmp_path / "metrics" / "tillwatch_land.prom"
    with batch_run(settings, "land"):
        pass
    good = numbers(file)["tillwatch_run_succeeded_timestamp_seconds{part=land}"]
    with pytest.raises(ZeroDivisionError), batch_run(settings, "land"):
        _ = 1 / 0
    told = numbers(file)
    assert told["tillwatch_run_failed{part=land}"] == 1
    assert told["tillwatch_run_succeeded_timestamp_seconds{part=land}"] == good
    assert told["tillwatch_run_ended_timestamp_seconds{part=land}"] > good
    file.write_bytes(b"\xff{")
    with batch_run(settings, "land") as run:
        run.failed = True
    assert numbers(file)["tillwatch_run_succeeded_timestamp_seconds{part=land}"] == 0


def test_a_folder_that_takes_nothing_stops_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """Money is judged whether or not a monitor hears of it."""
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "tillwatch_land.prom").mkdir()
    with batch_run(settings_of(tmp_path), "land"):
        pass
    assert "metrics cannot be written" in caplog.text


def test_a_file_in_the_folders_place_is_told_before_the_work(tmp_path: Path):
    """A mistake in the settings is told at once, by its name."""
    (tmp_path / "metrics").write_text("")
    with (
        pytest.raises(UsageError, match=r"metrics\.directory: .* is not a folder"),
        batch_run(settings_of(tmp_path), "land"),
    ):
        pytest.fail("the run began")


def test_a_dry_run_is_no_run(tmp_path: Path):
    """Looking at what would be sent does not say that anything was."""
    looked = measured("send", lambda run, settings, result: pytest.fail(f"{run}{settings}{result}"))
    send = looked(lambda settings, *, dry_run: f"{settings.lake.uri}{dry_run}")
    assert send(settings_of(tmp_path), dry_run=True).endswith("True")
    assert not (tmp_path / "metrics").exists()


def test_landing_nothing_is_a_good_run(tmp_path: Path):
    """The part itself leaves its file, with zeros where nothing came."""
    land(settings_of(tmp_path))
    told = numbers(tmp_path / "metrics" / "tillwatch_land.prom")
    assert told["tillwatch_land_segments{}"] == 0
    assert told["tillwatch_run_failed{part=land}"] == 0


def test_a_number_without_its_labels_is_refused(tmp_path: Path):
    """A gauge has the labels it is declared with, or a dashboard finds nothing."""
    with batch_run(settings_of(tmp_path), "check") as run, pytest.raises(ValueError, match="severity"):
        run.tell("check_findings", 1)
    assert all(meaning and not name.startswith("tillwatch") for name, (meaning, _) in METRICS.items())


def test_two_runs_at_once_leave_whole_files(tmp_path: Path):
    """A reader never finds half a file, or none once there was one; no run fails at the other."""
    settings, file = settings_of(tmp_path), tmp_path / "metrics" / "tillwatch_land.prom"
    with batch_run(settings, "land") as run:
        run.tell("land_frames", 1)

    def often(_: int) -> None:
        for _ in range(100):
            with batch_run(settings, "land") as run:
                run.tell("land_frames", 1)

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(often, turn) for turn in range(2)]
        while not all(each.done() for each in running):
            assert numbers(file)["tillwatch_land_frames{}"] == 1
        for each in running:
            each.result()
    assert [each.name for each in file.parent.iterdir()] == [file.name]

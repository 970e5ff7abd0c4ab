"""What `spark-submit` is given to do comes back, or one line says why not: real drivers, without executors."""

import datetime as dt
import logging

import pytest

from expectations.run import check
from ingest.engine import Engine
from ingest.errors import LakeError, UsageError
from ingest.settings import Settings
from ingest.spark.submitting import submit
from tests.sparkhere import why_without_spark

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(name="settings")
def _settings() -> Settings:
    if missing := why_without_spark():
        pytest.skip(f"NOT CHECKED: {missing}")
    return Settings(engine=Engine(check="spark", master="local[1]"))


def test_an_error_of_the_user_s_is_raised_as_it_was(settings: Settings):
    """Its kind, its words and its hint."""
    with pytest.raises(UsageError) as told:
        submit(check, settings, start=dt.date(2026, 11, 22), end=dt.date(2026, 11, 21))

    assert told.value.message == "--to 2026-11-21 is before --from 2026-11-22"
    assert told.value.hint == "give the earlier day to --from"


def test_a_driver_that_dies_is_told_in_one_line(settings: Settings, caplog: pytest.LogCaptureFixture):
    """Settings have no length: the log has what the driver said, the error where to look."""
    caplog.set_level(logging.INFO)

    with pytest.raises(LakeError) as told:
        submit(len, settings)

    assert told.value.message == "engine spark: spark-submit ended with status 1, and len was not done"
    assert "TypeError: object of type 'Settings' has no len()" in caplog.messages

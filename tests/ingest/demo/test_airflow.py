"""The demo's Airflow: what its home holds, and when it has nothing left to do."""

import datetime as dt
import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingest.demo.airflow import DAGS, AirflowError, Api, Home, NoAnswerError, has_settled

SEALED = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
LAND, CHECK, SEND = DAGS


def run(state: str = "success", minute: int = 1) -> dict[str, Any]:
    """A run that began so many minutes after the segment was sealed."""
    return {"state": state, "start_date": (SEALED + dt.timedelta(minutes=minute)).isoformat()}


def settled(runs: dict[str, list[dict[str, Any]]], followed: tuple[bool, ...] = (True, True, True)) -> bool:
    """Whether these runs are the end, where ``followed`` says which asset's newest event made a run."""
    made = dict(zip(("sealed_segments", "transactions", "findings"), followed, strict=True))
    return has_settled(runs, lambda asset: [{"created_dagruns": ["it"] if made[asset] else []}], SEALED)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of its own."""
    return Home(tmp_path / "airflow", tmp_path / "dags")


def test_settled_is_all_three_after_the_segment():
    """A landing that began after the segment was sealed, and each asset's newest event followed by a run."""
    assert settled({LAND: [run()], CHECK: [run()], SEND: [run()]})


@pytest.mark.parametrize("dag", DAGS)
@pytest.mark.parametrize("state", ["queued", "running"])
def test_what_is_under_way_is_not_settled(dag, state):
    """A run in any of the DAGs is waited for."""
    runs = {LAND: [run()], CHECK: [run()], SEND: [run()]}
    runs[dag] = [run(state), run()]

    assert not settled(runs)


def test_a_landing_before_the_segment_does_not_count():
    """The five-minute run may have come just too early."""
    assert not settled({LAND: [run(minute=-1)], CHECK: [run()], SEND: [run()]})


@pytest.mark.parametrize("missing", range(3))
def test_an_event_that_nobody_took_up_is_not_settled(missing):
    """Between an event and its run nothing is under way, and yet something is to come."""
    followed = tuple(index != missing for index in range(3))

    assert not settled({LAND: [run()], CHECK: [run()], SEND: [run()]}, followed)


def test_nothing_listens_beyond_this_machine(home, tmp_path):
    """The API is bound to loopback, and the log servers, which ignore such settings, are not started."""
    env = home.environment({"PATH": "/usr/bin"}, config=tmp_path / "tillwatch.toml", smtp_port=25)
    home.lay_out()

    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["PATH"].startswith(str(home.directory / "bin"))
    assert "--skip-serve-logs" in (home.directory / "bin" / "airflow").read_text("utf-8")


def test_the_password_is_ours_alone(home):
    """New for each demo, readable by nobody else, and the same in both files."""
    home.lay_out()

    assert json.loads((home.directory / "passwords.json").read_text("utf-8")) == {"admin": home.password}
    assert home.password_file.read_text("utf-8") == home.password
    assert {path.stat().st_mode & 0o777 for path in (home.password_file, home.directory / "passwords.json")} == {0o600}
    assert Home(home.directory, home.dags).password != home.password


def test_each_demo_starts_from_the_migrated_database(home):
    """What an earlier demo did to Airflow's database is gone; the migration is not."""
    home.lay_out()
    database = home.directory / "airflow.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE migrated (x)")
    home.keep_template()
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE an_earlier_demo (x)")

    again = Home(home.directory, home.dags)
    again.lay_out()

    assert again.is_migrated
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("migrated",)]


def test_an_api_that_is_not_there_is_asked_again(home):
    """Nothing listens yet: not ready, and a question is an error of its own kind, not a traceback of httpx."""
    api = Api(home)

    assert not api.is_ready()
    with pytest.raises(NoAnswerError, match="ConnectError"):
        api.runs(LAND)
    api.close()


@pytest.mark.parametrize(("status", "error"), [(500, NoAnswerError), (503, NoAnswerError), (403, AirflowError)])
def test_a_server_s_stumble_is_asked_again_and_a_refusal_is_not(home, status, error):
    """Listing events fails with 500 for a moment while one of them makes a run; what is forbidden stays so."""
    api = Api(home)
    api._http = httpx.Client(base_url=home.url, transport=httpx.MockTransport(lambda _: httpx.Response(status)))

    with pytest.raises(error, match=f"HTTP {status}") as wrong:
        api.runs(LAND)

    assert isinstance(wrong.value, NoAnswerError) == (status >= 500)

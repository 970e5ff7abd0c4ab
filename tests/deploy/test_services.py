"""Every service of docker-compose.yml, really started here: its health command says that it is well."""

import contextlib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from expectations.run import check
from ingest.deriving import DERIVED
from ingest.keys import create_keys
from ingest.landing import land
from ingest.settings import Settings
from ingest.simulator.pty import Pty
from ingest.tables import TABLES, Lake
from tests.deploy.celery_day import PATIENCE, Api, ship_day, wait
from tests.deploy.composed import ROOT, Composed
from tests.deploy.conftest import QUICK, WORKERS
from tests.faults.lengths import length
from tests.postgresql import Server
from tests.sparkhere import why_without_spark

NOT_HERE = {"mailpit", "airflow-init", "store-init"}
"""Mailpit's image alone has its program; the other two end by themselves, and have."""
OUTAGE_S = length(int(QUICK["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"]) + 10, 600)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000 + OUTAGE_S)]

DRIVER = """
import sys
from pathlib import Path
from bench.cluster import LOOPBACK
from ingest.engine import Engine
from ingest.errors import TillwatchError
from ingest.spark.session import session
secret = Path(sys.argv[2]) if len(sys.argv) > 2 else None
try:
    with session(Engine(master=sys.argv[1], secret_file=secret, options=LOOPBACK)) as spark:
        print(spark.range(1000).selectExpr("sum(id)").collect()[0][0])
except TillwatchError as wrong:
    print(wrong.message)
"""
"""In a process of its own: the Java that pyspark starts stays, with its secret, for all of a process's sessions."""


def test_every_service_s_own_health_command_succeeds(fleet: Composed, tmp_path: Path):
    """Each is started by its own command with its own environment, and not one health command fails.

    Who knows the secret has the worker work; who does not is told so.
    """
    if missing := why_without_spark():
        pytest.skip(f"NOT CHECKED: {missing}")
    create_keys(fleet.folder / "secrets/app_key")
    create_keys(fleet.folder / "secrets/pan_token")
    fleet.start("app")
    with contextlib.closing(Pty(fleet.folder / "terminal-1")):
        fleet.start("collector")
        fleet.wait_until_well("collector")
    for name in ("spark-master", "spark-worker"):
        fleet.start(name)
        fleet.wait_until_well(name)
    asked = {name: name for name in fleet.services if name not in NOT_HERE | {"airflow-worker"}}
    asked |= dict.fromkeys(WORKERS, "airflow-worker")
    for name, service in asked.items():
        fleet.wait_until_well(service, name if name in WORKERS else "", tries=6)
        if name in fleet.running:
            fleet.running[name].must_run()
    assert set(asked.values()) | NOT_HERE == set(fleet.services)
    master = f"spark://127.0.0.1:{fleet.ports['spark-master']['7077']}"
    wrong = tmp_path / "wrong"
    wrong.write_text("of another cluster")
    drivers = [
        subprocess.Popen(
            [sys.executable, "-c", DRIVER, master, *secret],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for secret in ([fleet.folder / "secrets/spark_secret"], [wrong], [])
    ]  # fmt: skip
    fleet.kill("collector")  # it would ship what it sealed into the middle of the next test
    told = [driver.communicate(timeout=300) for driver in drivers]
    assert told[0][0].split() == ["499500"], told[0][1][-2000:]
    for said, complained in told[1:]:
        assert said.strip() == f"engine.master: {master} answers, but lets no session begin", complained[-2000:]


def test_no_secret_is_in_an_environment(fleet: Composed):
    """What `docker inspect`, a crash report or /proc shows of a service holds no password and no key."""
    secrets = [path.read_text("utf-8").strip() for path in (fleet.folder / "secrets").iterdir() if path.suffix == ""]
    secrets = [each for each in secrets if "\n" not in each and each.isprintable()]
    assert len(secrets) >= 8
    for service in fleet.services:
        told = "\n".join(fleet.environment(service).values())
        assert not [each for each in secrets if each in told], service


def test_a_worker_a_broker_a_scheduler_and_a_database_that_fail_change_no_row(
    fleet: Composed,
    database: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
):
    """Both workers in the middle of a batch: one is killed with all its tasks, Redis restarts, the scheduler is killed.

    PostgreSQL is away for longer than a task may be silent; what ends by that is started again, as an engine does. In
    the end each table is that of one process which nobody disturbed, row for row, and so are the findings.
    """
    for name, value in fleet.environment("airflow-worker").items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    api = Api(fleet.ports["airflow-apiserver"]["8080"], fleet.folder / "volumes/airflow/passwords.json")
    wait("the DAGs are read", lambda: api.has("land_terminal_logs") and api.has("check_transactions"))
    faults = ship_day(tmp_path, "s3://tillwatch/spools", segments=150)
    calm = Settings.model_validate(
        {
            "spool": {"directory": tmp_path / "calm/spool"},
            "lake": {"uri": str(tmp_path / "calm/lake"), "take_from": "s3://tillwatch/spools"},
        }
    )
    assert land(calm).segments >= 130
    check(calm)

    fleet.gate.shut()
    for dag in ("land_terminal_logs", "check_transactions"):
        api.go_on(dag)
    api.trigger("land_terminal_logs")
    assert fleet.gate.wait_for(3, PATIENCE), "no three batches were on their way"
    fleet.kill("airflow-worker-1")
    fleet.kill("airflow-scheduler")
    database.stop()
    fleet.running["redis"].ask_to_stop()
    assert fleet.running["redis"].wait(30) == 0
    fleet.start("redis")
    fleet.wait_until_well("redis")
    time.sleep(OUTAGE_S)
    database.start()
    fleet.gate.open()
    fleet.start("airflow-scheduler")
    fleet.start("airflow-worker", "airflow-worker-1")

    lake = Lake("s3://tillwatch/lake")
    wanted = Lake.of(calm.lake)
    wait("the database is found again", lambda: fleet.start_again() and api.has("land_terminal_logs"))
    wait(
        "all is landed",
        lambda: fleet.start_again() and api.is_idle("land_terminal_logs") and lake.read("transactions").num_rows > 0,
    )
    wait(
        "all is checked",
        lambda: fleet.start_again() and api.is_idle("check_transactions") and lake.read("findings").num_rows > 0,
    )

    tries = {
        task: tried
        for run in api.runs("land_terminal_logs")
        for task, tried in api.tries("land_terminal_logs", run).items()
    }
    assert any(count > 1 for (task, _), (_, count) in tries.items() if task == "land_share"), tries
    ended = set(api.runs("land_terminal_logs").values()) - {"queued", "running"}  # the clock may have begun another
    assert ended == {"success"}
    for name in ("raw_frames", *DERIVED, "findings"):
        assert rows(lake, name) == rows(wanted, name), name
    assert Counter(lake.read("findings", columns=["rule"])["rule"].to_pylist()) == faults
    landed = lake.read("raw_frames", columns=["seq"]).num_rows
    record_property("tried", f"PostgreSQL away for {OUTAGE_S} s, longer than a task may be silent")
    record_property("lost", f"0 of {landed} records, 0 twice")


def rows(lake: Lake, name: str) -> list[str]:
    """Every row of a table, in an order of its own."""
    columns = [column.name for column in TABLES[name].columns]
    return sorted(map(repr, lake.read(name, columns=columns).to_pylist()))

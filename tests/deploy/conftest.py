"""One chain for the module: every service of docker-compose.yml as processes on loopback."""

import contextlib
from collections.abc import Iterator

import psycopg
import pytest

from ingest.demo.mailbox import Mailbox
from tests.deploy.composed import ROOT, Composed, free_port
from tests.faults.tools import why_without
from tests.ingest.s3 import Gate
from tests.postgresql import Server, postgresql

WORKERS = ("airflow-worker-1", "airflow-worker-2")


PASSWORD = "a-password-of-this-test"


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    """The service `postgres`."""
    with postgresql("airflow", PASSWORD) as running:
        yield running


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, database: Server) -> Iterator[Composed]:
    """PostgreSQL, Redis, the store, every part of Airflow, two workers and the page: the profile `fleet`, running."""
    if why := why_without("redis-server", "redis-server"):
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("fleet")
    store = free_port()
    gate = Gate(store, "raw_frames")
    variables = {"AIRFLOW_EXECUTOR": "CeleryExecutor", "STORE_URL": f"http://127.0.0.1:{gate.port}"}
    with Mailbox(folder / "mails") as mailbox, contextlib.closing(gate):
        listening = {"postgres": {"5432": database.port}, "mailpit": {"1025": mailbox.port}, "store": {"8333": store}}
        composed = Composed(folder, variables, listening, QUICK, gate)
        (folder / "secrets/postgres_password").write_text(PASSWORD)
        with psycopg.connect(
            host="127.0.0.1", port=database.port, user="airflow", password=PASSWORD, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute("CREATE DATABASE airflow")  # POSTGRES_DB
            for statement in (ROOT / "deploy/cases.sql").read_text("utf-8").split(";")[:-1]:
                connection.execute(statement.encode())
        try:
            for name in ("redis", "store"):
                composed.start(name)
            composed.run("airflow-init")
            for name in ("redis", "store"):
                composed.wait_until_well(name)
            composed.run("store-init")
            for name in ("airflow-apiserver", "airflow-dag-processor", "airflow-scheduler", "airflow-triggerer"):
                composed.start(name)
            for worker in WORKERS:
                composed.start("airflow-worker", worker)
            composed.wait_until_well("airflow-apiserver")
            yield composed
        finally:
            composed.stop()


QUICK = {
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
}
"""A test waits for less, and says when the DAGs begin.

What a scheduler that died had in hand is taken over by the first look after its heart stood still for 30 s: one that is
started again at once looks too early, and Airflow's own next look is five minutes later.
"""

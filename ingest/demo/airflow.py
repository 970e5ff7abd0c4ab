"""A real Airflow for one demo: its home, its environment, and what its REST API says.

`airflow standalone` on SQLite with the LocalExecutor, the API on loopback, a password made for this
home. A database is migrated once and kept as a template: each demo starts from a fresh copy.
"""

import datetime as dt
import importlib.metadata
import json
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from ingest.demo.mailbox import LOOPBACK, free_port
from ingest.demo.processes import Program
from ingest.errors import TillwatchError

DAGS = ("land_terminal_logs", "check_transactions", "send_alerts")
USER = "admin"


class AirflowError(TillwatchError):
    """Airflow is not installed, did not come up, or did not say what it should."""


class NoAnswerError(AirflowError):
    """Airflow's API did not answer in time; it may be busy, so ask again."""


class Home:
    """AIRFLOW_HOME of a demo, and the environment every process of it needs.

    Args:
        directory: the home; made when it is not there.
        dags: folder of the DAG files, the bundle's root.
    """

    def __init__(self, directory: Path, dags: Path) -> None:
        self.directory = directory
        self.dags = dags
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.password = secrets.token_urlsafe(12)
        self.password_file = directory / "password"
        self._database = directory / "airflow.db"
        self._secret = secrets.token_hex(32)
        try:
            self._template = directory / f"migrated-{importlib.metadata.version('apache-airflow')}.db"
        except importlib.metadata.PackageNotFoundError:
            raise AirflowError("airflow is not installed here", hint="install tillwatch[airflow]") from None

    @property
    def is_migrated(self) -> bool:
        """Whether a migrated database of this Airflow's version waits as a template."""
        return self._template.is_file()

    def environment(self, clean: Mapping[str, str], *, config: Path, smtp_port: int) -> dict[str, str]:
        """The environment of Airflow's processes: ``clean`` plus where everything of this demo is."""
        operator_smtp = {
            "conn_type": "smtp",
            "host": LOOPBACK,
            "port": smtp_port,
            "extra": {"disable_tls": True, "disable_ssl": True, "from_email": "airflow@example.com"},
        }
        return {
            **clean,
            "PATH": f"{self.directory / 'bin'}:{Path(sys.executable).parent}:{clean.get('PATH', '/usr/bin:/bin')}",
            "TILLWATCH_CONFIG": str(config),
            "AIRFLOW_HOME": str(self.directory),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.dags / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",  # until the API can serve tasks: `Api.unpause`
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.directory / "passwords.json"),
            "AIRFLOW__API__HOST": LOOPBACK,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__SECRET_KEY": self._secret,
            "AIRFLOW__API_AUTH__JWT_SECRET": self._secret,
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # 5 s fails tasks on a busy machine, see Api.is_ready
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._database}",
            "AIRFLOW_CONN_TILLWATCH_OPERATOR_SMTP": json.dumps(operator_smtp),
            "AIRFLOW_VAR_TILLWATCH_OPERATOR": "operator@example.com",
        }

    def lay_out(self) -> None:
        """Make the home ready for a start: password, wrapper, no log and no run of an earlier demo."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for old in ("airflow.db", "airflow.db-journal", "airflow.db-wal", "airflow.db-shm", "airflow.cfg"):
            (self.directory / old).unlink(missing_ok=True)
        shutil.rmtree(self.directory / "logs", ignore_errors=True)
        for file, text in (("password", self.password), ("passwords.json", json.dumps({USER: self.password}))):
            path = self.directory / file
            path.unlink(missing_ok=True)
            path.touch(0o600)
            path.write_text(text, "utf-8")
        self._write_wrapper()
        if self.is_migrated:
            shutil.copyfile(self._template, self._database)

    def migrate(self, env: Mapping[str, str], log: Path) -> Program:
        """Start the migration of a new database; call `keep_template` when it has ended well."""
        return Program("airflow db migrate", ["airflow", "db", "migrate"], env=env, log=log, cwd=self.directory)

    def keep_template(self) -> None:
        """Keep the migrated database for the demos to come."""
        half = self._template.with_suffix(".part")
        shutil.copyfile(self._database, half)
        half.rename(self._template)

    def _write_wrapper(self) -> None:
        """Put an `airflow` before the real one that keeps the log servers from starting.

        `standalone` starts scheduler and triggerer with a log server each, bound to every interface whatever the
        settings say. The API server reads the same log files from the disk.
        """
        wrapper = self.directory / "bin" / "airflow"
        wrapper.parent.mkdir(exist_ok=True)
        real = Path(sys.executable).parent / "airflow"
        wrapper.write_text(
            "#!/bin/sh\n"
            f'case "$1" in scheduler|triggerer) exec "{real}" "$@" --skip-serve-logs ;; esac\n'
            f'exec "{real}" "$@"\n',
            "utf-8",
        )
        wrapper.chmod(0o755)

    def start(self, env: Mapping[str, str], log: Path) -> Program:
        """Start `airflow standalone`, which ends its parts in good order on SIGINT, and on nothing else.

        SIGTERM to all of them at once lets a worker of the LocalExecutor die with the word to end that was
        meant for another, which then waits for ever, and the scheduler for it (seen with 3.3.2, one time in four).
        """
        return Program(
            "airflow",
            ["airflow", "standalone"],
            env=env,
            log=log,
            cwd=self.directory,
            stop_signal=signal.SIGINT,
        )


class Api:
    """The REST API of a running Airflow, read as the demo needs it. Not for threads."""

    def __init__(self, home: Home) -> None:
        self._password = home.password
        self._http = httpx.Client(base_url=home.url, timeout=10.0, trust_env=False)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def is_ready(self) -> bool:
        """Whether scheduler and DAG processor are healthy, all three DAGs are known, and tasks can be served.

        Airflow builds the API for its tasks at the first request to it: 4 s of an idle core, during which the
        server answers nobody. So that no task waits for it, we are that request.
        """
        try:
            if self._http.get("/execution/health").status_code != httpx.codes.OK:
                return False
            health = self._http.get("/api/v2/monitor/health")
            if health.status_code != httpx.codes.OK:
                return False
            parts = health.json()
            if any((parts.get(part) or {}).get("status") != "healthy" for part in ("scheduler", "dag_processor")):
                return False
            if "authorization" not in self._http.headers:
                self._log_in()
            return {dag["dag_id"] for dag in self._get("/dags")["dags"]} >= set(DAGS)
        except (httpx.TransportError, NoAnswerError):
            return False

    def unpause(self) -> None:
        """Let the DAGs run."""
        for dag in DAGS:
            self._call("PATCH", f"/dags/{dag}", json={"is_paused": False})

    def import_errors(self) -> list[str]:
        """What kept a DAG file from being read."""
        return [f"{wrong['filename']}: {wrong['stack_trace']}" for wrong in self._get("/importErrors")["import_errors"]]

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """The DAG's runs, newest first: ``dag_run_id``, ``state``, ``start_date``, ``end_date``, …."""
        runs: list[dict[str, Any]] = self._get(f"/dags/{dag}/dagRuns", order_by="-id", limit=50)["dag_runs"]
        return runs

    def task_states(self, dag: str, run_id: str) -> dict[str, str]:
        """The state of each task of a run."""
        found = self._get(f"/dags/{dag}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: str(task["state"]) for task in found}

    def events(self, asset: str) -> list[dict[str, Any]]:
        """The asset's events, newest first, each with the runs it created."""
        for known in self._get("/assets", name_pattern=asset)["assets"]:
            if known["name"] == asset:
                events: list[dict[str, Any]] = self._get(
                    "/assets/events", asset_id=known["id"], order_by="-timestamp", limit=50
                )["asset_events"]
                return events
        return []

    def _log_in(self) -> None:
        answer = self._http.post("/auth/token", json={"username": USER, "password": self._password})
        if answer.is_server_error:
            raise NoAnswerError(f"airflow: POST /auth/token: HTTP {answer.status_code}")
        if answer.status_code != httpx.codes.CREATED:
            raise AirflowError(f"airflow refused its own password: HTTP {answer.status_code}")
        self._http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        return self._call("GET", path, params=query)

    def _call(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        """One request.

        Raises:
            NoAnswerError: no answer in time, or 5xx: listing an asset's events fails for a moment while one of them
                makes a run (seen with 3.3.2).
            AirflowError: Airflow does not do that.
        """
        try:
            answer = self._http.request(method, "/api/v2" + path, **content)
        except httpx.TransportError as wrong:
            raise NoAnswerError(f"airflow: {method} {path}: {type(wrong).__name__}") from None
        if answer.is_server_error:
            raise NoAnswerError(f"airflow: {method} {path}: HTTP {answer.status_code}")
        if not answer.is_success:
            raise AirflowError(f"airflow: {method} {path}: HTTP {answer.status_code}")
        document: dict[str, Any] = answer.json()
        return document


def instant(text: str | None) -> dt.datetime | None:
    """A time as the API writes it."""
    return None if text is None else dt.datetime.fromisoformat(text)


def has_settled(
    runs: dict[str, list[dict[str, Any]]], events: Callable[[str], list[dict[str, Any]]], since: dt.datetime
) -> bool:
    """Whether a landing began after ``since``, all that followed from it has run, and nothing is under way."""
    landed = any((instant(run["start_date"]) or since) > since for run in runs[DAGS[0]])
    if not landed or any(run["state"] in {"queued", "running"} for dag in DAGS for run in runs[dag]):
        return False
    newest = [events(asset)[:1] for asset in ("sealed_segments", "transactions", "findings")]
    return all(found and found[0]["created_dagruns"] for found in newest)

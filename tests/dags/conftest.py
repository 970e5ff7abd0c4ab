"""One Airflow for the whole test session: a home of its own and a process that runs DAGs in it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.demo.mailbox import Mailbox

ROOT = Path(__file__).parents[2]


class Airflow:
    """The worker process and the mailbox of its operator."""

    def __init__(self, home: Path, mailbox: Mailbox, **more: str) -> None:
        self.mailbox = mailbox
        self.log = home / "worker.log"
        environment = (
            airflow_environment(home)
            | more
            | {
                "AIRFLOW_VAR_TILLWATCH_OPERATOR": "operator@example.com",
                "AIRFLOW_CONN_TILLWATCH_OPERATOR_SMTP": json.dumps(
                    {
                        "conn_type": "smtp",
                        "host": "127.0.0.1",
                        "port": mailbox.port,
                        "extra": {"disable_tls": True, "disable_ssl": True, "from_email": "airflow@example.com"},
                    }
                ),
            }
        )
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).parent / "airflow_worker.py")],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.started = self._answer()

    def run(self, dag: str, environment: dict[str, str], *, break_rule: str = "", **conf: Any) -> dict[str, Any]:
        """Run a DAG once, with a rule broken if one is named, and say what became of it."""
        assert self._process.stdin is not None
        request = {"dag": dag, "environment": environment, "conf": conf, "break_rule": break_rule}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the worker."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(120)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the worker died:\n{self.log.read_text('utf-8', 'replace')[-4000:]}"
        answer: dict[str, Any] = json.loads(line)
        return answer


def airflow_environment(home: Path) -> dict[str, str]:
    """An environment in which Airflow knows this home and our DAGs, and nothing of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "TILLWATCH_"))}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    }


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """A migrated Airflow that runs our DAGs."""
    home = tmp_path_factory.mktemp("airflow")
    with Mailbox(home / "operator") as mailbox:
        running = Airflow(home, mailbox)
        yield running
        running.close()

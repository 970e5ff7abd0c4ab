"""The DAG files as Airflow reads them."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.dags.conftest import ROOT, airflow_environment

pytestmark = pytest.mark.slow  # importing Airflow takes seconds


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a fresh process finds in the DAG files."""
    home = tmp_path_factory.mktemp("parse")
    subprocess.run(
        [sys.executable, str(Path(__file__).parent / "describe_dags.py"), str(home / "dags.json")],
        env=airflow_environment(home),
        check=True,
        capture_output=True,
        timeout=120,
    )
    document: dict[str, Any] = json.loads((home / "dags.json").read_text("utf-8"))
    return document


def test_every_file_is_read_without_a_word(parsed):
    """The five DAGs are there; no import error, no warning."""
    assert parsed["errors"] == {}
    assert parsed["warnings"] == {}
    assert sorted(parsed["dags"]) == [
        "check_transactions",
        "import_statements",
        "land_terminal_logs",
        "maintain_lake",
        "send_alerts",
    ]


def test_reading_the_files_loads_nothing_heavy(parsed):
    """The DAG processor reads these files again and again: our packages and their libraries wait for a task."""
    heavy = {"great_expectations", "pandas", "pyarrow", "duckdb", "deltalake", "construct", "numpy"}
    ours = {"ingest", "expectations", "protocols"}

    assert not set(parsed["loaded"]) & (heavy | ours)


def test_the_assets_are_the_data_s_way(parsed):
    """sealed_segments -> transactions -> findings -> alerts, each made by one task and waited for by one DAG."""
    way = {
        name: (dag["assets"], sorted(asset for task in dag["tasks"].values() for asset in task["outlets"]))
        for name, dag in parsed["dags"].items()
    }

    assert way == {
        "land_terminal_logs": (["sealed_segments"], ["transactions"]),
        "import_statements": ([], ["statements"]),
        "maintain_lake": ([], []),
        "check_transactions": (["statements", "transactions"], ["findings"]),
        "send_alerts": (["findings"], ["alerts"]),
    }


def test_times_are_the_shop_s(parsed):
    """Landing and mailing every five minutes, statements half-hourly; checks before the 23:00 cut-off and at 09:30.

    Maintenance when the shop sleeps.
    """
    crons = {name: dag["crons"] for name, dag in parsed["dags"].items()}

    assert crons == {
        "land_terminal_logs": [["*/5 * * * *", "Asia/Shanghai"]],
        "maintain_lake": [["20 4 * * *", "Asia/Shanghai"]],
        "import_statements": [["*/30 7-23 * * *", "Asia/Shanghai"]],
        "check_transactions": [
            ["0 21,22 * * *", "Asia/Shanghai"],
            ["30 22 * * *", "Asia/Shanghai"],
            ["30 9 * * *", "Asia/Shanghai"],
        ],
        "send_alerts": [["*/5 * * * *", "Asia/Shanghai"]],
    }


def test_every_dag_and_task_can_be_read_by_people(parsed):
    """Each has a text, each parameter a description, each DAG the project's tag and its place in the order."""
    for name, dag in parsed["dags"].items():
        assert len(dag["doc_md"]) > 100, name
        assert dag["tags"][-1] == "tillwatch", name
        assert re.fullmatch(r"[1234]-\w+", dag["tags"][0]), name
        assert all(len(text or "") > 20 for text in dag["params"].values()), name
        assert all(len(task["doc_md"] or "") > 20 for task in dag["tasks"].values()), name


def test_every_task_is_patient_and_in_the_end_tells_the_operator(parsed):
    """Retries with doubling waits, one run at a time, no catching up, and a mail when patience runs out.

    What a batch could not land the last task tries once more, and tells of: nobody is mailed twice.
    """
    for name, dag in parsed["dags"].items():
        assert (dag["catchup"], dag["max_active_runs"]) == (False, 1), name
        for task_name, task in dag["tasks"].items():
            assert task["retries"] >= 3, name
            assert task["retry_exponential_backoff"] == 2, name
            assert task["callbacks"] == ([] if task_name == "land_share" else ["tell_operator"]), task_name


def test_no_task_takes_its_day_from_airflow():
    """Airflow's dates are UTC: at 00:30 in Shanghai they name yesterday. No DAG file looks at them."""
    words = re.compile(r"\bds\b|logical_date|data_interval|execution_date|ds_nodash|run_after|utcnow|today\(")

    found = [
        f"{file.name}: {word}" for file in (ROOT / "dags").glob("*.py") for word in words.findall(file.read_text())
    ]

    assert found == []

"""The page of cases in Airflow's menu, as a real Airflow lists it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.dags.conftest import ROOT, airflow_environment

pytestmark = pytest.mark.slow  # importing Airflow takes seconds


def listed(home: Path, app: str) -> list[dict[str, Any]]:
    """What `airflow plugins` says with these settings."""
    (home / "tillwatch.toml").write_text(app, "utf-8")
    environment = airflow_environment(home) | {
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "dags" / "plugins"),
        "TILLWATCH_CONFIG": str(home / "tillwatch.toml"),
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name("airflow")), "plugins", "--output", "json"],
        env=environment, capture_output=True, text=True, timeout=300, check=True, cwd=home,
    )  # fmt: skip
    plugins: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return plugins


def test_airflow_lists_the_page(tmp_path: Path):
    """One external view in the menu: the configured address, shown within Airflow when the page may be framed."""
    app = '[app]\nurl = "https://cases.example.com"\nframed_by = ["https://airflow.example.com"]\n'
    [plugin] = [each for each in listed(tmp_path, app) if each["name"] == "tillwatch"]
    [view] = plugin["external_views"]
    assert view["href"] == "https://cases.example.com/cases"
    assert (view["destination"], view["url_route"]) == ("nav", "tillwatch-cases")


def test_without_an_address_there_is_no_entry(tmp_path: Path):
    """Nothing in the menu that leads nowhere."""
    [plugin] = [each for each in listed(tmp_path, "") if each["name"] == "tillwatch"]
    assert plugin["external_views"] == []

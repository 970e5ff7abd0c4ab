"""docker-compose.yml holds together. No engine is needed to see that."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are in a package of their own

from ingest.settings import load_settings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services, anchors resolved."""
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))
    found: dict[str, Any] = document["services"]
    return found


def test_every_variable_is_in_the_example():
    """What docker-compose.yml asks for, env.example names."""
    asked = set(re.findall(r"\$\{(\w+)[:}]", COMPOSE.read_text("utf-8")))
    named = set(re.findall(r"^(\w+)=", (ROOT / "deploy/env.example").read_text("utf-8"), re.MULTILINE))

    assert asked == named


def test_every_part_of_airflow_shares_secrets_and_tables(services):
    """One JWT secret, one database, one spool, one lake."""
    parts = [service for name, service in services.items() if name.startswith("airflow-") and name != "airflow-init"]

    assert len(parts) == 4
    for part in parts:
        assert part["environment"] == parts[0]["environment"]
        assert part["volumes"] == parts[0]["volumes"]


def test_nothing_listens_beyond_this_machine(services):
    """Every published port is bound to loopback; a reverse proxy is the operator's choice."""
    ports = [port for service in services.values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_lasting_service_says_whether_it_is_well(services):
    """A healthcheck each; the migration ends instead."""
    without = [name for name, service in services.items() if "healthcheck" not in service]

    assert without == ["airflow-init"]


def test_every_volume_is_declared(services):
    """A misspelt volume would silently be a new, empty one."""
    declared = set(yaml.safe_load(COMPOSE.read_text("utf-8"))["volumes"])
    used = {
        mount.partition(":")[0]
        for service in services.values()
        for mount in service.get("volumes", [])
        if not mount.startswith(".")
    }

    assert used == declared


def test_the_settings_are_settings(monkeypatch):
    """deploy/tillwatch.toml is read without a complaint."""
    for name in ("TILLWATCH_CONFIG",):
        monkeypatch.delenv(name, raising=False)
    file = ROOT / "deploy/tillwatch.toml"

    settings = load_settings(file)

    assert [line.name for line in settings.lines] == [line["name"] for line in tomllib.loads(file.read_text())["lines"]]

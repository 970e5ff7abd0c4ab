"""Every service of docker-compose.yml, really started here: its health command says that it is well."""

import contextlib

import pytest

from ingest.keys import create_keys
from ingest.simulator.pty import Pty
from tests.deploy.composed import Composed
from tests.deploy.conftest import WORKERS

pytestmark = pytest.mark.slow

NOT_HERE = {"mailpit", "airflow-init"}
"""Mailpit's image alone has its program; the migration ends by itself, and has."""


def test_every_service_s_own_health_command_succeeds(fleet: Composed):
    """Fourteen processes from eleven commands, and not one health command that fails."""
    create_keys(fleet.folder / "secrets/app_key")
    create_keys(fleet.folder / "secrets/pan_token")
    fleet.start("app")
    with contextlib.closing(Pty(fleet.folder / "terminal-1")):
        fleet.start("collector")
        fleet.wait_until_well("collector")
    asked = {name: name for name in fleet.services if name not in NOT_HERE | {"airflow-worker"}}
    asked |= dict.fromkeys(WORKERS, "airflow-worker")
    for name, service in asked.items():
        fleet.wait_until_well(service, name if name in WORKERS else "", tries=6)
        if name in fleet.running:
            fleet.running[name].must_run()
    assert set(asked.values()) | NOT_HERE == set(fleet.services)


def test_no_secret_is_in_an_environment(fleet: Composed):
    """What `docker inspect`, a crash report or /proc shows of a service holds no password and no key."""
    secrets = [path.read_text("utf-8").strip() for path in (fleet.folder / "secrets").iterdir() if path.suffix == ""]
    secrets = [each for each in secrets if "\n" not in each and each.isprintable()]
    assert len(secrets) >= 7
    for service in fleet.services:
        told = "\n".join(fleet.environment(service).values())
        assert not [each for each in secrets if each in told], service

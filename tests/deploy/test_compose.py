"""docker-compose.yml holds together. No engine is needed to see that."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are in a package of their own
from cryptography.fernet import Fernet

from ingest.settings import load_settings
from tests.deploy.composed import ROOT, services
from tests.faults.tools import why_without

COMPOSE = ROOT / "docker-compose.yml"


@pytest.fixture(scope="module", name="services")
def _services() -> dict[str, Any]:
    return services()


def test_every_variable_is_in_the_example():
    """What docker-compose.yml asks for, env.example names."""
    asked = set(re.findall(r"\$\{(\w+)[:}]", COMPOSE.read_text("utf-8")))
    named = set(re.findall(r"^(\w+)=", (ROOT / "deploy/env.example").read_text("utf-8"), re.MULTILINE))

    assert asked == named


def test_every_part_of_airflow_shares_secrets_and_tables(services):
    """One JWT secret, one database, one spool, one lake."""
    parts = [service for name, service in services.items() if name.startswith("airflow-") and name != "airflow-init"]

    assert len(parts) == 5
    for part in parts:
        assert part["environment"] == services["airflow-init"]["environment"]
        assert part["volumes"] == parts[0]["volumes"]
        assert part["secrets"] == parts[0]["secrets"]


def test_nothing_listens_beyond_this_machine(services):
    """Every published port is bound to loopback; a reverse proxy is the operator's choice."""
    ports = [port for service in services.values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_lasting_service_says_whether_it_is_well(services):
    """A healthcheck each; the migration and the making of the bucket end instead."""
    without = [name for name, service in services.items() if "healthcheck" not in service]

    assert without == ["airflow-init", "store-init"]


def test_every_volume_is_declared(services):
    """A misspelt volume would silently be a new, empty one."""
    declared = set(yaml.safe_load(COMPOSE.read_text("utf-8"))["volumes"])
    used = {
        mount.partition(":")[0]
        for service in services.values()
        for mount in service.get("volumes", [])
        if not mount.startswith((".", "$"))
    }

    assert used == declared


def test_the_settings_are_settings(monkeypatch):
    """deploy/tillwatch.toml is read without a complaint."""
    for name in ("TILLWATCH_CONFIG",):
        monkeypatch.delenv(name, raising=False)
    file = ROOT / "deploy/tillwatch.toml"

    settings = load_settings(file)

    assert [line.name for line in settings.lines] == [line["name"] for line in tomllib.loads(file.read_text())["lines"]]
    fleet = load_settings(ROOT / "deploy/fleet.toml")
    assert (fleet.lake.uri, fleet.lake.take_from) == ("s3://tillwatch/lake", "s3://tillwatch/spools")


@pytest.mark.slow
def test_docker_compose_itself_takes_it(tmp_path):
    """Debian's docker-compose knows every key and finds every variable, of each profile, in the example."""
    if why := why_without("docker-compose", "docker-compose"):
        pytest.skip(why)
    for name in ("docker-compose.yml", "deploy/env.example"):
        (tmp_path / Path(name).name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    words = ["docker-compose", "--env-file", "env.example", "--file", "docker-compose.yml", "config"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(services())
    without = subprocess.run(
        [*words[:1], *words[3:]], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert without.returncode != 0
    assert "who hears that the pipeline broke" in without.stderr


def test_nothing_runs_as_root_or_gains_rights(services):
    """Our image's user is nobody's number; what is not ours drops root itself (PostgreSQL) or is told to."""
    dockerfile = (ROOT / "deploy/Dockerfile").read_text("utf-8")
    assert re.findall(r"^USER (\w+)$", dockerfile, re.MULTILINE) == ["tillwatch"]
    for name, service in services.items():
        if name == "postgres":
            continue  # its entry point needs root to give the folder away, and starts the server as `postgres`
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["image"].startswith("tillwatch:") or service["user"], name


def test_every_image_has_a_version(services):
    """Never `latest`, and one image for everything of ours."""
    images = {service["image"] for service in services.values()}

    assert all(re.fullmatch(r"[a-z/]+:v?\d[\w.-]+", image) for image in images)
    assert len(images) == 3


def test_secrets_are_files_and_made_once(services, tmp_path):
    """Each secret that a service reads is one of those that are made, closed to others; made again none changes."""
    document = yaml.safe_load(COMPOSE.read_text("utf-8"))
    made = {Path(each["file"]).name for each in document["secrets"].values() if "SECRETS" in each["file"]}
    script = ROOT / "deploy/make-secrets"
    subprocess.run([script, tmp_path / "secrets"], check=True, capture_output=True)
    before = {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir()}
    subprocess.run([script, tmp_path / "secrets"], check=True, capture_output=True)

    assert set(before) == made
    assert {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir()} == before
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o600}
    assert len(set(before.values())) == len(before)
    Fernet(before["airflow_fernet_key"])
    used = {
        each if isinstance(each, str) else each["source"]
        for service in services.values()
        for each in service.get("secrets", [])
    }
    assert used == set(document["secrets"])
    for service in services.values():
        given = {each if isinstance(each, str) else each.get("target") for each in service.get("secrets", [])}
        read = set(re.findall(r"/run/secrets/([\w.]+)", str(service)))
        assert {each for each in read if each not in given} == set()

"""docker-compose.yml without an engine: each service's own command, environment and health command, as processes here.

What an engine gives a container is given here by replacing text: a path of the image becomes a folder
of the test, a service's name and port become a port of loopback. The command and the environment are those
of the file; what the test adds is in `ADDED`.
"""

import os
import random
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # its types are in a package of their own

from bench.store import remove_sockets
from ingest.demo.processes import Program, clean_environment, members
from tests.ingest.s3 import Gate
from tests.sparkhere import FOLDER

ROOT = Path(__file__).parents[2]
ADDED = {
    "AIRFLOW__API__HOST": "127.0.0.1",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
}
"""Loopback alone, and no more processes than two cores want."""
PORTS = {
    "airflow-apiserver": ["8080"],
    "airflow-scheduler": ["8974"],
    "redis": ["6379"],
    "store": ["9333", "8080", "8888", "8333"],
    "app": ["8734"],
    "spark-master": ["7077", "8081"],
    "spark-worker": ["8082"],
    "postgres": ["5432"],
    "mailpit": ["1025"],
}
"""The ports that services listen on, in their own network each."""
SETTINGS = {"collector": "tillwatch.toml"}
"""What is mounted: a shop's machine has another file than the chain's."""
CHOICE = (11_000, 22_000)
"""SeaweedFS takes the port 10,000 above each of its own as well; Linux gives 32,768 and more to connections."""
_GIVEN: set[int] = set()
CMD, CMD_SHELL = "CMD", "CMD-SHELL"


def services() -> dict[str, Any]:
    """The services, anchors resolved."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    found: dict[str, Any] = document["services"]
    return found


def image_environment() -> dict[str, str]:
    """What the last stage of deploy/Dockerfile sets, but for the PATH."""
    text = (ROOT / "deploy/Dockerfile").read_text("utf-8").replace("\\\n", " ")
    [words] = re.findall(r"^ENV (PATH=.*)$", text, re.MULTILINE)
    return dict(each.split("=", 1) for each in shlex.split(words) if not each.startswith("PATH="))


class Composed:
    """The services of docker-compose.yml that were started here, and where each of them is.

    Args:
        folder: where their volumes, secrets and logs lie.
        variables: values of ``.env`` that differ from ``deploy/env.example``.
        ports: ports that something else already listens on, by service: ``{"postgres": {"5432": 31234}}``.
        added: environment that this test adds to every service of ours, or sets otherwise.
        gate: what lies between everybody and the store.
    """

    def __init__(
        self,
        folder: Path,
        variables: Mapping[str, str],
        ports: Mapping[str, Mapping[str, int]],
        added: Mapping[str, str],
        gate: Gate,
    ) -> None:
        self.folder = folder
        self.services = services()
        example = (ROOT / "deploy/env.example").read_text("utf-8")
        self.variables = dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE)) | dict(variables)
        self.ports = {name: {port: free_port() for port in listed} for name, listed in PORTS.items()}
        for name, known in ports.items():
            self.ports[name] |= dict(known)
        self.running: dict[str, Program] = {}
        self.added = ADDED | dict(added)
        self.gate = gate
        secrets = folder / "secrets"
        subprocess.run([ROOT / "deploy/make-secrets", secrets], check=True, capture_output=True)
        connections = secrets / "connections.json"
        connections.write_text(self.here(connections.read_text("utf-8")), "utf-8")
        for settings in ("fleet.toml", "tillwatch.toml"):
            text = (ROOT / "deploy" / settings).read_text("utf-8")
            (folder / settings).write_text(self.here(text), "utf-8")
        for name in ("airflow", "tillwatch/spool", "tillwatch/lake", "tillwatch-collector", "redis", "store", "spark"):
            (folder / "volumes" / name).mkdir(parents=True)

    def here(self, text: str, service: str = "") -> str:
        """A text of the file, with the paths and ports of this machine."""
        text = re.sub(r"\$\{(\w+)(?::[-?][^}]*)?\}", lambda found: self.variables[found[1]], text)
        for name, mapped in self.ports.items():
            for port, ours in mapped.items():
                text = text.replace(f"{name}:{port}", f"127.0.0.1:{ours}")
        text = text.replace("@postgres/", f"@127.0.0.1:{self.ports['postgres']['5432']}/")
        text = text.replace('"mailpit", "port": 1025', f'"127.0.0.1", "port": {self.ports["mailpit"]["1025"]}')
        for port, ours in self.ports.get(service, {}).items():
            text = re.sub(rf"(?<!\d){port}(?!\d)", str(ours), text)
        for inside, outside in {
            "/etc/tillwatch/tillwatch.toml": self.folder / SETTINGS.get(service, "fleet.toml"),
            "/opt/dags": ROOT / "dags",
            "/run/secrets": self.folder / "secrets",
            "/var/lib/": self.folder / "volumes",
            "/dev/terminal-1": self.folder / "terminal-1",
            "0.0.0.0": "127.0.0.1",
        }.items():
            text = text.replace(inside, f"{outside}/" if inside.endswith("/") else str(outside))
        return text.replace("$$", "$")

    def environment(self, service: str, instance: str = "") -> dict[str, str]:
        """A service's whole environment: the image's, the file's, and what the test adds."""
        declared = {name: str(value) for name, value in (self.services[service].get("environment") or {}).items()}
        theirs = {name: self.here(value, service) for name, value in (image_environment() | declared).items()}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        if service == "airflow-scheduler":
            theirs["AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT"] = str(self.ports[service]["8974"])
        if service == "postgres":
            theirs |= {"PGHOST": "127.0.0.1", "PGPORT": str(self.ports[service]["5432"])}
        if service.startswith("spark-"):
            path = f"{FOLDER / 'bin'}:{path}"
            theirs |= {"HOSTNAME": "127.0.0.1", "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONPATH": str(FOLDER)}
        clean = {name: value for name, value in clean_environment().items() if not name.startswith("AWS_")}
        ours = {"PATH": path, "HOSTNAME": instance or socket.getfqdn(), "HOME": str(self.folder)}
        return clean | ours | theirs | self.added

    def start(self, service: str, instance: str = "") -> Program:
        """Start a service by its own command."""
        name = instance or service
        words = [self.here(word, service) for word in self.services[service]["command"]]
        self.running[name] = Program(
            name,
            words,
            env=self.environment(service, instance),
            log=self.folder / "logs" / f"{name}.log",
            cwd=self.folder / "volumes/tillwatch",
        )
        return self.running[name]

    def run(self, service: str) -> None:
        """Run a service that ends by itself."""
        program = self.start(service)
        assert program.wait(240) == 0, program.tail()
        del self.running[service]

    def health(self, service: str, instance: str = "") -> subprocess.CompletedProcess[str]:
        """Run a service's own health command once, with its own patience."""
        told = self.services[service]["healthcheck"]
        kind, *words = [self.here(word, service) for word in told["test"]]
        assert kind in {CMD, CMD_SHELL}
        return subprocess.run(
            words if kind == CMD else ["sh", "-c", *words],
            env=self.environment(service, instance),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def wait_until_well(self, service: str, instance: str = "", tries: int = 60) -> None:
        """Ask the health command until it succeeds, as an engine does."""
        name = instance or service
        for _ in range(tries):
            asked = self.health(service, instance)
            if asked.returncode == 0:
                return
            if name in self.running:
                self.running[name].must_run()
            time.sleep(1)
        log = self.running[name].tail() if name in self.running else ""
        raise AssertionError(f"{name} is not well: {asked.stdout}{asked.stderr}\n{log}")

    def start_again(self) -> bool:
        """Start what has ended, as ``restart: unless-stopped`` does; always True."""
        for name, program in list(self.running.items()):
            if program.status is not None:
                self.kill(name)
                self.start(re.sub(r"(airflow-worker)-\d$", r"\1", name), name)
        return True

    def kill(self, name: str) -> None:
        """End every process of a service at once, as a machine that loses its power does."""
        program = self.running.pop(name)
        for pid in members(program.session):
            os.kill(pid, 9)
        program.stop(grace=5)
        if name == "store":
            remove_sockets(self.ports[name].values())

    def stop(self) -> None:
        """End everything, as a machine that loses its power; nothing of it is left."""
        for name in list(self.running):
            self.kill(name)


def free_port() -> int:
    """A port on loopback that nobody listens on, nor on the one 10,000 above it; each is given out once.

    Below those that the system gives to connections: none of them takes it before the service does.
    """
    dice = random.SystemRandom()
    while (port := dice.randrange(*CHOICE)) in _GIVEN or not all(map(_is_free, (port, port + 10_000))):
        pass
    _GIVEN.add(port)
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

"""A standalone Spark cluster on loopback: a master and workers, each a process of its own, of bounded memory."""

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from ingest.engine import Engine

READY_SECONDS = 120.0
LOOPBACK = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
SMALL = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""For some thousand rows, of which planning and compiling would take longer than the work itself."""


@contextlib.contextmanager
def cluster(
    folder: Path, *, workers: int = 2, memory: str = "768m", options: Mapping[str, str] | None = None
) -> Iterator[Engine]:
    """The engine's settings for a master with so many workers, each with one core and room for one executor.

    Args:
        folder: where logs and what executors spill lie.
        workers: how many.
        memory: of an executor's heap; its Python beside it takes some more.
        options: further properties of Spark.
    """
    port = _free_port()
    master = f"spark://127.0.0.1:{port}"
    started: list[subprocess.Popen[bytes]] = []
    try:
        words = ["--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]
        started.append(_start(folder, "master", "master.Master", *words))
        _wait_for(port, started[0])
        for number in range(workers):
            name = f"worker-{number}"
            words = [
                "-c",
                "1",
                "-m",
                "4g",
                "-d",
                str(folder / name),
                "--host",
                "127.0.0.1",
                "--webui-port",
                "0",
                master,
            ]
            started.append(_start(folder, name, "worker.Worker", *words))
        yield Engine(land="spark", master=master, executor_memory=memory, options=LOOPBACK | dict(options or {}))
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(60)


def _start(folder: Path, name: str, role: str, *words: str) -> "subprocess.Popen[bytes]":
    found = importlib.util.find_spec("pyspark")
    assert found is not None  # noqa: S101 - whoever comes here has looked
    program = Path(str(found.origin)).parent / "bin" / "spark-class"
    environment = os.environ | {
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [program, f"org.apache.spark.deploy.{role}", *words],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )


def _free_port() -> int:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return int(some.getsockname()[1])


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.2)
    raise RuntimeError("the master did not come up: see master.log")

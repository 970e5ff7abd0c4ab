"""A session on Spark: started for one piece of work, stopped after it.

Refuses, each in one line, where the extra is not installed, Java is missing or too old, or nobody answers at the
master's address: Spark itself would try for a minute and end in a traceback.
"""

import contextlib
import importlib.util
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.engine import Engine
from ingest.errors import KeyFileError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LEAST_JAVA = 17
"""Spark 4.0 release notes: Java 17 or later."""
ANSWER_SECONDS = 5.0
AUTH_SECRET = "_SPARK_AUTH_SECRET"  # noqa: S105 - the name, not the secret
"""Spark 4.0, SecurityManager.ENV_AUTH_SECRET: by it Spark's own workers hand the secret to their executors."""


@contextlib.contextmanager
def session(engine: Engine) -> Iterator["SparkSession"]:
    """A session as the settings want it, in this process (Spark's client mode).

    Raises:
        UsageError: something that it needs is not there.
    """
    refuse_missing(engine)
    os.environ.update(environment(engine))
    ignore_pandas_warning()
    from pyspark.sql import SparkSession

    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)  # what is raised is told by us
    with tempfile.TemporaryDirectory(prefix="tillwatch-spark-") as warehouse:  # by default a folder where one stands
        options = {"spark.sql.warehouse.dir": warehouse} | properties(engine)
        builder = SparkSession.builder.master(engine.master).appName("tillwatch")
        spark = builder.config(map=options).getOrCreate()
        try:
            yield spark
        finally:
            spark.stop()


def ignore_pandas_warning() -> None:
    """Say nothing of pandas, which pyspark complains of when it is imported: none of ours is handed to it."""
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)


def properties(engine: Engine) -> dict[str, str]:
    """What Spark is told of a session before it starts."""
    log = f"-Dlog4j2.configurationFile=file:{files(__package__).joinpath('log4j2.properties')}"
    options = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.executor.memory": engine.executor_memory,
        "spark.executorEnv.PYTHONHASHSEED": "0",
    } | engine.options
    if engine.secret_file:
        options |= {"spark.authenticate": "true", "spark.network.crypto.enabled": "true"}
    options["spark.driver.extraJavaOptions"] = f"{log} {options.get('spark.driver.extraJavaOptions', '')}".strip()
    return options


def environment(engine: Engine) -> dict[str, str]:
    """What Spark finds in its environment: our Python, and the secret, which its command line would show to everybody.

    Raises:
        KeyFileError: the secret's file cannot be read, or is empty.
    """
    found = {"PYSPARK_PYTHON": os.environ.get("PYSPARK_PYTHON", sys.executable)}
    if engine.secret_file is None:
        return found
    try:
        secret = engine.secret_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        secret = ""
    if not secret:
        raise KeyFileError(
            f"{engine.secret_file}: the secret of Spark cannot be read",
            hint="check engine.secret_file, its owner and mode; it is the file that the master and its workers read",
        )
    return found | {AUTH_SECRET: secret}


def refuse_missing(engine: Engine) -> None:
    """Pass where everything is there that Spark needs.

    Raises:
        UsageError: something is not.
    """
    for package in ("pyspark", "sqlglot"):
        if importlib.util.find_spec(package) is None:
            raise UsageError(
                f"engine spark: {package} is not installed",
                hint="install tillwatch with its extra: uv pip install '.[spark]'; or leave the engine at duckdb",
            )
    if (version := _java()) is None or version < LEAST_JAVA:
        found = "Java is not installed" if version is None else f"Java {version} is too old"
        raise UsageError(
            f"engine spark: {found}",
            hint=f"install Java {LEAST_JAVA}: apt-get install openjdk-17-jre-headless; or set JAVA_HOME to it",
        )
    if place := re.fullmatch(r"spark://([^:,]+):(\d+)", engine.master):
        try:
            socket.create_connection((place[1], int(place[2])), ANSWER_SECONDS).close()
        except OSError as wrong:
            raise UsageError(
                f"engine.master: nobody answers at {engine.master}: {wrong.strerror or 'no answer'}",
                hint="start the master and its workers (docs/scale.md), or check engine.master",
            ) from None


def _java() -> int | None:
    """The major version of the Java that Spark would take; None where there is none."""
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    try:
        told = subprocess.run([program or "java", "-version"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    number = re.search(r'version "(?:1\.)?(\d+)', told.stderr)
    return int(number[1]) if number else None

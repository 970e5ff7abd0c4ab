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
import warnings
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.engine import Engine
from ingest.errors import UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LEAST_JAVA = 17
"""Spark 4.0 release notes: Java 17 or later."""
ANSWER_SECONDS = 5.0


@contextlib.contextmanager
def session(engine: Engine) -> Iterator["SparkSession"]:
    """A session as the settings want it, in this process (Spark's client mode).

    Raises:
        UsageError: something that it needs is not there.
    """
    _refuse_missing(engine)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    warnings.filterwarnings(
        "ignore", "PySpark does not yet fully support pandas", FutureWarning
    )  # none is handed to it
    from pyspark.sql import SparkSession

    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)  # what is raised is told by us
    log = f"-Dlog4j2.configurationFile=file:{files(__package__).joinpath('log4j2.properties')}"
    options = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.executor.memory": engine.executor_memory,
        "spark.executorEnv.PYTHONHASHSEED": "0",
    } | engine.options
    options["spark.driver.extraJavaOptions"] = f"{log} {options.get('spark.driver.extraJavaOptions', '')}"
    builder = SparkSession.builder.master(engine.master).appName("tillwatch")
    spark = builder.config(map=options).getOrCreate()
    try:
        yield spark
    finally:
        spark.stop()


def _refuse_missing(engine: Engine) -> None:
    if importlib.util.find_spec("pyspark") is None:
        raise UsageError(
            "engine spark: pyspark is not installed",
            hint="install tillwatch with its extra: uv pip install '.[spark]'; or leave engine.land at duckdb",
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

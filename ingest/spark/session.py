"""A session on Spark: started for one piece of work, stopped after it.

Refuses, each in one line, where the extra is not installed, Java is missing or too old, or nobody answers at the
master's address: Spark itself would try for a minute and end in a traceback.
"""

import contextlib
import importlib.util
import logging
import os
import re
import shlex
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
_EXECUTORS_JAVA = "-XX:-DontCompileHugeMethods"
"""What Spark generates for a rule is often longer than what Java compiles by itself (HotSpot, HugeMethodLimit: 8,000
bytes). ``spark.executor.extraJavaOptions`` comes after it; no collector is named here, of which Java takes one only."""
_WHY_NONE_BEGINS = {
    True: "engine.secret_file must hold what the master was started with, and both be Sparks of one version; "
    "the master's log says more",
    False: "a master that wants a secret needs engine.secret_file; both must be Sparks of one version; "
    "the master's log says more",
}
"""What to do, with and without a secret; a master says no reason to who knows none."""


@contextlib.contextmanager
def session(engine: Engine) -> Iterator["SparkSession"]:
    """A session as the settings want it, in this process (Spark's client mode).

    Raises:
        UsageError: something that it needs is not there.
        KeyFileError: the secret's file cannot be read, or is empty.
    """
    refuse_missing(engine)
    with tempfile.TemporaryDirectory(prefix="tillwatch-spark-") as folder:
        words = [*properties_from(write_properties(engine, Path(folder))), "pyspark-shell"]
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ["PYSPARK_SUBMIT_ARGS"] = shlex.join(words)
        options = properties(engine) | {"spark.sql.warehouse.dir": folder}  # else one is made where the process stands
        logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)  # what is raised is told by us
        ignore_pandas_warning()
        from py4j.protocol import Py4JError
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master(engine.master).appName("tillwatch")
        try:
            spark = builder.config(map=options).getOrCreate()
        except Py4JError:  # its text is a minute's worth of Java's frames, and does not name the cause
            raise UsageError(
                f"engine.master: {engine.master} answers, but lets no session begin",
                hint=_WHY_NONE_BEGINS[bool(engine.secret_file)],
            ) from None
        try:
            yield spark
        finally:
            spark.stop()


def ignore_pandas_warning() -> None:
    """Say nothing of pandas, which pyspark complains of when it is imported: none of ours is handed to it."""
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)


def properties(engine: Engine) -> dict[str, str]:
    """What Spark is told of a session before it starts, but for the secret."""
    log = f"-Dlog4j2.configurationFile=file:{files(__package__).joinpath('log4j2.properties')}"
    options = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.executor.memory": engine.executor_memory,
        "spark.executor.defaultJavaOptions": _EXECUTORS_JAVA,
        "spark.executorEnv.PYTHONHASHSEED": "0",
    } | engine.options
    if engine.secret_file:
        options |= {"spark.authenticate": "true", "spark.network.crypto.enabled": "true"}
    options["spark.driver.extraJavaOptions"] = f"{log} {options.get('spark.driver.extraJavaOptions', '')}".strip()
    return options


def write_properties(engine: Engine, folder: Path) -> Path:
    """The properties as a file of Java's, with the secret, which a command line would show to everybody.

    Raises:
        KeyFileError: the secret's file cannot be read, or is empty.
    """
    told = properties(engine)
    if engine.secret_file:
        told |= {"spark.authenticate.secret": _secret(engine.secret_file)}
    file = folder / "spark.properties"
    file.write_text("".join(f"{_escaped(key)}={_escaped(value)}\n" for key, value in told.items()), "utf-8")
    return file


def properties_from(file: Path) -> list[str]:
    """What tells spark-submit of such a file."""
    return ["--properties-file", str(file), "--load-spark-defaults"]


def _escaped(text: str) -> str:
    """As a file of Java's properties has it (java.util.Properties.load)."""
    for plain, written in (("\\", "\\\\"), ("\n", "\\n"), ("=", "\\="), (":", "\\:"), (" ", "\\ ")):
        text = text.replace(plain, written)
    return text


def _secret(file: Path) -> str:
    try:
        secret = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        secret = ""
    if not secret:
        raise KeyFileError(
            f"{file}: the secret of Spark cannot be read",
            hint="check engine.secret_file, its owner and mode; it is the file that the master and its workers read",
        )
    return secret


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

"""Spark for the tests that need it: the extra's packages and Java, installed where the run may do so.

`make setup` leaves both out, for they take half a gigabyte. The packages go into a folder of the virtual environment
by their own lock, and are on the path of these tests' processes alone.
"""

import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from tests.faults.tools import alone, why_without

LOCK = Path(__file__).parent.parent / "requirements-spark.lock"
FOLDER = Path(sys.prefix) / "spark"


def why_without_spark() -> str:
    """Why Spark cannot be used; empty when it can, also by processes that are started from here."""
    if missing := why_without("java", "openjdk-17-jre-headless"):
        return missing
    if importlib.util.find_spec("pyspark") and importlib.util.find_spec("sqlglot"):
        return ""
    installed = FOLDER / "pyspark" / "__init__.py"
    if not installed.exists() and os.environ.get("CI") == "true":
        with alone():
            if wrong := _install(installed):
                return wrong
    if not installed.exists():
        return "pyspark is not installed (CI=true installs it)"
    # found on the path by Great Expectations, pyspark ends a process that has no main file, as pytest-xdist's workers
    importlib.import_module("great_expectations")
    sys.path.append(str(FOLDER))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(FOLDER)]))
    return ""


def _install(installed: Path) -> str:
    """Install the extra's packages, unless another process has meanwhile; why not, or empty."""
    if installed.exists():
        return ""
    uv = Path(sys.executable).with_name("uv")
    into = ["--quiet", "--python", sys.executable, "--target", str(FOLDER), "--require-hashes", "-r", str(LOCK)]
    done = subprocess.run([uv, "pip", "install", *into], capture_output=True, text=True, check=False, timeout=900)
    return f"the extra spark cannot be installed: {done.stderr.strip()[:200]}" if done.returncode else ""

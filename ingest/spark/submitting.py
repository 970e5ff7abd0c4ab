"""Work that ``spark-submit`` does, in a process of its own, for a task of Airflow's.

The driver's Java is started with the settings' properties, which no command line shows; what it says goes to the
caller's log, line by line; when the caller is stopped, the driver is. The work and what it gave are handed over as
files in a folder that nobody else can open. Client mode, always: a driver elsewhere could not give anything back.
"""

import contextlib
import importlib.util
import logging
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from ingest.errors import LakeError, TillwatchError
from ingest.redaction import redact, redact_output
from ingest.settings import Settings
from ingest.spark.session import properties_from, refuse_missing, write_properties

GRACE_SECONDS = 30.0
_WORK, _TOLD = "work.pickle", "told.pickle"
_log = logging.getLogger(__name__)
Told = TypeVar("Told")


def on_engine(name: Literal["land", "check"], work: Callable[..., Told], settings: Settings, **given: Any) -> Told:
    """What ``work(settings, **given)`` gives: called here, or by ``spark-submit`` where that engine is Spark."""
    return work(settings, **given) if getattr(settings.engine, name) == "duckdb" else submit(work, settings, **given)


def submit(work: Callable[..., Told], settings: Settings, **given: Any) -> Told:
    """What ``work(settings, **given)`` gives, called by ``spark-submit``.

    Args:
        work: a function of a module's own, which another process can import.
        settings: which cluster, and what the work wants to know.
        given: the work's other arguments.

    Raises:
        UsageError: something that Spark needs is not there.
        KeyFileError: the secret's file cannot be read.
        LakeError: the driver ended without having done it.
        TillwatchError: the work's own.
    """
    refuse_missing(settings.engine)
    with tempfile.TemporaryDirectory(prefix="tillwatch-submit-") as name:
        folder = Path(name)
        (folder / _WORK).write_bytes(pickle.dumps((work, settings, given)))
        words = [
            "--master", settings.engine.master, "--deploy-mode", "client", "--name", f"tillwatch {work.__name__}",
            *properties_from(write_properties(settings.engine, folder)), __file__, str(folder),
        ]  # fmt: skip
        _log.info("spark-submit --master %s: %s", settings.engine.master, work.__name__)
        status = _logged(words, folder)
        if not (folder / _TOLD).exists():
            raise LakeError(
                f"engine spark: spark-submit ended with status {status}, and {work.__name__} was not done",
                hint="the lines above, which it wrote, say why",
            )
        told = pickle.loads((folder / _TOLD).read_bytes())  # noqa: S301 - our own process wrote it, in a folder closed to others
    if isinstance(told, TillwatchError):
        raise told
    return told  # type: ignore[no-any-return]


def _logged(words: Sequence[str], folder: Path) -> int:
    """Run spark-submit to its end; its status."""
    with _running(words, folder) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in process.stdout:
            _log.info("%s", redact(line.rstrip("\n")))
        return process.wait()


@contextlib.contextmanager
def _running(words: Sequence[str], folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """spark-submit, of which nothing is left afterwards."""
    found = importlib.util.find_spec("pyspark")
    assert found is not None  # noqa: S101 - it was looked for
    program = Path(str(found.origin)).parent / "bin" / "spark-submit"
    process = subprocess.Popen(
        [program, *words],
        cwd=folder,
        env={"PYSPARK_PYTHON": sys.executable} | os.environ | {"PYSPARK_DRIVER_PYTHON": sys.executable},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _main() -> None:
    """Do the work of a folder: what spark-submit runs."""
    redact_output()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = Path(sys.argv[1])
    work, settings, given = pickle.loads((folder / _WORK).read_bytes())  # noqa: S301 - as above
    try:
        told: Any = work(settings, **given)
    except TillwatchError as wrong:
        told = wrong
    fresh = folder / f"{_TOLD}.new"
    fresh.write_bytes(pickle.dumps(told))
    fresh.replace(folder / _TOLD)


if __name__ == "__main__":
    _main()

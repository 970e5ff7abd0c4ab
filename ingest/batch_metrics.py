"""What a batch part says of its last run, in a file that Prometheus' node_exporter reads.

A batch job is over when a monitor asks, so it leaves its numbers behind: a file a part, put
in place whole, in the folder that node_exporter's textfile collector looks into
(https://github.com/prometheus/node_exporter#textfile-collector). All are gauges of the last
run. The folder cannot be written: the run is not disturbed, and says so.
"""

import contextlib
import functools
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Concatenate, Literal, ParamSpec, TypeVar

from ingest.errors import UsageError
from ingest.permissions import LAKE_FILE, LAKE_FOLDER
from ingest.redaction import redact
from ingest.settings import Settings

Given = ParamSpec("Given")
Result = TypeVar("Result")
Part = Literal["land", "check", "send", "import"]
RUN = "tillwatch_run_"
SUCCEEDED = f"{RUN}succeeded_timestamp_seconds"
METRICS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "land_segments": ("segments that came in", ()),
    "land_frames": ("frames that came in", ()),
    "land_damaged_segments": ("segments that came in with damage, or could not be opened", ()),
    "land_rows": ("rows of the days that were worked out again", ("table",)),
    "check_attempts": ("attempts on the days judged", ()),
    "check_findings": ("findings on the days judged", ("severity", "certainty")),
    "check_could_not_run": ("rules and laws that could not be judged", ()),
    "check_broken_table_laws": ("laws of the tables themselves that are broken", ()),
    "send_mails": ("mails that were due, by what became of them", ("state",)),
    "send_without_route": ("merchants whose findings nobody is named to hear of", ()),
    "cases": ("cases that stand, by state", ("state",)),
    "import_files": ("files looked at, by what became of them", ("state",)),
}
"""Name without ``tillwatch_`` -> what it says of the last run, and its labels."""
_ABOUT_RUNS = {
    "started_timestamp_seconds": "when the last run began",
    "ended_timestamp_seconds": "when it ended",
    "succeeded_timestamp_seconds": "when a run last ended well; 0: never",
    "duration_seconds": "how long the last run took",
    "failed": "1 = the last run ended in an error",
}
_log = logging.getLogger(__name__)


class Run:
    """One run's numbers, as they become known."""

    def __init__(self) -> None:
        self.said: dict[str, dict[tuple[str, ...], float]] = {}
        self.failed = False
        """To be set where a run ends without an error and has not done its work."""

    def tell(self, name: str, value: float, *labels: str) -> None:
        """Say one number of ``METRICS``, with the values of its labels."""
        _, names = METRICS[name]
        if len(labels) != len(names):
            raise ValueError(f"{name}: labels are {names}")
        self.said.setdefault(name, {})[labels] = value


@contextlib.contextmanager
def batch_run(settings: Settings, part: Part) -> Iterator[Run]:
    """Time a block, and leave what it told in ``tillwatch_<part>.prom``; an error leaves its mark and goes on its way.

    Raises:
        UsageError: ``metrics.directory`` is something else than a folder.
    """
    folder = settings.metrics.directory
    if folder is not None and folder.exists() and not folder.is_dir():
        raise UsageError(
            f"metrics.directory: {folder} is not a folder", hint="name the folder node_exporter looks into"
        )
    run, began, clock = Run(), time.time(), time.monotonic()
    ended = False
    try:
        yield run
        ended = True
    finally:
        if folder is not None:
            about = {"started_timestamp_seconds": began, "ended_timestamp_seconds": time.time()}
            about["duration_seconds"] = time.monotonic() - clock
            about["failed"] = float(run.failed or not ended)
            try:
                _leave(folder / f"tillwatch_{part}.prom", part, about, run)
            except OSError as wrong:
                _log.warning(
                    "%s: the run's metrics cannot be written: %s", folder, redact(wrong.strerror or str(wrong))
                )


def measured(
    part: Part, tell: Callable[[Run, Settings, Result], None]
) -> Callable[[Callable[Concatenate[Settings, Given], Result]], Callable[Concatenate[Settings, Given], Result]]:
    """Wrap a batch part, which takes the settings first: its runs leave what ``tell`` makes of their results.

    A dry run (``dry_run=True``) is no run.
    """

    def wrap(work: Callable[Concatenate[Settings, Given], Result]) -> Callable[Concatenate[Settings, Given], Result]:
        @functools.wraps(work)
        def run_it(settings: Settings, /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
            if settings.metrics.directory is None or kwargs.get("dry_run"):
                return work(settings, *args, **kwargs)
            with batch_run(settings, part) as run:
                result = work(settings, *args, **kwargs)
                tell(run, settings, result)
                return result

        return run_it

    return wrap


def _leave(file: Path, part: Part, about: dict[str, float], run: Run) -> None:
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    about["succeeded_timestamp_seconds"] = _succeeded(file) if about["failed"] else about["ended_timestamp_seconds"]
    registry = CollectorRegistry()
    for name, meaning in _ABOUT_RUNS.items():
        Gauge(f"{RUN}{name}", meaning, ("part",), registry=registry).labels(part).set(about[name])
    for name, samples in run.said.items():
        meaning, labels = METRICS[name]
        gauge = Gauge(f"tillwatch_{name}", meaning, labels, registry=registry)
        for values, number in samples.items():
            (gauge.labels(*values) if labels else gauge).set(number)
    if not file.parent.is_dir():
        file.parent.mkdir(parents=True)
        file.parent.chmod(LAKE_FOLDER)
    half = file.with_suffix(f".{os.getpid()}-{secrets.token_hex(6)}.new")  # node_exporter reads *.prom only
    try:
        half.write_bytes(generate_latest(registry))
        half.chmod(LAKE_FILE)
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)


def _succeeded(file: Path) -> float:
    """What the last run left as the moment of the last good one; 0 where nothing, or nothing legible, is there."""
    from prometheus_client.parser import text_string_to_metric_families

    try:
        families = list(text_string_to_metric_families(file.read_text("utf-8")))
    except (OSError, ValueError):
        return 0.0
    return next((each.value for family in families for each in family.samples if each.name == SUCCEEDED), 0.0)

"""`tillwatch demo`: one simulated shop day on the real programs, and the verdict."""

import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import click

import ingest
from ingest.errors import UsageError


@click.command()
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    default=Path("var/demo"),
    show_default=True,
    help="Folder of the demo; cleared at the start, kept at the end.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed plays the same day.")
@click.option("--keep-airflow", is_flag=True, help="Leave Airflow running at the end, until Ctrl-C.")
def demo(directory: Path, seed: int, *, keep_airflow: bool) -> None:
    """One simulated shop day, from terminals to mail.

    Simulated terminals on pseudo-terminals, a real collector, a real Airflow and a
    real SMTP server, all on this machine alone. What the rules find is held against
    what the terminals did. Everything that was started is stopped at the end.

    Exit status: 0 exactly the faults were found and mailed, 1 something differs,
    2 usage, 3 could not run.
    """
    from rich.console import Console

    from ingest.demo.day import Day
    from ingest.demo.outcome import show_places
    from ingest.demo.place import claim
    from ingest.demo.progress import Progress
    from ingest.demo.report import show

    dags = Path(ingest.__file__).parents[1] / "dags"
    if not dags.is_dir():
        raise UsageError(f"{dags}: the DAG files are not here", hint="run the demo in a checkout: make demo")
    out = Console(highlight=False, soft_wrap=True)
    _stop_on_sigterm()
    with claim(directory) as place, ExitStack() as stack, Progress() as progress:
        stack.callback(progress.done, "everything that was started is stopped")
        day = Day(place, dags, seed, stack, progress)
        stack.callback(_let_nobody_interrupt)
        outcome = day.play()
        progress.pause()
        show(outcome.verdict, out)
        show_places(outcome, place, day.home, out, stays=keep_airflow)
        if keep_airflow:
            click.echo("Airflow runs until you press Ctrl-C.", err=True)
            _until_interrupted()
    seconds = progress.seconds
    if not outcome.holds:
        click.echo(f"the demo does not hold, after {seconds:.0f} s: see above", err=True)
        raise SystemExit(1)
    click.echo(f"the demo holds, after {seconds:.0f} s: every fault was found and mailed, and nothing else", err=True)


def _stop_on_sigterm() -> None:
    """SIGTERM stops the demo as Ctrl-C does.

    A shell's background job ignores Ctrl-C and would have Airflow, which is stopped by it, ignore it too.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _let_nobody_interrupt() -> None:
    """From here on everything is being stopped; a second Ctrl-C would leave half of it running."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _until_interrupted() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        sys.stderr.write("\n")

"""`tillwatch simulate`: terminals on pseudo-terminals, playing a scenario.

Prints each line's devices and the words that `tillwatch collect` takes for them,
waits for the collector, plays, and says what was played.
"""

import datetime as dt
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import click

from ingest.commands.options import json_option
from ingest.errors import UsageError
from ingest.simulator.draft import DIALECT
from ingest.simulator.play import Pace, Play
from ingest.simulator.pty import DeviceFolder
from ingest.simulator.rehearsal import Rehearsal, rehearse
from ingest.simulator.scenario import ZONE, Mode, Scenario, take_seats, truth_lines
from ingest.simulator.scenarios import MERCHANTS, write_scenario
from ingest.simulator.stage import Stage, StagedLine
from ingest.simulator.staged import STAGED
from ingest.stopping import stopped_by_signals
from protocols.profile import load_profile, profiles_speaking


@click.command()
@click.argument("scenario", metavar="SCENARIO")
@click.option("--lines", type=click.IntRange(1, 256), default=4, show_default=True, help="How many terminals.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed plays the same day.")
@click.option(
    "--devices",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("var/devices"),
    show_default=True,
    help="Folder of the devices' stable names.",
)
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    help="Profiles in turn; all built-in ones that the scenario is made for by default.",
)
@click.option(
    "--mode",
    "modes",
    multiple=True,
    type=click.Choice(get_args(Mode)),
    help="Modes in turn; by default receive where the link has ACKs, else relay and listen.",
)
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="The scenario's day D; today in Asia/Shanghai by default."
)
@click.option(
    "--seconds", type=click.FloatRange(0), default=25.0, show_default=True, help="Wall time of a day scenario."
)
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=20.0,
    show_default=True,
    help="Traffic: sales a second and line; 0 is no limit.",
)
@click.option(
    "--count",
    type=click.IntRange(1, 9999),
    help="Traffic: steps a line before it ends, endless by default; pull: records of a batch; till: payments.",
)
@click.option(
    "--patience",
    type=click.FloatRange(1),
    default=60.0,
    show_default=True,
    help="Seconds without progress that end the play.",
)
@click.option(
    "--truth", type=click.Path(dir_okay=False, path_type=Path), help="Write what must be found, as JSON lines."
)
@click.option("--print-config", is_flag=True, help="Print the lines as TOML for tillwatch.toml instead of as options.")
@json_option
def simulate(
    *,
    scenario: str,
    lines: int,
    seed: int,
    devices: Path,
    profiles: tuple[str, ...],
    modes: tuple[Mode, ...],
    day: dt.datetime | None,
    seconds: float,
    rate: float,
    count: int | None,
    patience: float,
    truth: Path | None,
    print_config: bool,
    as_json: bool,
) -> None:
    """Play SCENARIO on simulated terminals: shop-day, quiet-day, traffic, pull or till.

    Each terminal is a pseudo-terminal under a stable name, or a loopback port where its link is
    TCP. Nothing is said until a collector has opened it. pull: terminals that answer a collector
    which asks them. till: tills and terminals that talk when a collector relays between them.
    Ctrl-C stops.

    Exit status: 0 played, 2 usage, 3 could not run, 130 stopped early.
    """
    today = day.date() if day else dt.datetime.now(ZONE).date()
    if scenario in STAGED:
        if modes:
            raise UsageError(f"{scenario} has a mode of its own", hint="leave out --mode")
        made = STAGED[scenario]
        names = profiles or tuple(made.profiles())
        loaded = {name: load_profile(name) for name in names}
        seats = take_seats([(name, False) for name in names], lines, merchants=MERCHANTS)
        with DeviceFolder(devices) as folder:
            staged = made.lines(seats, loaded, folder, today, seed, count or made.count)
            _run_stage(scenario, staged, truth, as_json=as_json, print_config=print_config)
        return
    names = profiles or tuple(profiles_speaking(DIALECT))
    loaded = {name: load_profile(name) for name in names}
    seats = take_seats([(name, loaded[name].link.ack) for name in names], lines, merchants=MERCHANTS, modes=modes)
    written = write_scenario(scenario, seats, today, seed)
    rehearsal = rehearse(written) if written.total is not None else None
    if truth is not None:
        _write_truth(truth, written, rehearsal)
    with DeviceFolder(devices) as folder:
        pace = Pace(seconds=seconds, rate=rate, steps=count if written.total is None else None)
        play = Play(written, loaded, folder, pace=pace, patience=patience)
        started = time.monotonic()
        with stopped_by_signals(play.stop):
            _print_devices(list(play.devices()), as_json=as_json, print_config=print_config)
            with _progress(play, count):
                ended = play.run()
        if ended and rehearsal is not None:
            play.compare(rehearsal)
    took = time.monotonic() - started
    _print_summary(
        written, play, seed=seed, day=today, ended=ended, took=took, as_json=as_json, print_config=print_config
    )
    if not ended and written.total is not None:
        raise click.Abort


def _write_truth(path: Path, scenario: Scenario, rehearsal: Rehearsal | None) -> None:
    if rehearsal is None:
        raise UsageError(f"{scenario.name} has no end and no truth", hint="leave out --truth")
    _write_lines(path, truth_lines(scenario.claims, rehearsal.records))


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    except OSError as wrong:
        raise UsageError(
            f"{path}: cannot be written: {wrong.strerror}", hint="name another file with --truth"
        ) from None


def _run_stage(
    name: str, lines: Sequence[StagedLine], truth: Path | None, *, as_json: bool, print_config: bool
) -> None:
    """Play machines until they are done or somebody stops them."""
    if truth is not None:
        _write_lines(truth, [row for line in lines for row in line.truth])
    stage = Stage(lines)
    started = time.monotonic()
    with stopped_by_signals(stage.stop):
        _print_devices([line.words for line in lines], as_json=as_json, print_config=print_config)
        ended = stage.run()
    took = time.monotonic() - started
    carried = stage.carried
    if as_json:
        summary = {"scenario": name, "lines": len(lines), "heard": carried.heard, "said": carried.said}
        click.echo(json.dumps({**summary, "ended": ended, "seconds": round(took, 1)}))
        return
    state = "played" if ended else "stopped"
    click.echo(
        f"{name}: {state}: {carried.heard} bytes heard and {carried.said} said on {len(lines)} lines in {took:.1f} s",
        err=print_config,  # what was printed is a file by now
    )


def _print_devices(lines: list[dict[str, Any]], *, as_json: bool, print_config: bool) -> None:
    for line in lines:
        if as_json:
            click.echo(json.dumps(line, ensure_ascii=False))
        elif print_config:
            click.echo(_as_toml(line))
        else:
            click.echo(f"{line['option']} {line['value']}")
    click.echo(f"waiting for a collector on {len(lines)} lines", err=True)


def _as_toml(line: dict[str, Any]) -> str:
    keys = {"name": line["line"], "device": line["device"], "profile": line["profile"], "mode": line["mode"]}
    if line["peer"]:
        keys["peer"] = line["peer"]
    return "\n".join(["[[lines]]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())])


def _print_summary(
    scenario: Scenario,
    play: Play,
    *,
    seed: int,
    day: dt.date,
    ended: bool,
    took: float,
    as_json: bool,
    print_config: bool,
) -> None:
    faults = sum(claim.kind == "fault" for claim in scenario.claims)
    summary = {
        "scenario": scenario.name,
        "seed": seed,
        "day": day.isoformat(),
        "lines": len(scenario.seats),
        "steps": play.tally.steps,
        "frames": play.tally.frames,
        "repeated_reports": play.tally.repeats,
        "faults": faults,
        "hard_negatives": len(scenario.claims) - faults,
        "ended": ended,
        "seconds": round(took, 1),
    }
    if as_json:
        click.echo(json.dumps(summary))
        return
    state = "played" if ended else "stopped early"
    click.echo(
        f"{scenario.name}: {state}: {summary['frames']} frames on {summary['lines']} lines in {took:.1f} s, "
        f"{faults} faults and {summary['hard_negatives']} hard negatives in it",
        err=print_config,
    )


@contextmanager
def _progress(play: Play, count: int | None) -> Iterator[None]:
    """A bar on stderr when it is a terminal; else silence."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    scenario = play.scenario
    total = scenario.total or (count * len(scenario.seats) if count else None)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task(scenario.name, total=total)
        play.on_step = lambda: bar.advance(task)
        yield

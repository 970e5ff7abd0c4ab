"""``tillwatch replay``: captures into the spool, as a line's bytes go there, and terminals' journals."""

import functools
import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

import click

from ingest.capture import Broken, CaptureError, open_capture
from ingest.capture_table import Block, blocks
from ingest.commands.options import config_option, json_option
from ingest.errors import SpoolError, UsageError
from ingest.frame_block import FrameBlock
from ingest.journals import JournalRecorder, open_journal
from ingest.keys import load_keys
from ingest.overlap import ahead
from ingest.profiles import landing_lacks
from ingest.records import Direction, PendingRecord, session
from ingest.replaying import Replaying
from ingest.segments import SegmentInfo
from ingest.settings import Settings, load_settings
from ingest.spool import Spool
from protocols.journal.pos_log import MOST_RECORDS
from protocols.journal.profile import is_journal, load_journal
from protocols.profile import load_profile

BATCH = 512
"""Records of a journal written with one sync."""
SAID = 20
"""Broken lines of a capture that are named one by one."""
DIRECTIONS: tuple[Direction, ...] = ("rx", "tx")
NO_CLOCK = 0
"""A capture has no monotonic clock, so its records belong to no boot."""


@dataclass(slots=True)
class Totals:
    """What a replay read."""

    captures: int = 0
    lines: int = 0
    frames: int = 0
    noise_bytes: int = 0
    control_bytes: int = 0
    broken_lines: int = 0
    segments: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        where = ", ".join(self.segments) or "none"
        return (
            f"{self.frames} frames, {self.noise_bytes} noise bytes, {self.broken_lines} broken lines "
            f"from {self.captures} captures; segment: {where}"
        )


@dataclass(slots=True)
class JournalTotals:
    """What a replay of journals read."""

    journals: int = 0
    records: int = 0
    rejected: int = 0
    segments: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        where = ", ".join(self.segments) or "none"
        return f"{self.records} records, {self.rejected} rejected from {self.journals} journals; segment: {where}"


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--profile", "-p", "profile_name", required=True, help="What the terminals speak; see `tillwatch describe`."
)
@click.option("--line", help="Name of the line, instead of the one in the capture; a journal's is its file's name.")
@click.option("--terminal", help="Of a journal that does not name its terminal: the 8 characters of field 41.")
@click.option("--merchant", help="Of a journal: the 15 characters of field 42.")
@config_option
@json_option
def replay(  # noqa: PLR0917  click names each
    files: tuple[Path, ...],
    profile_name: str,
    line: str | None,
    terminal: str | None,
    merchant: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Read captures (*.capture.jsonl) or terminals' journals into the spool and seal them.

    The profile says which: newpos-journal, verifone-journal and newland-journal read a
    terminal's own log. Broken lines and records are counted and named with their number;
    the rest is read.

    \b
    Exit status: 0 all read, 1 lines or records were broken or no frame fits the profile,
    3 a file could not be read, or is no capture or journal.
    """  # noqa: D301 - click wants the backspace itself, not its two letters
    settings = load_settings(config)
    if is_journal(profile_name):
        _replay_journals(settings, files, profile_name, (line, terminal, merchant), as_json=as_json)
        return
    if terminal or merchant:
        raise UsageError("--terminal and --merchant are a journal's", hint="a capture's messages name both")
    profile = load_profile(profile_name)
    keys = load_keys(settings.keys.pan_token)
    totals, no_captures = Totals(), list[Path]()
    heard = Replaying(profile, keys, line)

    def sealed(info: SegmentInfo) -> None:
        totals.segments.append(info.id)

    with ExitStack() as stack:
        opened = [(path, stack.enter_context(open_capture(path))) for path in files]
        spool = Spool(
            settings.spool.directory,
            keys,
            seal_seconds=settings.spool.seal_seconds,
            seal_bytes=int(settings.spool.seal_mib * 1024 * 1024),
            boot_id=NO_CLOCK,
            on_sealed=sealed,
        )
        stack.enter_context(spool)
        for path, file in opened:
            totals.captures += 1
            before = totals.lines, totals.broken_lines
            read = functools.partial(heard.read, source=path.name)
            for _, made in ahead(read, _with_progress(path, file)):
                replayed = made()
                totals.lines += replayed.lines
                for broken in replayed.broken:
                    totals.broken_lines += 1
                    _tell(path, broken, totals.broken_lines - before[1])
                _record(spool, replayed.records)
            if totals.broken_lines > before[1] + SAID:
                click.echo(f"{path}: {totals.broken_lines - before[1]} broken lines in all", err=True)
            if totals.lines == before[0] and totals.broken_lines > before[1]:
                no_captures.append(path)
    for recorder in heard.recorders.values():
        for direction in DIRECTIONS:
            counters = recorder.counters(direction)
            totals.frames += counters.frames
            totals.noise_bytes += counters.noise_bytes
            totals.control_bytes += counters.control_bytes
    click.echo(json.dumps(asdict(totals)) if as_json else str(totals))
    if lacking := landing_lacks(settings, profile_name):
        click.echo(lacking, err=True)
    strange = bool(totals.noise_bytes and not totals.frames)
    if strange:
        click.echo(f"no frame fits the profile {profile.name}; is it the right one?", err=True)
        click.echo("  try: tillwatch describe --profiles, then replay with the right one", err=True)
    elif totals.lines and totals.broken_lines:
        click.echo("  try: get a whole copy and replay it: what is in already is not counted twice", err=True)
    elif not totals.lines and not totals.broken_lines:
        click.echo("nothing to read: there is no line in it", err=True)
    if no_captures:
        raise CaptureError(
            f"{no_captures[0]}: not one line of it is a capture's",
            hint='a line looks like {"t": "2026-11-21T20:41:07+08:00", "line": "lane-1", "dir": "rx", "frame": "00…"}',
        )
    if strange or totals.broken_lines:
        raise SystemExit(1)


def _record(spool: Spool, batch: list[PendingRecord | FrameBlock]) -> None:
    """Put a batch on the disk; when that fails, say what to do about a capture, not about a line."""
    try:
        spool.append_many(batch)
    except SpoolError as wrong:
        hint = "mend that, then replay all of it again: what is in already is not counted twice"
        raise SpoolError(wrong.message, hint=hint) from None


def _replay_journals(
    settings: Settings,
    files: tuple[Path, ...],
    profile_name: str,
    named: tuple[str | None, str | None, str | None],
    *,
    as_json: bool,
) -> None:
    """Terminals' own logs into the spool; every file is looked at before the first record is written."""
    profile, keys = load_journal(profile_name), load_keys(settings.keys.pan_token)
    line, terminal, merchant = (_fits(name, text, most) for (name, most), text in zip(_WIDTHS, named, strict=True))
    totals = JournalTotals()
    read = []
    for path in files:
        journal = open_journal(path, profile)
        called = line or path.stem
        recorder = JournalRecorder(
            profile, journal.shape, keys, line=called, terminal_id=terminal, merchant_id=merchant
        )
        read.append((path, journal, recorder, called))

    def sealed(info: SegmentInfo) -> None:
        totals.segments.append(info.id)

    with Spool(
        settings.spool.directory,
        keys,
        seal_seconds=settings.spool.seal_seconds,
        seal_bytes=int(settings.spool.seal_mib * 1024 * 1024),
        boot_id=NO_CLOCK,
        on_sealed=sealed,
    ) as spool:
        for path, journal, recorder, called in read:
            now = time.time_ns()
            facts = {"mode": "journal", "source": path.name, "layout": journal.evidence}
            batch: list[PendingRecord | FrameBlock] = [session(called, profile.name, facts, wall_ns=now)]
            for piece in journal.pieces:
                record = recorder.record(piece, now)
                batch.append(record)
                if (wrong := record.error) is not None and recorder.rejected <= SAID:
                    click.echo(
                        f"{path}: {wrong['field']} at byte {wrong['offset']}: {wrong['code']}; not read", err=True
                    )
                if len(batch) >= BATCH:
                    _record(spool, batch)
                    batch = []
            _record(spool, batch)
            totals.journals += 1
            totals.records += recorder.records
            totals.rejected += recorder.rejected
            click.echo(f"{path}: {journal.evidence}", err=True)
            if profile.format == "pos_log" and recorder.records >= MOST_RECORDS:
                click.echo(f"{path}: the log is full ({MOST_RECORDS} records): older ones may be gone", err=True)
    click.echo(json.dumps(asdict(totals)) if as_json else str(totals))
    if totals.rejected:
        raise SystemExit(1)


_WIDTHS = (("--line", 64), ("--terminal", 8), ("--merchant", 15))


def _fits(name: str, text: str | None, most: int) -> str | None:
    if text is not None and not (0 < len(text) <= most and text.isascii() and text.isprintable()):
        raise UsageError(
            f"{name} is not a text of 1 to {most} characters", hint=f"{name} as the terminal's slip has it"
        )
    return text


def _tell(path: Path, broken: Broken, count: int) -> None:
    if count <= SAID:
        click.echo(f"{path}: line {broken.number}: {broken.why}; not read", err=True)


def _with_progress(path: Path, file: BinaryIO) -> Iterator[Block]:
    """The capture's lines, with a bar on a terminal."""
    if not sys.stderr.isatty():
        yield from blocks(file)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(path.name, total=path.stat().st_size)
        for block in blocks(file):
            progress.update(bar, completed=file.tell())
            yield block

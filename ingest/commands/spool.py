"""``tillwatch spool``: what is in the spool, whether it is sound, and its frames as a capture."""

import contextlib
import datetime as dt
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import click

from ingest.capture import capture_line
from ingest.commands.options import config_option, json_option
from ingest.disk import Disk
from ingest.errors import KeyFileError, SpoolError, UsageError
from ingest.healing import Copy, heal
from ingest.inspection import Report, breaks_between, inspect, segment_files
from ingest.keys import Keys, load_keys
from ingest.ownership import own, owner_of, this_boot
from ingest.records import Kind
from ingest.segment import Damage
from ingest.segments import read_segment
from ingest.settings import Settings, load_settings

MENDED = "it is mended when the spool is opened next: tillwatch collect"
KEPT = "all other records are readable and the file is kept: put a sound copy in its place if there is one"
LOST = "no record of it is readable: put a sound copy in its place if there is one"
NOTED = "it was named when the segment was sealed: nothing to do"
APART = "the other folder holds all that is readable: put this disk right, then run this again"
ABSENT = "a segment was taken away or changed: put the right one back from a copy if there is one"


@click.group()
def spool() -> None:
    """List, verify, export and prune the spool."""


@spool.command("ls")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """List the segments: state, records, numbers, bytes, time span, lines."""
    settings = load_settings(config)
    reports = [inspect(path) for path in segment_files(settings.spool.directory)]
    for report in reports:
        if as_json:
            click.echo(json.dumps(_as_json(report), ensure_ascii=False))
    if not as_json:
        _print_table(reports, settings)
    owner = owner_of(settings.spool.directory)
    quarantine = settings.spool.directory / "quarantine"
    kept = len(list(quarantine.iterdir())) if quarantine.is_dir() else 0
    said = [f"{len(reports)} segments", f"{sum(report.count for report in reports)} records"]
    said += [f"owned by process {owner}"] if owner else []
    said += [f"{kept} files in {quarantine}"] if kept else []
    click.echo(", ".join(said), err=True)


@spool.command()
@click.argument("segments", nargs=-1, metavar="[SEGMENT]...")
@config_option
@json_option
def verify(segments: tuple[str, ...], config: Path | None, as_json: bool) -> None:
    """Read every byte of the spool, or of SEGMENT (a path, a file name or a segment's id), and name all damage.

    Where there is a mirror (spool.mirror), what one folder lost or damaged is first copied from the other.

    Exit status: 0 sound, 3 damaged: one line for each damage.
    """
    settings = load_settings(config)
    alone = _mend_from_mirror(settings, as_json=as_json) if not segments else []
    keys = _keys_if_there(settings)
    busy = owner_of(settings.spool.directory) is not None
    reports = [inspect(path, keys) for path in _chosen(settings, segments)]
    found = 0
    for report in reports:
        for damage in report.damages:
            if busy and report.state == "open" and damage.torn:
                continue  # the collector is in the middle of a write
            found += 1
            _print_damage(report, damage, as_json=as_json)
    if not segments:
        for report, damage in breaks_between(reports):
            found += 1
            _print_damage(report, damage, ABSENT, as_json=as_json)
    found += len(alone)
    unchained = sum(not report.chained for report in reports)
    records = sum(report.count for report in reports)
    sound = "all sound" if not found else f"{found} damaged places"
    click.echo(f"{len(reports)} segments, {records} records: {sound}", err=True)
    if unchained:
        click.echo(f"the keyed hashes of {unchained} segments were not looked at: their key is not at hand", err=True)
    if found:
        raise SystemExit(3)


@spool.command()
@click.option("--line", help="Only this line.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write here; stdout otherwise.")
@config_option
def export(line: str | None, output: Path | None, config: Path | None) -> None:
    """Write the sanitised frames as a capture (*.capture.jsonl), oldest first.

    Exit status: 0 all frames written, 3 some could not be read; the rest is written.
    """
    settings = load_settings(config)
    damaged: list[str] = []
    kinds: Counter[Kind] = Counter()
    with _output(output) as file:
        for path in segment_files(settings.spool.directory):
            damaged += [f"{path.name}: {damage}" for damage in inspect(path).damages if not damage.torn]
            for record in read_segment(path, salvage=True):
                if line is not None and record.line != line:
                    continue
                kinds[record.kind] += 1
                if record.kind is Kind.FRAME:
                    file.write(capture_line(record, settings.zone) + "\n")
    click.echo(f"{kinds[Kind.FRAME]} frames; {kinds[Kind.NOISE]} stretches of noise have no bytes to export", err=True)
    for one in damaged:
        click.echo(f"damaged: {one}", err=True)
    if damaged:
        raise SystemExit(3)


@spool.command()
@click.option("--keep-days", type=click.FloatRange(1), help="Keep a segment so long; spool.keep_days by default.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@config_option
@json_option
def prune(*, keep_days: float | None, dry_run: bool, config: Path | None, as_json: bool) -> None:
    """Remove old sealed segments that the lake holds: each is read back from there and compared before it goes.

    Where segments are shipped ([ship] to), it is the store that is read back. Oldest first; the first that may not
    go keeps all after it. pruned.jsonl in the spool says what went.

    Exit status: 0 done, 2 no number of days, 3 could not run.
    """
    from ingest.depot import Depot
    from ingest.lake import Lake
    from ingest.retention import missing_in
    from ingest.retention import prune as prune_segments

    settings = load_settings(config)
    days = keep_days or settings.spool.keep_days
    if days is None:
        raise UsageError("no segment is ever removed unless told so", hint="--keep-days N, or keep_days in [spool]")
    gone = 0
    shipped = settings.ship.to
    lacks = Depot(shipped, settings.ship.folder).lacks if shipped else missing_in(Lake.of(settings.lake), settings.zone)
    judged = prune_segments(
        settings.spool.directory,
        lacks,
        keep_days=days,
        now=dt.datetime.now(dt.UTC),
        dry_run=dry_run,
        mirror=settings.spool.mirror,
    )
    for each in judged:
        gone += not each.stays
        if as_json:
            told = {"segment": each.info.id, "removed": not each.stays and not dry_run, "stays": each.stays or None}
            click.echo(json.dumps(told))
        elif each.stays:
            click.echo(f"{each.info.path.name} and what is newer stay: {each.stays}", err=True)
        else:
            click.echo(f"{each.info.path}{' would go' if dry_run else ''}")
    click.echo(f"{gone} segments {'would be ' if dry_run else ''}removed", err=True)


@spool.command("ship")
@click.option("--to", "url", metavar="URL", help="s3://bucket/prefix; ship.to by default.")
@config_option
@json_option
def ship_(url: str | None, config: Path | None, *, as_json: bool) -> None:
    """Ship sealed segments to object storage, each once, oldest first. `collect --ship-to` does it as they are sealed.

    Exit status: 0 all are there, 2 no address, 3 could not run: what was shipped before stays shipped.
    """
    from ingest.depot import Depot
    from ingest.shipping import ship

    settings = load_settings(config, {"ship": {"to": url}} if url else {})
    if settings.ship.to is None:
        raise UsageError("segments are shipped nowhere", hint="--to s3://bucket/prefix, or to in [ship]")
    count = 0
    for each in ship(settings.spool.directory, Depot(settings.ship.to, settings.ship.folder)):
        count += 1
        if as_json:
            click.echo(json.dumps({"segment": each.info.id, "records": each.info.count, "again": each.again}))
        else:
            click.echo(each.info.path.name)
    click.echo(f"{count} segments shipped to {settings.ship.to}", err=True)


def _chosen(settings: Settings, segments: tuple[str, ...]) -> list[Path]:
    if not segments:
        return segment_files(settings.spool.directory)
    chosen = []
    for name in segments:
        if Path(name).is_file():
            chosen.append(Path(name))
            continue
        found = [path for path in segment_files(settings.spool.directory) if name in {path.name, path.stem[21:]}]
        if not found:
            raise SpoolError(f"{name}: no such segment", hint="list them with `tillwatch spool ls`")
        chosen += found
    return chosen


def _mend_from_mirror(settings: Settings, *, as_json: bool) -> list[Path]:
    """Make both folders hold the same, and say what was done; a folder that could not be made so."""
    directory, mirror = settings.spool.directory, settings.spool.mirror
    if mirror is None:
        return []
    with contextlib.ExitStack() as owned:
        busy = not all(_owned(folder, owned) for folder in (directory, mirror))
        healed = heal(Copy(Disk(), directory), Copy(Disk(), mirror), deep=True, sealed_only=busy)
    for note in healed.notes:
        click.echo(json.dumps({"mirror": str(mirror), "note": note}, ensure_ascii=False) if as_json else note)
    for folder, why in healed.failed.items():
        told = {"mirror": str(mirror), "file": str(folder), "what": why, "try": APART}
        click.echo(json.dumps(told, ensure_ascii=False) if as_json else f"{folder}: {why}; {APART}")
    return list(healed.failed)


def _owned(folder: Path, until: contextlib.ExitStack) -> bool:
    """Whether the folder is ours now; not where a collector has it, or where it is not there."""
    if not folder.is_dir():
        return False
    try:
        fd = own(Disk(), folder, this_boot())
    except SpoolError:
        return False
    until.callback(Disk().close, fd)
    return True


def _keys_if_there(settings: Settings) -> Keys | None:
    try:
        return load_keys(settings.keys.pan_token)
    except KeyFileError as wrong:
        click.echo(f"without the key only checksums and numbers are looked at: {wrong}", err=True)
        return None


def _print_table(reports: list[Report], settings: Settings) -> None:
    rows = [("segment", "state", "records", "numbers", "bytes", "from", "to", "lines", "damage")]
    for report in reports:
        numbers = f"{report.first_seq}-{report.last_seq}" if report.first_seq else "-"
        times = [
            at.astimezone(settings.zone).isoformat(sep=" ", timespec="seconds") if at else "-"
            for at in (report.first_at, report.last_at)
        ]
        damage = "-" if not report.damages else f"{len(report.damages)}{' (named)' if report.noted else ''}"
        lines = " ".join(report.lines) or "-"
        name = report.segment_id or report.path.name
        rows.append((name, report.state, str(report.count), numbers, str(report.size), *times, lines, damage))  # type: ignore[arg-type]  # two times
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows if reports else []:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "segment": report.segment_id,
        "file": str(report.path),
        "state": report.state,
        "records": report.count,
        "kinds": {kind.name.lower(): count for kind, count in sorted(report.kinds.items())},
        "first_seq": report.first_seq,
        "last_seq": report.last_seq,
        "bytes": report.size,
        "first_at": report.first_at.isoformat() if report.first_at else None,
        "last_at": report.last_at.isoformat() if report.last_at else None,
        "sealed_at": report.sealed_at.isoformat() if report.sealed_at else None,
        "lines": report.lines,
        "key_id": report.key_id,
        "damage": [str(damage) for damage in report.damages],
        "damage_named": report.noted,
    }


def _print_damage(report: Report, damage: Damage, advice: str = "", *, as_json: bool) -> None:
    if not advice:
        kept = KEPT if report.count else LOST
        advice = MENDED if report.state != "sealed" else NOTED if report.noted else kept
    if as_json:
        found = {
            "segment": report.segment_id,
            "file": str(report.path),
            "state": report.state,
            "byte": damage.offset,
            "bytes": damage.length,
            "what": damage.what,
            "missing": list(damage.missing) if damage.missing else None,
            "try": advice,
        }
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        click.echo(f"{report.path}: {damage}; {advice}")


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    """Stdout, or a file that is there whole or not at all."""
    if path is None:
        yield sys.stdout
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            yield file
        temporary.replace(path)
    except OSError as wrong:
        raise SpoolError(f"{path}: cannot be written: {wrong.strerror}", hint="check the folder and the disk") from None
    finally:
        temporary.unlink(missing_ok=True)

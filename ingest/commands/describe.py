"""``tillwatch describe``: what a frame says, field by field, masked."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import click

from ingest.capture import Broken, read_capture
from ingest.commands.options import json_option
from ingest.errors import TillwatchError, UsageError
from ingest.journals import open_journal
from protocols.deframe import Event, Frame, Noise
from protocols.dialect import Described
from protocols.dump import line, lines
from protocols.errors import ProfileError, ProtocolError
from protocols.journal.describe import describe_record
from protocols.journal.describe import lines as journal_lines
from protocols.journal.profile import JournalProfile, available_journals, is_journal, load_journal
from protocols.profile import Profile, load_profile, usable_profiles
from protocols.profile_files import LANGUAGES

MOST_BYTES = 64 << 20  # a file of bytes is read whole; captures are read line by line
_CHUNK = 1 << 16
_LONG_VALUE = 48  # characters; a longer one whose parts follow is not shown twice
_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


class Screen(NamedTuple):
    """Who reads: in which language, and on how many columns; None where it is no screen."""

    language: str
    width: int | None


def _screen(locale: str | None) -> Screen:
    said = next((os.environ[name] for name in _LOCALE_VARIABLES if os.environ.get(name)), "")
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return Screen(locale or ("zh-CN" if said.startswith("zh") else "en"), width)


@click.command()
@click.argument("source", metavar="FILE-or-HEX", required=False)
@click.option("--profile", "-p", metavar="P", help="A profile's name, or the path of a .toml file.")
@click.option("--profiles", "list_profiles", is_flag=True, help="List the profiles and what each stands on.")
@click.option(
    "--locale",
    type=click.Choice(LANGUAGES),
    help="Language of the titles; that of LC_ALL, LC_MESSAGES or LANG by default.",
)
@json_option
def describe(source: str | None, profile: str | None, list_profiles: bool, locale: str | None, as_json: bool) -> None:
    """Say what a frame says, field by field, masked.

    FILE is a capture (.jsonl), a file of hex lines, or raw bytes off a line; - is
    standard input. HEX may be a whole link frame or a bare message: an envelope
    that is missing is said so. With a journal's profile FILE is a terminal's own log,
    and every record of it is described.

    Exit status: 0 every frame could be read, 1 some could not, 2 usage, 3 could not run.
    """
    if list_profiles:
        usable, unusable = usable_profiles()
        for each in usable:
            _print_profile(each, as_json=as_json)
        for wrong in unusable:
            click.echo(f"left out: {wrong}", err=True)
        for name in available_journals():
            _print_journal_profile(load_journal(name), as_json=as_json)
        return
    if source is None or profile is None:
        missing = "FILE-or-HEX" if source is None else "--profile P"
        raise UsageError(
            f"describe needs {missing}", hint="tillwatch describe --profiles, then: tillwatch describe HEX --profile P"
        )
    screen = _screen(locale)
    if is_journal(profile):
        _describe_journal(load_journal(profile), Path(source), screen, as_json=as_json)
        return
    loaded = _load(profile)
    bad, index = 0, -1
    for index, found in enumerate(_frames(loaded, source)):
        if isinstance(found, bytes):
            description = loaded.speech.describe(loaded, found)
            bad += description.error is not None
            if as_json:
                click.echo(json.dumps(description.said, ensure_ascii=False))
            else:
                click.echo(("\n" if index else "") + "\n".join(_lines(loaded, found, description, screen)))
        else:
            bad += 1
            _print_lost(loaded, found, as_json=as_json)
    if index < 0:
        click.echo("nothing to read: there is no frame in it", err=True)
    if bad:
        raise SystemExit(1)


def _describe_journal(profile: JournalProfile, path: Path, screen: Screen, *, as_json: bool) -> None:
    """Every record of a terminal's own log."""
    journal = open_journal(path, profile)
    click.echo(f"{path}: {journal.evidence}", err=True)
    bad = 0
    for index, piece in enumerate(journal.pieces):
        told = describe_record(profile, journal.shape, piece)
        bad += told["error"] is not None
        if as_json:
            click.echo(json.dumps(told, ensure_ascii=False))
        else:
            click.echo(
                ("\n" if index else "") + "\n".join(journal_lines(told, language=screen.language, width=screen.width))
            )
    if bad:
        raise SystemExit(1)


def _load(name: str) -> Profile:
    """The profile named; a name nobody knows is a mistake of the command's words."""
    try:
        return load_profile(name)
    except ProfileError as wrong:
        if wrong.code == "name":
            journals = ", ".join(available_journals())
            raise UsageError(
                f"{wrong.message}; there are {wrong.expected}; of journals {journals}", hint=wrong.hint
            ) from None
        raise


def _frames(profile: Profile, source: str) -> Iterator[bytes | ProtocolError]:
    """Each frame of the source, and an error for bytes that are none."""
    path = Path(source)
    if source == "-":
        yield from _from_file(profile, sys.stdin.buffer, ".jsonl" if _looks_like_capture(sys.stdin.buffer) else "")
    elif _is_file(path):
        try:
            with path.open("rb") as file:
                yield from _from_file(profile, file, path.suffix)
        except OSError as wrong:
            raise TillwatchError(
                f"cannot read {path}: {wrong.strerror}", hint="check the path and its rights"
            ) from None
    else:
        frame = _hex(source)
        if frame is None:
            named = f"{source}: " if path.suffix or len(path.parts) > 1 else ""  # anything else may be card data
            raise UsageError(
                f"{named}neither a file that is there nor hex",
                hint="give the path of a capture or the hex digits of one frame, in pairs",
            )
        yield frame


def _is_file(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except OSError:  # a long line of hex is no file name
        return False


def _looks_like_capture(file: BinaryIO) -> bool:
    peek = getattr(file, "peek", None)
    return peek is not None and peek(1)[:1] == b"{"


def _from_file(profile: Profile, file: BinaryIO, suffix: str) -> Iterator[bytes | ProtocolError]:
    if suffix == ".jsonl":
        for entry in read_capture(file):
            if isinstance(entry, Broken):
                click.echo(f"line {entry.number}: {entry.why}", err=True)
                yield _broken_line(profile, entry)
            else:
                yield entry.frame
        return
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise UsageError(f"more than {MOST_BYTES >> 20} MiB of bytes", hint="cut the file, or make a capture of it")
    lines = _hex_lines(data)
    if lines is None:
        yield from _from_bytes(profile, data)
    else:
        yield from lines


def _broken_line(profile: Profile, entry: Broken) -> ProtocolError:
    return ProtocolError(
        "not a line of a capture",
        protocol=profile.name,
        layer="capture",
        path=f"line {entry.number}",
        code="capture",
        expected="an object with t, line, dir and frame",
        got=entry.why,
        hint="check how the capture was written",
    )


def _hex_lines(data: bytes) -> list[bytes] | None:
    """The frames of a text of hex lines (# starts a comment); None when it is no such text."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        return None
    frames = []
    for written in text.splitlines():
        digits = written.partition("#")[0].strip()
        if digits:
            frame = _hex(digits)
            if frame is None:
                return None
            frames.append(frame)
    return frames or None


def _hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text.removeprefix("0x")) or None
    except ValueError:
        return None


def _from_bytes(profile: Profile, data: bytes) -> Iterator[bytes | ProtocolError]:
    """Raw bytes off a line; a file that is one message without its envelope is taken as that."""
    events: list[Event] = []
    deframer = profile.deframer()
    for start in range(0, len(data), _CHUNK):
        events += deframer.feed(data[start : start + _CHUNK])
    events += deframer.flush()
    if not any(isinstance(event, Frame) for event in events):
        yield data
        return
    for event in events:
        if isinstance(event, Frame):
            yield event.data
        elif isinstance(event, Noise):
            click.echo(f"{event.length} bytes of noise at byte {event.offset}", err=True)
            yield event.error


def _lines(profile: Profile, frame: bytes, found: Described, screen: Screen) -> Iterator[str]:
    said = found.said
    mti = said["mti"] or "no message"
    title = " ".join(part for part in (mti, said["operation"] or "", found.direction) if part)
    yield f"{title} · {len(frame)} bytes · {profile.name} ({profile.title[screen.language]}), {profile.confidence}"
    envelope = said["envelope"]
    parts = [] if envelope["kind"] == "none" else [envelope["kind"]]
    parts += [f"{name} {envelope[name]}" for name in ("tpdu", "header") if envelope[name]]
    if envelope["missing"]:
        parts.append("missing: " + ", ".join(envelope["missing"]))
    yield "envelope  " + (" · ".join(parts) or "none")
    rows = [
        line(
            row,
            _label(found, key),
            _value(found, key, row["value"]),
            language=screen.language,
            than=profile.confidence,
        )
        for key, row in said["fields"].items()
    ]
    yield from lines(rows, language=screen.language, width=screen.width)
    yield from found.notes
    if found.error is not None:
        yield f"error: {found.error}"
        if found.error.hint:
            yield f"  try: {found.error.hint}"


def _label(found: Described, key: str) -> str:
    """F4; parts and tags stand indented below their field, by number or tag; one with a name alone has its title."""
    field, _, tag = key.partition(".")
    if not tag:
        return f"{found.prefix}{key}"
    inside = [part for part in tag.split(".") if not part[:1].islower()]
    return "  " + ".".join(inside if field in found.nested else [field, *inside])


def _value(found: Described, key: str, said: object) -> str:
    """A value as it is shown; a package's own dialect may say a number."""
    if said is None:
        return "cannot be read"
    value = str(said)
    if len(value) > _LONG_VALUE and any(other.startswith(f"{key}.") for other in found.said["fields"]):
        return "↓"
    means = found.glossary.get(key)
    return f"{value}  {means}" if means else value


def _print_lost(profile: Profile, error: ProtocolError, *, as_json: bool) -> None:
    """Bytes no frame could be made of: an object with nothing but its error."""
    if as_json:
        facts = error.as_dict()
        facts.pop("protocol")
        nothing: dict[str, Any] = {"profile": profile.name, "protocol": profile.dialect, "mti": None, "fields": {}}
        click.echo(json.dumps({**nothing, "error": facts, "confidence": profile.confidence}, ensure_ascii=False))
    else:
        click.echo(f"error: {error}")


def _print_profile(profile: Profile, *, as_json: bool) -> None:
    link = profile.link
    if as_json:
        said = {
            "name": profile.name,
            "title": profile.title,
            "dialect": profile.dialect,
            "envelope": link.envelope,
            "length_coding": link.length_coding,
            "ack": link.ack,
            "baud": link.baud,
            "confidence": profile.confidence,
            "claims": list(profile.claims),
        }
        click.echo(json.dumps(said, ensure_ascii=False))
        return
    line = f"{link.baud} {link.bytesize}{link.parity}{link.stopbits}"
    acks = ", ACK" if link.ack else ""
    click.echo(f"{profile.name}  {profile.title['zh-CN']} {profile.title['en']}  ({profile.confidence})")
    click.echo(f"  {link.envelope} envelope, {link.length_coding} length{acks}, {line}")
    _print_claims(profile.claims)


def _print_journal_profile(profile: JournalProfile, *, as_json: bool) -> None:
    if as_json:
        said = {
            "name": profile.name,
            "title": profile.title,
            "journal": profile.format,
            "confidence": profile.confidence,
            "claims": list(profile.claims),
        }
        click.echo(json.dumps(said, ensure_ascii=False))
        return
    click.echo(f"{profile.name}  {profile.title['zh-CN']} {profile.title['en']}  ({profile.confidence})")
    click.echo(f"  journal, {profile.format}")
    _print_claims(profile.claims)


def _print_claims(claims: tuple[dict[str, str], ...]) -> None:
    for claim in claims:
        click.echo(f"  {claim['confidence']:<8}  {claim['claim']}")
        click.echo(f"            source: {claim['source']}")

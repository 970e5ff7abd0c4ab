"""Whether this machine can collect, land and mail: one check a concern, each with what to do. Changes nothing."""

import os
import platform
import shutil
import smtplib
import ssl
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from ingest.devices import holders, is_locked
from ingest.disk import NETWORK, VOLATILE, Disk
from ingest.errors import KeyFileError, TillwatchError
from ingest.inspection import breaks_between, inspect, segment_files
from ingest.keys import Keys, load_keys, read_master
from ingest.metrics import is_loopback
from ingest.ownership import owner_of
from ingest.permissions import too_open
from ingest.settings import AUTO, Line, Settings
from ingest.storage import LakeSettings
from protocols.errors import ProfileError
from protocols.profile import built_in_profiles, load_profile, usable_profiles

State = Literal["ok", "warn", "fail"]
NETWORK_SECONDS = 3.0
LITTLE_ROOM = 1 << 30
NO_ROOM = 64 << 20
"""Less than one segment and its footer: collecting would stop within a day of traffic."""
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: ``what`` was looked at, its ``state``, ``words`` about it, ``hint`` when it is not ok."""

    what: str
    state: State
    words: str
    hint: str = ""


def checkup(settings: Settings) -> Iterator[Check]:
    """Every check, one after the other, as each is done."""
    yield check_python()
    key = check_keys(settings.keys.pan_token)
    yield key
    yield from check_mirror(settings.spool.directory, settings.spool.mirror)
    yield from check_spool(settings.spool.directory, load_keys(settings.keys.pan_token) if key.state == "ok" else None)
    yield check_lake(settings.lake)
    yield from check_packages()
    owner = owner_of(settings.spool.directory)
    for line in settings.lines:
        yield from check_line(line, owner)
    if not settings.lines:
        yield Check("lines", "warn", "none configured", "add [[lines]], or give collect --line NAME=DEVICE:PROFILE")
    server = check_smtp(settings.alerts.smtp)
    if server.state == "fail" and not settings.alerts.routes:
        server = replace(server, state="warn")  # no mail would leave anyway: a first look is no failure
    yield server
    if not settings.alerts.routes:
        yield Check("mail routes", "warn", "none configured", "add [[alerts.routes]]: without one no mail leaves")
    if settings.health.listen and not is_loopback(settings.health.listen):
        words = f"{settings.health.listen}: whoever reaches it reads the lines' names and counters; there is no log-in"
        yield Check("health", "warn", words, "set health.listen to 127.0.0.1:PORT")
    oauth = settings.alerts.oauth
    for what, file in (
        ("smtp password", settings.alerts.password_file),
        ("smtp client secret", oauth.client_secret_file if oauth else None),
        ("smtp refresh token", oauth.refresh_token_file if oauth else None),
        ("airflow password", settings.airflow.password_file),
        ("log-in secret", settings.app.oidc_secret_file),
        ("spark secret", settings.engine.secret_file),
    ):
        if file is not None:
            yield check_secret(what, file)
    if settings.app.url:
        yield check_app_key(settings.app.key, settings.app.url)
    if settings.airflow.url:
        yield check_airflow(settings.airflow.url)


def check_python() -> Check:
    """Python is new enough and the system is Linux: ports and locks are its."""
    words = f"{platform.python_version()} on {platform.system()}"
    if sys.version_info < OLDEST_PYTHON:
        return Check("python", "fail", words, "install Python 3.11 or newer")
    if platform.system() != "Linux":
        return Check("python", "warn", words, "collecting is tested on Linux only; the other commands work")
    return Check("python", "ok", words)


def check_keys(path: Path) -> Check:
    """The key file is there, its owner's alone, and a key."""
    try:
        keys = load_keys(path)
    except KeyFileError as wrong:
        return Check("keys", "fail", wrong.message, wrong.hint)
    return Check("keys", "ok", f"{path}: key {keys.key_id}, mode 0600")


def check_mirror(directory: Path, mirror: Path | None) -> Iterator[Check]:
    """The spool's second folder, where there is one: on a local disk, on another one, writable."""
    if mirror is None:
        return
    kind, there = Disk().kind(mirror), _nearest(mirror)
    if mode := too_open(mirror, 0o077):
        yield Check("mirror", "fail", f"{mirror}: mode {mode} lets others at the records", f"chmod -R go= {mirror}")
    if kind in NETWORK:
        yield Check("mirror", "fail", f"{mirror} is on {kind}", "set spool.mirror to a folder on a local disk")
    elif not os.access(there, os.W_OK | os.X_OK):
        yield Check("mirror", "fail", f"{there} cannot be written", "check the folder's owner and mode")
    elif there.stat().st_dev == _nearest(directory).stat().st_dev:
        words = f"{mirror} is on the disk of {directory}: when that fails, both are gone"
        yield Check("mirror", "warn", words, "mount the other disk, or set spool.mirror to a folder on it")
    else:
        yield Check("mirror", "ok", f"{mirror}, on another disk than the spool")


def check_spool(directory: Path, keys: Keys | None) -> Iterator[Check]:
    """The spool is on a local disk with room, can be written, and is sound."""
    kind = Disk().kind(directory)
    if kind in NETWORK:
        yield Check("spool", "fail", f"{directory} is on {kind}", "set spool.directory to a folder on a local disk")
    elif kind in VOLATILE:
        yield Check("spool", "warn", f"{directory} is on {kind}", "what it holds may not outlive a restart; use a disk")
    there = _nearest(directory)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield Check("spool", "fail", f"{there} cannot be written", "check the folder's owner and mode")
        return
    free = shutil.disk_usage(there).free
    room = f"{free / (1 << 30):.1f} GiB free"
    owner = owner_of(directory)
    words = f"{directory}: {kind or 'unknown file system'}, {room}, {f'owned by process {owner}' if owner else 'free'}"
    if free < NO_ROOM:
        yield Check("spool", "fail", words, "free some space: without it nothing is recorded")
    elif free < LITTLE_ROOM:
        yield Check("spool", "warn", words, "free some space before it runs out")
    else:
        yield Check("spool", "ok", words)
    if mode := too_open(directory, 0o077):
        yield Check(
            "spool", "fail", f"{directory}: mode {mode} lets others at the records", f"chmod -R go= {directory}"
        )
    if directory.is_dir():
        yield _check_segments(directory, keys, busy=owner is not None)


def _check_segments(directory: Path, keys: Keys | None, *, busy: bool) -> Check:
    try:
        reports = [inspect(path, keys) for path in segment_files(directory)]
    except TillwatchError as wrong:
        return Check("segments", "fail", wrong.message, wrong.hint)
    waiting = [report for report in reports if report.state != "sealed"]
    damaged = [report for report in reports if report.damages and not (report.noted or report in waiting)]
    breaks = list(breaks_between(reports))
    words = f"{len(reports)} segments, {sum(report.count for report in reports)} records"
    if damaged or breaks:
        first = f"{damaged[0].path.name} is damaged" if damaged else f"{breaks[0][0].path.name}: {breaks[0][1].what}"
        return Check("segments", "fail", f"{words}; {first}", "see all of it with `tillwatch spool verify`")
    if waiting and not busy:
        return Check(
            "segments",
            "warn",
            f"{words}; {len(waiting)} not sealed",
            "the next start of `tillwatch collect` seals them",
        )
    return Check("segments", "ok", words)


def check_lake(settings: LakeSettings) -> Check:
    """The lake's folder can be written, its first table can be opened, its key is there."""
    from ingest.lake import Lake

    try:
        lake = Lake.of(settings)
        version = lake.version("raw_frames")
    except TillwatchError as wrong:
        return Check("lake", "fail", wrong.message, wrong.hint)
    encrypted = "" if lake.cipher is None else ", new files are encrypted"
    state = "empty" if version is None else f"raw_frames at version {version}"
    if settings.is_bucket:
        return Check("lake", "ok", f"{lake.place.at()}: {state}{encrypted}")
    there = _nearest(lake.root)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Check("lake", "fail", f"{there} cannot be written", "check lake.uri and the folder's owner")
    if mode := too_open(lake.root, 0o007):
        return Check("lake", "warn", f"{lake.root}: mode {mode} lets everybody read it", f"chmod -R o= {lake.root}")
    return Check("lake", "ok", f"{lake.root}: {state}{encrypted}")


def check_packages() -> Iterator[Check]:
    """What other packages bring can be used; nothing is said where there are none."""
    usable, unusable = usable_profiles()
    brought = [profile.name for profile in usable if profile.name not in built_in_profiles()]
    if brought:
        yield Check("packages", "ok", f"profiles {', '.join(brought)}")
    for wrong in unusable:
        yield Check("packages", "fail", str(wrong), wrong.hint)


def check_line(line: Line, owner: int | None) -> Iterator[Check]:
    """The line's profile exists; its devices are there, may be opened, and are nobody else's."""
    what = f"line {line.name}"
    if line.profile == AUTO:
        yield Check(what, "ok", f"profile {AUTO}: found by listening")
    else:
        try:
            profile = load_profile(line.profile)
        except ProfileError as wrong:
            yield Check(what, "fail", str(wrong), wrong.hint)
        else:
            yield Check(what, "ok", f"profile {profile.name} ({profile.confidence})")
    for device in (line.device, line.peer):
        if device is not None:
            yield _check_device(what, device, owner)


def _check_device(what: str, device: str, owner: int | None) -> Check:
    try:
        mode = Path(device).stat().st_mode
    except OSError as wrong:
        return Check(what, "fail", f"{device}: {wrong.strerror}", "plug it in; stable names: `tillwatch ports`")
    if not stat.S_ISCHR(mode):
        return Check(what, "fail", f"{device} is not a device", "stable names: `tillwatch ports`")
    if not os.access(device, os.R_OK | os.W_OK):
        return Check(what, "fail", f"{device}: no permission", "add this user to the group dialout and log in again")
    held = holders(device)
    if owner is not None and any(f"(pid {owner})" in holder for holder in held):
        return Check(what, "ok", f"{device}: in use by the collector, process {owner}")
    if held or is_locked(device):
        who = ", ".join(held) or "another user's program"
        return Check(what, "fail", f"{device}: in use by {who}", "stop that program; two readers split the bytes")
    if Path(device).name.startswith(("ttyUSB", "ttyACM")) and Path(device).parent == Path("/dev"):
        return Check(
            what, "warn", f"{device} may be another device after replugging", "use the name in `tillwatch ports`"
        )
    return Check(what, "ok", f"{device}: there and free")


def check_smtp(url: str) -> Check:
    """The mail server answers; nothing is sent and no password is used."""
    parts = urlsplit(url)
    try:
        port = parts.port or (465 if parts.scheme == "smtps" else 25)
    except ValueError:
        port = 0
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or not port:
        return Check(
            "smtp", "fail", "alerts.smtp is not smtp[s]://host:port", "e.g. smtp://mail.example.com:587?starttls=yes"
        )
    where = f"{parts.hostname}:{port}"
    try:
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                parts.hostname, port, timeout=NETWORK_SECONDS, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(parts.hostname, port, timeout=NETWORK_SECONDS)
        with server:
            server.ehlo()
    except (OSError, smtplib.SMTPException) as wrong:
        why = getattr(wrong, "strerror", None) or type(wrong).__name__
        return Check("smtp", "fail", f"{where}: {why}", "check alerts.smtp and that server; alerts wait unsent")
    return Check("smtp", "ok", f"{where} answers")


def check_app_key(path: Path, url: str) -> Check:
    """The key that signs links is there; without it mails carry no links to the page."""
    try:
        key_id, _ = read_master(path)
    except KeyFileError as wrong:
        return Check("app key", "fail", wrong.message, wrong.hint)
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        return Check("app key", "warn", f"key {key_id}; {url} is not encrypted", "put it behind HTTPS: docs/app.md")
    return Check("app key", "ok", f"key {key_id} signs links to {url}")


def check_airflow(url: str) -> Check:
    """Airflow's health page answers."""
    health = f"{url.rstrip('/')}/api/v2/monitor/health"
    if urlsplit(health).scheme not in {"http", "https"}:
        return Check("airflow", "fail", "airflow.url is not http[s]://host:port", "e.g. http://127.0.0.1:8080")
    try:
        with urllib.request.urlopen(health, timeout=NETWORK_SECONDS) as answer:  # noqa: S310  the scheme is checked above
            status = answer.status
    except (OSError, ValueError) as wrong:
        why = getattr(wrong, "reason", None) or getattr(wrong, "strerror", None) or type(wrong).__name__
        return Check("airflow", "warn", f"{url}: {why}", "start Airflow; collecting goes on without it")
    return Check("airflow", "ok", f"{url} answers with status {status}")


def check_secret(what: str, file: Path) -> Check:
    """A password file is there and its owner's alone."""
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as wrong:
        return Check(what, "fail", f"{file}: {wrong.strerror}", "write the password into it, mode 0600")
    if mode & 0o077:
        return Check(what, "fail", f"{file}: mode {mode:04o} lets others read it", f"chmod 600 {file}")
    return Check(what, "ok", f"{file}: mode {mode:04o}")


def _nearest(path: Path) -> Path:
    there = path.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    return there

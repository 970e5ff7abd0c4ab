"""``tillwatch collect``: read terminals until stopped."""

import contextlib
import gc
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingest.commands.options import config_option
from ingest.errors import DeviceError, SpoolError, UsageError
from ingest.settings import Settings, load_settings

if TYPE_CHECKING:
    from ingest.airflow_notice import Notice
    from ingest.collector import Collector
    from ingest.committer import Committer
    from ingest.dashboard import EventLog
    from ingest.handover import Tell
    from ingest.health import Watchman
    from ingest.lines import Line
    from ingest.segments import SegmentInfo
    from ingest.shipping import Shipper
    from ingest.spool import Spool
    from ingest.stopping import Stop

STOP_SECONDS = 5.0
SHIPPER_SECONDS = 1.0
"""Of these the shipper has the last, where there is one; Airflow has the rest: landing runs on its schedule anyway."""
LOOK_SECONDS = 5.0
"""How often the collector looks at itself, and tells the service manager that it lives."""
RELAY_SWITCH_SECONDS = 0.00005
"""How long a busy thread keeps the interpreter from the pump where a payment passes. With the committer saturated a
relay adds 1.1 ms at 0.5 ms and 0.2 ms at 0.05 ms (bench/collector.py); Python's default is 5 ms.
"""
SWITCH_SECONDS = 0.001
"""And where none does: a change of thread for each read and each ACK costs more than the frame, and terminals wait
seconds for their ACK.
"""

_SHAPE = "NAME=DEVICE[,PEER]:PROFILE"


@click.command()
@config_option
@click.option(
    "--line", "listen", multiple=True, metavar=_SHAPE, help="Listen on a tap; PEER hears the other direction."
)
@click.option("--relay", multiple=True, metavar="NAME=DEVICE,PEER:PROFILE", help="Sit between terminal and host.")
@click.option("--receive", multiple=True, metavar="NAME=DEVICE:PROFILE", help="Receive from a terminal, with ACKs.")
@click.option("--ship-to", metavar="URL", help="Ship sealed segments there: s3://bucket/prefix.")
@click.option("--pull", multiple=True, metavar="NAME=DEVICE:PROFILE", help="Ask a terminal that answers; never pays.")
def collect(
    config: Path | None,
    listen: tuple[str, ...],
    relay: tuple[str, ...],
    receive: tuple[str, ...],
    pull: tuple[str, ...],
    *,
    ship_to: str | None,
) -> None:
    """Read terminals until stopped.

    The lines of the configuration and those given here; a line given here wins over one of
    the same name. PROFILE may be auto: it is found by listening, and what was heard before is
    read with it. Devices that are missing are waited for. SIGTERM or Ctrl-C commits what was
    read, seals the segment and ends with status 0. A relay passes bytes on whatever happens to the disk.

    Exit status: 0 stopped, 2 wrong words, 3 could not run (a busy port, no key, no spool).
    """
    from ingest.profiles import landing_lacks

    words = [
        *(parse_line(text, "listen") for text in listen),
        *(parse_line(text, "relay") for text in relay),
        *(parse_line(text, "receive") for text in receive),
        *(parse_line(text, "pull") for text in pull),
    ]
    flags = {"ship": {"to": ship_to}} if ship_to else {}
    settings = load_settings(config, flags)
    for profile in dict.fromkeys(word["profile"] for word in words):
        if lacking := landing_lacks(settings, profile):
            click.echo(lacking, err=True)
    run(settings_with(settings, config, words, flags))


def parse_line(text: str, mode: str) -> dict[str, str]:
    """The settings of a line from its word on the command line.

    The profile follows the last colon, because by-path names have colons in them.

    Raises:
        UsageError: not of the shape NAME=DEVICE[,PEER]:PROFILE.
    """
    name, equals, rest = text.partition("=")
    devices, colon, profile = rest.rpartition(":")
    device, comma, peer = devices.partition(",")
    if not (equals and colon and name and device and profile) or (comma and not peer):
        raise UsageError(f"line {text!r} is not {_SHAPE}", hint="for example lane-1=/dev/serial/by-id/usb-…:unionpay")
    words = {"name": name, "device": device, "profile": profile, "mode": mode}
    return {**words, "peer": peer} if peer else words


def settings_with(
    settings: Settings, config: Path | None, words: list[dict[str, str]], flags: dict[str, Any] | None = None
) -> Settings:
    """The settings with the command line's lines, and its other flags, over those of the file.

    Raises:
        UsageError: no line at all, a wrong one, or one device for two lines.
    """
    if words:
        named = {word["name"] for word in words}
        kept = [line.model_dump(exclude_none=True) for line in settings.lines if line.name not in named]
        settings = load_settings(config, {**(flags or {}), "lines": [*kept, *words]})
    if not settings.lines:
        raise UsageError("no line to read", hint="add [[lines]] to tillwatch.toml or give --line NAME=DEVICE:PROFILE")
    used: dict[str, str] = {}
    for line in settings.lines:
        for device in filter(None, (line.device, line.peer)):
            path = str(Path(device).resolve())
            if path in used:
                raise UsageError(
                    f"{device} is used twice (line {used[path]} and line {line.name})", hint="one device, one line"
                )
            used[path] = line.name
    return settings


def run(settings: Settings) -> None:
    """Collect until a signal; the profiles, keys and ports are looked at before anything is started.

    Raises:
        ProfileError: a line names a profile that is not there.
        KeyFileError: no key, so nothing could be made safe.
        SpoolError: the spool belongs to somebody else, or cannot be opened and no relay needs us.
        DeviceError: a port is busy or is no serial device, or the pump stopped.
    """
    from ingest.airflow_notice import Notice
    from ingest.collector import Collector
    from ingest.committer import Committer
    from ingest.dashboard import EventLog
    from ingest.health import Watchman
    from ingest.keyguard import GuardedSpool, KeyGuard
    from ingest.keys import load_keys
    from ingest.metrics import Server, is_loopback
    from ingest.mirror import Mirrored
    from ingest.service.notify import ServiceManager
    from ingest.spool import Spool, owner_of
    from ingest.stopping import Stop, stopped_by_signals
    from ingest.wiring import make_lines

    stop = Stop()
    keys = load_keys(settings.keys.pan_token)
    events = EventLog()
    guard = KeyGuard(settings.keys.pan_token, keys.key_id, events.tell)
    lines = make_lines(settings.lines, keys, events.tell)
    directory = settings.spool.directory
    if owner_of(directory) is not None:
        Spool(directory, keys).close()  # says who owns it; when it was freed just now there is nothing to say
    _harden()
    sys.setswitchinterval(RELAY_SWITCH_SECONDS if any(line.mode == "relay" for line in lines) else SWITCH_SECONDS)
    notice = Notice(settings.airflow, events.tell)
    shipper = _shipper(settings, events.tell)

    mirror = Mirrored(directory, settings.spool.mirror) if settings.spool.mirror else None

    def sealed(info: "SegmentInfo") -> None:
        events.tell("", "sealed", segment=info.id, records=info.count, first=info.first_seq, last=info.last_seq)
        notice.sealed({"segment_id": info.id, "path": str(info.path), "count": info.count})
        if shipper is not None:
            shipper.sealed()

    def open_spool() -> "Spool":
        size = int(settings.spool.seal_mib * 1024 * 1024)
        seconds = settings.spool.seal_seconds
        return GuardedSpool(
            directory, keys, guard, seal_seconds=seconds, seal_bytes=size, on_sealed=sealed, disk=mirror
        )

    committer = Committer(open_spool, tell=events.tell)
    collector = Collector(lines, committer, events.tell)
    watchman = Watchman(
        lines,
        collector,
        committer,
        directory=directory,
        health=settings.health,
        zone=settings.zone,
        tell=events.tell,
        mirror=mirror,
    )
    server = Server(watchman, settings.health.listen) if settings.health.listen else None
    try:
        with stopped_by_signals(stop.set):  # from here on "open" may have been read, and answered with a signal
            collector.open_all()
            collector.start()  # first of all the bytes flow; opening the spool may mean mending gigabytes
            try:
                spool = _first_spool(open_spool, settings, events)
                _remind(lines, spool)
                committer.start(collector.answer, spool, collector.tune)
                if shipper is not None:
                    shipper.start()
                if server is not None:
                    events.tell("", "health", at=f"http://{server.address}/readyz")
                    if not is_loopback(server.address):
                        why = "whoever reaches this address reads the lines' names and counters; there is no log-in"
                        events.tell("", "exposed", at=server.address, why=why, hint="listen on 127.0.0.1")
                _watch(stop, watchman, events)
            finally:
                ServiceManager().say("STOPPING=1")
                _stop(collector, committer, lines, events, notice, shipper=shipper)
    finally:
        if server is not None:
            server.close()
        events.close()
        gc.unfreeze()
    if collector.failure is not None:
        from ingest.handover import place_of

        wrong = collector.failure
        raise DeviceError(
            f"the pump stopped: {type(wrong).__name__} at {place_of(wrong)}",
            hint="start it again (systemd does); what was read is on disk; please report this line",
        )


def _shipper(settings: Settings, tell: "Tell") -> "Shipper | None":
    if settings.ship.to is None:
        return None
    from ingest.depot import Depot
    from ingest.shipping import Shipper

    return Shipper(settings.spool.directory, Depot(settings.ship.to, settings.ship.folder), tell)


def _first_spool(open_spool: Any, settings: Settings, events: "EventLog") -> "Spool | None":
    """The spool; or None, to be tried again by the committer, where a relay must go on without it."""
    from ingest.disk import VOLATILE, Disk
    from ingest.spool import owner_of

    try:
        spool: Spool = open_spool()
    except SpoolError as wrong:
        if owner_of(settings.spool.directory) is not None or not any(line.mode == "relay" for line in settings.lines):
            raise
        events.tell("", "spool-failed", error=str(wrong), relaying="goes on", hint=wrong.hint)
        return None
    if (kind := Disk().kind(settings.spool.directory)) in VOLATILE:
        events.tell("", "volatile", spool=settings.spool.directory, on=kind, hint="a restart may lose it: use a disk")
    for what in spool.recovery.notes:
        events.tell("", "recovered", what=what)
    events.tell("", "recording", spool=settings.spool.directory, next=spool.next_seq)
    return spool


def _remind(lines: "list[Line]", spool: "Spool | None") -> None:
    """Which terminal each line had before, by the spool's records; nothing was heard yet."""
    for line in lines:
        occupant = line.sides[0].stream.occupant
        if spool is not None and occupant is not None and line.name in spool.lanes:
            occupant.remember(spool.lanes[line.name])


def _watch(stop: "Stop", watchman: "Watchman", events: "EventLog") -> None:
    """Until a signal, or until the pump stops on its own; the service manager hears that we live."""
    from ingest.service.notify import ServiceManager

    manager = ServiceManager()
    gc.collect()
    gc.freeze()  # what is here stays: later collections need not look at it
    with contextlib.ExitStack() as stack:
        refresh = None
        if sys.stderr.isatty():
            from ingest.dashboard import Dashboard

            refresh = stack.enter_context(Dashboard(watchman.lines, watchman.committer, events)).refresh
        manager.say("READY=1", f"STATUS=reading {len(watchman.lines)} lines")
        next_look, told = 0.0, False
        while not stop.wait(0.5) and watchman.collector.is_alive:
            if refresh is not None:
                refresh()
            if not watchman.committer.is_alive and not told:
                told = True
                events.tell("", "committer-stopped", relaying="goes on", hint="nothing is recorded: start it again")
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + LOOK_SECONDS
                watchman.look()
                if not watchman.is_alive():
                    manager.say("WATCHDOG=1")


def _stop(
    collector: "Collector",
    committer: "Committer",
    lines: "list[Line]",
    events: "EventLog",
    notice: "Notice",
    *,
    shipper: "Shipper | None",
) -> None:
    """Stop reading, commit, answer, seal, tell Airflow, ship; five seconds at most."""
    from ingest.dashboard import summary

    deadline = time.monotonic() + STOP_SECONDS
    collector.stop_reading()
    committed = committer.stop(deadline - time.monotonic() - 1.0)
    collector.stop(0.7)
    for line in lines:
        events.tell(line.name, "closed", **summary(line, time.monotonic_ns()))
    kept = SHIPPER_SECONDS if shipper is not None else 0.0
    notice.close(max(0.1, deadline - kept - time.monotonic()))  # three calls, to a server that may be busy
    if shipper is not None and not shipper.stop(max(0.1, min(SHIPPER_SECONDS, deadline - time.monotonic()))):
        events.tell(
            "", "not-shipped", why="no time was left", hint="the next start, or `tillwatch spool ship`, goes on"
        )
    if not committed:
        raise SpoolError(
            "the disk did not answer while stopping; the last records may not be on it",
            hint="check the disk; what was acknowledged is safe",
        )
    if committer.committed.backlog:
        raise SpoolError(
            f"{committer.committed.backlog} records that were heard could not be recorded: the spool failed to the end",
            hint="check spool.directory and the disk; bytes of relays were passed on all the same",
        )


def _harden() -> None:
    """No core dump can hold a card number."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

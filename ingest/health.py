"""Whether the collector does its work: what an operator, a service manager and a monitor ask.

*Alive* is what a restart can mend: the pump hangs, or a thread ended. *Ready* is whether
bytes become records on the disk: a port that is missing, a spool that refuses, a disk that
fills, bytes that never become a frame. A hanging disk is not a reason to restart: relays go
on passing bytes, and a restart would cut them (law 5).
"""

import datetime as dt
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ingest.collector import Collector
from ingest.committer import Committer
from ingest.handover import Tell
from ingest.lines import Line, Side
from ingest.settings import Health
from ingest.true_time import PLAUSIBLE_FROM

if TYPE_CHECKING:
    from ingest.mirror import Mirrored

STUCK_SECONDS = 10.0
"""A thread that goes round twice a second and has not for so long hangs."""
GIBBERISH_SECONDS, GIBBERISH_BYTES = 60.0, 256
"""So many bytes for so long and no frame: wrong speed, wrong profile, or a line that only makes noise."""
WARN_BEFORE_PERCENT = 10.0
STEP = dt.timedelta(days=1)
"""A clock that went so far ahead of the monotonic one was set wrong, or is right only now."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: a stable word, whose it is (empty: the collector's), and words for people."""

    code: str
    line: str
    said: str


@dataclass(slots=True)
class _Look:
    """What was seen of a line at its last frame."""

    frames: int = 0
    bytes_read: int = 0
    at: float = 0.0


class Watchman:
    """Looks at the collector's own counters; changes nothing.

    Args:
        lines, collector, committer: what is looked at.
        directory: the spool's, for its disk.
        health: when to raise an alarm.
        mirror: the spool's two disks, where it has two.
        zone: the merchant's, for opening hours.
        tell: where alarms go, once each time they begin and end.
        now: the clock that opening hours are held against.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        collector: Collector,
        committer: Committer,
        *,
        directory: Path,
        health: Health,
        zone: ZoneInfo,
        tell: Tell,
        mirror: "Mirrored | None" = None,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._mirror = mirror
        self._now = now
        self._began = _began(at) if (at := now()) >= PLAUSIBLE_FROM else None
        self.lines = list(lines)
        self.collector = collector
        self.committer = committer
        self._directory = directory
        self._health = health
        self._zone = zone
        self._tell = tell
        self._looks = {line.name: _Look(at=time.monotonic()) for line in lines}
        self._told: dict[tuple[str, str], Trouble] = {}

    def is_alive(self) -> list[Trouble]:
        """What only a restart can mend; empty: alive."""
        found = []
        if not self.collector.is_alive:
            found.append(Trouble("pump_ended", "", "the thread that reads the ports has ended"))
        elif (silent := time.monotonic() - self.collector.turned) > STUCK_SECONDS:
            found.append(Trouble("pump_hangs", "", f"the thread that reads the ports hangs for {silent:.0f} s"))
        if not self.committer.is_alive:
            found.append(Trouble("committer_ended", "", "the thread that records has ended"))
        return found

    def is_ready(self) -> list[Trouble]:
        """What keeps bytes from becoming records; empty: ready."""
        found = self.is_alive()
        if self.committer.is_alive and (silent := time.monotonic() - self.committer.worked) > STUCK_SECONDS:
            found.append(
                Trouble("commits_stopped", "", f"nothing was committed for {silent:.0f} s: does the disk hang?")
            )
        if self.committer.is_failing:
            waiting = self.committer.committed.backlog
            found.append(Trouble("spool_refuses", "", f"the spool takes no records; {waiting} wait in memory"))
        if self._mirror is not None and (why := self._mirror.trouble):
            found.append(Trouble("mirror_out", "", f"records go to one disk alone: {why}"))
        if (used := self.disk_percent()) >= self._health.disk_percent:
            found.append(Trouble("disk_full", "", f"the spool's disk is {used:.0f} % full"))
        for line in self.lines:
            found += self._line(line)
        silent_lines = self._silent()
        if self.lines and len(silent_lines) == len(self.lines):
            shortest = min(silent_lines.values())
            found.append(Trouble("no_bytes", "", f"no line said anything for {shortest:.0f} minutes"))
        return found

    def alarms(self) -> list[Trouble]:
        """What somebody should look at though records are made: a silent terminal, a disk that fills."""
        found = []
        if (now := self._now()) < PLAUSIBLE_FROM:
            found.append(Trouble("clock", "", f"the clock says {now:%Y-%m-%d}: records get wrong days; set it"))
        elif (moved := self._moved(now)) > STEP:
            said = f"the clock moved {moved.days} days ahead while this ran and says {now:%Y-%m-%d}"
            found.append(Trouble("clock_ahead", "", f"{said}: set it; if that is today, start the collector again"))
        used = self.disk_percent()
        if self._health.disk_percent - WARN_BEFORE_PERCENT <= used < self._health.disk_percent:
            found.append(Trouble("disk_filling", "", f"the spool's disk is {used:.0f} % full"))
        if self._mirror is not None and self._mirror.is_one_disk:
            found.append(Trouble("mirror_same_disk", "", "both folders of the spool are on one disk: is one mounted?"))
        found += [
            Trouble("terminal", line.name, f"terminal {one.stranger} is there, {one.expected} belongs there")
            for line in self.lines
            if (one := line.sides[0].stream.occupant) is not None and one.stranger
        ]
        return found + [
            Trouble("silent", name, f"said nothing for {quiet:.0f} minutes") for name, quiet in self._silent().items()
        ]

    def _moved(self, now: dt.datetime) -> dt.timedelta:
        """How far the clock has gone ahead of the monotonic one since it was first seen set."""
        self._began = self._began or _began(now)
        return _began(now) - self._began

    def _silent(self) -> dict[str, float]:
        """The lines that say nothing though their ports are open and the shop is, and for how many minutes."""
        if not self._health.opens <= self._now().astimezone(self._zone).time() < self._health.closes:
            return {}
        minutes = {line.name: (time.monotonic() - self._last_byte(line)) / 60 for line in self.lines}
        return {
            line.name: minutes[line.name]
            for line in self.lines
            if minutes[line.name] >= self._health.silent_minutes and not _missing(line)
        }

    def look(self) -> None:
        """Tell what began and what ended since the last look."""
        present = {(each.code, each.line): each for each in [*self.is_ready(), *self.alarms()]}
        for key, trouble in present.items():
            if key not in self._told and trouble.code != "port_missing":  # the line's own events tell of that
                self._tell(trouble.line, "alarm", what=trouble.code, why=trouble.said)
        for code, line in self._told.keys() - present.keys():
            if code != "port_missing":
                self._tell(line, "alarm-over", what=code)
        self._told = present

    def disk_percent(self) -> float:
        """How full the spool's disk is (the fuller of two), as its owner sees it; 0 where it cannot be told."""
        folders = [self._directory] if self._mirror is None else self._mirror.folders
        return max(map(_percent, folders))

    def _line(self, line: Line) -> list[Trouble]:
        found = [
            Trouble("port_missing", line.name, f"{side.role}: {side.device}: {side.trouble or 'not open yet'}")
            for side in _missing(line)
        ]
        look = self._looks[line.name]
        frames = sum(stream.heard.frames for stream in line.streams)
        read = sum(side.pumped.bytes_read for side in line.sides)
        if frames != look.frames or read == look.bytes_read:
            look.frames, look.bytes_read, look.at = frames, read, time.monotonic()
        elif read - look.bytes_read >= GIBBERISH_BYTES and time.monotonic() - look.at >= GIBBERISH_SECONDS:
            found.append(
                Trouble(
                    "gibberish", line.name, f"{read - look.bytes_read} bytes and no frame: right speed and profile?"
                )
            )
        return found

    def _last_byte(self, line: Line) -> float:
        return max(side.last_read_at for side in line.sides)


def _percent(folder: Path) -> float:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return 0.0
    return 100.0 * usage.used / (usage.used + usage.free) if usage.used + usage.free else 100.0


def _missing(line: Line) -> list[Side]:
    """The sides that should be open and are not; one that follows another opens when that one does."""
    return [side for side in line.sides if side.port is None and not side.follows and side.listener is None]


def _began(now: dt.datetime) -> dt.datetime:
    """What the wall clock says of the moment at which the monotonic one began."""
    return now - dt.timedelta(seconds=time.monotonic())

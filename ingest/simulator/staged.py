"""The scenarios that are machines at both ends, by name."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ingest.simulator import pull, talk
from ingest.simulator.pty import DeviceFolder
from ingest.simulator.scenario import Seat
from ingest.simulator.stage import StagedLine
from protocols.profile import Profile

Lines = Callable[[Sequence[Seat], Mapping[str, Profile], DeviceFolder, dt.date, int, int], list[StagedLine]]


@dataclass(frozen=True, slots=True)
class Staged:
    """One such scenario.

    Attributes:
        profiles: the built-in profiles it is played with.
        lines: its lines, of seats, profiles, devices, the day, a seed and a count.
        count: the count unless somebody says another.
    """

    profiles: Callable[[], list[str]]
    lines: Lines
    count: int


STAGED = {
    "pull": Staged(pull.profiles_that_answer, pull.pulled_lines, pull.RECORDS),
    "till": Staged(talk.profiles_that_talk, talk.talking_lines, talk.PAYMENTS),
}

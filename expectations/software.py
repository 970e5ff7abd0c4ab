"""Which software terminals say that they run, read again from the frames of the last day on which each was heard.

Some languages tell it (UnionPay's F59, ZVT's completions), most terminals do not: those are not named.
"""

import functools
import operator
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest.tables import Lake
from protocols.errors import ProtocolError
from protocols.profile import Profile, load_profile

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST = 40
"""So much of a version is shown."""
MOST_LINES = 500
"""Lines whose frames are looked through at a time."""
ROWS = 1_000
"""Frames that are taken out of a column at a time."""


class Terminal(NamedTuple):
    """One terminal of a merchant."""

    merchant_id: str
    terminal_id: str


class _Line(NamedTuple):
    """One line on one local day."""

    profile: str
    line: str
    day: Any


def versions(lake: Lake, seen: "pa.Table") -> dict[Terminal, str]:
    """Terminal -> the version that it told last on its last day; without those that tell none.

    Args:
        lake: the tables.
        seen: rows of ``transactions`` with merchant_id, terminal_id, profile, line and seen_date.

    Raises:
        LakeError: ``raw_frames`` cannot be read.
    """
    profiles = telling(set(seen["profile"].to_pylist()))
    lines = _lines(seen, profiles)
    if not lines:
        return {}
    found: dict[Terminal, str] = {}
    for row in _candidates(lake, profiles, lines):
        here = lines.get(_Line(row["profile"], row["line"], row["day"]), frozenset())
        if not here.difference(found):
            continue
        number, version = _told(profiles[row["profile"]], row["frame"])
        if not version:
            continue
        for each in here:
            if each.terminal_id == number or (number is None and len(here) == 1):
                found.setdefault(each, version[:LONGEST])
    return found


def _told(profile: Profile, frame: bytes) -> tuple[str | None, str]:
    """The terminal and the version that a frame tells; an empty version where it tells none that can be shown."""
    software = profile.speech.software
    try:
        told = software.told(profile, frame) if software else None
    except ProtocolError:
        return None, ""
    return told if told and told[1].isprintable() else (None, "")


def telling(names: set[str | None]) -> Mapping[str, Profile]:
    """The profiles whose language tells it."""
    found = {}
    for name in sorted(filter(None, names)):
        try:
            profile = load_profile(name)
        except ProtocolError:
            continue
        if profile.speech.software is not None:
            found[name] = profile
    return found


def _lines(seen: "pa.Table", telling: Mapping[str, Profile]) -> dict[_Line, frozenset[Terminal]]:
    """Each line on the last day of a terminal -> the terminals whose last day it was."""
    keys = ["merchant_id", "terminal_id", "profile", "line"]
    found: dict[_Line, set[Terminal]] = {}
    for row in seen.group_by(keys).aggregate([("seen_date", "max")]).to_pylist():
        if row["merchant_id"] and row["terminal_id"] and row["profile"] in telling:
            line = _Line(row["profile"], row["line"], row["seen_date_max"])
            found.setdefault(line, set()).add(Terminal(row["merchant_id"], row["terminal_id"]))
    return {line: frozenset(terminals) for line, terminals in found.items()}


def _candidates(lake: Lake, telling: Mapping[str, Profile], lines: Mapping[_Line, object]) -> Iterator[dict[str, Any]]:
    """Frames that may tell a version, the last day's first and of a line the newest first; of some lines at a time."""
    import pyarrow.compute as pc

    by_day: dict[tuple[Any, str], list[str]] = {}
    for each in sorted(lines):
        by_day.setdefault((each.day, each.profile), []).append(each.line)
    for (day, profile), names in sorted(by_day.items(), reverse=True):
        software = telling[profile].speech.software
        marks = software.marks if software else ()
        marked = functools.reduce(operator.or_, (pc.match_substring(pc.field("frame"), mark) for mark in marks))
        of_day = (pc.field("day") == day) & (pc.field("profile") == profile) & (pc.field("kind") == "frame")
        for start in range(0, len(names), MOST_LINES):
            rows = lake.read(
                "raw_frames",
                columns=["profile", "line", "day", "seen_at", "frame"],
                filters=of_day & pc.field("line").isin(names[start : start + MOST_LINES]) & marked,
            )
            for some in rows.sort_by([("seen_at", "descending")]).to_batches(max_chunksize=ROWS):
                yield from some.to_pylist()

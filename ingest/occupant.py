"""Which terminal is on a line, by what its own frames say and by its USB identity: noticed when it is another one.

The port and its USB identity stay the same when somebody plugs another terminal into the same
cable; merchant and terminal number do not. Only looks, once a second and after each pause;
what was sent keeps its own line, and a frame is never refused for who sent it. What was there
before a restart is what the spool's own records say.
"""

from collections.abc import Sequence
from typing import Any

from ingest.recall import Lane
from ingest.records import Kind, PendingRecord
from protocols.errors import ProtocolError
from protocols.profile import Profile

CHANGED = "terminal-changed"
"""The event of a line whose terminal is another one than before."""
UNEXPECTED = "terminal-unexpected"
"""And of one whose terminal is not the one that the configuration names."""
DEVICE_CHANGED = "device-changed"
"""And of one whose USB device is another one: other ids, or another serial number."""
LOOK_NS = 1_000_000_000
"""Reading a frame's facts takes 0.1 ms: a line that sends thousands a second is looked at once a second."""
_USB = ("usb", "serial_number")

Who = tuple[str, str]
"""Merchant and terminal number."""


class Occupant:
    """The terminal of one line.

    Args:
        profiles: read its frames, each those of its name: one, or those that are looked for.
        expected: the number of the terminal that belongs here; None: any.
    """

    def __init__(self, profiles: Sequence[Profile], expected: str | None = None) -> None:
        self._profiles = {profile.name: profile for profile in profiles}
        self._expected = expected
        self._known: list[Who] = []
        self._usb: dict[str, str] = {}
        self._look_at = 0
        self.stranger = ""
        """The number of a terminal that is here and is not the one expected."""

    @property
    def expected(self) -> str:
        """The number of the terminal that belongs here, where one is named."""
        return self._expected or ""

    def remember(self, lane: Lane) -> None:
        """What the line was before a restart."""
        for profile, frame in lane.frames:
            if (who := self._who(profile, frame)) is not None:
                self._known = [each for each in self._known if each != who] + [who]
        self._usb = _usb_of(lane.session)

    def look_again(self) -> None:
        """There was a pause, or a cable was pulled: look at the next frame."""
        self._look_at = 0

    def opened(self, session: PendingRecord) -> list[PendingRecord]:
        """An EVENT where the line's USB device is another one than the last that was there."""
        before, now = self._usb, _usb_of(session.facts)
        self._usb = now or before
        changed = any(before[name] != now[name] for name in before.keys() & now.keys())
        return [_event(session, {"event": DEVICE_CHANGED, **now, "before": before})] if changed else []

    def watch(self, records: list[PendingRecord]) -> list[PendingRecord]:
        """The records, with an EVENT before the first frame of a terminal that was not here before."""
        if not records or records[-1].mono_ns < self._look_at:
            return records
        watched: list[PendingRecord] = []
        for record in records:
            if record.kind is Kind.FRAME and record.mono_ns >= self._look_at:
                watched += self._look(record)
            watched.append(record)
        return watched

    def _look(self, record: PendingRecord) -> list[PendingRecord]:
        self._look_at = record.mono_ns + LOOK_NS
        if (who := self._who(record.profile, record.frame)) is None:
            return []
        events = self._compare(record, who)
        if who in self._known[-1:]:
            return events
        before, is_new = self._known[-1:], who not in self._known
        self._known = [each for each in self._known if each != who] + [who]
        if not before or not is_new:  # the first, or one of several that take turns on this line
            return events
        return [*events, _event(record, {"event": CHANGED, **_named(who), "before": _named(before[0])})]

    def _compare(self, record: PendingRecord, who: Who) -> list[PendingRecord]:
        """An EVENT where this is not the terminal that belongs here; one for each such terminal that comes."""
        stranger = who[1] if self._expected not in {None, who[1]} else ""
        news, self.stranger = stranger not in {"", self.stranger}, stranger
        return [_event(record, {"event": UNEXPECTED, **_named(who), "expected": self._expected})] if news else []

    def _who(self, profile: str, frame: bytes) -> Who | None:
        if profile not in self._profiles:
            return None
        try:
            said = self._profiles[profile].facts(frame)
        except ProtocolError:
            return None
        return None if said.terminal_id is None else (said.merchant_id or "", said.terminal_id)


def told(facts: dict[str, Any]) -> dict[str, str] | None:
    """What people are told of an EVENT of a line's terminal; None of any other."""
    event = facts.get("event")
    if event == CHANGED:
        return {"now": facts["terminal_id"], "before": facts["before"]["terminal_id"]}
    if event == UNEXPECTED:
        return {"now": facts["terminal_id"], "expected": facts["expected"]}
    if event == DEVICE_CHANGED:
        return {"now": _one_word(facts), "before": _one_word(facts["before"])}
    return None


def _event(record: PendingRecord, facts: dict[str, Any]) -> PendingRecord:
    """What happened just before a record."""
    return PendingRecord(
        Kind.EVENT, record.line, record.profile, record.wall_ns, record.mono_ns, record.direction, facts=facts
    )


def _named(who: Who) -> dict[str, str | None]:
    return {"merchant_id": who[0] or None, "terminal_id": who[1]}


def _usb_of(session: dict[str, Any]) -> dict[str, str]:
    """The USB identity of the terminal's side in a session's facts; empty where it has none."""
    sides = session.get("sides") or [{}]
    return {name: sides[0][name] for name in _USB if sides[0].get(name)}


def _one_word(facts: dict[str, str]) -> str:
    return "/".join(facts[name] for name in _USB if name in facts)

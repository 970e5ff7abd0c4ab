"""Which terminal is on a line, by what its own frames say: noticed when it is another one than before.

The port and its USB identity stay the same when somebody plugs another terminal into the same
cable; merchant and terminal number do not. Only looks, once a second and after each pause;
what was sent keeps its own line, and a frame is never refused for who sent it.
"""

from typing import Any

from ingest.records import Kind, PendingRecord
from protocols.errors import ProtocolError
from protocols.profile import Profile

CHANGED = "terminal-changed"
"""The event of a line whose terminal is another one."""
LOOK_NS = 1_000_000_000
"""Reading a frame's facts takes 0.1 ms: a line that sends thousands a second is looked at once a second."""


class Occupant:
    """The terminal of one line.

    Args:
        profile: reads its frames.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._known: list[tuple[str, str]] = []
        self._look_at = 0

    def look_again(self) -> None:
        """There was a pause, or a cable was pulled: look at the next frame."""
        self._look_at = 0

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
        try:
            said = self._profile.facts(record.frame)
        except ProtocolError:
            return []
        if said.terminal_id is None or (who := (said.merchant_id or "", said.terminal_id)) in self._known[-1:]:
            return []
        before, is_new = self._known[-1:], who not in self._known
        self._known = [each for each in self._known if each != who] + [who]
        if not before or not is_new:  # the first, or one of several that take turns on this line
            return []
        facts: dict[str, Any] = {"event": CHANGED, "merchant_id": who[0] or None, "terminal_id": who[1]}
        facts["before"] = {"merchant_id": before[0][0] or None, "terminal_id": before[0][1]}
        return [
            PendingRecord(
                Kind.EVENT, record.line, record.profile, record.wall_ns, record.mono_ns, record.direction, facts=facts
            )
        ]

"""Records that wait for a spool that fails, up to a bound, and the count of those beyond it.

Records are sanitised before they come here, so what waits in memory holds no card data.
"""

import time
from collections import deque
from dataclasses import dataclass

from ingest.lines import Stream
from ingest.records import Kind, PendingRecord

BACKLOG_RECORDS = 20_000


@dataclass(slots=True)
class Missed:
    """What no segment took, of one stream."""

    records: int = 0
    length: int = 0
    since_ns: int = 0
    until_ns: int = 0

    def add(self, record: PendingRecord) -> None:
        """One more."""
        self.records += int(record.facts.get("records", 1)) if record.kind is Kind.GAP else 1
        self.length += len(record.frame) or record.length
        self.since_ns = self.since_ns or record.wall_ns
        self.until_ns = record.wall_ns


@dataclass(slots=True, eq=False)
class Entry:
    """A record on its way, whether its terminal has its answer already, and of which session of its port it is."""

    stream: Stream
    record: PendingRecord
    answered: bool = False
    session: int = 0


class Backlog:
    """Keeps what fits, in order, and counts what does not, stream by stream.

    Args:
        limit: how many records may wait.
    """

    def __init__(self, limit: int = BACKLOG_RECORDS) -> None:
        self._limit = limit
        self._entries: deque[Entry] = deque()
        self._missed: dict[Stream, Missed] = {}

    def __len__(self) -> int:
        """How many records wait."""
        return len(self._entries)

    @property
    def missed(self) -> int:
        """How many records did not fit and are in no GAP record yet."""
        return sum(each.records for each in self._missed.values())

    def keep(self, entry: Entry) -> bool:
        """Take a record, or count it: False when it did not fit."""
        if len(self._entries) < self._limit:
            self._entries.append(entry)
            return True
        self._missed.setdefault(entry.stream, Missed()).add(entry.record)
        return False

    def take(self) -> list[Entry]:
        """All that waits, then a GAP record for each stream that missed some; from here on both are the caller's."""
        taken = [*self._entries, *(_gap(stream, missed) for stream, missed in self._missed.items())]
        self._entries.clear()
        self._missed.clear()
        return taken


def _gap(stream: Stream, missed: Missed) -> Entry:
    facts = {
        "reason": "spool",
        "records": missed.records,
        "bytes": missed.length,
        "since_ns": missed.since_ns,
        "until_ns": missed.until_ns,
    }
    return Entry(
        stream,
        PendingRecord(
            Kind.GAP,
            stream.line,
            stream.profile,
            missed.until_ns,
            time.monotonic_ns(),
            stream.direction,
            length=missed.length,
            facts=facts,
        ),
    )

"""Keeping the lake in good order: small files put together, old days let go, what nobody wants removed.

No row of a day that stays changes, and a day that a finding or a case stands on stays in every
table: an evidence pack of before verifies afterwards. Frames stay for ever. The log keeps who
committed what, so that a segment that landed never lands again.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from expectations.cases.book import case_book
from expectations.cases.database import database_of
from expectations.evidence.gather import POSTED_WITHIN, SIGNED_IN_WITHIN
from expectations.findings import Finding, read_findings
from expectations.mail.cases import happened
from ingest.deriving import APPLICATION, DERIVED
from ingest.settings import Settings
from ingest.storage import DAY_OF
from ingest.tables import TABLES, Lake

RETENTION = "retention"
"""The application that lets old days go."""


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done to a table: files put together, days let go, files removed that nothing lists."""

    table: str
    compacted: int
    dropped: tuple[dt.date, ...]
    swept: int

    @property
    def is_changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.compacted or self.dropped or self.swept)


def maintain(settings: Settings, today: dt.date, *, dry_run: bool = False) -> Iterator[Maintained]:
    """Bring each table into good order. Safe beside landing, checking and another maintenance.

    Args:
        settings: ``lake.keep_days`` says what is let go; nothing without.
        today: the day from which it counts.
        dry_run: only say which days would go.

    Raises:
        LakeError: a table cannot be read or written.
        StoreError: the object store refuses or cannot be reached.
        CaseError: the database of cases cannot be read, and with it which days must stay.
    """
    lake = Lake.of(settings.lake)
    stands = list(_standing(settings, lake)) if settings.lake.keep_days else []
    for name in TABLES:
        old = _let_go(settings, lake, name, today, stands)
        if dry_run:
            yield Maintained(name, 0, tuple(old), 0)
            continue
        if old:
            turn = (lake.committed(name, RETENTION) or 0) + 1
            if not lake.replace(name, [], partitions={DAY_OF[name]: old}, app_id=RETENTION, app_version=turn):
                old = []  # somebody wrote there at that moment; the next time
        compacted = lake.compact(name, at=_seen_by_all(lake) if name == "raw_frames" else None)
        swept = lake.sweep(name)
        if compacted or old:
            lake.checkpoint(name)
        yield Maintained(name, compacted, tuple(old), swept)


def _seen_by_all(lake: Lake) -> int:
    """The version of ``raw_frames`` when every table stands on it; -1 when one does not yet."""
    version = lake.version("raw_frames") or 0
    stands = [lake.committed(name, APPLICATION) for name in DERIVED]
    return version if all(at is not None and at >= version for at in stands) else -1


def _let_go(
    settings: Settings, lake: Lake, name: str, today: dt.date, stands: list[tuple[dt.date, dt.date]]
) -> list[dt.date]:
    """The days of a table that are older than it is kept and that nothing stands on."""
    if name not in settings.lake.keep_days:
        return []
    before = today - dt.timedelta(days=settings.lake.keep_days[name])
    days = {each[f"partition.{DAY_OF[name]}"] for each in lake.added(name)}
    return sorted(day for day in days if day < before and not any(first <= day <= last for first, last in stands))


def _standing(settings: Settings, lake: Lake) -> Iterator[tuple[dt.date, dt.date]]:
    """From when to when the rows lie that each finding, and each case's, stands on, the sign-in before it too."""
    cases = [] if database_of(settings).is_new else case_book(settings).cases(review=True, whole=True)
    found: dict[str, Finding] = {each.finding_id: each for case in cases for each in case.findings}
    found |= {each.finding_id: each for each in read_findings(lake)}
    for finding in found.values():
        days = [finding.business_date]
        days += [
            when.astimezone(settings.zone).date() for each in finding.subjects if (when := happened(each)) is not None
        ]
        yield min(days) - SIGNED_IN_WITHIN - dt.timedelta(days=1), max(days) + POSTED_WITHIN

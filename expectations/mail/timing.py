"""When a case leaves: a pure function of when it was seen, what was sent, the clock and the settings.

P1 at once, but for the minutes in which new ones are gathered; P2 at the next full hour, so many a
day; P3 with the day's digest; in quiet hours only a P1 whose deadline falls into them. Local times are
the merchant's.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from expectations.findings import Finding
from ingest.alerting import Timing

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)

NEXT_LOOK = dt.timedelta(minutes=6)
"""The next decision comes no later: the schedule looks every five minutes, and some seconds late."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One mail that one reader has got; ``kind`` is P1 to P3 for cases, else what it was."""

    merchant_id: str
    address: str
    locale: str
    kind: str
    at: dt.datetime
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Hours:
    """The rules of timing at one moment.

    Attributes:
        timing: the settings.
        zone: the merchant's.
        now: the decision moment, aware.
        seen: finding_id -> when it was first seen; one that is not named was seen just now.
        sent: what has been sent.
        late: merchants whose acquirer's file of yesterday is expected and not there.
    """

    timing: Timing
    zone: ZoneInfo
    now: dt.datetime
    seen: Mapping[str, dt.datetime] = field(default_factory=dict)
    sent: Collection[Sent] = ()
    late: Collection[str] = ()

    def leaves(
        self, news: Collection[Finding], act_by: dt.datetime | None, merchant_id: str, address: str, locale: str
    ) -> dt.datetime:
        """The earliest moment, now or later, at which a case with this news goes to this reader.

        Args:
            news: what the reader does not know; all of it stands on its own.
            act_by: the case's deadline, if one is ahead.
            merchant_id: whose case it is.
            address: the reader's.
            locale: and language.
        """
        if self.timing.at_once:
            return self.now
        severity = min(each.severity for each in news)
        since = min(min(self.seen.get(each.finding_id, self.now), self.now) for each in news)
        theirs = [
            each
            for each in self.sent
            if (each.merchant_id, each.address, each.locale) == (merchant_id, address, locale)
        ]
        if severity == "P1":
            return self._urgent(act_by, [each.at for each in theirs if each.kind == "P1"])
        if severity == "P2":
            return self._hourly(since, [each.at for each in theirs if each.kind == "P2"])
        return self.digest(since, late=merchant_id in self.late)

    def _urgent(self, act_by: dt.datetime | None, before: Collection[dt.datetime]) -> dt.datetime:
        """At once; new ones are gathered for some minutes, but never past the last moment that helps."""
        last_call = act_by - dt.timedelta(minutes=self.timing.last_minutes) if act_by else None
        at = self.now
        gathered = max(before, default=None)
        if gathered is not None and gathered <= at < gathered + dt.timedelta(minutes=self.timing.merge_minutes):
            until = gathered + dt.timedelta(minutes=self.timing.merge_minutes)
            at = at if last_call is not None and at <= last_call < until + NEXT_LOOK else until
        wakes = self.wakes(at)
        if wakes == at or (last_call is not None and act_by is not None and at <= last_call and act_by <= wakes):
            return at
        if last_call is not None and self.now <= last_call < wakes and self.wakes(self.now) == self.now:
            return self.now  # gathering would lead into quiet hours, and out of them only after the deadline
        return wakes

    def _hourly(self, since: dt.datetime, before: Collection[dt.datetime]) -> dt.datetime:
        today = self.now.astimezone(self.zone).date()
        if sum(each.astimezone(self.zone).date() == today for each in before) >= self.timing.p2_per_day:
            return self.wakes(self.local(today + DAY, self.timing.digest_at))
        due = _full_hour(since.astimezone(self.zone))
        due = max(due, self.now)
        while (wakes := self.wakes(due)) != due:
            due = _full_hour(wakes.astimezone(self.zone))
        return due

    def digest(self, since: dt.datetime, *, late: bool) -> dt.datetime:
        """The day's digest after a moment: now, if it is past already; later while the acquirer's file is late."""
        day = since.astimezone(self.zone).date()
        first = self.local(day, self.timing.digest_at)
        if first < since:
            day, first = day + DAY, self.local(day + DAY, self.timing.digest_at)
        latest = self.local(self.now.astimezone(self.zone).date(), self.timing.digest_latest)
        at = max(first, self.now)
        if late and at < latest and at.astimezone(self.zone).date() == latest.astimezone(self.zone).date():
            at = latest
        return self.wakes(at)

    def wakes(self, at: dt.datetime) -> dt.datetime:
        """The end of the quiet hours that a moment lies in; the moment itself outside of them."""
        begins, ends = self.timing.quiet_from, self.timing.quiet_until
        if begins == ends or self.timing.at_once:
            return at
        local = at.astimezone(self.zone)
        clock = local.time().replace(tzinfo=None)
        if begins < ends:
            return self.local(local.date(), ends) if begins <= clock < ends else at
        if clock >= begins:
            return self.local(local.date() + DAY, ends)
        return self.local(local.date(), ends) if clock < ends else at

    def local(self, day: dt.date, clock: dt.time) -> dt.datetime:
        """A local day's clock time."""
        return dt.datetime.combine(day, clock, self.zone)


def _full_hour(local: dt.datetime) -> dt.datetime:
    """The next full hour of a local clock, the moment itself when it is one."""
    floor = local.replace(minute=0, second=0, microsecond=0)
    return floor if floor == local else floor + HOUR

"""When mails leave: the table of the alert rules, and what holds whatever comes when."""

import datetime as dt
import itertools
import json
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.findings import Finding
from expectations.mail.decide import Alert
from expectations.mail.history import History
from expectations.mail.plan import Mail, plan
from expectations.mail.timing import Hours, Sent
from expectations.mail.world import World
from ingest.alerting import Timing
from ingest.settings import Settings
from tests.expectations.mail.conftest import DAY, SHANGHAI, SHOP, finding, subject

READER = "a@example.com"


def at(clock: str, days: int = 0) -> dt.datetime:
    """A moment of the shop's zone, so many days after the example's."""
    return dt.datetime.combine(DAY + dt.timedelta(days=days), dt.time.fromisoformat(clock), SHANGHAI)


def case(severity: str, number: int = 1, **more: Any) -> Finding:
    """A finding about money of its own."""
    return finding(
        "dup_same_atc", subject("SALE", number, "10:00:00", 100 * number), severity=severity, **{"act_by": None} | more
    )


def leaves(severity: str, now: dt.datetime, *, seen: dt.datetime | None = None, act_by: dt.datetime | None = None,
           sent: tuple[Sent, ...] = (), late: bool = False, **timing: Any) -> dt.datetime:  # fmt: skip
    """When a case that was seen then leaves, asked now."""
    one = case(severity)
    hours = Hours(Timing(**timing), SHANGHAI, now, {one.finding_id: seen or now}, sent, {SHOP} if late else ())
    return hours.leaves([one], act_by, SHOP, READER, "zh-CN").astimezone(SHANGHAI)


def mailed(kind: str, moment: dt.datetime) -> Sent:
    """A mail that the reader has got."""
    return Sent(SHOP, READER, "zh-CN", kind, moment)


@pytest.mark.parametrize(
    ("now", "act_by", "expected"),
    [
        (at("10:07"), None, at("10:07")),
        (at("22:29"), None, at("22:29")),
        (at("22:30"), None, at("07:30", 1)),
        (at("22:31"), at("23:00"), at("22:31")),
        (at("22:55"), at("23:00"), at("22:55")),
        (at("22:56"), at("23:00"), at("07:30", 1)),
        (at("23:30"), at("23:00", 1), at("07:30", 1)),
        (at("03:00"), None, at("07:30")),
        (at("07:30"), None, at("07:30")),
    ],
)
def test_p1_leaves_at_once_but_not_at_night(now: dt.datetime, act_by: dt.datetime | None, expected: dt.datetime):
    """Quiet from 22:30 to 07:30, but for a void window that is still open, until 22:55."""
    assert leaves("P1", now, act_by=act_by) == expected


def test_p1_are_gathered_for_ten_minutes_after_a_mail():
    """The first leaves at once; what comes after it waits until ten minutes are over, and no longer."""
    before = (mailed("P1", at("20:00")),)
    assert leaves("P1", at("20:04"), sent=before) == at("20:10")
    assert leaves("P1", at("20:10"), sent=before) == at("20:10")
    assert leaves("P1", at("20:11"), sent=before) == at("20:11")


def test_gathering_never_costs_a_deadline():
    """At 22:50, five minutes after a mail, the void window closes before the gathering ends: it leaves now."""
    assert leaves("P1", at("22:50"), act_by=at("23:00"), sent=(mailed("P1", at("22:46")),)) == at("22:50")


@pytest.mark.parametrize("before", ["22:40:20", "22:44:30", "22:45:00"])
def test_a_schedule_that_looks_some_seconds_late_does_not_cost_a_deadline(before: str):
    """Looked at 22:46:00, 22:50:05 and 22:55:05: gathering until 22:50:20 or later would end after the last look."""
    looks = [at(clock) for clock in ("22:46:00", "22:50:05", "22:55:05")]
    left = [
        now
        for now in looks
        if leaves("P1", now, seen=looks[0], act_by=at("23:00"), sent=(mailed("P1", at(before)),)) == now
    ]
    assert left[:1] == [at("22:46")]


@pytest.mark.parametrize(
    ("seen", "now", "expected"),
    [
        (at("10:07"), at("10:07"), at("11:00")),
        (at("10:00"), at("10:00"), at("10:00")),
        (at("10:07"), at("11:02"), at("11:02")),
        (at("21:40"), at("21:45"), at("22:00")),
        (at("22:05"), at("22:10"), at("08:00", 1)),
        (at("23:10"), at("23:10"), at("08:00", 1)),
        (at("10:07"), at("23:10"), at("08:00", 1)),
    ],
)
def test_p2_leaves_at_the_next_full_hour(seen: dt.datetime, now: dt.datetime, expected: dt.datetime):
    """Of the shop's clock, outside of quiet hours; what is overdue leaves when somebody looks."""
    assert leaves("P2", now, seen=seen) == expected


def test_p2_three_times_a_day_and_then_with_the_next_days_digest():
    """The fourth of a day waits."""
    before = tuple(mailed("P2", at(clock)) for clock in ("10:00", "11:00", "12:00"))
    assert leaves("P2", at("13:00"), sent=before[:2]) == at("13:00")
    assert leaves("P2", at("13:00"), sent=before) == at("09:30", 1)


@pytest.mark.parametrize(
    ("seen", "now", "late", "expected"),
    [
        (at("08:00"), at("08:00"), False, at("09:30")),
        (at("09:31"), at("09:31"), False, at("09:30", 1)),
        (at("08:00"), at("09:40"), False, at("09:40")),
        (at("08:00"), at("08:00"), True, at("11:00")),
        (at("08:00"), at("10:40"), True, at("11:00")),
        (at("08:00"), at("11:00"), True, at("11:00")),
    ],
)
def test_p3_leaves_with_the_digest(seen: dt.datetime, now: dt.datetime, late: bool, expected: dt.datetime):
    """At 09:30, after the acquirer's file; a file that is late is waited for until 11:00."""
    assert leaves("P3", now, seen=seen, late=late) == expected


def test_at_once_means_at_once():
    """The switch for shops that want every case when it is found."""
    for severity in ("P1", "P2", "P3"):
        assert leaves(severity, at("02:00"), at_once=True) == at("02:00")


def test_hours_are_the_shops_and_quiet_ones_may_lie_within_a_day():
    """Another zone has another night; a siesta is one too; equal ends mean none."""
    here = Hours(Timing(), dt.UTC, at("22:30"))  # type: ignore[arg-type]  # any tzinfo has a clock
    assert here.wakes(at("22:30")) == at("22:30")
    siesta = Hours(Timing(quiet_from=dt.time(13), quiet_until=dt.time(15)), SHANGHAI, at("13:00"))
    assert (siesta.wakes(at("14:00")), siesta.wakes(at("15:00"))) == (at("15:00"), at("15:00"))
    never = Hours(Timing(quiet_from=dt.time(1), quiet_until=dt.time(1)), SHANGHAI, at("01:00"))
    assert never.wakes(at("01:00")) == at("01:00")


# -- whatever comes when ----------------------------------------------------------------------------

TICK = dt.timedelta(minutes=5)
Arrival = tuple[str, int, int | None]
ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from(["P1", "P1", "P2", "P3"]),
        st.integers(0, 3 * 24 * 60 - 1),
        st.one_of(st.none(), st.integers(1, 30 * 60)),
    ),
    min_size=1,
    max_size=12,
)


class Days:
    """Four days of a shop, looked at every few minutes; the ledger is a list of rows."""

    def __init__(self, arrivals: list[Arrival]) -> None:
        begin = at("00:00")
        self.settings = Settings.model_validate(
            {"alerts": {"routes": [{"to": [READER, "b@example.com"]}, {"to": ["c@example.com"], "locale": "en"}]}}
        )
        self.seen: dict[str, dt.datetime] = {}
        self.findings: list[Finding] = []
        for place, (severity, minute, window) in enumerate(arrivals, 1):
            seen = begin + dt.timedelta(minutes=minute)
            act_by = seen + dt.timedelta(minutes=window) if window and severity == "P1" else None
            one = case(severity, place, act_by=act_by)
            self.findings.append(one)
            self.seen[one.finding_id] = seen
        self.rows: list[dict[str, Any]] = []
        self.mails: list[tuple[dt.datetime, Mail]] = []

    def look(self, now: dt.datetime) -> World:
        """What is known at a moment."""
        there = tuple(each for each in self.findings if self.seen[each.finding_id] <= now)
        return World(self.settings, now, findings=there, history=History(self.rows), seen=self.seen)

    def tick(self, now: dt.datetime) -> int:
        """Plan, send, note."""
        mails = plan(self.look(now)).mails
        for mail in mails:
            self.mails.append((now, mail))
            self.rows.append(row(mail, now))
        return len(mails)


def row(mail: Mail, now: dt.datetime) -> dict[str, Any]:
    """A sent mail as the ledger has it."""
    return {
        "alert_id": mail.alert_id, "merchant_id": mail.merchant_id, "decided_at": now, "locale": mail.locale,
        "recipients": json.dumps(mail.recipients), "subject": "", "message_id": mail.alert_id,
        "finding_ids": json.dumps(mail.finding_ids), "review_ids": json.dumps(mail.review_ids), "state": "sent",
        "error": None, "at": now, "business_date": mail.business_date, "kind": mail.kind,
    }  # fmt: skip


@pytest.mark.thorough
@settings(max_examples=15, deadline=None)
@given(ARRIVALS, st.integers(1, 3), st.randoms(use_true_random=False))
def test_whatever_comes_is_told_once_in_time_and_not_at_night(arrivals: list[Arrival], times: int, late: Random):
    """Never twice, never never; at night only what a deadline forces; P1 before its deadline where a tick, always some
    seconds late, allows it; P2 three times a day; however often the sender runs in a moment, the same set leaves.
    """
    days = Days(arrivals)
    ticks = [at("00:00") + n * TICK + dt.timedelta(seconds=late.randrange(60)) for n in range(5 * 288)]
    for now in ticks:
        days.tick(now)
        assert [days.tick(now) for _ in range(times)] == [0] * times

    told = Counter(
        (name, who, mail.locale) for _, mail in days.mails for name in mail.finding_ids for who in mail.recipients
    )
    readers = [(READER, "zh-CN"), ("b@example.com", "zh-CN"), ("c@example.com", "en")]
    assert told == {(each.finding_id, *reader): 1 for each in days.findings for reader in readers}

    hours = Hours(Timing(), SHANGHAI, ticks[0])
    last_minutes = dt.timedelta(minutes=5)
    for now, mail in days.mails:
        assert isinstance(mail, Alert)
        wakes = hours.wakes(now)
        assert wakes == now or any(
            case.act_by is not None and now <= case.act_by - last_minutes and case.act_by <= wakes
            for case in mail.cases
        )
    first = {name: now for now, mail in reversed(days.mails) for name in mail.finding_ids}
    for one in days.findings:
        if one.act_by is None or one.severity != "P1":
            continue
        chances = [
            tick
            for tick in ticks
            if days.seen[one.finding_id] <= tick <= one.act_by - last_minutes
            and (hours.wakes(tick) == tick or one.act_by <= hours.wakes(tick))
        ]
        assert not chances or first[one.finding_id] < one.act_by
    spent = Counter((mail.locale, now.date()) for now, mail in days.mails if mail.kind == "P2")
    assert max(spent.values(), default=0) <= 3


@pytest.mark.thorough
@settings(max_examples=10, deadline=None)
@given(ARRIVALS, st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_a_schedule_with_holes_tells_the_same(arrivals: list[Arrival], minutes: list[int]):
    """A sender that is down for hours tells everything in the end, each once, and never at night without need."""
    days = Days(arrivals)
    now = at("00:00")
    for minute in itertools.islice(itertools.cycle(minutes), 60):
        now += dt.timedelta(minutes=minute)
        days.tick(now)
    for n in range(3 * 288):
        days.tick(at("12:00", 5) + n * TICK)
    told = Counter(name for _, mail in days.mails for name in mail.finding_ids for _ in mail.recipients)
    assert told == {each.finding_id: 3 for each in days.findings}


def test_what_waits_says_until_when():
    """A plan names the moment of the next decision, and what waits for it."""
    days = Days([("P2", 10 * 60 + 7, None)])
    found = plan(days.look(at("10:07")))
    assert found.mails == ()
    assert found.next_at == at("11:00")
    assert {each.until for each in found.held} == {at("11:00")}

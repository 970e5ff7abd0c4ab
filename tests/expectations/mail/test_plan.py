"""Reminders, escalation, storms, routes: what a plan holds beside the cases of the moment."""

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest

from expectations.findings import Finding
from expectations.mail.cases import group
from expectations.mail.catalogue import LOCALES, Locale
from expectations.mail.decide import decide
from expectations.mail.explain import explain
from expectations.mail.history import History, Told
from expectations.mail.html import render_html
from expectations.mail.notice import EVERYBODY, Notice, notice_message
from expectations.mail.plan import plan
from expectations.mail.routes import Facts
from expectations.mail.storms import storms
from expectations.mail.text import render_text
from expectations.mail.world import World
from ingest.alerting import Route, Timing
from ingest.settings import Settings
from tests.expectations.mail.conftest import DAY, NOW, SHANGHAI, SHOP, finding, numbered, retry, subject, two_coffees
from tests.expectations.mail.lettertexts import seen, words
from tests.expectations.mail.test_timing import at, row

FINANCE = {"to": ["finance@example.com"], "locale": "zh-CN"}
MANAGER = {"to": ["manager@example.com"], "role": "manager"}
OPERATIONS = {"to": ["ops@example.com"], "role": "operations", "locale": "en"}


def settings_with(*routes: dict[str, Any], **more: Any) -> Settings:
    """Settings with these routes."""
    return Settings.model_validate({"alerts": {"routes": list(routes)}} | more)


def notices(world: World) -> list[Notice]:
    """The mails of a plan that are not of cases."""
    return [each for each in plan(world).mails if isinstance(each, Notice)]


class Told90Days:
    """One case, told on the example's day, looked at on later days; what leaves is noted."""

    def __init__(self, settings: Settings, one: Finding) -> None:
        self.settings, self.one = settings, one
        self.rows: list[dict[str, Any]] = []
        self.numbers = numbered([one])

    def world(self, now: dt.datetime, *, is_open: bool = True) -> World:
        """What is known."""
        return World(
            self.settings, now, (self.one,), History(self.rows), numbers=self.numbers, seen={self.one.finding_id: NOW},
            open_numbers=frozenset(self.numbers.values() if is_open else ()),
        )  # fmt: skip

    def look(self, now: dt.datetime, **more: Any) -> list[tuple[str, tuple[str, ...]]]:
        """What leaves now: its kind and readers."""
        mails = plan(self.world(now, **more)).mails
        self.rows += [row(each, now) for each in mails]
        return [(each.kind, each.recipients) for each in mails]


def test_an_open_case_is_called_to_mind_on_day_3_7_and_15_and_then_escalated():
    """At the digest's hour, each once; on day 16 the manager hears of it, and after that nobody."""
    days = Told90Days(settings_with(FINANCE, MANAGER), retry())
    assert days.look(NOW) == [("P1", ("finance@example.com",)), ("P1", ("manager@example.com",))]
    said = {day: days.look(at("09:30", day)) for day in range(1, 40)}
    again = [("reminder", ("finance@example.com",))]
    assert {day: mails for day, mails in said.items() if mails} == {
        3: again, 7: again, 15: again, 16: [("escalation", ("manager@example.com",))],
    }  # fmt: skip
    assert days.look(at("09:25", 3)) == []


def test_who_was_down_on_day_3_is_reminded_once_and_a_closed_case_never():
    """Days that were missed are not made up for one by one."""
    days = Told90Days(settings_with(FINANCE), retry())
    days.look(NOW)
    assert days.look(at("12:00", 8)) == [("reminder", ("finance@example.com",))]
    assert days.look(at("12:05", 8)) == []
    assert days.look(at("09:30", 15), is_open=False) == []
    assert days.look(at("03:00", 16)) == []
    assert days.look(at("07:30", 16)) == [("reminder", ("finance@example.com",))]
    assert days.look(at("09:30", 16)) == [("escalation", ("finance@example.com",))]


@pytest.mark.parametrize("locale", LOCALES)
def test_a_reminder_says_which_case_for_how_long_and_what_to_do(locale: Locale):
    """Number, days, money; not to pay back what may still come back; both parts say the same."""
    days = Told90Days(settings_with(FINANCE | {"locale": locale}), retry())
    days.look(NOW)
    (reminder,) = notices(days.world(at("09:30", 7)))
    text = render_text(reminder.letter)
    assert words(text) == words(seen(render_html(reminder.letter)))
    for part in ("C-1121-0007", "7", "¥368.00"):
        assert part in reminder.letter.subject
    assert {"zh-CN": "先不要自行退款", "en": "Do not refund yet"}[locale] in text


# -- storms -----------------------------------------------------------------------------------------


def shower(count: int, merchants: int, *, minutes: float = 2.0) -> list[Finding]:
    """So many cases of one rule at so many merchants, so far apart."""
    made = []
    for n in range(count):
        when = dt.datetime.combine(DAY, dt.time(20), SHANGHAI) + n * dt.timedelta(minutes=minutes)
        one = subject("SALE", 1000 + n, f"{when:%H:%M:%S}", 10000 + n, terminal_id=f"7{n:07d}")
        made.append(finding("dup_same_atc", one, merchant_id=f"8983100581{n % merchants:05d}"))
    return made


@pytest.mark.parametrize(
    ("count", "merchants", "minutes", "is_storm"),
    [(21, 5, 2.0, True), (20, 5, 2.0, False), (21, 4, 2.0, False), (21, 5, 3.5, False), (60, 5, 2.0, True)],
)
def test_more_than_twenty_in_an_hour_at_five_merchants_are_a_storm(
    count: int, merchants: int, minutes: float, is_storm: bool
):  # fmt: skip
    """Neither fewer, nor at fewer merchants, nor over a longer time."""
    found = storms(group(shower(count, merchants, minutes=minutes), NOW), Timing(), SHANGHAI)
    assert [len(each.cases) for each in found] == ([count] if is_storm else [])


def test_a_storm_is_one_mail_to_operations_and_a_short_notice_to_each_merchant():
    """Thirty cases are six mails and no more; their identifiers go to operations as JSON, without a card."""
    findings = shower(30, 5, minutes=1.0)
    world = World(settings_with(FINANCE, OPERATIONS), NOW, tuple(findings), seen={f.finding_id: NOW for f in findings})
    mails = notices(world)
    assert len(plan(world).mails) == len(mails) == 6
    storm = next(each for each in mails if each.merchant_id == EVERYBODY)
    assert (storm.recipients, storm.kind, storm.cases) == (("ops@example.com",), "storm", 30)
    subjects = [each for finding in findings for each in finding.subjects]
    frame = {"side": "request", "segment_id": "5e6", "seq": 7, "sha256": "ab" * 32}
    mail = notice_message(storm, world.settings, proofs={str(subjects[0].transaction_id): {"frames": [frame]}})
    (attached,) = (part.get_content().decode() for part in mail.iter_attachments())
    told = json.loads(attached)
    assert len(told) == 30
    assert {"terminal_id", "batch_no", "stan", "rrn", "merchant_id", "amount_fen", "settle_date"} <= set(told[0])
    assert "5817" not in attached
    hashed = [each["evidence"] for case in told for each in case["transactions"] if each["evidence"]]
    assert hashed == [[frame]]
    shops = [each for each in mails if each.merchant_id != EVERYBODY]
    assert {each.cases for each in shops} == {6}
    assert {len(render_text(each.letter).splitlines()) < 20 for each in shops} == {True}

    rows = [row(each, NOW) for each in mails]
    assert plan(world.knowing(History(rows))).mails == ()


def test_a_reader_of_many_merchants_gets_each_ones_notice_whenever_it_leaves():
    """Four have left, the fifth was put off, and then a sixth merchant is hit: still short notices, by its name."""
    findings = shower(36, 6, minutes=1.0)
    shops = sorted({each.merchant_id for each in findings})
    routes = (FINANCE, OPERATIONS | {"to": ["finance@example.com"]})  # who reads for operations too
    first = World(settings_with(*routes), NOW, tuple(f for f in findings if f.merchant_id != shops[5]))
    got = [each for each in notices(first) if each.merchant_id != shops[4]]
    assert len(got) == 5
    later = World(settings_with(*routes), NOW, tuple(findings)).knowing(History([row(each, NOW) for each in got]))
    mails = notices(later)
    assert [each.merchant_id for each in mails] == shops[4:]
    assert len(plan(later).mails) == 2
    assert all(each.finding_ids[0].startswith("storm:") for each in mails)


def test_a_storm_at_night_wakes_operations_alone():
    """02:00: operations hear at once, the shops when quiet hours end; while a void is still possible they do, too."""
    findings = shower(30, 5, minutes=1.0)
    seen = {each.finding_id: at("02:00", 1) for each in findings}

    def leaving(now: dt.datetime, shops: list[Finding] = findings) -> set[str]:
        world = World(settings_with(FINANCE, OPERATIONS), now, tuple(shops), seen=seen)
        return {who for mail in plan(world).mails for who in mail.recipients}

    assert leaving(at("02:00", 1)) == {"ops@example.com"}
    assert leaving(at("07:30", 1)) == {"ops@example.com", "finance@example.com"}
    voidable = [replace(each, act_by=at("23:00")) for each in findings]
    assert leaving(at("22:50"), voidable) == {"ops@example.com", "finance@example.com"}


def test_a_storm_that_nobody_hears_of_is_a_problem_and_merchants_are_told_all_the_same():
    """Without a route to operations the plan names it."""
    findings = shower(30, 5, minutes=1.0)
    found = plan(World(settings_with(FINANCE), NOW, tuple(findings)))
    assert found.unheard == (f"storm:dup_same_atc:{DAY}",)
    assert len(found.mails) == 5


def test_a_merchant_whose_cases_of_a_storm_are_over_gets_no_notice():
    """Operations and the four others do."""
    findings = shower(30, 5, minutes=1.0)
    shop = findings[0].merchant_id
    over = frozenset(each.finding_id for each in findings if each.merchant_id == shop)
    world = World(settings_with(FINANCE, OPERATIONS), NOW, tuple(findings), over=over)
    assert {each.merchant_id for each in plan(world).mails} == {EVERYBODY} | {f.merchant_id for f in findings} - {shop}


# -- routes -----------------------------------------------------------------------------------------


def readers(settings: Settings, one: Finding, facts: Facts | None = None) -> set[str]:
    """Who gets a finding's mail."""
    world = World(settings, NOW, (one,), facts=facts or Facts())
    return {who for mail in plan(world).mails for who in mail.recipients}


@pytest.mark.parametrize(
    ("route", "gets"),
    [
        ({"merchants": ["8983*"]}, True),
        ({"merchants": ["7*"]}, False),
        ({"groups": ["north"]}, True),
        ({"groups": ["south"]}, False),
        ({"brands": ["lakala"]}, True),
        ({"brands": ["leshua"]}, False),
        ({"severities": ["P1", "P2"]}, True),
        ({"severities": ["P3"]}, False),
        ({"severities": ["P1"], "groups": ["south"]}, False),
        ({"role": "operations"}, False),
        ({"role": "manager"}, True),
    ],
)
def test_a_case_goes_by_every_route_whose_conditions_hold(route: dict[str, Any], gets: bool):
    """Merchant, group, brand, severity, role; all of a route's conditions have to hold."""
    facts = Facts({SHOP: frozenset({"north"})}, {"12345678": frozenset({"lakala"})})
    settings = settings_with({"to": ["one@example.com"]} | route, {"to": ["other@example.com"]})
    assert readers(settings, retry(), facts) == {"other@example.com"} | ({"one@example.com"} if gets else set())


def test_a_manager_hears_of_operators_and_of_nothing_that_can_wait():
    """A refund habit of an operator, P3: the manager; a P2 without a deadline: not."""
    settings = settings_with(MANAGER)
    one = subject("REFUND", 1, "10:00:00", 100)
    habit = finding("operator_refund_concentration", one, severity="P2")
    assert readers(settings, finding("dup_same_atc", one, severity="P1")) == set()
    world = World(settings, at("12:00"), (habit,))
    assert {who for mail in plan(world).mails for who in mail.recipients} == {"manager@example.com"}


def test_explain_names_the_route_the_moment_and_why_others_do_not_match():
    """Each route with what speaks against it; each reader with when it leaves, or was told."""
    settings = settings_with(FINANCE | {"name": "books"}, {"to": ["x@example.com"], "groups": ["north"]}, OPERATIONS)
    world = World(settings, at("23:30"), (retry(),), numbers=numbered([retry()]))
    found = explain(world, retry().finding_id)
    assert found is not None
    assert [(each.name, bool(each.against)) for each in found.routes] == [
        ("books", False), ("route 2", True), ("route 3", True),
    ]  # fmt: skip
    assert "none of the groups north" in found.routes[1].against
    (reader,) = found.readers
    assert (reader.address, reader.route, reader.leaves_at) == ("finance@example.com", "books", at("07:30", 1))
    over = explain(World(settings, NOW, (retry(),), over=frozenset({retry().finding_id})), retry().finding_id)
    assert over is not None
    assert (over.readers[0].leaves_at, over.readers[0].remark) == (None, "its case was over before it was told")
    doubtful = explain(World(settings, NOW, (two_coffees(),)), two_coffees().finding_id)
    assert doubtful is not None
    assert doubtful.readers[0].leaves_at is None
    assert "weekly report" in doubtful.readers[0].remark


# -- the ledger's words -----------------------------------------------------------------------------


def noted(state: str, minutes: int, **more: Any) -> dict[str, Any]:
    """A row of one mail."""
    base = {
        "alert_id": "a", "merchant_id": SHOP, "decided_at": NOW, "locale": "en", "recipients": '["a@example.com"]',
        "subject": "s", "message_id": "<a@b>", "finding_ids": '["f"]', "review_ids": "[]", "state": state,
        "error": None, "at": NOW + dt.timedelta(minutes=minutes), "business_date": DAY, "kind": "P1",
    }  # fmt: skip
    return base | more


def test_tries_come_later_each_time():
    """0, 1, 5, 15, 30 and then 60 minutes after the last failure."""
    rows: list[dict[str, Any]] = []
    waits = []
    for place in range(8):
        rows.append(noted("failed", 100 * place))
        again = History(rows).retry_at("a")
        assert again is not None
        waits.append((again - rows[-1]["at"]).total_seconds() / 60)
    assert waits == [0, 1, 5, 15, 30, 60, 60, 60]


def test_a_mail_with_an_open_deadline_waits_five_minutes_at_most():
    """The tenth try of a P1 comes five minutes after the ninth while its deadline is ahead, and 60 else."""
    history = History([noted("failed", 100 * place) for place in range(9)])
    last = NOW + dt.timedelta(minutes=800)
    assert history.retry_at("a", urgent=True) == last + dt.timedelta(minutes=5)
    assert history.retry_at("a") == last + dt.timedelta(minutes=60)


@pytest.mark.parametrize(
    ("one", "hours", "urgent"),
    [(retry(), 0, True), (retry(), 2, False), (finding("dup_same_atc", subject("SALE", 1, "10:00:00", 1)), 0, False)],
)
def test_a_mail_is_urgent_while_a_deadline_of_a_p1_is_ahead(one: Finding, hours: int, urgent: bool):
    """Not after it, and not without one."""
    (alert,) = decide([one], [Route(to=["a@example.com"])], NOW + dt.timedelta(hours=hours)).alerts
    assert alert.is_urgent is urgent


@pytest.mark.parametrize(
    ("first", "dead"), [("handing", True), ("failed", False)], ids=["in doubt ever since", "was only not reached"]
)
def test_a_mail_in_doubt_is_given_up_after_48_hours_of_doubt(first: str, dead: bool):
    """The time in which no server was reached does not count."""
    history = History([noted(first, 0, error="broke")])
    later = NOW + dt.timedelta(hours=48)
    assert history.given_up("a", later, in_doubt=True) is dead
    assert not history.given_up("a", later - dt.timedelta(seconds=1), in_doubt=True)


@pytest.mark.parametrize(
    ("states", "doubt"),
    [
        (["handing"], True),
        (["handing", "sent"], False),
        (["handing", "failed"], False),
        (["handing", "handing", "failed"], True),
        (["handing", "handing", "sent"], False),
        (["handing", "dead"], False),
    ],
)
def test_a_mail_is_in_doubt_until_somebody_has_it(states: list[str], doubt: bool):
    """A later try that failed says nothing of one that never came back; the same instant does not matter."""
    for step in (0, 1):
        history = History([noted(state, place * step) for place, state in enumerate(states)])
        assert bool(history.doubts) is doubt


def test_what_is_tried_again_for_fewer_readers_is_listed_once():
    """Three readers, one put off and tried again alone, twice: its last try; when it has the mail, nothing."""
    three = '["a@example.com", "b@example.com", "c@example.com"]'
    rows = [
        noted("handing", 0, recipients=three),
        noted("sent", 1, recipients='["b@example.com"]'),
        noted("dead", 1, recipients='["c@example.com"]', error="550 no such mailbox"),
        noted("failed", 1, error="451 later"),
        noted("handing", 2, alert_id="alone"),
        noted("failed", 3, alert_id="alone", error="451 later still"),
        noted("failed", 4, alert_id="other", finding_ids='["g"]', error="451 another mail"),
        noted("failed", 4, alert_id="shop", merchant_id="another", error="451 another shop"),
    ]
    listed = History(rows).unsent()
    assert [(each["state"], each["error"]) for each in listed] == [
        ("dead", "550 no such mailbox"),
        ("failed", "451 later still"),
        ("failed", "451 another mail"),
        ("failed", "451 another shop"),
    ]
    grown = [*rows, noted("failed", 5, alert_id="grown", finding_ids='["f", "g"]', error="451 both")]
    assert [each["error"] for each in History(grown).unsent()] == [
        "550 no such mailbox",
        "451 another shop",
        "451 both",
    ]
    got = [*grown, noted("sent", 6, alert_id="grown", finding_ids='["f", "g"]')]
    assert [each["error"] for each in History(got).unsent()] == ["550 no such mailbox", "451 another shop"]


def test_what_was_given_up_is_not_tried_again_by_itself_and_is_listed():
    """Dead counts as told for planning, is listed as unsent, and is due again when asked for."""
    history = History([noted("handing", 0), noted("dead", 1, error="550 no such mailbox")])
    assert history.dead == {Told("f", "a@example.com", "en", as_case=True)}
    assert [each["error"] for each in history.unsent()] == ["550 no such mailbox"]
    assert history.without_dead().dead == frozenset()
    assert History([noted("dead", 1, error="550 no such mailbox"), noted("sent", 2)]).dead == frozenset()

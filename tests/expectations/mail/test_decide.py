"""Who is told what, and how often."""

import dataclasses
import datetime as dt

import pytest

from expectations.findings import Finding
from expectations.mail.decide import Alert, Known, decide
from expectations.mail.history import Doubt, Told
from ingest.alerting import Route
from ingest.settings import Settings
from tests.expectations.mail.conftest import NOW, SHOP, example, finding, lost_reversal, retry, subject, two_coffees

ROUTE = Route(to=["a@example.com", "b@example.com"], locale="zh-CN")


def told_of(alert: Alert, *, to: str | None = None) -> frozenset[Told]:
    """What the ledger knows after an alert has gone out."""
    readers = alert.recipients if to is None else (to,)
    cases = frozenset(Told(each, who, alert.locale, as_case=True) for each in alert.finding_ids for who in readers)
    return cases | {Told(each, who, alert.locale, as_case=False) for each in alert.review_ids for who in readers}


def test_one_mail_for_a_merchant_with_all_its_cases(settings: Settings):
    """Five findings of a shop are one mail a language, three cases and one row to review."""
    chinese, english = decide(example(), settings.alerts.routes, NOW).alerts
    assert (chinese.locale, english.locale) == ("zh-CN", "en")
    assert [len(chinese.cases), len(chinese.review)] == [3, 1]


def test_two_merchants_are_two_mails():
    """Nobody reads another shop's cases."""
    other = finding("dup_same_atc", subject("SALE", 1, "10:00:00", 100), merchant_id="898310058120999")
    alerts = decide([retry(), other], [ROUTE], NOW).alerts
    assert [each.merchant_id for each in alerts] == [SHOP, "898310058120999"]


def test_several_recipients_share_a_mail_and_several_routes_all_count():
    """Every route that matches gets its mail; an address named twice gets one."""
    routes = [
        ROUTE,
        Route(merchants=[SHOP], to=["b@example.com", "c@example.com"]),
        Route(merchants=["1*"], to=["x@e.com"]),
    ]
    (alert,) = decide([retry()], routes, NOW).alerts
    assert alert.recipients == ("a@example.com", "b@example.com", "c@example.com")


def test_doubtful_findings_alone_make_no_mail_and_need_no_route():
    """POSSIBLE alone is silence."""
    decision = decide([two_coffees()], [], NOW)
    assert decision.alerts == ()
    assert decision.unrouted == ()


def test_a_merchant_nobody_is_named_for_is_named():
    """Without a route the merchant is reported, and the others still get their mails."""
    decision = decide([retry()], [Route(merchants=["000000000000000"], to=["a@example.com"])], NOW)
    assert decision.unrouted == (SHOP,)


def test_told_once():
    """The same findings again are no mail."""
    (alert,) = decide([retry()], [ROUTE], NOW).alerts
    assert decide([retry()], [ROUTE], NOW, Known(told=told_of(alert))).alerts == ()


def test_who_was_refused_is_told_next_time_and_nobody_else():
    """A mail that one of two readers got is due for the other alone."""
    (alert,) = decide([retry()], [ROUTE], NOW).alerts
    (again,) = decide([retry()], [ROUTE], NOW, Known(told=told_of(alert, to="a@example.com"))).alerts
    assert again.recipients == ("b@example.com",)


def test_a_new_reader_is_told_without_telling_the_old_ones_again():
    """Adding an address to a route mails that address only."""
    (alert,) = decide([retry()], [ROUTE], NOW).alerts
    routes = [ROUTE, Route(to=["new@example.com"])]
    (again,) = decide([retry()], routes, NOW, Known(told=told_of(alert))).alerts
    assert again.recipients == ("new@example.com",)


def test_a_case_that_grew_is_told_with_what_is_known_already():
    """The retry comes after the lost reversal was told: one mail, both findings in its case."""
    (first,) = decide([lost_reversal()], [ROUTE], NOW).alerts
    (second,) = decide(
        [lost_reversal(), retry()], [ROUTE], NOW + dt.timedelta(minutes=5), Known(told=told_of(first))
    ).alerts
    assert len(second.cases) == 1
    assert len(second.finding_ids) == 2
    assert second.alert_id != first.alert_id


def test_a_doubt_that_became_sure_is_told_though_it_was_listed():
    """Listed for review once, told as a case when it stands on its own."""
    (first,) = decide([retry(), two_coffees()], [ROUTE], NOW).alerts
    assert first.review_ids
    doubt = two_coffees()
    sure = finding(doubt.rule, *doubt.subjects, certainty="PROBABLE", finding_id=doubt.finding_id)
    (second,) = decide([retry(), sure], [ROUTE], NOW, Known(told=told_of(first))).alerts
    assert second.finding_ids == (doubt.finding_id,)


def test_a_row_to_review_is_listed_once_and_at_most_ten_at_a_time():
    """The best ten are listed; the others wait for the next mail."""
    doubts = [
        finding("dup_card_amount_window", subject("SALE", n, "10:00:00", n), severity="P2", certainty="POSSIBLE")
        for n in range(1, 15)
    ]
    (first,) = decide([retry(), *doubts], [ROUTE], NOW).alerts
    assert [case.amount_fen for case in first.review] == list(range(14, 4, -1))
    new = finding("dup_same_atc", subject("SALE", 99, "11:00:00", 100))
    (second,) = decide([retry(), new, *doubts], [ROUTE], NOW, Known(told=told_of(first))).alerts
    assert [case.amount_fen for case in second.review] == [4, 3, 2, 1]


def test_a_mail_in_doubt_holds_no_new_finding_back():
    """It is planned again with its own id, and what is new is a mail of its own without its findings."""
    (first,) = decide([retry()], [ROUTE], NOW).alerts
    doubt = Doubt(first.alert_id, SHOP, first.locale, first.recipients, first.finding_ids, (), "P1")
    new = finding("dup_same_atc", subject("SALE", 99, "11:00:00", 100))
    again, other = decide([retry(), new], [ROUTE], NOW, Known(doubts=(doubt,))).alerts
    assert again.alert_id == first.alert_id
    assert (other.finding_ids, other.recipients) == ((new.finding_id,), first.recipients)


def test_a_mail_in_doubt_whose_case_grew_and_was_told_is_over():
    """The reader knows all of it by another mail."""
    (first,) = decide([lost_reversal()], [ROUTE], NOW).alerts
    doubt = Doubt(first.alert_id, SHOP, first.locale, first.recipients, first.finding_ids, (), "P1")
    both = [lost_reversal(), retry()]
    (grown,) = [
        each for each in decide(both, [ROUTE], NOW, Known(doubts=(doubt,))).alerts if each.alert_id != first.alert_id
    ]
    assert len(grown.finding_ids) == 2
    assert decide(both, [ROUTE], NOW, Known(told=told_of(grown), doubts=(doubt,))).alerts == ()


def test_what_a_person_has_closed_is_not_told():
    """Two purchases and done silence a finding."""
    assert decide([retry()], [ROUTE], NOW, Known(settled={retry().finding_id})).alerts == ()


@pytest.mark.parametrize("change", ["findings", "locale", "recipients", "merchant"])
def test_the_id_is_a_function_of_what_is_said_and_to_whom(change: str):
    """Same merchant, findings, language and readers: same id, at any moment; anything else: another."""

    def only(findings: list[Finding], route: Route, now: dt.datetime = NOW) -> str:
        (alert,) = decide(findings, [route], now).alerts
        return alert.alert_id

    base = only([retry()], ROUTE)
    assert only([retry()], ROUTE, NOW + dt.timedelta(hours=3)) == base
    moved = finding("retry_after_unknown", *retry().subjects, merchant_id="1" * 15, finding_id=retry().finding_id)
    other = {
        "findings": lambda: only([retry(), lost_reversal()], ROUTE),
        "locale": lambda: only([retry()], Route(to=ROUTE.to, locale="en")),
        "recipients": lambda: only([retry()], Route(to=["a@example.com"])),
        "merchant": lambda: only([moved], ROUTE),
    }[change]()
    assert other != base


def test_a_moment_without_a_zone_is_refused():
    """Deadlines cannot be counted from a clock of nowhere."""
    with pytest.raises(ValueError, match="time zone"):
        decide([retry()], [ROUTE], dt.datetime(2026, 11, 21, 21, 0))  # noqa: DTZ001 - the point of the test


def test_a_rule_without_words_is_named_and_holds_up_nobody():
    """A finding of a rule that this version does not know is reported; the others are told."""
    strange = finding("dup_stan_resent", subject("SALE", 1, "10:00:00", 100))
    decision = decide([retry(), dataclasses.replace(strange, rule="of_tomorrow")], [ROUTE], NOW)
    assert decision.unspoken == ("of_tomorrow",)
    assert [case.lead.rule for case in decision.alerts[0].cases] == ["retry_after_unknown"]

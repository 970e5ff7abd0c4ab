"""Money of several currencies: each is told for itself, in its own digits, and never added to another."""

import csv
import datetime as dt
import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.cases.book import CaseBook
from expectations.cases.database import Database
from expectations.cases.record import MoneyBack
from expectations.cases.recovery import recovered
from expectations.cases.refusals import StepRefusedError
from expectations.findings import Finding
from expectations.mail.cases import group
from expectations.mail.catalogue import LOCALES, Locale, texts
from expectations.mail.decide import Alert, decide
from expectations.mail.details import details_csv
from expectations.mail.figures import Figures
from expectations.mail.history import Told
from expectations.mail.html import render_html
from expectations.mail.machine import cases_json
from expectations.mail.message import drawn
from expectations.mail.reminder_letters import reminder_notice
from expectations.mail.reminders import Reminder
from expectations.mail.resolved import closings
from expectations.mail.storm_letters import storm_mail
from expectations.mail.storms import Storm
from expectations.mail.text import render_text
from expectations.mail.world import World
from expectations.money import LETTERS, Money, plain, total
from ingest.alerting import Route
from ingest.settings import Settings
from tests.expectations.mail.conftest import NOW, SHANGHAI, finding, shop_settings, subject

AMOUNTS = st.dictionaries(st.sampled_from(["156", *LETTERS]), st.integers(-(10**12), 10**12))


def twice(stan: int, amount: int, currency: str | None) -> Finding:
    """One purchase charged twice."""
    first, again = (
        subject("SALE", stan + n, f"12:0{n}:00", amount, currency=currency, rrn=f"{stan + n:012d}") for n in (0, 1)
    )
    return finding("dup_same_atc", again, first)


def yuan_yen_euro() -> list[Finding]:
    """¥128.00, JPY 3,000 and EUR 20.50."""
    return [twice(10, 12800, None), twice(20, 3000, "392"), twice(30, 2050, "978")]


def alert(locale: Locale, findings: list[Finding]) -> Alert:
    """The mail about them to one reader."""
    (one,) = decide(findings, [Route(to=["a@example.com"], locale=locale)], NOW).alerts
    return one


@given(st.lists(AMOUNTS))
def test_sums_are_kept_by_currency(amounts: list[dict[str, int]]):
    """Every currency's sum is that of its own amounts, whatever else was summed with it."""
    summed = total(Money.by_currency(each) for each in amounts)
    for currency in {name for each in amounts for name in each}:
        assert summed.get(currency) == sum(each.get(currency, 0) for each in amounts)


@pytest.mark.parametrize(
    ("currency", "minor", "said"),
    [(None, 38800, "¥388.00"), ("392", 3000, "JPY 3,000"), ("410", 15000, "KRW 15,000"), ("978", 2050, "EUR 20.50"),
     ("344", -120, "-HKD 1.20"), ("999", 100, "#999 1.00")],
)  # fmt: skip
def test_an_amount_has_its_currency_and_its_digits(currency: str | None, minor: int, said: str):
    """ISO 4217: yen and won have no minor unit, euro and Hong Kong dollar two digits."""
    assert Figures(texts("en"), SHANGHAI, NOW).money(minor, currency) == said
    assert plain(38800) == "388.00"
    assert plain(3000, "392") == "JPY 3,000"


@pytest.mark.parametrize("locale", LOCALES)
def test_a_mail_adds_no_yen_to_yuan(locale: Locale):
    """Subject and first screen tell each currency for itself; a foreign case never has a yuan sign; nor the table."""
    one = alert(locale, yuan_yen_euro())
    letter, text, html = drawn(one, shop_settings())
    assert "¥128.00 + JPY 3,000 + EUR 20.50" in letter.subject
    assert "¥128.00 + JPY 3,000 + EUR 20.50" in text
    assert set(re.findall(r"¥[\d,.]+\d", text + html)) == {"¥128.00"}
    rows = list(csv.reader(io.StringIO(details_csv(one, Figures(texts(locale), SHANGHAI, NOW)).removeprefix("\ufeff"))))
    place = rows[0].index("currency" if locale == "en" else "币种")
    assert {(row[place], row[place - 1]) for row in rows[1:]} == {("CNY", "128.00"), ("JPY", "3000"), ("EUR", "20.50")}


def test_evidence_of_a_rule_is_told_in_the_finding_s_currency():
    """A refund of 3,200 yen on a sale of 3,000 is 200 yen too high."""
    sale = subject("SALE", 1, "12:00:00", 3000, currency="392")
    refund = subject("REFUND", 2, "13:00:00", 3200, currency="392")
    over = finding(
        "refund_over_original", refund, sale, amount_at_risk_fen=200, evidence={"refund_fen": 3200, "sale_fen": 3000}
    )
    _, text, _ = drawn(alert("en", [over]), shop_settings())
    assert {"JPY 200", "JPY 3,000", "JPY 3,200"} <= set(re.findall(r"JPY [\d,]*\d", text))
    assert "¥" not in text


def world(settings: Settings) -> World:
    """Nothing but settings and a moment."""
    return World(settings=settings, now=NOW)


@pytest.mark.parametrize("locale", LOCALES)
def test_reminders_and_storms_keep_currencies_apart(locale: Locale):
    """Each letter with a sum tells its parts; the cases for machines say the currency of each amount."""
    cases = group(yuan_yen_euro(), NOW)
    due = [Reminder(each, locale, "a@example.com", f"r{n}", 3, form="reminder") for n, each in enumerate(cases)]
    storm = Storm("dup_same_atc", NOW.date(), tuple(cases))
    for notice in (
        reminder_notice(due, ("a@example.com",), world(shop_settings())),
        storm_mail(storm, locale, ("ops@example.com",), world(shop_settings())),
    ):
        said = notice.letter.subject + render_text(notice.letter) + render_html(notice.letter)
        assert "¥128.00 + JPY 3,000 + EUR 20.50" in said
        assert set(re.findall(r"¥[\d,.]+\d", said)) == {"¥128.00"}
    told = {(each["currency"], each["amount_fen"]) for each in json.loads(cases_json(cases, {}))}
    assert told == {("156", 12800), ("392", 3000), ("978", 2050)}


def test_two_currencies_in_one_case_stand_beside_each_other():
    """A sale in yuan and one in yen that two findings join: both are at stake, neither added."""
    yuan, yen = subject("SALE", 1, "12:00:00", 12800), subject("SALE", 2, "12:01:00", 3000, currency="392")
    (case,) = group([finding("dup_same_atc", yuan, yen), finding("dup_stan_resent", yen, yuan)], NOW)
    assert case.at_risk == Money.by_currency({"156": 12800, "392": 3000})


@pytest.fixture
def book(tmp_path: Path) -> CaseBook:
    """An empty book."""
    return CaseBook(Database(f"sqlite:///{tmp_path / 'cases.db'}"), now=lambda: NOW)


def test_the_book_keeps_a_case_in_its_own_currency(book: CaseBook):
    """What people write in hundredths is claimed in the case's minor units; half a yen is refused."""
    (number,) = book.open_cases([twice(20, 3000, "392")]).opened
    record = book.case(number)
    assert (record.currency, record.at_risk) == ("392", Money.of(3000, "392"))
    assert record.minor(300000) == 3000
    with pytest.raises(StepRefusedError, match="its amounts are in JPY"):
        record.minor(50)
    book.close(number, "paid in cash", "li", recovered_fen=3000)
    assert [each.amount for each in book.money_back()] == [Money.of(3000, "392")]


LINE = {"merchant_id": "898310058120001", "line_id": "l1", "orig_ref": None, "business_date": dt.date(2026, 11, 22)}


def test_a_reversal_that_a_file_tells_in_yuan_gives_the_yen_back():
    """The acquirer settles in yuan: that its line is reversed takes back the whole charge; a converted refund of
    whatever part proves nothing.
    """
    found = twice(20, 3000, "392")
    line = LINE | {"rrn": found.subjects[0].rrn, "amount_fen": 14200, "currency": "156", "txn_type": "SALE"}
    back = recovered([found], [], [line | {"status": "reversed"}])
    assert back is not None
    assert back.amount == Money.of(3000, "392")
    refund = line | {"rrn": "9" * 12, "orig_ref": line["rrn"], "txn_type": "REFUND", "status": "settled"}
    assert recovered([found], [], [refund]) is None


def test_the_closing_mail_counts_the_month_in_which_the_money_came_back(book: CaseBook):
    """Yuan and yen of November beside each other; October's money and another shop's are not of it."""
    (number,) = book.open_cases([twice(20, 3000, "392")]).opened
    book.recover(number, 3000, "refund", "r")
    record = book.case(number)
    told = [
        MoneyBack("C-1", record.merchant_id, dt.datetime(2026, 10, 31, 23, 59, tzinfo=SHANGHAI), Money.of(500)),
        MoneyBack("C-2", record.merchant_id, dt.datetime(2026, 11, 1, 0, 0, tzinfo=SHANGHAI), Money.of(700)),
        MoneyBack("C-3", "898310058129999", NOW, Money.of(9900)),
        *book.money_back(),
    ]
    name = record.findings[0].finding_id
    known = [
        Told(name, address, locale, as_case=True)
        for address, locale in (("finance@example.com", "zh-CN"), ("owner@example.com", "en"))
    ]
    december = dt.datetime(2026, 12, 1, 8, 0, tzinfo=SHANGHAI)
    due, _ = closings([record], told, known, december, settings=shop_settings())
    english = next(render_text(each.letter) for each in due if each.locale == "en")
    assert "¥7.00 + JPY 3,000 recovered in November (2 cases)" in english
    assert "JPY 3,000 is back" in english

"""One of each letter beside the alert's own, at the example's moment: what texts, pictures and tests are held to."""

import datetime as dt
import json
from collections.abc import Callable

from expectations.cases.record import CaseRecord, Entry, MoneyBack
from expectations.deposits import DepositProgress
from expectations.findings import Finding
from expectations.mail.blocks import Letter
from expectations.mail.budget import Budget
from expectations.mail.cases import Case, group
from expectations.mail.catalogue import Locale
from expectations.mail.compose import compose
from expectations.mail.decide import Known, decide
from expectations.mail.enclosed import Enclosed
from expectations.mail.history import Told
from expectations.mail.reminder_letters import reminder_notice
from expectations.mail.reminders import Form, Reminder
from expectations.mail.resolved import closings
from expectations.mail.storm_letters import storm_mail, storm_notice
from expectations.mail.storms import Storm
from expectations.mail.together import together
from expectations.mail.world import World
from expectations.money import Money
from expectations.reports.figures import Fees, ShopFigures
from expectations.reports.letter import report_letter
from expectations.reports.notices import fleet_notice, incomplete_notice, operators_notice, report_notice
from expectations.reports.page import page
from expectations.reports.period import Period
from ingest.alerting import Route
from tests.expectations.mail.conftest import (
    CUTOFF,
    DAY,
    NOW,
    SHOP,
    at,
    example,
    finding,
    gap,
    numbered,
    refund_too_high,
    retry,
    shop_settings,
    subject,
    two_coffees,
)
from tests.expectations.mail.lettertexts import WHOLE

SETTINGS = shop_settings()
WORLD = World(settings=SETTINGS, now=NOW)
WEEK = Period("weekly", dt.date(2026, 11, 16), dt.date(2026, 11, 22))
MONTH = Period("monthly", dt.date(2026, 11, 1), dt.date(2026, 11, 30))
AFTER = at("09:30", dt.date(2026, 12, 1))
OTHERS = [f"8983100581200{n:02d}" for n in range(2, 8)]


def cases() -> list[Case]:
    """The example's, numbered."""
    return group(example(), NOW, numbered(example()))


def _recalled(form: Form) -> Callable[[Locale], Letter]:
    def letter(locale: Locale) -> Letter:
        days = {"reminder": 3, "escalation": 16, "reopened": 1}[form]
        due = [Reminder(case, locale, "a@example.com", "r", days, form) for case in cases() if case.stands_alone]
        return reminder_notice(due if form == "reminder" else due[:1], ("a@example.com",), WORLD).letter

    return letter


def _closing(locale: Locale) -> Letter:
    found = retry()
    back = at("09:12:40", dt.date(2026, 11, 22))
    proof = {"source": "statement", "txn_type": "REVERSAL", "stan": None, "at": "2026-11-22", "amount_fen": 36800}
    entry = Entry(at=back, kind="recovered", by="tillwatch", contact="", text="", amount_fen=36800, state="recovered",
                  proof=json.dumps([proof]))  # fmt: skip
    record = CaseRecord(
        number="C-1121-0007", merchant_id=SHOP, business_date=DAY, state="recovered", stands=True, rule=found.rule,
        amount_fen=36800, claimed_fen=36800, recovered_fen=36800, act_by=CUTOFF, opened_at=NOW, changed_at=back,
        findings=(found,), log=(entry,),
    )  # fmt: skip
    told = [Told(found.finding_id, to, lang, as_case=True) for to, lang in (("finance@example.com", "zh-CN"),
                                                                          ("owner@example.com", "en"))]  # fmt: skip
    money = [MoneyBack("C-1121-0007", SHOP, back, Money.of(36800)), MoneyBack("C-1103-0002", SHOP, NOW, Money.of(8800))]
    due, _ = closings([record], money, told, back, settings=SETTINGS)
    return next(each.letter for each in due if each.locale == locale)


def _storm() -> Storm:
    found = [
        finding(
            "retry_after_unknown", subject("SALE", 700 + n, f"19:{n:02d}:10", 12800 + 100 * n, response_code=None),
            subject("SALE", 800 + n, f"19:{n:02d}:50", 12800 + 100 * n, rrn=f"1121190000{n:02d}"),
            merchant_id=[SHOP, *OTHERS][n % 7], certainty="PROBABLE", act_by=CUTOFF,
        )
        for n in range(24)
    ]  # fmt: skip
    return Storm("retry_after_unknown", DAY, tuple(group(found, NOW, numbered(found))))


def _storm_notice(locale: Locale) -> Letter:
    storm = _storm()
    return storm_notice(storm, storm.of(SHOP), locale, ("a@example.com",), WORLD).letter


def _waiting(locale: Locale) -> Letter:
    waiting = finding(
        "reversal_pending_idle", subject("SALE", 4518, "20:41:07", 36800, response_code=None), act_by=CUTOFF
    )
    return _alert([waiting], locale)


def _alert(found: list[Finding], locale: Locale, enclosed: Enclosed = WHOLE) -> Letter:
    routes = [Route(to=["a@example.com"], locale=locale)]
    (alert,) = decide(found, routes, NOW, Known(numbers=numbered(found))).alerts
    return compose(alert, SETTINGS, enclosed=enclosed)


def _rate(locale: Locale) -> Letter:
    change = finding(
        "fee_rate_step_change", subject("SALE", 4102, "08:12:44", 10000), amount_at_risk_fen=1759, severity="P2",
        evidence={"old_ppm": 6000, "new_ppm": 6300, "more_ppm": 300, "over_fen": 1759, "fees": 318,
                  "turnover_fen": 5864000, "days": 7, "year_fen": 91719, "days_of_notice": None},
    )  # fmt: skip
    return _alert([change], locale)


def _deposit(locale: Locale) -> Letter:
    """A deposit that was to come back after takings of 100,000 yuan, and did not."""
    overdue = finding(
        "deposit_due_not_returned", amount_at_risk_fen=29900, severity="P1",
        evidence={
            "signed_on": "2026-01-05", "met_on": "2026-11-02", "met_volume_fen": 10_000_000, "met_fees_fen": None,
            "met_months": None, "applied_on": "2026-11-09", "working_days": 7, "days_late": 3,
            "volume_so_far_fen": 10_420_000, "signed_sha256": "5e" * 32, "shown_sha256": None,
        },
        ruled_out=("returned_otherwise", "holidays"),
    )  # fmt: skip
    return _alert([overdue], locale)


def _abroad(locale: Locale) -> Letter:
    """Yuan and yen, a digest's gap, and evidence that was too large."""
    yen = finding("dup_same_atc", subject("SALE", 21, "12:01:00", 3000, currency="392"),
                  subject("SALE", 20, "12:00:00", 3000, currency="392"), severity="P3")  # fmt: skip
    return _alert([yen, refund_too_high(), gap()], locale, Enclosed("link"))


def a_shop(merchant_id: str = SHOP, *, clear: bool = False, period: Period = WEEK) -> ShopFigures:
    """A shop's figures of a period."""
    takings = {day: 120000 + 34500 * (n % 7) for n, day in enumerate(period.days)}
    nothing = Money()
    return ShopFigures(
        merchant_id=merchant_id, checked=1284, takings={"156": takings}, seen_days=len(period.days),
        numbers_missing=0 if clear else 3, cases=0 if clear else 3,
        found=nothing if clear else Money.by_currency({"156": 40559, "392": 3000}),
        recovered=nothing if clear else Money.of(36800),
        ages={"0-3": 0, "4-7": 0, "8-15": 0, ">15": 0} if clear else {"0-3": 2, "4-7": 1, "8-15": 0, ">15": 1},
        still_open=nothing if clear else Money.by_currency({"156": 3759, "392": 3000}),
        fees=None if clear else Fees(12345, 2058000, 12345, 11757),
        deposits=() if clear else (DepositProgress(29900, 2500000, 10000000, None, None, None),),
        terminals={"12345678": ("lakala", period.end), "12345679": ("unionpay", period.end)},
        profiles={"lakala": 1200, "unionpay": 84}, software={} if clear else {"12345678": "H7062801"},
    )  # fmt: skip


def _report(*, clear: bool) -> Callable[[Locale], Letter]:
    review = () if clear else tuple(group([two_coffees(), gap()], NOW))
    return lambda locale: report_letter(
        a_shop(clear=clear), WEEK, review, locale, SETTINGS, now=at("09:30", dt.date(2026, 11, 23))
    )


def _together(locale: Locale) -> Letter:
    """A reminder and the week's report, due at the same hour."""
    reader, monday = (locale, ("a@example.com",)), at("09:30", dt.date(2026, 11, 23))
    due = [Reminder(case, locale, "a@example.com", "r", 3, "reminder") for case in cases() if case.stands_alone]
    world = World(settings=SETTINGS, now=monday)
    week = report_notice(a_shop(), WEEK, (), reader, settings=SETTINGS, now=monday)
    (both,) = together([week, reminder_notice(due, ("a@example.com",), world)])
    return both.letter


def _monthly(locale: Locale) -> Letter:
    return report_letter(a_shop(period=MONTH), MONTH, (), locale, SETTINGS, now=AFTER)


def report_page(locale: Locale) -> str:
    """The file of ``tillwatch report --month``: a shop with cases, and one without."""
    shops = {SHOP: a_shop(period=MONTH), OTHERS[0]: a_shop(OTHERS[0], clear=True, period=MONTH)}
    return page(shops, MONTH, locale, SETTINGS, now=AFTER)


def _fleet(locale: Locale) -> Letter:
    shops = {name: a_shop(name, clear=n % 3 > 0) for n, name in enumerate([SHOP, *OTHERS])}
    spent = Budget(median_mails=1.0, p1_mails=8, p1_acted=6)
    now = at("09:30", dt.date(2026, 11, 23))
    quiet = {"898310058120020": None, "898310058120022": dt.date(2026, 11, 12)}
    told = tuple(case for case in cases() if case.stands_alone)
    return fleet_notice(
        shops, WEEK, (locale, ("o@example.com",)), spent, cases=told, quiet=quiet, settings=SETTINGS, now=now
    ).letter


LETTERS: dict[str, Callable[[Locale], Letter]] = {
    "reminder": _recalled("reminder"),
    "escalation": _recalled("escalation"),
    "reopened": _recalled("reopened"),
    "closing": _closing,
    "storm": lambda locale: storm_mail(_storm(), locale, ("o@example.com",), WORLD).letter,
    "storm-notice": _storm_notice,
    "waiting": _waiting,
    "rate": _rate,
    "deposit": _deposit,
    "abroad": _abroad,
    "incomplete": lambda locale: (
        incomplete_notice(
            SHOP, DAY, (locale, ("a@example.com",)), settings=SETTINGS, now=at("09:30", dt.date(2026, 11, 23))
        ).letter
    ),
    "weekly": _report(clear=False),
    "weekly-clear": _report(clear=True),
    "monthly": _monthly,
    "together": _together,
    "operators": lambda locale: (
        operators_notice(
            SHOP, WEEK, group([two_coffees()], NOW), (locale, ("m@example.com",)), settings=SETTINGS, now=AFTER
        ).letter
    ),
    "fleet": _fleet,
}
"""Name -> the letter in a language."""

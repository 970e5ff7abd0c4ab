"""What a letter says: of deadlines and days, shops, cards and numbers to call, rights, and what a terminal kept."""

import datetime as dt
import re
from dataclasses import replace

import pytest

from expectations.findings import Finding
from expectations.mail.catalogue import LOCALES, TEXTS, Locale
from expectations.mail.compose import compose
from expectations.mail.figures import Figures
from ingest.settings import Settings
from tests.expectations.mail.conftest import (
    CUTOFF,
    DAY,
    NOW,
    SHOP,
    at,
    finding,
    gap,
    refund_too_high,
    retry,
    shop_settings,
    subject,
    two_coffees,
)
from tests.expectations.mail.lettertexts import alert_of, text_of


@pytest.mark.parametrize(
    ("now", "zh", "en"),
    [
        (NOW, "【今日23:00前处理】", "[Act by 23:00 today] "),
        (NOW - dt.timedelta(days=1), "【明日23:00前处理】", "[Act by 23:00 tomorrow] "),
        (NOW - dt.timedelta(days=3), "【11月21日23:00前处理】", "[Act by 23:00 on 21 Nov] "),
        (CUTOFF, "【需处理】", "[Action needed] "),
        (NOW + dt.timedelta(days=1), "【需处理】", "[Action needed] "),
    ],
)
def test_the_subject_names_a_deadline_only_while_it_is_ahead(now: dt.datetime, zh: str, en: str, settings: Settings):
    """Today, tomorrow, a date; after the cut-off never again."""
    assert (
        compose(alert_of([retry()], "zh-CN", now), settings).subject == f"{zh}1笔资金异常 ¥368.00 | 张记小馆 | 11月21日"
    )
    assert (
        compose(alert_of([retry()], "en", now), settings).subject == f"{en}1 money issue, ¥368.00 | 张记小馆 | 21 Nov"
    )


@pytest.mark.parametrize("locale", LOCALES)
def test_after_the_cutoff_nothing_says_to_act_before_it(locale: Locale, settings: Settings):
    """The mail of the next morning does not tell anybody to void by 23:00, and says that the time has passed."""
    body = text_of([retry()], settings, locale, NOW + dt.timedelta(hours=11))
    assert not re.search(r"(今天|明天|today|tomorrow) 2[23]:", body)
    assert {"zh-CN": "清算截止（11月21日 23:00）已过", "en": "cut-off (21 Nov 23:00) has passed"}[locale] in body
    assert {"zh-CN": "做退货", "en": "refund 004519"}[locale] in body


def test_shortly_before_the_cutoff_the_call_is_at_once(settings: Settings):
    """At 22:50 nobody is told to call before 22:30."""
    body = text_of([retry()], settings, "zh-CN", at("22:50"))
    assert "马上联系收单机构" in body
    assert "22:30" not in body


def test_a_finding_without_money_is_to_be_checked(settings: Settings):
    """A gap alone is 待核对, without a sum and without hurry."""
    assert compose(alert_of([gap()]), settings).subject == "【待核对】1处记录需核对 | 张记小馆 | 11月21日"
    assert "¥0.00" not in text_of([gap()], settings)


def test_do_not_refund_stands_only_where_the_outcome_is_unknown(settings: Settings):
    """The warnings belong to an unknown outcome; a refund too high does not carry them."""
    assert "不要让顾客再刷一次" not in text_of([refund_too_high()], settings)
    assert "Do not swipe again" not in text_of([refund_too_high()], settings, "en")


def test_the_hotline_comes_only_from_the_register_with_its_day():
    """Without a verified number the mail says where to find it, and prints none."""
    registered = text_of([retry()], shop_settings())
    assert "400-000-0000（核验于 2026年10月8日" in registered
    for change in ({"hotline": None}, {"verified_on": None}):
        acquirer = {"name": "某收单", "hotline": "400-000-0000", "verified_on": "2026-10-08"} | change
        settings = Settings.model_validate(
            {"merchants": [{"id": SHOP, "name": "张记小馆", "acquirer": "某收单"}], "acquirers": [acquirer]}
        )
        body = text_of([retry()], settings)
        assert "400-000-0000" not in body
        assert "机身标签" in body
        assert not re.search("95516|12363|400-", body)


@pytest.mark.parametrize("locale", LOCALES)
def test_others_who_help_stand_in_the_register_and_nowhere_else(locale: Locale, settings: Settings):
    """The scheme's and the regulator's numbers with their days, in this order; no text of ours knows a number."""
    day = {"zh-CN": "2026年10月8日", "en": "8 Oct 2026"}[locale]
    body = text_of([retry()], settings, locale)
    assert re.search(rf"95516.*{day}.*12363", body)
    told = [catalogue.read_text("utf-8") for catalogue in TEXTS.parents[1].glob("*/texts/*.po")]
    assert len(told) == 6
    assert not [found for text in told for found in re.findall(r'msgstr ".*(?:95516|12363|400-)', text)]


@pytest.mark.parametrize(("locale", "said"), [("zh-CN", "卡：工商银行 尾号5817"), ("en", "Card: ICBC ending 5817")])
def test_a_card_is_named_by_its_bank_where_the_register_knows_it(locale: Locale, said: str, settings: Settings):
    """The longest of the prefixes decides; another bank's card, and one of no register, has its last digits alone."""
    assert said in text_of([retry()], settings, locale)
    banks = [{"name": "甲", "prefixes": ["62"]}, {"name": "乙", "prefixes": ["6222"]}]
    assert "卡：乙 尾号5817" in text_of([retry()], Settings.model_validate({"issuers": banks}))
    assert "卡：甲 尾号0042" in text_of([refund_too_high()], Settings.model_validate({"issuers": banks}))
    assert "卡：尾号5817" in text_of([retry()], Settings())


def test_a_shop_without_a_name_goes_by_its_number():
    """A merchant that the settings do not know is still told."""
    assert f"商户 {SHOP}" in text_of([retry()], Settings())


def test_figures_stand_in_the_shops_zone():
    """The same moment is another time, and another deadline, in another zone."""
    settings = Settings.model_validate({"business": {"zone": "Asia/Tokyo"}})
    assert "21:41:07" in text_of([retry()], settings)


def test_another_year_is_said():
    """A date of another year carries it."""
    assert "2026年11月21日" in text_of([retry()], Settings(), "zh-CN", dt.datetime(2027, 1, 2, 9, tzinfo=dt.UTC))


def test_the_business_days_of_a_mail_are_named(settings: Settings):
    """Findings of two days in one mail: from the first to the last."""
    before = finding(
        "dup_same_atc", subject("SALE", 1, "10:00:00", 100), business_date=DAY - dt.timedelta(days=2), act_by=None
    )
    assert compose(alert_of([before, refund_too_high()]), settings).subject.endswith("| 11月19日–11月21日")


@pytest.mark.parametrize(
    ("first", "last", "chinese", "english"),
    [
        ((2026, 12, 1), (2026, 12, 31), "2026年12月1日–12月31日", "1 Dec–31 Dec 2026"),
        ((2026, 12, 28), (2027, 1, 3), "2026年12月28日–1月3日", "28 Dec 2026–3 Jan"),
        ((2027, 1, 1), (2027, 1, 3), "1月1日–1月3日", "1 Jan–3 Jan"),
        ((2026, 12, 31), (2026, 12, 31), "2026年12月31日", "31 Dec 2026"),
    ],
)
def test_days_at_a_year_s_end_name_the_old_year_once(
    first: tuple[int, int, int], last: tuple[int, int, int], chinese: str, english: str, settings: Settings
):
    """Read in January 2027: the year that it is goes without saying."""
    now = at("09:31", dt.date(2027, 1, 4))
    days = {dt.date(*first), dt.date(*last)}
    assert [Figures.of(locale, settings, now).days(days) for locale in LOCALES] == [chinese, english]


@pytest.mark.parametrize(
    ("found", "warned"), [(retry(), True), (two_coffees(), True), (refund_too_high(), False)],
    ids=["unknown outcome", "likely the same twice", "refund"],
)  # fmt: skip
def test_the_two_reflexes_are_warned_of_wherever_a_debit_may_be_one_too_many(
    found: Finding, *, warned: bool, settings: Settings
):
    """Swiping again, and a refund beside what bank or acquirer gives back: before the steps, with the case's number."""
    sure = replace(found, certainty="PROBABLE")
    body = text_of([sure], settings)
    steps = body.index("【现在请做】")
    assert ("不要让顾客再刷一次，也先不要自行退款" in body[steps : steps + 60]) == warned
    assert ("do not refund yet" in text_of([sure], settings, "en")) == warned


def test_a_case_says_what_the_shop_may_ask_for_once_the_file_is_there(settings: Settings):
    """The charge without a result, by its slip number; not where the rule is not about such."""
    assert "您的权利：对账文件显示两笔都已入账、且没有退回的，请要求退回凭证号 004518 这一笔。" in text_of(
        [retry()], settings
    )
    assert "Your rights: If the acquirer's file shows both as posted" in text_of([retry()], settings, "en")
    assert "您的权利" not in text_of([refund_too_high()], settings)


@pytest.mark.parametrize(
    ("ahead_s", "said"),
    [(3, "终端时间误差 3 秒"), (-125, "终端时间误差 2 分钟 5 秒"), (0, "终端时间误差 0 秒"), (None, "")],
)
def test_how_wrong_the_terminal_s_clock_was_stands_beside_its_records(
    ahead_s: int | None, said: str, settings: Settings
):
    """Fast or slow alike; nothing where no answer of the host tells it, or an older version wrote the finding."""
    day = {
        "records": 71,
        "trace_numbers_seen": 71,
        "trace_numbers_missing": 0,
        "missing_runs": [],
        "clock_ahead_s": ahead_s,
    }
    body = text_of([replace(retry(), completeness={"missing": [], "terminal_day": day})], settings)
    assert f"共 71 条记录，凭证号连续{'，' if said else ''}{said}；" in body
    del day["clock_ahead_s"]
    assert "误差" not in text_of([replace(retry(), completeness={"missing": [], "terminal_day": day})], settings)


@pytest.mark.parametrize(
    ("locale", "days", "more"),
    [
        ("zh-CN", 3, ""),
        ("zh-CN", 4, "另有 1 个终端日，此处未列"),
        ("zh-CN", 6, "另有 3 个终端日，此处未列"),
        ("en", 4, "1 more day of a terminal is not listed here"),
        ("en", 6, "3 more days of terminals are not listed here"),
    ],
)
def test_of_many_terminals_days_those_of_the_first_cases_are_counted(
    locale: Locale, days: int, more: str, settings: Settings
):
    """The case that is due today is the newest, and its terminal's day is told; what is left out is said."""
    seen_day = {"records": 71, "trace_numbers_seen": 71, "trace_numbers_missing": 0, "missing_runs": []}
    told = {"missing": [], "terminal_day": seen_day}
    older = [
        replace(
            refund_too_high(),
            finding_id=f"{n:032x}",
            terminal_id=f"{10000000 + n}",
            business_date=DAY - dt.timedelta(days=n),
            completeness=told,
        )
        for n in range(1, days)
    ]
    body = text_of([replace(retry(), completeness=told), *older], settings, locale)
    (said,) = (line for line in body.splitlines() if line.startswith(("【数据情况】", "DATA  ")))
    assert {"zh-CN": "终端 12345678 11月21日 共 71 条记录", "en": "terminal 12345678 on 21 Nov: 71 records"}[
        locale
    ] in said.replace("Terminal", "terminal")
    assert said.count({"zh-CN": "条记录", "en": " records,"}[locale]) == 3
    assert (more in said) if more else "另有" not in said


def test_a_change_of_rate_is_told_in_percent_with_a_picture(settings: Settings):
    """0.60% to 0.63%, three basis points; ¥3.00 on ten thousand; two bars that say their figures."""
    evidence = {"old_ppm": 6000, "new_ppm": 6300, "more_ppm": 300, "fees": 318, "over_fen": 1759}
    evidence |= {"turnover_fen": 5864000, "days": 7, "year_fen": 91719}
    step = finding("fee_rate_step_change", subject("SALE", 4102, "08:12:44", 36800), severity="P2", evidence=evidence)
    body = text_of([step], settings)
    assert "由 0.60% 变为 0.63%（每万元多 ¥3.00）" in body
    assert "7 天 318 笔，交易额 ¥58,640.00，共多收 ¥17.59；按近期交易额，一年约多收 ¥917。" in body
    assert "请要求恢复原费率，并退还多收的 ¥17.59。" in body
    assert "+0.03 个百分点" in body
    assert "██" in body
    assert "0.63%" in text_of([step], settings, "en")
    assert "百万分" not in body

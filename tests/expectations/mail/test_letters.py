"""The letters: goldens of both languages, two parts that say the same, and a first screen that helps.

``GOLDENS=write pytest tests/expectations/mail/test_letters.py`` writes the goldens anew.
"""

import datetime as dt
import html
import os
import re
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from expectations.findings import Finding, Subject
from expectations.mail.blocks import Letter, Section, Table
from expectations.mail.cases import group
from expectations.mail.catalogue import LOCALES, TEXTS, Locale
from expectations.mail.compose import MOST_CASES, compose
from expectations.mail.decide import Alert, Known, decide
from expectations.mail.enclosed import Enclosed
from expectations.mail.figures import Figures
from expectations.mail.html import LARGEST, render_html
from expectations.mail.message import build_message, drawn
from expectations.mail.text import render_text
from expectations.rules import RULES
from ingest.alerting import Route
from ingest.settings import Settings
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

GOLDENS = Path(__file__).parent / "goldens"
WHOLE = Enclosed("whole", b"%PDF", "complaint")
"""Dossier and complaint go along."""
MOMENTS = {"before-cutoff": NOW, "after-cutoff": at("23:40")}


def alert_of(findings: list[Finding], locale: Locale = "zh-CN", now: dt.datetime = NOW) -> Alert:
    """The one mail of these findings."""
    routes = [Route(to=["finance@example.com"], locale=locale)]
    (alert,) = decide(findings, routes, now, Known(numbers=numbered(findings))).alerts
    return alert


def text_of(findings: list[Finding], settings: Settings, locale: Locale = "zh-CN", now: dt.datetime = NOW) -> str:
    """Subject and text."""
    letter = compose(alert_of(findings, locale, now), settings)
    return f"{letter.subject}\n\n{render_text(letter)}"


def golden(name: str, content: str) -> None:
    """Hold content to its file; write the file when told to."""
    path = GOLDENS / name
    if os.environ.get("GOLDENS") == "write":
        path.write_text(content, "utf-8")
    assert path.read_text("utf-8") == content


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("moment", MOMENTS)
def test_the_example_reads_as_agreed(locale: Locale, moment: str, settings: Settings):
    """The example day, before and after its cut-off, word for word and tag for tag."""
    letter = compose(alert_of(example(), locale, MOMENTS[moment]), settings, enclosed=WHOLE)
    golden(f"example-{moment}.{locale}.txt", f"{letter.subject}\n\n{render_text(letter)}")
    golden(f"example-{moment}.{locale}.html", render_html(letter))


@pytest.mark.parametrize("locale", LOCALES)
def test_every_rule_reads_as_agreed(locale: Locale, settings: Settings):
    """One page with a case of each rule, so that a change of any word is seen in review."""
    everything = one_of_each()
    cases = group(everything, NOW, numbered(everything))  # the agent's, too, which no reader gets with the rest
    alone = tuple(each for each in cases if each.stands_alone)
    letter = compose(replace(alert_of(everything, locale), cases=alone), settings, most_cases=len(RULES))
    golden(f"every-rule.{locale}.txt", render_text(letter))


def one_of_each() -> list[Finding]:
    """A finding of each rule about money of its own."""
    made = []
    for place, rule in enumerate(RULES):
        stan, clock = 100 + 10 * place, f"{place // 6:02d}:{place % 6}0:00"
        sale = subject("SALE", stan, clock, 1900 + place, rrn=f"1121{stan:08d}")
        later = f"{clock[:4]}5:30"
        subjects: tuple[Subject, ...]
        act_by = CUTOFF if rule.startswith(("dup_s", "dup_card", "retry", "reversal")) else None
        if rule.startswith("batch"):
            subjects = (subject("SETTLEMENT", stan, clock, None, pan_masked=None),)
        elif rule == "stan_gap":
            subjects = (subject(None, stan, None, None, pan_masked=None, response_code=None, transaction_id=None),)
        elif rule.startswith(("void", "double")):
            voids = [subject("VOID", stan + n, later, 1800 + place, rrn=f"1122{stan + n:08d}") for n in (2, 1)]
            subjects = (*voids[: 2 if rule == "double_void" else 1], sale)
        elif "refund" in rule:
            refunds = [subject("REFUND", stan + n, later, 2900, rrn=f"1123{stan + n:08d}") for n in (2, 1)]
            subjects = (*refunds[: 2 if rule == "dup_refund" else 1], sale)
        elif rule in {"retry_after_unknown", "reversal_exhausted"}:
            unanswered = subject("SALE", stan + 1, clock, 1900 + place, response_code=None)
            subjects = (unanswered, subject("SALE", stan + 2, later, 1900 + place, rrn=f"1124{stan:08d}"))
        else:
            subjects = (subject("SALE", stan + 1, later, 1900 + place, rrn=f"1125{stan:08d}"), sale)
        numbers = {"card_counter": 57, "duplicate_score": 80, "reversal_sendings": 3, "original_stan": 90}
        gaps = {"first_stan": stan, "last_stan": stan + 1, "numbers_missing": 2, "credited_fen": 5800}
        totals = {"reported_counts": {"rmb_debit": 9}, "counted_counts": {"rmb_debit": 8}}
        totals |= {"reported_fen": {"rmb_debit": 90000}, "counted_fen": {"rmb_debit": 88100}}
        evidence = numbers | gaps | (totals if rule.startswith("batch") else {})
        severity, certainty = RULES[rule].grades.get("clear") or next(iter(RULES[rule].grades.values()))
        amounts = [each.amount_fen or 0 for each in subjects]
        risk = {"batch_total_amount_mismatch": 1900}.get(rule, amounts[0])
        if rule in {"refund_over_original", "refund_cumulative_over", "void_amount_mismatch"}:
            risk = abs(amounts[0] - amounts[-1])
        made.append(
            finding(
                rule,
                *subjects,
                act_by=act_by,
                evidence=evidence,
                severity=severity,
                certainty=certainty,
                amount_at_risk_fen=risk,
            )
        )
    return made


def words(text: str) -> Counter[str]:
    """The words of a text, without addresses, punctuation and layout."""
    return Counter(re.findall(r"\w+", re.sub(r"mailto:\S+|https?://\S+", "", text).lower()))


def seen(page: str) -> str:
    """What a reader sees of an HTML page."""
    body = page[page.index("<body") :]
    return html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)))


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("data_docs", [None, "https://reports.example.com/"])
def test_text_and_html_say_the_same_words(locale: Locale, data_docs: str | None):
    """Neither part has a word that the other has not."""
    many = [*example(), *one_of_each()]
    letter = compose(alert_of(many, locale), shop_settings(data_docs=data_docs))
    assert words(render_text(letter)) == words(seen(render_html(letter)))


@pytest.mark.parametrize("locale", LOCALES)
def test_the_first_screen_says_how_much_what_and_until_when(locale: Locale, settings: Settings):
    """Eight lines: the shop and day, the sum, the deadline, what not to do, the first thing to do."""
    body = render_text(compose(alert_of([retry(), refund_too_high()], locale), settings))
    first = "\n".join([line for line in body.splitlines() if line][:7])
    wanted = {
        "zh-CN": [
            "张记小馆",
            "11月21日",
            "¥388.00",
            "今天 23:00",
            "不要让顾客再刷一次",
            "先不要自行退款",
            "22:30 前",
            "004518",
        ],
        "en": ["21 Nov", "¥388.00", "today 23:00", "Do not swipe again", "do not refund yet", "22:30", "004518"],
    }[locale]
    assert [each for each in wanted if each not in first] == []


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


@pytest.mark.parametrize("locale", LOCALES)
def test_a_very_bad_day_still_fits_a_mailbox(locale: Locale):
    """A thousand cases: the HTML stays under what mailboxes show, the rest is counted, the sum is of all."""
    days = [
        finding(
            "dup_card_amount_window",
            *(subject("SALE", 10 * n + k, f"{n % 24:02d}:{k:02d}:00", 123456, rrn="1" * 12) for k in range(9, 0, -1)),
            act_by=CUTOFF,
            ruled_out=("same_record_read_twice", "reversed", "voided", "refunded", "repeat_purchase_run"),
            completeness={"missing": ["acquirer_file", "signature", "slip", "order_ref", "stan_gap"]},
        )
        for n in range(1000)
    ]
    settings = shop_settings()
    letter, body, page = drawn(alert_of(days, locale), settings)
    told = sum(isinstance(block, Section) for block in letter.blocks)
    assert len(page.encode()) <= LARGEST
    assert 5 <= told <= MOST_CASES
    assert str(1000 - told) in body
    assert "¥1,234,560.00" in letter.subject


def test_longer_words_make_fewer_cases_not_a_longer_mail(monkeypatch: pytest.MonkeyPatch, settings: Settings):
    """Should a catalogue grow, the mail is drawn with fewer cases until it fits."""
    monkeypatch.setattr("expectations.mail.message.LARGEST", 42_000)
    alert = alert_of(one_of_each())
    part = build_message(alert, settings).get_body(preferencelist=("html",))
    assert part is not None
    page = part.get_content()
    assert len(page.encode()) <= 42_000
    assert "明细.csv" in page


def test_nothing_is_fetched_and_nothing_links_out(settings: Settings):
    """No image, script or style from elsewhere; links are mailto: only, or the operator's own report."""
    page = render_html(compose(alert_of(example()), settings))
    assert not re.search(r"<(img|script|link|iframe|object)\b|url\(|@import|src=", page)
    assert {link.partition(":")[0] for link in re.findall(r'href="([^"]+)"', page)} == {"mailto"}


def test_a_shops_name_is_text_and_not_markup():
    """Whatever the settings call a shop, it stands in the page as it is written."""
    settings = Settings.model_validate({"merchants": [{"id": SHOP, "name": "A&B <b>面馆</b>"}]})
    page = render_html(compose(alert_of([retry()]), settings))
    assert "A&amp;B &lt;b&gt;面馆&lt;/b&gt;" in page
    assert "<b>面馆" not in page


def test_only_four_digits_of_a_card_are_shown(settings: Settings):
    """Neither the first six nor the mask stands in a mail."""
    alert = alert_of(example())
    for part in build_message(alert, settings).walk():
        if not part.is_multipart():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            assert b"622202" not in content
            assert b"****" not in content


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


@pytest.mark.parametrize("locale", LOCALES)
def test_a_waiting_reversal_alone_is_three_lines(locale: Locale, settings: Settings):
    """Which terminal, what to do until when, what not to do; beside another case it is a case as any other."""
    waiting = finding(
        "reversal_pending_idle", subject("SALE", 4520, "21:02:00", 5200, response_code=None), act_by=CUTOFF
    )
    letter = compose(alert_of([waiting], locale), settings)
    assert (
        letter.subject
        == {
            "zh-CN": "【今天 22:30 前】终端 12345678 有 1 笔冲正未发出，请做一次余额查询 | 张记小馆",
            "en": "[By today 22:30] Terminal 12345678 holds 1 unsent reversal: make one balance inquiry | 张记小馆",
        }[locale]
    )
    lines = [line for line in render_text(letter).splitlines() if line]
    assert len(lines) == 5  # the shop, three lines, what a mail holds of a card
    assert words("\n".join(lines)) == words(seen(render_html(letter)))
    late = compose(alert_of([waiting], locale, at("22:50")), settings)
    assert late.subject.startswith({"zh-CN": "【马上】", "en": "[Now] "}[locale])
    assert len(render_text(compose(alert_of([waiting, refund_too_high()], locale), settings)).splitlines()) > 20


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


def test_columns_of_a_table_stand_below_each_other_though_a_character_is_two_wide():
    """Chinese and Latin cells of one column begin at the same place on a screen."""
    table = Table("表", ("商户", "金额"), (("张记小馆", "¥1.00"), ("A", "¥22.00")))
    lines = render_text(Letter("zh-CN", "", (table,))).splitlines()[1:]

    def place(line: str) -> int:
        before = line[: line.index("金" if "金" in line else "¥")]
        return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in before)

    assert {place(line) for line in lines} == {12}


def test_a_table_too_wide_for_a_line_goes_on_below_in_columns():
    """Each line of a row begins its cells where every other row's does; none is wider than readers' programs show."""
    rows = (("11月21日 09:15:40", "凭证号 004402 消费 ¥28.00", "同一张卡短时间内扣了两次同样的金额", "○ 需核对"),
            ("11月2日", "凭证号 1", "短", "● 已确认"))  # fmt: skip
    table = Table("表", ("时间", "交易", "疑问", "把握"), rows)
    lines = render_text(Letter("zh-CN", "", (table,))).splitlines()[1:]
    assert len(lines) == 2 * 3

    def place(line: str, cell: str) -> int:
        return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line[: line.index(cell)])

    assert [place(line, cell) for line, cell in zip(lines[::2], ("交易", "凭证号", "凭证号"), strict=True)] == [21] * 3
    certain = ("把握", "○", "●")
    assert len({place(line, cell) for line, cell in zip(lines[1::2], certain, strict=True)}) == 1
    assert max(place(line + "|", "|") for line in lines) <= 76

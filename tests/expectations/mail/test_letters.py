"""The letters: goldens of both languages, two parts that say the same, and a first screen that helps.

``GOLDENS=write pytest tests/expectations/mail/test_letters.py`` writes the goldens anew.
"""

import re
import unicodedata
from dataclasses import replace

import pytest

from expectations.mail.blocks import Letter, Section, Table
from expectations.mail.cases import group
from expectations.mail.catalogue import LOCALES, Locale
from expectations.mail.compose import MOST_CASES, compose
from expectations.mail.html import LARGEST, render_html
from expectations.mail.message import build_message, drawn
from expectations.mail.text import render_text
from expectations.rules import RULES
from ingest.settings import Settings
from tests.expectations.mail.conftest import (
    CUTOFF,
    NOW,
    SHOP,
    at,
    example,
    finding,
    numbered,
    refund_too_high,
    retry,
    shop_settings,
    subject,
)
from tests.expectations.mail.lettertexts import MOMENTS, WHOLE, alert_of, golden, one_of_each, seen, words


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

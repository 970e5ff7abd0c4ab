"""What a week and a month came to: counted by hand, on a page and in a letter."""

import dataclasses
import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from expectations.cases.book import CaseBook
from expectations.cases.database import database_of
from expectations.commands.report import report
from expectations.mail.catalogue import LOCALES, Locale
from expectations.mail.html import LARGEST, render_html
from expectations.mail.text import render_text
from expectations.money import Money
from expectations.reports.figures import Fees, figures
from expectations.reports.letter import report_letter
from expectations.reports.period import Period, named
from ingest.errors import UsageError
from ingest.tables import Lake
from tests.expectations.mail.conftest import finding, subject
from tests.expectations.mail.lettercase import AFTER, SETTINGS, a_shop
from tests.expectations.mail.lettertexts import seen, words
from tests.expectations.reports.reportshop import (
    MONDAY,
    WEEK,
    land,
    settings_for,
    shop_week,
)
from tests.expectations.shopdays import MERCHANT, ZONE


def test_the_figures_of_a_week_are_those_counted_by_hand(tmp_path: Path):
    """Per day 100 + 25 yuan of sales that stand, less 10 refunded: 115; five records; two days of seven. Yen and euro
    are told beside them, in their own digits, and are not of a deposit's takings.
    """
    settings = settings_for(
        tmp_path,
        deposits=[{"merchant": MERCHANT, "amount_fen": 29900, "signed_on": "2026-11-01", "volume_fen": 100000}],
    )
    till = shop_week(17, 19)
    till.sale(3000, currency="392")
    till.sale(2050, currency="978")
    land(settings, till)
    records = CaseBook(database_of(settings)).cases(review=True)
    shop = figures(settings, Lake(settings.lake.uri), records, [], WEEK, money_back=[], now=MONDAY)[MERCHANT]
    assert shop.checked == 12
    assert {day.day: fen for day, fen in shop.takings["156"].items() if fen} == {17: 11500, 19: 11500}
    assert {name: sum(days.values()) for name, days in shop.takings.items()} == {"156": 23000, "392": 3000, "978": 2050}
    assert {name: sum(each["takings_fen"].values()) for name, each in shop.as_dict()["foreign"].items()} == {
        "392": 3000, "978": 2050,
    }  # fmt: skip
    text = render_text(report_letter(shop, WEEK, (), "en", settings, now=MONDAY))
    assert [each for each in ("¥230.00", "JPY 3,000", "EUR 20.50") if each not in text] == []
    assert "¥280.50" not in text
    assert (shop.seen_days, shop.numbers_missing, shop.cases, shop.completeness) == (2, 0, 0, 1.0)
    (deposit,) = shop.deposits
    assert (deposit.volume_fen, deposit.share) == (25000, 0.25)
    assert list(shop.terminals) == ["12345678"]


@pytest.mark.parametrize(("locale", "fees", "months"), [("en", "Fees so far", "Months so far"),
                                                        ("zh-CN", "已付手续费", "已过月数")])  # fmt: skip
def test_each_condition_of_a_deposit_has_its_bar(tmp_path: Path, locale: Locale, fees: str, months: str):
    """31 January to 22 November are nine whole months of twelve. 38 + 62 fen were charged of 4 yuan: a line in two
    files counts once, one that was refused, of another shop, or outside the days not at all.
    """
    terms = {"merchant": MERCHANT, "amount_fen": 29900, "signed_on": "2026-01-31"}
    settings = settings_for(tmp_path, deposits=[terms | {"months": 12}, terms | {"amount_fen": 19900, "fees_fen": 400}])
    land(settings, shop_week(17, 19))
    charged = [("a", "one", 38, "settled", 17, MERCHANT), ("b", "one", 62, "settled", 18, MERCHANT),
               ("b", "two", 62, "settled", 18, MERCHANT), ("c", "two", 500, "declined", 18, MERCHANT),
               ("d", "two", 700, "settled", 18, "898310058120099"),
               ("e", "two", 900, "settled", 23, MERCHANT)]  # fmt: skip
    lines = [
        {"line_id": line, "statement_id": file, "acquirer": "某收单", "merchant_id": shop, "fee_fen": fee,
         "status": status, "currency": "156", "txn_type": "SALE", "business_date": dt.date(2026, 11, day)}
        for line, file, fee, status, day, shop in charged
    ]  # fmt: skip
    lines.append(lines[0] | {"line_id": "f", "business_date": dt.date(2026, 1, 30)})
    lake = Lake(settings.lake.uri)
    lake.append("statement_lines", lines, app_id="charged")
    shop = figures(settings, lake, [], [], WEEK, money_back=[], now=MONDAY)[MERCHANT]
    by_months, by_fees = shop.deposits
    assert (by_months.months, by_months.months_needed, by_fees.fees_fen) == (9, 12, 100)
    text = render_text(report_letter(shop, WEEK, (), locale, settings, now=MONDAY))
    assert re.search(rf"{months} +█{{15}}░{{5}} +9 / 12", text)
    assert re.search(rf"{fees} +█{{5}}░{{15}} +¥1.00 / ¥4.00", text)


def test_money_is_counted_in_the_week_it_came_back(tmp_path: Path):
    """30 of 100 yuan on the 18th, all 100 on the 24th, closed on the 30th: 30, 70, 0; merging counts nothing twice."""
    settings, clock = settings_for(tmp_path), [MONDAY]
    land(settings, shop_week(17, 19))
    book = CaseBook(database_of(settings), now=lambda: clock[0])
    one, two = (subject("SALE", stan, "10:00:00", 5000) for stan in (1, 2))
    first, second, both = (
        finding(rule, *about, merchant_id=MERCHANT)
        for rule, about in (("dup_same_atc", [one]), ("dup_stan_resent", [two]),
                            ("dup_card_amount_window", [two, one]))
    )  # fmt: skip

    def back(start: int, end: int) -> int:
        period = Period("weekly", dt.date(2026, 11, start), dt.date(2026, 11, end))
        records, money = book.cases(review=True), book.money_back()
        found = figures(settings, Lake(settings.lake.uri), records, [], period, money_back=money, now=clock[0])
        return found[MERCHANT].recovered.get("156")

    (kept,) = book.open_cases([first]).opened
    (gone,) = book.open_cases([second]).opened
    clock[0] = dt.datetime(2026, 11, 18, 12, tzinfo=ZONE)
    assert book.recover(gone, 3000, "refund", "a", whole=False)
    assert not book.recover(gone, 3000, "refund", "a", whole=False)
    assert back(16, 22) == 3000
    clock[0] = dt.datetime(2026, 11, 23, 12, tzinfo=ZONE)
    assert book.open_cases([both]).joined == (kept,)
    assert (back(16, 22), back(23, 29)) == (3000, 0)
    clock[0] = dt.datetime(2026, 11, 24, 0, 30, tzinfo=ZONE)
    assert book.recover(kept, 10000, "both refunded", "b")
    clock[0] = dt.datetime(2026, 11, 30, 12, tzinfo=ZONE)
    book.finish(kept)
    assert (back(16, 22), back(23, 29), back(24, 24), back(30, 30)) == (3000, 7000, 7000, 0)


@pytest.mark.parametrize("locale", LOCALES)
def test_both_parts_of_a_report_say_the_same_and_fit_a_mailbox(locale: Locale, tmp_path: Path):
    """Text and HTML have the same words; a month is well under what mailboxes show; nothing is fetched."""
    settings = settings_for(tmp_path)
    land(settings, shop_week(17, 19))
    month = named("2026-11", "monthly")
    found = figures(settings, Lake(settings.lake.uri), [], [], month, money_back=[], now=MONDAY)[MERCHANT]
    found = dataclasses.replace(
        found, fees=Fees(1000, 300000, 900, 800), cases=2, found=Money.of(38800), recovered=Money.of(36800),
        ages={"0-3": 1, "4-7": 0, "8-15": 0, ">15": 1},
    )  # fmt: skip
    letter = report_letter(found, month, (), locale, settings, now=MONDAY)
    page, text = render_html(letter), render_text(letter)
    assert words(text) == words(seen(page))
    assert len(page.encode()) < LARGEST
    assert "src=" not in page
    assert "¥1.00" in text
    lines = [line for line in text.splitlines() if "█" in line or "░" in line]
    assert len(lines) >= 30 + 2 + 4 + 2
    assert "█" * 20 in text


def test_the_command_writes_a_page_or_figures(tmp_path: Path):
    """One file that fetches nothing; --json a line each merchant; a month without records is said to be so."""
    settings = settings_for(tmp_path)
    land(settings, shop_week(17))
    config = tmp_path / "tillwatch.toml"
    config.write_text(f'[lake]\nuri = "{tmp_path / "lake"}"\n')
    out = tmp_path / "november.html"

    def run(*options: str) -> Any:
        return CliRunner().invoke(report, ["--config", str(config), *options])

    written = run("--month", "2026-11", "-o", str(out))
    assert written.exit_code == 0
    page = out.read_text("utf-8")
    assert "¥115.00" in page
    assert "src=" not in page
    assert out.stat().st_mode & 0o777 == 0o600
    assert '"checked": 5' in run("--week", "2026-W47", "--json").output
    for options in (("--month", "2025-01"), ("--month", "2026-13"), ("--week", "2026-60"), ()):
        assert isinstance(run(*options).exception, UsageError)


@pytest.mark.parametrize(
    ("missing", "chinese", "english"),
    [
        (0, ("已核对 500 笔，未发现异常", "凭证号连续"), ("500 transactions checked", "Slip numbers complete")),
        (1, ("数据不完整，缺 1 个凭证号", "缺 1 个凭证号"), ("1 slip number is missing", "1 slip number missing")),
        (2, ("数据不完整，缺 2 个凭证号", "缺 2 个凭证号"), ("2 slip numbers are missing", "2 slip numbers missing")),
    ],
)  # fmt: skip
def test_what_is_missing_is_counted_in_whole_words(missing: int, chinese: tuple[str, str], english: tuple[str, str]):
    """None is not 0 of them, and one is not many: in the first sentence, and beside the share."""
    shop = dataclasses.replace(a_shop(clear=True), checked=500, numbers_missing=missing)
    said: dict[Locale, tuple[str, str]] = {"zh-CN": chinese, "en": english}
    for locale, (first, last) in said.items():
        body = render_text(report_letter(shop, WEEK, (), locale, SETTINGS, now=AFTER))
        assert first in body.splitlines()[2]
        assert last in body.splitlines()

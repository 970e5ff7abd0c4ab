"""What a week and a month came to: counted by hand, told once, and silence told apart from breakage."""

import dataclasses
import datetime as dt
import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from expectations.cases.book import CaseBook
from expectations.cases.database import database_of
from expectations.commands.report import report
from expectations.findings import Finding
from expectations.lifecycle import link
from expectations.lifecycle.table import store
from expectations.mail.budget import budget
from expectations.mail.catalogue import LOCALES, Locale
from expectations.mail.html import LARGEST, render_html
from expectations.mail.ledger import Ledger
from expectations.mail.send import send_alerts
from expectations.mail.text import render_text
from expectations.mail.timing import Hours, Sent
from expectations.money import Money
from expectations.reports.figures import AGES, Fees, ShopFigures, figures
from expectations.reports.letter import report_letter
from expectations.reports.notices import fleet_notice
from expectations.reports.period import Period, due, named
from ingest.alerting import Timing
from ingest.errors import UsageError
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.conftest import SHOP as CALENDAR
from tests.expectations.mail.conftest import finding, subject
from tests.expectations.mail.postbox import Postbox, serving
from tests.expectations.mail.test_letters import seen, words
from tests.expectations.shopdays import MERCHANT, ZONE, Till, tables

FIRST, LAST = dt.date(2026, 11, 1), dt.date(2026, 11, 30)
WEEK = Period("weekly", dt.date(2026, 11, 16), dt.date(2026, 11, 22))
MONDAY = dt.datetime(2026, 11, 23, 9, 30, tzinfo=ZONE)


def shop_week(*days: int) -> Till:
    """One terminal: on each of these days of November three sales, one of them voided, and a refund of 10 yuan."""
    till = Till(signed_in=False)
    for day in days:
        till.at(f"2026-11-{day:02d} 10:00:00")
        sale = till.sale(10000)
        till.void(till.sale(5000))
        till.sale(2500)
        till.refund(sale, 1000)
    return till


def land(settings: Settings, till: Till) -> None:
    """Transactions and life cycles, as landing and check leave them."""
    lake = Lake(settings.lake.uri)
    rows = tables(till)
    lake.append("transactions", rows["transactions"].to_pylist(), app_id="test")
    linked = link(rows, CALENDAR, FIRST, LAST)
    try:
        store(lake, linked, FIRST, LAST)
    finally:
        linked.close()


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, int]]:
    """A mail server and its port."""
    box = Postbox()
    with serving(box) as port:
        yield box, port


def settings_for(folder: Path, port: int = 25, **more: Any) -> Settings:
    """A shop with one reader."""
    return Settings.model_validate(
        {
            "lake": {"uri": str(folder / "lake")},
            "merchants": [{"id": MERCHANT, "name": "张记小馆"}],
            "alerts": {"smtp": f"smtp://127.0.0.1:{port}", "routes": [{"to": ["finance@example.com"]}]},
        }
        | more
    )


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
    settings = settings_for(tmp_path, deposits=[terms | {"months": 12}, terms | {"fees_fen": 400}])
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


def store_findings(settings: Settings, found: list[Finding]) -> None:
    """As a check leaves them."""
    Lake(settings.lake.uri).append("findings", [each.as_row() for each in found], app_id=found[0].finding_id)


def send(settings: Settings, now: dt.datetime) -> list[str]:
    """The kinds of what leaves."""
    return [each.kind for each in send_alerts(settings, now, ledger=Ledger(Lake(settings.lake.uri))).outcomes]


def test_a_week_without_a_fault_is_told_once_on_monday(tmp_path: Path, postbox: tuple[Postbox, int]):
    """已核对 25 笔，未发现异常: not before 09:30, once, and not again on Tuesday."""
    box, port = postbox
    settings = settings_for(tmp_path, port)
    land(settings, shop_week(16, 17, 18, 19, 20))
    assert send(settings, MONDAY - dt.timedelta(minutes=5)) == []
    assert send(settings, MONDAY) == ["weekly"]
    assert send(settings, MONDAY + dt.timedelta(minutes=5)) == []
    assert send(settings, MONDAY + dt.timedelta(days=1)) == []
    (mail,) = box.mails
    assert mail["Subject"] == "【周报】已核对 25 笔，未发现异常 | 张记小馆 | 11月16日–11月22日"


def test_a_report_that_is_late_does_not_leave_at_night(tmp_path: Path, postbox: tuple[Postbox, int]):
    """Not sent on Monday: nothing on Tuesday at 03:00, the report at 07:30."""
    box, port = postbox
    settings = settings_for(tmp_path, port)
    land(settings, shop_week(16, 17, 18, 19, 20))
    tuesday = MONDAY + dt.timedelta(days=1)
    assert send(settings, tuesday.replace(hour=3, minute=0)) == []
    assert send(settings, tuesday.replace(hour=7, minute=30)) == ["weekly"]
    assert len(box.mails) == 1


def test_a_week_without_records_is_not_called_well(tmp_path: Path, postbox: tuple[Postbox, int]):
    """A shop that was there before and said nothing: 数据不完整, not 未发现异常."""
    box, port = postbox
    settings = settings_for(tmp_path, port)
    land(settings, shop_week(10, 11))
    assert send(settings, MONDAY) == ["weekly"]
    assert "数据不完整" in box.mails[0]["Subject"]


def test_a_day_of_silence_is_told_the_next_morning_and_a_day_of_rest_is_not(
    tmp_path: Path, postbox: tuple[Postbox, int]
):
    """Friday without a record after two Fridays with some; Sundays never had any."""
    box, port = postbox
    settings = settings_for(tmp_path, port)
    land(settings, shop_week(2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19))
    friday = dt.datetime(2026, 11, 20, 9, 30, tzinfo=ZONE)
    assert send(settings, friday) == []
    saturday = friday + dt.timedelta(days=1)
    assert send(settings, saturday - dt.timedelta(minutes=1)) == []
    assert send(settings, saturday) == ["incomplete"]
    assert send(settings, saturday + dt.timedelta(hours=1)) == []
    assert send(settings, saturday + dt.timedelta(days=1)) == []  # Saturday was silent too: the same silence
    assert box.mails[0]["Subject"] == "【需处理】数据不完整：11月19日 之后没有收到终端记录 | 张记小馆"


def test_agents_and_operations_get_a_table_of_all(tmp_path: Path, postbox: tuple[Postbox, int]):
    """One mail each on Monday; the budget and the cases for machines go to operations alone."""
    box, port = postbox
    routes = [{"to": ["agent@example.com"], "role": "agent"}, {"to": ["ops@example.com"], "role": "operations"}]
    settings = settings_for(tmp_path, port, alerts={"smtp": f"smtp://127.0.0.1:{port}", "routes": routes})
    land(settings, shop_week(17))
    assert send(settings, MONDAY) == ["fleet", "fleet"]
    assert send(settings, MONDAY) == []
    by_reader = {str(mail["To"]): mail for mail in box.mails}
    assert [part.get_filename() for part in by_reader["ops@example.com"].iter_attachments()] == ["cases.json"]
    assert list(by_reader["agent@example.com"].iter_attachments()) == []
    bodies = {who: plain(mail) for who, mail in by_reader.items()}
    assert "邮件预算" in bodies["ops@example.com"]
    assert "邮件预算" not in bodies["agent@example.com"]


def test_an_agents_share_is_told_to_the_agent_and_in_no_report_of_the_shop(
    tmp_path: Path, postbox: tuple[Postbox, int]
):
    """The shop's week is without a fault; the agent has a mail of it, and the table counts it."""
    box, port = postbox
    routes = [{"to": ["finance@example.com"]}, {"to": ["agent@example.com"], "role": "agent"}]
    settings = settings_for(tmp_path, port, alerts={"smtp": f"smtp://127.0.0.1:{port}", "routes": routes})
    land(settings, shop_week(16, 17, 18, 19, 20))
    share = finding("agent_profit_mismatch", subject("SALE", 1, "10:00:00", 500), merchant_id=MERCHANT, severity="P2")
    Lake(settings.lake.uri).append("findings", [share.as_row()], app_id="share")
    assert sorted(send(settings, MONDAY + dt.timedelta(minutes=30))) == ["P2", "fleet", "weekly"]
    by_reader: dict[str, list[EmailMessage]] = {}
    for mail in box.mails:
        by_reader.setdefault(str(mail["To"]), []).append(mail)
    (weekly,) = by_reader["finance@example.com"]
    assert "未发现异常" in weekly["Subject"]
    assert "¥5.00" not in plain(weekly)
    assert all("¥5.00" in plain(mail) for mail in by_reader["agent@example.com"])


def test_twelve_doubtful_rows_are_ten_this_week_and_two_the_next_each_once(
    tmp_path: Path, postbox: tuple[Postbox, int]
):
    """The most money first; what is proven and small stands above them under a heading of its own."""
    box, port = postbox
    settings = settings_for(tmp_path, port)
    land(settings, shop_week(16, 17, 18, 19, 20, 23, 24, 25))
    more: dict[str, Any] = {"merchant_id": MERCHANT, "business_date": dt.date(2026, 11, 18)}
    doubtful = [
        finding(
            "dup_card_amount_window", subject("SALE", 100 + n, "10:00:00", 1000 * n), severity="P2",
            certainty="POSSIBLE", **more,
        )
        for n in range(1, 13)
    ]  # fmt: skip
    store_findings(settings, doubtful)
    assert send(settings, MONDAY) == ["weekly"]
    proven = finding("fee_rate_over_contract", subject("SALE", 200, "11:00:00", 100), severity="P4", **more)
    store_findings(settings, [proven])
    assert [send(settings, MONDAY + dt.timedelta(days=days)) for days in (1, 7)] == [[], ["weekly"]]
    first, second = (plain(mail) for mail in box.mails)
    rows = [[int(stan) for stan in re.findall(r"凭证号 (\d{6})", text)] for text in (first, second)]
    assert rows == [[112, 111, 110, 109, 108, 107, 106, 105, 104, 103], [200, 102, 101]]
    assert "小事一并告知" not in first
    assert second.index("小事一并告知") < second.index("000200") < second.index("不确定") < second.index("000102")


@pytest.mark.parametrize(
    ("shops", "cases", "said"),
    [
        (1, 1, "1 merchant, 1 thing wrong"),
        (1, 0, "1 merchant, 0 things wrong"),
        (2, 1, "2 merchants, 1 thing wrong"),
    ],
)
def test_one_merchant_is_no_merchants(tmp_path: Path, shops: int, cases: int, said: str):
    """Subject and headline count as English does."""
    settings = settings_for(tmp_path)
    shop = ShopFigures(MERCHANT, 1, {"156": {}}, 1, 0, 0, Money.of(0), Money.of(0), dict.fromkeys(AGES, 0), Money.of(0))
    found = {f"m{n}": dataclasses.replace(shop, cases=cases if n == 0 else 0) for n in range(shops)}
    reader: tuple[Locale, tuple[str, ...]] = ("en", ("a@example.com",))
    letter = fleet_notice(found, WEEK, reader, None, cases=(), settings=settings, now=MONDAY).letter
    assert said in letter.subject
    assert said in render_text(letter)


def statement(acquirer: str, kind: str, first: dt.date, last: dt.date) -> dict[str, Any]:
    """A file that was imported."""
    name = f"{acquirer}-{kind}-{first}"
    return {"statement_id": name, "acquirer": acquirer, "kind": kind, "layout": "own", "file_name": name, "lines": 1,
            "first_date": first, "last_date": last, "imported_at": MONDAY}  # fmt: skip


def test_operations_hear_which_acquirers_file_of_which_day_is_not_there(tmp_path: Path, postbox: tuple[Postbox, int]):
    """The shop traded on 16, 17 and 19: of its acquirer the 17th is lacking; one that sends payouts owes no trades, one
    of which nothing ever came owes all; an agent is not told.
    """
    box, port = postbox
    routes = [{"to": ["agent@example.com"], "role": "agent", "locale": "en"},
              {"to": ["ops@example.com"], "role": "operations", "locale": "en"}]  # fmt: skip
    settings = settings_for(
        tmp_path, port, alerts={"smtp": f"smtp://127.0.0.1:{port}", "routes": routes},
        statements=[{"acquirer": name, "folder": str(tmp_path / name)} for name in ("拉卡", "付款行", "从未")],
    )  # fmt: skip
    land(settings, shop_week(16, 17, 19))
    first, lacking, since, until = (dt.date(2026, 11, day) for day in (16, 17, 18, 20))
    rows = [
        statement("拉卡", "trades", first, first),
        statement("拉卡", "trades", since, until),
        *(statement(acquirer, "payouts", lacking, lacking) for acquirer in ("拉卡", "付款行")),
    ]
    Lake(settings.lake.uri).append("statements", rows, app_id="files")
    assert send(settings, MONDAY) == ["fleet", "fleet"]
    said = {str(mail["To"]): " ".join(plain(mail).split()) for mail in box.mails}
    assert "FILES NOT THERE" not in said["agent@example.com"]
    assert "FILES NOT THERE 从未: 16 Nov, 17 Nov, 19 Nov; 拉卡: 17 Nov" in said["ops@example.com"]
    assert "付款行" not in said["ops@example.com"]


def test_one_merchant_asked_for_sends_nothing_of_others(tmp_path: Path, postbox: tuple[Postbox, int]):
    """--merchant on a Monday: that shop's report, no table of all, no other shop's."""
    box, port = postbox
    routes = [{"to": ["finance@example.com"]}, {"to": ["ops@example.com"], "role": "operations"}]
    settings = settings_for(tmp_path, port, alerts={"smtp": f"smtp://127.0.0.1:{port}", "routes": routes})
    land(settings, shop_week(17))
    assert send_alerts(settings, MONDAY, merchant="898310058129999").outcomes == ()
    assert [each.kind for each in send_alerts(settings, MONDAY, merchant=MERCHANT).outcomes] == ["weekly"]
    assert send(settings, MONDAY) == ["fleet"]
    assert len(box.mails) == 2


def plain(mail: EmailMessage) -> str:
    """The text part."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


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


@pytest.mark.parametrize(
    ("now", "names"),
    [
        (MONDAY, ["weekly:2026-11-16"]),
        (MONDAY - dt.timedelta(minutes=1), []),
        (MONDAY + dt.timedelta(days=2, minutes=-1), ["weekly:2026-11-16"]),
        (MONDAY + dt.timedelta(days=2), []),
        (dt.datetime(2026, 12, 1, 9, 30, tzinfo=ZONE), ["weekly:2026-11-23", "monthly:2026-11-01"]),
    ],
)
def test_reports_are_due_at_their_hour_and_for_two_days(now: dt.datetime, names: list[str]):
    """The week on Monday, the month on its first day; what is older than two days is not made up for."""
    periods, next_at = due(Hours(Timing(), ZONE, now))
    assert sorted(each.name for each in periods) == sorted(names)
    assert next_at > now


def test_the_budget_counts_weeks_without_a_mail_and_the_busiest_reader():
    """Three mails in one of eight shop-weeks are a median of 0; two of four urgent ones were acted on."""

    def sent(names: str, days: int, who: str = "a", kind: str = "P1") -> Sent:
        return Sent("m1", who, "en", kind, MONDAY - dt.timedelta(days=days), frozenset({names}))

    mails = [sent("f1", 1), sent("f1", 1, "b"), sent("f2", 2), sent("f3", 3), sent("f4", 20), sent("f5", 40)]
    spent = budget(mails, {"m1", "m2"}, {"f1", "f4"}, MONDAY)
    assert (spent.median_mails, spent.p1_mails, spent.p1_acted) == (0, 4, 2)
    assert not spent.holds
    assert budget(mails, {"m1"}, {"f1"}, MONDAY).median_mails == 0.5


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

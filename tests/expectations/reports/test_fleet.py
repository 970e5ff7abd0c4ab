"""The table of many shops: for agents and operations."""

import dataclasses
import datetime as dt
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from expectations.cases.book import CaseBook
from expectations.cases.database import database_of
from expectations.mail.catalogue import Locale
from expectations.mail.text import render_text
from expectations.money import Money
from expectations.reports.figures import AGES, ShopFigures
from expectations.reports.notices import fleet_notice
from ingest.tables import Lake
from tests.expectations.mail.conftest import finding, subject
from tests.expectations.mail.postbox import Postbox
from tests.expectations.reports.reportshop import (
    MONDAY,
    WEEK,
    land,
    plain,
    send,
    settings_for,
    shop_week,
    store_findings,
)
from tests.expectations.shopdays import MERCHANT, tables


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


def test_operations_hear_of_a_merchant_that_was_never_seen_and_of_one_that_fell_silent_too_new_to_be_missed(
    tmp_path: Path, postbox: tuple[Postbox, int]
):
    """One is in the settings alone, one has a single record, of the 12th; who was there on Friday is not named."""
    box, port = postbox
    routes = [{"to": ["ops@example.com"], "role": "operations"}]
    new, never = "898310058129001", "898310058129002"
    settings = settings_for(
        tmp_path, port, alerts={"smtp": f"smtp://127.0.0.1:{port}", "routes": routes},
        merchants=[{"id": MERCHANT, "name": "张记小馆"}, {"id": new, "name": "新店"}, {"id": never, "name": "没接线"}],
    )  # fmt: skip
    land(settings, shop_week(2, 9, 16, 20))
    lake = Lake(settings.lake.uri)
    (row,) = tables(shop_week(12))["transactions"].slice(0, 1).to_pylist()
    lake.append("transactions", [row | {"merchant_id": new, "transaction_id": "new"}], app_id="new")
    assert send(settings, MONDAY) == ["fleet"]
    assert "【没有记录的商户】新店（最后一次 11月12日）；没接线（从未有过）" in plain(box.mails[0])


def test_operations_hear_it_even_where_nothing_at_all_was_seen(tmp_path: Path, postbox: tuple[Postbox, int]):
    """A collector that was never connected is no reason for silence."""
    box, port = postbox
    routes = [{"to": ["ops@example.com"], "role": "operations", "locale": "en"}]
    settings = settings_for(tmp_path, port, alerts={"smtp": f"smtp://127.0.0.1:{port}", "routes": routes})
    assert send(settings, MONDAY) == ["fleet"]
    assert "张记小馆 (never any)" in plain(box.mails[0])


def test_the_table_is_split_by_protocol_and_ages_by_merchant(tmp_path: Path, postbox: tuple[Postbox, int]):
    """20 of 25 attempts are of one protocol and 5 of the other; the case is the first's, four days old on Monday."""
    box, port = postbox
    routes = [{"to": ["agent@example.com"], "role": "agent"}]
    settings = settings_for(tmp_path, port, alerts={"smtp": f"smtp://127.0.0.1:{port}", "routes": routes})
    land(settings, shop_week(16, 17, 18, 19, 20), other_profile_from=dt.date(2026, 11, 20))
    told = finding(
        "dup_same_atc", subject("SALE", 1, "10:00:00", 2500), merchant_id=MERCHANT, severity="P2",
        business_date=dt.date(2026, 11, 18),
    )  # fmt: skip
    store_findings(settings, [told])
    book = CaseBook(database_of(settings), now=lambda: MONDAY - dt.timedelta(days=4))
    book.open_cases([told])
    assert send(settings, MONDAY) == ["fleet"]
    said = " ".join(plain(box.mails[0]).split())
    assert "【各商户未结案件账龄】 商户 0-3 天 4-7 天 8-15 天 >15 天 张记小馆 — 1 — —" in said
    assert "【按机型协议】 机型协议 终端 核对笔数 案件 other 1 5 — unionpay 1 20 1 · ¥25.00" in said

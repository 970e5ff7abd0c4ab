"""A shop whose weeks and months are reported on."""

import datetime as dt
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from expectations.findings import Finding
from expectations.lifecycle import link
from expectations.lifecycle.table import store
from expectations.mail.ledger import Ledger
from expectations.mail.send import send_alerts
from expectations.reports.period import Period
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.conftest import SHOP as CALENDAR
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


def land(
    settings: Settings, till: Till, *, other_profile_from: dt.date = dt.date.max, judged_until: dt.date = LAST
) -> None:
    """Transactions and life cycles, as landing and check leave them; from days on of a second terminal, or unjudged."""
    lake = Lake(settings.lake.uri)
    rows = tables(till)
    moved = {"terminal_id": "12345679", "profile": "other"}
    told = [
        row | (moved if row["business_date"] >= other_profile_from else {}) for row in rows["transactions"].to_pylist()
    ]
    lake.append("transactions", told, app_id="test")
    judge(settings, till, judged_until)


def judge(settings: Settings, till: Till, until: dt.date = LAST) -> None:
    """Life cycles up to a day, as a check leaves them."""
    linked = link(tables(till), CALENDAR, FIRST, until)
    try:
        store(Lake(settings.lake.uri), linked, FIRST, until)
    finally:
        linked.close()


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


def store_findings(settings: Settings, found: list[Finding]) -> None:
    """As a check leaves them."""
    Lake(settings.lake.uri).append("findings", [each.as_row() for each in found], app_id=found[0].finding_id)


def send(settings: Settings, now: dt.datetime) -> list[str]:
    """The kinds of what leaves."""
    return [each.kind for each in send_alerts(settings, now, ledger=Ledger(Lake(settings.lake.uri))).outcomes]


def plain(mail: EmailMessage) -> str:
    """The text part."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())

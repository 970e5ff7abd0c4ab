"""A page of cases with something on every page, at a clock that stands still: what tests and pictures look at."""

import contextlib
import datetime as dt
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from expectations.app.server import create_app
from expectations.cases.book import CaseBook
from expectations.cases.database import database_of
from ingest.keys import create_keys
from ingest.settings import Settings, load_settings
from ingest.tables import Lake
from tests.expectations.evidence.evidenceshop import SHOP, charged_twice, exchange, record, shop_at, signed
from tests.expectations.mail.conftest import SHOP as OTHER_SHOP
from tests.expectations.mail.conftest import example, finding, subject

NOW = dt.datetime.fromisoformat("2026-11-21T22:10:00+08:00")
EARLIER = dt.datetime.fromisoformat("2026-11-21T12:30:00+08:00")
CASE = "C-1121-0001"
"""The case with frames, a signature and an acquirer's line."""
PATHS = (
    "/cases",
    f"/cases/{CASE}",
    f"/cases/{CASE}/pack.zip",
    f"/cases/{CASE}/complaint.txt",
    "/merchants",
    "/learned",
)
"""Every page behind the log-in."""


def scene_at(root: Path, *, name: str = "李氏茶楼", operator: str = "") -> Settings:
    """A shop whose card paid twice, really recorded and landed, and the cases of the alert example at another."""
    shop_at(root)
    create_keys(root / "app.key")
    file = root / "tillwatch.toml"
    file.write_text(
        file.read_text("utf-8") + f'[[merchants]]\nid = "{OTHER_SHOP}"\nname = "{name}"\n[app]\nkey = "app.key"\n',
        "utf-8",
    )
    settings = load_settings(file)
    notes = {63: operator} if operator else {}
    record(root, [*exchange("SALE", 4518, 0, refers=notes), *exchange("SALE", 4519, 2, refers=notes)])
    signed(settings)
    lake = Lake(settings.lake.uri)
    lake.append("statement_lines", [_line(lake)], app_id="posted")
    cutoff = dt.datetime.fromisoformat("2026-11-21T23:00:00+08:00")
    twice = replace(charged_twice(settings), act_by=cutoff)
    fee = finding(
        "fee_rate_step_change", subject("SALE", 4102, "08:12:44", 100), amount_at_risk_fen=1759, severity="P2",
        evidence={"old_rate_ppm": 6000, "new_rate_ppm": 6300, "over_fen": 1759, "fees": 318},
    )  # fmt: skip
    CaseBook(database_of(settings), now=lambda: EARLIER).open_cases([twice])
    CaseBook(database_of(settings), now=lambda: EARLIER).open_cases([*example(), fee])
    return settings


def _line(lake: Lake) -> dict[str, Any]:
    """What the acquirer's file says of the second sale."""
    sale = next(row for row in lake.read("transactions").to_pylist() if row["stan"] == 4519)
    return {
        "line_id": "l1", "statement_id": "2026-11-21-pos", "acquirer": "某收单", "merchant_id": SHOP,
        "terminal_id": sale["terminal_id"], "rrn": sale["rrn"], "txn_type": "SALE", "amount_fen": 12800,
        "currency": "156", "status": "settled", "business_date": sale["business_date"],
    }  # fmt: skip


def with_app(settings: Settings, **app: Any) -> Settings:
    """The settings with something else under ``[app]``."""
    return settings.model_copy(update={"app": settings.app.model_copy(update=app)})


@contextlib.contextmanager
def serving(settings: Settings, now: dt.datetime = NOW) -> Iterator[str]:
    """The page served on loopback at that moment; gives its address, which is ``app.url`` too."""
    import uvicorn

    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = create_app(with_app(settings, url=address), now=lambda: now)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join(30)

"""A shop with two readers whose mails are really sent."""

import datetime as dt
from pathlib import Path
from typing import Any

from expectations.findings import Finding
from expectations.mail.outcome import SendResult
from expectations.mail.send import send_alerts
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.mail.conftest import (
    NOW,
    SHOP,
)

OTHER_SHOP = "898310058120002"
TWO = [{"merchants": ["*"], "to": ["a@example.com", "b@example.com"], "locale": "zh-CN"}]


def settings_for(folder: Path, port: int, routes: Any = None) -> Settings:
    """A lake in this folder, a server at this port."""
    return Settings.model_validate(
        {
            "lake": {"uri": str(folder / "lake")},
            "merchants": [{"id": SHOP, "name": "张记小馆"}],
            "alerts": {"smtp": f"smtp://127.0.0.1:{port}", "routes": TWO if routes is None else routes},
        }
    )


def store(settings: Settings, *findings: Finding) -> None:
    """Put findings into the lake."""
    lake = Lake(settings.lake.uri)
    lake.append("findings", [each.as_row() for each in findings], app_id=f"test-{lake.version('findings')}")


def send(settings: Settings, minutes: int = 0, **more: Any) -> SendResult:
    """Send what is due so many minutes after the example's moment."""
    return send_alerts(settings, NOW + dt.timedelta(minutes=minutes), **more)


def states(settings: Settings) -> list[tuple[str, str, str | None]]:
    """The ledger: (state, recipients, error)."""
    rows = Lake(settings.lake.uri).read("alerts").to_pylist()
    return [(r["state"], r["recipients"], r["error"]) for r in rows if r["state"] not in {"claimed", "handing"}]

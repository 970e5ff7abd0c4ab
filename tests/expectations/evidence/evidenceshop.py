"""A shop with one purchase charged twice: really recorded, landed and checked, in a folder of its own."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from ingest.commands.replay import replay
from ingest.keys import create_keys
from ingest.landing import land
from ingest.settings import Settings, load_settings
from protocols.profile import load_profile

SHOP = "898290058140001"
TERMINAL = "10010001"
CARD = "6222000000001239"
BEGIN = dt.datetime.fromisoformat("2026-11-21T12:00:00+08:00")


def exchange(
    kind: str, stan: int, after_minutes: float, amount_fen: int = 12800, refers: dict[int, str] | None = None
) -> list[dict[str, Any]]:
    """A request and its answer as a capture's lines; ``kind`` is SALE or VOID."""
    at = BEGIN + dt.timedelta(minutes=after_minutes)
    code, batch = {"SALE": ("000000", "22000101000"), "VOID": ("200000", "23000101000")}[kind]
    fields: dict[Any, Any] = {
        3: code, 4: f"{amount_fen:012d}", 11: f"{stan:06d}", 12: f"{at:%H%M%S}", 13: f"{at:%m%d}", 41: TERMINAL,
        42: SHOP, 49: "156", 60: batch,
    }  # fmt: skip
    profile = load_profile("unionpay")
    request = profile.build("0200", {2: CARD, 22: "021", 25: "00", **fields, **(refers or {})})
    answer = profile.build("0210", {**fields, 37: f"{stan:012d}", 39: "00"})
    sides = ((request, "rx", at), (answer, "tx", at + dt.timedelta(seconds=1)))
    return [{"t": when.isoformat(), "line": "lane-1", "dir": side, "frame": f.hex()} for f, side, when in sides]


def void_of(stan: int, original: int, after_minutes: float, amount_fen: int = 12800) -> list[dict[str, Any]]:
    """The void of a sale of this batch."""
    return exchange(
        "VOID", stan, after_minutes, amount_fen, refers={37: f"{original:012d}", 61: f"000101{original:06d}"}
    )


def shop_at(root: Path) -> Settings:
    """The shop's folder with keys and settings, nothing recorded yet."""
    create_keys(root / "pan-token.key")
    (root / "tillwatch.toml").write_text(
        '[spool]\ndirectory = "spool"\n[lake]\nuri = "lake"\n[keys]\npan_token = "pan-token.key"\n'
        '[[alerts.routes]]\nmerchants = ["*"]\nto = ["finance@example.com"]\n'
        f'[[merchants]]\nid = "{SHOP}"\nname = "张记小馆"\nacquirer = "某收单"\n',
        "utf-8",
    )
    return load_settings(root / "tillwatch.toml")


def record(root: Path, lines: list[dict[str, Any]]) -> None:
    """Into the spool, as a sealed segment, and from there into the lake."""
    capture = root / "lines.capture.jsonl"
    capture.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    config = root / "tillwatch.toml"
    ended = CliRunner().invoke(replay, [str(capture), "--profile", "unionpay", "--config", str(config)])
    assert ended.exit_code == 0, ended.output
    capture.unlink()
    land(load_settings(config))

"""A shop with one purchase charged twice: really recorded, landed and checked, in a folder of its own."""

import datetime as dt
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from expectations.commands.evidence import evidence
from expectations.findings import Finding, Subject
from ingest.commands.replay import replay
from ingest.keys import create_keys
from ingest.landing import land
from ingest.settings import Settings, load_settings
from ingest.tables import Lake
from protocols.profile import load_profile

SHOP = "898290058140001"
TERMINAL = "10010001"
CARD = "6222000000001239"
NOW = dt.datetime.fromisoformat("2026-11-22T10:00:00+08:00")
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


def sign_in() -> list[dict[str, Any]]:
    """The terminal's sign-in before its first exchange, with its serial number, and the host's yes."""
    at = BEGIN - dt.timedelta(minutes=5)
    fields: dict[Any, Any] = {11: "000001", 41: TERMINAL, 42: SHOP, 60: "00000101001"}
    profile = load_profile("unionpay")
    request = profile.build("0800", fields | {62: b"Sequence No16SN12345678901234".hex(), 63: b"01 ".hex()})
    answer = profile.build(
        "0810", fields | {12: f"{at:%H%M%S}", 13: f"{at:%m%d}", 37: "0" * 12, 39: "00", 32: "00010000"}
    )
    return [
        {"t": (at + dt.timedelta(seconds=n)).isoformat(), "line": "lane-1", "dir": side, "frame": frame.hex()}
        for n, (frame, side) in enumerate(((request, "rx"), (answer, "tx")))
    ]


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


def signed(shop: Settings) -> None:
    """A signature of the second sale: a black stroke on white."""
    from PIL import Image, ImageDraw

    picture = Image.new("1", (240, 80), 1)
    ImageDraw.Draw(picture).line([(20, 60), (90, 15), (150, 65), (220, 20)], fill=0, width=4)
    out = io.BytesIO()
    picture.save(out, "PNG")
    lake = Lake.of(shop.lake)
    sale = next(row for row in lake.read("transactions").to_pylist() if row["stan"] == 4519)
    shared = (
        "terminal_id",
        "merchant_id",
        "batch_no",
        "stan",
        "event_at",
        "business_date",
        "seen_date",
        "transaction_id",
    )
    row = {name: sale[name] for name in shared} | {
        "signature_id": "s1",
        "width": 240,
        "height": 80,
        "sha256": "ab" * 32,
    }
    lake.append("signatures", [row | {"image": out.getvalue()}], app_id="signed")


def charged_twice(settings: Settings) -> Finding:
    """The finding about the two sales, as the rule would make it, on the rows that landed."""
    rows = sorted(Lake.of(settings.lake).read("transactions").to_pylist(), key=lambda row: row["stan"])[:2]
    names = ("terminal_id", "batch_no", "stan", "txn_type", "requested_at", "amount_fen", "rrn", "pan_masked",
             "event_at", "response_code", "currency", "transaction_id")  # fmt: skip
    subjects = tuple(Subject(**{name: row[name] for name in names}) for row in reversed(rows))
    return Finding(
        finding_id="f" * 32, rule="dup_card_amount_window", severity="P2", certainty="PROBABLE", merchant_id=SHOP,
        terminal_id=rows[0]["terminal_id"], business_date=rows[0]["business_date"], amount_at_risk_fen=12800,
        subjects=subjects, evidence={"duplicate_score": 80}, ruled_out=("different_orders",),
        completeness={"missing": ["acquirer_file"]}, act_by=None, rules_version="2026.11.1", decoder_version="0.1.0",
    )  # fmt: skip


def run(*words: str) -> Result:
    """The command, without a shell."""
    return CliRunner().invoke(evidence, list(words), catch_exceptions=False)


def text_of(pdf: bytes) -> str:
    """What a reader can copy out of a PDF, by another program's reading."""
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def manifest_of(pack: Path) -> dict[str, Any]:
    with zipfile.ZipFile(pack) as archive:
        read: dict[str, Any] = json.loads(archive.read("manifest.json"))
    return read


def config_of(settings: Settings) -> Path:
    return settings.spool.directory.parent / "tillwatch.toml"

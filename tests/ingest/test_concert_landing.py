"""Concert E+ from a capture to the same tables as every other terminal's."""

import json
import sys
from pathlib import Path

import pytest

from ingest.cli import main
from ingest.keys import create_keys
from ingest.tables import Lake
from tests.protocols.concert.test_concert import ASK, DECLINED, FULL, SMALL

pytestmark = pytest.mark.slow  # whole landings


def test_a_tills_payments_are_in_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked twice and paid, the same amount paid again, declined, never answered; what E+ does not carry is null."""
    monkeypatch.chdir(tmp_path)
    create_keys(Path("var/keys/pan-token.key"))
    day = [
        ("tx", ASK),
        ("tx", ASK),
        ("rx", FULL),
        ("tx", ASK),
        ("rx", SMALL),
        ("tx", ASK),
        ("rx", DECLINED),
        ("tx", ASK),
    ]
    lines = [
        json.dumps({"t": f"2026-11-21T12:00:{at:02d}+01:00", "line": "till", "dir": way, "frame": frame.hex()})
        for at, (way, frame) in enumerate(day)
    ]
    Path("day.capture.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    for words in (("replay", "day.capture.jsonl", "--profile", "telium"), ("land",)):
        monkeypatch.setattr(sys, "argv", ["tillwatch", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
    rows = sorted(Lake("var/lake").read("transactions").to_pylist(), key=lambda row: row["requested_at"])
    assert [(row["txn_type"], row["amount_fen"], row["outcome"], row["attempts"]) for row in rows] == [
        ("SALE", 1250, "approved", 2),
        ("SALE", 1250, "approved", 1),
        ("SALE", 1250, "declined", 1),
        ("SALE", 1250, "unknown", 1),
    ]
    assert rows[0]["pan_masked"] == "476173******0010"
    assert {(row["stan"], row["terminal_id"], row["host_dt"], row["currency"]) for row in rows} == {
        (None, None, None, "978")
    }

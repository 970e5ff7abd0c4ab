"""A ZVT terminal's day, from a capture to the same tables as every other terminal's."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.cli import main
from ingest.keys import create_keys
from ingest.tables import Lake

pytestmark = pytest.mark.slow  # whole landings

PAN = "4761739001010010"
OK = ("tx", "800000")


def apdu(control: str, *parts: str) -> str:
    body = "".join(parts).replace(" ", "")
    return f"{control}{len(body) // 2:02X}{body}"


def status(trace: int, amount: int, *more: str, time: str = "101500") -> str:
    return apdu(
        "040F", "2700", f"04{amount:012d}", f"0B{trace:06d}", f"0C{time}", "0D1121", "2952523535", "490978", *more
    )


SALE = apdu("0601", "04000000001000", "490978")
SOLD = status(42, 1000, f"22F0F8{PAN}", "870012", "8BF0F4" + b"VISA".hex(), "3B3735303037310000")
VOIDED = status(44, 1000, "37000042", "870014", time="102000")
TOTALS = "60F0F5F3" + "00120014" + "00" * 28 + "01000000001000" + "00" * 14
DAY: list[tuple[str, str]] = [
    ("tx", apdu("0600", "123456DE0978")),
    ("rx", "800000"),
    ("rx", "060F00"),
    OK,
    ("tx", SALE),
    ("rx", "800000"),
    ("rx", "04FF0117"),
    OK,
    ("rx", SOLD),
    OK,
    ("rx", SOLD),  # sent again: our answer was lost
    OK,
    ("rx", "06D10900" + b"Zahlung ".hex()),
    OK,
    ("rx", "060F00"),
    OK,
    ("tx", SALE),  # the same amount again: another sale
    ("rx", "800000"),
    ("rx", status(43, 1000, f"22F0F8{PAN}", "870013", time="101700")),
    OK,
    ("rx", "060F00"),
    OK,
    ("tx", apdu("0630", "000000", "870012")),
    ("rx", "800000"),
    ("rx", VOIDED),
    OK,
    ("rx", "060F00"),
    OK,
    ("tx", apdu("0631", "000000", "04000000000300", "490978")),
    ("rx", "800000"),
    ("rx", status(45, 300, time="102500")),
    OK,
    ("rx", "060F00"),
    OK,
    ("tx", apdu("0601", "04000000005000", "490978")),  # declined: no trace number
    ("rx", "800000"),
    ("rx", apdu("040F", "2705", "2952523535")),
    OK,
    ("rx", "061E0105"),
    OK,
    ("tx", apdu("0630", "000000", "870012")),  # reversed already
    ("rx", "84B400"),
    ("tx", apdu("0620", "000000")),  # the last receipt once more, in other bytes
    ("rx", "800000"),
    ("rx", status(45, 300, "3CF0F0F4" + b"COPY".hex(), time="102500")),
    OK,
    ("rx", "060F00"),
    OK,
    ("tx", apdu("0650", "000000")),
    ("rx", "800000"),
    ("rx", status(46, 1000, TOTALS, time="220000")),
    OK,
    ("rx", "060F00"),
    OK,
    ("tx", apdu("0601", "04000000007700", "490978")),  # the cable is pulled
]


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[tuple[str, str]]], Lake]:
    """Replays a capture in a folder of its own and lands it."""
    monkeypatch.chdir(tmp_path)
    create_keys(Path("var/keys/pan-token.key"))

    def run(*words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["tillwatch", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, words

    def make(day: list[tuple[str, str]]) -> Lake:
        lines = [
            json.dumps(
                {"t": f"2026-11-21T12:{at // 60:02d}:{at % 60:02d}+01:00", "line": "till", "dir": way, "frame": frame}
            )
            for at, (way, frame) in enumerate(day)
        ]
        Path("day.capture.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        run("replay", "day.capture.jsonl", "--profile", "zvt-tcp")
        run("land")
        return Lake("var/lake")

    return make


def rows(lake: Lake, table: str, *names: str) -> list[tuple[Any, ...]]:
    found = lake.read(table).to_pylist()
    return sorted((tuple(row[name] for name in names) for row in found), key=str)


def test_a_day_is_in_the_tables(lake):
    """Sales, void, refund, refusals and the end of day: one row each, repeats folded, amounts and originals right."""
    landed = lake(DAY)
    assert rows(
        landed, "transactions", "stan", "txn_type", "amount_fen", "outcome", "response_code", "orig_stan"
    ) == sorted(
        [
            (42, "SALE", 1000, "approved", "00", None),
            (43, "SALE", 1000, "approved", "00", None),
            (44, "VOID", 1000, "approved", "00", 42),
            (45, "REFUND", 300, "approved", "00", None),
            (None, "SALE", 5000, "declined", "05", None),
            (None, "SALE", 7700, "unknown", None, None),
            (None, "VOID", None, "declined", "B4", None),
        ],
        key=str,
    )
    assert rows(landed, "settlements", "stan", "total_amount_fen", "total_count", "outcome", "rmb_debit_count") == [
        (46, 1000, 1, "approved", None)
    ]
    assert {row["operation"] for row in landed.read("events").to_pylist()} == {"SIGN_IN", "REPRINT"}
    assert landed.read("rejects").num_rows == 0


def test_what_a_sale_says_is_in_its_columns(lake):
    """Terminal, currency, card, receipt, authorisation and clock; what ZVT does not carry is null."""
    sale = next(row for row in lake(DAY).read("transactions").to_pylist() if row["stan"] == 42)
    assert sale["terminal_id"] == "52523535"
    assert sale["currency"] == "978"
    assert sale["pan_masked"] == "476173******0010"
    assert sale["card_token"].startswith("t")
    assert (sale["receipt_no"], sale["auth_code"], sale["card_org"]) == (12, "750071", "VISA")
    assert sale["host_dt"].isoformat() == "2026-11-21T02:15:00+00:00"  # 10:15 in the merchant's zone
    assert (sale["batch_no"], sale["rrn"], sale["entry_mode"], sale["settlement_date"]) == (None,) * 4
    assert sale["attempts"] == 1
    assert sale["requested_at"] < sale["responded_at"]


def test_a_repeated_receipt_alone_claims_nothing(lake):
    """Asked for the last receipt with nothing heard before: amount and trace, and no type that nobody said."""
    landed = lake([("tx", apdu("0620", "000000")), ("rx", "800000"), ("rx", SOLD), OK, ("rx", "060F00"), OK])
    assert rows(landed, "transactions", "stan", "txn_type", "amount_fen", "outcome") == [(42, None, 1000, "approved")]
    landed = lake([("tx", apdu("0620", "000000")), ("rx", "800000"), ("rx", VOIDED), OK, ("rx", "060F00"), OK])
    assert (44, "VOID", 1000, "approved") in rows(landed, "transactions", "stan", "txn_type", "amount_fen", "outcome")


def test_a_capture_read_twice_is_one_day(lake):
    """The same frames at the same moments again change nothing."""
    once = rows(lake(DAY), "transactions", "transaction_id", "stan", "attempts")
    assert rows(lake(DAY), "transactions", "transaction_id", "stan", "attempts") == once


def test_goods_that_were_not_issued_and_a_currency_that_the_terminal_has_not(lake):
    """84 66: the terminal takes it back and says so, its abort is no second refusal. 6F: declined, and read whole."""
    landed = lake(
        [
            ("tx", apdu("0601", "04000000001000", "490978")),
            ("rx", "800000"),
            ("rx", SOLD),
            ("tx", "846600"),
            ("rx", VOIDED),
            OK,
            ("rx", "061E016C"),
            OK,
            ("tx", apdu("0601", "04000000002000", "490752")),
            ("rx", "800000"),
            ("rx", "061E036F0978"),
            OK,
        ]
    )
    assert rows(
        landed, "transactions", "stan", "txn_type", "amount_fen", "currency", "outcome", "response_code", "orig_stan"
    ) == sorted(
        [
            (42, "SALE", 1000, "978", "approved", "00", None),
            (44, "VOID", 1000, "978", "approved", "00", 42),
            (None, "SALE", 2000, "752", "declined", "6F", None),
        ],
        key=str,
    )
    assert landed.read("rejects").num_rows == 0

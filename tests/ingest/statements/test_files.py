"""Acquirers' statements: read whole or not at all, exactly, and once."""

import datetime as dt
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.keys import create_keys, load_keys
from ingest.statements.values import amount_fen, card, rate_ppm
from ingest.statements.words import UnreadableError, shown
from protocols.sanitise import card_token
from protocols.sweep import luhn
from tests.ingest.statements.statementfiles import HEADER, PAN, REFUND, SALE, TOTAL, kept, run, write


@pytest.fixture
def shop(shop: Path) -> Path:
    """With the key that whole card numbers need."""
    create_keys(shop / "var/keys/pan-token.key")
    return shop


@pytest.mark.parametrize(
    ("encoding", "end"), [("gbk", "\n"), ("utf-8", "\r\n"), ("utf-8-sig", "\n"), ("utf-16", "\r\n")]
)
def test_a_trade_file_says_what_it_says_in_every_encoding(shop: Path, encoding: str, end: str):
    """Exact fen, rates of 1/10000, our words for types, the shop's day, a masked card with its token."""
    file = write(shop / "a.csv", HEADER, SALE, REFUND, TOTAL, encoding=encoding, end=end)

    assert run("statement", file, "--acquirer", "leshua").exit_code == 0

    sale, refund = sorted(kept(shop, "statement_lines"), key=lambda row: row["line_no"])
    said = {name: sale[name] for name in ("amount_fen", "fee_fen", "settled_fen", "rate_ppm", "stan", "batch_no")}
    assert said == {
        "amount_fen": 128600,
        "fee_fen": 772,
        "settled_fen": 127828,
        "rate_ppm": 6000,
        "stan": 4519,
        "batch_no": 231,
    }
    assert (sale["txn_type"], sale["card_class"], sale["rrn"]) == ("SALE", "credit", "112120435207")
    assert sale["pan_masked"] == "622588******0001"
    assert sale["card_token"] == card_token(load_keys(shop / "var/keys/pan-token.key"), PAN)
    assert sale["occurred_at"] == dt.datetime(2026, 11, 21, 12, 43, 52, tzinfo=dt.UTC)
    assert (sale["business_date"], refund["business_date"]) == (dt.date(2026, 11, 21), dt.date(2026, 11, 22))
    assert (refund["txn_type"], refund["fee_fen"], "rate_ppm" in refund) == ("REFUND", -12, False)
    [statement] = kept(shop, "statements")
    assert (statement["lines"], statement["total_amount_fen"], statement["total_fee_fen"]) == (2, 130600, 760)
    everything = b"".join(path.read_bytes() for path in (shop / "var/lake").rglob("*") if path.is_file())
    assert PAN.encode() not in everything


def test_a_file_given_twice_is_one_and_a_line_delivered_twice_is_known(shop: Path):
    """The same bytes change nothing; the same lines in another file keep their ids; two equal lines stay two."""
    first = write(shop / "a.csv", HEADER, SALE, SALE, "合计,,,,,,2572.00")
    copy = write(shop / "copy.csv", HEADER, SALE, SALE, "合计,,,,,,2572.00")
    longer = write(shop / "b.csv", HEADER, REFUND, SALE, SALE)

    assert "imported:" in run("statement", first, "--acquirer", "leshua").stderr
    assert "was imported before" in run("statement", first, copy, "--acquirer", "leshua").stderr
    assert len(kept(shop, "statement_lines")) == 2
    assert run("statement", longer, "--acquirer", "leshua").exit_code == 0

    ids = [row["line_id"] for row in kept(shop, "statement_lines")]
    assert (len(ids), len(set(ids))) == (5, 3)
    assert len(kept(shop, "statements")) == 2


def test_a_merchant_number_with_a_card_s_check_digit_stays_whole(shop: Path):
    """One merchant number in ten passes the Luhn test and is no network's; no other column keeps such a number."""
    merchant = "898440300000018"
    assert luhn(merchant)
    line = SALE.replace("898440300000001", merchant).replace("P1", merchant)
    file = write(shop / "a.csv", HEADER, line)

    assert run("statement", file, "--acquirer", "leshua").exit_code == 0

    [row] = kept(shop, "statement_lines")
    assert (row["merchant_id"], row["acquirer_ref"]) == (merchant, "898440*****0018")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ((HEADER, SALE.replace("7.72", "7.725")), "line 2, 手续费: '7.725' yuan is finer than a fen"),
        (
            (HEADER, SALE, REFUND.replace("2026-11-22", "2026-02-30")),
            "line 3, 支付时间: '2026-02-30 00:10:00' is not of",
        ),
        ((HEADER, SALE.replace("004519", "45x")), "line 2, 凭证号: '45x' is not a number"),
        ((HEADER.replace("手续费", "费"), SALE), ":1: no column '手续费', which the layout reads"),
        ((HEADER, SALE + ",more"), ":2: 15 columns, the header has 14"),
        ((HEADER, SALE, REFUND.removesuffix(",1")), ":3: 13 columns, the header has 14"),
        ((HEADER, SALE.replace('"1,286.00"', "")), "line 2, 交易金额: no amount"),
        ((HEADER, SALE, TOTAL, REFUND), ":4: rows go on after the closing line 3"),
        ((HEADER, SALE, REFUND.replace("P2", "P\x002")), ":3: not a text in"),
        ((HEADER, SALE.replace("消费", "")), "line 2, 交易类型: no type"),
        (("",), ":1: no column '商户号'"),
        ((HEADER, *[SALE.replace("7.72", "x")] * 9), "; and 4 more; nothing of it was imported"),
        ((HEADER.replace("参考号", "终端号"), SALE), "two columns are called '终端号'"),
    ],
)
def test_a_wrong_file_is_refused_whole_with_line_and_column(shop: Path, lines: tuple[str, ...], told: str):
    """One bad cell and nothing is taken; the message says where, and never a card number."""
    done = run("statement", write(shop / "a.csv", *lines), "--acquirer", "leshua")

    assert done.exit_code == 3
    assert told in done.stderr
    assert PAN not in done.stderr
    assert kept(shop, "statement_lines") == kept(shop, "statements") == []


def test_notes_after_the_closing_line_are_no_rows(shop: Path):
    """A total, a second one, and a remark: what was read before stands."""
    file = write(shop / "a.csv", HEADER, SALE, "合计,,,,,,1286.00", ",总计,,,,,1286.00", "备注：T1 结算", "")

    assert run("statement", file, "--acquirer", "leshua").exit_code == 0
    assert [row["amount_fen"] for row in kept(shop, "statement_lines")] == [128600]


def test_whole_card_numbers_need_the_key(shop: Path):
    """Without a key no token can be made: said so, and nothing is taken."""
    (shop / "var/keys/pan-token.key").unlink()

    done = run("statement", write(shop / "a.csv", HEADER, SALE), "--acquirer", "leshua")

    assert done.exit_code == 3
    assert "no key file" in done.stderr
    assert kept(shop, "statement_lines") == []


def test_watched_folders_take_new_files_and_set_wrong_ones_aside(shop: Path):
    """New files once, wrong ones renamed with their reason, the rest go on; a file just written is left alone."""
    folder = shop / "inbox"
    folder.mkdir()
    (shop / "tillwatch.toml").write_text('[[statements]]\nacquirer = "leshua"\nfolder = "inbox"\npattern = "*.csv"\n')
    for name, lines in (
        ("a.csv", (HEADER, SALE)),
        ("b.csv", (HEADER, SALE.replace("7.72", "x"))),
        ("c.csv", (HEADER, REFUND)),
    ):
        write(folder / name, *lines)
        os.utime(folder / name, (time.time() - 60,) * 2)
    write(folder / "d.csv", HEADER, SALE)

    first, second = run("folders", "--json"), run("folders", "--json")

    assert (first.exit_code, second.exit_code) == (3, 0)
    assert [Path(json.loads(line)["file"]).name for line in first.stdout.splitlines()] == ["a.csv", "c.csv"]
    assert second.stdout == ""
    assert sorted(path.name for path in folder.iterdir()) == [
        "a.csv",
        "b.csv.rejected",
        "b.csv.rejected.txt",
        "c.csv",
        "d.csv",
    ]
    assert "line 2, 手续费" in (folder / "b.csv.rejected.txt").read_text("utf-8")
    assert len(kept(shop, "statement_lines")) == 2


@given(fen=st.integers(-(10**12), 10**12))
def test_every_amount_of_fen_is_read_exactly(fen: int):
    """As yuan with and without thousands separators, as fen: never a fen off, whatever the size."""
    yuan = f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"
    grouped = f"{'-' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"

    assert amount_fen(yuan, "yuan") == amount_fen(f" ￥{grouped}元", "yuan") == amount_fen(str(fen), "fen") == fen


@pytest.mark.parametrize(
    ("text", "unit", "ppm"),
    [("0.38", "percent", 3800), ("38", "1/10000", 3800), ("3.8", "1/1000", 3800), ("0.0325%", "1/10000", 325)],
)
def test_a_rate_is_the_same_in_every_unit(text: str, unit: str, ppm: int):
    """万分之一, 千分之一 and 百分之一 of Leshua's two files: a hundredfold error is the classic one."""
    assert rate_ppm(text, unit) == ppm


@pytest.mark.parametrize("text", ["", "1,28", "1.2.3", "12a", "1e5", "٣", "--", "0x10", "1,2345.00"])
def test_what_is_no_amount_is_refused(text: str):
    """Nothing is guessed."""
    with pytest.raises(UnreadableError):
        amount_fen(text, "yuan")


def test_a_card_is_masked_and_no_message_shows_one():
    """First six and last four; x, X and dots of other maskings become ours; messages shorten long numbers."""
    assert card(f"{PAN[:4]} {PAN[4:8]} {PAN[8:12]} {PAN[12:]}") == ("622588******0001", PAN)
    assert card("622588xxxxxx0001") == ("622588******0001", None)
    assert PAN not in shown(f"no {PAN} here")
    assert "80000000" not in shown(PAN)

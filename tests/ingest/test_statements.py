"""Acquirers' statements: read whole or not at all, exactly, and once."""

import datetime as dt
import json
import os
import time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from ingest import statements as layouts
from ingest.cli import cli
from ingest.errors import TillwatchError
from ingest.keys import create_keys, load_keys
from ingest.lake import Lake
from ingest.statements.layout import available_layouts, load_layout
from ingest.statements.values import amount_fen, card, rate_ppm
from ingest.statements.words import UnreadableError, shown
from protocols.sanitise import card_token
from protocols.sweep import luhn

PAN = "6225880000000001"  # a test number
HEADER = "商户号,终端号,参考号,凭证号,批次号,卡号,交易金额,手续费,结算金额,费率,平台订单号,支付时间,交易类型,卡类型"
WHO = "898440300000001,10000001,"
SALE = f'{WHO}112120435207,004519,000231,{PAN},"1,286.00",7.72,1278.28,60,P1,2026-11-21 20:43:52,消费,2'
REFUND = f"{WHO}112120435208,004520,000231,622588******0001,20.00,-0.12,-19.88,*,P2,2026-11-22 00:10:00,退货,1"
TOTAL = "合计,,,,,,1306.00"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shop's folder with a key."""
    create_keys(tmp_path / "var/keys/pan-token.key")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    """A call of the command; a user's error is its message here."""
    done = CliRunner().invoke(cli, ["import", *words])
    if isinstance(done.exception, TillwatchError):
        done.stderr_bytes = f"{done.exception} {done.exception.hint}".encode()
        done.exit_code = done.exception.exit_status
    return done


def rows(shop: Path, table: str) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if value is not None}
        for row in Lake(shop / "var/lake").read(table).to_pylist()
    ]


def write(path: Path, *lines: str, encoding: str = "gbk", end: str = "\n") -> str:
    path.write_bytes(end.join([*lines, ""]).encode(encoding))
    return str(path)


@pytest.mark.parametrize(
    ("encoding", "end"), [("gbk", "\n"), ("utf-8", "\r\n"), ("utf-8-sig", "\n"), ("utf-16", "\r\n")]
)
def test_a_trade_file_says_what_it_says_in_every_encoding(shop: Path, encoding: str, end: str):
    """Exact fen, rates of 1/10000, our words for types, the shop's day, a masked card with its token."""
    file = write(shop / "a.csv", HEADER, SALE, REFUND, TOTAL, encoding=encoding, end=end)

    assert run("statement", file, "--acquirer", "leshua").exit_code == 0

    sale, refund = sorted(rows(shop, "statement_lines"), key=lambda row: row["line_no"])
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
    [statement] = rows(shop, "statements")
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
    assert len(rows(shop, "statement_lines")) == 2
    assert run("statement", longer, "--acquirer", "leshua").exit_code == 0

    ids = [row["line_id"] for row in rows(shop, "statement_lines")]
    assert (len(ids), len(set(ids))) == (5, 3)
    assert len(rows(shop, "statements")) == 2


def test_a_merchant_number_with_a_card_s_check_digit_stays_whole(shop: Path):
    """One merchant number in ten passes the Luhn test and is no network's; no other column keeps such a number."""
    merchant = "898440300000018"
    assert luhn(merchant)
    line = SALE.replace("898440300000001", merchant).replace("P1", merchant)
    file = write(shop / "a.csv", HEADER, line)

    assert run("statement", file, "--acquirer", "leshua").exit_code == 0

    [row] = rows(shop, "statement_lines")
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
    assert rows(shop, "statement_lines") == rows(shop, "statements") == []


LAKALA_MONEY = "交易金额(元),手续费(元),结算金额(元)"
LAKALA_HEADER = f"商户编号,终端编号,凭证号,检索参考号,卡号,{LAKALA_MONEY},交易日期,交易时间,清算日期,交易类型,卡种"
LAKALA = f"{WHO}004519,112120435207,622588******0001,12.00,0.07,11.93,20261121,204352,20261121,{{}},{{}}"
POSTED = "898440300000001|10000001|20261121|20261121|204352|000231|004519"
UNIONPAY = f"{POSTED}|112120435207|001234|622588******0001|{{}}|1200|7|1193"


@pytest.mark.parametrize(
    ("layout", "lines", "told"),
    [
        ("leshua", (HEADER, SALE.replace("消费", "消费撤消")), "交易类型: '消费撤消' is not in {}, 消费撤销 is"),
        ("leshua", (HEADER, SALE.replace("消费,2", "消费,9")), "卡类型: '9' is not in {}"),
        ("lakala", (LAKALA_HEADER, LAKALA.format("代付", "借记卡")), "交易类型: '代付' is not in {}"),
        ("lakala", (LAKALA_HEADER, LAKALA.format("消费", "借记")), "卡种: '借记' is not in {}, 借记卡 is"),
        ("unionpay", (UNIONPAY.format("S22"), UNIONPAY.format("S99")), "11: 'S99' is not in {}"),
    ],
)
def test_a_word_that_a_layout_does_not_know_is_refused_with_its_place_and_the_way_to_add_it(
    shop: Path, layout: str, lines: tuple[str, ...], told: str
):
    """No word is taken for something else: a void under an unknown name would leave its sale standing."""
    done = run("statement", write(shop / "a.csv", *lines), "--acquirer", layout)

    column = "card_class" if "卡" in told.partition(":")[0] else "txn_type"
    assert done.exit_code == 3
    assert f"line 2, {told.format(f'[columns.{column}] values')}" in done.stderr
    assert f'"its word" = "ours" in values of [columns.{column}]' in done.stderr
    assert f"layouts/{layout}.toml, which --layout" in done.stderr
    assert rows(shop, "statement_lines") == rows(shop, "statements") == []


def test_a_word_added_to_a_copy_of_the_layout_is_taken(shop: Path):
    """What the message asks for is enough."""
    file = write(shop / "a.csv", LAKALA_HEADER, LAKALA.format("代付", "借记卡"), LAKALA.format("扫码支付", "信用卡"))
    layout = (Path(layouts.__file__).parent / "layouts" / "lakala.toml").read_text("utf-8")
    (shop / "own.toml").write_text(layout.replace('values = { "消费"', 'values = { "代付" = "OTHER", "消费"'), "utf-8")

    assert run("statement", file, "--acquirer", "lakala", "--layout", "own.toml").exit_code == 0

    assert [(row["txn_type"], row["card_class"]) for row in rows(shop, "statement_lines")] == [
        ("OTHER", "debit"),
        ("QR_SALE", "credit"),
    ]


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ('{ column = "11", values = { "S22" = "SAEL" } }', "columns.txn_type: 'SAEL' is none of SALE, VOID, REFUND"),
        ('{ column = "11", other = "SALES" }', "columns.txn_type: 'SALES' is none of SALE, VOID, REFUND"),
        ('{ column = "11" }', "line 1, 11: 'S22' is not in [columns.txn_type] values"),
    ],
)
def test_a_layout_of_ones_own_gives_words_no_meaning_that_there_is_not(shop: Path, column: str, told: str):
    """A misspelt type is the layout's mistake; a column without values holds our own words or is refused."""
    (shop / "own.toml").write_text(
        'name = "own"\ntitle = { en = "Own" }\nsource = "test"\nconfidence = "measured"\n'
        '[file]\nheader = 0\ndelimiter = "|"\n[columns]\namount_fen = { column = "12", unit = "fen" }\n'
        f'settlement_date = {{ column = "3", form = "%Y%m%d" }}\ntxn_type = {column}\n'
    )

    done = run("statement", write(shop / "a.csv", UNIONPAY.format("S22")), "--acquirer", "x", "--layout", "own.toml")

    assert done.exit_code in (2, 3)
    assert told in done.stderr
    assert rows(shop, "statement_lines") == []


def test_notes_after_the_closing_line_are_no_rows(shop: Path):
    """A total, a second one, and a remark: what was read before stands."""
    file = write(shop / "a.csv", HEADER, SALE, "合计,,,,,,1286.00", ",总计,,,,,1286.00", "备注：T1 结算", "")

    assert run("statement", file, "--acquirer", "leshua").exit_code == 0
    assert [row["amount_fen"] for row in rows(shop, "statement_lines")] == [128600]


def test_an_unknown_layout_and_a_broken_one_are_usage_errors(shop: Path):
    """Which layouts there are; which key is wrong, and what belongs there."""
    file = write(shop / "a.csv", HEADER, SALE)
    (shop / "own.toml").write_text(
        'name = "own"\ntitle = { en = "Own" }\nsource = "test"\nconfidence = "measured"\n'
        '[columns]\namount = { column = "交易金额", unit = "yuan" }\n'
    )

    unknown = run("statement", file, "--acquirer", "leshau")
    broken = run("statement", file, "--acquirer", "x", "--layout", "own.toml")

    assert (unknown.exit_code, broken.exit_code) == (2, 2)
    assert "did you mean 'leshua'" in unknown.stderr
    assert "no column 'amount', did you mean 'amount_fen'" in broken.stderr


def test_a_workbook_through_a_layout_of_ones_own(shop: Path):
    """XLSX with real dates and numbers; amounts are the decimal a person typed; payouts land in payouts."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["导出时间", dt.datetime(2026, 11, 22, 9, 0)])  # noqa: DTZ001
    sheet.append(["日期", "金额", "对方户名", "摘要"])
    sheet.append([dt.datetime(2026, 11, 22, 8, 1, 2), 1278.28, "测试支付有限公司", "出款"])  # noqa: DTZ001
    sheet.append([dt.datetime(2026, 11, 22, 8, 5, 0), 100, "测试支付有限公司", "出款"])  # noqa: DTZ001
    book.save(shop / "bank.xlsx")
    (shop / "bank.toml").write_text(
        """
name = "bank"
title = { en = "Bank account" }
source = "an export of the bank"
confidence = "measured"
kind = "payouts"
[file]
format = "xlsx"
header = 2
[columns]
amount_fen = { column = "金额", unit = "yuan" }
payer = { column = "对方户名" }
remark = { column = "摘要" }
paid_at = { column = "日期", form = "%Y-%m-%d %H:%M:%S" }
""",
        "utf-8",
    )

    assert run("statement", "bank.xlsx", "--acquirer", "bank-1", "--layout", "bank.toml").exit_code == 0

    assert sorted(row["amount_fen"] for row in rows(shop, "payouts")) == [10000, 127828]
    assert {row["payer"] for row in rows(shop, "payouts")} == {"测试支付有限公司"}


def test_a_formula_whose_value_was_never_kept_is_refused(shop: Path):
    """A workbook that a program wrote and nobody opened has formulas without values: nothing is guessed."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEADER.split(","))
    whole = SALE.replace('"1,286.00"', "1286.00").split(",")
    sheet.append([*whole[:8], "=G2-H2", *whole[9:]])
    book.save(shop / "a.xlsx")
    layout = (Path(layouts.__file__).parent / "layouts" / "leshua.toml").read_text("utf-8")
    (shop / "own.toml").write_text(layout.replace("[file]\n", '[file]\nformat = "xlsx"\n'), "utf-8")

    done = run("statement", "a.xlsx", "--acquirer", "leshua", "--layout", "own.toml")

    assert done.exit_code == 3
    assert "a.xlsx:2: column 9: a formula without its value" in done.stderr
    assert rows(shop, "statement_lines") == []


def test_a_number_that_a_workbook_has_rounded_is_refused(shop: Path):
    """A reference of 20 digits kept as a number has lost its last ones: better no file than a wrong join."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["1", "2"])
    sheet.append([12345678901234567890, 1])
    book.save(shop / "a.xlsx")
    (shop / "l.toml").write_text(
        'name="l"\ntitle={en="L"}\nsource="t"\nconfidence="assumed"\n[file]\nformat="xlsx"\n'
        '[columns]\nrrn={column="1"}\namount_fen={column="2",unit="fen"}\n'
    )

    done = run("statement", "a.xlsx", "--acquirer", "a", "--layout", "l.toml")

    assert done.exit_code == 3
    assert "has been rounded" in done.stderr
    assert run("statement", write(shop / "b.xlsx", HEADER), "--acquirer", "a", "--layout", "l.toml").exit_code == 3


def test_whole_card_numbers_need_the_key(shop: Path):
    """Without a key no token can be made: said so, and nothing is taken."""
    (shop / "var/keys/pan-token.key").unlink()

    done = run("statement", write(shop / "a.csv", HEADER, SALE), "--acquirer", "leshua")

    assert done.exit_code == 3
    assert "no key file" in done.stderr
    assert rows(shop, "statement_lines") == []


def test_every_built_in_layout_says_where_it_is_known_from():
    """Each loads, has both titles and a source; those without a public document say assumed."""
    for name in available_layouts():
        layout = load_layout(name)
        assert layout.name == name
        assert set(layout.title) == {"zh-CN", "en"}
        assert (layout.confidence == "public") == (name == "allinpay")


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
    assert len(rows(shop, "statement_lines")) == 2


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

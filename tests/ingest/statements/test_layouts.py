"""Layouts of statements: their words, workbooks, and those of one's own."""

import datetime as dt
from pathlib import Path

import openpyxl
import pytest

from ingest import statements as layouts
from ingest.keys import create_keys
from ingest.statements.layout import available_layouts, load_layout
from tests.ingest.statements.statementfiles import HEADER, SALE, WHO, kept, run, write

LAKALA_MONEY = "交易金额(元),手续费(元),结算金额(元)"
LAKALA_HEADER = f"商户编号,终端编号,凭证号,检索参考号,卡号,{LAKALA_MONEY},交易日期,交易时间,清算日期,交易类型,卡种"
LAKALA = f"{WHO}004519,112120435207,622588******0001,12.00,0.07,11.93,20261121,204352,20261121,{{}},{{}}"
POSTED = "898440300000001|10000001|20261121|20261121|204352|000231|004519"
UNIONPAY = f"{POSTED}|112120435207|001234|622588******0001|{{}}|1200|7|1193"


@pytest.fixture
def shop(shop: Path) -> Path:
    """With the key that whole card numbers need."""
    create_keys(shop / "var/keys/pan-token.key")
    return shop


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
    assert kept(shop, "statement_lines") == kept(shop, "statements") == []


def test_a_word_added_to_a_copy_of_the_layout_is_taken(shop: Path):
    """What the message asks for is enough."""
    file = write(shop / "a.csv", LAKALA_HEADER, LAKALA.format("代付", "借记卡"), LAKALA.format("扫码支付", "信用卡"))
    layout = (Path(layouts.__file__).parent / "layouts" / "lakala.toml").read_text("utf-8")
    (shop / "own.toml").write_text(layout.replace('values = { "消费"', 'values = { "代付" = "OTHER", "消费"'), "utf-8")

    assert run("statement", file, "--acquirer", "lakala", "--layout", "own.toml").exit_code == 0

    assert [(row["txn_type"], row["card_class"]) for row in kept(shop, "statement_lines")] == [
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
    assert kept(shop, "statement_lines") == []


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

    assert sorted(row["amount_fen"] for row in kept(shop, "payouts")) == [10000, 127828]
    assert {row["payer"] for row in kept(shop, "payouts")} == {"测试支付有限公司"}


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
    assert kept(shop, "statement_lines") == []


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


def test_every_built_in_layout_says_where_it_is_known_from():
    """Each loads, has both titles and a source; those without a public document say assumed."""
    for name in available_layouts():
        layout = load_layout(name)
        assert layout.name == name
        assert set(layout.title) == {"zh-CN", "en"}
        assert (layout.confidence == "public") == (name == "allinpay")

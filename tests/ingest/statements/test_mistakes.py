"""Files that look right and are not: cut off, changed, in another unit, typed in full width."""

import datetime as dt
import io
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.errors import StatementError, TillwatchError
from ingest.settings import Settings
from ingest.statements.importing import import_bytes
from ingest.statements.layout import load_layout
from ingest.statements.values import amount_fen, card, rate_ppm
from ingest.statements.words import safe_text
from tests.ingest.statements.likelyfiles import BANK, DAY, HEADER, call, own, refused, row, take
from tests.ingest.statements.statementfiles import kept

# --- totals --------------------------------------------------------------------------------


def test_totals_that_disagree_refuse_the_file_with_the_line_and_both_sums(shop: Path) -> None:
    """The audit's case: 9,999.00 stands there, the rows come to 2,572.00."""
    done = take(shop, HEADER, row(1), row(2), "合计,,,,9999.00,15.44")
    refused(shop, done, "line 4, 交易金额: the closing row says 9,999.00, the 2 rows above it come to 2,572.00")
    assert "手续费" not in done.stderr
    assert "sums = false in [file] of a copy of" in done.stderr
    refused(shop, take(shop, HEADER, row(1), "合计,,,,1286.00,7.73"), "line 3, 手续费: the closing row says 7.73")


@pytest.mark.parametrize(
    "total", ["1306.00,7.60", "1266.00,7.60", "1266.00,7.84", "-1266.00,", ",", "共2笔,见下", '"￥1,306.00元",７．６０']
)
def test_a_total_may_be_added_up_in_any_usual_way(shop: Path, total: str) -> None:
    """With its sign or without, refunds taken off, or not said: 1286.00 sold, 20.00 given back, fees 7.72, -0.12."""
    back = row(2, amount="20.00", fee="-0.12", settled="-19.88", kind="退货", rate="*")
    done = take(shop, HEADER, row(1), back, f"合计,,,,{total}")
    assert done.exit_code == 0, done.stderr
    assert "closing row" not in done.stderr


def test_what_moved_no_money_may_be_left_out_of_the_total(shop: Path) -> None:
    """A hold is a row, and is in no acquirer's sum."""
    hold = row(2, amount="500.00", fee="0", settled="0", kind="预授权", rate="*")
    assert take(shop, HEADER, row(1), hold, "合计,,,,1286.00,7.72").exit_code == 0


def test_a_file_that_has_to_end_with_its_total_is_refused_without_it(shop: Path) -> None:
    """Cut at a line's end it looks whole; the layout says that it is not. Else the import says what is not known."""
    lines = HEADER, row(1), row(2)
    cut = take(shop, *lines, layout=own(shop, "header = 1", "header = 1\nmust_end = true"))
    refused(shop, cut, "a.csv: no closing row (合计, 总计) at its end: it was cut off", "ask for the whole file")
    assert take(shop, *lines, "合计,,,,2572.00", layout="own.toml").exit_code == 0
    assert "no closing row, so nothing says that it is whole" in take(shop, *lines).stderr


def test_a_closing_row_that_counts_something_else_is_left_alone_where_the_layout_says_so(shop: Path) -> None:
    """`sums = false` is the way out that the message names; must_end without ends is the layout's mistake."""
    layout = own(shop, "header = 1", "header = 1\nsums = false")
    assert take(shop, HEADER, row(1), "合计,,,,9999.00", layout=layout).exit_code == 0
    wrong = take(shop, HEADER, layout=own(shop, 'ends = ["合计", "总计"]', "must_end = true"))
    assert wrong.exit_code == 2
    assert "must_end needs ends" in wrong.stderr


@given(
    amounts=st.lists(st.integers(1, 10**9), min_size=1, max_size=12),
    cut=st.integers(0, 11),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_row_that_is_missing_before_the_total_is_always_seen(
    tmp_path_factory: pytest.TempPathFactory, amounts: list[int], cut: int
) -> None:
    """Whichever row is gone, the total tells; with all of them the file is taken."""
    lake = Settings.model_validate({"lake": {"uri": str(tmp_path_factory.mktemp("lake"))}})
    layout = load_layout("leshua")
    rows = [row(1, amount=f"{fen / 100:.2f}", fee="0", rate="*", at="2026-11-21 20:43:52") for fen in amounts]
    total = f"合计,,,,{sum(amounts) / 100:.2f}"
    del rows[cut % len(rows)]
    with pytest.raises(StatementError, match="the closing row says"):
        import_bytes(lake, "a.csv", "\n".join([HEADER, *rows, total]).encode(), "leshua", layout)


# --- encodings and full width --------------------------------------------------------------


def test_the_mark_of_utf_8_before_gbk_is_told_for_what_it_is(shop: Path) -> None:
    """Its byte, what the rest is, and what to do."""
    (shop / "a.csv").write_bytes(b"\xef\xbb\xbf" + "\n".join([HEADER, row(1)]).encode("gbk"))
    refused(
        shop,
        call("a.csv", "leshua"),
        "a.csv:1: begins with the mark of UTF-8 (EF BB BF), but its bytes are not UTF-8 from byte 4 on",
        "without the mark they are GB 18030 (GBK)",
        "save it anew as CSV in UTF-8",
    )
    (shop / "a.csv").write_bytes(b"\xef\xbb\xbfa,b\n\xff\xff\xff\n")
    refused(shop, call("a.csv", "leshua"), "a.csv:2: begins with the mark of UTF-8")


def test_numbers_in_full_width_are_the_numbers_that_they_are(shop: Path) -> None:
    """Amount, fee, rate, day, terminal and reference, as a Chinese keyboard types them."""
    wide = {place: place + 0xFEE0 for place in range(0x21, 0x7F) if chr(place) != ","}
    plain = row(1).replace("622588******0001", "")
    assert take(shop, HEADER, plain).exit_code == take(shop, HEADER, plain.translate(wide)).exit_code == 0
    one, other = ({name: value for name, value in line.items() if name != "statement_id"} for line in kept(shop))
    assert one == other
    assert one["amount_fen"] == 128600
    assert amount_fen("－１，２８６．００元", "yuan") == -128600
    assert rate_ppm("０．６％", "1/10000") == 6000


def test_a_card_number_in_full_width_is_a_card_number() -> None:
    """Masked and given a token where a card belongs, overwritten where a text does."""
    number = "6225880000000001"
    wide = number.translate({place: place + 0xFEE0 for place in range(0x30, 0x3A)})
    assert card(wide) == ("622588******0001", number)
    assert safe_text(f"卡 {wide}") == "卡 622588******0001"
    assert safe_text("电话 １２３") == "电话 １２３"


# --- rates ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "meant", "way"),
    [("0.60", "percent", 'write unit = "percent"'), ("6", "1/1000", 'write unit = "1/1000"')],
)
def test_a_rate_in_another_unit_is_told_with_the_unit_that_it_is_in(
    shop: Path, rate: str, meant: str, way: str
) -> None:
    """0.60 where 1/10000 is expected: fee and amount say percent. What is capped or free does not matter."""
    rows = [row(n, rate=rate) for n in range(1, 7)]
    capped = row(7, amount="99000.00", fee="20.00", rate=rate)
    free = row(8, fee="0.00", rate="0")
    done = take(shop, HEADER, *rows, capped, free)
    refused(shop, done, f"费率: the layout says 1/10000, and in 6 of 7 lines 手续费 fits {meant}", way, "rate_ppm")
    assert take(shop, HEADER, *rows, capped, free, layout=own(shop, '"1/10000"', f'"{meant}"')).exit_code == 0
    assert {line["rate_ppm"] for line in kept(shop)} == {0, 6000}


def test_profit_files_are_held_against_fee_and_cost(shop: Path) -> None:
    """60 and 50 read as percent, which are 1/10000."""
    header = "商户号,平台订单号,交易金额,手续费,成本,分润,费率,成本费率,支付时间"
    line = "898440300000001,P{},1286.00,7.72,6.43,1.29,{},{},2026-11-21 20:43:52"
    rows = [line.format(n, "60", "50") for n in range(3)]
    done = take(shop, header, *rows, layout="leshua-profit")
    refused(shop, done, "费率: the layout says percent, and in 3 of 3 lines 手续费 fits 1/10000")
    only_cost = [line.format(n, "0.60", "50") for n in range(3)]
    done = take(shop, header, *only_cost, layout="leshua-profit")
    refused(shop, done, "成本费率: the layout says percent, and in 3 of 3 lines 成本 fits 1/10000", "cost_ppm")
    assert take(shop, header, line.format(1, "0.60", "0.50"), layout="leshua-profit").exit_code == 0


def test_wrong_fees_are_no_wrong_unit(shop: Path) -> None:
    """Overcharged by half, capped, or one line of many off by a hundred: that is for the rules to find."""
    over = [row(n, fee="11.58") for n in range(1, 5)]
    assert take(shop, HEADER, *over).exit_code == 0
    capped = [row(n, amount="99000.00", fee="20.00") for n in range(1, 5)]
    assert take(shop, HEADER, *capped).exit_code == 0
    assert take(shop, HEADER, *[row(n) for n in range(1, 9)], row(9, rate="0.60")).exit_code == 0


# --- whatever comes ------------------------------------------------------------------------


def _whole() -> list[bytes]:
    text = "\n".join([HEADER, row(1), row(2), "合计,,,,2572.00,15.44", ""])
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for each in (["日期", "时间", "金额"], [DAY, dt.time(9, 30), 12.5], ["合计", None, 12.5]):
        sheet.append(each)
    out = io.BytesIO()
    book.save(out)
    return [text.encode(), text.encode("gbk"), text.encode("utf-16"), out.getvalue()]


@given(
    which=st.integers(0, 3),
    places=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=0, max_size=3)), max_size=4),
    cut=st.floats(0, 1),
)
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, which: int, places: list[tuple[float, bytes]], cut: float
) -> None:
    """Bytes changed anywhere, the end gone: taken or refused, never a traceback."""
    whole = _whole()
    data = bytearray(whole[which])
    for place, other in places:
        at = int(place * len(data))
        data[at : at + len(other)] = other
    if cut > 0.5:
        del data[int(cut * len(data)) :]
    folder = tmp_path_factory.mktemp("damaged")
    settings_ = Settings.model_validate(
        {"lake": {"uri": str(folder / "lake")}, "keys": {"pan_token": str(folder / "k")}}
    )
    (folder / "own.toml").write_text(
        BANK.format(file='[file]\nformat = "xlsx"\nends = ["合计"]')
        + 'amount_fen = { column = "金额", unit = "yuan" }\n'
        + 'paid_at = { column = ["日期", "时间"], form = "%Y-%m-%d %H:%M:%S" }\n',
        "utf-8",
    )
    layout = load_layout(str(folder / "own.toml") if which == 3 else "leshua")
    try:
        import_bytes(settings_, "a", bytes(data), "leshua", layout)
    except TillwatchError as wrong:
        told = wrong
    else:
        return
    assert told.message.startswith("a")
    assert told.hint

"""Files that look right but for one thing, layouts with something else in them, and an import that is refused."""

import datetime as dt
from pathlib import Path
from typing import Any

import openpyxl
from click.testing import Result

from ingest import statements as layouts
from tests.ingest.statements.statementfiles import kept, run

HEADER = "商户号,终端号,参考号,卡号,交易金额,手续费,结算金额,费率,平台订单号,支付时间,交易类型"
ROW = "898440300000001,10000001,11212043520{n},622588******0001,{amount},{fee},{settled},{rate},P{n},{at},{kind}"
BANK = (
    'name = "own"\ntitle = {{ en = "Own" }}\nsource = "test"\nconfidence = "measured"\n'
    'kind = "payouts"\n{file}\n[columns]\n'
)
DAY = dt.datetime(2026, 11, 23)  # noqa: DTZ001  a workbook's


def row(n: int = 1, *, fee: str = "7.72", rate: str = "60", kind: str = "消费", **other: str) -> str:
    said = {"amount": "1286.00", "settled": "1278.28", "at": "2026-11-21 20:43:52"} | other
    return ROW.format(n=n, fee=fee, rate=rate, kind=kind, **said)


def take(shop: Path, *lines: str, layout: str = "leshua", encoding: str = "utf-8") -> Result:
    """A call of the command; a user's error is its message here."""
    (shop / "a.csv").write_bytes("\n".join([*lines, ""]).encode(encoding))
    return call("a.csv", layout)


def call(file: str, layout: str) -> Result:
    return run("statement", file, "--acquirer", "leshua", "--layout", layout)


def own(shop: Path, was: str, now: str, layout: str = "leshua") -> str:
    """A copy of a built-in layout with something else in it."""
    text = (Path(layouts.__file__).parent / "layouts" / f"{layout}.toml").read_text("utf-8")
    assert was in text
    (shop / "own.toml").write_text(text.replace(was, now), "utf-8")
    return "own.toml"


def refused(shop: Path, done: Result, *told: str) -> None:
    assert done.exit_code == 3, done.stderr
    for each in told:
        assert each in done.stderr
    assert kept(shop) == kept(shop, "statements") == kept(shop, "payouts") == []


def workbook(shop: Path, *rows: list[Any]) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for each in rows:
        sheet.append(each)
    book.save(shop / "a.xlsx")

"""Acquirers' files as they come, the command that imports them, and what the lake keeps of them."""

from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from ingest.cli import cli
from ingest.errors import TillwatchError
from ingest.lake import Lake

PAN = "6225880000000001"  # a test number
HEADER = "商户号,终端号,参考号,凭证号,批次号,卡号,交易金额,手续费,结算金额,费率,平台订单号,支付时间,交易类型,卡类型"
WHO = "898440300000001,10000001,"
SALE = f'{WHO}112120435207,004519,000231,{PAN},"1,286.00",7.72,1278.28,60,P1,2026-11-21 20:43:52,消费,2'
REFUND = f"{WHO}112120435208,004520,000231,622588******0001,20.00,-0.12,-19.88,*,P2,2026-11-22 00:10:00,退货,1"
TOTAL = "合计,,,,,,1306.00"


def run(*words: str) -> Result:
    """A call of the command; a user's error is its message here."""
    done = CliRunner().invoke(cli, ["import", *words])
    if isinstance(done.exception, TillwatchError):
        done.stderr_bytes = f"{done.exception}\n{done.exception.hint}".encode()
        done.exit_code = done.exception.exit_status
    return done


def kept(shop: Path, table: str = "statement_lines") -> list[dict[str, Any]]:
    """What the lake has of a table, each row without what it does not say."""
    return [
        {name: value for name, value in row.items() if value is not None}
        for row in Lake(shop / "var/lake").read(table).to_pylist()
    ]


def write(path: Path, *lines: str, encoding: str = "gbk", end: str = "\n") -> str:
    path.write_bytes(end.join([*lines, ""]).encode(encoding))
    return str(path)

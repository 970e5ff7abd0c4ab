"""A simulated day and its acquirer's file with faults, through the commands: exactly those faults are found."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from expectations import run
from expectations.fees.expected import rounded
from ingest.cli import cli
from ingest.commands.replay import replay
from ingest.keys import create_keys
from ingest.lake import Lake
from ingest.landing import land
from ingest.settings import load_settings
from ingest.simulator.rehearsal import rehearse
from ingest.simulator.scenario import take_seats
from ingest.simulator.scenarios import MERCHANTS, write_scenario
from protocols.profile import load_profile, profiles_speaking
from tests.expectations.shopdays import ZONE, captures
from tests.expectations.test_shop_day import Bench

pytestmark = pytest.mark.slow

DAY = dt.date(2026, 11, 21)
HEADER = (
    "商户编号,终端编号,批次号,凭证号,检索参考号,授权号,卡号,交易金额(元),手续费(元),结算金额(元),"
    "交易日期,交易时间,清算日期,交易类型,卡种"
)
KINDS = {"SALE": "消费", "VOID": "消费撤销", "REFUND": "退货"}
CONTRACT = '[[contracts]]\nmerchant = "{}"\nsince = 2026-01-01\n[[contracts.rates]]\npercent = 0.60\n'


def line(row: dict[str, Any], day: dt.date = DAY, **told: Any) -> str:
    """A line of a Lakala-style file for that attempt, with what is told otherwise."""
    row = row | told
    when = row["event_at"].astimezone(ZONE)
    fee = row.get("fee", rounded(row["amount_fen"], 6000, "half-up")) * (1 if row["txn_type"] == "SALE" else -1)
    return ",".join(
        [
            row["merchant_id"], row["terminal_id"], f"{row['batch_no']:06d}", f"{row['stan']:06d}", row["rrn"] or "",
            row["auth_code"] or "", row["pan_masked"], f"{row['amount_fen'] / 100:.2f}", f"{fee / 100:.2f}",
            f"{(row['amount_fen'] - fee) / 100:.2f}", f"{when:%Y%m%d}", f"{when:%H%M%S}", f"{day:%Y%m%d}",
            KINDS[row["txn_type"]], "贷记卡",
        ]
    )  # fmt: skip


def test_the_findings_are_the_faults_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A missing line, a ghost, a wrong amount and a fee over contract, in GBK; the day itself is without a fault."""
    monkeypatch.setattr("expectations.suites.ge.Bench", Bench)
    config = tmp_path / "tillwatch.toml"
    config.write_text("".join(CONTRACT.format(merchant) for merchant in MERCHANTS))
    settings = load_settings(config)
    create_keys(settings.keys.pan_token)
    names = [(name, load_profile(name).link.ack) for name in profiles_speaking("unionpay")]
    written = write_scenario("quiet-day", take_seats(names, 4, merchants=MERCHANTS), DAY, 1)
    for file, profile in captures(rehearse(written), tmp_path).items():
        assert CliRunner().invoke(replay, [str(file), "--profile", profile, "--config", str(config)]).exit_code == 0
    land(settings)
    seen = Lake(settings.lake.uri).read("transactions").to_pylist()
    reversed_ = {(row["terminal_id"], row["stan"]) for row in seen if row["txn_type"] == "REVERSAL"}
    undone = {(row["terminal_id"], row["orig_stan"]) for row in seen if row["txn_type"] in ("VOID", "REFUND")}
    posted = [
        row
        for row in sorted(seen, key=lambda row: row["event_at"])
        if row["outcome"] == "approved"
        and row["txn_type"] in KINDS
        and (row["terminal_id"], row["stan"]) not in reversed_
    ]
    sales = [row for row in posted if row["txn_type"] == "SALE" and row["business_date"] == DAY]
    plain = [row for row in sales if (row["terminal_id"], row["stan"]) not in undone]
    lost, wrong, dear = plain[3], plain[7], plain[11]
    lines = [line(row) for row in posted if row not in (lost, wrong, dear)]
    lines.append(line(wrong, amount_fen=wrong["amount_fen"] + 1000))
    lines.append(line(dear, fee=rounded(dear["amount_fen"], 6000, "half-up") + 50))
    lines.append(line(plain[5], stan=999000, rrn="112199999999", auth_code="", amount_fen=12345))
    later = [line(row, DAY + dt.timedelta(days=1), stan=n, batch_no=999, rrn=f"{n:012d}", terminal_id="99999999",
                  event_at=row["event_at"] + dt.timedelta(days=1)) for n, row in enumerate(plain[:9], 1)]  # fmt: skip
    latest = [line(row, DAY + dt.timedelta(days=2), stan=n, batch_no=999, rrn=f"{n:012d}", terminal_id="99999999",
                   event_at=row["event_at"] + dt.timedelta(days=2)) for n, row in enumerate(plain[:9], 1)]  # fmt: skip
    for name, told in (("1121.csv", lines), ("1122.csv", later), ("1123.csv", latest)):
        (tmp_path / name).write_bytes("\n".join([HEADER, *told, ""]).encode("gbk"))
        done = CliRunner().invoke(
            cli, ["import", "statement", str(tmp_path / name), "--acquirer", "lakala", "--config", str(config)]
        )
        assert done.exit_code == 0, done.output

    result = run.check(settings)

    assert result.could_not_run == []
    found = sorted((each.rule, each.subjects[0].stan, each.amount_at_risk_fen) for each in result.findings)
    assert found == [
        ("amount_differs", wrong["stan"], 1000),
        ("fee_rate_over_contract", dear["stan"], 50),
        ("missing_in_acquirer", lost["stan"], lost["amount_fen"]),
        ("missing_in_terminal", 999000, 12345),
    ]

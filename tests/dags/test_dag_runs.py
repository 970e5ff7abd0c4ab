"""The DAGs, really run: on a spool and a lake of their own, with a mail server at the end."""

import datetime as dt
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ingest.commands.replay import replay
from ingest.demo.mailbox import Mailbox
from ingest.depot import Depot
from ingest.keys import create_keys, load_keys
from ingest.segments import sealed_segments
from ingest.shipping import ship
from ingest.simulator.rehearsal import rehearse
from ingest.simulator.scenario import ZONE, take_seats, truth_lines
from ingest.simulator.scenarios import MERCHANTS, write_scenario
from ingest.tables import Lake
from protocols.profile import load_profile
from tests.dags.conftest import Airflow
from tests.ingest.landingshop import Shop as Collector
from tests.ingest.landingshop import sale as told
from tests.ingest.s3 import bucket_at

pytestmark = pytest.mark.slow

DAY = dt.date(2026, 11, 21)
NOTHING_NEW = {"share_out": "skipped", "land_share": "skipped", "land": "skipped"}


class Shop:
    """A folder with everything a shop has, and the environment that makes tasks look there."""

    def __init__(self, root: Path, smtp_port: int) -> None:
        self.root = root
        self.lake = Lake(root / "lake")
        self.config = root / "tillwatch.toml"
        create_keys(root / "pan-token.key")
        self.config.write_text(
            f'[spool]\ndirectory = "{root}/spool"\n[lake]\nuri = "{root}/lake"\n'
            f'[keys]\npan_token = "{root}/pan-token.key"\n'
            f'[alerts]\nsmtp = "smtp://127.0.0.1:{smtp_port}"\n[alerts.timing]\nat_once = true\n'
            '[[alerts.routes]]\nmerchants = ["*"]\nto = ["finance@example.com"]\nlocale = "en"\n',
            "utf-8",
        )
        self.environment = {"TILLWATCH_CONFIG": str(self.config)}

    def record(self, lines: list[dict[str, Any]], profile: str) -> None:
        """Put a capture into the spool, as a sealed segment."""
        capture = self.root / "lines.capture.jsonl"
        capture.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
        ended = CliRunner().invoke(replay, [str(capture), "--profile", profile, "--config", str(self.config)])
        assert ended.exit_code == 0, ended.output + repr(ended.exception)

    def record_day(self) -> Counter[str]:
        """Put a whole shop day with its faults into the spool; how many faults there are of each rule."""
        seats = take_seats([("unionpay", False)], 4, merchants=MERCHANTS)
        scenario = write_scenario("shop-day", seats, DAY, seed=3)
        played = rehearse(scenario)
        profile = load_profile("unionpay")
        self.record(
            [
                {
                    "t": sent.draft.at.isoformat(),
                    "line": sent.seat.line,
                    "dir": "rx" if sent.is_request else "tx",
                    "frame": profile.build(sent.draft.mti, sent.draft.fields).hex(),
                }
                for sent in played.heard
            ],
            "unionpay",
        )
        truth = truth_lines(scenario.claims, played.records)
        return Counter(line["rule"] for line in truth if line["kind"] == "fault")


@pytest.fixture
def shop(tmp_path: Path, airflow: Airflow) -> Shop:
    """A shop whose mails go to the operator's mailbox: it is the only server here."""
    return Shop(tmp_path, airflow.mailbox.port)


def sale(stan: int, at: dt.datetime) -> list[dict[str, Any]]:
    """A sale and its approval as a capture's lines."""
    fields = {
        3: "000000", 4: "000000012800", 11: f"{stan:06d}", 12: f"{at:%H%M%S}", 13: f"{at:%m%d}", 41: "10010001",
        42: "898290058140001", 49: "156", 60: "22000101000",
    }  # fmt: skip
    request = load_profile("unionpay").build("0200", {2: "6222000000001239", 22: "021", 25: "00", **fields})
    answer = load_profile("unionpay").build("0210", {**fields, 37: f"{stan:012d}", 39: "00"})
    return [
        {"t": at.isoformat(), "line": "lane-1", "dir": "rx", "frame": request.hex()},
        {"t": (at + dt.timedelta(seconds=1)).isoformat(), "line": "lane-1", "dir": "tx", "frame": answer.hex()},
    ]


def test_nothing_to_land_is_no_event(airflow, shop):
    """An empty spool: the run succeeds, the task is skipped, and nobody is told of transactions."""
    run = airflow.run("land_terminal_logs", shop.environment)

    assert (run["state"], run["tasks"]) == ("success", NOTHING_NEW)
    assert run["events"] == []


def test_landing_tells_of_transactions_once(airflow, shop):
    """Rows changed: one event with their counts. Again with nothing new: none."""
    shop.record(sale(1, dt.datetime(2026, 11, 21, 12, 0, tzinfo=ZONE)), "unionpay")

    first = airflow.run("land_terminal_logs", shop.environment)
    second = airflow.run("land_terminal_logs", shop.environment)

    assert [event["asset"] for event in first["events"]] == ["transactions"]
    assert first["events"][0]["extra"]["transactions"] == 1
    assert second["tasks"] == NOTHING_NEW
    assert second["events"] == []


def test_a_backlog_in_the_store_is_brought_in_batches(airflow, shop, store):
    """130 segments of two collectors are three batches, each a task of its own; the last task works out the tables."""
    keys = load_keys(shop.root / "pan-token.key")
    for till, first in (("till-1", 100), ("till-2", 500)):
        collector = Collector(shop.root / till, keys, line=till)
        collector.seal(*(told(stan, stan) for stan in range(first, first + 65)))
        assert len(list(ship(collector.settings.spool.directory, Depot("s3://shop/spools", till)))) == 65
    lander = shop.environment | {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    lander |= {"TILLWATCH_LAKE__TAKE_FROM": "s3://shop/spools"}
    assert store

    run = airflow.run("land_terminal_logs", lander)

    assert run["state"] == "success"
    assert run["tasks"] == {"share_out": "success", "land_share": "success", "land": "success"}
    assert [each["segments"] for each in run["mapped"]["land_share.return_value"]] == [64, 64, 2]
    assert run["events"][0]["extra"]["segments"] == 0  # nothing was left to the last task but working out
    assert run["events"][0]["extra"]["transactions"] == shop.lake.read("transactions").num_rows == 130
    assert airflow.run("land_terminal_logs", lander)["tasks"] == NOTHING_NEW


def test_a_batch_that_fails_is_told_and_holds_up_no_other(airflow, shop, store):
    """A segment that cannot be taken: the operator hears of it once, and everything else is in the tables."""
    collector = Collector(shop.root / "till-1", load_keys(shop.root / "pan-token.key"))
    collector.seal(*(told(stan, stan) for stan in range(100, 165)))
    list(ship(collector.settings.spool.directory, Depot("s3://shop/spools", "till-1")))
    gone = sealed_segments(collector.settings.spool.directory)[3].path.name
    withheld = bucket_at(store, "shop").Object(f"spools/till-1/{gone}")
    withheld.put(Body=withheld.get()["Body"].read(), StorageClass="GLACIER")  # listed, and not given out
    lander = shop.environment | {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    before = len(airflow.mailbox.mails())

    run = airflow.run("land_terminal_logs", lander | {"TILLWATCH_LAKE__TAKE_FROM": "s3://shop/spools"})

    [mail] = [mail for _, mail in airflow.mailbox.mails()[before:]]
    assert mail["Subject"] == "[tillwatch pipeline] land_terminal_logs.land failed (try 1)"
    body = mail.get_body(preferencelist=("html",))
    assert body is not None
    assert gone in body.get_content()
    assert len(run["mapped"]["land_share.return_value"]) == 1  # of two batches
    assert run["state"] == "failed"
    assert shop.lake.read("transactions").num_rows == 64


def test_a_store_that_is_down_holds_up_no_spool(airflow, shop):
    """This machine's own segments land; then the task that could not reach the store fails, and it alone."""
    shop.record(sale(1, dt.datetime(2026, 11, 21, 12, 0, tzinfo=ZONE)), "unionpay")
    down = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

    run = airflow.run("land_terminal_logs", shop.environment | down | {"TILLWATCH_LAKE__TAKE_FROM": "s3://shop/spools"})

    assert run["tasks"] == {"share_out": "skipped", "land_share": "skipped", "land": "failed"}
    assert shop.lake.read("transactions").num_rows == 1


def test_a_night_s_maintenance_changes_no_row(airflow, shop):
    """The DAG says what it did; the tables read as before."""
    for stan in range(1, 5):
        shop.record(sale(stan, dt.datetime(2026, 11, 21, 12, stan, tzinfo=ZONE)), "unionpay")
    assert airflow.run("land_terminal_logs", shop.environment)["state"] == "success"
    before = sorted(map(str, shop.lake.read("raw_frames").to_pylist()))

    ran = airflow.run("maintain_lake", shop.environment)

    assert ran["state"] == "success"
    assert ran["xcom"]["maintain.return_value"]["compacted"] >= 4
    assert sorted(map(str, shop.lake.read("raw_frames").to_pylist())) == before


@pytest.mark.parametrize("clock", ["00:30", "07:59", "08:01", "23:59"])
def test_the_business_day_is_the_shop_s(airflow, shop, clock):
    """At 00:30 and 07:59 in Shanghai it is still yesterday in UTC; the row is of today all the same."""
    at = dt.datetime.combine(DAY, dt.time.fromisoformat(clock), ZONE)
    shop.record(sale(1, at), "unionpay")

    airflow.run("land_terminal_logs", shop.environment)
    checked = airflow.run("check_transactions", shop.environment)

    assert shop.lake.read("transactions", columns=["business_date"])["business_date"].to_pylist() == [DAY]
    assert checked["tasks"] == {"check": "skipped", "every_rule_ran": "success"}


def test_a_shop_day_ends_in_mails(airflow, shop):
    """Land, check, send: the findings are the faults, each DAG tells the next, and a second sending sends nothing."""
    faults = shop.record_day()
    before = len(airflow.mailbox.mails())

    landed = airflow.run("land_terminal_logs", shop.environment)
    checked = airflow.run("check_transactions", shop.environment)
    tried = airflow.run("send_alerts", shop.environment, dry_run=True)
    unsent = len(airflow.mailbox.mails())
    sent = airflow.run("send_alerts", shop.environment)
    again = airflow.run("send_alerts", shop.environment)

    assert [run["state"] for run in (landed, checked, tried, sent, again)] == ["success"] * 5
    assert Counter(row["rule"] for row in shop.lake.read("findings", columns=["rule"]).to_pylist()) == faults
    assert [event["asset"] for event in checked["events"]] == ["findings"]
    assert checked["events"][0]["extra"]["findings"] == faults.total()
    assert (tried["tasks"], tried["events"], unsent) == ({"send": "skipped"}, [], before)
    assert [event["asset"] for event in sent["events"]] == ["alerts"], sent
    assert sent["events"][0]["extra"]["mails"] == len(airflow.mailbox.mails()) - before > 0
    assert again["tasks"] == {"send": "skipped"}
    _no_card_data(landed, checked, sent)


def test_days_can_be_asked_for(airflow, shop):
    """The parameters from and to reach the rules: other days are not judged."""
    shop.record(sale(1, dt.datetime(2026, 11, 20, 12, 0, tzinfo=ZONE)), "unionpay")
    airflow.run("land_terminal_logs", shop.environment)

    wrong = airflow.run("check_transactions", shop.environment, **{"from": "2026-11-22", "to": "2026-11-21"})
    right = airflow.run("check_transactions", shop.environment, **{"from": "2026-11-21", "to": "2026-11-22"})

    assert wrong["tasks"]["check"] == "failed"
    assert right["tasks"]["check"] == "skipped"


def test_a_server_that_is_down_leaves_the_mails_due(airflow, shop, tmp_path):
    """The task fails and the operator hears why; when the server is back, the same mails go out."""
    shop.record_day()
    airflow.run("land_terminal_logs", shop.environment)
    airflow.run("check_transactions", shop.environment)
    with Mailbox(tmp_path / "closed") as closed:
        dead = f"smtp://127.0.0.1:{closed.port}"
    before = len(airflow.mailbox.mails())

    down = airflow.run("send_alerts", shop.environment | {"TILLWATCH_ALERTS__SMTP": dead})
    told = [str(mail["Subject"]) for _, mail in airflow.mailbox.mails()[before:]]
    up = airflow.run("send_alerts", shop.environment)

    assert down["tasks"] == {"send": "failed"}
    assert [subject for subject in told if subject.startswith("[tillwatch pipeline] send_alerts.send failed")] == told
    assert len(told) == 1
    assert up["events"][0]["extra"]["mails"] >= 1


def test_a_broken_pipeline_mails_the_operator_each_time_of_what_broke(airflow, tmp_path):
    """Two tasks fail in one process: two mails, each of its own task, with the cause."""
    before = len(airflow.mailbox.mails())
    nowhere = {"TILLWATCH_CONFIG": str(tmp_path / "nowhere.toml")}

    states = [airflow.run(dag, nowhere)["state"] for dag in ("land_terminal_logs", "send_alerts")]

    mails = [mail for _, mail in airflow.mailbox.mails()[before:]]
    assert states == ["failed", "failed"]
    assert [str(mail["Subject"]) for mail in mails] == [
        "[tillwatch pipeline] land_terminal_logs.land failed (try 1)",
        "[tillwatch pipeline] send_alerts.send failed (try 1)",
    ]
    assert {mail["To"] for mail in mails} == {"operator@example.com"}
    body = mails[0].get_body(preferencelist=("html",))
    assert body is not None
    assert "nowhere.toml: no such configuration file" in body.get_content()


def test_a_rule_that_crashed_is_told_after_what_was_found(airflow, shop):
    """A rule that could not run fails the second task only: what the others found is announced all the same."""
    shop.record_day()
    airflow.run("land_terminal_logs", shop.environment)

    run = airflow.run("check_transactions", shop.environment, break_rule="double_void")

    assert run["tasks"] == {"check": "success", "every_rule_ran": "failed"}
    assert run["xcom"]["check.could_not_run"] == ["double_void"]
    assert [event["asset"] for event in run["events"]] == ["findings"]


def _no_card_data(*runs: dict[str, Any]) -> None:
    """XComs and events carry ids and counts: nothing of the simulated cards' numbers outside the hex ids."""
    for run in runs:
        for value in [*run["xcom"].values(), *(event["extra"] for event in run["events"])]:
            assert "6222" not in re.sub(r'"[0-9a-f]{32}"', "", json.dumps(value))

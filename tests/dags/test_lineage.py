"""What a check judged, as OpenLineage events of its task, where somebody asked for them."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from ingest.demo.mailbox import Mailbox
from ingest.simulator.scenario import ZONE
from protocols.profile import load_profile
from tests.dags.conftest import Airflow
from tests.dags.test_dag_runs import Shop, sale

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The events of a check of two sales under one trace number, of an Airflow whose transport is a file."""
    home = tmp_path_factory.mktemp("lineage")
    told = home / "events.jsonl"
    transport = json.dumps({"type": "file", "log_file_path": str(told), "append": True})
    with Mailbox(home / "operator") as mailbox:
        airflow = Airflow(home, mailbox, AIRFLOW__OPENLINEAGE__TRANSPORT=transport)
        shop = Shop(home, mailbox.port)
        noon = dt.datetime(2026, 11, 21, 12, 0, tzinfo=ZONE)
        shop.record([*sale(1, noon), *again(sale(1, noon + dt.timedelta(minutes=1)))], "unionpay")
        assert airflow.run("land_terminal_logs", shop.environment)["state"] == "success"
        assert airflow.run("check_transactions", shop.environment)["state"] == "success"
        airflow.close()
    return [json.loads(line) for line in told.read_text("utf-8").splitlines()]


def again(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same sale with another reference from the host: a second debit."""
    profile = load_profile("unionpay")
    found = []
    for line in lines:
        message = profile.decode(bytes.fromhex(line["frame"]))
        fields = dict(message.fields)
        if 37 in fields:
            fields[37] = "999999999999"
        found.append(line | {"frame": profile.build(message.mti, fields).hex()})
    return found


def judged(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The event in which the task of the check says what it judged."""
    (found,) = (
        event
        for event in events
        if event["job"]["name"] == "check_transactions.check" and event["eventType"] == "RUNNING" and event["inputs"]
    )
    return found


def test_each_rule_is_an_assertion_of_the_table_it_judged(events: list[dict[str, Any]]):
    """The rule that found something failed, with its count; those that found nothing held; each in domain words."""
    (transactions,) = (each for each in judged(events)["inputs"] if each["name"].endswith("/transactions"))
    assertions = {each["name"]: each for each in transactions["inputFacets"]["dataQualityAssertions"]["assertions"]}

    assert transactions["namespace"] == "file"
    assert assertions["dup_stan_resent"]["assertion"] == "ExpectOneDebitPerTrace"
    assert (assertions["dup_stan_resent"]["success"], assertions["dup_stan_resent"]["actual"]) == (False, "1 findings")
    assert assertions["double_void"]["success"]
    assert assertions["transactions.ExpectAmountNotNegative"]["column"] == "amount_fen"
    assert [each["name"].rpartition("/")[2] for each in judged(events)["outputs"]] == ["findings"]


def test_every_event_is_of_the_task_and_holds_nothing_of_a_merchant(events: list[dict[str, Any]]):
    """The event that says what was judged is of the same run as the task's own start and end; no number of a shop."""
    of_task = [event for event in events if event["job"]["name"] == "check_transactions.check"]
    assert {event["eventType"] for event in of_task} >= {"START", "RUNNING", "COMPLETE"}
    assert len({event["run"]["runId"] for event in of_task}) == 1
    said = json.dumps(judged(events)["inputs"])
    assert "merchant_id" not in said.replace('"column": "merchant_id"', "")
    assert "6222" not in said


def test_without_a_transport_nothing_is_told(airflow: Airflow, tmp_path: Path):
    """Where nobody asked for lineage the check runs as ever, and writes no event."""
    shop = Shop(tmp_path, airflow.mailbox.port)
    shop.record(sale(1, dt.datetime(2026, 11, 21, 12, 0, tzinfo=ZONE)), "unionpay")
    airflow.run("land_terminal_logs", shop.environment)
    assert airflow.run("check_transactions", shop.environment)["state"] == "success"
    assert not list(tmp_path.rglob("events*.jsonl"))

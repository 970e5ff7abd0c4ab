"""A till and its terminal with a real collector between them: what lands is what was paid, whatever befell the wire."""

import json
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ingest.simulator.mishaps import MISHAPS, Unlucky
from ingest.simulator.talk import payments, profiles_that_talk
from ingest.tables import Lake
from tests.ingest.simulator.test_pull import PATIENCE, TILLWATCH, run


def key(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True)


@pytest.mark.slow
@pytest.mark.parametrize("profile", profiles_that_talk())
def test_what_was_paid_is_in_the_tables(tmp_path: Path, profile: str) -> None:
    """Over pseudo-terminals or TCP, with NAKs, repetitions, refusals and lost answers: each is one row."""
    run("doctor", "--create-keys", cwd=tmp_path, statuses=(0, 3))
    options = ["--lines", "2", "--seed", "3", "--profile", profile, "--truth", "truth.jsonl", "--json"]
    command = [str(TILLWATCH), "simulate", "till", *options]
    log = tmp_path / "log"
    with (
        log.open("w") as err,
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as till,
    ):
        assert till.stdout is not None
        lines = [json.loads(till.stdout.readline()) for _ in range(2)]
        words = [word for line in lines for word in (line["option"], line["value"])]
        collector = subprocess.Popen([TILLWATCH, "collect", *words], cwd=tmp_path, stderr=err)
        assert till.wait(PATIENCE) == 0
        assert json.loads(till.stdout.readline())["ended"]
    time.sleep(0.5)  # the last bytes reach the collector
    collector.send_signal(signal.SIGTERM)
    assert collector.wait(PATIENCE) == 0, log.read_text()
    run("land", cwd=tmp_path)
    lake = Lake(str(tmp_path / "var/lake"))
    assert set(lake.read("rejects").column("layer").to_pylist()) <= {"link"}  # frames that were damaged as they left
    truth = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text("utf-8").splitlines()]
    (table,) = {row.pop("table") for row in truth}
    rows = lake.read(table).to_pylist()
    assert Counter(key({name: row[name] for name in truth[0]}) for row in rows) == Counter(map(key, truth))
    if table == "transactions":
        assert len(truth) == 24
        assert {"approved", "declined", "unknown"} == {row["outcome"] for row in truth}
    else:  # a signing without a picture is an event
        begun = [row for row in lake.read("events").to_pylist() if row["operation"] == "SIGN_BEGIN"]
        assert 24 - len(truth) == len(begun) > 0
        assert {row["outcome"] for row in begun} == {"declined"}


def test_the_same_seed_wants_the_same() -> None:
    """Equal seeds, equal payments: every outcome among them, some without a card, numbers in order."""
    made = payments(random.Random("a"), 200)
    assert made == payments(random.Random("a"), 200)
    assert {each.outcome for each in made} == {"approved", "declined", "unknown"}
    assert {each.txn_type for each in made} == {"SALE", "REFUND"}
    assert [each.number for each in made] == list(range(1, 201))
    assert any(not each.card for each in made)


class Echo:
    """Says what it hears."""

    due = None

    def feed(self, data: bytes, now: float) -> bytes:
        del now
        return data

    def tick(self, now: float) -> bytes:
        del now
        return b""


@pytest.mark.parametrize("mishap", MISHAPS)
def test_a_mishap_befalls_once(mishap: str) -> None:
    """Words have one byte, frames more; what is damaged differs in one bit; a second time all is well."""
    unlucky = Unlucky(Echo(), lambda: 0, {0: mishap})  # type: ignore[dict-item]  # one of the choices
    heard = [unlucky.feed(data, 0.0) for data in (b"\x06", b"frame", b"\x06", b"frame")]
    if mishap.startswith("word"):
        assert heard == [b"", b"frame", b"\x06", b"frame"]
    else:
        assert (heard[0], heard[2:]) == (b"\x06", [b"\x06", b"frame"])
        assert sum((a ^ b).bit_count() for a, b in zip(heard[1], b"frame", strict=True)) == 1

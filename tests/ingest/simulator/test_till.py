"""A till and its terminal with a real collector between them: what lands is what was paid, whatever befell the wire."""

import datetime as dt
import json
import random
import signal
import subprocess
import time
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ingest.commands.simulate import simulate
from ingest.simulator.mishaps import MISHAPS, Unlucky
from ingest.simulator.play import Play
from ingest.simulator.pty import DeviceFolder
from ingest.simulator.scenario import take_seats
from ingest.simulator.scenarios import MERCHANTS
from ingest.simulator.stage import Stage
from ingest.simulator.talk import payments, profiles_that_talk, talking_lines
from ingest.tables import Lake
from protocols.profile import load_profile
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
    deadline = time.monotonic() + PATIENCE
    while log.read_text().count(" unplugged ") < 4:  # each side was read to its end
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
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


@pytest.mark.parametrize("profile", profiles_that_talk())
def test_nobody_speaks_before_a_collector_is_there(tmp_path: Path, profile: str) -> None:
    """A till that began alone would give its payments up, and the truth would name rows that nobody heard."""
    seats = take_seats([(profile, False)], 1, merchants=MERCHANTS)
    with DeviceFolder(tmp_path) as folder:
        (line,) = talking_lines(seats, {profile: load_profile(profile)}, folder, dt.date(2026, 11, 22), 1, 3)
        assert not any(actor.end.is_there for actor in line.actors)


@pytest.mark.parametrize(("scenario", "player"), [("till", Stage), ("pull", Stage), ("traffic", Play)])
def test_a_printed_configuration_is_one_when_the_play_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scenario: str, player: type
) -> None:
    """`--print-config > tillwatch.toml` must be TOML: what else is said at the end goes to stderr."""
    monkeypatch.setattr(player, "run", lambda _: True)
    words = [scenario, "--lines", "2", "--count", "2", "--print-config", "--devices", str(tmp_path)]
    done = CliRunner().invoke(simulate, words)
    assert done.exit_code == 0, done.output
    assert [line["name"] for line in tomllib.loads(done.stdout)["lines"]] == ["lane-1", "lane-2"]
    assert f"{scenario}: played: " in done.stderr


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

"""Terminals that are asked, end to end: the simulator's on real devices, a real collector, and the tables."""

import datetime as dt
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ingest.commands.simulate import simulate
from ingest.simulator.pull import batch, profiles_that_answer
from ingest.simulator.scenario import take_seats
from ingest.simulator.scenarios import MERCHANTS
from ingest.tables import Lake
from protocols.profile import available_profiles, load_profile
from tests.ingest.simulator.conftest import DAY

TILLWATCH = Path(sys.executable).with_name("tillwatch")
PATIENCE = 90.0
PROFILES = profiles_that_answer()


def run(*words: str, cwd: Path, statuses: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run([TILLWATCH, *words], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode in statuses, done.stderr


@contextmanager
def simulated(shop: Path, *words: str) -> Iterator[list[str]]:
    """A simulator at work: the words that the collector takes."""
    command = [str(TILLWATCH), "simulate", *words, "--json"]
    with subprocess.Popen(command, cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        count = int(words[words.index("--lines") + 1])
        lines = [json.loads(process.stdout.readline()) for _ in range(count)]
        yield [word for line in lines for word in (line["option"], line["value"])]
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def collect(shop: Path, words: list[str]) -> None:
    """Collect until each line was asked and has answered."""
    log = shop / "log"
    with log.open("w") as err:
        collector = subprocess.Popen([TILLWATCH, "collect", *words], cwd=shop, stderr=err)
    deadline = time.monotonic() + PATIENCE
    while log.read_text().count("outcome=answered") < len(words) // 2 and collector.poll() is None:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    collector.send_signal(signal.SIGTERM)
    assert collector.wait(PATIENCE) == 0, log.read_text()


def landed(shop: Path, names: list[str]) -> list[dict[str, Any]]:
    """The transactions, of each the columns that the truth speaks of; moments as the truth writes them."""
    run("land", cwd=shop)
    lake = Lake(str(shop / "var/lake"))
    assert lake.read("rejects").num_rows == 0
    rows = [{name: row[name] for name in names} for row in lake.read("transactions").to_pylist()]
    return in_order({name: _told(value) for name, value in row.items()} for row in rows)


def _told(value: Any) -> Any:
    return value.astimezone(dt.UTC).isoformat() if isinstance(value, dt.datetime) else value


def in_order(rows: Any) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


@pytest.mark.slow
@pytest.mark.parametrize("profile", PROFILES)
def test_what_a_terminal_tells_is_in_the_tables(tmp_path: Path, profile: str) -> None:
    """Asked, each terminal's answer lands as exactly the rows of the truth; asked again, nothing changes."""
    run("doctor", "--create-keys", cwd=tmp_path, statuses=(0, 3))
    options = ["--lines", "3", "--seed", "7", "--profile", profile, "--truth", "truth.jsonl"]
    with simulated(tmp_path, "pull", *options) as words:
        collect(tmp_path, words)
        truth = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text("utf-8").splitlines()]
        assert len(truth) >= 3
        once = landed(tmp_path, list(truth[0]))
        assert once == in_order(truth)
        collect(tmp_path, words)
        assert landed(tmp_path, list(truth[0])) == once


def test_every_dialect_that_is_asked_has_a_terminal_that_answers() -> None:
    """No question without somebody in the simulator who answers it, and nobody who answers what none asks."""
    for name in available_profiles():
        speech = load_profile(name).speech
        assert bool(speech.questions) == (speech.terminal is not None), name
        assert not speech.questions or speech.name in {load_profile(each).dialect for each in PROFILES}, name


def test_a_batch_is_a_function_of_its_seed() -> None:
    """Equal seeds, equal batches; trace numbers without gaps, voids of live sales at their amount, cards masked."""
    (seat,) = take_seats([("zvt", False)], 1, merchants=MERCHANTS)
    journal = list(batch(seat, DAY, 3, 60))
    assert journal == list(batch(seat, DAY, 3, 60))
    assert journal != list(batch(seat, DAY, 4, 60))
    assert [each.stan for each in journal] == list(range(seat.stan, seat.stan + 60))
    assert {each.txn_type for each in journal} == {"SALE", "VOID", "REFUND"}
    assert all(each.at.date() == DAY - dt.timedelta(days=1) and "******" in each.card for each in journal)
    sales = {each.stan: each for each in journal if each.txn_type == "SALE"}
    voids = [each for each in journal if each.txn_type == "VOID"]
    assert len({each.orig_stan for each in voids}) == len(voids)
    for void in voids:
        original = sales[void.orig_stan or 0]
        assert (original.amount, original.card, original.rrn) == (void.amount, void.card, void.orig_rrn)
        assert original.at < void.at


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--profile", "unionpay"], "cannot be asked"),
        (["--mode", "relay"], "a mode of its own"),
    ],
)
def test_wrong_words_are_told(tmp_path: Path, words: list[str], said: str) -> None:
    """A terminal that nobody can ask, and a mode that it cannot have: one line each."""
    done = CliRunner().invoke(simulate, ["pull", *words, "--devices", str(tmp_path)])
    assert said in str(done.exception)
    assert not list(tmp_path.glob("lane*"))

"""The demo's shop day on its wires, the collector killed with -9 twenty times in the middle of it.

The same scenario, played in memory and landed undisturbed, says what had to arrive. On a
line that waits for our ACK nothing may be missing. Where we pass on (relay) or overhear
(listen) nobody waits for our disk, so the frames of the last moment before a kill can be
missing; nothing else may be, and no line may hold anything twice.
"""

import collections
import datetime as dt
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.keys import create_keys
from ingest.lake import Lake
from ingest.simulator.rehearsal import Rehearsal, rehearse
from ingest.simulator.scenario import Seat, take_seats
from ingest.simulator.scenarios import MERCHANTS, write_scenario
from protocols.profile import load_profile, profiles_speaking
from protocols.sanitise import Sanitiser
from tests.expectations.shopdays import captures

pytestmark = pytest.mark.slow

KILLS = 20
PAUSE = 0.3, 1.2
"""Seconds from a start to the next kill."""
PLAY_SECONDS = 80.0
"""Long enough for twenty kills and starts, where a start takes less than three seconds."""
CALL = [sys.executable, "-c", "from ingest.cli import main; main()"]
SAID = (
    *("line", "merchant_id", "terminal_id", "batch_no", "stan", "txn_type", "amount_fen", "pan_masked", "card_token"),
    *("rrn", "auth_code", "response_code", "outcome"),
)


def play_seconds(folder: Path) -> float:
    """How long the day must be for all kills to fall into it on this machine, as busy as it is."""
    began = time.monotonic()
    subprocess.run([*CALL, "collect"], cwd=folder, capture_output=True, check=False)  # no line: it loads, and refuses
    start = 2 * (time.monotonic() - began)
    return max(PLAY_SECONDS, KILLS * (2 * start + sum(PAUSE) / 2))


class Shop:
    """The folder, the simulator on its devices, and one collector after the other."""

    def __init__(self, folder: Path, day: dt.date) -> None:
        self.folder = folder
        self.simulator = subprocess.Popen(
            [*CALL, "simulate", "shop-day", "--json", "--seed=1", f"--day={day}", f"--seconds={play_seconds(folder)}"],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.simulator.stdout is not None
        self.lines = [json.loads(self.simulator.stdout.readline()) for _ in range(4)]
        self.collector: subprocess.Popen[str] | None = None

    def collect(self) -> None:
        """A collector on all lines; returns when it has its ports and its spool."""
        words = [f"{line['option']}={line['value']}" for line in self.lines]
        with (self.folder / "collector.log").open("a") as log:
            before = log.tell()
            self.collector = subprocess.Popen([*CALL, "collect", *words], cwd=self.folder, stderr=log, text=True)
        devices = sum(2 if line["peer"] else 1 for line in self.lines)
        deadline = time.monotonic() + 60
        while self._told(before, b" open ") < devices or not self._told(before, b" recording "):
            assert self.collector.poll() is None, "the collector ended"
            assert time.monotonic() < deadline, "the collector does not open its ports"
            time.sleep(0.02)

    def _told(self, before: int, event: bytes) -> int:
        """How often it has told of an event since its start."""
        with (self.folder / "collector.log").open("rb") as log:
            log.seek(before)
            return log.read().count(event)

    def end(self, number: int) -> int:
        """Signal the collector and wait for its end."""
        assert self.collector is not None
        self.collector.send_signal(number)
        return self.collector.wait(60)

    def run(self, *words: str, **environment: str) -> None:
        """A command of ours that must succeed."""
        done = subprocess.run(
            [*CALL, *words], cwd=self.folder, env=os.environ | environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop day about to begin; everything started ends with the test."""
    made = Shop(tmp_path, dt.datetime.now(dt.UTC).date())
    yield made
    for process in (made.simulator, made.collector):
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()


def rehearsed(day: dt.date) -> Rehearsal:
    """The same shop day in memory."""
    brands = [(name, load_profile(name).link.ack) for name in profiles_speaking("unionpay")]
    seats: tuple[Seat, ...] = take_seats(brands, 4, merchants=MERCHANTS)
    return rehearse(write_scenario("shop-day", seats, day, 1))


def said(lake: Path) -> "collections.Counter[tuple[Any, ...]]":
    """What the rows of ``transactions`` say, whenever they were seen."""
    columns = Lake(lake).read("transactions", columns=list(SAID)).to_pydict()
    return collections.Counter(zip(*(columns[name] for name in SAID), strict=True))


def test_killed_twenty_times_in_the_shop_day_nothing_is_lost_and_nothing_doubled(
    shop: Shop, record_property: Any
) -> None:
    """What was acknowledged is there once and says what it says undisturbed; of the rest only moments are missing."""
    rng = random.Random(2)
    keys = create_keys(shop.folder / "var/keys/pan-token.key")
    day = dt.datetime.now(dt.UTC).date()
    shop.collect()
    kills = 0
    while kills < KILLS:
        time.sleep(rng.uniform(*PAUSE))
        assert shop.simulator.poll() is None, f"the day was over after {kills} kills"
        shop.end(signal.SIGKILL)
        kills += 1
        shop.collect()
    assert shop.simulator.wait(300) == 0
    time.sleep(1)
    assert shop.end(signal.SIGTERM) == 0
    shop.run("spool", "verify")
    shop.run("land")
    play = rehearsed(day)
    for file, profile in captures(play, shop.folder).items():
        shop.run("replay", str(file), "--profile", profile, TILLWATCH_SPOOL__DIRECTORY="undisturbed/spool")
    shop.run("land", TILLWATCH_SPOOL__DIRECTORY="undisturbed/spool", TILLWATCH_LAKE__URI="undisturbed/lake")

    waits = {line["line"] for line in shop.lines if line["mode"] == "receive"}
    due: dict[str, set[str]] = {line["line"]: set() for line in shop.lines}
    safe = {line["line"]: Sanitiser(load_profile(line["profile"]), keys) for line in shop.lines}
    for sent in play.heard:
        frame = load_profile(sent.seat.profile).build(sent.draft.mti, sent.draft.fields)
        due[sent.seat.line].add(safe[sent.seat.line].sanitise(frame).digest.hex())
    raw = Lake(shop.folder / "var/lake").read("raw_frames", columns=["line", "kind", "digest"]).to_pylist()
    got: dict[str, set[str]] = {line: set() for line in due}
    for row in raw:
        if row["kind"] == "frame":
            got[row["line"]].add(row["digest"])
    missing = {line: len(due[line] - got[line]) for line in due}
    assert {line: len(got[line] - due[line]) for line in due} == dict.fromkeys(due, 0), "a frame nobody sent"
    assert {missing[line] for line in waits} == {0}, "an acknowledged frame is not in the lake"
    assert sum(missing.values()) <= KILLS, "more than a moment's frames are missing"

    disturbed, undisturbed = said(shop.folder / "var/lake"), said(shop.folder / "undisturbed/lake")
    at = SAID.index("line")
    of_waiting = [{row: n for row, n in rows.items() if row[at] in waits} for rows in (disturbed, undisturbed)]
    assert of_waiting[0] == of_waiting[1]
    assert sum(of_waiting[0].values()) > KILLS
    key = [SAID.index(name) for name in ("line", "terminal_id", "batch_no", "stan", "txn_type")]
    count = [
        collections.Counter(tuple(row[i] for i in key) for row in rows.elements()) for rows in (disturbed, undisturbed)
    ]
    assert {each: n for each, n in count[0].items() if n > count[1][each]} == {}, "a transaction is there twice"
    frames, acknowledged = sum(map(len, due.values())), sum(len(due[line]) for line in waits)
    record_property("tried", f"{kills} kills in the shop day, {frames} frames")
    record_property("lost", f"0 of {acknowledged} acknowledged; {sum(missing.values())} of the rest not recorded")
    print(f"{kills} kills, {frames} frames: missing {missing}")

"""What two collectors recorded of a shop day, shipped to a store; and an Airflow that is asked and waited for."""

import datetime as dt
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from ingest.depot import Depot
from ingest.keys import create_keys
from ingest.records import Kind, PendingRecord, session
from ingest.shipping import ship
from ingest.simulator.rehearsal import rehearse
from ingest.simulator.scenario import take_seats, truth_lines
from ingest.simulator.scenarios import MERCHANTS, write_scenario
from ingest.spool import Spool
from protocols.profile import load_profile
from protocols.sanitise import Sanitiser

PROFILE = "unionpay"
PATIENCE = 900
"""Seconds; nothing here takes a quarter of that on a machine that is free."""


def ship_day(folder: Path, url: str, segments: int) -> Counter[str]:
    """Record a shop day with its faults on two collectors, seal it in so many segments, and ship them: the faults."""
    scenario = write_scenario(
        "shop-day", take_seats([(PROFILE, False)], 4, merchants=MERCHANTS), dt.date(2026, 11, 21), seed=3
    )
    played = rehearse(scenario)
    keys = create_keys(folder / "pan-token.key")
    profile = load_profile(PROFILE)
    sanitiser = Sanitiser(profile, keys)
    lanes: dict[str, list[PendingRecord]] = {}
    for sent in played.heard:
        safe = sanitiser.sanitise(profile.build(sent.draft.mti, sent.draft.fields))
        lane = lanes.setdefault(sent.seat.line, [])
        lane.append(
            PendingRecord(
                Kind.FRAME,
                sent.seat.line,
                PROFILE,
                round(sent.draft.at.timestamp() * 1e6) * 1000,
                direction="rx" if sent.is_request else "tx",
                frame=safe.frame,
                digest=safe.digest,
                card_token=safe.card_token,
                length=len(safe.frame),
            )
        )
    for number in range(2):
        mine = [lanes[line] for line in sorted(lanes)][number::2]
        with Spool(folder / f"shop-{number}", keys) as spool:
            for lane in mine:
                spool.append_many([session(lane[0].line, PROFILE, wall_ns=lane[0].wall_ns)])
                step = max(1, -(-len(lane) * len(lanes) // segments))
                for at in range(0, len(lane), step):
                    spool.append_many(lane[at : at + step])
                    spool.seal()
        list(ship(folder / f"shop-{number}", Depot(url, f"shop-{number}")))
    truth = truth_lines(scenario.claims, played.records)
    return Counter(line["rule"] for line in truth if line["kind"] == "fault")


class Api:
    """Airflow's REST API, as its administrator."""

    def __init__(self, port: int, passwords: Path) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        password = json.loads(passwords.read_text("utf-8"))["admin"]
        token = self._client.post("/auth/token", json={"username": "admin", "password": password})
        self._client.headers["Authorization"] = f"Bearer {token.raise_for_status().json()['access_token']}"

    def has(self, dag: str) -> bool:
        """Whether a DAG was read; not, while nobody answers."""
        try:
            return self._client.get(f"/api/v2/dags/{dag}").status_code == 200
        except httpx.HTTPError:
            return False

    def go_on(self, dag: str) -> None:
        """Let a DAG's schedule go on, and its runs."""
        self._client.patch(f"/api/v2/dags/{dag}", json={"is_paused": False}).raise_for_status()

    def trigger(self, dag: str) -> str:
        """Start a run: its name."""
        started = self._client.post(f"/api/v2/dags/{dag}/dagRuns", json={"logical_date": None}).raise_for_status()
        return str(started.json()["dag_run_id"])

    def runs(self, dag: str) -> dict[str, str]:
        """The state of each run."""
        listed = self._client.get(f"/api/v2/dags/{dag}/dagRuns", params={"limit": 100}).raise_for_status().json()
        return {run["dag_run_id"]: run["state"] for run in listed["dag_runs"]}

    def is_idle(self, dag: str) -> bool:
        """Whether no run of it is to come or under way; not, while nobody can say."""
        try:
            return not {"running", "queued"} & set(self.runs(dag).values())
        except httpx.HTTPError:
            return False

    def tries(self, dag: str, run: str) -> dict[tuple[str, int], tuple[str | None, int]]:
        """The state and the number of tries of each task of a run, mapped ones by their place."""
        path = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances"
        listed: list[dict[str, Any]] = self._client.get(path).raise_for_status().json()["task_instances"]
        return {(each["task_id"], each["map_index"]): (each["state"], each["try_number"]) for each in listed}


def wait(what: str, until: Any) -> None:
    """Ask once a second until it is so.

    Raises:
        AssertionError: it never was.
    """
    for _ in range(PATIENCE):
        if until():
            return
        time.sleep(1)
    raise AssertionError(f"still not: {what}")

"""A world of the detection benchmark lands and is judged on a real master with two workers as in one process."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.cluster import SMALL, cluster
from bench.detection.pipeline import bring
from bench.detection.story import write
from bench.detection.worlds import brands
from expectations.run import check
from ingest import deriving
from ingest.deriving import DERIVED
from ingest.engine import Engine
from ingest.landing import land
from ingest.settings import Settings
from ingest.storage import LakeSettings
from ingest.tables import Lake
from tests.sparkhere import why_without_spark

pytestmark = pytest.mark.slow

JUDGED = ("findings", "life_cycles", "coverage")


@dataclass(frozen=True, slots=True)
class World:
    """A world that was recorded and landed, and a cluster."""

    settings: Settings
    engine: Engine
    frames: int

    def on_spark(self, **changes: Any) -> Settings:
        return self.settings.model_copy(update={"engine": self.engine, **changes})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if missing := why_without_spark():
        pytest.skip(f"NOT CHECKED: {missing}")
    brought = bring(write("test", 60, shops=12, cases=4, profiles=brands()), tmp_path_factory.mktemp("world"))
    with cluster(tmp_path_factory.mktemp("cluster"), options=SMALL) as engine:
        yield World(brought.settings, engine, brought.frames)


def rows(settings: Settings, *names: str) -> dict[str, list[str]]:
    """Tables' rows, in an order of their own."""
    lake = Lake.of(settings.lake)
    return {name: sorted(map(repr, lake.read(name).to_pylist())) for name in names}


def test_a_world_lands_alike_and_once(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Two executors, days apart, make the tables of a landing in one process; landing again changes nothing."""
    monkeypatch.setattr(deriving, "PIECE_ROWS", 2_000)  # several pieces
    apart = world.on_spark(lake=LakeSettings(uri=str(tmp_path / "lake")))

    landed = land(apart)

    assert landed.segments >= 1
    assert landed.rows["transactions"] > world.frames // 4
    tables = ("raw_frames", *DERIVED)
    assert rows(apart, *tables) == rows(world.settings, *tables)
    assert not land(apart).changed


def test_a_world_is_judged_alike(world: World, tmp_path: Path):
    """Findings, life cycles and coverage are equal, row for row; every rule and every law of a table was judged."""
    by_duckdb = check(world.settings)
    stored = rows(world.settings, *JUDGED)
    lake = Lake.of(world.settings.lake)
    for name in JUDGED:
        (lake.root / name).rename(tmp_path / name)

    by_spark = check(world.on_spark())

    assert by_spark.could_not_run == by_duckdb.could_not_run == []
    assert len({each.rule for each in by_spark.findings}) > 50
    assert by_spark.findings == by_duckdb.findings
    assert rows(world.settings, *JUDGED) == stored
    assert by_spark.rules_run == by_duckdb.rules_run
    assert (by_spark.attempts, by_spark.quality) == (by_duckdb.attempts, by_duckdb.quality)

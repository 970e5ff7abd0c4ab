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
from expectations.verdicts import plain
from ingest import deriving
from ingest.deriving import DERIVED
from ingest.engine import Engine
from ingest.landing import land
from ingest.settings import Settings
from ingest.spark.session import session
from ingest.storage import LakeSettings
from ingest.tables import Lake
from tests.sparkhere import why_without_spark

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

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


DIFFERENCES = [
    "SELECT dayofweek(d) FROM t ORDER BY n",
    "SELECT date_diff('hour', a, b), date_diff('minute', a, b) FROM t ORDER BY n",
    "SELECT date_diff('day', d, DATE '2026-03-01') FROM t ORDER BY n",
    "SELECT epoch(b - a)::BIGINT FROM t ORDER BY n",
    "SELECT (d::TIMESTAMP + to_seconds(n * 3600)) AT TIME ZONE 'Asia/Shanghai' FROM t ORDER BY n",
    "SELECT (a AT TIME ZONE 'Asia/Shanghai')::DATE FROM t ORDER BY n",
    "SELECT arg_max(word, n), arg_min(word, n), list(word ORDER BY n DESC), list(word ORDER BY word) FROM t",
    """SELECT n, arg_max(word, n) OVER w, quantile_disc(n, 0.5) FILTER (n > 1) OVER w, count(DISTINCT word) OVER w
       FROM t WINDOW w AS (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) ORDER BY n""",
    "SELECT n FROM t QUALIFY row_number() OVER (PARTITION BY word IS NULL ORDER BY word, n) = 1 ORDER BY n",
    "SELECT (md5_number(n::VARCHAR) >> 64)::UBIGINT FROM t ORDER BY n",
    "SELECT unnest(generate_series(min(d), max(d), INTERVAL 1 DAY))::DATE AS day FROM t ORDER BY day",
    "SELECT n, word FROM (SELECT t.* REPLACE (n + 1 AS n) FROM t) ORDER BY n",
    "SELECT word FROM t ORDER BY word DESC, n",
]
"""Where the two dialects mean different things by the same words, over nulls, ties, half seconds and midnights."""


def test_the_dialects_differ_in_no_meaning(world: World):
    """What Spark answers is what DuckDB answers."""
    import duckdb

    from expectations.spark.database import Database  # sqlglot is there with the fixture

    told = """CREATE TEMP TABLE t AS SELECT * FROM (VALUES
        (1, 'b', DATE '2026-02-28', TIMESTAMPTZ '2026-02-28 15:59:59.2+00', TIMESTAMPTZ '2026-02-28 16:00:00.7+00'),
        (2, NULL, DATE '2026-03-01', TIMESTAMPTZ '2026-03-01 00:59:59+00', TIMESTAMPTZ '2026-03-01 01:00:00+00'),
        (3, 'a', DATE '2026-03-02', TIMESTAMPTZ '2026-03-01 16:00:00+00', TIMESTAMPTZ '2026-02-28 16:00:00.5+00'),
        (4, 'a', DATE '2026-03-02', NULL, TIMESTAMPTZ '2026-03-02 00:00:00+00'),
        (5, NULL, DATE '2026-03-07', TIMESTAMPTZ '2026-03-07 12:00:00+00', NULL)) AS v(n, word, d, a, b)"""
    with duckdb.connect() as here, session(world.engine) as spark:
        there = Database(spark)
        here.execute("SET TimeZone = 'UTC'")
        here.execute(told)
        there.register("t", here.sql("SELECT * FROM t").to_arrow_table())
        for query in DIFFERENCES:
            assert _rows(there.sql(query)) == _rows(here.sql(query)), query
        there.close()


def _rows(answer: Any) -> list[list[Any]]:
    """Rows and columns in their order; sums as int, moments in UTC."""
    return [[_plain(each) for each in row.values()] for row in answer.to_arrow_table().to_pylist()]


def _plain(value: Any) -> Any:
    return [plain(each) for each in value] if isinstance(value, list) else plain(value)

"""A world of the detection benchmark lands and is judged on a real master with two workers as in one process.

Landing and checking are the commands, in processes of their own: what else this process has imported is not theirs.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.cluster import SMALL, cluster
from bench.detection.pipeline import bring
from bench.detection.story import write
from bench.detection.worlds import brands
from expectations.lifecycle import link
from expectations.lifecycle import table as life_cycles
from expectations.lifecycle.reading import read_tables
from expectations.run import business_days, shop_of
from expectations.verdicts import plain
from ingest.deriving import DERIVED
from ingest.engine import Engine
from ingest.settings import Settings
from ingest.spark.session import session
from ingest.storage import LakeSettings
from ingest.tables import Lake
from tests.settingsfile import written
from tests.sparkhere import why_without_spark

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

TILLWATCH = [str(Path(sys.executable).with_name("tillwatch"))]
IN_SMALL_PIECES = [
    sys.executable,
    "-c",
    "from ingest import deriving; deriving.PIECE_ROWS = 2_000; from ingest.cli import main; main()",
]
"""The same command, with several pieces of work where there would be one."""
JUDGED = ("findings", "life_cycles", "coverage")


@dataclass(frozen=True, slots=True)
class World:
    """A world that was recorded and landed in one process, a cluster, and a file that says where they are."""

    settings: Settings
    engine: Engine
    file: Path
    counts: dict[str, int]

    def run(self, program: list[str], *words: str, lake: str = "") -> "subprocess.CompletedProcess[str]":
        """A command, and what it said."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TILLWATCH_")}
        return subprocess.run(
            [*program, *words, "--json", "--config", str(self.file)],
            env=environment | ({"TILLWATCH_LAKE__URI": lake} if lake else {}),
            cwd=self.file.parent,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if missing := why_without_spark():
        pytest.skip(f"NOT CHECKED: {missing}")
    folder = tmp_path_factory.mktemp("world")
    brought = bring(write("test", 60, shops=12, cases=4, profiles=brands()), folder)
    with cluster(tmp_path_factory.mktemp("cluster"), options=SMALL) as engine:
        file = written(brought.settings.model_copy(update={"engine": engine}), folder / "tillwatch.toml")
        yield World(brought.settings, engine, file, brought.landed.counts)


def rows(place: Path, *names: str) -> dict[str, list[str]]:
    """Tables' rows, in an order of their own."""
    lake = Lake(place)
    return {name: sorted(map(repr, lake.read(name).to_pylist())) for name in names}


def test_a_world_lands_alike_and_once(world: World, tmp_path: Path):
    """Two executors, days apart, make the tables of a landing in one process; landing again changes nothing."""
    words = ("land", "--engine", "spark")

    landed = world.run(IN_SMALL_PIECES, *words, lake=str(tmp_path / "lake"))

    assert landed.returncode == 0, landed.stderr
    told = json.loads(landed.stdout)
    assert {name: told[name] for name in world.counts} == world.counts
    assert world.counts["segments"] >= 1
    tables = ("raw_frames", *DERIVED)
    made = rows(tmp_path / "lake", *tables)
    assert made == rows(Path(world.settings.lake.uri), *tables)
    assert len(made["transactions"]) > len(made["raw_frames"]) // 4
    assert "nothing new" in world.run(TILLWATCH, *words, lake=str(tmp_path / "lake")).stderr


def test_a_world_is_judged_alike(world: World, tmp_path: Path):
    """Findings, life cycles and coverage are equal, row for row, and so is every word that the commands say."""
    lake = Path(world.settings.lake.uri)
    by_duckdb = world.run(TILLWATCH, "check", "--engine", "duckdb")
    stored = rows(lake, *JUDGED)
    for name in JUDGED:
        (lake / name).rename(tmp_path / name)

    by_spark = world.run(TILLWATCH, "check", "--engine", "spark")

    assert len({json.loads(line)["rule"] for line in by_duckdb.stdout.splitlines()}) > 50
    assert (by_spark.returncode, by_duckdb.returncode) == (1, 1), by_spark.stderr
    assert by_spark.stdout == by_duckdb.stdout
    assert by_duckdb.stderr[:2] == "20"  # attempts, rules, broken laws of the tables, what is unverifiable
    assert by_spark.stderr.endswith(by_duckdb.stderr)  # before it stands what Java says of itself
    assert rows(lake, *JUDGED) == stored


def test_stored_life_cycles_are_brought_up_alike(world: World, tmp_path: Path):
    """Over what DuckDB stored, Spark writes the days that are out of date, and those alone; then nothing more."""
    import pyarrow as pa

    from expectations.spark.engine import Spark  # sqlglot is there with the fixture

    place = tmp_path / "lake"
    shutil.copytree(world.settings.lake.uri, place, ignore=shutil.ignore_patterns(*JUDGED))
    lake, shop = Lake(place), shop_of(world.settings)
    days = business_days(lake)
    with contextlib.closing(link(read_tables(lake, days[0]), shop, days[0], days[-1])) as linked:
        assert life_cycles.store(lake, linked, days[0], days[-1]) == sorted(lake.days("life_cycles"))
    stored = rows(place, "life_cycles")
    first, (early, late, gone) = days[len(days) // 2], (days[1], days[-2], days[-3])
    old = lake.read("life_cycles", filters=[("business_date", "in", [early, late])])
    stands = pa.array([not each for each in old["stands"].to_pylist()])
    old = old.set_column(old.schema.get_field_index("stands"), "stands", stands)
    assert lake.replace(
        "life_cycles", old, partitions={"business_date": [early, late, gone]}, app_id="test", app_version=1
    )
    assert rows(place, "life_cycles") != stored

    with session(world.engine) as spark:
        linked = Spark(spark, LakeSettings(uri=str(place))).link(lake, shop, first, days[-1], lambda _: None)
        written = life_cycles.store(lake, linked, first, days[-1])
        written_again = life_cycles.store(lake, linked, first, days[-1])
        linked.close()

    assert written == sorted([early, late, gone])
    assert rows(place, "life_cycles") == stored
    assert written_again == []


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

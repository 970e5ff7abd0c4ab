"""Spark lands what one process does: on a real master with two workers, a world of the detection benchmark."""

from pathlib import Path

import pytest

from bench.cluster import SMALL, cluster
from bench.detection.pipeline import Perturbation, record
from bench.detection.story import write
from bench.detection.worlds import brands
from ingest import deriving
from ingest.deriving import DERIVED
from ingest.keys import create_keys
from ingest.landing import land
from ingest.settings import Settings
from ingest.tables import Lake
from tests.sparkhere import why_without_spark

pytestmark = pytest.mark.slow


def rows(settings: Settings) -> dict[str, list[str]]:
    """Every table's rows, in an order of their own."""
    lake = Lake.of(settings.lake)
    return {name: sorted(map(repr, lake.read(name).to_pylist())) for name in ("raw_frames", *DERIVED)}


def test_a_world_lands_alike_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Two executors, days apart, make the tables of a landing in one process; landing again changes nothing."""
    if missing := why_without_spark():
        pytest.skip(f"NOT CHECKED: {missing}")
    told = {"spool": {"directory": tmp_path / "spool"}, "keys": {"pan_token": tmp_path / "key"}}
    here = Settings.model_validate(told | {"lake": {"uri": str(tmp_path / "here")}})
    story = write("test", 60, shops=12, cases=4, profiles=brands())
    frames = record(story, here, create_keys(tmp_path / "key"), Perturbation(), set())
    land(here)
    monkeypatch.setattr(deriving, "PIECE_ROWS", 2_000)  # several pieces

    with cluster(tmp_path, options=SMALL) as engine:
        lake = here.lake.model_copy(update={"uri": str(tmp_path / "apart")})
        apart = here.model_copy(update={"lake": lake, "engine": engine})
        landed = land(apart)

    assert landed.segments >= 1
    assert landed.rows["transactions"] > frames // 4
    assert rows(apart) == rows(here)
    assert not land(apart).changed  # and nobody is asked at a master that is no more

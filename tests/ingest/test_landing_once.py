"""Landing: each row exactly once, whatever order segments come in, and whoever dies or races on the way."""

import itertools
import random
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ingest import deltalog, landing
from ingest.errors import LakeError
from ingest.keys import create_keys
from ingest.landing import land
from ingest.records import PendingRecord
from ingest.segments import sealed_segments
from ingest.tables import TABLES, Lake
from tests.ingest.landingshop import Heard, Shop, day_of_traffic, everything, sale

pytestmark = pytest.mark.slow  # whole landings


def test_landing_again_changes_nothing(shop: Shop, record_property: Any) -> None:
    """The second run finds nothing new, writes nothing, and the tables are the same to the version."""
    shop.seal(day_of_traffic())
    land(shop.settings)
    before, versions = everything(shop), [shop.lake.version(name) for name in TABLES]

    again = land(shop.settings)

    assert not again.changed
    assert again.counts == {"segments": 0, "frames": 0, "damaged": 0}
    assert everything(shop) == before
    assert [shop.lake.version(name) for name in TABLES] == versions
    record_property("lost", f"0 of {sum(map(len, before.values()))} rows, 0 twice")


def test_nothing_there_is_nothing_landed(shop: Shop) -> None:
    """No spool and no lake is not an error."""
    assert not land(shop.settings).changed


def test_same_capture_read_twice_is_one(shop: Shop) -> None:
    """The same frames in a second segment, seen at the same moments, add no row and no attempt."""
    shop.seal(day_of_traffic())
    land(shop.settings)
    once = everything(shop, proof=False)
    shop.seal(day_of_traffic())

    land(shop.settings)

    assert everything(shop, proof=False) == once
    assert sum(row["kind"] == "frame" for row in shop.rows("raw_frames")) == 38


@pytest.mark.slow
@given(cuts=st.sets(st.integers(1, 18), max_size=4), mixed=st.booleans())
@examples(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cutting_and_interleaving_make_no_difference(
    tmp_path_factory: pytest.TempPathFactory, cuts: set[int], mixed: bool
) -> None:
    """The same exchanges, cut into segments anywhere and interleaved with another line's, give identical tables."""
    folder = tmp_path_factory.mktemp("shop")
    whole, cut = [Shop(folder / name, create_keys(folder / name / "key")) for name in ("whole", "cut")]
    cut.keys = whole.keys
    heard = day_of_traffic()
    whole.seal(heard)
    ends = [0, *sorted(cuts), len(heard)]
    pieces: list[list[Heard | PendingRecord]] = [list(heard[a:b]) for a, b in itertools.pairwise(ends)]
    if mixed:  # the two directions reach the spool in another order than they were seen
        pieces = [sorted(piece, key=lambda each: str(each[1:2]), reverse=True) for piece in pieces]  # type: ignore[index]
    cut.seal(*pieces)

    land(whole.settings)
    land(cut.settings)

    assert everything(cut, proof=False) == everything(whole, proof=False)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_order_of_landing_makes_no_difference(shop: Shop, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Segments that land one by one in any order end in the tables of all at once, proof included."""
    heard = day_of_traffic()
    shop.seal(*(heard[at : at + 4] for at in range(0, len(heard), 4)))
    shop.uri = shop.folder / "at-once"
    land(shop.settings)
    at_once = everything(shop)
    segments = sealed_segments(shop.settings.spool.directory)
    random.Random(seed).shuffle(segments)
    shop.uri = shop.folder / "one-by-one"

    for last in range(len(segments)):
        monkeypatch.setattr(landing, "sealed_segments", lambda _, last=last: segments[: last + 1])
        land(shop.settings)

    assert everything(shop) == at_once


class DiedError(Exception):
    """The process is gone."""


STEPS = range(1, 10)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_dying_at_any_commit_is_healed_by_the_next_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, step: int, when: str, record_property: Any
) -> None:
    """Killed before or after any commit of a run, the next run ends in the same tables, each row once."""
    heard = day_of_traffic()
    shop.seal(heard[:9], heard[9:])
    shop.uri = shop.folder / "undisturbed"
    land(shop.settings)
    undisturbed = everything(shop)
    shop.uri = shop.folder / "disturbed"
    commit, numbers = deltalog.commit, itertools.count(1)

    def dying(*arguments: Any, **named: Any) -> bool:
        mine = next(numbers)  # two may be on their way at once
        if mine == step and when == "before":
            raise DiedError
        committed = commit(*arguments, **named)
        if mine == step:
            raise DiedError
        return committed

    monkeypatch.setattr("ingest.deltalog.commit", dying)
    died = False
    try:
        land(shop.settings)
    except DiedError:
        died = True
    monkeypatch.undo()
    land(shop.settings)

    assert died == (step <= 8), "a run of two segments makes eight commits"
    assert everything(shop) == undisturbed
    assert globbed(shop) == len(shop.rows("transactions"))
    record_property("lost", f"0 of {sum(map(len, undisturbed.values()))} rows, 0 twice")


def globbed(shop: Shop) -> int:
    """Rows a plain glob over the folder sees."""
    import duckdb

    files = duckdb.read_parquet(f"{shop.lake.root}/transactions/**/*.parquet", hive_partitioning=True)
    return len(files.project("stan").fetchall())


@pytest.mark.slow
def test_four_processes_at_once_land_each_row_once(shop: Shop, record_property: Any) -> None:
    """Whoever commits first, all four end well, and the tables are those of one undisturbed run (fault 18)."""
    heard = day_of_traffic()
    shop.seal(*(heard[at : at + 2] for at in range(0, len(heard), 2)))
    shop.uri = shop.folder / "alone"
    land(shop.settings)
    alone = everything(shop)
    shop.uri = shop.folder / "together"
    config = shop.folder / "tillwatch.toml"
    config.write_text(f"[spool]\ndirectory = '{shop.folder / 'spool'}'\n[lake]\nuri = '{shop.uri}'\n")
    words = [sys.executable, "-c", "from ingest.cli import main; main()", "land", "--config", str(config)]
    runs = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [run.communicate()[1] for run in runs]

    assert [run.returncode for run in runs] == [0] * 4, said
    assert everything(shop) == alone
    assert globbed(shop) == len(shop.rows("transactions"))
    record_property("lost", f"0 of {sum(map(len, alone.values()))} rows, 0 twice")


def test_losing_every_race_is_said(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that others always overtake ends with a line, not in a circle."""
    shop.seal(sale(2, 10))
    monkeypatch.setattr(Lake, "replace", lambda *_, **__: False)
    monkeypatch.setattr("ingest.deriving.ROUNDS", 3)

    with pytest.raises(LakeError, match="kept committing first"):
        land(shop.settings)

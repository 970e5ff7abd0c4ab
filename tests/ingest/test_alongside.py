"""Tables worked out while segments still come in: the very files that are made of a backlog that is in the lake."""

import datetime as dt
import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ingest import alongside, landing
from ingest.alongside import Alongside
from ingest.errors import LakeError
from ingest.handing import Flow, News, Stopped
from ingest.landing import land
from ingest.tables import Lake
from tests.ingest.landingshop import SIGN_IN, Heard, Shop, day_of_traffic, everything, sale, settlement

if TYPE_CHECKING:
    import pyarrow as pa

DAY = 86_400
NEAR_MIDNIGHT = 12 * 3600 - 0.2


def days(first: int, last: int) -> list[Heard]:
    """Traffic of some days, counted from the shop's: sales, one over midnight, one without an answer, a settlement."""
    heard: list[Heard] = []
    for day in range(first, last):
        at = day * DAY
        heard += sale(10 * day + 1, at) + sale(10 * day + 2, at + 60, rrn=None) + sale(10 * day + 3, at + 120)
        heard += settlement(at + 3600) + sale(10 * day + 4, at + NEAR_MIDNIGHT)
    return heard


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Has every landing work tables out alongside; for each whether what was made was used."""
    told: list[bool] = []
    made = Alongside.made

    def noted(work: Alongside, version: int, since: int | None) -> Any:
        found = made(work, version, since)
        told.append(found is not None)
        return found

    monkeypatch.setattr(Alongside, "made", noted)
    monkeypatch.setattr(landing, "COMPILED_BYTES", 0)
    monkeypatch.setattr("ingest.deriving.PIECE_ROWS", 20)
    return told


@pytest.fixture
def plainly(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Shop]:
    """Lands the spool into another lake, all segments first."""

    def land_so() -> Shop:
        other = Shop(shop.folder, shop.keys, uri=shop.folder / "plain")
        with monkeypatch.context() as patched:
            patched.setattr(landing, "_early", lambda *_: None)
            land(other.settings)
        return other

    return land_so


def files(shop: Shop) -> dict[str, str]:
    """The hash of every data file, by its path in the lake."""
    root = Path(shop.settings.lake.uri)
    found = {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*.parquet"))}
    return {str(path): hashlib.sha256(data).hexdigest() for path, data in found.items()}


def test_what_is_made_alongside_is_the_same_byte_for_byte(
    shop: Shop, asked: list[bool], plainly: Callable[[], Shop]
) -> None:
    """Of nine days in four segments that begin anywhere in a day: exchanges over midnight, and sessions said again."""
    heard = SIGN_IN + days(0, 9)
    cuts = [0, 14, 31, 58, len(heard)]
    shop.seal(*(heard[begin:end] for begin, end in itertools.pairwise(cuts)))
    result = land(shop.settings)
    assert asked == [True]
    assert result.transactions == 9 * 4
    assert files(shop) == files(plainly())
    assert {row["outcome"] for row in shop.rows("transactions")} == {"approved", "unknown"}


def test_nothing_is_read_that_came_just_now(shop: Shop, asked: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each day is handed over once; a later landing reads what was there of its first day, and two days before it."""
    read: list[Any] = []
    table = Lake.read

    def noted(lake: Lake, name: str, **how: Any) -> Any:
        read.append(how.get("filters"))
        return table(lake, name, **how)

    monkeypatch.setattr(Lake, "read", noted)
    shop.seal(days(0, 3), days(3, 6))
    land(shop.settings)
    assert not read
    shop.seal(days(6, 8))
    land(shop.settings)
    assert asked == [True, True]
    assert {each for ((_, _, each),) in read} == {dt.date(2026, 11, day) for day in (25, 26, 27)}  # not the 28th


def test_a_later_landing_adds_to_what_was_there(shop: Shop, asked: list[bool], plainly: Callable[[], Shop]) -> None:
    """The day that was half there is worked out again; the tables say what they say of one landing."""
    heard = days(0, 6)
    shop.seal(heard[:20])
    land(shop.settings)
    shop.seal(heard[20:31], heard[31:])
    land(shop.settings)
    assert asked == [True, True]
    assert everything(shop) == everything(plainly())


def test_a_day_that_was_not_whole_is_worked_out_anew(
    shop: Shop, asked: list[bool], plainly: Callable[[], Shop]
) -> None:
    """What came for a day that was done already: all is made as it would have been."""
    shop.seal(days(0, 4), days(4, 7), sale(900, 600) + sale(901, DAY + 600))
    land(shop.settings)
    assert asked == [False]
    assert files(shop) == files(plainly())
    assert {900, 901} <= {row["stan"] for row in shop.rows("transactions")}


def test_a_day_that_was_not_there_and_comes_is_worked_out_anew(
    shop: Shop, asked: list[bool], plainly: Callable[[], Shop]
) -> None:
    """The day before the first was asked for when the first was made; then it comes."""
    shop.seal(days(0, 4), days(4, 7), sale(900, -DAY + NEAR_MIDNIGHT))
    land(shop.settings)
    assert asked == [False]
    assert files(shop) == files(plainly())


def test_what_another_run_commits_meanwhile_is_not_missed(
    shop: Shop, asked: list[bool], plainly: Callable[[], Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run lands the last segment first: the day it lies on has a file that this one never heard of."""
    shop.seal(days(0, 3), days(3, 5))
    append = Lake.append
    turns = iter(range(9))

    def late(lake: Lake, name: str, rows: Any, **how: Any) -> bool:
        if next(turns) == 1:
            how.pop("handed")
            assert append(lake, name, rows, **how)
            return False
        return append(lake, name, rows, **how)

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "append", late)
        land(shop.settings)
    assert asked == [False]
    assert everything(shop) == everything(plainly())


def test_a_failure_meanwhile_is_told_and_leaves_nothing_half_done(
    shop: Shop, asked: list[bool], plainly: Callable[[], Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk refuses the tables: the landing fails, no table counts, and the next one makes them all."""
    shop.seal(days(0, 4), days(4, 6))
    stage = Lake.stage

    def full(*_: Any, **__: Any) -> None:
        raise LakeError("cannot write: No space left on device")

    monkeypatch.setattr(Lake, "stage", full)
    with pytest.raises(LakeError, match="No space left"):
        land(shop.settings)
    assert asked == [False]
    assert not shop.rows("transactions")
    monkeypatch.setattr(Lake, "stage", stage)
    land(shop.settings)
    assert everything(shop) == everything(plainly())


def test_a_landing_that_fails_does_not_wait_for_tables(
    shop: Shop, asked: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that makes them ends with it."""
    shop.seal(days(0, 4), days(4, 6))

    def refuse(*_: Any, **__: Any) -> bool:
        raise LakeError("cannot be written")

    monkeypatch.setattr(Lake, "append", refuse)
    with pytest.raises(LakeError, match="cannot be written"):
        land(shop.settings)
    assert not [each for each in threading.enumerate() if each.name.startswith("tillwatch-alongside")]
    assert not asked


def test_tables_that_are_behind_are_not_worked_out_alongside(shop: Shop, asked: list[bool]) -> None:
    """A run died before it made them: their days are of no segment that comes now."""
    shop.seal(day_of_traffic())
    land(shop.settings)
    shop.lake.append("raw_frames", [], app_id="another")
    found = alongside.alongside(shop.lake, shop.settings.zone, {}, 1)
    assert found is None
    assert asked == [True]


def rows(count: int, kind: str = "frame") -> "pa.Table":
    """Rows of ``raw_frames``, as far as they matter here."""
    import pyarrow as pa

    return pa.table({"seq": pa.array(range(count), pa.int64()), "kind": [kind] * count})


@pytest.fixture
def flow() -> Iterator[Flow]:
    made = Flow(most=rows(10).nbytes)
    yield made
    made.stop()


def test_who_adds_waits_until_there_is_room(flow: Flow) -> None:
    """And goes on once what is there was taken."""
    flow.add("day=2026-11-21/a", rows(10))
    flow.wait()
    flow.add("day=2026-11-21/b", rows(1))
    waiting = threading.Thread(target=flow.wait)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    assert flow.take(["day=2026-11-21/a"]) == [rows(10)]
    waiting.join(5)
    assert not waiting.is_alive()
    assert flow.news(wait=False) == [News("day=2026-11-21/a", 10, 9, True), News("day=2026-11-21/b", 1, 0, True)]


def test_who_adds_does_not_wait_for_one_who_waits_for_more(flow: Flow) -> None:
    """A day larger than what fits still becomes whole."""
    heard: list[News] = []
    flow.add("day=2026-11-21/a", rows(11))
    assert len(flow.news(wait=True)) == 1
    waiting = threading.Thread(target=flow.wait)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    listening = threading.Thread(target=lambda: heard.extend(flow.news(wait=True)))
    listening.start()
    waiting.join(5)
    assert not waiting.is_alive()
    flow.add("day=2026-11-21/b", rows(9))
    listening.join(5)
    assert [each.path for each in heard] == ["day=2026-11-21/b"]


def test_nobody_waits_once_it_is_over(flow: Flow) -> None:
    flow.end()
    assert flow.news(wait=True) == []
    assert flow.ended
    flow.stop()
    flow.add("day=2026-11-21/a", rows(100))
    flow.wait()
    with pytest.raises(Stopped):
        flow.news(wait=True)


def test_sessions_alone_say_nothing(flow: Flow) -> None:
    """They are told of and not kept: each segment says them again, on the day on which they began."""
    flow.add("day=2026-11-21/a", rows(1000, "session"))
    assert flow.news(wait=False) == [News("day=2026-11-21/a", 1000, 999, False)]
    assert flow.take(["day=2026-11-21/a"]) is None

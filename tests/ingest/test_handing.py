"""Rows handed on from their commit to what is worked out from them: the same as the lake's, and no more than fit."""

import datetime as dt
from typing import Any

import pytest

from ingest import landing
from ingest.deriving import Work
from ingest.handing import Handed
from ingest.landing import bring, land
from ingest.segments import sealed_segments
from ingest.tables import Lake
from tests.ingest.landingshop import Shop, day_of_traffic, everything, sale


def brought(shop: Shop, handed: Handed) -> int:
    """Put the shop's segments into ``raw_frames``; how many came."""
    infos = sealed_segments(shop.settings.spool.directory)
    return bring(shop.lake, infos, shop.settings.zone, lambda *_: None, handed).segments


def work(shop: Shop, handed: Handed | None) -> Work:
    """The days there are to work out."""
    version = shop.lake.version("raw_frames")
    assert version is not None
    return Work(shop.lake, shop.settings.zone, version, None, lambda *_: None, {}, handed)


def test_what_is_handed_on_is_what_the_lake_holds(shop: Shop) -> None:
    """Of two segments and two days: the same columns, rows and order; and each day once."""
    shop.seal(day_of_traffic(), sale(20, 100) + sale(21, 12 * 3600 + 90))
    handed = Handed()
    assert brought(shop, handed) == 2
    mine, read = work(shop, handed), work(shop, None)
    assert len(mine.fresh) == 2
    for day in mine.fresh:
        expected = read._recorded(day)
        assert expected.num_rows > 2
        files = mine._files[day]
        assert mine._recorded(day).equals(expected)
        assert handed.take(files) is None
        assert mine._recorded(day).equals(expected)  # read


def test_what_another_committed_is_not_handed_on(shop: Shop) -> None:
    """Only a commit of this process says that these are the rows that count."""
    shop.seal(day_of_traffic())
    rows: list[Any] = []
    handed, other = Handed(), Handed()
    assert brought(shop, handed) == 1
    files = [path for paths in work(shop, None)._files.values() for path in paths]
    info = sealed_segments(shop.settings.spool.directory)[0]
    assert not shop.lake.append("raw_frames", rows, app_id=info.id, handed=other)
    assert other.take(files) is None
    assert handed.take(files) is not None


def test_of_what_does_not_fit_nothing_is_kept(shop: Shop) -> None:
    """Nor of what comes after it; of files that are here in part, nothing is taken."""
    shop.seal(sale(1, 10), sale(2, 20))
    whole = Handed()
    brought(shop, whole)
    (files,) = work(shop, None)._files.values()
    assert whole.take([*files, "no such file"]) is None
    parts = whole.take(files)
    assert parts is not None
    assert len(parts) == 2
    size = sum(part.nbytes for part in parts)
    for most in (size, size - 1):
        small = Handed(most)
        for path, part in zip(files, parts, strict=True):
            small.add(path, part)
        assert small.take(files[:1]) == (parts[:1] if most == size else None)
        small.add("one more", parts[0])
        assert small.take(["one more"]) is None
        assert small.take(files[1:]) is None


@pytest.mark.slow  # whole landings
def test_a_landing_reads_nothing_that_it_wrote(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """And makes of it what one makes that reads everything; a later one reads what was there before it."""
    shop.seal(day_of_traffic())
    asked = list[tuple[str, Any]]()
    read = Lake.read

    def told(lake: Lake, name: str, **how: Any) -> Any:
        asked.append((name, how.get("filters")))
        return read(lake, name, **how)

    monkeypatch.setattr(Lake, "read", told)
    land(shop.settings)
    assert not asked
    first = everything(shop)
    asked.clear()
    shop.seal(sale(30, 200))
    land(shop.settings)
    assert [each for each in asked if each[1] == [("day", "==", dt.date(2026, 11, 21))]]
    both = everything(shop)

    monkeypatch.setattr(landing, "Handed", lambda: Handed(0))
    reading = Shop(shop.folder, shop.keys, uri=shop.folder / "read")
    land(reading.settings)
    assert everything(reading) == both
    assert first != both

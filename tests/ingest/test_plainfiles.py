"""Files that another reader may read by itself: those that were committed, in a folder, in the clear."""

import datetime as dt
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import deltalog
from ingest.encryption import Cipher, FileKeys
from ingest.keys import create_keys
from ingest.tables import Lake
from tests.ingest.lakerows import MONDAY, TUESDAY, transactions

COLUMNS = ("transaction_id", "stan", "amount_fen", "event_at", "business_date")
FLIPS = 500


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Attempts of two days, one file each."""
    made = Lake(tmp_path / "lake")
    worked_out(made, MONDAY, 1, 2, 3)
    worked_out(made, TUESDAY, 4)
    return made


def worked_out(lake: Lake, day: dt.date, *stans: int) -> None:
    """A day's attempts, as landing puts them there."""
    rows = transactions(day, stans)
    lake.replace("transactions", rows, partitions={"business_date": [day]}, app_id=f"day-{day}", app_version=1)


def asked(lake: Lake, *columns: str, since: dt.date = MONDAY) -> list[Path] | None:
    """Where they lie."""
    return lake.plain("transactions", columns or COLUMNS, since)


def file_of(lake: Lake) -> Path:
    """One of them, that may be written to."""
    path = Path(lake.files("transactions")[0])
    path.chmod(0o600)
    return path


def test_another_reader_finds_in_them_what_we_read(lake: Lake):
    """With the days that their folders are named after; of the days that are asked for."""
    import duckdb

    paths = asked(lake)
    assert paths is not None
    assert sorted(map(str, paths)) == sorted(lake.files("transactions"))
    assert len(asked(lake, since=TUESDAY) or ()) == 1

    theirs = duckdb.read_parquet(list(map(str, paths)), hive_partitioning=True).select(*COLUMNS)
    ours = lake.read("transactions", columns=COLUMNS)
    assert theirs.order("stan").to_arrow_table().to_pylist() == ours.sort_by("stan").to_pylist()


def test_a_flipped_bit_anywhere_is_seen(lake: Lake):
    """In pages, in their headers, of which no checksum tells, in the footer, first and last."""
    path, dice = file_of(lake), random.Random(20261130)
    whole = path.read_bytes()
    for bit in (0, 8 * len(whole) - 1, *(dice.randrange(8 * len(whole)) for _ in range(FLIPS))):
        byte = bytes([whole[bit // 8] ^ 1 << bit % 8])
        path.write_bytes(whole[: bit // 8] + byte + whole[bit // 8 + 1 :])
        assert asked(lake) is None, bit
    path.write_bytes(whole)
    assert asked(lake) is not None


def cut(path: Path) -> None:
    """A half of it."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    """Nothing in it."""
    path.write_bytes(b"")


def written_anew(path: Path) -> None:
    """The same rows as anybody else writes them."""
    import pyarrow.parquet as pq

    pq.write_table(pq.ParquetFile(path).read(), path)


@pytest.mark.parametrize("spoilt", [cut, emptied, written_anew, Path.unlink])
def test_what_is_not_the_file_that_was_committed_is_left_alone(lake: Lake, spoilt: Callable[[Path], None]):
    """Cut off, empty, by somebody else, gone."""
    spoilt(file_of(lake))
    assert asked(lake) is None


def test_a_file_that_is_not_named_after_its_bytes_is_left_to_our_own_reader(lake: Lake):
    """As those are that were appended: nothing tells whether they are still what they were."""
    lake.append("transactions", transactions(TUESDAY, [5]), app_id="appended")
    assert asked(lake) is None
    assert lake.read("transactions").num_rows == 5


def test_a_column_that_an_earlier_version_had_not_is_left_to_our_own_reader(lake: Lake):
    """It reads nulls; another one knows no such column."""
    assert asked(lake, "transaction_id", "of_a_later_version") is None


def test_a_file_in_a_folder_of_another_day_is_left_to_our_own_reader(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """Another reader would believe the folder, and not the log."""
    listed = deltalog.listed
    monkeypatch.setattr(
        deltalog, "listed", lambda handle: [each | {"partition.business_date": TUESDAY} for each in listed(handle)]
    )
    assert asked(lake) is None


def test_who_has_a_key_reads_for_himself(lake: Lake, tmp_path: Path):
    """Some of the files may be encrypted; and without the key those are not plain either."""
    create_keys(tmp_path / "lake.key")
    keyed = Lake(lake.root, Cipher(FileKeys(tmp_path / "lake.key")))
    assert asked(keyed) is None
    worked_out(keyed, TUESDAY + dt.timedelta(days=1), 5)
    assert asked(lake) is None


def test_a_table_that_is_not_there_has_no_files(tmp_path: Path):
    """And none of its none is wrong."""
    assert asked(Lake(tmp_path / "nothing")) == []

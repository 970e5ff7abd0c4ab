"""The lake: committed once, read whole or not at all."""

import datetime as dt
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import datafile
from ingest.errors import LakeError, UsageError
from ingest.tables import TABLES, Lake, arrow_schema
from tests.ingest.lakerows import MONDAY, TUESDAY, globbed, stans, transactions


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.mark.parametrize("name", TABLES)
def test_table_that_is_not_there_is_empty_and_has_its_columns(lake: Lake, name: str) -> None:
    """Reading never needs a table to have been made."""
    table = lake.read(name)

    assert table.schema == arrow_schema(TABLES[name])
    assert table.num_rows == 0
    assert lake.version(name) is None
    assert lake.committed(name, "anybody") is None
    assert lake.files(name) == []


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    "int32": st.none() | st.integers(-(2**31), 2**31 - 1),
    "int64": st.none() | st.integers(-(2**63), 2**63 - 1),
    "double": st.none() | st.floats(allow_nan=False),
    "boolean": st.none() | st.booleans(),
    "date": st.sampled_from([MONDAY, TUESDAY]),
    "timestamp": st.none() | st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC)),  # noqa: DTZ001
    "binary": st.none() | st.binary(max_size=8),
}


@given(data=st.data(), name=st.sampled_from(sorted(TABLES)))
@settings(max_examples=25, deadline=None)
def test_rows_come_back_as_they_were_given(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, name: str
) -> None:
    """Every table gives back the rows put into it, nulls and all, in the declared columns."""
    import pyarrow as pa

    lake = Lake(tmp_path_factory.mktemp("lake"))
    spec = TABLES[name]
    words = VALUES | {"string": st.sampled_from(["contract", "payouts"])}  # a folder's name, and ours
    row = st.fixed_dictionaries(
        {column.name: (words if column.name in spec.partition_by else VALUES)[column.type] for column in spec.columns}
    )
    rows = data.draw(st.lists(row, max_size=4))

    assert lake.append(name, rows, app_id="once")

    found = lake.read(name)
    assert found.schema == arrow_schema(spec)
    unmatched = found.to_pylist()
    for each in rows:
        unmatched.remove(each)
    assert not unmatched
    coded = lake.read(name, coded=True)
    assert coded.cast(arrow_schema(spec)).equals(found)
    dictionaries = {each.name for each in coded.schema if pa.types.is_dictionary(each.type)}
    assert dictionaries == set(datafile.coded(found.schema)) - set(spec.partition_by)


def test_same_application_commits_once(lake: Lake) -> None:
    """A second append with the same application id and version changes nothing."""
    assert lake.append("transactions", transactions(MONDAY, [1, 2]), app_id="segment-1")
    assert not lake.append("transactions", transactions(MONDAY, [1, 2]), app_id="segment-1")
    assert lake.append("transactions", transactions(MONDAY, [3]), app_id="segment-2")

    assert stans(lake) == globbed(lake) == [1, 2, 3]
    assert lake.committed("transactions", "segment-1") == 1


def test_replace_takes_out_its_partitions_only(lake: Lake) -> None:
    """Rows of other partitions stay; the replaced files are gone from the disk, so a plain glob is right too."""
    rows = transactions(MONDAY, [1], seen=MONDAY) + transactions(MONDAY, [2], seen=TUESDAY)
    lake.replace("transactions", rows, partitions={"seen_date": [MONDAY, TUESDAY]}, app_id="raw", app_version=1)

    assert lake.replace(
        "transactions", transactions(TUESDAY, [3], seen=TUESDAY), partitions={"seen_date": [TUESDAY]}, app_id="raw",
        app_version=2,
    )  # fmt: skip

    assert stans(lake) == globbed(lake) == [1, 3]
    assert lake.committed("transactions", "raw") == 2
    assert len(list((lake.root / "transactions").rglob("*.parquet"))) == 2


def test_replace_by_nothing_empties_the_partition(lake: Lake) -> None:
    """A day that turns out to hold no row holds none."""
    lake.replace(
        "transactions", transactions(MONDAY, [1]), partitions={"seen_date": [MONDAY]}, app_id="raw", app_version=1
    )

    assert lake.replace("transactions", [], partitions={"seen_date": [MONDAY]}, app_id="raw", app_version=2)

    assert stans(lake) == []
    assert not list((lake.root / "transactions").rglob("*.parquet"))


@pytest.mark.parametrize("version", [1, 2])
def test_replace_never_goes_back(lake: Lake, version: int) -> None:
    """A version that is in already, or an earlier one, changes nothing."""
    where = {"seen_date": [MONDAY]}
    lake.replace("transactions", transactions(MONDAY, [1]), partitions=where, app_id="raw", app_version=2)

    assert not lake.replace(
        "transactions", transactions(MONDAY, [9]), partitions=where, app_id="raw", app_version=version
    )

    assert stans(lake) == globbed(lake) == [1]


def test_replace_refuses_rows_of_other_partitions(lake: Lake) -> None:
    """A row that the next replace would not take out again cannot come in."""
    with pytest.raises(ValueError, match="seen_date"):
        lake.replace(
            "transactions", transactions(MONDAY, [1]), partitions={"seen_date": [TUESDAY]}, app_id="raw", app_version=1
        )


def test_flipped_byte_is_an_error_that_names_the_file(lake: Lake) -> None:
    """A damaged page is never read as data; the message names the file and says what to do."""
    lake.append("transactions", transactions(MONDAY, range(200)), app_id="a")
    lake.append("transactions", transactions(TUESDAY, range(200)), app_id="b")
    path = Path(lake.files("transactions")[1])
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)

    with pytest.raises(LakeError, match=str(path)) as caught:
        lake.read("transactions")

    assert "tillwatch land" in caught.value.hint


@pytest.mark.slow
def test_no_flipped_bit_is_ever_read_as_data(lake: Lake) -> None:
    """1500 files with one flipped bit, footers too: each is refused or reads the same."""
    dice = random.Random(7)
    lake.append("transactions", transactions(MONDAY, range(300)), app_id="a")
    (path,) = map(Path, lake.files("transactions"))
    sound, rows = path.read_bytes(), lake.read("transactions")
    silent = 0
    for number in range(1500):
        data = bytearray(sound)
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
        try:
            found = lake.read("transactions", coded=bool(number % 2))
            silent += not found.cast(rows.schema).equals(rows)
        except LakeError:
            continue

    assert silent == 0


def test_missing_file_is_said(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file removed by hand is an error with its hint, not fewer rows."""
    monkeypatch.setattr("ingest.lake.READ_TRIES", 2)
    lake.append("transactions", transactions(MONDAY, [1]), app_id="a")
    Path(lake.files("transactions")[0]).unlink()

    with pytest.raises(LakeError, match="not there"):
        lake.read("transactions")


def test_file_that_reads_back_wrong_is_not_committed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written is compared with what was meant before anybody may see it."""
    import pyarrow.parquet as pq

    read = pq.ParquetFile.iter_batches
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *a, **k: (each.slice(1) for each in read(*a, **k)))

    with pytest.raises(LakeError, match="differs"):
        lake.append("transactions", transactions(MONDAY, [1, 2]), app_id="a")

    monkeypatch.undo()
    assert stans(lake) == []
    assert not list(lake.root.rglob("*.parquet"))
    assert not list(lake.root.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("name", "read_as"),
    [
        ("terminal_id", ["12345678", "12345670"]),
        ("terminal_id", ["12345678", None]),
        ("transaction_id", [f"{MONDAY}-1", f"{MONDAY}-1"]),
        ("amount_fen", [100, 200]),
        ("amount_fen", [100.0, 100.0]),
        ("rrn", ["", None]),
    ],
)
def test_each_value_that_reads_back_wrong_is_seen(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str, read_as: list[Any]
) -> None:
    """One text, number, null or type that differs is enough, in columns with a dictionary and in those without."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    read = pq.ParquetFile.iter_batches

    def changed(batch: Any) -> Any:
        values = pa.array(read_as)
        coded = pa.types.is_dictionary(batch[name].type)
        return batch.set_column(batch.schema.names.index(name), name, values.dictionary_encode() if coded else values)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *a, **k: map(changed, read(*a, **k)))

    with pytest.raises(LakeError, match="differs"):
        lake.append("transactions", transactions(MONDAY, [1, 2]), app_id="a")


@pytest.mark.parametrize("step", ["written", "publish", "statistics"])
def test_full_disk_commits_nothing_and_heals(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, step: str, record_property: Any
) -> None:
    """ENOSPC at any step is a LakeError; the same call again commits once."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(datafile, step if step != "written" else "sync", full)
        with pytest.raises((LakeError, OSError)):
            lake.append("transactions", transactions(MONDAY, [1]), app_id="a")

    assert stans(lake) == []
    assert lake.append("transactions", transactions(MONDAY, [1]), app_id="a")
    assert stans(lake) == globbed(lake) == [1]
    assert not list(lake.root.rglob("*.tmp"))
    record_property("lost", "0 rows, 0 twice")


def test_files_added_since_a_version_are_the_new_ones(lake: Lake) -> None:
    """What has to be worked out again are the days that got files."""
    lake.append("transactions", transactions(MONDAY, [1]), app_id="a")
    before = lake.version("transactions")
    lake.append("transactions", transactions(TUESDAY, [2]), app_id="b")

    assert [file["partition.seen_date"] for file in lake.added("transactions", since=before)] == [TUESDAY]
    assert len(lake.added("transactions")) == 2
    assert len(lake.added("transactions", version=before)) == 1
    assert lake.uncommitted("transactions", ["c", "a", "d"]) == ["c", "d"]


def test_filters_prune_and_columns_are_chosen(lake: Lake) -> None:
    """Filters are pyarrow expressions or tuples; partition columns can be asked for like any other."""
    import pyarrow.compute as pc

    lake.append("transactions", transactions(MONDAY, [1, 2]) + transactions(TUESDAY, [3]), app_id="a")

    found = lake.read("transactions", columns=["stan", "business_date"], filters=[("seen_date", "in", [TUESDAY])])
    again = lake.read("transactions", columns=["stan"], filters=pc.field("stan") < 3)

    assert found.to_pylist() == [{"stan": 3, "business_date": TUESDAY}]
    assert sorted(again["stan"].to_pylist()) == [1, 2]


def test_wrong_names_are_said(lake: Lake) -> None:
    """A table nobody declared, a column nobody declared, a store of another kind: each says so."""
    with pytest.raises(UsageError, match="no table 'transaction'"):
        lake.read("transaction")
    with pytest.raises(ValueError, match="no column 'amount'"):
        lake.append("transactions", [{"amount": 1}], app_id="a")
    with pytest.raises(UsageError, match="neither a folder nor a bucket"):
        Lake("gs://bucket/prefix")
    with pytest.raises(ValueError, match="application id"):
        lake.append("acks", [{"finding_id": "a"}], app_id="../a")


def test_lake_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A file where the folder should be is one line and a hint."""
    (tmp_path / "lake").write_text("in the way")

    with pytest.raises(LakeError, match="lake: not a folder"):
        Lake(tmp_path / "lake").append("acks", [{"finding_id": "a"}], app_id="a")


def test_duckdb_and_pyarrow_types_agree(lake: Lake) -> None:
    """A plain DuckDB query gets dates as dates, times as times with a zone, amounts as whole numbers."""
    import duckdb

    lake.append("transactions", transactions(MONDAY, [1]), app_id="a")
    files = duckdb.read_parquet(f"{lake.root}/transactions/**/*.parquet", hive_partitioning=True)
    types = dict(zip(files.columns, map(str, files.types), strict=True))

    assert types["business_date"] == types["seen_date"] == "DATE"
    assert types["event_at"] == "TIMESTAMP WITH TIME ZONE"
    assert types["amount_fen"] == "BIGINT"
    assert set(types) == set(arrow_schema(TABLES["transactions"]).names)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("transactions", "folder transactions aside"),
        ("raw_frames", "not alerts and acks"),
        ("findings", "tillwatch check"),
        ("alerts", "back from a copy"),
    ],
)
def test_what_to_do_about_a_broken_log_loses_nothing_else(lake: Lake, name: str, hint: str) -> None:
    """A derived table is made again alone; the memory of sent mails is never moved aside with the rest."""
    lake.append(name, [], app_id="first")
    (lake.root / name / "_delta_log" / "00000000000000000001.json").write_text("garbage")

    with pytest.raises(LakeError, match="log cannot be read") as wrong:
        lake.read(name)

    assert hint in wrong.value.hint


def test_a_file_in_the_place_of_the_lake_is_not_an_empty_lake(tmp_path: Path) -> None:
    """Nobody is told that there is nothing to check."""
    (tmp_path / "lake").write_text("a file")

    with pytest.raises(LakeError, match="lake: not a folder"):
        Lake(tmp_path / "lake").read("transactions")

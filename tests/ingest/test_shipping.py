"""Segments on their way to object storage: each there once, proven, whatever is lost between."""

import datetime as dt
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ingest.cli import cli
from ingest.depot import Depot, Parcel
from ingest.errors import StoreError, TillwatchError, UsageError
from ingest.keys import create_keys, load_keys
from ingest.lake import Lake
from ingest.landing import land
from ingest.records import DIGEST_SIZE, Kind, PendingRecord
from ingest.retention import prune
from ingest.segments import sealed_segments
from ingest.settings import Settings, load_settings
from ingest.shipping import LEDGER, Shipper, ship, unshipped
from ingest.spool import Spool
from ingest.taking import batches
from tests.ingest.s3 import LossyWire, bucket_at

pytestmark = pytest.mark.thorough

URL = "s3://shop/spools"


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """Four sealed segments."""
    config = tmp_path / "tillwatch.toml"
    config.write_text(f'[ship]\nto = "{URL}"\ncollector = "till-1"\n')
    settings = load_settings(config)
    create_keys(settings.keys.pan_token)
    _seal(settings, 4)
    return settings


def _seal(settings: Settings, count: int) -> None:
    with Spool(settings.spool.directory, load_keys(settings.keys.pan_token)) as spool:
        for _ in range(count):
            noise = PendingRecord(
                Kind.NOISE,
                "lane-1",
                "unionpay",
                1_795_000_000_000_000_000,
                1,
                "rx",
                digest=bytes(DIGEST_SIZE),
                length=7,
                error={"layer": "link", "code": "lrc", "offset": 0},
            )
            spool.append_many([noise])
            spool.seal()


def _stored(server: str) -> dict[str, bytes]:
    return {each.key: each.get()["Body"].read() for each in bucket_at(server, "shop").objects.all()}


def _expected(settings: Settings) -> dict[str, bytes]:
    infos = sealed_segments(settings.spool.directory)
    return {f"spools/till-1/{info.path.name}": info.path.read_bytes() for info in infos}


def test_each_segment_is_in_the_store_byte_for_byte_and_goes_there_once(shop: Settings, store: str):
    """The store holds what the spool holds; shipping again ships nothing."""
    depot = Depot(URL, "till-1")

    assert [each.again for each in ship(shop.spool.directory, depot)] == [False] * 4
    assert _stored(store) == _expected(shop)
    assert list(ship(shop.spool.directory, depot)) == []


def test_an_upload_whose_answer_was_lost_is_one_upload(
    shop: Settings, store: str, monkeypatch: pytest.MonkeyPatch, record_property: Any
):
    """The store took it and the answer never came: the next try finds it there, compares, and goes on."""
    wire = LossyWire(store, lost=2)
    monkeypatch.setenv("AWS_ENDPOINT_URL", wire.url)

    shipped = list(ship(shop.spool.directory, Depot(URL, "till-1")))
    wire.close()

    assert wire.lost == 0
    assert len(shipped) == 4
    assert any(each.again for each in shipped)
    assert _stored(store) == _expected(shop)
    record_property("lost", f"0 of {len(_expected(shop))} segments")


def test_a_ledger_that_was_torn_or_lost_ships_nothing_twice(shop: Settings, store: str):
    """A kill between store and ledger, or in the middle of its line: what is there already is compared and noted."""
    depot = Depot(URL, "till-1")
    list(ship(shop.spool.directory, depot))
    ledger = shop.spool.directory / LEDGER
    ledger.write_bytes(ledger.read_bytes()[:-20])

    assert [each.again for each in ship(shop.spool.directory, depot)] == [True]
    ledger.unlink()
    assert [each.again for each in ship(shop.spool.directory, depot)] == [True] * 4
    assert _stored(store) == _expected(shop)


def test_another_collectors_segment_under_the_same_name_is_never_overwritten(shop: Settings, store: str):
    """Something else lies under a name: an error that says so, both stay as they are, and the others are shipped."""
    first, *_ = _expected(shop)
    bucket_at(store, "shop").put_object(Key=first, Body=b"another's")

    with pytest.raises(StoreError, match="something else") as told:
        list(ship(shop.spool.directory, Depot(URL, "till-1")))

    assert "ship.collector" in told.value.hint
    assert _stored(store) == _expected(shop) | {first: b"another's"}
    assert len(unshipped(shop.spool.directory, URL)) == 1


def test_two_shippers_at_once_leave_each_segment_once(shop: Settings, store: str):
    """A collector and a command ship the same spool: nothing fails, nothing is there twice."""
    wrong: list[BaseException] = []

    def one() -> None:
        try:
            list(ship(shop.spool.directory, Depot(URL, "till-1")))
        except BaseException as failed:  # noqa: BLE001  told below
            wrong.append(failed)

    both = [threading.Thread(target=one) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()

    assert not wrong
    assert _stored(store) == _expected(shop)


def test_retention_removes_only_what_the_store_was_read_back_to_hold(shop: Settings, store: str):
    """The second segment is damaged in the store: the first goes, it and all after it stay."""
    depot = Depot(URL, "till-1")
    list(ship(shop.spool.directory, depot))
    names = list(_expected(shop))
    bucket_at(store, "shop").put_object(Key=names[1], Body=b"damaged")
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=40)

    judged = list(prune(shop.spool.directory, depot.lacks, keep_days=30, now=later))

    assert [bool(each.stays) for each in judged] == [False, True]
    assert "something else" in judged[1].stays
    assert list(_expected(shop)) == names[1:]


def test_a_running_shipper_gets_over_a_store_that_is_down(
    shop: Settings, store: str, monkeypatch: pytest.MonkeyPatch, record_property: Any
):
    """Told once, tried again; when the store is back everything leaves, and a segment sealed meanwhile too."""
    monkeypatch.setattr("ingest.shipping.FIRST_PAUSE", 0.05)
    monkeypatch.setattr("ingest.objectstore.TRIES", 0)
    told: list[tuple[str, dict[str, Any]]] = []
    shipped = threading.Semaphore(0)

    def tell(_line: str, event: str, /, **facts: Any) -> None:
        told.append((event, facts))
        if event == "shipped":
            shipped.release()

    gate = LossyWire(store, lost=3)
    monkeypatch.setenv("AWS_ENDPOINT_URL", gate.url)
    shipper = Shipper(shop.spool.directory, Depot(URL, "till-1"), tell)
    shipper.start()
    _seal(shop, 1)
    shipper.sealed()
    arrived = sum(shipped.acquire(timeout=60) for _ in range(5))
    stopped = shipper.stop(10)
    gate.close()

    assert arrived == 5
    assert stopped
    assert [event for event, _ in told].count("not-shipped") >= 1
    assert all(facts["hint"] for event, facts in told if event == "not-shipped")
    assert _stored(store) == _expected(shop)
    record_property("lost", f"0 of {len(_expected(shop))} segments")


@pytest.mark.parametrize(
    ("environment", "words", "status", "said", "advice"),
    [
        ({}, ["--to", "s3://no-such-bucket/x"], 3, "no such bucket", "make the bucket"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, [], 3, "s3://shop/spools/till-1/", "check the network"),
        ({}, ["--to", "https://shop/x"], 2, "ship.to: 'https://shop/x' is not s3://bucket/prefix", ""),
    ],
)
def test_what_a_person_gets_wrong_is_one_line_and_what_to_do(
    *,
    environment: dict[str, str],
    words: list[str],
    status: int,
    said: str,
    advice: str,
    shop: Settings,
    store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """A bucket that is not there, a store that does not answer, an address that is none."""
    del shop, store
    monkeypatch.setattr("ingest.objectstore.TRIES", 0)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    told = CliRunner().invoke(cli, ["spool", "ship", "--config", str(tmp_path / "tillwatch.toml"), *words])

    assert isinstance(told.exception, TillwatchError)
    assert told.exception.exit_status == status
    assert said in told.exception.message
    assert advice in told.exception.hint


def test_the_command_says_what_it_shipped(shop: Settings, store: str, tmp_path: Path):
    """`spool ship --json`: a line a segment; prune reads the store back, not a lake that is elsewhere."""
    config = ["--config", str(tmp_path / "tillwatch.toml")]

    told = CliRunner().invoke(cli, ["spool", "ship", "--json", *config])

    assert told.exit_code == 0, told.output
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert [row["again"] for row in rows] == [False] * 4
    assert len(_stored(store)) == 4
    pruned = CliRunner().invoke(cli, ["spool", "prune", "--keep-days", "1", "--dry-run", *config])
    assert pruned.exit_code == 0, pruned.output
    assert "sealed less than 1 days ago" in pruned.stderr
    assert len(sealed_segments(shop.spool.directory)) == 4


def test_many_collectors_land_in_one_lake_each_record_once(
    shop: Settings, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Two shops ship, two landers run at once, one runs again: every record of both, once; nothing stays behind."""
    monkeypatch.setattr("ingest.taking.BATCH", 3)
    list(ship(shop.spool.directory, Depot(URL, "till-1")))
    (tmp_path / "other").mkdir()
    other = load_settings(None, {"spool": {"directory": str(tmp_path / "other/spool")}})
    create_keys(tmp_path / "other/key")
    other = other.model_copy(update={"keys": other.keys.model_copy(update={"pan_token": tmp_path / "other/key"})})
    _seal(other, 4)
    list(ship(other.spool.directory, Depot(URL, "till-2")))
    bucket_at(store, "shop").put_object(Key="spools/till-2/readme.txt", Body=b"no segment")
    config = tmp_path / "lander.toml"
    config.write_text(f'[spool]\ndirectory = "lander"\n[lake]\nuri = "lake"\ntake_from = "{URL}"\n')
    lander = load_settings(config)

    with ThreadPoolExecutor(2) as two:
        results = list(two.map(lambda _: land(lander), range(2)))
    again = land(lander)

    assert sum(result.segments for result in results) == 8
    assert not again.changed
    rows = Lake.of(lander.lake).read("raw_frames", columns=["segment_id", "seq"]).to_pylist()
    expected = {
        (info.id, seq)
        for settings in (shop, other)
        for info in sealed_segments(settings.spool.directory)
        for seq in range(info.first_seq, info.last_seq + 1)
    }
    assert sorted((row["segment_id"], row["seq"]) for row in rows) == sorted(expected)
    assert list((tmp_path / "lander").iterdir()) == []


def test_a_store_that_is_down_lands_what_the_spool_holds(
    shop: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The store does not answer: an error that says so, and the segments of the spool itself are in."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr("ingest.objectstore.TRIES", 0)

    told = CliRunner().invoke(cli, ["land", "--from", URL, "--config", str(tmp_path / "tillwatch.toml")])

    assert isinstance(told.exception, StoreError)
    assert "check the network" in told.exception.hint
    lake = Lake.of(shop.lake)
    assert len(set(lake.read("raw_frames")["segment_id"].to_pylist())) == 4
    assert lake.read("rejects").num_rows == 4


def test_a_segment_that_cannot_be_taken_holds_up_no_other(
    shop: Settings, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """One object is refused: an error that names it, and the three others are in the tables."""
    del store
    list(ship(shop.spool.directory, Depot(URL, "till-1")))
    names = list(_expected(shop))
    take = Depot.take

    def refused(depot: Depot, parcel: Parcel, folder: Path) -> Path:
        if parcel.name == Path(names[1]).name:
            raise StoreError(f"{parcel.name}: refused", hint="check what the key may do")
        return take(depot, parcel, folder)

    monkeypatch.setattr(Depot, "take", refused)
    config = tmp_path / "lander.toml"
    config.write_text(f'[spool]\ndirectory = "lander"\n[lake]\nuri = "lake"\ntake_from = "{URL}"\n')
    lander = load_settings(config)

    with pytest.raises(StoreError, match="refused"):
        land(lander)

    lake = Lake.of(lander.lake)
    assert len(set(lake.read("raw_frames")["segment_id"].to_pylist())) == 3
    assert lake.read("rejects").num_rows == 3


def test_copies_are_taken_as_far_as_the_disk_has_room(shop: Settings, store: str, tmp_path: Path):
    """With room for two segments beside what is left free, four come in batches of two; with less, none and why."""
    del store
    depot = Depot(URL, "till-1")
    list(ship(shop.spool.directory, depot))
    sizes = [parcel.size for parcel in depot.parcels()]
    half_a_gibibyte = 512 * 1024 * 1024
    room = half_a_gibibyte + 2 * max(sizes)

    taken = [
        [info.path.is_file() for info in batch]
        for batch in batches(depot, depot.parcels(), tmp_path / "lander", lambda _: room)
    ]
    assert taken == [[True, True], [True, True]]

    with pytest.raises(StoreError, match=r"no room for a copy of till-1/.*: 1 MiB are short"):
        next(batches(depot, depot.parcels(), tmp_path / "lander", lambda _: half_a_gibibyte + min(sizes) - 1))
    assert list((tmp_path / "lander").iterdir()) == []


@pytest.mark.parametrize("name", [".shop", "..", "a b", ""])
def test_a_collectors_name_is_one_that_landers_find(name: str):
    """A folder that nobody would land from is refused where it is set."""
    with pytest.raises(UsageError, match=r"ship\.collector"):
        load_settings(None, {"ship": {"collector": name}})

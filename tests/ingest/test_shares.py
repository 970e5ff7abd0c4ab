"""A backlog in the store, shared out: the tables that one run makes, whoever brings which batch, and however often."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest import shares
from ingest.depot import Depot
from ingest.errors import StoreError
from ingest.keys import create_keys
from ingest.landing import land
from ingest.settings import Settings
from ingest.shares import land_share, share_out
from ingest.shipping import ship
from ingest.tables import Lake
from tests.ingest.landingshop import Shop, day_of_traffic, everything, sale
from tests.ingest.s3 import bucket_at

pytestmark = pytest.mark.thorough

URL = "s3://shop/spools"


@pytest.fixture
def shop(tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Nine shipped segments; two make a batch."""
    assert store
    monkeypatch.setattr(shares, "BATCH", 2)
    shop = Shop(tmp_path / "shop", create_keys(tmp_path / "key"))
    shop.seal(day_of_traffic(), *(sale(stan, 100 + stan) for stan in range(10, 18)))
    assert len(list(ship(shop.settings.spool.directory, Depot(URL, "till-1")))) == 9
    return shop


def lander(tmp_path: Path, name: str) -> Settings:
    """A machine that lands from the store into a lake of its own."""
    lake = {"uri": str(tmp_path / name / "lake"), "take_from": URL}
    return Settings.model_validate({"spool": {"directory": tmp_path / name / "spool"}, "lake": lake})


def test_two_workers_with_a_batch_each_make_the_tables_that_one_run_makes(shop: Shop, tmp_path: Path):
    """Each batch brought twice, by two at once, in any order; then one run works out the same rows."""
    land(shop.settings)
    settings = lander(tmp_path, "shared")
    batches = share_out(settings)
    assert [len(each) for each in batches] == [2, 2, 2, 2, 1]

    with ThreadPoolExecutor(2) as two:
        came = list(two.map(lambda share: land_share(settings, share), [*reversed(batches), *batches]))

    assert sum(each.segments for each in came) == 9
    assert share_out(settings) == []
    assert Lake.of(settings.lake).read("transactions").num_rows == 0  # not before all are in
    assert land(settings).transactions > 0
    shared = Shop(tmp_path / "shared", shop.keys)
    assert everything(shared) == everything(shop)


def test_a_batch_ends_at_so_many_bytes(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A segment is never split: one that is larger than a batch is one alone. No more batches than Airflow maps."""
    settings = lander(tmp_path, "bytes")
    sizes = [parcel.size for share in share_out(settings) for parcel in share]
    monkeypatch.setattr(shares, "BATCH", 100)
    monkeypatch.setattr(shares, "BATCH_BYTES", sizes[1] * 3)

    batches = share_out(settings)

    assert all(len(share) == 1 or sum(parcel.size for parcel in share) <= sizes[1] * 3 for share in batches)
    assert [parcel.size for share in batches for parcel in share] == sizes
    monkeypatch.setattr(shares, "MOST_BATCHES", 1)
    assert share_out(settings) == batches[:1]
    assert shop.folder.is_dir()


def test_a_segment_that_is_gone_holds_up_no_other(shop: Shop, store: str, tmp_path: Path):
    """Its name and what happened to it; the rest of its batch is in, and the next run takes no more than it."""
    settings = lander(tmp_path, "gone")
    first, *others = share_out(settings)
    bucket_at(store, "shop").Object(f"spools/till-1/{first[0].name}").delete()

    with pytest.raises(StoreError, match=f"{first[0].name}: not there, or not any more"):
        land_share(settings, first)

    assert Lake.of(settings.lake).uncommitted("raw_frames", [each.segment_id for each in first]) == [
        first[0].segment_id
    ]
    assert share_out(settings) == others
    assert shop.folder.is_dir()


def test_without_a_store_there_is_nothing_to_share(tmp_path: Path):
    """A shop of one machine has a spool, and one task lands it."""
    settings = Settings.model_validate({"spool": {"directory": tmp_path / "spool"}, "lake": {"uri": str(tmp_path)}})

    assert share_out(settings) == []
    assert not land_share(settings, []).changed

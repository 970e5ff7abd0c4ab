"""Bad days of a store that really checks signatures and clocks: one clear line each, and everything else lands."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.store import store as seaweed
from ingest.depot import Depot
from ingest.keys import create_keys, load_keys
from ingest.landing import land
from ingest.settings import load_settings
from ingest.shipping import ship
from ingest.tables import Lake
from tests.faults.clock import clock, why_not
from tests.ingest.landingshop import Shop, sale

pytestmark = pytest.mark.slow

KEYS = "try: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A lander's folder: two segments of another shop in the store, and a key of its own."""
    folder = tmp_path_factory.mktemp("shop")
    with seaweed(folder / "store", "shop"):
        other = Shop(folder / "other", create_keys(folder / "other.key"))
        other.seal(sale(10, 10), sale(11, 11))
        list(ship(other.settings.spool.directory, Depot("s3://shop/spools", "till-1")))
        create_keys(folder / "key")
        (folder / "tillwatch.toml").write_text(
            '[spool]\ndirectory = "spool"\n[keys]\npan_token = "key"\n[lake]\nuri = "lake"\n'
            'take_from = "s3://shop/spools"\n[ship]\nto = "s3://shop/spools"\ncollector = "till-2"\n'
        )
        yield folder


def test_a_store_that_has_ended_leaves_no_socket(tmp_path: Path):
    """SeaweedFS puts some into /tmp and forgets them there."""
    with seaweed(tmp_path, "shop") as url:
        port = int(url.rpartition(":")[2])
        left = [Path(f"/tmp/seaweedfs-s3-{port}.sock"), Path(f"/tmp/seaweedfs-s3-grpc-{port + 10_000}.sock")]  # noqa: S108
        assert [each.exists() for each in left] == [True, True]

    assert [each.exists() for each in left] == [False, False]


def tillwatch(folder: Path, *words: str, **changed: str) -> tuple[int, str]:
    """Run a command in a process of its own: its status, and what it said."""
    command = [sys.executable, "-c", "from ingest.cli import main; main()", *words]
    done = subprocess.run(
        [*command, "--config", str(folder / "tillwatch.toml")],
        env=os.environ | changed, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("trouble", "said", "hint"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "refused: SignatureDoesNotMatch: ", KEYS),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "refused: InvalidAccessKeyId: ", KEYS),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Connection refused", "try: check the network"),
        ({}, "refused: RequestTimeTooSkewed: ", "try: set this machine's clock"),
    ],
    ids=["secret", "name", "down", "clock"],
)
def test_each_trouble_is_one_line_and_the_own_spool_lands(shop: Path, trouble: dict[str, str], said: str, hint: str):
    """`land` lands this machine's segment and then says what is wrong with the store; `spool ship` says it too."""
    if not trouble:
        if why := why_not():
            pytest.skip(why)
        (shop / "clock").write_text("+7200")
    own = Shop(shop, load_keys(shop / "key"))
    lake = Lake(shop / "lake")
    before = lake.read("transactions").num_rows
    own.seal(sale(30 + before, 30 + before))

    for words in (("land",), ("spool", "ship")):
        changed = trouble or clock(shop / "clock")
        status, told = tillwatch(shop, *words, **changed)
        first, second = told.splitlines()[:2]
        assert (status, len(told.splitlines())) == (3, 2), told
        assert first.startswith("tillwatch: s3://shop/spools")
        assert said in first
        assert hint in second
    assert lake.read("transactions").num_rows == before + 1


def test_when_the_store_is_back_all_of_it_lands(shop: Path):
    """The other shop's segments, whose key this machine has not: they are in, and the line says so."""
    status, told = tillwatch(shop, "land")

    assert status == 0, told
    assert "2 segments are of key" in told
    settings = load_settings(shop / "tillwatch.toml")
    assert not land(settings).changed
    assert {10, 11} <= set(Lake(shop / "lake").read("transactions", columns=["stan"])["stan"].to_pylist())

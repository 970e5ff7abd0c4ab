"""One shop for all tests of packs: made once, copied for whoever changes a byte of it."""

import shutil
from pathlib import Path

import pytest

from expectations.cases.book import case_book
from expectations.cases.record import CaseRecord
from expectations.evidence.pack import make_pack
from ingest.settings import Settings, load_settings
from ingest.tables import Lake
from tests.expectations.evidence.evidenceshop import NOW, charged_twice, exchange, record, shop_at


@pytest.fixture(scope="session")
def landed_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a shop where one card paid twice."""
    root = tmp_path_factory.mktemp("shop")
    settings = shop_at(root)
    record(root, [*exchange("SALE", 4518, 0), *exchange("SALE", 4519, 2)])
    Lake(settings.lake.uri).append("findings", [charged_twice(settings).as_row()], app_id="test")
    case_book(settings).open_cases([charged_twice(settings)])
    return root


@pytest.fixture
def shop(landed_shop: Path, tmp_path: Path) -> Settings:
    """A copy of it that a test may spoil."""
    shutil.copytree(landed_shop, tmp_path / "shop")
    return load_settings(tmp_path / "shop" / "tillwatch.toml")


@pytest.fixture
def twice(shop: Settings) -> CaseRecord:
    """Its case."""
    return case_book(shop).case("C-1121-0001")


@pytest.fixture
def pack(shop: Settings, twice: CaseRecord, tmp_path: Path) -> Path:
    """The case's pack, as a ZIP."""
    return make_pack(twice, shop, tmp_path / "pack.zip", locale="zh-CN", now=NOW).path

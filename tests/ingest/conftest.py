"""A shop to land, for every test of this folder that asks for one."""

from pathlib import Path

import pytest

from ingest.keys import create_keys
from tests.ingest.landingshop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path, create_keys(tmp_path / "key"))

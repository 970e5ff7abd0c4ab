"""One browser and one served shop for everything that is looked at."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingest.settings import load_settings
from tests.expectations.app.scene import scene_at, serving
from tests.looks.chromium import browser, why_no_browser
from tests.looks.views import Place, enter

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def running() -> Iterator["Browser"]:
    """Chromium; without it nothing is looked at, and that is said."""
    if why := why_no_browser():
        pytest.skip(f"NOT LOOKED AT: {why}")
    with browser() as started:
        yield started


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scene's folder."""
    root = tmp_path_factory.mktemp("looks")
    scene_at(root)
    return root


@pytest.fixture(scope="session")
def place(shop: Path, running: "Browser") -> Iterator[Place]:
    """The scene, served; tests that write take `own_place`."""
    settings = load_settings(shop / "tillwatch.toml")
    with serving(settings) as url:
        yield enter(running, url, settings)


@pytest.fixture
def own_place(shop: Path, tmp_path: Path, running: "Browser") -> Iterator[Place]:
    """A copy of the scene, served for one test."""
    shutil.copytree(shop, tmp_path / "shop")
    settings = load_settings(tmp_path / "shop" / "tillwatch.toml")
    with serving(settings) as url:
        yield enter(running, url, settings)

"""One shop for all tests of the pages; whoever writes into it takes a copy."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from expectations.app.desk import make_desk
from expectations.app.server import create_app
from ingest.settings import Settings, load_settings
from tests.expectations.app.scene import NOW, scene_at, with_app

URL = "https://cases.example.com"


@pytest.fixture(scope="session")
def landed_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the scene."""
    root = tmp_path_factory.mktemp("scene")
    scene_at(root, name="李氏茶楼 <b>&</b> 分店")
    return root


@pytest.fixture
def settings(landed_scene: Path, tmp_path: Path) -> Settings:
    """A copy of it, with an address."""
    shutil.copytree(landed_scene, tmp_path / "scene")
    return with_app(load_settings(tmp_path / "scene" / "tillwatch.toml"), url=URL)


@pytest.fixture
def stranger(settings: Settings) -> Iterator[TestClient]:
    """Somebody who has not logged in."""
    with TestClient(create_app(settings, now=lambda: NOW), base_url=URL, follow_redirects=False) as client:
        yield client


@pytest.fixture
def owner(stranger: TestClient, settings: Settings) -> TestClient:
    """Whoever has the token, logged in."""
    words = {"csrf": csrf(stranger), "token": make_desk(settings).token, "next": "/cases"}
    assert stranger.post("/login", data=words).headers["location"] == "/cases"
    return stranger


def csrf(client: TestClient, path: str = "/login") -> str:
    """What this session's forms carry."""
    html: str = client.get(path).text
    return html.partition('name="csrf" value="')[2].partition('"')[0]

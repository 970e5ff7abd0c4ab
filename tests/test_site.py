"""The site of the documents: built strictly, whole in both languages, and asking nobody for anything."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.looks.chromium import browser, sheet, why_no_browser

if TYPE_CHECKING:
    from playwright.sync_api import Request

ROOT = Path(__file__).parent.parent
LANGUAGES = {"en": "", "zh-CN": "zh-CN/"}
PAGES = ("index", "quickstart", "reading-the-mail", "operations", "tables")

pytestmark = pytest.mark.slow


class Fetched(HTMLParser):
    """The addresses that a browser asks for when it opens a page; links are only followed when pressed."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"script", "img", "iframe", "source", "video", "audio"}:
            self.addresses += [given[name] or "" for name in ("src", "srcset") if given.get(name)]
        if tag == "link" and given.get("rel") not in {"canonical", "prev", "next", "alternate"}:
            self.addresses.append(given.get("href") or "")


def build(folder: Path, config: Path = ROOT / "mkdocs.yml") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", config, "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make site` builds it."""
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    return folder


def test_every_page_of_docs_is_in_both_languages(site: Path):
    """One page for each document, and one of the same name in Chinese, translated or not."""
    pages = {
        str(page.relative_to(ROOT / "docs")).removesuffix(".md")
        for page in (ROOT / "docs").rglob("*.md")
        if ".zh-CN" not in page.name
    }

    assert {"index", "quickstart", "operations", "rules"} <= pages
    for prefix in LANGUAGES.values():
        assert [page for page in pages if not (site / f"{prefix}{page}.html").is_file()] == []


def test_a_page_asks_no_other_host_for_anything(site: Path):
    """No font, script, style or picture from elsewhere, in pages and in style sheets."""
    found: dict[str, str] = {}
    for page in site.rglob("*.html"):
        fetched = Fetched()
        fetched.feed(page.read_text("utf-8"))
        assert fetched.addresses
        found |= {address: page.name for address in fetched.addresses if re.match(r"(\w+:)?//", address)}
    for sheet_ in site.rglob("*.css"):
        text = sheet_.read_text("utf-8")
        found |= dict.fromkeys(re.findall(r"(?:url\(|@import)\W*((?:https?:)?//[^)\"']+)", text), sheet_.name)

    assert found == {}


def test_a_broken_link_is_an_error(tmp_path: Path):
    """To a page or to a heading that there is not, or a page that the navigation leaves out."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/site").symlink_to(ROOT / "docs/site")
    config = re.sub(r"(?s)\nnav:.*", "\nnav:\n  - Start: index.md\n", (ROOT / "mkdocs.yml").read_text("utf-8"))
    (tmp_path / "mkdocs.yml").write_text(config, "utf-8")
    index = tmp_path / "docs/index.md"

    index.write_text("# Front\n", "utf-8")
    assert build(tmp_path / "fine", tmp_path / "mkdocs.yml").returncode == 0
    for link in ("docs/nowhere.md", "#nowhere"):
        index.write_text(f"# Front\n\n[there]({link})\n", "utf-8")
        assert build(tmp_path / "broken", tmp_path / "mkdocs.yml").returncode == 1
    index.write_text("# Front\n", "utf-8")
    (tmp_path / "docs/hidden.md").write_text("# Hidden\n", "utf-8")
    assert build(tmp_path / "hidden", tmp_path / "mkdocs.yml").returncode == 1


def test_pages_fit_phones_and_screens(site: Path):
    """No page is wider than the window, nothing fails, and nothing but the site's own files is asked for."""
    if why := why_no_browser():
        pytest.skip(f"NOT LOOKED AT: {why}")
    asked: set[str] = set()
    wrong: list[str] = []

    def note(request: "Request") -> None:
        asked.add(request.url.partition(":")[0])

    def look() -> None:
        with browser() as running:
            for width in (360, 1280):
                with sheet(running, width) as page:
                    page.on("request", note)
                    page.on("pageerror", lambda error: wrong.append(str(error)))
                    for name in (f"{prefix}{name}" for prefix in LANGUAGES.values() for name in PAGES):
                        page.goto((site / f"{name}.html").as_uri())
                        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
                        if wide > 0:
                            wrong.append(f"{name} at {width}: {wide} dots too wide")
                        assert page.locator("article h1").count() == 1, name

    with ThreadPoolExecutor(1) as apart:  # a thread takes one driver, and another test may have one
        apart.submit(look).result()
    assert wrong == []
    assert asked <= {"file", "data", "blob"}

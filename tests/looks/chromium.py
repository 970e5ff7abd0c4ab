"""Debian's Chromium and a Chinese font, installed where the run may do so, driven by Playwright."""

import contextlib
import functools
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from tests.faults.tools import why_without

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Scheme = Literal["light", "dark"]
FONT = "fonts-noto-cjk"


@functools.cache
def why_no_browser() -> str:
    """Why nothing can be looked at here; empty when all is there. Installs as `why_without` does."""
    missing = why_without("chromium", "chromium") or why_without("fc-list", "fontconfig")
    if missing:
        return missing
    if not _has_chinese():
        why_without(FONT, FONT)  # no program is called so: the package is asked for
    return "" if _has_chinese() else f"no Chinese font is installed (Debian: {FONT})"


def _has_chinese() -> bool:
    listed = subprocess.run(["fc-list", ":lang=zh-cn", "family"], capture_output=True, text=True, check=False)
    return "Noto Sans CJK" in listed.stdout


@contextlib.contextmanager
def browser() -> Iterator["Browser"]:
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        running = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*sandbox, "--font-render-hinting=none", "--disable-gpu"]
        )
        try:
            yield running
        finally:
            running.close()


@contextlib.contextmanager
def sheet(
    running: "Browser", width: int, scheme: Scheme = "light", locale: str = "zh-CN", cookies: Sequence[Any] = ()
) -> Iterator["Page"]:
    """A page of this width, scheme and language, in a context of its own that has these cookies."""
    size = {"width": width, "height": 800}
    context = running.new_context(viewport=size, color_scheme=scheme, locale=locale, timezone_id="Asia/Shanghai")  # type: ignore[arg-type]
    try:
        context.add_cookies(list(cookies))
        page = context.new_page()
        page.set_default_timeout(60_000)
        yield page
    finally:
        context.close()

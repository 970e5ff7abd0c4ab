"""``python -m tests.looks``: pictures. ``--goldens`` makes those of the tests, ``--docs`` those of docs/.

Installs Chromium and a Chinese font where it may (Debian, root). Look at every picture before it is committed.
"""

import argparse
import io
import os
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.expectations.app.scene import scene_at, serving
from tests.looks.chromium import browser, why_no_browser
from tests.looks.compare import GOLDENS, save
from tests.looks.views import enter, shot, views

DOCS = Path(__file__).parents[2] / "docs" / "pictures"
SHOWN = {
    "mail-zh-CN-360-light": "mail-phone.png",
    "mail-en-640-light": "mail-en.png",
    "cases-zh-CN-360-light": "cases-phone.png",
    "case-en-1280-light": "case-en.png",
    "answer-zh-CN-360-light": "answer-phone.png",
    "case-zh-CN-360-dark": "case-phone-dark.png",
}
HIGHEST = 1800
"""Dots of a picture in docs/; what is below is left away."""


def main() -> int:
    """Make what was asked for."""
    asked = argparse.ArgumentParser(prog="python -m tests.looks", description=__doc__)
    asked.add_argument("--goldens", action="store_true", help="the goldens of the tests")
    asked.add_argument("--docs", action="store_true", help="the pictures of docs/")
    asked.add_argument("--out", type=Path, help="every view in full size, into this folder, to look at")
    given = asked.parse_args()
    os.environ["CI"] = "true"  # what is missing is installed where that is allowed
    if why := why_no_browser():
        sys.stderr.write(f"no pictures: {why}\n")
        return 3
    with tempfile.TemporaryDirectory(prefix="tillwatch-looks-") as folder, browser() as running:
        settings = scene_at(Path(folder))
        with serving(settings) as url:
            place = enter(running, url, settings)
            known = set()
            for view in views():
                known.add(f"{view.name}.png")
                if not (given.goldens or given.out or view.name in SHOWN):
                    continue
                png = shot(running, view, place)
                if given.goldens:
                    save(view.name, png)
                if given.out:
                    given.out.mkdir(parents=True, exist_ok=True)
                    (given.out / f"{view.name}.png").write_bytes(png)
                if given.docs and view.name in SHOWN:
                    _for_docs(SHOWN[view.name], png)
                sys.stderr.write(f"{view.name}\n")
    if given.goldens:
        for stale in GOLDENS.glob("*.png"):
            if stale.name not in known:
                stale.unlink()
    return 0


def _for_docs(name: str, png: bytes) -> None:
    """The upper part of a picture, in few colours."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    top = picture.crop((0, 0, picture.width, min(picture.height, HIGHEST)))
    DOCS.mkdir(exist_ok=True)
    top.quantize(128, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(DOCS / name, optimize=True)


if __name__ == "__main__":
    sys.exit(main())

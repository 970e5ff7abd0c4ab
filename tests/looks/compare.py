"""Pictures of pages against goldens: coarse enough for another version of a font, too fine for a broken layout.

A golden is the picture at a fifth of its size in few colours. A picture is held to it in height, and
band by band, place by place; a band may have moved up or down a little, as text does that wraps
elsewhere. Measured on these pages: the same page differs in at most 0.5 % of its places, one in another
Chinese font in 2 % of a short page, one whose blocks are gone, moved or squeezed in 2.4 % and more.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

if TYPE_CHECKING:
    from playwright.sync_api import Page

GOLDENS = Path(__file__).parent / "goldens"
SHRINK = 5
CELL, BAND = 4, 80
"""Dots of the golden a place is wide and high, and a band is high."""
HEIGHT = 0.06
"""How much higher or lower a page may be."""
DRIFT = 0.03
"""How far a band may have moved, of its way from the top."""
FAR, SHARE = 24, 0.02
"""A place whose colour is further off than FAR of 255 has changed; more than SHARE of them is another picture."""


def small(png: bytes) -> Image.Image:
    """A picture as goldens are kept."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    size = (max(1, picture.width // SHRINK), max(1, picture.height // SHRINK))
    return picture.resize(size, Image.Resampling.BOX)


def save(name: str, png: bytes) -> None:
    """Keep a picture as the golden of this name."""
    few = small(png).quantize(32, dither=Image.Dither.NONE)
    few.save(GOLDENS / f"{name}.png", optimize=True)


def difference(name: str, png: bytes) -> str:
    """How a picture differs from the golden of this name; empty when it does not."""
    path = GOLDENS / f"{name}.png"
    if not path.exists():
        return f"{name}: has no golden; `python -m tests.looks --goldens` makes it"
    golden, seen = Image.open(path).convert("RGB"), small(png)
    if golden.width != seen.width:
        return f"{name}: {seen.width * SHRINK} dots wide, was {golden.width * SHRINK}"
    if abs(golden.height - seen.height) > max(2, HEIGHT * golden.height):
        return f"{name}: {seen.height * SHRINK} dots high, was {golden.height * SHRINK}"
    bands = [(top, min(BAND, golden.height - top)) for top in range(0, golden.height, BAND)]
    places = sum(_places(golden.width, high) for _, high in bands)
    changed = sum(_changed(golden, seen, top, high) for top, high in bands)
    if changed > SHARE * places:
        return f"{name}: {changed} of {places} places look different"
    return ""


def _places(wide: int, high: int) -> int:
    return max(1, wide // CELL) * max(1, high // CELL)


def _changed(golden: Image.Image, seen: Image.Image, top: int, high: int) -> int:
    """Places of a band that look different where it fits best, nearest to where it was first."""
    fewest = _places(golden.width, high)
    for moved in sorted(range(-2 - int(DRIFT * top), 3 + int(DRIFT * top)), key=abs):
        fewest = min(fewest, _changed_at(golden, seen, top, high, moved))
        if fewest <= SHARE * _places(golden.width, high) / 2:
            break
    return fewest


def _changed_at(golden: Image.Image, seen: Image.Image, top: int, high: int, moved: int) -> int:
    size = (max(1, golden.width // CELL), max(1, high // CELL))
    was = golden.crop((0, top, golden.width, top + high)).resize(size, Image.Resampling.BOX)
    now = seen.crop((0, top + moved, seen.width, top + moved + high)).resize(size, Image.Resampling.BOX)
    dots = ImageChops.difference(was, now).tobytes()
    return sum(1 for place in range(0, len(dots), 3) if max(dots[place : place + 3]) > FAR)


LAWS = Path(__file__).parent / "laws.js"


def broken_laws(page: "Page") -> list[str]:
    """What of the page sticks out, is cut off, lies on something else or cannot be touched."""
    found: list[str] = page.evaluate(LAWS.read_text("utf-8").partition("\n")[2])
    return found

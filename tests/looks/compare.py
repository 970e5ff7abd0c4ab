"""Pictures of pages against goldens: coarse enough for another version of a font, too fine for anything that is gone.

A golden is the picture at a fifth of its size. A picture is held to it in height, and band by band, place by
place; a band may have moved up or down a little, as text does that wraps elsewhere. Each band is judged by its
own places, so that a tall page hides nothing. Places are compared in brightness, which letters of another shape
change a little, and in hue, which they do not and a mark, a tint or a warning is made of.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from playwright.sync_api import Page

GOLDENS = Path(__file__).parent / "goldens"
SHRINK, COLOURS = 5, 256
CELL, BAND = 4, 40
"""Dots of the golden a place is wide and high, and a band is high."""
HEIGHT = 0.06
"""How much higher or lower a page may be."""
DRIFT = 0.03
"""How far a band may have moved, of its way from the top."""
FAR, TINT = 20, 6
"""A place has changed that is further off than this of 255, in brightness or in either part of its hue."""
SHARE = 0.04
"""More changed places than this of any band are another picture."""


def small(png: bytes) -> Image.Image:
    """A picture as goldens are kept."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    size = (max(1, picture.width // SHRINK), max(1, picture.height // SHRINK))
    return picture.resize(size, Image.Resampling.BOX)


def save(name: str, png: bytes) -> None:
    """Keep a picture as the golden of this name."""
    few = small(png).quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(GOLDENS / f"{name}.png", optimize=True)


def difference(name: str, png: bytes) -> str:
    """How a picture differs from the golden of this name; empty when it does not."""
    path = GOLDENS / f"{name}.png"
    if not path.exists():
        return f"{name}: has no golden; `python -m tests.looks --goldens` makes it"
    golden, seen = (np.asarray(each.convert("YCbCr"), dtype=int) for each in (Image.open(path), small(png)))
    high, wide = golden.shape[:2]
    if wide != seen.shape[1]:
        return f"{name}: {seen.shape[1] * SHRINK} dots wide, was {wide * SHRINK}"
    if abs(high - len(seen)) > max(2, HEIGHT * high):
        return f"{name}: {len(seen) * SHRINK} dots high, was {high * SHRINK}"
    for top in range(0, high - CELL + 1, BAND):
        share = _changed(golden[top : top + BAND], seen, top)
        if share > SHARE:
            return f"{name}: at {top * SHRINK} dots from the top {share:.1%} of the places look different"
    return ""


def _changed(was: "NDArray[np.int_]", seen: "NDArray[np.int_]", top: int) -> float:
    """The share of a band's places that look different where it fits best, nearest to where it was first."""
    places, fewest = _places(was), 1.0
    for moved in sorted(range(-2 - int(DRIFT * top), 3 + int(DRIFT * top)), key=abs):
        now = seen[max(0, top + moved) : max(0, top + moved) + len(was)]
        if len(now) == len(was):
            off = np.abs(_places(now) - places)
            fewest = min(fewest, float(((off[..., 0] > FAR) | (off[..., 1:] > TINT).any(axis=-1)).mean()))
        if fewest <= SHARE / 2:
            break
    return fewest


def _places(band: "NDArray[np.int_]") -> "NDArray[np.float64]":
    """The mean of each place."""
    high, wide = band.shape[0] // CELL, band.shape[1] // CELL
    cut = band[: high * CELL, : wide * CELL]
    return np.asarray(cut.reshape(high, CELL, wide, CELL, 3).mean(axis=(1, 3)))


LAWS = Path(__file__).parent / "laws.js"


def broken_laws(page: "Page") -> list[str]:
    """What of the page sticks out, is cut off, lies on something else or cannot be touched."""
    found: list[str] = page.evaluate(LAWS.read_text("utf-8").partition("\n")[2])
    return found

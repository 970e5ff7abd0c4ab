"""Our JBIG1 decoder against jbigkit's, pixel for pixel, on pictures made here; and how fast ours is.

    python bench/jbig.py                            # compare and measure
    python bench/jbig.py --write tests/vectors/jbig # make the test vectors anew

Needs ``pbmtojbg`` and ``jbgtopbm`` (Debian: jbigkit-bin); without them it only measures.
Exit status 1 when a picture differs. ``bench/results/jbig.json`` holds the last run, by processor time on one core.
"""

import argparse
import functools
import json
import os
import platform
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from protocols import jbig
from protocols.errors import ProtocolError
from protocols.picture import content_hash, difference_hash, ink_ratio
from protocols.png import png

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "jbig.json"

SIZES = [(1, 1), (2, 3), (7, 9), (8, 8), (33, 17), (97, 41), (128, 64), (237, 79), (240, 120), (321, 70)]
OPTIONS = {
    "default": ["-q"],
    "plain": ["-q", "-p", "0"],
    "two-lines": ["-q", "-p", "64"],
    "two-lines-typical-far": ["-q", "-p", "72", "-m", "127"],
    "reset": ["-q", "-p", "8", "-r", "-s", "5"],
    "reset-two-lines-far": ["-q", "-r", "-p", "72", "-s", "3", "-m", "16"],
    "one-stripe": ["-q", "-s", "1000"],
    "fax": ["-f"],
    "comment-late-move": ["-q", "-C", "a comment", "-c", "-s", "4", "-m", "60"],
    "order": ["-q", "-o", "4", "-s", "2"],
    "new-length": ["-q", "-s", "7", "-Y", "+50"],
    "new-length-at-the-end": ["-q", "-s", "7", "-p", "64", "-Y", "+1"],
}
VECTOR_SIZES = {"stroke": (97, 41), "dither": (90, 37), "noise": (33, 17)}


def stroke(rng: random.Random, width: int, height: int) -> list[list[int]]:
    """Something like handwriting."""
    pixels = [[0] * width for _ in range(height)]
    for _ in range(4):
        x, y, dx, dy = rng.uniform(0, width), rng.uniform(0, height), 0.0, 0.0
        for _ in range(120):
            dx, dy = dx * 0.95 + rng.uniform(-0.5, 0.5), dy * 0.95 + rng.uniform(-0.5, 0.5)
            x, y = x + dx, y + dy
            for down in (0, 1):
                for across in (0, 1):
                    if 0 <= int(x) + across < width and 0 <= int(y) + down < height:
                        pixels[int(y) + down][int(x) + across] = 1
    return pixels


def noise(rng: random.Random, width: int, height: int) -> list[list[int]]:
    return [[rng.getrandbits(1) for _ in range(width)] for _ in range(height)]


def dither(_: random.Random, width: int, height: int) -> list[list[int]]:
    """A pattern that makes the encoder move its adaptive pixel."""
    return [[int((x % 7 == 0 and y % 5 < 3) or (3 * x + y) % 16 < 2) for x in range(width)] for y in range(height)]


def white(_: random.Random, width: int, height: int) -> list[list[int]]:
    return [[0] * width for _ in range(height)]


def black(_: random.Random, width: int, height: int) -> list[list[int]]:
    return [[1] * width for _ in range(height)]


PICTURES: dict[str, Callable[[random.Random, int, int], list[list[int]]]] = {
    each.__name__: each for each in (stroke, noise, dither, white, black)
}


def pbm(pixels: list[list[int]]) -> bytes:
    """A picture as a portable bitmap."""
    width = len(pixels[0])
    size = (width + 7) // 8
    rows = (int("".join(map(str, row)).ljust(8 * size, "0"), 2).to_bytes(size, "big") for row in pixels)
    return f"P4\n{width} {len(pixels)}\n".encode("ascii") + b"".join(rows)


def encoded(folder: Path, picture: bytes, options: list[str], height: int) -> bytes:
    """The picture as pbmtojbg encodes it."""
    (folder / "a.pbm").write_bytes(picture)
    given = [str(height + int(each)) if each.startswith("+") else each for each in options]
    subprocess.run(["pbmtojbg", *given, str(folder / "a.pbm"), str(folder / "a.jbg")], check=True)
    return (folder / "a.jbg").read_bytes()


def theirs(folder: Path, image: bytes) -> bytes:
    """The picture as jbgtopbm decodes it."""
    (folder / "b.jbg").write_bytes(image)
    subprocess.run(["jbgtopbm", str(folder / "b.jbg"), str(folder / "b.pbm")], check=True)
    return (folder / "b.pbm").read_bytes()


def differs(image: bytes, expected: bytes) -> str:
    """How our picture differs from theirs, compiled and interpreted; empty when it does not."""
    words = expected.split(maxsplit=3)
    width, height = int(words[1]), int(words[2])
    rows = expected[len(expected) - (width + 7) // 8 * height :]
    for compiled in (False, True):
        try:
            ours = jbig.decode(image, compiled=compiled)
        except ProtocolError as wrong:
            return str(wrong)
        if (ours.width, ours.height, ours.rows) != (width, height, rows):
            return f"{ours} is not their {width} x {height}, or other pixels"
    return ""


def real() -> Iterator[tuple[str, bytes]]:
    """The two public signatures."""
    for vector in json.loads((ROOT / "tests/vectors/unionpay_pos.json").read_text("utf-8")):
        if vector["mti"] in {"0900", "0920"}:
            yield vector["mti"], bytes.fromhex(vector["fields"]["62"])


def compare(folder: Path) -> int:
    """How many pictures differ."""
    rng = random.Random(20261122)
    done, wrong = 0, 0
    cases = [(name, image) for name, image in real()]
    for kind, draw in PICTURES.items():
        for width, height in SIZES:
            picture = pbm(draw(rng, width, height))
            for name, options in OPTIONS.items():
                cases.append((f"{kind} {width} x {height} {name}", encoded(folder, picture, options, height)))
    for name, image in cases:
        done += 1
        if found := differs(image, theirs(folder, image)):
            wrong += 1
            print(f"{name}: {found}")
    print(f"{done} pictures compared with jbgtopbm, {wrong} differ")
    return wrong


def write(folder: Path, target: Path) -> None:
    """The committed vectors: the coded image and what jbgtopbm makes of it."""
    target.mkdir(parents=True, exist_ok=True)
    rng = random.Random(1)
    for kind, (width, height) in VECTOR_SIZES.items():
        picture = pbm(PICTURES[kind](rng, width, height))
        for name, options in OPTIONS.items():
            image = encoded(folder, picture, options, height)
            (target / f"{kind}-{name}.jbg").write_bytes(image)
            (target / f"{kind}-{name}.pbm").write_bytes(theirs(folder, image))


def _to_row(picture: jbig.Bitmap) -> tuple[object, ...]:
    return png(picture), content_hash(picture), difference_hash(picture), ink_ratio(picture)


def _whole(image: bytes) -> tuple[object, ...]:
    return _to_row(jbig.decode(image, compiled=True))


def measure() -> list[dict[str, object]]:
    """Signatures a second of processor time, one core."""
    found: list[dict[str, object]] = []
    for name, image in real():
        picture = jbig.decode(image, compiled=True)
        steps: dict[str, Callable[[], object]] = {
            "decode, interpreted": functools.partial(jbig.decode, image),
            "decode, compiled": functools.partial(jbig.decode, image, compiled=True),
            "picture to row": functools.partial(_to_row, picture),
            "image to row": functools.partial(_whole, image),
        }
        for what, step in steps.items():
            times, start = 0, time.process_time()
            while (spent := time.process_time() - start) < 1:
                step()
                times += 1
            print(f"{name} {picture.width} x {picture.height}, {what}: {times / spent:,.0f} a second")
            size = {"width": picture.width, "height": picture.height, "bytes": len(image)}
            found.append({"message": name, **size, "step": what, "per_cpu_s": round(times / spent)})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", type=Path, help="folder to write test vectors into")
    chosen = parser.parse_args()
    wrong = None  # nothing to compare with
    with tempfile.TemporaryDirectory() as name:
        if chosen.write:
            write(Path(name), chosen.write)
            return
        if shutil.which("pbmtojbg") and shutil.which("jbgtopbm"):
            wrong = compare(Path(name))
        else:
            print("jbigkit is not installed: nothing to compare with")
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load": round(os.getloadavg()[0], 1)}
    RESULTS.write_text(json.dumps({"machine": machine, "differing": wrong, "parts": measure()}, indent=1) + "\n")
    raise SystemExit(int(bool(wrong)))


if __name__ == "__main__":
    main()

"""Choose the inputs worth committing: ``python -m tests.fuzz.keep [--target T]``.

Of the seeds, the committed inputs and the working corpus the shortest are taken first, and
one is kept when it runs a step from line to line in ``protocols`` that none before it did,
or makes another sort of error. Nothing is kept that holds a card number which is not one of
the vectors' test numbers.
"""

import argparse
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from protocols import sweep
from tests.fuzz.__main__ import KEPT
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, run

LARGEST = 800
"""Bytes of the largest input kept; a target whose seeds are all larger keeps the smallest of them."""
MOST = 40
_DIGITS = re.compile(r"(?=([0-9]{13,19}))")
Step = tuple[CodeType, int, int]


def steps(target: str, data: bytes) -> set[Step]:
    """The steps from line to line that an input runs."""
    seen: set[Step] = set()

    def watch(frame: FrameType, event: str, argument: Any) -> Any:
        del event, argument
        if "/protocols/" not in frame.f_code.co_filename:
            return None
        last = 0

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal last
            del event, argument
            seen.add((frame.f_code, last, frame.f_lineno))
            last = frame.f_lineno
            return line

        return line

    sys.settrace(watch)
    try:
        run(target, data)
    finally:
        sys.settrace(None)
    return seen


def cards(data: bytes) -> Iterator[str]:
    """Numbers of a card's form in text and in packed digits, at either nibble."""
    for text in (data.decode("latin-1"), data.hex()):
        for found in _DIGITS.finditer(text):
            yield from (found[1][:size] for size in range(13, len(found[1]) + 1) if sweep.is_card(found[1][:size]))


def choose(target: str, folder: Path) -> list[bytes]:
    """What is kept of all there is."""
    first = list(seeds(target))
    texts = [seed.decode("latin-1") + " " + seed.hex() for seed in first]
    lying = [path.read_bytes() for place in (KEPT / target, folder / target) for path in sorted(place.glob("*"))]
    there = sorted({*first, *lying}, key=lambda data: (len(data), data))
    small = [data for data in there if len(data) <= LARGEST] or there[:MOST]
    seen: set[Step] = set()
    kept: list[tuple[int, bytes]] = []
    for data in small:
        if not all(any(card in text for text in texts) for card in set(cards(data))):
            continue
        new = steps(target, data) - seen
        if new:
            seen |= new
            kept.append((len(new), data))
    return [data for _, data in sorted(kept, key=lambda each: -each[0])[:MOST]]


def main() -> None:
    """Write ``tests/fuzz/corpus``."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.keep", description="choose the inputs worth committing")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one; may be given again")
    parser.add_argument("--folder", type=Path, default=Path("var/fuzz/corpus"))
    asked = parser.parse_args()
    for target in asked.target or TARGETS:
        chosen = choose(target, asked.folder)
        place = KEPT / target
        place.mkdir(parents=True, exist_ok=True)
        for path in place.glob("*"):
            path.unlink()
        for data in chosen:
            (place / hashlib.sha1(data, usedforsecurity=False).hexdigest()[:16]).write_bytes(data)
        print(f"{target:<20} {len(chosen):>4} inputs, {sum(map(len, chosen)):>6} bytes")


if __name__ == "__main__":
    main()

"""No card number stands in the repository but those that tests/card_numbers.toml names, each with its reason."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols.sweep import LONGEST, SHORTEST, is_card, luhn

ROOT = Path(__file__).parent.parent
ALLOWED = ROOT / "tests/card_numbers.toml"
DIGITS = re.compile(rb"(?<![0-9A-Fa-f])(?<![0-9][.])[0-9]{%d,%d}(?![.]?[0-9A-Fa-f])" % (SHORTEST, LONGEST))
GROUPS = re.compile(rb"(?<![0-9-])[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}(?![0-9-])")
GENERATED = frozenset({"requirements.lock", "requirements-spark.lock"})
"""Sums of downloads: no number of theirs is a card's."""


def card_numbers(data: bytes) -> Iterator[str]:
    """What stands in a file as text of its own, not inside a longer number or hex, and could be a whole card number."""
    for found in (*DIGITS.finditer(data), *GROUPS.finditer(data)):
        digits = re.sub(r"[ -]", "", found[0].decode("ascii"))
        if is_card(digits) or (len(digits) >= 15 and digits[0] in "3456789" and luhn(digits)):
            yield digits


def allowed() -> dict[str, str]:
    """Each number that may be here, with its reason."""
    groups = tomllib.loads(ALLOWED.read_text("utf-8"))
    return {number: why for group in groups.values() for number, why in group.items()}


def tracked() -> list[Path]:
    """The files that are in the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("NOT CHECKED: this is no git checkout, so nobody knows which files are the repository's")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_strange_card_number_is_in_the_repository():
    """Every tracked file, text or not. A new test number goes into the list, with why it is nobody's."""
    known, used = allowed(), set()
    strange = {}
    files = tracked()
    for path in files:
        if path == ALLOWED or path.name in GENERATED:
            continue
        for number in card_numbers(path.read_bytes()):
            used.add(number)
            if number not in known:
                strange[f"{path.relative_to(ROOT)}: {number[:6]}…{number[-4:]}"] = "not in tests/card_numbers.toml"

    assert len(files) > 500
    assert strange == {}
    assert sorted(set(known) - used) == [], "these are in no file any more"


def test_every_allowed_number_says_why():
    """A reason in words; and what is not called `none` has the form of a card number."""
    groups = tomllib.loads(ALLOWED.read_text("utf-8"))
    assert set(groups) == {"published", "made", "none", "captured"}
    for name, group in groups.items():
        for number, why in group.items():
            assert len(why) > 8
            assert name == "none" or is_card(number), number


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pay with 6225880000000001.", 1),
        ("0.6225880000000001", 0),
        ("pay with 6225880000000001 now", 1),
        ('"6225 8800 0000 0001"', 1),
        ("6225-8800-0000-0001", 1),
        ("6225880000000002", 0),
        ("00006225880000000001", 0),
        ("deadbeef6225880000000001", 0),
        ("卡号6225880000000001。", 1),
    ],
)
def test_what_is_found(text: str, found: int):
    """Whole numbers in one run or in groups of four; not parts of longer numbers or hex."""
    assert len(list(card_numbers(text.encode()))) == found

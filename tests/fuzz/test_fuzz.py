"""The fuzzer's laws on the committed inputs, and a short run of the fuzzer itself."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.__main__ import KEPT
from tests.fuzz.keep import cards
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, run

pytestmark = pytest.mark.thorough

INPUTS = {target: sorted((KEPT / target).glob("*")) for target in TARGETS}


@pytest.mark.parametrize("target", TARGETS)
def test_every_law_holds_for_the_committed_inputs(target):
    """What the fuzzer found once, and the frames it starts from, break no law; no target is without."""
    first = list(seeds(target))
    assert first
    for data in (*first, *(path.read_bytes() for path in INPUTS[target])):
        run(target, data)


@pytest.mark.parametrize("target", TARGETS)
def test_no_card_number_is_committed(target):
    """An input holds no number that could be a card's, but for the test numbers of the vectors."""
    first = list(seeds(target))
    for path in INPUTS[target]:
        for card in set(cards(path.read_bytes())):
            assert any(card.encode() in seed or card in seed.hex() for seed in first), path.name


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris has wheels for Linux on x86-64 only")
def test_a_short_run_breaks_no_law(tmp_path):
    """A second of coverage-guided fuzzing for each target, and some to start it."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.fuzz", "--seconds", str(len(TARGETS)), "--folder", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "targets stopped: 0" in done.stdout

"""The compiled loops are loaded without what they do not need."""

import json
import subprocess
import sys

import pytest

from protocols.columnar import loading

PROGRAM = """
import importlib.util, json, sys
from protocols.columnar import loading
before = importlib.util.find_spec("scipy") is not None
loops = loading.loops()
print(json.dumps([loops is not None, before, "scipy.linalg" in sys.modules]))
if before:
    import scipy.linalg
    print(scipy.linalg.det([[2.0, 0.0], [0.0, 3.0]]))
"""


def test_numba_comes_without_scipy_which_others_may_load_all_the_same() -> None:
    """It would take a matrix product from there, and no loop has one."""
    run = subprocess.run([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, check=True)
    first, *rest = run.stdout.splitlines()
    there, has_scipy, loaded = json.loads(first)
    assert there
    assert not loaded
    assert [float(each) for each in rest] == ([6.0] if has_scipy else [])


def test_what_is_loaded_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is not there is none for a while only."""
    monkeypatch.setitem(sys.modules, "some.thing", sys)
    with loading._without("some.thing"):
        assert sys.modules["some.thing"] is sys
    assert sys.modules["some.thing"] is sys
    with loading._without("no.such.thing"):
        assert sys.modules["no.such.thing"] is None
    assert "no.such.thing" not in sys.modules

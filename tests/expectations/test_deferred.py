"""A module that nobody uses is not imported; one that is used is the module itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from expectations.suites.deferred import deferred

ROOT = Path(__file__).parents[2]


def _in_a_new_process(program: str | Path) -> str:
    words = ["-c", program] if isinstance(program, str) else [program]
    where = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *words],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": where},
    )
    return done.stdout.strip()


def test_a_module_is_imported_when_it_is_first_used():
    """Inside the block the name is bound and nothing is loaded; its first use gives the module's own function."""
    program = """
import sys
from expectations.suites.deferred import deferred
with deferred("fractions", "xml.dom.minidom"):
    import fractions
    from xml.dom import minidom
print("fractions" in sys.modules, "decimal" in sys.modules, "xml.dom.minidom" in sys.modules)
print(fractions.Fraction(2, 4), minidom.parseString("<a/>").documentElement.tagName)
import fractions as whole
print(whole.__name__, "decimal" in sys.modules, whole.Fraction is fractions.Fraction)
"""
    assert _in_a_new_process(program).splitlines() == ["False False False", "1/2 a", "fractions True True"]


def test_a_function_can_be_taken_before_its_module_is_imported():
    """Taking it loads nothing, in the block; its first call does, and it stays what it was."""
    program = """
import sys
from expectations.suites.deferred import deferred
with deferred("fractions:Fraction"):
    from fractions import Fraction
print("fractions" in sys.modules, "decimal" in sys.modules)
print(Fraction(2, 4), Fraction(3, 9), "decimal" in sys.modules)
with deferred("colorsys:rgb_to_hls"):
    from colorsys import rgb_to_hls
    print(rgb_to_hls(0, 0, 0))
import fractions
print(fractions.Fraction(1, 2) == Fraction(1, 2), fractions.__name__)
"""
    assert _in_a_new_process(program).splitlines() == [
        "False False",
        "1/2 1/3 True",
        "(0.0, 0.0, 0.0)",
        "True fractions",
    ]


def test_a_module_that_is_there_stays():
    """Who has it already keeps it, and so does everybody else."""
    before = sys.modules["subprocess"]
    with deferred("subprocess"):
        assert sys.modules["subprocess"] is before
    assert sys.modules["subprocess"] is before


def test_what_looks_through_the_modules_loads_none():
    """A module's file or loader, which `inspect` asks of everything, is not there; a missing module is told as ever."""
    with deferred("no_such_module_anywhere"):
        module = sys.modules["no_such_module_anywhere"]
        assert not hasattr(module, "__wrapped__")
        with pytest.raises(ModuleNotFoundError):
            module.function  # noqa: B018 - the access is the use
    assert "no_such_module_anywhere" not in sys.modules


@pytest.mark.slow  # importing great_expectations takes seconds
def test_great_expectations_draws_no_charts_and_weighs_no_distributions(tmp_path: Path):
    """What only laws on distributions want is not imported for a check; pyspark, if it is here, is left as it is."""
    program = """
import sys
from expectations.suites.ge import UNUSED, Bench
Bench()
print([name for name in UNUSED if name.partition(":")[0] in sys.modules])
from jsonschema import FormatChecker
print([FormatChecker().conforms(text, "iri") for text in ("https://example.org/ä", "no address")])
"""
    file = tmp_path / "check.py"  # a program of no file is taken for its own doctests by pyspark
    file.write_text(program)
    assert _in_a_new_process(file).splitlines() == ["[]", "[True, False]"]

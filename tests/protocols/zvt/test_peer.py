"""The comparison with ecrterm where ecrterm is not installed."""

import sys

import pytest
from click.testing import CliRunner

from bench.zvt_peer.__main__ import main


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    """Status 3, nothing written, no traceback."""
    monkeypatch.setitem(sys.modules, "ecrterm", None)
    done = CliRunner().invoke(main, ["--out", "never.json"])
    assert done.exit_code == 3
    assert done.stderr.startswith("ecrterm is not here: pip install ecrterm")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""

"""A shop that imports its acquirers' statements, for every test of this folder that asks for one."""

from pathlib import Path

import pytest


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its folder, which is the current one; masked cards need no key."""
    monkeypatch.chdir(tmp_path)
    return tmp_path

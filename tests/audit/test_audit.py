"""An audit that asked about nothing is not a clean one."""

from typing import Any

import pytest

from tests.audit.__main__ import LOCK, holes, locked

SOUND = {"name": "click", "version": "8.1.0", "vulns": []}
HOLE = {"name": "old", "version": "1.0", "vulns": [{"id": "PYSEC-2024-1", "fix_versions": ["1.1"]}]}
LEFT_OUT = {"name": "pyserial", "skip_reason": "Dependency not found on PyPI and could not be audited: pyserial (3.5)"}


@pytest.mark.parametrize(
    ("parts", "status", "words"),
    [
        ([SOUND], 0, "1 parts looked up, no known hole"),
        ([SOUND, HOLE], 1, "1 known holes: old 1.0: PYSEC-2024-1"),
        ([SOUND, LEFT_OUT], 3, "NOT LOOKED UP: 1 parts (pyserial)"),
        ([LEFT_OUT] * 217, 3, "0 parts looked up, no known hole; NOT LOOKED UP: 217 parts"),
        ([HOLE, LEFT_OUT], 1, "old 1.0"),
        ([], 3, "0 parts looked up"),
    ],
)
def test_the_skip_list_is_read(parts: list[dict[str, Any]], status: int, words: str):
    """pip-audit 2.10 ends with "No known vulnerabilities found" when every part was skipped: that is no 0 here."""
    found = holes({"dependencies": parts, "fixes": []})
    assert found.status == status
    assert words in found.words()


def test_the_lock_file_names_every_part_once():
    """Names and versions as the list of parts has them; markers and extras are left aside."""
    assert locked('a==1.0 \\\n    --hash=sha256:00\nb[x]==2.0 ; python_version > "3"\n# c==3\n') == {
        ("a", "1.0"),
        ("b", "2.0"),
    }
    assert len(locked(LOCK.read_text("utf-8"))) > 150

"""A record that the spool no longer has, a row that the lake has not: what it means, and what to do.

Gone is not changed. A spool is cleared once the lake holds the same frames, and a pack is then proven by their rows.
"""

from collections.abc import Iterable
from pathlib import Path

from ingest.healing import LEDGER
from ingest.ledger import written_down

ELSEWHERE = (
    "what cannot be proven here was not found changed: what it is held against is gone, or on another machine. Verify "
    "with the settings of the spool and the lake that the pack was made from; where they are lost, `tillwatch restore` "
    "a backup of them and verify again"
)
"""What to do about what neither spool nor lake can show."""


class Cleared:
    """Why segments are not in a spool, as far as the spool itself can tell.

    Args:
        directory: the spool.
        files: names of the sealed segments that it still holds.
    """

    def __init__(self, directory: Path, files: Iterable[str]) -> None:
        self._directory = directory
        self._files = frozenset(files)
        self._days = {str(told.get("file")): str(told.get("pruned_at", ""))[:10] for told in _ledger(directory)}

    def why(self, file: str) -> str:
        """The reason for one segment's absence, by its file name."""
        if file in self._days:
            return f"cleared from the spool on {self._days[file]}"
        if not self._directory.is_dir():
            return f"there is no spool {self._directory}"
        if not self._files:
            return f"the spool {self._directory} holds no segments"
        return f"not in the spool {self._directory}, whose {LEDGER} does not say that it was cleared"

    def instead(self, files: Iterable[str]) -> str:
        """What proves the records of these segments, which the lake's rows did."""
        reasons = dict.fromkeys(self.why(each) for each in sorted(set(files)))
        return f"{'; '.join(reasons)}: the lake's rows of the same frames prove those records instead"


def _ledger(directory: Path) -> list[dict[str, object]]:
    try:
        return list(written_down(directory / LEDGER))
    except OSError:
        return []

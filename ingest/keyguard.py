"""A spool that stops recording when its key is taken away while it runs.

The key in memory would go on working. But somebody who removes the key file, or opens it
to others, means or causes the end of it: from then on nothing is recorded, receiving
terminals hear NAK and keep their records, and a relay passes bytes on unrecorded, counted
and alarmed. A rotation is no revocation: the old key is kept, and used until the restart.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.errors import KeyFileError, SpoolError
from ingest.frame_block import FrameBlock
from ingest.keys import Keys, load_keys
from ingest.records import PendingRecord
from ingest.segments import SegmentInfo
from ingest.spool import Spool

if TYPE_CHECKING:
    from ingest.handover import Tell

LOOK_SECONDS = 5.0


class KeyGuard:
    """Looks at the key file now and then.

    Args:
        path: the key file.
        key_id: the key that this process uses.
        tell: where events go.
        every: seconds between two looks.
    """

    def __init__(self, path: Path, key_id: str, tell: "Tell", *, every: float = LOOK_SECONDS) -> None:
        self._path = path
        self._key_id = key_id
        self._tell = tell
        self._every = every
        self._looked = time.monotonic()
        self._rotated = False
        self.revoked = ""
        """Why the key may not be used; empty while it may."""

    def check(self) -> None:
        """Pass while the key may be used.

        Raises:
            SpoolError: it may not.
        """
        now = time.monotonic()
        if now - self._looked >= self._every:
            self._looked = now
            self._look()
        if self.revoked:
            raise SpoolError(
                f"the key was taken away: {self.revoked}",
                hint=f"put {self._path} back (mode 0600); nothing is recorded without it",
            )

    def _look(self) -> None:
        why, rotated = "", False
        try:
            there = load_keys(self._path)
        except KeyFileError as wrong:
            why = wrong.message
        else:
            if there.of(self._key_id) is None:
                why = f"{self._path} holds key {there.key_id}, and key {self._key_id} is not among the retired ones"
            rotated = there.key_id != self._key_id
        if why and not self.revoked:
            self._tell("", "key-revoked", key=self._key_id, why=why, hint="nothing is recorded until it is back")
        elif self.revoked and not why:
            self._tell("", "key-back", key=self._key_id)
        if rotated and not why and not self._rotated:
            self._rotated = True
            self._tell("", "key-rotated", key=self._key_id, hint="start the collector again to use the new key")
        self.revoked = why


class GuardedSpool(Spool):
    """A spool that asks its guard before it writes."""

    def __init__(self, directory: Path, keys: Keys, guard: KeyGuard, **options: Any) -> None:
        guard.check()
        self._guard = guard
        super().__init__(directory, keys, **options)

    def append_many(self, records: Sequence[PendingRecord | FrameBlock]) -> list[int]:
        """As ``Spool.append_many``; refused while the key is taken away."""
        self._guard.check()
        return super().append_many(records)

    def seal_if_due(self) -> SegmentInfo | None:
        """As ``Spool.seal_if_due``; on a line that is silent this is where a missing key is noticed."""
        self._guard.check()
        return super().seal_if_due()

"""The segments beside one that was recorded with a wrong clock, and what is in the lake of its boot."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ingest.errors import SpoolError
from ingest.segments import SegmentInfo
from ingest.tables import Lake
from ingest.true_time import Beside, Clock, DayOf, Stamps, first_wrong, put_right, sure

if TYPE_CHECKING:
    import pyarrow as pa


class Neighbours:
    """Puts right the times of segments by those around them.

    Args:
        infos: the segments at hand, each spool's in its order.
        lake: what landed before.
        read: a segment's rows of ``raw_frames``.
        clock: which wall clocks can be true.
        zone, day_of: see ``true_time.put_right``.
    """

    def __init__(  # noqa: PLR0917  what there is to know
        self,
        infos: Sequence[SegmentInfo],
        lake: Lake,
        read: Callable[[SegmentInfo], "pa.Table"],
        clock: Clock,
        zone: ZoneInfo,
        day_of: DayOf,
    ) -> None:
        self._infos = infos
        self._lake = lake
        self._read = read
        self._clock = clock
        self._zone = zone
        self._day_of = day_of

    def put_right(self, info: SegmentInfo, rows: "pa.Table") -> "tuple[pa.Table | None, str]":
        """A segment's rows with the times that can be true, and what is to be told of it, if anything is.

        None in place of the rows: nothing tells the time yet.

        Raises:
            LakeError: the lake cannot be read.
        """
        if (at := first_wrong(rows, self._clock)) is None:
            return rows, ""
        right = put_right(rows, self._clock, self._beside(info), self._zone, self._day_of)
        said = f"{at:%Y-%m-%d}"
        if right is None:
            return None, (
                f"{info.path}: waits: the collector's clock said {said}, and no record beside it tells the time; "
                "set the clock, and it lands with what is recorded then"
            )
        return right, f"{info.path}: the collector's clock was wrong ({said}): its records have their neighbours' time"

    def _beside(self, info: SegmentInfo) -> Beside:
        own = [each for each in self._infos if each.path.parent == info.path.parent]
        here = next(place for place, each in enumerate(own) if each.id == info.id)
        return Beside(self._first(reversed(own[:here])), self._first(iter(own[here + 1 :])), self._of_boot)

    def _first(self, infos: Iterator[SegmentInfo]) -> Stamps | None:
        """The true clocks of the first segment that has any."""
        for info in infos:
            try:
                found = sure(self._read(info), self._clock)
            except SpoolError:
                continue
            if found is not None:
                return found
        return None

    def _of_boot(self, boot: int) -> Stamps | None:
        """The true clocks of a boot's records that have landed."""
        columns = ["seq", "boot_id", "mono_ns", "seen_at"]
        where = [("boot_id", "==", boot), ("mono_ns", ">", 0), ("seen_at", ">=", self._clock.since)]
        return sure(self._lake.read("raw_frames", columns=columns, filters=where), self._clock)

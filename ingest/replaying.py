"""A capture's lines into records: by columns where each line is one whole frame, one by one where not.

What ``ingest.recording`` does for a line that is being heard. A frame is whole when its length, its
TPDU and header and every field in it agree with its last byte: the deframer would hand out just
that. Anything else (a line with less or more than a frame, noise, another envelope, a dialect without
columns) goes through the deframer and the row sanitiser, in its place among the others.
"""

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ingest.capture import Broken, read_capture
from ingest.capture_table import Block, columns
from ingest.frame_block import FrameBlock
from ingest.recording import Recorder
from ingest.records import DIGEST_SIZE, Direction, PendingRecord, session
from ingest.segment import DIRECTIONS
from protocols.columnar import loading
from protocols.columnar.arrays import plain
from protocols.envelope import LENGTH_BYTES, TPDU_BYTES
from protocols.errors import ProfileError
from protocols.locate import TPDU_ID
from protocols.profile import Profile
from protocols.sanitise import CardKeys
from protocols.walk import HEAD_BYTES

if TYPE_CHECKING:
    import pyarrow as pa

    from protocols.columnar.sanitise import ColumnSanitiser, SafeColumns

COLUMNS_FROM = 2_000
"""Lines from which loading the compiled sanitiser is worth it."""
_APPLICATION = 6
"""First nibble of a header: application class 60 to 69."""


@dataclass(slots=True)
class Replayed:
    """What a block of lines became: its records, in order, how many lines were read, and which were not."""

    records: list[PendingRecord | FrameBlock] = field(default_factory=list)
    lines: int = 0
    broken: list[Broken] = field(default_factory=list)

    def add(self, block: FrameBlock) -> None:
        """Put frames behind the others, if there are any."""
        if len(block):
            self.records.append(block)


class Replaying:
    """Captures of one profile on their way into the spool.

    Args:
        profile: the lines' profile.
        keys: keys of card tokens and digests.
        line: the line's name; None: as the capture says.
    """

    def __init__(self, profile: Profile, keys: CardKeys, line: str | None = None) -> None:
        self.recorders: dict[str, Recorder] = {}
        self._profile, self._keys, self._line = profile, keys, line
        self._sanitiser = _column_sanitiser(profile, keys)

    def read(self, block: Block, source: str) -> Replayed:
        """The records of a block of lines of the capture ``source``."""
        table = None
        if self._sanitiser is not None and block.text.count(b"\n") >= COLUMNS_FROM and loading.available():
            table = columns(block)
        return self._by_line(block, source) if table is None else self._by_column(table, source)

    def _by_line(self, block: Block, source: str) -> Replayed:
        made = Replayed()
        for entry in read_capture(io.BytesIO(block.text), block.number):
            if isinstance(entry, Broken):
                made.broken.append(entry)
                continue
            made.lines += 1
            name = self._line or entry.line
            recorder = self._recorder(name, entry.wall_ns, source, made.records)
            made.records += _heard(recorder, entry.direction, entry.frame, entry.wall_ns)
        return made

    def _by_column(self, table: "pa.Table", source: str) -> Replayed:
        import numpy as np

        assert self._sanitiser is not None  # noqa: S101  read looked
        frames = table["frame"].chunk(0)
        safe = self._sanitiser.sanitise(frames)
        whole = _whole(self._profile, frames)
        whole[safe.errors["row"].to_pylist()] = False
        made = Replayed(lines=table.num_rows)
        block = self._block(table, safe)
        breaks = set(np.flatnonzero(~whole).tolist())
        for place, name in enumerate(block.lines):
            if name not in self.recorders:
                breaks.add(int(np.argmax(block.line == place)))
        done = 0
        for row in sorted(breaks):
            made.add(block.slice(done, row))
            name, wall_ns = block.lines[block.line[row]], int(block.wall_ns[row])
            recorder = self._recorder(name, wall_ns, source, made.records)
            done = row
            if not whole[row]:
                made.records += _heard(recorder, DIRECTIONS[block.direction[row]], frames[row].as_py(), wall_ns)
                done = row + 1
        made.add(block.slice(done, len(block)))
        sizes = np.where(whole, np.diff(np.frombuffer(frames.buffers()[1], np.int32, len(frames) + 1)), 0)
        for (name, direction), rows in block.ways():
            self.recorders[name].count_frames(direction, int(whole[rows].sum()), int(sizes[rows].sum()))
        return made

    def _block(self, table: "pa.Table", safe: "SafeColumns") -> FrameBlock:
        """A table's frames, whole or not, as the spool takes them."""
        import numpy as np

        if self._line:
            lines, line = [self._line], np.zeros(table.num_rows, np.int32)
        else:
            named = table["line"].chunk(0).dictionary_encode()
            lines, line = named.dictionary.to_pylist(), plain(named.indices, np.int32)
        direction = table["dir"].chunk(0).dictionary_encode()
        places = np.array([DIRECTIONS.index(each) for each in direction.dictionary.to_pylist()], np.uint8)
        digests = np.frombuffer(safe.digest.buffers()[2], np.uint8).reshape(-1, DIGEST_SIZE)
        return FrameBlock(
            self._profile.name,
            lines,
            line,
            places[plain(direction.indices, np.int32)],
            plain(table["wall_us"].chunk(0), np.int64) * 1000,
            safe.frames,
            digests,
            safe.card_token,
        )

    def _recorder(self, name: str, wall_ns: int, source: str, records: list[PendingRecord | FrameBlock]) -> Recorder:
        """A line's recorder; its session stands before the first thing heard on it."""
        recorder = self.recorders.get(name)
        if recorder is None:
            recorder = self.recorders[name] = Recorder(self._profile, self._keys, name)
            records.append(session(name, self._profile.name, {"mode": "replay", "source": source}, wall_ns=wall_ns))
        return recorder


def _heard(recorder: Recorder, direction: Direction, frame: bytes, wall_ns: int) -> list[PendingRecord]:
    return recorder.feed(direction, frame, wall_ns, 0) + recorder.flush(direction, wall_ns, 0)


def _column_sanitiser(profile: Profile, keys: CardKeys) -> "ColumnSanitiser | None":
    """What makes whole batches safe; None where each line goes through the deframer."""
    if profile.speech.columns is None or profile.link.envelope != "length" or not profile.link.before_message:
        return None
    from protocols.columnar.sanitise import ColumnSanitiser

    try:
        return ColumnSanitiser(profile, keys)
    except ProfileError:
        return None


def _whole(profile: Profile, frames: "pa.Array") -> Any:
    """Which frames are link frames from their first byte to their last, by length, TPDU and header."""
    import numpy as np

    link = profile.link
    least = LENGTH_BYTES + link.before_message + HEAD_BYTES
    _, places, data = frames.buffers()
    offsets = np.frombuffer(places, np.int32)[frames.offset : frames.offset + len(frames) + 1]
    octets = np.frombuffer(data, np.uint8)
    sizes = np.diff(offsets)
    good = (sizes >= least) & (sizes <= link.max_frame)
    starts = np.where(good, offsets[:-1], 0)
    said = octets[starts].astype(np.int64) << 8 | octets[starts + 1]
    lengths = np.array([link.read_length(pair >> 8, pair & 255) for pair in np.unique(said).tolist()], np.int64)
    good &= lengths[np.searchsorted(np.unique(said), said)] == sizes - LENGTH_BYTES
    tpdu = starts + LENGTH_BYTES
    good &= octets[tpdu] == TPDU_ID
    for at in range(1, TPDU_BYTES):
        good &= (octets[tpdu + at] >> 4 < 10) & (octets[tpdu + at] & 15 < 10)
    return good & (octets[tpdu + TPDU_BYTES] >> 4 == _APPLICATION)

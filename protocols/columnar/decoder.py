"""The decoder of batches: a profile's frames or a journal's records, as the spool holds them, into Arrow.

    decoder = column_decoder(load_profile("unionpay"))
    columns = decoder.decode(frames)      # a pyarrow BinaryArray of sanitised frames
    columns.batch, columns.errors

Or the records of any construct Struct whose parts ``parts`` knows:
``column_decoder(Struct("kind" / Enum(Byte, sale=1), "size" / Byte, "text" / PaddedString(this.size, "utf8")))``.

Memory is bounded by the batch: give it some 16,000 frames at a time.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import construct as c

from protocols.columnar import compiled as machine
from protocols.columnar import loading, messages, records, structs, vectors
from protocols.columnar.plan import TAGS, message_plan
from protocols.columnar.records import journal_plan
from protocols.columnar.walk import Batch
from protocols.errors import ProfileError
from protocols.journal.profile import JournalProfile
from protocols.profile import Profile

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_FRAMES = 32_768
"""So many frames at a time run best: their bytes and columns stay near the processor."""
COMPILED_FROM = 200_000
"""Loading numba takes some tenths of a second, and 120 MB: numpy decodes so many frames meanwhile."""
_MOST_BYTES = 1 << 29


@dataclass(frozen=True, slots=True)
class Columns:
    """A decoded batch.

    Attributes:
        batch: one row for each frame given, in their order. Of a row with an error, what could be read.
        errors: ``row``, ``layer``, ``field``, ``code``, ``expected``, ``got``, ``hint``, ``offset``: the first
            error of each bad row, as the row decoder says it; the rest of the batch is unharmed.
    """

    batch: "pa.RecordBatch"
    errors: "pa.RecordBatch"


class ColumnDecoder:
    """Decodes batches of one profile's frames; holds nothing of them between, so threads may share it.

    Args:
        profile: of the UnionPay dialect, or a journal's with records of fixed size; or a construct Struct.
        tags: the tags of F55 that become columns.
        compiled: whether numba's machine code does the work; None: from ``COMPILED_FROM`` frames on, where numba is.

    Raises:
        ProfileError: the profile, or the Struct, holds something no column can be derived from.
    """

    def __init__(
        self, profile: Profile | JournalProfile | c.Struct, tags: Sequence[str] = TAGS, *, compiled: bool | None = None
    ) -> None:
        self.profile = profile
        self._compiled = compiled
        self._frames = 0
        self._run: Callable[[Batch, Any], tuple[pa.RecordBatch, pa.RecordBatch]]
        if isinstance(profile, JournalProfile):
            journal = journal_plan(profile)
            self.names = journal.names
            self._run = functools.partial(records.decode, journal)
            return
        if isinstance(profile, c.Struct):
            struct = structs.struct_plan(profile)
            self.names = struct.names
            self._run = functools.partial(structs.decode, struct)
            return
        _check_envelope(profile)
        plan = message_plan(profile.grammar, tags)
        self.names = tuple(plan.schema.names)
        self._run = functools.partial(messages.decode, profile, plan)

    def decode(self, frames: "pa.BinaryArray") -> Columns:
        """The columns of a batch of frames, and what is wrong with which.

        Raises:
            ValueError: a frame is null, or the batch has more than 512 MB; no bytes can cause another error.
        """
        self._frames += len(frames)
        batch, errors = self._run(as_batch(frames), self._steps())
        return Columns(batch, errors)

    def _steps(self) -> Any:
        wanted = self._frames >= COMPILED_FROM if self._compiled is None else self._compiled
        return machine if wanted and loading.available() else vectors


def _check_envelope(profile: Profile) -> None:
    if profile.link.envelope not in {"length", "stx", "bare"}:
        raise ProfileError(
            "no columns can be derived from this envelope",
            protocol=profile.name,
            layer="profile",
            path="link.envelope",
            code="underivable",
            expected="length, stx, bare",
            got=profile.link.envelope,
        )


def column_decoder(
    profile: Profile | JournalProfile | c.Struct, tags: Sequence[str] = TAGS, *, compiled: bool | None = None
) -> ColumnDecoder:
    """The decoder of a profile's batches; see ``ColumnDecoder``."""
    return ColumnDecoder(profile, tags, compiled=compiled)


def as_batch(frames: "pa.BinaryArray") -> Batch:
    """Arrow's own buffers, not copied.

    Raises:
        ValueError: see ``ColumnDecoder.decode``.
    """
    import numpy as np

    if frames.null_count:
        raise ValueError(f"{frames.null_count} frames are null: give only the rows that have one")
    _, places, data = frames.buffers()
    offsets = np.frombuffer(places, np.int32)[frames.offset : frames.offset + len(frames) + 1].astype(np.int64)
    if len(frames) and int(offsets[-1] - offsets[0]) > _MOST_BYTES:
        raise ValueError(f"a batch of {int(offsets[-1] - offsets[0])} bytes: give at most {_MOST_BYTES} at a time")
    first, last = (int(offsets[0]), int(offsets[-1])) if len(frames) else (0, 0)
    if first == last:
        return Batch(np.frombuffer(bytes(1), np.uint8), offsets[:-1] - first, offsets[1:] - first)
    return Batch(np.frombuffer(data, np.uint8, last - first, first), offsets[:-1] - first, offsets[1:] - first)

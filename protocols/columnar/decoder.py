"""The decoder of batches: a profile's frames, as the spool holds them, into one Arrow record batch.

    decoder = column_decoder(load_profile("unionpay"))
    columns = decoder.decode(frames)      # a pyarrow BinaryArray of sanitised frames
    columns.batch, columns.errors

Memory is bounded by the batch: give it some 16,000 frames at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protocols.columnar import messages, vectors
from protocols.columnar.plan import TAGS, message_plan
from protocols.columnar.walk import Batch
from protocols.errors import ProfileError
from protocols.profile import Profile

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_FRAMES = 16_384
"""So many frames at a time run best: their bytes and columns stay near the processor."""
_MOST_BYTES = 1 << 29


@dataclass(frozen=True, slots=True)
class Columns:
    """A decoded batch.

    Attributes:
        batch: one row for each frame given, in their order. Of a row with an error, what could be read.
        errors: ``row``, ``layer``, ``field``, ``code``, ``expected``, ``got``, ``hint``, ``offset``: the first
            error of each bad row, as ``Profile.read`` says it; the rest of the batch is unharmed.
    """

    batch: "pa.RecordBatch"
    errors: "pa.RecordBatch"


class ColumnDecoder:
    """Decodes batches of one profile's frames; holds no state between them, so threads may share it.

    Args:
        profile: of the UnionPay dialect.
        tags: the tags of F55 that become columns.

    Raises:
        ProfileError: the profile holds something no column can be derived from.
    """

    def __init__(self, profile: Profile, tags: Sequence[str] = TAGS) -> None:
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
        self.profile = profile
        self.plan = message_plan(profile.grammar, tags)

    def decode(self, frames: "pa.BinaryArray") -> Columns:
        """The columns of a batch of frames, and what is wrong with which.

        Raises:
            ValueError: a frame is null, or the batch has more than 512 MB; no bytes can cause another error.
        """
        batch, errors = messages.decode(self.profile, self.plan, as_batch(frames), _steps())
        return Columns(batch, errors)


def column_decoder(profile: Profile, tags: Sequence[str] = TAGS) -> ColumnDecoder:
    """The decoder of a profile's batches; see ``ColumnDecoder``."""
    return ColumnDecoder(profile, tags)


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
    whole = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    return Batch(whole, offsets[:-1], offsets[1:])


def _steps() -> Any:
    return vectors

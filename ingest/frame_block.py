"""Many frames on their way to the spool as columns, and their bytes made at once.

What ``ingest.records.PendingRecord`` and ``ingest.segment.encode_frame`` are for one: the bytes are the
same. They are made by compiled loops; where those are not, or for a few frames, ``records`` gives
the frames one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from ingest.records import DIGEST_SIZE, FRAME_HEAD, Direction, Kind, PendingRecord
from ingest.segment import DIRECTIONS, FORMAT_VERSION, MAX_PAYLOAD, RECORD_MAGIC, RECORD_OVERHEAD, Chain

if TYPE_CHECKING:
    import pyarrow as pa

FEW = 64
"""Up to so many frames are made one by one."""
_HEAD_BYTES = 48  # of a record, before its payload; docs/spool-format.md
_CHAIN_AT = 40
_FIELDS = (
    ("magic", "S2"), ("version", "u1"), ("flags", "u1"), ("length", ">u4"), ("seq", ">u8"), ("port", ">u4"),
    ("wall_ns", ">i8"), ("mono_ns", ">u8"), ("boot_id", ">u4"), ("chain", "V8"),
    ("digest", f"V{DIGEST_SIZE}"), ("dup_of", ">u8"), ("token", "u1"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FrameBlock:
    """Sanitised frames of one profile, in their order, without a monotonic clock.

    Attributes:
        profile: of all.
        lines: the lines' names.
        line: which of them each frame's is.
        direction: for each its place in ``segment.DIRECTIONS``.
        wall_ns: for each, int64.
        frames: their bytes; none is null.
        digests: uint8, a line for each.
        tokens: card tokens, null for none.
    """

    profile: str
    lines: Sequence[str]
    line: Any
    direction: Any
    wall_ns: Any
    frames: "pa.BinaryArray"
    digests: Any
    tokens: "pa.StringArray"

    def __len__(self) -> int:
        return len(self.frames)

    def slice(self, begin: int, end: int) -> Self:
        """The frames from one to before another."""
        some = slice(begin, end)
        line, direction, wall_ns = self.line[some], self.direction[some], self.wall_ns[some]
        frames, digests, tokens = self.frames[some], self.digests[some], self.tokens[some]
        return type(self)(self.profile, self.lines, line, direction, wall_ns, frames, digests, tokens)

    def records(self) -> list[PendingRecord]:
        """The same one by one."""
        rows = zip(
            self.line.tolist(),
            self.direction.tolist(),
            self.wall_ns.tolist(),
            self.frames.to_pylist(),
            self.digest_list(),
            self.tokens.to_pylist(),
            strict=True,
        )
        nothing: dict[str, Any] = {}
        return [
            PendingRecord(
                Kind.FRAME, self.lines[line], self.profile, wall_ns, 0, DIRECTIONS[direction], frame, digest, token,
                len(frame), None, nothing,
            )
            for line, direction, wall_ns, frame, digest, token in rows
        ]  # fmt: skip

    def digest_list(self) -> list[bytes]:
        """Each frame's digest."""
        import numpy as np

        found: list[bytes] = np.ascontiguousarray(self.digests).view(f"V{DIGEST_SIZE}").ravel().tolist()
        return found

    def ways(self) -> "list[tuple[tuple[str, Direction], Any]]":
        """Each line and direction with the frames that came there."""
        import numpy as np

        many = len(DIRECTIONS)
        both = self.line.astype(np.int64) * many + self.direction
        order = np.argsort(both, kind="stable")
        kinds, begins = np.unique(both[order], return_index=True)
        rows = np.split(order, begins[1:])
        names = [(self.lines[kind // many], DIRECTIONS[kind % many]) for kind in kinds.tolist()]
        return list(zip(names, rows, strict=True))

    def encode(self, seq: int, ports: Any, boot_id: int, chain: Chain, link: bytes, dups: Any) -> tuple[Any, bytes]:  # noqa: PLR0917
        """The records' bytes (int8) as ``segment.encode_frame`` makes each, and what the next one carries of the last.

        Args:
            seq: the first one's number.
            ports: each frame's line by its number in the segment.
            boot_id: as in every record.
            chain: of the key.
            link: of the record before.
            dups: for each the number of the same frame that came first, 0 for none.

        Raises:
            ValueError: a frame is too long for a record.
        """
        import numpy as np

        from protocols.columnar import loading

        frames, token = _stretches(self.frames), _stretches(self.tokens)
        widths, sizes = token[2] - token[1], frames[2] - frames[1]
        lengths = FRAME_HEAD.size + widths + sizes
        if lengths.max(initial=0) > MAX_PAYLOAD:
            raise ValueError(f"a payload of {lengths.max()} bytes is over {MAX_PAYLOAD}")
        ends = np.zeros(len(self) + 1, np.int64)
        np.cumsum(lengths + RECORD_OVERHEAD, out=ends[1:])
        heads = np.zeros(len(self), np.dtype(list(_FIELDS)))
        heads["magic"], heads["version"], heads["boot_id"] = RECORD_MAGIC, FORMAT_VERSION, boot_id
        heads["flags"] = Kind.FRAME | self.direction << 4
        heads["seq"] = np.arange(seq, seq + len(self))
        heads["length"], heads["port"], heads["wall_ns"] = lengths, ports, self.wall_ns
        heads["digest"] = np.ascontiguousarray(self.digests).view(f"V{DIGEST_SIZE}").ravel()
        heads["dup_of"], heads["token"] = dups, widths
        made = np.empty(int(ends[-1]), np.int8)
        size = heads.itemsize
        np.ndarray((made.size - size + 1,), f"V{size}", made.data, 0, (1,))[ends[:-1]] = heads.view(f"V{size}")
        copy = loading.loops().place_bytes
        copy(*token, made, ends[:-1] + size)
        copy(*frames, made, ends[:-1] + size + widths)
        return made, chain.many.chain(made, ends, _CHAIN_AT, link)


def _stretches(texts: "pa.Array") -> tuple[Any, Any, Any]:
    """Bytes (int8), and where in them each text begins and ends; one that is null is empty."""
    import numpy as np

    validity, places, octets = texts.buffers()
    offsets = np.frombuffer(places, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    starts, ends = offsets[:-1], offsets[1:]
    if validity is not None and texts.null_count:
        there = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")[texts.offset :][: len(texts)]
        ends = np.where(there, ends, starts)
    data = np.zeros(1, np.int8) if octets is None or not octets.size else np.frombuffer(octets, np.int8)
    return data, starts, ends


def made_at_once() -> bool:
    """Whether ``FrameBlock.encode`` can be called: numba is there."""
    from protocols.columnar import loading

    return loading.available()

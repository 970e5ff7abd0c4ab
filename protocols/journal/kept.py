"""How a journal's record rests in the spool: behind who wrote it and which record it was.

Most journals do not name their merchant, some not even their terminal; whoever reads the
journal says so, and it must be with the record for good. The number is the record's place
in the file, from 0.
"""

from dataclasses import dataclass, field

import construct as c

from protocols.errors import DecodeError
from protocols.journal.layout import Little, Terminated

_MARK = b"TJ"
HEAD = c.Struct(
    "mark" / c.Const(_MARK),
    "number" / Little(4),
    "terminal_id" / Terminated(9),
    "merchant_id" / Terminated(16),
)
HEAD_BYTES: int = HEAD.sizeof()


@dataclass(frozen=True, slots=True)
class Kept:
    """A record and where it is from; ``terminal_id`` and ``merchant_id`` are None where nobody said so."""

    number: int
    terminal_id: str | None
    merchant_id: str | None
    record: bytes = field(repr=False)


def pack(kept: Kept) -> bytes:
    """The bytes that go into the spool."""
    head: bytes = HEAD.build(
        {"number": kept.number, "terminal_id": kept.terminal_id or "", "merchant_id": kept.merchant_id or ""}
    )
    return head + kept.record


def unpack(data: bytes) -> Kept:
    """A record from the spool.

    Raises:
        DecodeError: it is no journal's record.
    """
    try:
        head = HEAD.parse(data[:HEAD_BYTES])
    except (c.ConstructError, DecodeError):
        raise no_record() from None
    return Kept(head["number"], head["terminal_id"] or None, head["merchant_id"] or None, data[HEAD_BYTES:])


def no_record() -> DecodeError:
    """The error of bytes that are no journal's record."""
    return DecodeError(
        "no journal's record",
        layer="record",
        offset=0,
        code="mark",
        expected=f"{HEAD_BYTES} bytes of mark, number, terminal and merchant",
        got="something else",
    )

"""Where the messages and fields of a batch lie: what a walk over all its frames finds, and why one ended early."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

MTI, TPDU, HEADER = 0, -1, -2
"""What stands before the fields, as numbers of places."""


class Fault(IntEnum):
    """Why no layout fits a frame: the row decoder's codes, those of one word told apart."""

    NONE = 0
    ENVELOPE = 1
    """Nothing in the bytes looks like a frame."""
    LAYOUT = 2
    """A link frame whose length, ETX or LRC does not agree."""
    HEAD = 3
    """Fewer bytes than MTI and bitmap have; ``got`` of them."""
    MTI = 4
    UNKNOWN = 5
    """A bit of the bitmap that no field has; ``number`` is 1 where this dialect has no second bitmap."""
    SHORT_LENGTH = 6
    """The message ends inside a counted field's length of ``expected`` bytes; ``got`` are left."""
    LENGTH = 7
    """A length that is no number (``got`` -1) or more than the field holds."""
    SHORT = 8
    """The message ends inside a field of ``expected`` digits or bytes; ``got`` bytes are left."""
    LONG = 9
    """``got`` bytes are left over after the last field."""


class Place(NamedTuple):
    """Where one field lies in the rows that have it.

    Attributes:
        rows: int32, rising.
        starts: integers, first byte of the value, counted in the whole buffer.
        counts: int32, digits or bytes.
        total: the sum of the counts.
        tiles: where the rows of each tile begin in the arrays all places of a walk share, and the end; None where
            there are none such.
    """

    rows: Any
    starts: Any
    counts: Any
    total: int
    tiles: Any = None


class Terminated(NamedTuple):
    """Where texts that end with a zero byte lie.

    Attributes:
        rows: int32, rising.
        starts: int32, the first byte of each, counted in the whole buffer.
        size: their bytes at most, the zero byte included.
        digits: only digits are legal, and the sanitiser's asterisks.
    """

    rows: Any
    starts: Any
    size: int
    digits: bool


def place(rows: Any, starts: Any, counts: Any) -> Place:
    """A place with the sum of its counts."""
    return Place(rows, starts, counts, int(counts.sum()))


@dataclass(frozen=True, slots=True)
class Walked:
    """A batch whose fields are found. Arrays have one element a row; offsets count from the frame's first byte.

    Attributes:
        head: where the TPDU stands, or -1.
        message: where the MTI stands.
        there: whether MTI and bitmap are.
        bitmap: the 64 bits; 0 where they are not there.
        mac_absent: the bitmap announces F64 and the bytes end before it.
        fault: ``Fault``; with one, the fields before it have places all the same.
        number: the failing field.
        at: its first byte.
        expected: a number for the error's words; see ``Fault``.
        got: likewise.
        places: field, ``MTI``, ``TPDU`` or ``HEADER`` -> where it lies.
    """

    head: Any
    message: Any
    there: Any
    bitmap: Any
    mac_absent: Any
    fault: Any
    number: Any
    at: Any
    expected: Any
    got: Any
    places: dict[int, Place] = field(default_factory=dict)


def no_rows_walked(rows: int) -> Walked:
    """Room for the walk of so many rows: no layout tried yet."""
    import numpy as np

    return Walked(
        head=np.full(rows, -1, np.int32),
        message=np.zeros(rows, np.int32),
        there=np.zeros(rows, bool),
        bitmap=np.zeros(rows, np.uint64),
        mac_absent=np.zeros(rows, bool),
        fault=np.full(rows, Fault.ENVELOPE, np.int8),
        number=np.zeros(rows, np.int8),
        at=np.zeros(rows, np.int32),
        expected=np.zeros(rows, np.int32),
        got=np.zeros(rows, np.int32),
    )

"""The formats of journals by name, and the shapes a record of each may have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from protocols.errors import DecodeError
from protocols.journal import pos_log, t_water, trans_record
from protocols.journal.laws import Law, first_broken
from protocols.journal.layout import Layout
from protocols.journal.said import Said

Values = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """One kind of record: how it is read and what it says.

    Attributes:
        name: for people.
        layout: its bytes; None for rows, which have names instead of places.
        said: what its values say, with the profile's table of transactions.
        laws: what every record of a terminal keeps to.
    """

    name: str
    layout: Layout | None
    said: Callable[[Mapping[str, Any], Mapping[str, str]], Said]
    laws: tuple[Law, ...] = ()

    def read(self, record: bytes) -> tuple[Values, DecodeError | None]:
        """The values that can be read, and the first thing that is wrong; its offset is from the record's start."""
        values, wrong = t_water.read(record) if self.layout is None else self.layout.read(record)
        if wrong is None and (doubt := self.doubt(values)) is not None:
            wrong = self.implausible(*doubt, self.spans(record))
        return values, wrong

    def doubt(self, values: Mapping[str, Any]) -> tuple[str, str] | None:
        """The column no terminal writes like this, and what it should be; None when all are plausible."""
        return t_water.doubt(values) if self.layout is None else first_broken(self.laws, values)

    @staticmethod
    def implausible(column: str, expected: str, spans: Mapping[str, tuple[int, int]]) -> DecodeError:
        """The error of a column that keeps to no law of its kind."""
        return DecodeError(
            "not what a terminal writes here",
            layer="record",
            path=column,
            offset=spans.get(column, (0, 0))[0],
            code="implausible",
            expected=expected,
            got="something else",
            hint="check that the profile is the terminal's, and that the file was copied whole",
        )

    def spans(self, record: bytes) -> dict[str, tuple[int, int]]:
        """Column -> offset and length of its bytes."""
        if self.layout is None:
            return t_water.spans(record)
        return {name: (at, self.layout.fields[name].size) for name, at in self.layout.offsets.items()}

    @property
    def names_terminal(self) -> bool:
        """Whether a record says which terminal wrote it."""
        return self.layout is not None and "szPosId" in self.layout.fields

    def titles(self, column: str) -> tuple[str, str]:
        """English and Chinese title."""
        if self.layout is None:
            return t_water.COLUMNS.get(column, ("", "", ""))[1:]
        each = self.layout.fields[column]
        return each.en, each.zh


ROWS = Shape("t_water", None, t_water.said)
FORMATS: dict[str, tuple[Shape, ...]] = {
    "pos_log": (
        Shape(pos_log.ALIGNED.name, pos_log.ALIGNED, pos_log.said, pos_log.LAWS),
        Shape(pos_log.PACKED.name, pos_log.PACKED, pos_log.said, pos_log.LAWS),
        Shape(pos_log.TOTAL_ALIGNED.name, pos_log.TOTAL_ALIGNED, pos_log.said_totals, pos_log.TOTAL_LAWS),
        Shape(pos_log.TOTAL_PACKED.name, pos_log.TOTAL_PACKED, pos_log.said_totals, pos_log.TOTAL_LAWS),
    ),
    "trans_record": (
        Shape(trans_record.ALIGNED.name, trans_record.ALIGNED, trans_record.said, trans_record.LAWS),
        Shape(trans_record.PACKED.name, trans_record.PACKED, trans_record.said, trans_record.LAWS),
    ),
    "t_water": (ROWS,),
}
"""Format -> the shapes a file may be made of, the likelier first; a fixed shape is known again by its size."""


def shape_of(name: str, record: bytes) -> Shape:
    """The shape of one record that rests.

    Raises:
        DecodeError: no shape of this format is that long.
    """
    for shape in FORMATS[name]:
        if shape.layout is None or shape.layout.size == len(record):
            return shape
    raise no_shape(name, len(record))


def no_shape(name: str, size: int) -> DecodeError:
    """The error of a record that is as long as none of a format."""
    return DecodeError(
        "no record of this journal is that long",
        layer="record",
        offset=0,
        code="length",
        expected=", ".join(str(shape.layout.size) for shape in FORMATS[name] if shape.layout) + " bytes",
        got=f"{size}",
    )

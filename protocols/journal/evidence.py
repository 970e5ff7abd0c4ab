"""Which layout a journal's file has, told from its records and never guessed.

Each shape of the format reads the whole file. A shape fits when more than half of the
records it makes of the file are what a terminal writes: packed digits, dates, trace
numbers, text that ends. One byte of padding too much moves every text by one, so a
wrong layout fits hardly any record. Where two fit (a single record), the one whose records
make the file up exactly is the one. When none fits, or two still do, nothing is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from protocols.errors import FrameError
from protocols.journal.formats import FORMATS, Shape

_SAMPLE = 1000  # as many as a log has; a longer file is judged by its first


@dataclass(frozen=True, slots=True)
class Piece:
    """One record as it lies in the file; the bytes are not in its repr."""

    number: int
    offset: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A shape, and how many of the records it makes of the file are plausible."""

    shape: Shape
    plausible: int
    records: int
    rest: int

    @property
    def fits(self) -> bool:
        """More than half of the records."""
        return 2 * self.plausible > self.records

    def __str__(self) -> str:
        rest = f", {self.rest} bytes over" if self.rest else ""
        return f"{self.shape.name}: {self.plausible} of {self.records} records are plausible{rest}"


def weigh(name: str, data: bytes) -> list[Evidence]:
    """What speaks for each fixed shape of a format."""
    found = []
    for shape in FORMATS[name]:
        if shape.layout is None:
            continue
        records = list(pieces(shape, data[: _SAMPLE * shape.layout.size]))
        whole = [each for each in records if len(each.data) == shape.layout.size]
        plausible = sum(shape.read(each.data)[1] is None for each in whole)
        found.append(Evidence(shape, plausible, len(whole), len(data) % shape.layout.size))
    return found


def choose(name: str, data: bytes) -> Evidence:
    """The one shape the file speaks for.

    Raises:
        FrameError: none fits, or more than one; the message has the evidence, no bytes.
    """
    found = weigh(name, data)
    fitting = [each for each in found if each.fits]
    if len(fitting) > 1:
        fitting = [each for each in fitting if not each.rest] or fitting
    if len(fitting) == 1:
        return fitting[0]
    evidence = "; ".join(map(str, found))
    if not fitting:
        raise FrameError(
            "no layout of this journal fits the file",
            layer="journal",
            offset=0,
            code="layout",
            expected=" or ".join(f"records of {each.shape.name}" for each in found),
            got=evidence,
            hint="check that the profile is the terminal's, and that the file was copied whole",
        )
    raise FrameError(
        "more than one layout of this journal fits the file",
        layer="journal",
        offset=0,
        code="ambiguous",
        expected="evidence for one layout",
        got=evidence,
        hint="read a journal with more records; one that was copied from another terminal of this make will do",
    )


def pieces(shape: Shape, data: bytes) -> Iterator[Piece]:
    """The records of a file, numbered from 0; the last may be cut off."""
    size = shape.layout.size if shape.layout else len(data)
    for number, start in enumerate(range(0, len(data), size)):
        yield Piece(number, start, data[start : start + size])

"""A description as lines for people: aligned, and cut to a screen's width where there is one.

Chinese characters take two columns of a screen. A value too long for its line goes on below
itself; a title too long for its column is cut with an ellipsis. What is less sure than the
profile itself is marked.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from protocols.profile_files import CONFIDENCES

UNSURE = "?"
NOTES = {
    "zh-CN": f"{UNSURE} = 推测，没有公开文件证实",
    "en": f"{UNSURE} = assumed: no public document says so",
}
"""Language -> what the mark means."""
_VALUE_COLUMNS = 30  # what a narrow screen leaves for values
_LEAST_TITLE = 12


class Line(NamedTuple):
    """One value: where it lies, how many bytes, its number or tag, its title, its text."""

    offset: str
    length: str
    label: str
    title: str
    value: str
    unsure: bool = False


def line(row: Mapping[str, Any], label: str, value: str, *, language: str, than: str) -> Line:
    """A row of ``describe --json`` as a line.

    Args:
        row: the row.
        label: its number or tag.
        value: its text.
        language: ``zh-CN`` or ``en``.
        than: the profile's confidence.
    """
    title = row.get("zh" if language == "zh-CN" else "en") or row["name"]
    sure = CONFIDENCES.index(row.get("confidence", than)) <= CONFIDENCES.index(than)
    return Line(str(row["offset"]), str(row["length"]), label, title, value, not sure)


def lines(rows: Iterable[Line], *, language: str, width: int | None = None) -> Iterator[str]:
    """The lines, aligned.

    Args:
        rows: in order.
        language: ``zh-CN`` or ``en``, of the note on what is unsure.
        width: the screen's columns; None where it is no screen: nothing is cut.
    """
    rows = list(rows)
    marked = any(row.unsure for row in rows)
    cells = [row[:4] for row in rows]
    offset, length, label, title = (max((columns(cell[at]) for cell in cells), default=0) for at in range(4))
    before = offset + 1 + length + 2 + label + (2 if marked else 0) + 2
    if width is not None:
        title = min(title, max(width - before - 2 - _VALUE_COLUMNS, _LEAST_TITLE))
    indent = before + title + 2
    for row in rows:
        mark = f"{UNSURE if row.unsure else ' '} " if marked else ""
        named = f"{pad(row.label, label)}  {mark}{pad(_cut(row.title, title), title)}"
        head = f"{row.offset:>{offset}} {row.length:>{length}}  {named}  "
        room = None if width is None else max(width - indent, _LEAST_TITLE)
        first, *rest = _wrapped(row.value, room)
        yield (head + first).rstrip()
        for more in rest:
            yield " " * indent + more
    if marked:
        yield NOTES[language]


def columns(text: str) -> int:
    """How many columns of a screen a text takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def pad(text: str, width: int) -> str:
    """A text filled up with blanks to so many columns."""
    return text + " " * (width - columns(text))


def _cut(text: str, width: int) -> str:
    if columns(text) <= width:
        return text
    while columns(text) > width - 1:
        text = text[:-1]
    return text + "…"


def _wrapped(text: str, width: int | None) -> list[str]:
    if width is None or columns(text) <= width:
        return [text]
    found, taken = [""], 0
    for char in text:
        size = columns(char)
        if taken + size > width:
            found.append("")
            taken = 0
        found[-1] += char
        taken += size
    return found

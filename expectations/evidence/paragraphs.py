"""Paragraphs of a dossier: both scripts, and no line that begins with a closing mark (GB/T 15834-2011, 5.1).

ReportLab keeps one such mark on the line before, where it hangs in the margin; here all that follow it hang there, too.
"""

import functools
from typing import Any

from expectations.evidence import typeface


def paragraph(text: str, *, size: float = 9.5, space_before: float = 2) -> Any:
    """A ReportLab paragraph in both scripts, sizes and spaces in points."""
    from reportlab.lib.styles import ParagraphStyle

    style = ParagraphStyle(
        f"p{size}", fontName=typeface.LATIN, fontSize=size, leading=size * 1.4, spaceBefore=space_before, wordWrap="CJK"
    )
    return _kind()(typeface.markup(text), style)


@functools.cache
def _kind() -> Any:
    """ReportLab's paragraph, mended; made when it is first needed, for the import takes its time."""
    from reportlab.platypus import Paragraph

    class Hanging(Paragraph):  # type: ignore[misc]  # reportlab ships no types
        """Marks that no line begins with hang on the line before, however many they are."""

        def breakLinesCJK(self, maxWidths: Any) -> Any:  # noqa: N802, N803  # ReportLab's names
            """The lines, their heads mended."""
            broken = super().breakLinesCJK(maxWidths)
            mend = _of_runs if broken.kind else _of_text
            for place in range(len(broken.lines) - 1, 0, -1):
                mend(broken.lines, place)
            return broken

    return Hanging


def _of_text(lines: list[Any], place: int) -> None:
    """Lines that are (space, [text])."""
    space, (text,) = lines[place]
    rest = text.lstrip(typeface.NO_LINE_BEGINS)
    before, (above,) = lines[place - 1]
    lines[place - 1] = (before, [above + text[: len(text) - len(rest)]])
    lines[place : place + 1] = [(space, [rest])] if rest else []


def _of_runs(lines: list[Any], place: int) -> None:
    """Lines of runs, each of one font; the marks may be of several."""
    line, above = lines[place], lines[place - 1]
    while line.words:
        first = line.words[0]
        rest = first.text.lstrip(typeface.NO_LINE_BEGINS)
        if rest == first.text:
            return
        above.words = [*above.words, first.clone(text=first.text[: len(first.text) - len(rest)])]
        line.words = [*([first.clone(text=rest)] if rest else []), *line.words[1:]]
        if rest:
            return
    del lines[place]

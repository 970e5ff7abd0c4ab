"""The dossier: the account of a case, or of several, as a PDF.

The same cases, data and moment always give the same bytes.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from expectations.evidence import typeface
from expectations.evidence.account import Account
from expectations.evidence.paragraphs import paragraph
from expectations.evidence.parts import Block, Bytes, Grid, Part, Picture, Text
from ingest.errors import EvidenceError

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

TINTS = ("#fff2a8", "#cfe8ff")
"""Grounds of neighbouring fields in the hex dump."""
BLANK_ROWS = 3
"""Lines of the contact log that are left to be filled in by hand."""


def dossiers_pdf(told: Sequence[tuple[Account, Sequence[tuple[str, str]]]], most_pages: int | None = None) -> bytes:
    """The PDF of one case or several, each beginning on a page of its own.

    Args:
        told: accounts to draw, each with (what, SHA-256 hex) of what the manifest proves.
        most_pages: where a case takes more pages, fewer of its frames are shown byte by byte.

    Raises:
        EvidenceError: something in it does not fit a page.
    """
    shown = [account.most_frames for account, _ in told]
    while True:
        some = [(replace(account, most_frames=n), hashes) for (account, hashes), n in zip(told, shown, strict=True)]
        pdf, pages = _drawn(some)
        long = [place for place, count in enumerate(pages) if most_pages and count > most_pages and shown[place]]
        if not long:
            return pdf
        for place in long:
            frames = min(shown[place], len(told[place][0].grounds.frames))
            shown[place] = max(0, frames - 3 * (pages[place] - (most_pages or 0)))


def _drawn(told: Sequence[tuple[Account, Sequence[tuple[str, str]]]]) -> tuple[bytes, list[int]]:
    """The PDF, and the number of pages of each case."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import BaseDocTemplate, Frame, NextPageTemplate, PageBreak, PageTemplate
    from reportlab.platypus.doctemplate import LayoutError

    typeface.register()
    out, first = io.BytesIO(), told[0][0]
    title = first.say["title"].format(number=", ".join(account.grounds.record.number for account, _ in told))
    document = BaseDocTemplate(
        out, pagesize=A4, leftMargin=16 * mm, rightMargin=16 * mm, topMargin=14 * mm, bottomMargin=16 * mm,
        title=title, author="tillwatch", subject=first.place, invariant=1, lang=first.figures.locale,
    )  # fmt: skip
    pages = [0] * len(told)

    def foot(canvas: Any, page: Any, place: int) -> None:
        pages[place] += 1
        _foot(canvas, page, account=told[place][0])

    story: list[Flowable] = []
    for place, (account, hashes) in enumerate(told):
        frame = Frame(document.leftMargin, document.bottomMargin, document.width, document.height, id="body")
        document.addPageTemplates(PageTemplate(str(place), [frame], onPage=partial(foot, place=place)))
        story += [NextPageTemplate(str(place)), PageBreak()] if place else []
        story += _story(account, hashes)
    try:
        document.build(story)
    except LayoutError as wrong:
        raise EvidenceError(
            f"{title}: does not fit a page: {str(wrong)[:80]}", hint="tell the makers of tillwatch which case it is"
        ) from None
    return out.getvalue(), pages


def _story(account: Account, hashes: Sequence[tuple[str, str]]) -> "Iterable[Flowable]":
    from reportlab.platypus import Spacer

    say = account.say
    yield paragraph(say["title"].format(number=account.grounds.record.number), size=17)
    for place, part in enumerate(account.parts(hashes), 1):
        head = paragraph(f"{place}. {part.title}", size=11.5, space_before=9)
        head.keepWithNext = True
        yield head
        yield from _part(part, account)
    yield Spacer(1, 8)
    yield paragraph(say["footer"], size=8)
    yield paragraph(say["fonts"].format(fonts="; ".join(", ".join(each) for each in typeface.EMBEDDED)), size=6.5)


def _part(part: Part, account: Account) -> "Iterable[Flowable]":
    for block in part.blocks:
        if part.key == "claim" and isinstance(block, Text):
            yield paragraph(block.text, size=12)
        elif part.key == "contacts" and isinstance(block, Grid):
            blank = (("\u00a0",) * len(block.widths),) * BLANK_ROWS
            yield _grid((*block.rows, *blank), block.widths, size=8)
        else:
            yield from _block(block, account)


def _block(block: Block, account: Account) -> "Iterable[Flowable]":
    match block:
        case Text():
            yield paragraph(block.text, size=8 if block.small else 9.5)
        case Grid():
            size = 6.5 if block.small else 8.5
            yield _grid(block.rows, block.widths, heading=block.heading, marked=block.marked, size=size)
        case Picture():
            yield _watermarked(block)
            yield paragraph(block.caption, size=8)
        case Bytes():
            yield from _frame(block, account)


def _frame(frame: Bytes, account: Account) -> "Iterable[Flowable]":
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    code = ParagraphStyle("code", fontName="Courier", fontSize=7, leading=9)
    tints = frame.tints
    lines = [
        f"{start:04x}&nbsp;&nbsp;" + " ".join(_pair(pair, tints.get(owner)) for pair, owner in pairs)
        for start, pairs in frame.lines
    ]
    head = paragraph(frame.head, size=8.5, space_before=5)
    head.keepWithNext = True
    yield head
    place = paragraph(frame.place, size=6.5)
    place.keepWithNext = True
    yield place
    yield Paragraph("<br/>".join(lines), code)
    if not frame.fields:
        return
    chinese = account.figures.locale == "zh-CN"
    fields = [
        (each.number, each.zh if chinese else each.en, _clip(each.value), f"{each.offset}+{each.length}")
        for each in frame.fields
    ]
    half = (len(fields) + 1) // 2
    right = [*fields[half:], ("", "", "", "")][:half]
    pairs = [(*left, *other) for left, other in zip(fields[:half], right, strict=True)]
    yield _grid(pairs, (7, 27, 42, 13) * 2, heading=False, size=6)


def _pair(pair: str, tint: int | None) -> str:
    return pair if tint is None else f'<font backColor="{TINTS[tint]}">{pair}</font>'


def _clip(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _watermarked(signature: Picture) -> "Flowable":
    """The picture with the word for copy across it, as one drawing."""
    from reportlab.graphics.shapes import Drawing, Image, Rect, String
    from reportlab.lib.colors import Color
    from reportlab.lib.utils import ImageReader

    width, height = 220.0, 220.0 * signature.height / max(1, signature.width)
    height = min(height, 120.0)
    drawing = Drawing(width, height)
    picture = ImageReader(io.BytesIO(signature.png))
    drawing.add(Image(0, 0, width, height, picture._image.convert("RGB")))  # noqa: SLF001  what its Image shape takes
    drawing.add(Rect(0, 0, width, height, fillColor=None, strokeColor=Color(0.6, 0.6, 0.6), strokeWidth=0.5))
    font = next(iter(typeface.runs(signature.mark)))[0]
    for place in range(3):
        mark = String(20 + 68 * place, height / 2 - 6, signature.mark, fontName=font, fontSize=16)
        mark.fillColor = Color(0.8, 0.1, 0.1, alpha=0.45)
        drawing.add(mark)
    return drawing


def _grid(
    rows: Sequence[Sequence[str]],
    widths: Sequence[float],
    *,
    heading: bool = True,
    marked: Sequence[int] = (),
    size: float = 8.5,
) -> "Flowable":
    """A table with thin rules; widths are millimetres."""
    from reportlab.lib import colors
    from reportlab.lib.units import mm
    from reportlab.platypus import LongTable, TableStyle

    cells = [[paragraph(str(cell), size=size, space_before=0) for cell in row] for row in rows]
    style: list[Any] = [
        ("GRID", (0, 0), (-1, -1), 0.3, colors.HexColor("#9aa0a6")),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ]
    if heading:
        style.append(("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#eef0f2")))
    style += [("BACKGROUND", (1, row), (-1, row), colors.HexColor(TINTS[0])) for row in marked]
    return LongTable(cells, [width * mm for width in widths], style=TableStyle(style), repeatRows=int(heading))


def _foot(canvas: Any, page: Any, *, account: Account) -> None:
    """The page's last line."""
    text = account.say["page"].format(number=account.grounds.record.number, page=page.page)
    at = 45.0
    for font, stretch in typeface.runs(text):
        canvas.setFont(font, 7)
        canvas.drawString(at, 24, stretch)
        at += canvas.stringWidth(stretch, font, 7)

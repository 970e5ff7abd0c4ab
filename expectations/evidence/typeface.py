"""Fonts of the dossier: Latin in Bitstream Vera, Chinese in Droid Sans Fallback, both embedded as subsets."""

import functools
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

LATIN, BOLD, CHINESE = "Vera", "VeraBd", "DroidSansFallback"
FONT = Path(__file__).parent / "fonts" / "DroidSansFallback-GB2312.ttf"
EMBEDDED = (
    ("Droid Sans Fallback", "Apache License 2.0", "© 2006 Google Corporation"),
    ("Bitstream Vera Sans", "Bitstream Vera License", "© 2003 Bitstream"),
)
"""Name, licence and owner of what a PDF embeds, of each only the characters it uses (fonts/README.md)."""
NO_LINE_BEGINS = "，。、；：！？”’）》〉】〕"
"""GB/T 15834-2011, 5.1: these are not first in a line."""
UNKNOWN = "〓"
"""The geta mark stands for a character that neither font has (U+3013 is its printers' sign)."""


@functools.cache
def _characters() -> tuple[frozenset[int], frozenset[int]]:
    """The characters of the Latin and of the Chinese font, which are registered on the way."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import paragraph

    paragraph.ALL_CANNOT_START += NO_LINE_BEGINS  # ReportLab's own are Japan's, which lack "；：！？"
    latin, chinese = TTFont(LATIN, "Vera.ttf"), TTFont(CHINESE, str(FONT))
    for font in (latin, TTFont(BOLD, "VeraBd.ttf"), chinese):
        pdfmetrics.registerFont(font)
    pdfmetrics.registerFontFamily(LATIN, normal=LATIN, bold=BOLD, italic=LATIN, boldItalic=BOLD)
    pdfmetrics.registerFontFamily(CHINESE, normal=CHINESE, bold=CHINESE, italic=CHINESE, boldItalic=CHINESE)
    return frozenset(latin.face.charToGlyph), frozenset(chinese.face.charToGlyph)


def register() -> None:
    """Make the fonts known to ReportLab."""
    _characters()


def runs(text: str) -> Iterator[tuple[str, str]]:
    """(font, text) for each stretch of one script; what no font has becomes `UNKNOWN`."""
    latin, chinese = _characters()

    def font(sign: str) -> str:
        return LATIN if ord(sign) in latin else CHINESE

    plain = "".join(c if ord(c) in latin or ord(c) in chinese else " " if c.isspace() else UNKNOWN for c in text)
    for name, stretch in groupby(plain, key=font):
        yield name, "".join(stretch)


def markup(text: str) -> str:
    """A text as ReportLab's paragraphs take it: escaped, each script in its own font."""
    return "".join(
        escape(stretch) if name == LATIN else f'<font name="{CHINESE}">{escape(stretch)}</font>'
        for name, stretch in runs(text)
    )

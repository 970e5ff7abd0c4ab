"""Blocks as HTML: tables for layout, styles inline, nothing fetched from anywhere.

The template draws; this module picks the colours. Each colour stands beside a word and a
shape that say the same. Dark mode is a second set under ``prefers-color-scheme``;
programs that invert colours by themselves find mid-tone borders to keep.
"""

import functools
import re
from typing import TYPE_CHECKING

from expectations.mail.blocks import Letter

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

LARGEST = 100_000
"""Bytes of HTML; Gmail cuts the rest away at some 102 kB."""

LATIN = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial"
CHINESE = "'PingFang SC','Hiragino Sans GB','Microsoft YaHei','Noto Sans CJK SC'"
FONTS = {
    "zh-CN": f"-apple-system,BlinkMacSystemFont,{CHINESE},'Segoe UI',Roboto,Helvetica,Arial,sans-serif",
    "en": f"{LATIN},{CHINESE},sans-serif",
}
"""The reader's own script first: in a Chinese font English quotation marks are as wide as a character."""


def render_html(letter: Letter) -> str:
    """The HTML part."""
    html: str = _environment().get_template("letter.html.j2").render(letter=letter, fonts=FONTS[letter.locale])
    return "\n".join(line for line in (each.strip() for each in html.splitlines()) if line) + "\n"


UNBROKEN = re.compile(r"C-\d{4}-\d{4,}|(?:\+ )?(?:[A-Z]{3}|#\d{3}) \d[\d,]*(?:\.\d+)?")
"""Numbers of cases, and amounts with a currency's letters."""


def _whole(text: str) -> "Markup":
    """A text in which no case number or amount breaks over two lines: they are read out and searched for."""
    from markupsafe import Markup, escape

    kept = Markup('<span style="white-space:nowrap;">{}</span>')
    parts = zip(UNBROKEN.split(text), [*UNBROKEN.findall(text), None], strict=True)
    return Markup("").join(escape(plain) + (kept.format(number) if number else "") for plain, number in parts)


@functools.cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("expectations.mail", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["whole"] = _whole
    environment.globals["kind"] = lambda block: type(block).__name__
    return environment

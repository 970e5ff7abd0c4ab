"""Outlook on Windows draws with Word: tables, widths as attributes, and nothing that places boxes by itself."""

import re
from html.parser import HTMLParser

import pytest

from expectations.mail.catalogue import LOCALES, Locale
from expectations.mail.compose import compose
from expectations.mail.html import render_html
from tests.expectations.mail.conftest import example
from tests.expectations.mail.lettercase import LETTERS, SETTINGS
from tests.expectations.mail.lettertexts import WHOLE, alert_of

UNKNOWN = re.compile(
    r"\b(?:display\s*:\s*(?:inline-)?(?:flex|grid)|(?:position|float|transform|columns)\s*:|calc\(|var\()"
)
"""What Word does not know and a layout would need (support.microsoft.com, "Word HTML and CSS capabilities")."""
WIDTH = re.compile(r"(?:^|;)\s*width\s*:\s*([^;!]+)")
BOXED = frozenset({"table", "td", "th"})


class _Tables(HTMLParser):
    """What of a page Word would not lay out as it is meant."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.tables: list[dict[str, bool]] = []
        self.seen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        where = f"{tag} at {self.getpos()[0]}"
        if tag == "table":
            self.seen += 1
            role = given.get("role")
            self.tables.append({"said": role in {"presentation", "img"}, "head": False})
            if not given.get("width"):
                self.wrong.append(f"{where}: has no width as attribute")
            if given.get("border") != "0" or given.get("cellspacing") != "0" or given.get("cellpadding") != "0":
                self.wrong.append(f"{where}: Word would draw its own rules and gaps")
        if tag == "th":
            self.tables[-1]["head"] = True
        width = WIDTH.search(given.get("style", ""))
        if tag in BOXED and width and given.get("width") != width[1].strip().removesuffix("px"):
            self.wrong.append(f"{where}: its width {width[1]} is not its attribute's")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            table = self.tables.pop()
            if table["said"] == table["head"]:
                self.wrong.append(f"table that ends at {self.getpos()[0]}: is layout and data, or neither")


def faults_of(page: str) -> list[str]:
    """Why Outlook would not show the page as it is meant; the comments that only it reads are read too."""
    reader = _Tables()
    reader.feed(re.sub(r"<!--\[if mso\]>|<!\[endif\]-->", "", page))
    assert reader.tables == []
    assert reader.seen > 3
    return [*reader.wrong, *(f"uses {each[0]}" for each in UNKNOWN.finditer(page))]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", ["example", *LETTERS])
def test_every_letter_is_laid_out_by_tables_that_word_can_draw(name: str, locale: Locale):
    """Layout tables say so, data tables have headings, widths are attributes; Outlook is given the width of 620."""
    letter = (
        compose(alert_of(example(), locale), SETTINGS, enclosed=WHOLE) if name == "example" else LETTERS[name](locale)
    )
    page = render_html(letter)
    assert faults_of(page) == []
    assert re.search(r'<!--\[if mso\]><table role="presentation" width="620"', page)


SPOILT = {
    "no-role": (' role="presentation"', ""),
    "flex": ("display:inline-block", "display:flex"),
    "grid": ("display:inline-block", "display:grid"),
    "position": ("display:inline-block", "position:relative"),
    "no-width": (' width="72"', ""),
    "gaps": (' cellspacing="0"', ""),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_word_cannot_draw_is_noticed(how: str):
    """The law can fail."""
    was, now = SPOILT[how]
    page = render_html(compose(alert_of(example()), SETTINGS, enclosed=WHOLE))
    assert was in page
    assert faults_of(page.replace(was, now, 1)) != []

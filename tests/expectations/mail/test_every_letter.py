"""Every letter beside the alert's own reads as agreed, says the same in text and HTML, and fits a mailbox."""

import pytest

from expectations.mail.catalogue import LOCALES, Locale
from expectations.mail.html import LARGEST, render_html
from expectations.mail.text import render_text
from tests.expectations.mail.lettercase import LETTERS
from tests.expectations.mail.test_letters import golden, seen, words


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", LETTERS)
def test_it_reads_as_agreed(name: str, locale: Locale):
    """Word for word in review (``GOLDENS=write`` writes it); both parts have the same words; nothing is fetched."""
    letter = LETTERS[name](locale)
    page, text = render_html(letter), render_text(letter)
    assert words(text) == words(seen(page))
    assert len(page.encode()) < LARGEST
    assert "src=" not in page
    golden(f"{name}.{locale}.txt", f"{letter.subject}\n\n{text}")
    golden(f"{name}.{locale}.html", page)

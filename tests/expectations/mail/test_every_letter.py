"""Every letter beside the alert's own reads as agreed, says the same in text and HTML, and fits a mailbox."""

import dataclasses

import pytest

from expectations.mail.blocks import Bars
from expectations.mail.catalogue import LOCALES, Locale
from expectations.mail.html import LARGEST, render_html
from expectations.mail.text import render_text
from expectations.reports.letter import report_letter
from tests.expectations.mail.lettercase import AFTER, LETTERS, MONTH, SETTINGS, a_shop
from tests.expectations.mail.lettertexts import golden, seen, words


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


@pytest.mark.parametrize("locale", LOCALES)
def test_a_month_of_many_currencies_fits_a_mailbox(locale: Locale):
    """Mail readers cut what is larger: two currencies day by day, of every other the total."""
    shop = a_shop(period=MONTH)
    days = shop.takings["156"]
    currencies = ("156", "344", "392", "446", "840", "978", "702", "410")
    many = dataclasses.replace(shop, takings={currency: dict(days) for currency in currencies})

    letter = report_letter(many, MONTH, (), locale, SETTINGS, now=AFTER)

    assert len(render_html(letter).encode()) < LARGEST
    shown = [block for block in letter.blocks if isinstance(block, Bars)][: len(currencies)]
    assert [len(block.bars) for block in shown] == [len(MONTH.days)] * 2 + [0] * 6
    assert len({block.says for block in shown}) == len(currencies)

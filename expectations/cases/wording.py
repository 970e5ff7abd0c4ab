"""The words for cases and evidence packs, in ``texts/<locale>.po``."""

import functools
import os
from collections.abc import Mapping
from pathlib import Path

from expectations.catalogues import nested
from expectations.mail.catalogue import Locale, texts

TEXTS = Path(__file__).parent / "texts"


@functools.cache
def words(locale: Locale) -> Mapping[str, Mapping[str, str]]:
    """Group -> code -> word."""
    return nested(TEXTS / f"{locale}.po")


def entry_text(kind: str, text: str, locale: Locale) -> str:
    """A log entry's text as people read it: answers and names of rules in their words."""
    say = words(locale)
    if kind in {"answered", "withdrawn"}:
        return say["answers"].get(text, text)
    if kind in {"opened", "joined", "reopened"}:
        rules = texts(locale).rules
        return say["punctuation"]["comma"].join(
            rules[each].title if each in rules else each for each in text.split(", ")
        )
    return text


def reader_locale() -> Locale:
    """The language of whoever sits at this terminal: Chinese where the environment says so, else English."""
    said = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "zh-CN" if said.lower().startswith("zh") else "en"

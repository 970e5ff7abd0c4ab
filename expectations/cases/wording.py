"""The words for cases and evidence packs, as data: ``texts/<locale>.toml``."""

import functools
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from expectations.mail.catalogue import Locale

TEXTS = Path(__file__).parent / "texts"


@functools.cache
def words(locale: Locale) -> Mapping[str, Mapping[str, str]]:
    """Group -> code -> word."""
    with (TEXTS / f"{locale}.toml").open("rb") as file:
        return tomllib.load(file)


def reader_locale() -> Locale:
    """The language of whoever sits at this terminal: Chinese where the environment says so, else English."""
    said = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "zh-CN" if said.lower().startswith("zh") else "en"

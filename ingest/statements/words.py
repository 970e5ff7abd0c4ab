"""Texts of a statement: cleaned, made safe to keep, shortened to be shown."""

import re

from protocols import sweep

_SHOWN = 24
_WIDE = {0xFF01 + place: 0x21 + place for place in range(0x5E)} | {0x3000: 0x20}
"""The full-width forms of ASCII (Unicode, block Halfwidth and Fullwidth Forms) that Chinese keyboards give."""


class UnreadableError(ValueError):
    """A text that is no value of its column; message and hint are safe to print."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UnknownWordError(UnreadableError):
    """A word that the layout gives no meaning."""


def clean(text: str) -> str:
    """A text as people mean it: without blanks around it and the marks that keep Excel from counting it."""
    return text.strip().strip("`'\"\t=").strip()


def folded(text: str) -> str:
    """Full-width digits, letters and marks as ASCII: １２３．４５ is 123.45."""
    return text if text.isascii() else text.translate(_WIDE)


def safe_text(text: str) -> str:
    """A text without the card numbers that may stand in it, in full-width digits either."""
    if text.isascii():
        return _swept(text)
    narrow = folded(text)
    swept = _swept(narrow)
    return _swept(text) if swept == narrow else swept


def _swept(text: str) -> str:
    data = bytearray(text.encode("utf-8"))
    for first, last in sweep.in_text(bytes(data)):
        data[first:last] = b"*" * (last - first)
    return data.decode("utf-8")


def shown(text: str) -> str:
    """A text for a message: short, and without card numbers."""
    plain = safe_text(text.strip())
    digits = re.sub(r"\d{8,}", lambda run: run[0][:2] + "…", plain)
    return repr(digits if len(digits) <= _SHOWN else digits[:_SHOWN] + "…")

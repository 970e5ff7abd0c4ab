"""The last look before anything leaves: a text with a whole card number in it is not sent.

The sanitiser keeps card numbers off the disk and this mail prints four digits; this is
the fence behind both. Reference numbers (12 digits) pass. The message of the error never
repeats what was found.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable

from ingest.errors import DeliveryError

LONGEST = 19
"""Digits of the longest card number (ISO/IEC 7812-1)."""

_DIGITS = re.compile(r"(?<!\d)\d{13,}(?!\d)")
_GROUPED = re.compile(
    r"(?<!\d)(?:\d{4}[ \u00a0-]\d{4}[ \u00a0-]\d{4}[ \u00a0-]\d{1,7}|\d{4}[ \u00a0-]\d{6}[ \u00a0-]\d{5})(?!\d)"
)
_HASH = re.compile(r"(?<![0-9A-Za-z])(?=[0-9]*[a-f])[0-9a-f]{64}(?![0-9A-Za-z])")
"""A SHA-256 as manifests write it; one in two hundred holds digits that would pass for a card number."""


class CardNumberError(DeliveryError):
    """A text that was about to leave holds what looks like a whole card number."""


def refuse_card_numbers(texts: Iterable[tuple[str, str]], *, known: Collection[str] = ()) -> None:
    """Pass texts without a card number; refuse all of them otherwise.

    Args:
        texts: (what it is, the text) of every part that leaves.
        known: identifiers that may be as long as a card number (merchant numbers,
            finding and segment ids); they are looked past.

    Raises:
        CardNumberError: names the part, never the digits.
    """
    for name, text in texts:
        if holds_card_number(text, known=known):
            raise CardNumberError(
                f"{name}: holds a number that looks like a whole card number; nothing was sent",
                hint="`tillwatch findings --json` shows the finding; report it: no card number may get this far",
            )


def holds_card_number(text: str, *, known: Collection[str] = ()) -> bool:
    """Whether a text holds 13 to 19 digits that pass the Luhn test, plain or in the groups of a card's face.

    More than 19 digits in a row are nothing a mail of ours prints, and count as well. A SHA-256 is looked past.
    """
    plain = _HASH.sub(" ", unicodedata.normalize("NFKC", text))
    for word in sorted(known, key=len, reverse=True):
        if len(word) > LONGEST:
            plain = plain.replace(word, " ")
        else:
            plain = re.sub(rf"(?<![0-9A-Za-z]){re.escape(word)}(?![0-9A-Za-z])", " ", plain)
    for pattern in (_DIGITS, _GROUPED):
        for found in pattern.finditer(plain):
            digits = re.sub(r"\D", "", found.group())
            if len(digits) > LONGEST or (len(digits) >= 13 and luhn(digits)):
                return True
    return False


def luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1, annex B."""
    doubled = (int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0

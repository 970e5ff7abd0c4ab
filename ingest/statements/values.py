"""A text of a statement as a value of a column. A text that cannot be one says why; it is never repeated whole."""

import datetime as dt
import decimal
import difflib
import re
from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from ingest.statements.layout import PPM_OF, WORDS, Source
from ingest.statements.moments import moment
from ingest.statements.words import UnknownWordError, UnreadableError, clean, folded, safe_text, shown
from protocols import sweep

_AMOUNT = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?", re.ASCII)
COMPARED = frozenset(
    {
        "merchant_id", "terminal_id", "rrn", "auth_code", "currency", "order_ref", "acquirer_ref", "orig_ref",
        "payout_ref", "replaces_ref",
    }
)  # fmt: skip
"""Columns of texts that are compared, with the terminal's or with each other."""
_INT32 = range(2**31)
_INT64 = range(-(2**63), 2**63)


def reader(name: str, kind: str, source: Source, zone: ZoneInfo, today: dt.date) -> Callable[[str], object]:
    """What turns a text of the file into a value of one of our columns.

    Args:
        name: our column; ``*_fen`` is an amount, ``*_ppm`` a rate in millionths.
        kind: its type, as in ``ingest.columns``.
        source: the layout's words about it.
        zone: the zone of the acquirer's clock.
        today: the day of the import; days may not lie far after it.

    The reader raises UnreadableError.
    """
    if source.values is not None or name in WORDS:
        values = source.values if source.values is not None else {word: word for word in WORDS[name]}
        return lambda text: _word(text, values, source.other, f"[columns.{name}] values")
    if name.endswith("_fen"):
        return lambda text: amount_fen(text, source.unit or "fen", magnitude=source.magnitude)
    if name.endswith("_ppm"):
        return lambda text: rate_ppm(text, source.unit or "percent")
    if kind == "date":
        return lambda text: moment(text, kind, source, today).date()
    if kind == "timestamp":
        return lambda text: moment(text, kind, source, today).replace(tzinfo=zone)
    if kind == "int32":
        return _number
    if name in COMPARED:
        return lambda text: clean(folded(text))
    return clean


def amount_fen(text: str, unit: str, *, magnitude: bool = False) -> int:
    """An amount in fen: ``1,286.00``, ``￥12``, ``-3.5``; exact, never through binary fractions.

    Raises:
        UnreadableError: no amount, or finer than a fen.
    """
    plain = clean(folded(text)).replace("¥", "").replace("￥", "").replace("元", "").strip()
    if not _AMOUNT.fullmatch(plain):
        raise UnreadableError(f"{shown(text)} is not an amount")
    exact = decimal.Decimal(plain.replace(",", "")) * (100 if unit == "yuan" else 1)
    if exact != exact.to_integral_value():
        raise UnreadableError(f"{shown(text)} {unit} is finer than a fen")
    if int(exact) not in _INT64:
        raise UnreadableError(f"{shown(text)} is too large")
    return abs(int(exact)) if magnitude else int(exact)


def rate_ppm(text: str, unit: str) -> int:
    """A rate in millionths: 0.38 percent is 3800, 38 of 1/10000 too. A percent sign overrules the unit.

    Raises:
        UnreadableError: no rate, or finer than a millionth.
    """
    plain = clean(folded(text))
    if plain.endswith("%"):
        plain, unit = plain[:-1].strip(), "percent"
    if not _AMOUNT.fullmatch(plain):
        raise UnreadableError(f"{shown(text)} is not a rate")
    exact = decimal.Decimal(plain.replace(",", "")) * PPM_OF[unit]
    if exact != exact.to_integral_value() or int(exact) not in _INT32:
        raise UnreadableError(f"{shown(text)} is not a rate in whole millionths", hint=f"is that column in {unit}?")
    return int(exact)


def card(text: str) -> tuple[str, str | None]:
    """A card as a statement prints it: masked as we mask, and the whole number if it was there (for its token)."""
    plain = clean(folded(text)).replace(" ", "")
    if plain.isascii() and plain.isdigit() and sweep.SHORTEST <= len(plain) <= sweep.LONGEST:
        first, last = sweep.hidden(len(plain))
        return plain[:first] + "*" * (last - first) + plain[last:], plain
    return safe_text(re.sub(r"[xX•·]", "*", plain)), None


def _word(text: str, values: Mapping[str, str], other: str | None, place: str) -> str:
    word = clean(text)
    found = values.get(word, other)
    if found is None:
        close = difflib.get_close_matches(word, values, n=1, cutoff=0.5)
        raise UnknownWordError(f"{shown(text)} is not in {place}" + (f", {close[0]} is" if close else ""))
    return found


def _number(text: str) -> int:
    plain = clean(folded(text))
    if not (plain.isascii() and plain.isdigit()) or int(plain) not in _INT32:
        raise UnreadableError(f"{shown(text)} is not a number")
    return int(plain)

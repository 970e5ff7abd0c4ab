"""A text of a statement as a value of a column. A text that cannot be one says why; it is never repeated whole."""

import datetime as dt
import decimal
import difflib
import re
from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from ingest.statements.layout import PPM_OF, WORDS, Source
from protocols import sweep

_AMOUNT = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?", re.ASCII)
_INT32 = range(2**31)
_INT64 = range(-(2**63), 2**63)
_SHOWN = 24


class UnreadableError(ValueError):
    """A text that is no value of its column; the message is safe to print."""


class UnknownWordError(UnreadableError):
    """A word that the layout gives no meaning."""


def reader(name: str, kind: str, source: Source, zone: ZoneInfo) -> Callable[[str], object]:
    """What turns a text of the file into a value of one of our columns.

    Args:
        name: our column; ``*_fen`` is an amount, ``*_ppm`` a rate in millionths.
        kind: its type, as in ``ingest.columns``.
        source: the layout's words about it.
        zone: the zone of the acquirer's clock.

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
        return lambda text: _moment(text, source.form or "").date()
    if kind == "timestamp":
        return lambda text: _moment(text, source.form or "").replace(tzinfo=zone)
    if kind == "int32":
        return _number
    return clean


def clean(text: str) -> str:
    """A text as people mean it: without blanks around it and the marks that keep Excel from counting it."""
    return text.strip().strip("`'\"\t=").strip()


def amount_fen(text: str, unit: str, *, magnitude: bool = False) -> int:
    """An amount in fen: ``1,286.00``, ``￥12``, ``-3.5``; exact, never through binary fractions.

    Raises:
        UnreadableError: no amount, or finer than a fen.
    """
    plain = clean(text).replace("¥", "").replace("￥", "").replace("元", "").strip()
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
    plain = clean(text)
    if plain.endswith("%"):
        plain, unit = plain[:-1].strip(), "percent"
    if not _AMOUNT.fullmatch(plain):
        raise UnreadableError(f"{shown(text)} is not a rate")
    exact = decimal.Decimal(plain.replace(",", "")) * PPM_OF[unit]
    if exact != exact.to_integral_value() or int(exact) not in _INT32:
        raise UnreadableError(f"{shown(text)} is not a rate in whole millionths")
    return int(exact)


def card(text: str) -> tuple[str, str | None]:
    """A card as a statement prints it: masked as we mask, and the whole number if it was there (for its token)."""
    plain = clean(text).replace(" ", "")
    if plain.isdigit() and sweep.SHORTEST <= len(plain) <= sweep.LONGEST:
        first, last = sweep.hidden(len(plain))
        return plain[:first] + "*" * (last - first) + plain[last:], plain
    return safe_text(re.sub(r"[xX•·]", "*", plain)), None


def safe_text(text: str) -> str:
    """A text without the card numbers that may stand in it."""
    data = bytearray(text.encode("utf-8"))
    for first, last in sweep.in_text(bytes(data)):
        data[first:last] = b"*" * (last - first)
    return data.decode("utf-8")


def shown(text: str) -> str:
    """A text for a message: short, and without card numbers."""
    plain = safe_text(text.strip())
    digits = re.sub(r"\d{8,}", lambda run: run[0][:2] + "…", plain)
    return repr(digits if len(digits) <= _SHOWN else digits[:_SHOWN] + "…")


def _word(text: str, values: Mapping[str, str], other: str | None, place: str) -> str:
    word = clean(text)
    found = values.get(word, other)
    if found is None:
        close = difflib.get_close_matches(word, values, n=1, cutoff=0.5)
        raise UnknownWordError(f"{shown(text)} is not in {place}" + (f", {close[0]} is" if close else ""))
    return found


def _moment(text: str, form: str) -> dt.datetime:
    try:
        return dt.datetime.strptime(clean(text), form)  # noqa: DTZ007  the caller gives it its zone
    except ValueError:
        raise UnreadableError(f"{shown(text)} is not of the form {form}") from None


def _number(text: str) -> int:
    plain = clean(text)
    if not (plain.isascii() and plain.isdigit()) or int(plain) not in _INT32:
        raise UnreadableError(f"{shown(text)} is not a number")
    return int(plain)

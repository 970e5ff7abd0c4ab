"""Money of one or several currencies: minor units, never added across them.

A currency goes by its ISO 4217 number, as the messages and files state it; where they state none it is yuan.
How many digits a currency has is Babel's (CLDR).
"""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

CNY = "156"
LETTERS = {
    "036": "AUD", "124": "CAD", "203": "CZK", "208": "DKK", "344": "HKD", "348": "HUF", "360": "IDR", "392": "JPY",
    "410": "KRW", "446": "MOP", "458": "MYR", "554": "NZD", "578": "NOK", "608": "PHP", "643": "RUB", "702": "SGD",
    "704": "VND", "752": "SEK", "756": "CHF", "764": "THB", "826": "GBP", "840": "USD", "901": "TWD", "978": "EUR",
    "985": "PLN",
}  # fmt: skip
"""ISO 4217: number -> letters, of the currencies that cards of these terminals are charged in."""


def letters(currency: str) -> str:
    """¥ for yuan, else the currency's letters, or its number where they are not known."""
    return "¥" if currency == CNY else LETTERS.get(currency, f"#{currency}")


@functools.cache
def digits(currency: str) -> int:
    """How many digits stand behind the point: none of yen; two where the currency is not known."""
    if currency not in LETTERS:
        return 2
    from babel.numbers import get_currency_precision

    return int(get_currency_precision(LETTERS[currency]))


def major(minor: int, currency: str) -> Decimal:
    """An amount as people count it: 38800 fen are 388.00."""
    return Decimal(minor).scaleb(-digits(currency))


def plain(minor: int, currency: str = CNY) -> str:
    """An amount for a terminal: ``388.00``, ``JPY 3,000``."""
    written = f"{major(minor, currency):,.{digits(currency)}f}"
    return written if currency == CNY else f"{letters(currency)} {written}"


@dataclass(frozen=True, slots=True)
class Money:
    """So much of each currency; what is nothing is left out, yuan come first."""

    parts: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, minor: int, currency: str | None = None) -> "Money":
        """An amount of one currency; yuan where none is stated."""
        return cls.by_currency({currency or CNY: minor})

    @classmethod
    def by_currency(cls, minors: Mapping[str, int]) -> "Money":
        """Currency number -> minor units."""
        held = [(currency, minor) for currency, minor in minors.items() if minor]
        return cls(tuple(sorted(held, key=lambda part: (part[0] != CNY, part[0]))))

    def __add__(self, other: "Money") -> "Money":
        """Currency by currency."""
        return total((self, other))

    def __bool__(self) -> bool:
        """Whether it is any money at all."""
        return bool(self.parts)

    def get(self, currency: str) -> int:
        """The minor units of one currency in it."""
        return dict(self.parts).get(currency, 0)

    def __str__(self) -> str:
        """For a terminal: each currency for itself."""
        return " + ".join(plain(minor, currency) for currency, minor in self.parts) or plain(0)

    def covers(self, other: "Money") -> bool:
        """Whether it is as much or more in every currency of the other."""
        return all(self.get(currency) >= minor for currency, minor in other.parts)


NONE = Money()


def total(amounts: Iterable[Money]) -> Money:
    """The sum, currency by currency."""
    found: dict[str, int] = {}
    for each in amounts:
        for currency, minor in each.parts:
            found[currency] = found.get(currency, 0) + minor
    return Money.by_currency(found)

"""Test cards: Luhn-valid numbers computed from a seed, never issued to anybody.

Domestic numbers begin 62220000 0, foreign ones 41111100: long runs of zeros that
no issuer uses, so that a test number is known at sight. 16 and 19 digits.
"""

import random
from dataclasses import dataclass, field

DOMESTIC = "CUP"
FOREIGN = "VIS"
_PREFIX = {DOMESTIC: "622200000", FOREIGN: "41111100"}
_AID = {DOMESTIC: "A000000333010101", FOREIGN: "A0000000031010"}


@dataclass(frozen=True, slots=True)
class Card:
    """A test card: its number, expiry (YYMM), card organisation and chip application."""

    pan: str
    expiry: str
    org: str

    @property
    def aid(self) -> str:
        """The chip application's identifier, hex."""
        return _AID[self.org]

    @property
    def track2(self) -> str:
        """Track 2 as F35 carries it: number, D, expiry, service code 220, zeros; 37 characters at most."""
        return f"{self.pan}D{self.expiry}220".ljust(37, "0")


def check_digit(body: str) -> str:
    """The Luhn digit that makes ``body`` a valid card number (ISO/IEC 7812-1 annex B)."""
    total = 0
    for position, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


@dataclass(slots=True)
class Wallet:
    """Issues test cards, no two alike, and counts each chip's transactions (ATC, tag 9F36)."""

    rng: random.Random
    _serials: set[int] = field(default_factory=set)
    _atc: dict[str, int] = field(default_factory=dict)

    def issue(self, org: str = DOMESTIC) -> Card:
        """A card that this wallet has not issued before."""
        serial = self.rng.randrange(10**6)
        while serial in self._serials:
            serial = self.rng.randrange(10**6)
        self._serials.add(serial)
        length = 19 if org == DOMESTIC and self.rng.random() < 0.25 else 16
        prefix = _PREFIX[org]
        body = prefix + f"{serial:06d}".rjust(length - 1 - len(prefix), "0")
        card = Card(
            pan=body + check_digit(body), expiry=f"3{self.rng.randrange(1, 9)}{self.rng.randrange(1, 13):02d}", org=org
        )
        self._atc[card.pan] = self.rng.randrange(20, 900)
        return card

    def next_atc(self, card: Card) -> int:
        """The counter of the card's next chip transaction."""
        self._atc[card.pan] += 1
        return self._atc[card.pan]

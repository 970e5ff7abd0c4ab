"""An outsider's tills over a New Year: the day, its customers, and a stage for the catalogue's sentences."""

import datetime as dt

from tests.expectations.outsider import ZONE, Till, card
from tests.expectations.outsiderstage import Plays

DAY = dt.datetime(2025, 12, 31, 9, tzinfo=ZONE)
NOON = DAY + dt.timedelta(hours=3)
BOB = card(910_002)


def stage() -> Plays:
    """For some of the sentences: those of several modules are put one after the other, and played together."""
    return Plays("898310058121", "3200", DAY)


def after(minutes: float) -> dt.datetime:
    return NOON + dt.timedelta(minutes=minutes)


def alice(till: Till) -> str:
    """A card that nobody else's shop sees."""
    return card(920_000 + int(till.terminal))

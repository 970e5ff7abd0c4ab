"""The register of telephone numbers, kept by the operator: a mail prints no other number.

A number is printed only with the day on which somebody verified it: false hotlines are a known fraud.
"""

import datetime as dt
from typing import Literal

from pydantic import Field

from ingest.section import Section


class Acquirer(Section):
    """An acquirer: its hotline, printed only with the day it was verified, and when its day ends."""

    name: str
    hotline: str | None = None
    verified_on: dt.date | None = None
    cutoff: dt.time | None = Field(
        default=None, description="its clearing cut-off where it is not that of [business]; in the zone named there"
    )


class Hotline(Section):
    """Who else helps when the acquirer does not."""

    of: Literal["scheme", "regulator"] = Field(
        description="scheme: the card organisation's; regulator: the protection of financial consumers"
    )
    number: str = Field(pattern=r"^[0-9+][0-9 -]{2,19}$", description="as it is dialled")
    verified_on: dt.date = Field(description="day on which somebody verified it")

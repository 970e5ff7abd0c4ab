"""What a merchant has signed: contracts with their rates, notices of changes, deposits (``docs/statements.md``).

Rates are percent as people write them, exact to a hundredth of a basis point; amounts are fen.
"""

import datetime as dt
import hashlib
from decimal import Decimal
from typing import Literal

from pydantic import Field, field_validator, model_validator

from ingest.section import Section

CardClass = Literal["debit", "credit", "semi", "prepaid", "dual", "qr", "other"]
Cycle = Literal["T0", "T1", "D0", "D1"]


class Rate(Section):
    """One rate of a contract; the first that fits a transaction holds."""

    percent: Decimal = Field(ge=0, le=10, description="percent of the amount: 0.38")
    cards: list[CardClass] = Field(default=[], description="classes of cards; none: all. qr: codes")
    above_fen: int = Field(default=0, ge=0, description="for amounts above this")
    to_fen: int | None = Field(default=None, gt=0, description="and up to this, itself included")
    cap_fen: int | None = Field(default=None, gt=0, description="most that the rate may make")
    fixed_fen: int = Field(default=0, ge=0, description="added to each transaction")
    minimum_fen: int = Field(default=0, ge=0, description="least fee")
    until: dt.date | None = Field(default=None, description="last day of a promotion")

    @field_validator("percent")
    @classmethod
    def _whole_millionths(cls, value: Decimal) -> Decimal:
        if value * 10_000 != int(value * 10_000):
            msg = "is finer than 0.0001 percent"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _band_is_not_empty(self) -> "Rate":
        if self.to_fen is not None and self.to_fen <= self.above_fen:
            msg = f"to_fen = {self.to_fen} is not above above_fen = {self.above_fen}"
            raise ValueError(msg)
        return self

    @property
    def ppm(self) -> int:
        """The rate in millionths."""
        return int(self.percent * 10_000)


class Contract(Section):
    """What a merchant agreed with an acquirer, for so long."""

    merchant: str = Field(min_length=15, max_length=15, description="merchant number")
    acquirer: str | None = Field(default=None, description="the name its statements are imported under; none: any")
    since: dt.date = Field(description="first day")
    until: dt.date | None = Field(default=None, description="last day; none: still")
    rates: list[Rate] = Field(min_length=1, description="written [[contracts.rates]], the first that fits holds")
    rounding: Literal["half-up", "floor", "ceil"] | None = Field(
        default=None, description="what becomes of parts of a fen; none: a fen either way is not accused"
    )
    cycle: Cycle = Field(default="T1", description="when it is paid out: T working days, D any days")
    instant_since: dt.date | None = Field(default=None, description="day from which instant payout (秒到) is agreed")
    refund_returns_fee: bool | None = Field(default=None, description="whether a refund gives the fee back")
    deductions: list[str] = Field(default=[], description="deductions that are agreed, as the payout's remark has them")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "Contract":
        if self.until is not None and self.until < self.since:
            msg = f"until = {self.until} is before since = {self.since}"
            raise ValueError(msg)
        return self


class Notice(Section):
    """A change of rates that the acquirer announced."""

    acquirer: str = Field(min_length=1, description="who announced it")
    announced: dt.date = Field(description="first day of the public notice")
    effective: dt.date = Field(description="first day of the new rates")
    merchants: list[str] = Field(default=["*"], min_length=1, description="merchant numbers; *: all")


class Deposit(Section):
    """Money that was taken with a terminal, and on what terms it comes back."""

    merchant: str = Field(min_length=15, max_length=15, description="merchant number")
    terminal: str | None = Field(default=None, description="terminal it was taken with")
    amount_fen: int = Field(gt=0, description="what was taken")
    signed_on: dt.date = Field(description="day it was agreed")
    volume_fen: int | None = Field(default=None, gt=0, description="takings after which it is returned")
    fees_fen: int | None = Field(default=None, gt=0, description="fees paid to the acquirer after which it is returned")
    months: int | None = Field(default=None, gt=0, le=120, description="months after which it is returned")
    applied_on: dt.date | None = Field(default=None, description="day its return was applied for")
    working_days: int = Field(default=7, gt=0, le=250, description="working days the acquirer has to return it")
    returned_on: dt.date | None = Field(default=None, description="day it came back, where no file shows it")
    signed_sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the terms as signed"
    )
    terms: str | None = Field(default=None, description="the terms as the acquirer shows them now, word for word")

    @property
    def shown_sha256(self) -> str | None:
        """SHA-256 of the terms as they are shown now, hex."""
        return None if self.terms is None else hashlib.sha256(self.terms.encode()).hexdigest()

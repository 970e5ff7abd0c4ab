"""What a merchant has signed: contracts with their rates, notices of changes, deposits (``docs/statements.md``).

Rates are percent as people write them, exact to a hundredth of a basis point; amounts are fen.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import combinations
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from ingest.section import Section

CardClass = Literal["debit", "credit", "semi", "prepaid", "dual", "qr", "foreign", "instalment", "other"]
Cycle = Literal["T0", "T1", "D0", "D1"]
BY_NAME_ONLY: tuple[CardClass, ...] = ("foreign", "instalment", "other")
"""What a rate without classes is not for: their fees are agreed apart, and a rate that names them is for them."""
LEAST_PERCENT = Decimal("0.0325")
"""A network's part of a fee: no rate but none at all is less."""
MOST_PERCENT = Decimal(3)
"""Five times the usual price of credit cards (0.6 %): a rate above is one in thousandths, or of foreign cards."""
LEAST_DEPOSIT_FEN = 1000
"""The usual ones are 99 to 299 yuan: a deposit below 10 yuan was written in yuan."""


def _fen(value: object) -> object:
    """Fen have no point: 299.00 is yuan, and would be taken as 2.99."""
    if isinstance(value, float) or (isinstance(value, str) and "." in value):
        msg = f"{value} is fen, written without a point: 299.00 yuan are 29900"
        raise ValueError(msg)
    return value


_Agreed = TypeVar("_Agreed", "Contract", "Deposit")
Fen = Annotated[int, BeforeValidator(_fen)]


class Rate(Section):
    """One rate of a contract; the first that fits a transaction holds."""

    percent: Decimal = Field(ge=0, le=10, description="percent of the amount: 0.38")
    cards: list[CardClass] = Field(
        default=[], description="classes of cards; none: all but foreign, instalment and other. qr: codes"
    )
    above_fen: Fen = Field(default=0, ge=0, description="for amounts above this")
    to_fen: Fen | None = Field(default=None, gt=0, description="and up to this, itself included")
    cap_fen: Fen | None = Field(default=None, gt=0, description="most that the rate may make")
    fixed_fen: Fen = Field(default=0, ge=0, description="added to each transaction")
    minimum_fen: Fen = Field(default=0, ge=0, description="least fee")
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

    @model_validator(mode="after")
    def _is_in_percent(self) -> "Rate":
        if 0 < self.percent < LEAST_PERCENT:
            msg = (
                f"percent = {self.percent} is less than the network's part of a fee ({LEAST_PERCENT}): "
                "0.6 % is percent = 0.6, not 0.006"
            )
            raise ValueError(msg)
        if self.percent > MOST_PERCENT and not (self.cards and set(self.cards) <= set(BY_NAME_ONLY)):
            msg = (
                f"percent = {self.percent} is five times the usual price (0.6) or more: 0.6 % is percent = 0.6, not 6; "
                'above 3 only rates of cards = ["foreign"], ["instalment"] or ["other"] are taken'
            )
            raise ValueError(msg)
        return self

    @property
    def ppm(self) -> int:
        """The rate in millionths."""
        return int(self.percent * 10_000)

    @property
    def classes(self) -> set[str | None]:
        """The classes that it is for; None: cards whose class is not told."""
        return set(self.cards) if self.cards else {*get_args(CardClass), None} - {*BY_NAME_ONLY}


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
    instant_fee_fen: Fen | None = Field(
        default=None,
        ge=0,
        description="what a sale that is paid out at once costs beside the rate; none: up to 500 are let pass",
    )
    deductions: list[str] = Field(default=[], description="deductions that are agreed, as the payout's remark has them")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "Contract":
        if self.until is not None and self.until < self.since:
            msg = f"until = {self.until} is before since = {self.since}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _every_rate_may_hold(self) -> "Contract":
        for place, rate in enumerate(self.rates):
            if rate.until is not None and rate.until < self.since:
                msg = (
                    f"rates.{place}: until = {rate.until} is before the contract's since = {self.since}: it never holds"
                )
                raise ValueError(msg)
            if all(_is_taken(rate, kind, self.rates[:place]) for kind in rate.classes):
                msg = (
                    f"rates.{place} ({rate.percent} %) never holds: the rates before it fit all that it is for, and "
                    "the first that fits holds; put it before them"
                )
                raise ValueError(msg)
        return self

    def meets(self, other: "Contract") -> tuple[dt.date, dt.date] | None:
        """The days on which both are there for the same fees; None without any."""
        if self.merchant != other.merchant or len({self.acquirer, other.acquirer} - {None}) > 1:
            return None
        first = max(self.since, other.since)
        last = min(self.until or dt.date.max, other.until or dt.date.max)
        return (first, last) if first <= last else None


def _is_taken(rate: Rate, kind: str | None, earlier: Sequence[Rate]) -> bool:
    """Whether of this class every amount of a rate is fitted by an earlier one, for as long as it holds."""
    longer = [
        each for each in earlier
        if kind in each.classes and (each.until is None or (rate.until is not None and each.until >= rate.until))
    ]  # fmt: skip
    reached = rate.above_fen
    for each in sorted(longer, key=lambda each: each.above_fen):
        if each.above_fen <= reached:
            if each.to_fen is None:
                return True
            reached = max(reached, each.to_fen)
    return rate.to_fen is not None and reached >= rate.to_fen


def _pairs(agreed: Sequence[_Agreed]) -> Iterator[tuple[tuple[int, _Agreed], tuple[int, _Agreed]]]:
    """Every two of one merchant, with their places."""
    of: dict[str, list[tuple[int, _Agreed]]] = {}
    for place, each in enumerate(agreed):
        of.setdefault(each.merchant, []).append((place, each))
    for several in of.values():
        yield from combinations(several, 2)


def _apart(contracts: list[Contract]) -> list[Contract]:
    for (one, earlier), (other, later) in _pairs(contracts):
        if days := earlier.meets(later):
            whose = f"of merchant {later.merchant} with {later.acquirer or earlier.acquirer or 'any acquirer'}"
            end = f"until {days[1]}" if days[1] < dt.date.max else "on"
            msg = (
                f"{one} and {other}, both {whose}, hold from {days[0]} {end}: end the earlier one with until, "
                "or name in each the acquirer that it is with"
            )
            raise ValueError(msg)
    return contracts


Contracts = Annotated[list[Contract], AfterValidator(_apart)]
"""All contracts: of one merchant, acquirer and day there is one."""


class Notice(Section):
    """A change of rates that the acquirer announced."""

    acquirer: str = Field(min_length=1, description="who announced it")
    announced: dt.date = Field(description="first day of the public notice")
    effective: dt.date = Field(description="first day of the new rates")
    merchants: list[str] = Field(default=["*"], min_length=1, description="merchant numbers; *: all")

    @model_validator(mode="after")
    def _is_announced_first(self) -> "Notice":
        if self.effective < self.announced:
            msg = f"effective = {self.effective} is before announced = {self.announced}"
            raise ValueError(msg)
        return self


class Deposit(Section):
    """Money that was taken with a terminal, and on what terms it comes back."""

    merchant: str = Field(min_length=15, max_length=15, description="merchant number")
    terminal: str | None = Field(default=None, description="terminal it was taken with")
    amount_fen: Fen = Field(gt=0, description="what was taken")
    signed_on: dt.date = Field(description="day it was agreed")
    paid_on: dt.date | None = Field(default=None, description="day it was paid, where no payout shows it taken off")
    volume_fen: Fen | None = Field(default=None, gt=0, description="takings after which it is returned")
    fees_fen: Fen | None = Field(default=None, gt=0, description="fees paid to the acquirer after which it is returned")
    months: int | None = Field(default=None, gt=0, le=120, description="months after which it is returned")
    applied_on: dt.date | None = Field(default=None, description="day its return was applied for")
    working_days: int = Field(default=7, gt=0, le=250, description="working days the acquirer has to return it")
    returned_on: dt.date | None = Field(default=None, description="day it came back, where no file shows it")
    returned_fen: Fen | None = Field(default=None, gt=0, description="how much came back on that day; none: all of it")
    kept_because: str | None = Field(
        default=None,
        min_length=1,
        description="the reason that was given for keeping the rest: it is not asked for then",
    )
    signed_sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the terms as signed"
    )
    terms: str | None = Field(default=None, description="the terms as the acquirer shows them now, word for word")

    @model_validator(mode="after")
    def _is_in_order(self) -> "Deposit":
        if self.amount_fen < LEAST_DEPOSIT_FEN:
            msg = f"amount_fen = {self.amount_fen} is less than 10 yuan: 299 yuan are amount_fen = 29900"
            raise ValueError(msg)
        for name in ("applied_on", "returned_on"):
            day = getattr(self, name)
            if day is not None and day < self.signed_on:
                msg = f"{name} = {day} is before signed_on = {self.signed_on}"
                raise ValueError(msg)
        if self.returned_fen is not None and self.returned_on is None:
            msg = "returned_fen needs returned_on, the day on which so much came back"
            raise ValueError(msg)
        if self.returned_fen is not None and self.returned_fen > self.amount_fen:
            msg = f"returned_fen = {self.returned_fen} is more than amount_fen = {self.amount_fen}"
            raise ValueError(msg)
        return self

    @property
    def is_returned(self) -> bool:
        """Whether the register says that nothing is left to ask for: all came back, or why the rest did not."""
        whole = self.returned_fen is None or self.returned_fen == self.amount_fen
        return self.returned_on is not None and (whole or self.kept_because is not None)

    @property
    def shown_sha256(self) -> str | None:
        """SHA-256 of the terms as they are shown now, hex."""
        return None if self.terms is None else hashlib.sha256(self.terms.encode()).hexdigest()


def _told_once(deposits: list[Deposit]) -> list[Deposit]:
    for (one, earlier), (other, later) in _pairs(deposits):
        same = [(d.merchant, d.terminal, d.amount_fen, d.signed_on) for d in (earlier, later)]
        if same[0] == same[1]:
            msg = (
                f"{one} and {other} are the same deposit of merchant {later.merchant}: "
                "take one out, or give each the terminal that it was taken with"
            )
            raise ValueError(msg)
    return deposits


Deposits = Annotated[list[Deposit], AfterValidator(_told_once)]
"""All deposits, each once."""

"""Price points: amounts that a merchant's customers do pay twice, taught by answers.

Three standing answers "two purchases" on one amount of one currency at one merchant make it a price point; one of
them taken back, or the price point itself, and it is none. Nothing is kept but the answers and
what was taken back, so what is taught follows from what stands there to be seen.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from expectations.cases.database import database_of
from expectations.cases.schema import CASE_ANSWERS, CASES, FORGOTTEN_PRICES
from ingest.settings import Settings

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy.engine import Connection

TEACHING = 3
"""So many answers make a price point (alert-fatigue rule "Learning")."""
PRICED = "dup_card_amount_window"
"""The rule that weighs how common a price is; only its findings teach, only it listens."""


@dataclass(frozen=True, slots=True)
class PricePoint:
    """An amount of a merchant, in minor units: the cases whose answers taught it, and since when there were enough."""

    merchant_id: str
    amount_fen: int
    currency: str
    since: "dt.datetime"
    cases: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The object of ``tillwatch feedback prices --json``."""
        return asdict(self) | {"since": self.since.isoformat(), "cases": list(self.cases)}


def price_points(connection: "Connection") -> Iterator[PricePoint]:
    """Every price point that stands, by merchant and amount."""
    a, f = CASE_ANSWERS.c, FORGOTTEN_PRICES.c
    forgotten = sa.and_(f.merchant_id == a.merchant_id, f.amount_fen == a.price_fen, f.currency == a.price_currency)
    told = (
        sa.select(a.merchant_id, a.price_fen, a.price_currency, a.at, CASES.c.number)
        .select_from(CASE_ANSWERS.join(CASES).outerjoin(FORGOTTEN_PRICES, forgotten))
        .where(a.answer == "two-purchases", a.price_fen.is_not(None), a.withdrawn_at.is_(None))
        .where(sa.or_(f.at.is_(None), f.at < a.at))
        .order_by(a.merchant_id, a.price_fen, a.price_currency, a.at, a.answer_id)
    )
    by_price: dict[tuple[str, int, str], list[Any]] = {}
    for row in connection.execute(told):
        by_price.setdefault((row.merchant_id, row.price_fen, row.price_currency), []).append(row)
    for price, answers in by_price.items():
        if len(answers) >= TEACHING:
            numbers = tuple(each.number for each in answers)
            yield PricePoint(*price, answers[TEACHING - 1].at, numbers)


def taught_prices(settings: Settings) -> frozenset[tuple[str, int, str]]:
    """(merchant, minor units, currency) of every price point, as the judge takes them.

    Raises:
        CaseError: the database cannot be used.
    """
    points = database_of(settings).run(lambda connection: list(price_points(connection)))
    return frozenset((each.merchant_id, each.amount_fen, each.currency) for each in points)

"""Fees that no contract is for, although their merchant has one: why each is not judged, in words.

A contract says whose it is, since when, and which classes of cards a rate is for. One word
misspelt and it fits nothing: no fee is then over it. So what it does not fit is said, once,
with the contract that was probably meant.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

    import duckdb

RATED = (
    "fee_rate_over_contract",
    "fee_card_class_wrong",
    "fee_debit_cap_missed",
    "fee_fixed_surcharge",
    "fee_qr_concession_missed",
    "d0_fee_without_optin",
)
"""The rules that hold a fee against its rate."""
SHOWN = 5
"""So many are said in full."""


@dataclass(frozen=True, slots=True, order=True)
class Misfit:
    """Fees of one merchant, acquirer and class that nothing agreed is for.

    Attributes:
        merchant: whose.
        acquirer: the name their statement was imported under.
        kind: class of cards; empty where the file does not tell it.
        fees: how many.
        first: their first day.
        last: their last one.
        why: which contract does not fit them, and in what.
    """

    merchant: str
    acquirer: str
    kind: str
    fees: int
    first: "dt.date"
    last: "dt.date"
    why: str

    def __str__(self) -> str:
        kind = f" of class {self.kind}" if self.kind else ""
        days = f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"
        fees = "1 fee" if self.fees == 1 else f"{self.fees:,} fees"
        return f"{fees}{kind}, merchant {self.merchant} with {self.acquirer}, {days}, not judged: {self.why}"


def misfits(linked: "duckdb.DuckDBPyConnection") -> list[Misfit]:
    """What no rate is for, at merchants that have a contract.

    On all days that were linked, not those of the scope alone: a day without a foreign card would take back what was
    said, and the next one would say it again.
    """
    rows = linked.sql("""
        SELECT l.merchant, l.acquirer, coalesce(l.class, '') AS kind, c.contract, count(*) AS fees,
               min(l.business_date) AS first_day, max(l.business_date) AS last_day
        FROM fee_told l
        LEFT JOIN contract c ON c.merchant = l.merchant AND (c.acquirer IS NULL OR c.acquirer = l.acquirer)
                            AND l.business_date BETWEEN c.since AND coalesce(c.until, DATE '9999-12-31')
        WHERE l.agreed_ppm IS NULL AND l.merchant IN (SELECT merchant FROM contract)
        GROUP BY l.merchant, l.acquirer, coalesce(l.class, ''), c.contract""").fetchall()
    if not rows:
        return []
    agreed: dict[str, list[tuple[int, str | None, dt.date, dt.date | None]]] = {}
    for merchant, *told in linked.sql("SELECT merchant, contract, acquirer, since, until FROM contract").fetchall():
        agreed.setdefault(merchant, []).append((told[0], told[1], told[2], told[3]))
    return sorted(
        Misfit(merchant, acquirer, kind, fees, first, last, _why(acquirer, kind, contract, sorted(agreed[merchant])))
        for merchant, acquirer, kind, contract, fees, first, last in rows
    )


def _why(
    acquirer: str, kind: str, contract: int | None, agreed: "list[tuple[int, str | None, dt.date, dt.date | None]]"
) -> str:
    """Which contract is meant, and where it does not fit."""
    if contract is not None:
        of = f"cards = [{kind!r}]" if kind else "cards of any class"
        return f"contracts.{contract} has no rate that is for them; add one of {of}"
    near = [each for each in agreed if each[1] in {None, acquirer}]
    if not near:
        return "; ".join(f"contracts.{place} is with {name!r}" for place, name, _, _ in agreed)
    return "; ".join(
        f"contracts.{place} is of {since} {f'to {until}' if until else 'on'}" for place, _, since, until in near
    )


def said(found: list[Misfit]) -> list[str]:
    """The first of them in full, and how many more there are."""
    more = len(found) - SHOWN
    return [*map(str, found[:SHOWN]), *([f"and {more} more such fees of a class"] if more > 0 else [])]

"""Findings of open cases that no check finds any more: the case is open all the same, and is called to mind."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from expectations.cases.database import Database
from expectations.cases.schema import CASE_FINDINGS, CASES
from expectations.cases.states import State
from expectations.findings import Finding

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def kept(
    database: Database, states: Iterable[State], found: Collection[str], merchant: str | None = None
) -> list[tuple[str, Finding]]:
    """(number of its case, finding as the book has it) for each finding of these cases that is not found now.

    Args:
        database: where the cases are.
        states: of the cases that are asked for.
        found: ids of the findings that the tables hold.
        merchant: only this one's.

    Raises:
        CaseError: the database cannot be used.
    """
    query = sa.select(CASES.c.number, CASE_FINDINGS.c.finding_id, CASE_FINDINGS.c.finding)
    query = query.join_from(CASE_FINDINGS, CASES).where(CASES.c.state.in_(tuple(states)))
    if merchant:
        query = query.where(CASES.c.merchant_id == merchant)

    def read(connection: "Connection") -> list[tuple[str, Finding]]:
        rows = connection.execute(query.order_by(CASE_FINDINGS.c.finding_id)).all()
        return [(row.number, Finding.from_json(row.finding)) for row in rows if row.finding_id not in found]

    return database.run(read)

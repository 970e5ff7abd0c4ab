"""When findings came into the book: what their mails are timed by."""

import datetime as dt
from collections.abc import Collection
from typing import TYPE_CHECKING

import sqlalchemy as sa

from expectations.cases.database import Database
from expectations.cases.schema import CASE_FINDINGS

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

AT_ONCE = 500


def seen(database: Database, finding_ids: Collection[str]) -> dict[str, dt.datetime]:
    """finding_id -> when it joined its case, for those that are in one.

    Raises:
        CaseError: the database cannot be used.
    """
    wanted = sorted(finding_ids)

    def read(connection: "Connection") -> dict[str, dt.datetime]:
        found: dict[str, dt.datetime] = {}
        for start in range(0, len(wanted), AT_ONCE):
            some = CASE_FINDINGS.c.finding_id.in_(wanted[start : start + AT_ONCE])
            rows = connection.execute(sa.select(CASE_FINDINGS.c.finding_id, CASE_FINDINGS.c.joined_at).where(some))
            found |= {row.finding_id: row.joined_at for row in rows.all()}
        return found

    return database.run(read) if wanted else {}

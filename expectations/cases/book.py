"""The book of cases: findings open or join cases, people and later data move them on.

Every step is one transaction and writes one line of the case's log. What tillwatch does by
itself carries a reference, unique in the database, so that doing it twice is doing it once.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from expectations.cases.database import Database, database_of
from expectations.cases.joining import SURER, Opened, open_cases
from expectations.cases.record import CaseRecord, MoneyBack
from expectations.cases.refusals import StepRefusedError
from expectations.cases.rows import Pen, find, numbers_of, read_case, row_of
from expectations.cases.schema import CASE_FINDINGS, CASE_LOG, CASES
from expectations.cases.states import OVER, State
from expectations.findings import Finding
from expectations.mail.catalogue import behaviours
from expectations.money import Money
from ingest.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class CaseBook:
    """The cases of one database.

    Args:
        database: where they are.
        now: the clock that entries are stamped with.
    """

    def __init__(self, database: Database, *, now: Callable[[], dt.datetime] | None = None) -> None:
        self._database = database
        self._now = now or (lambda: dt.datetime.now(dt.UTC))

    def _pen(self, connection: "Connection") -> Pen:
        return Pen(connection, self._now())

    # -- findings ------------------------------------------------------------------------------

    def open_cases(self, findings: Iterable[Finding]) -> Opened:
        """Open a case for each group of findings about the same money, or have them join the one there is.

        The same findings again change nothing; one that says something else under its number brings its case up to
        date. Findings of a rule that there are no words for are left aside.

        Raises:
            CaseError: the database cannot be used.
        """
        spoken = [each for each in findings if each.rule in behaviours()]
        if not spoken:
            return Opened((), (), {})
        return self._database.run(lambda connection: open_cases(self._pen(connection), spoken))

    def numbers(self, finding_ids: Collection[str]) -> dict[str, str]:
        """finding_id -> number of its case, for those that are in one."""
        return self._database.run(lambda connection: numbers_of(connection, list(finding_ids)))

    def mark_told(self, finding_ids: Collection[str]) -> None:
        """Note that these findings were mailed: their new cases are told."""
        if finding_ids:
            self._database.run(lambda connection: self._told(connection, finding_ids))

    def _told(self, connection: "Connection", finding_ids: Collection[str]) -> None:
        found = set(numbers_of(connection, list(finding_ids)).values())
        new = connection.execute(sa.select(CASES).where(CASES.c.state == "new")).all()
        for row in new:
            if row.number in found:
                self._pen(connection).step(row, "told", "told", "")

    # -- people --------------------------------------------------------------------------------

    def cases(
        self, *, state: str | None = None, merchant: str | None = None, review: bool = False, whole: bool = False
    ) -> list[CaseRecord]:
        """Cases, the oldest first.

        Args:
            state: only of this state.
            merchant: only of this merchant.
            review: those that are only for review too.
            whole: with findings and log.
        """
        where: list[sa.ColumnElement[bool]] = [CASES.c.merged_into.is_(None)]
        where += [CASES.c.state == state] if state else []
        where += [CASES.c.merchant_id == merchant] if merchant else []
        where += [] if review else [CASES.c.stands.is_(True)]

        def read(connection: "Connection") -> list[CaseRecord]:
            rows = connection.execute(sa.select(CASES).where(*where).order_by(CASES.c.case_id)).all()
            return [read_case(connection, row, whole=whole) for row in rows]

        return self._database.run(read)

    def over(self, merchant: str | None = None) -> frozenset[str]:
        """Findings of cases in which nobody has to do anything; not those that joined one after it was rejected."""
        is_rejection = sa.and_(CASE_LOG.c.state == "rejected", CASE_LOG.c.kind.in_(("rejected", "answered")))
        rejected_at = sa.select(sa.func.max(CASE_LOG.c.at)).where(CASE_LOG.c.case_id == CASES.c.case_id, is_rejection)
        judged = sa.or_(CASES.c.state != "rejected", CASE_FINDINGS.c.joined_at <= rejected_at.scalar_subquery())
        query = sa.select(CASE_FINDINGS.c.finding_id).join_from(CASE_FINDINGS, CASES)
        query = query.where(CASES.c.state.in_(OVER), judged)
        if merchant:
            query = query.where(CASES.c.merchant_id == merchant)
        return self._database.run(lambda connection: frozenset(connection.execute(query).scalars()))

    def surer(self, merchant: str | None = None) -> dict[str, dict[str, dt.datetime]]:
        """Number of an open case -> its findings that opened it again because they became proven, and when."""
        query = sa.select(CASES.c.number, CASE_LOG.c.reference, CASE_LOG.c.at).join_from(CASE_LOG, CASES)
        query = query.where(CASE_LOG.c.reference.startswith(SURER), CASES.c.state.not_in(OVER))
        if merchant:
            query = query.where(CASES.c.merchant_id == merchant)
        found: dict[str, dict[str, dt.datetime]] = {}
        for row in self._database.run(lambda connection: connection.execute(query).all()):
            found.setdefault(row.number, {})[row.reference.removeprefix(SURER)] = row.at
        return found

    def case(self, number: str) -> CaseRecord:
        """One case with its findings and its log; of a merged one, the case that it went into.

        Raises:
            UsageError: there is no such case.
        """
        return self._database.run(lambda connection: read_case(connection, find(connection, number), whole=True))

    def money_back(self) -> list[MoneyBack]:
        """What came back and when, the oldest first.

        A case's log says what is back in all; each is the difference from what was back before. Merged cases
        keep their log, and what was back in them was back before for the case that they went into.
        """

        def read(connection: "Connection") -> list[MoneyBack]:
            columns = (CASE_LOG, CASES.c.number, CASES.c.merchant_id, CASES.c.currency)
            told = sa.select(*columns).select_from(CASE_LOG.join(CASES)).order_by(CASE_LOG.c.entry_id)
            rows = connection.execute(told.where(CASE_LOG.c.kind.in_(("recovered", "merged")))).all()
            gone = set(connection.execute(sa.select(CASES.c.number).where(CASES.c.merged_into.is_not(None))).scalars())
            total: Counter[str] = Counter()
            found = []
            for row in rows:
                if row.kind == "recovered":
                    more = Money.of(row.amount_fen - total[row.number], row.currency)
                    found.append(MoneyBack(row.number, row.merchant_id, row.at, more))
                    total[row.number] = row.amount_fen
                elif row.text in gone:
                    total[row.number] += total.pop(row.text, 0)
            return found

        return self._database.run(read)

    def note(self, number: str, text: str, by: str) -> CaseRecord:
        """Write a remark into a case's log."""

        def write(connection: "Connection") -> CaseRecord:
            row = find(connection, number, to_write=True)
            self._pen(connection).write(row.case_id, "note", text, row.state, by=by)
            return read_case(connection, row, whole=True)

        return self._database.run(write)

    def contact(
        self,
        number: str,
        contact: str,
        text: str,
        by: str,
        *,
        state: State | None = None,
        amount_fen: int | None = None,
    ) -> CaseRecord:
        """Write down whom one spoke with and what was said; ``promised`` or ``rejected`` moves the case on.

        Raises:
            UsageError: there is no such case, or it may not go to that state.
        """

        def write(connection: "Connection") -> CaseRecord:
            row = find(connection, number, to_write=True)
            if state is None or state == row.state:
                self._pen(connection).write(row.case_id, "contact", text, row.state, by=by, contact=contact)
            else:
                self._pen(connection).step(row, state, state, text, by=by, contact=contact, amount_fen=amount_fen)
            return read_case(connection, row_of(connection, row.case_id), whole=True)

        return self._database.run(write)

    def claim(self, number: str, amount_fen: int | None, text: str, by: str) -> CaseRecord:
        """Note that money was claimed back; all that is at risk unless an amount is named.

        Raises:
            UsageError: there is no such case, it may not be claimed any more, or the amount is none.
        """

        def write(connection: "Connection") -> CaseRecord:
            row = find(connection, number, to_write=True)
            claimed = row.amount_fen if amount_fen is None else amount_fen
            if claimed <= 0:
                raise StepRefusedError("no_amount", number=row.number)
            self._pen(connection).step(row, "claimed", "claimed", text, by=by, amount_fen=claimed, claimed_fen=claimed)
            return read_case(connection, row_of(connection, row.case_id), whole=True)

        return self._database.run(write)

    def close(self, number: str, text: str, by: str, *, recovered_fen: int | None = None) -> CaseRecord:
        """End a case; with ``recovered_fen``, because that much came back by a way that tillwatch does not see.

        Raises:
            UsageError: there is no such case, or it is closed already.
        """

        def write(connection: "Connection") -> CaseRecord:
            row = find(connection, number, to_write=True)
            if recovered_fen is not None:
                total: dict[str, Any] = {"amount_fen": recovered_fen, "recovered_fen": recovered_fen}
                self._pen(connection).step(row, "recovered", "recovered", text, by=by, **total)
                row = row_of(connection, row.case_id)
            self._pen(connection).step(row, "closed", "closed", text, by=by)
            return read_case(connection, row_of(connection, row.case_id), whole=True)

        return self._database.run(write)

    def recover(
        self,
        number: str,
        recovered_fen: int,
        text: str,
        reference: str,
        *,
        proof: str | None = None,
        whole: bool = True,
    ) -> bool:
        """Note what later data shows to be back; all of it ends the case's work.

        Args:
            number: the case.
            recovered_fen: how much is back.
            text: what shows it.
            reference: names what shows it; the same is noted once.
            proof: the same for machines, JSON.
            whole: whether that is all; else the case stays open.

        Returns:
            False when that was noted already, or the case is over.
        """

        def write(connection: "Connection") -> bool:
            row = find(connection, number, to_write=True)
            mine = f"{row.number} {reference}"[:200]
            seen = sa.select(CASE_LOG.c.entry_id).where(CASE_LOG.c.reference == mine)
            if row.state in OVER or connection.execute(seen).first() is not None:
                return False
            told: dict[str, Any] = {"amount_fen": recovered_fen, "reference": mine, "proof": proof}
            if whole:
                self._pen(connection).step(row, "recovered", "recovered", text, recovered_fen=recovered_fen, **told)
                return True
            part = CASES.update().where(CASES.c.case_id == row.case_id)
            connection.execute(part.values(recovered_fen=recovered_fen, changed_at=self._now()))
            self._pen(connection).write(row.case_id, "recovered", text, row.state, **told)
            return True

        return self._database.run(write)

    def finish(self, number: str) -> None:
        """Close a case whose money is back and whose readers know it; nothing when it is closed already."""

        def write(connection: "Connection") -> None:
            row = find(connection, number, to_write=True)
            if row.state == "recovered":
                self._pen(connection).step(row, "closed", "closed", "")

        self._database.run(write)


def case_book(settings: Settings) -> CaseBook:
    """The book that the settings name."""
    return CaseBook(database_of(settings))

"""Rows of the book within a transaction: finding a case, reading it, moving it one step on, writing its log."""

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from expectations.cases.record import CaseRecord, Entry
from expectations.cases.refusals import StepRefusedError
from expectations.cases.schema import CASE_FINDINGS, CASE_LOG, CASE_SERIALS, CASES
from expectations.cases.states import State, may_follow
from expectations.findings import Finding
from expectations.mail.cardcheck import holds_card_number

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

OURSELVES = "tillwatch"


class Pen:
    """Writes into one transaction, every line stamped with the same moment."""

    def __init__(self, connection: "Connection", now: dt.datetime) -> None:
        self.connection = connection
        self.now = now

    def step(
        self,
        row: "Row[Any]",
        state: State,
        kind: str,
        text: str,
        *,
        by: str = OURSELVES,
        contact: str = "",
        amount_fen: int | None = None,
        reference: str | None = None,
        proof: str | None = None,
        **columns: Any,
    ) -> None:
        """Bring a case into a state, set further columns, and write it down.

        Raises:
            UsageError: it may not go there, or somebody else has just changed it.
        """
        if not may_follow(row.state, state):
            raise StepRefusedError("state", number=row.number, before=row.state, after=state)
        changed = CASES.update().where(CASES.c.case_id == row.case_id, CASES.c.state == row.state)
        done = self.connection.execute(changed.values(state=state, changed_at=self.now, **columns))
        if done.rowcount != 1:
            raise StepRefusedError("changed", number=row.number)
        self.write(
            row.case_id, kind, text, state, by=by, contact=contact, amount_fen=amount_fen,
            reference=reference, proof=proof,
        )  # fmt: skip

    def write(
        self,
        case_id: int,
        kind: str,
        text: str,
        state: str,
        *,
        by: str = OURSELVES,
        contact: str = "",
        amount_fen: int | None = None,
        reference: str | None = None,
        proof: str | None = None,
    ) -> None:
        """Write one line of a case's log.

        Raises:
            UsageError: what a person wrote holds a whole card number. What later data shows has a reference and
                is not looked at: its identifiers may be as long.
        """
        if reference is None:
            self._refuse_card_number(case_id, text, contact)
        entry = {"case_id": case_id, "at": self.now, "kind": kind, "by": by[:100], "contact": contact[:200]}
        entry |= {"text": text, "amount_fen": amount_fen, "state": state, "reference": reference, "proof": proof}
        self.connection.execute(CASE_LOG.insert().values(entry))

    def _refuse_card_number(self, case_id: int, *said: str) -> None:
        """The case's own merchant number is none, though it may look like one."""
        row = row_of(self.connection, case_id)
        if any(holds_card_number(each, known={row.merchant_id}) for each in said):
            raise StepRefusedError("card_number", number=row.number)


def next_serial(connection: "Connection", month_day: str) -> int:
    """The next number of this day of the year; the row is locked until the transaction ends."""
    counter = CASE_SERIALS.c.month_day == month_day
    taken = connection.execute(CASE_SERIALS.update().where(counter).values(last=CASE_SERIALS.c.last + 1))
    if taken.rowcount == 0:
        connection.execute(CASE_SERIALS.insert().values(month_day=month_day, last=1))
        return 1
    return int(connection.execute(sa.select(CASE_SERIALS.c.last).where(counter)).scalar_one())


def numbers_of(connection: "Connection", finding_ids: Sequence[str]) -> dict[str, str]:
    """finding_id -> number of its case, for those that are in one."""
    found: dict[str, str] = {}
    for start in range(0, len(finding_ids), 500):
        some = finding_ids[start : start + 500]
        joined = sa.select(CASE_FINDINGS.c.finding_id, CASES.c.number).join_from(CASE_FINDINGS, CASES)
        rows = connection.execute(joined.where(CASE_FINDINGS.c.finding_id.in_(some))).all()
        found |= {row.finding_id: row.number for row in rows}
    return found


def find(connection: "Connection", number: str, *, to_write: bool = False) -> "Row[Any]":
    """A case by its number, or by what follows ``C-``; of a merged one, what it went into.

    ``to_write``: nobody else changes it until the transaction ends (SQLite has one writer at a time as it is).
    """
    wanted = number.strip().upper()
    wanted = wanted if wanted.startswith("C-") else f"C-{wanted}"
    asked = sa.select(CASES).where(CASES.c.number == wanted)
    row = connection.execute(asked.with_for_update() if to_write else asked).first()
    if row is None:
        raise StepRefusedError("no_case", number=number)
    while row.merged_into is not None:
        row = row_of(connection, row.merged_into, to_write=to_write)
    return row


def row_of(connection: "Connection", case_id: int, *, to_write: bool = False) -> "Row[Any]":
    """A case by its key; ``to_write`` as in `find`."""
    asked = sa.select(CASES).where(CASES.c.case_id == case_id)
    return connection.execute(asked.with_for_update() if to_write else asked).one()


def read_case(connection: "Connection", row: "Row[Any]", *, whole: bool) -> CaseRecord:
    """A row as a case; ``whole`` with findings and log."""
    columns = {name: getattr(row, name) for name in CaseRecord.__slots__ if name not in {"findings", "log"}}
    if not whole:
        return CaseRecord(**columns)
    here = CASE_FINDINGS.c.case_id == row.case_id
    stored = sa.select(CASE_FINDINGS.c.finding).where(here).order_by(CASE_FINDINGS.c.finding_id)
    entries = sa.select(CASE_LOG).where(CASE_LOG.c.case_id == row.case_id).order_by(CASE_LOG.c.entry_id)
    return CaseRecord(
        **columns,
        findings=tuple(Finding.from_json(text) for text in connection.execute(stored).scalars()),
        log=tuple(
            Entry(**{name: getattr(each, name) for name in Entry.__slots__})
            for each in connection.execute(entries).all()
        ),
    )

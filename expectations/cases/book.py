"""The book of cases: findings open or join cases, people and later data move them on.

Every step is one transaction and writes one line of the case's log. What tillwatch does by
itself carries a reference, unique in the database, so that doing it twice is doing it once.
"""

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from expectations.cases.database import Database, database_of
from expectations.cases.schema import CASE_FINDINGS, CASE_LOG, CASE_SERIALS, CASE_SUBJECTS, CASES
from expectations.cases.states import OVER, State, age_class, may_follow
from expectations.findings import Finding
from expectations.mail.cases import Case, case_of, group, meeting_points
from expectations.mail.catalogue import behaviours
from ingest.errors import CaseError, UsageError
from ingest.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

OURSELVES = "tillwatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a case's log; the columns of ``case_log``."""

    at: dt.datetime
    kind: str
    by: str
    contact: str
    text: str
    amount_fen: int | None
    state: State
    proof: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """A case as the book has it; the columns of ``cases``, and what hangs on it."""

    number: str
    merchant_id: str
    business_date: dt.date
    state: State
    stands: bool
    rule: str
    amount_fen: int
    claimed_fen: int
    recovered_fen: int
    act_by: dt.datetime | None
    opened_at: dt.datetime
    changed_at: dt.datetime
    findings: tuple[Finding, ...] = ()
    log: tuple[Entry, ...] = ()

    def age_days(self, now: dt.datetime) -> int:
        """Whole days since it was opened, or until it was over."""
        until = self.changed_at if self.state in OVER else now
        return max(0, (until - self.opened_at).days)

    def told(self, now: dt.datetime) -> Case:
        """The case as mails and dossiers tell it."""
        return case_of(self.findings, now, {each.finding_id: self.number for each in self.findings})

    def as_dict(self, now: dt.datetime) -> dict[str, Any]:
        """The object of ``tillwatch case … --json``; moments with their zone, amounts in fen."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in {"findings", "log"}}
        plain |= {"age_days": self.age_days(now), "age_class": age_class(self.age_days(now))}
        plain["findings"] = [each.as_dict() for each in self.findings]
        plain["log"] = [asdict(each) for each in self.log]
        said: dict[str, Any] = json.loads(json.dumps(plain, default=_iso, ensure_ascii=False))
        return said


@dataclass(frozen=True, slots=True)
class Opened:
    """What findings did to the book: numbers of new cases, of those joined, and every finding's number."""

    opened: tuple[str, ...]
    joined: tuple[str, ...]
    numbers: Mapping[str, str]


class CaseBook:
    """The cases of one database.

    Args:
        database: where they are.
        now: the clock that entries are stamped with.
    """

    def __init__(self, database: Database, *, now: Callable[[], dt.datetime] | None = None) -> None:
        self._database = database
        self._now = now or (lambda: dt.datetime.now(dt.UTC))

    # -- findings ------------------------------------------------------------------------------

    def open_cases(self, findings: Iterable[Finding]) -> Opened:
        """Open a case for each group of findings about the same money, or have them join the one there is.

        The same findings again change nothing. Findings of a rule that there are no words for are left aside.

        Raises:
            CaseError: the database cannot be used.
        """
        spoken = [each for each in findings if each.rule in behaviours()]
        if not spoken:
            return Opened((), (), {})
        return self._database.run(lambda connection: self._open(connection, spoken))

    def _open(self, connection: "Connection", findings: Sequence[Finding]) -> Opened:
        now = self._now()
        known = _numbers(connection, [each.finding_id for each in findings])
        by_merchant: dict[str, list[Finding]] = {}
        for each in findings:
            by_merchant.setdefault(each.merchant_id, []).append(each)
        opened: list[str] = []
        joined: list[str] = []
        for merchant_id, theirs in sorted(by_merchant.items()):
            fresh = [each for each in theirs if each.finding_id not in known]
            if not fresh:
                continue
            cases = sorted(group(fresh, now), key=lambda each: (each.lead.business_date, each.lead.finding_id))
            for case in cases:
                number, is_new = self._place(connection, merchant_id, case, now)
                (opened if is_new else joined).append(number)
                known |= {each.finding_id: number for each in case.findings}
        return Opened(tuple(opened), tuple(dict.fromkeys(joined)), known)

    def _place(self, connection: "Connection", merchant_id: str, case: Case, now: dt.datetime) -> tuple[str, bool]:
        """Put a group of findings into the case of their money, or into a new one."""
        keys = sorted({_key(point) for each in case.findings for point in meeting_points(each)})
        here = sa.and_(CASE_SUBJECTS.c.merchant_id == merchant_id, CASE_SUBJECTS.c.subject.in_(keys))
        held = {row.subject: row.case_id for row in connection.execute(sa.select(CASE_SUBJECTS).where(here)).all()}
        is_new = not held
        case_id = min(held.values()) if held else self._create(connection, merchant_id, case, now)
        for other in sorted(set(held.values()) - {case_id}):
            self._merge(connection, other, case_id, now)
        lacking = [key for key in keys if key not in held]
        if lacking:
            rows = [{"merchant_id": merchant_id, "subject": key, "case_id": case_id} for key in lacking]
            connection.execute(CASE_SUBJECTS.insert(), rows)
        rows = [
            {"finding_id": each.finding_id, "case_id": case_id, "joined_at": now, "finding": each.to_json()}
            for each in case.findings
        ]
        connection.execute(CASE_FINDINGS.insert(), rows)
        record = self._refresh(connection, case_id, now)
        rules = ", ".join(sorted({each.rule for each in case.findings}))
        if is_new:
            self._write(connection, case_id, "opened", rules, record.state, amount_fen=case.amount_fen)
            return record.number, True
        state = record.state
        if state in {"recovered", "closed"} and case.stands_alone:
            state = "new"
            connection.execute(CASES.update().where(CASES.c.case_id == case_id).values(state=state))
        self._write(connection, case_id, "joined" if state == record.state else "reopened", rules, state)
        return record.number, False

    def _create(self, connection: "Connection", merchant_id: str, case: Case, now: dt.datetime) -> int:
        day = case.lead.business_date
        values = {
            "number": f"C-{day:%m%d}-{_serial(connection, f'{day:%m%d}'):04d}",
            "merchant_id": merchant_id,
            "business_date": day,
            "state": "new",
            "stands": case.stands_alone,
            "rule": case.lead.rule,
            "amount_fen": case.amount_fen,
            "claimed_fen": 0,
            "recovered_fen": 0,
            "act_by": case.act_by,
            "opened_at": now,
            "changed_at": now,
        }
        made = connection.execute(CASES.insert().values(values)).inserted_primary_key
        if made is None:
            raise CaseError("the database gave a case no key", hint="check cases.url")
        return int(made[0])

    def _merge(self, connection: "Connection", other: int, into: int, now: dt.datetime) -> None:
        """Two cases turn out to be about the same money: the older keeps everything."""
        for table in (CASE_FINDINGS, CASE_SUBJECTS):
            connection.execute(table.update().where(table.c.case_id == other).values(case_id=into))
        gone, kept = _row(connection, other), _row(connection, into)
        connection.execute(
            CASES.update().where(CASES.c.case_id == other).values(state="closed", merged_into=into, changed_at=now)
        )
        connection.execute(
            CASES.update()
            .where(CASES.c.case_id == into)
            .values(
                claimed_fen=kept.claimed_fen + gone.claimed_fen, recovered_fen=kept.recovered_fen + gone.recovered_fen
            )
        )
        self._write(connection, other, "merged", kept.number, "closed")
        self._write(connection, into, "merged", gone.number, kept.state)

    def _refresh(self, connection: "Connection", case_id: int, now: dt.datetime) -> CaseRecord:
        """Work out again what follows from a case's findings."""
        record = _record(connection, _row(connection, case_id), whole=True)
        case = record.told(now)
        connection.execute(
            CASES.update()
            .where(CASES.c.case_id == case_id)
            .values(
                stands=case.stands_alone,
                rule=case.lead.rule,
                amount_fen=case.amount_fen,
                act_by=case.act_by,
                changed_at=now,
            )
        )
        return record

    def numbers(self, finding_ids: Collection[str]) -> dict[str, str]:
        """finding_id -> number of its case, for those that are in one."""
        return self._database.run(lambda connection: _numbers(connection, list(finding_ids)))

    def mark_told(self, finding_ids: Collection[str]) -> None:
        """Note that these findings were mailed: their new cases are told."""
        if finding_ids:
            self._database.run(lambda connection: self._told(connection, finding_ids))

    def _told(self, connection: "Connection", finding_ids: Collection[str]) -> None:
        found = set(_numbers(connection, list(finding_ids)).values())
        new = connection.execute(sa.select(CASES).where(CASES.c.state == "new")).all()
        for row in new:
            if row.number in found:
                self._step(connection, row, "told", "told", "")

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
            return [_record(connection, row, whole=whole) for row in rows]

        return self._database.run(read)

    def case(self, number: str) -> CaseRecord:
        """One case with its findings and its log; of a merged one, the case that it went into.

        Raises:
            UsageError: there is no such case.
        """
        return self._database.run(lambda connection: _record(connection, _find(connection, number), whole=True))

    def note(self, number: str, text: str, by: str) -> CaseRecord:
        """Write a remark into a case's log."""

        def write(connection: "Connection") -> CaseRecord:
            row = _find(connection, number)
            self._write(connection, row.case_id, "note", text, row.state, by=by)
            return _record(connection, row, whole=True)

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
            row = _find(connection, number)
            if state is None or state == row.state:
                self._write(connection, row.case_id, "contact", text, row.state, by=by, contact=contact)
            else:
                self._step(connection, row, state, state, text, by=by, contact=contact, amount_fen=amount_fen)
            return _record(connection, _row(connection, row.case_id), whole=True)

        return self._database.run(write)

    def claim(self, number: str, amount_fen: int | None, text: str, by: str) -> CaseRecord:
        """Note that money was claimed back; all that is at risk unless an amount is named.

        Raises:
            UsageError: there is no such case, it may not be claimed any more, or the amount is none.
        """

        def write(connection: "Connection") -> CaseRecord:
            row = _find(connection, number)
            claimed = row.amount_fen if amount_fen is None else amount_fen
            if claimed <= 0:
                raise UsageError(f"{row.number}: there is no amount to claim", hint="name it with --amount 368.00")
            self._step(connection, row, "claimed", "claimed", text, by=by, amount_fen=claimed, claimed_fen=claimed)
            return _record(connection, _row(connection, row.case_id), whole=True)

        return self._database.run(write)

    def close(self, number: str, text: str, by: str, *, recovered_fen: int | None = None) -> CaseRecord:
        """End a case; with ``recovered_fen``, because that much came back by a way that tillwatch does not see.

        Raises:
            UsageError: there is no such case, or it is closed already.
        """

        def write(connection: "Connection") -> CaseRecord:
            row = _find(connection, number)
            if recovered_fen is not None:
                total: dict[str, Any] = {"amount_fen": recovered_fen, "recovered_fen": recovered_fen}
                self._step(connection, row, "recovered", "recovered", text, by=by, **total)
                row = _row(connection, row.case_id)
            self._step(connection, row, "closed", "closed", text, by=by)
            return _record(connection, _row(connection, row.case_id), whole=True)

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
            row = _find(connection, number)
            mine = f"{row.number} {reference}"[:200]
            seen = sa.select(CASE_LOG.c.entry_id).where(CASE_LOG.c.reference == mine)
            if row.state in OVER or connection.execute(seen).first() is not None:
                return False
            told: dict[str, Any] = {"amount_fen": recovered_fen, "reference": mine, "proof": proof}
            if whole:
                self._step(connection, row, "recovered", "recovered", text, recovered_fen=recovered_fen, **told)
                return True
            part = CASES.update().where(CASES.c.case_id == row.case_id)
            connection.execute(part.values(recovered_fen=recovered_fen, changed_at=self._now()))
            self._write(connection, row.case_id, "recovered", text, row.state, **told)
            return True

        return self._database.run(write)

    def finish(self, number: str) -> None:
        """Close a case whose money is back and whose readers know it; nothing when it is closed already."""

        def write(connection: "Connection") -> None:
            row = _find(connection, number)
            if row.state == "recovered":
                self._step(connection, row, "closed", "closed", "")

        self._database.run(write)

    # -- one step ------------------------------------------------------------------------------

    def _step(
        self,
        connection: "Connection",
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
        if not may_follow(row.state, state):
            hint = f"`tillwatch case show {row.number}` shows how it came there"
            raise UsageError(f"{row.number}: is {row.state} and cannot become {state}", hint=hint)
        changed = CASES.update().where(CASES.c.case_id == row.case_id, CASES.c.state == row.state)
        done = connection.execute(changed.values(state=state, changed_at=self._now(), **columns))
        if done.rowcount != 1:
            raise UsageError(f"{row.number}: somebody else has just changed it", hint="look at it and try again")
        self._write(
            connection, row.case_id, kind, text, state, by=by, contact=contact, amount_fen=amount_fen,
            reference=reference, proof=proof,
        )  # fmt: skip

    def _write(
        self,
        connection: "Connection",
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
        entry = {"case_id": case_id, "at": self._now(), "kind": kind, "by": by[:100], "contact": contact[:200]}
        entry |= {"text": text, "amount_fen": amount_fen, "state": state, "reference": reference, "proof": proof}
        connection.execute(CASE_LOG.insert().values(entry))


def case_book(settings: Settings) -> CaseBook:
    """The book that the settings name."""
    return CaseBook(database_of(settings))


def _serial(connection: "Connection", month_day: str) -> int:
    """The next number of this day of the year; the row is locked until the transaction ends."""
    counter = CASE_SERIALS.c.month_day == month_day
    taken = connection.execute(CASE_SERIALS.update().where(counter).values(last=CASE_SERIALS.c.last + 1))
    if taken.rowcount == 0:
        connection.execute(CASE_SERIALS.insert().values(month_day=month_day, last=1))
        return 1
    return int(connection.execute(sa.select(CASE_SERIALS.c.last).where(counter)).scalar_one())


def _numbers(connection: "Connection", finding_ids: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(finding_ids), 500):
        some = finding_ids[start : start + 500]
        joined = sa.select(CASE_FINDINGS.c.finding_id, CASES.c.number).join_from(CASE_FINDINGS, CASES)
        rows = connection.execute(joined.where(CASE_FINDINGS.c.finding_id.in_(some))).all()
        found |= {row.finding_id: row.number for row in rows}
    return found


def _find(connection: "Connection", number: str) -> "Row[Any]":
    """A case by its number, or by what follows ``C-``; of a merged one, what it went into."""
    wanted = number.strip().upper()
    wanted = wanted if wanted.startswith("C-") else f"C-{wanted}"
    row = connection.execute(sa.select(CASES).where(CASES.c.number == wanted)).first()
    if row is None:
        raise UsageError(f"no case is called {number}", hint="`tillwatch case ls` lists them")
    while row.merged_into is not None:
        row = _row(connection, row.merged_into)
    return row


def _row(connection: "Connection", case_id: int) -> "Row[Any]":
    return connection.execute(sa.select(CASES).where(CASES.c.case_id == case_id)).one()


def _record(connection: "Connection", row: "Row[Any]", *, whole: bool) -> CaseRecord:
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


def _key(point: tuple[object, ...]) -> str:
    return json.dumps(point, default=_iso, ensure_ascii=False)[:300]


def _iso(value: object) -> str:
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    message = f"a case cannot hold a {type(value).__name__}"
    raise TypeError(message)

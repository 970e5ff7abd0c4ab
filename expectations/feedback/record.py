"""Writing answers down and taking them back: into the case's log, the ledger of mails, and what is learned.

A case has one standing answer: the last. Answering the same again changes nothing.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from expectations.cases.database import Database, database_of
from expectations.cases.record import CaseRecord
from expectations.cases.refusals import StepRefusedError
from expectations.cases.rows import Pen, find, read_case, row_of
from expectations.cases.schema import CASE_ANSWERS, CASES, FORGOTTEN_PRICES
from expectations.cases.states import OVER, may_follow
from expectations.feedback.answers import EFFECTS, Answer
from expectations.feedback.prices import PRICED, PricePoint, price_points
from expectations.mail.ledger import Ledger
from expectations.money import CNY, plain
from ingest.settings import Settings
from ingest.tables import Lake

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

WITHDRAWN = "withdrawn"
"""What the ledger of mails hears when an answer is taken back: the finding is open again."""


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that was given, whether it stands or was taken back."""

    number: str
    answer: Answer
    merchant_id: str
    rule: str
    price_fen: int | None
    price_currency: str | None
    at: dt.datetime
    by: str
    withdrawn_at: dt.datetime | None
    withdrawn_by: str | None

    def as_dict(self) -> dict[str, Any]:
        """The object of ``tillwatch feedback ls --json``."""
        back = self.withdrawn_at.isoformat() if self.withdrawn_at else None
        return asdict(self) | {"at": self.at.isoformat(), "withdrawn_at": back}


class Feedback:
    """The answers to one book of cases.

    Args:
        database: the book's.
        ledger: where mails look whether a finding is settled.
        now: the clock that answers are stamped with.
    """

    def __init__(self, database: Database, ledger: Ledger, *, now: Callable[[], dt.datetime] | None = None) -> None:
        self._database = database
        self._ledger = ledger
        self._now = now or (lambda: dt.datetime.now(dt.UTC))

    def answer(self, number: str, answer: Answer, by: str) -> CaseRecord:
        """Write an answer down; the case goes where the answer leads, if it may go there.

        An answer that takes the place of another first takes back what that did, as `withdraw` does.

        Raises:
            UsageError: there is no such case.
            CaseError, LakeError: it cannot be written.
        """
        record = self._database.run(lambda connection: read_case(connection, find(connection, number), whole=True))
        for finding in record.findings:
            self._ledger.acknowledge(finding.finding_id, answer, by)
        return self._database.run(lambda connection: self._answer(connection, number, answer, by))

    def _answer(self, connection: "Connection", number: str, answer: Answer, by: str) -> CaseRecord:
        row, now = find(connection, number, to_write=True), self._now()
        record = read_case(connection, row, whole=True)
        standing = _standing(connection, row.case_id)
        if standing is not None and standing.answer == answer:
            return record
        pen = Pen(connection, now)
        if standing is not None:
            _withdraw(connection, row.case_id, by, now)
            if _ended(row, standing):
                pen.step(row, "new", WITHDRAWN, standing.answer, by=by)
                row = row_of(connection, row.case_id)
        values = {"case_id": row.case_id, "answer": answer, "merchant_id": row.merchant_id, "rule": row.rule}
        price_fen, currency = _price(record) if answer == "two-purchases" else (None, None)
        values |= {"price_fen": price_fen, "price_currency": currency, "at": now, "by": by[:100]}
        connection.execute(CASE_ANSWERS.insert().values(values))
        state = EFFECTS[answer].state
        if state is None or state == row.state or not may_follow(row.state, state):
            pen.write(row.case_id, "answered", answer, row.state, by=by)
        elif state == "claimed":
            money = {"amount_fen": row.amount_fen or None, "claimed_fen": row.amount_fen}
            pen.step(row, state, "answered", answer, by=by, **money)
        else:
            pen.step(row, state, "answered", answer, by=by)
        return read_case(connection, row_of(connection, row.case_id), whole=True)

    def withdraw(self, number: str, by: str) -> CaseRecord:
        """Take a case's standing answer back; a case that it ended is open again.

        Raises:
            UsageError: there is no such case, or no answer stands.
        """

        def write(connection: "Connection") -> CaseRecord:
            row, now = find(connection, number, to_write=True), self._now()
            standing = _standing(connection, row.case_id)
            if standing is None:
                raise StepRefusedError("no_answer", number=row.number)
            _withdraw(connection, row.case_id, by, now)
            pen = Pen(connection, now)
            if _ended(row, standing):
                pen.step(row, "new", WITHDRAWN, standing.answer, by=by)
            else:
                pen.write(row.case_id, WITHDRAWN, standing.answer, row.state, by=by)
            return read_case(connection, row_of(connection, row.case_id), whole=True)

        record = self._database.run(write)
        for finding in record.findings:
            self._ledger.acknowledge(finding.finding_id, WITHDRAWN, by)
        return record

    def answers(self, merchant_id: str | None = None, *, standing: bool = False) -> list[Given]:
        """Answers, the oldest first; with ``standing`` only those that were not taken back."""
        columns = [CASES.c.number, *(CASE_ANSWERS.c[name] for name in Given.__slots__ if name != "number")]
        query = sa.select(*columns).select_from(CASE_ANSWERS.join(CASES)).order_by(CASE_ANSWERS.c.answer_id)
        if merchant_id is not None:
            query = query.where(CASE_ANSWERS.c.merchant_id == merchant_id)
        if standing:
            query = query.where(CASE_ANSWERS.c.withdrawn_at.is_(None))
        return self._database.run(
            lambda connection: [
                Given(**{name: getattr(row, name) for name in Given.__slots__})
                for row in connection.execute(query).all()
            ]
        )

    def standing(self, number: str) -> Given | None:
        """The answer that a case has now."""
        record = self._database.run(lambda connection: read_case(connection, find(connection, number), whole=False))
        mine = [each for each in self.answers(record.merchant_id, standing=True) if each.number == record.number]
        return mine[-1] if mine else None

    def prices(self, merchant_id: str | None = None) -> list[PricePoint]:
        """The price points that were taught."""
        points = self._database.run(lambda connection: list(price_points(connection)))
        return [each for each in points if merchant_id in {None, each.merchant_id}]

    def forget(self, merchant_id: str, amount_fen: int, currency: str, by: str) -> None:
        """Take a price point back: the answers until now teach it no more.

        Raises:
            UsageError: it is none.
        """

        def write(connection: "Connection") -> None:
            known = {(each.merchant_id, each.amount_fen, each.currency) for each in price_points(connection)}
            if (merchant_id, amount_fen, currency) not in known:
                raise StepRefusedError("no_price", amount=plain(amount_fen, currency), merchant=merchant_id)
            price = {"merchant_id": merchant_id, "amount_fen": amount_fen, "currency": currency}
            facts = {"at": self._now(), "by": by[:100]}
            here = FORGOTTEN_PRICES.update().where(*(FORGOTTEN_PRICES.c[name] == each for name, each in price.items()))
            if connection.execute(here.values(facts)).rowcount == 0:
                connection.execute(FORGOTTEN_PRICES.insert().values(price | facts))

        self._database.run(write)


def feedback_of(settings: Settings) -> Feedback:
    """The answers of the database and the lake that the settings name."""
    return Feedback(database_of(settings), Ledger(Lake.of(settings.lake)))


def _price(record: CaseRecord) -> tuple[int, str] | tuple[None, None]:
    """The amount that the case doubts, where its rule weighs how common an amount is, and its currency."""
    doubted = (each.subjects[0] for each in record.findings if each.rule == PRICED and each.subjects)
    subject = next(doubted, None)
    if subject is None or subject.amount_fen is None:
        return None, None
    return subject.amount_fen, subject.currency or CNY


def _standing(connection: "Connection", case_id: int) -> "Row[Any] | None":
    here = sa.and_(CASE_ANSWERS.c.case_id == case_id, CASE_ANSWERS.c.withdrawn_at.is_(None))
    return connection.execute(sa.select(CASE_ANSWERS).where(here).order_by(CASE_ANSWERS.c.answer_id.desc())).first()


def _ended(row: "Row[Any]", standing: "Row[Any]") -> bool:
    """Whether a case is over by its standing answer."""
    return row.state in OVER and row.state == EFFECTS[cast("Answer", standing.answer)].state


def _withdraw(connection: "Connection", case_id: int, by: str, now: dt.datetime) -> None:
    here = sa.and_(CASE_ANSWERS.c.case_id == case_id, CASE_ANSWERS.c.withdrawn_at.is_(None))
    connection.execute(CASE_ANSWERS.update().where(here).values(withdrawn_at=now, withdrawn_by=by[:100]))

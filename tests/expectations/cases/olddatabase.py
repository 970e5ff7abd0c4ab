"""A database of cases as earlier versions left it: made by the old migrations, filled by hand in the old columns."""

import datetime as dt

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.pool import NullPool

from expectations.cases.book import CaseBook
from expectations.cases.database import MIGRATIONS, Database
from expectations.feedback.record import Feedback
from expectations.mail.ledger import Ledger
from ingest.tables import Lake
from tests.expectations.feedback.test_record import coffees
from tests.expectations.mail.conftest import SHOP, retry

OPENED = dt.datetime(2026, 3, 2, 1, 30, tzinfo=dt.UTC)
COFFEES = [coffees(10 * n, currency=currency) for n, currency in enumerate(["156"] * 3 + ["392"] * 3, 1)]


def _to(connection: sa.Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _insert(connection: sa.Connection, table: str, **row: object) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    values = ", ".join(f":{name}" for name in row)
    connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)  # noqa: S608  # ours


def fill(url: str) -> None:
    """One case and its log at 0001, what shows its money at 0002, answers and a price taken back at 0003."""
    database = Database(url)
    with sa.create_engine(database.url, poolclass=NullPool).begin() as connection:
        at = OPENED.replace(tzinfo=None) if connection.dialect.name == "sqlite" else OPENED
        if connection.dialect.name == "sqlite":
            at = f"{at:%Y-%m-%d %H:%M:%S.%f}"  # type: ignore[assignment]
        _to(connection, "0001")
        found = [retry(), *COFFEES]
        for case_id, each in enumerate(found, 1):
            state, back = ("recovered", 36800) if case_id == 1 else ("rejected", 0)
            _insert(
                connection, "cases", number=f"C-0302-{case_id:04d}", merchant_id=SHOP,
                business_date=str(each.business_date), state=state, stands=case_id == 1, rule=each.rule,
                amount_fen=each.amount_at_risk_fen, claimed_fen=0, recovered_fen=back, act_by=None, opened_at=at,
                changed_at=at, merged_into=None,
            )  # fmt: skip
            _insert(
                connection, "case_findings", finding_id=each.finding_id, case_id=case_id, joined_at=at,
                finding=each.to_json(),
            )  # fmt: skip
            _insert(connection, "case_subjects", merchant_id=SHOP, subject=f'["{case_id}"]', case_id=case_id)
            _insert(
                connection, "case_log", case_id=case_id, at=at, kind="opened", by="tillwatch", contact="",
                text="联系了收单机构", amount_fen=None, state="new", reference=f"opened:{case_id}",
            )  # fmt: skip
        _insert(connection, "case_serials", month_day="0302", last=len(found))
        _to(connection, "0002")
        _insert(
            connection, "case_log", case_id=1, at=at, kind="recovered", by="tillwatch", contact="", text="",
            amount_fen=36800, state="recovered", reference="back:1", proof='[{"source": "statement"}]',
        )  # fmt: skip
        _to(connection, "0003")
        for case_id, each in enumerate(COFFEES, 2):
            _insert(
                connection, "case_answers", case_id=case_id, answer="two-purchases", merchant_id=SHOP, rule=each.rule,
                price_fen=1800, at=at, by="li", withdrawn_at=None, withdrawn_by=None,
            )  # fmt: skip
        _insert(
            connection, "case_answers", case_id=1, answer="done", merchant_id=SHOP, rule="retry_after_unknown",
            price_fen=None, at=at, by="wang", withdrawn_at=at, withdrawn_by="wang",
        )  # fmt: skip
        _insert(connection, "forgotten_prices", merchant_id=SHOP, amount_fen=2500, at=at, by="li")
        _to(connection, "0004")
        connection.execute(sa.text("UPDATE cases SET currency = '392' WHERE case_id >= 5"))


def hold_whole(url: str, lake: str) -> None:
    """Opened by this version: every row is there, prices are each of their currency, and work goes on."""
    fill(url)
    database = Database(url)
    book, feedback = CaseBook(database), Feedback(database, Ledger(Lake(lake)))
    records = book.cases(review=True, whole=True)
    assert [each.number for each in sorted(records, key=lambda each: each.number)] == [
        f"C-0302-{n:04d}" for n in range(1, 8)
    ]
    first = book.case("C-0302-0001")
    assert (first.state, first.recovered_fen, first.currency, first.opened_at) == ("recovered", 36800, "156", OPENED)
    assert first.findings == (retry(),)
    assert [(each.kind, each.text, each.proof) for each in first.log] == [
        ("opened", "联系了收单机构", None),
        ("recovered", "", '[{"source": "statement"}]'),
    ]
    assert [(each.price_fen, each.price_currency, each.at) for each in feedback.answers()] == [
        *[(1800, "156", OPENED)] * 3,
        *[(1800, "392", OPENED)] * 3,
        (None, None, OPENED),
    ]
    assert [(each.amount_fen, each.currency, len(each.cases)) for each in feedback.prices()] == [
        (1800, "156", 3),
        (1800, "392", 3),
    ]
    feedback.forget(SHOP, 1800, "392", "li")
    with sa.create_engine(database.url, poolclass=NullPool).connect() as connection:
        forgotten = sa.text("SELECT amount_fen, currency FROM forgotten_prices ORDER BY amount_fen")
        assert [tuple(each) for each in connection.execute(forgotten)] == [(1800, "392"), (2500, "156")]
    assert [each.currency for each in feedback.prices()] == ["156"]
    fresh = coffees(900, amount_fen=2500)
    (opened,) = book.open_cases([fresh]).opened
    feedback.answer(opened, "two-purchases", "li")
    assert book.note("C-0302-0001", "goes on", "li").log[-1].text == "goes on"

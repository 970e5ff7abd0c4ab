"""The book of cases on a real PostgreSQL, started for the test on loopback and stopped after it."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from expectations.backup import back_up, restore
from expectations.cases.book import CaseBook, case_book
from expectations.cases.database import Database
from expectations.feedback.record import Feedback
from expectations.mail.ledger import Ledger
from ingest.errors import BackupError
from ingest.settings import Settings, load_settings
from ingest.tables import Lake
from tests.expectations.cases.contention import hold_contended
from tests.expectations.cases.olddatabase import hold_whole
from tests.expectations.cases.test_book import hold_two_writers
from tests.expectations.feedback.test_record import coffees
from tests.expectations.mail.conftest import SHOP, example, retry
from tests.postgresql import postgresql

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of an empty database; skipped, and said why, where PostgreSQL cannot be had."""
    with postgresql("tillwatch") as running:
        yield f"postgresql://tillwatch@127.0.0.1:{running.port}/postgres"


def fresh(url: str, name: str) -> str:
    """A new database on the server."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url.replace("/postgres", f"/{name}")


def test_two_processes_open_each_case_once(server: str):
    """As on SQLite, with unique keys and retries in the place of one lock."""
    hold_two_writers(fresh(server, "writers"))


def test_who_claims_or_closes_second_is_told_and_nothing_is_lost(server: str):
    """As on SQLite, with the row locked in the place of the database."""
    hold_contended(fresh(server, "contended"))


def test_a_case_is_the_same_as_on_sqlite(server: str, tmp_path: Path):
    """Opened, claimed and read back: equal but for the moments."""
    books = [CaseBook(Database(fresh(server, "same"))), CaseBook(Database(f"sqlite:///{tmp_path}/cases.db"))]
    said = []
    for book in books:
        number = book.open_cases(example()).numbers[retry().finding_id]
        record = book.claim(number, None, "form 12", "li")
        said.append((record.number, record.state, record.claimed_fen, record.findings, record.act_by,
                     [(each.kind, each.text, each.state) for each in record.log]))  # fmt: skip
    assert said[0] == said[1]


def test_a_backup_of_sqlite_is_restored_into_postgresql_and_back(server: str, tmp_path: Path):
    """The same cases in each of the three; numbers of entries go on, and what holds cases is not overwritten."""

    def place(name: str, url: str) -> Settings:
        folder = tmp_path / name
        flags = {"spool": {"directory": str(folder / "spool")}, "lake": {"uri": str(folder / "lake")}}
        return load_settings(None, flags | {"cases": {"url": url}})

    first = place("first", f"sqlite:///{tmp_path}/first.db")
    second = place("second", fresh(server, "restored"))
    third = place("third", f"sqlite:///{tmp_path}/third.db")
    book = case_book(first)
    number = book.open_cases(example()).numbers[retry().finding_id]
    book.claim(number, None, "form 12", "li")
    for source, target in ((first, second), (second, third)):
        folder = tmp_path / f"backup-of-{source.lake.uri.rpartition('/')[0].rpartition('/')[2]}"
        back_up(source, folder, dt.datetime.now(dt.UTC))
        restore(target, folder)
        assert case_book(target).cases(review=True, whole=True) == case_book(source).cases(review=True, whole=True)
        case_book(target).note(number, "goes on", "li")
        with pytest.raises(BackupError, match="is there already"):
            restore(target, folder)
    assert [each.text for each in case_book(third).case(number).log][-3:] == ["form 12", "goes on", "goes on"]


def test_a_database_of_earlier_versions_is_brought_up_whole(server: str, tmp_path: Path):
    """Every migration from the first on, on tables with rows in them, by what starts with any command."""
    hold_whole(fresh(server, "earlier"), f"{tmp_path}/lake")


def test_answers_teach_the_same_as_on_sqlite(server: str, tmp_path: Path):
    """Answered, taken back, answered anew, forgotten: the same answers stand and the same price is taught."""
    said: list[tuple[object, ...]] = []
    for url in (fresh(server, "answers"), f"sqlite:///{tmp_path}/answers.db"):
        database = Database(url)
        book, feedback = CaseBook(database), Feedback(database, Ledger(Lake(f"{tmp_path}/{len(said)}")))
        numbers = [book.open_cases([coffees(1 + 2 * place)]).opened[0] for place in range(4)]
        for number in numbers:
            feedback.answer(number, "two-purchases", "li")
        feedback.withdraw(numbers[0], "li")
        taught = [(each.merchant_id, each.amount_fen, each.cases) for each in feedback.prices()]
        feedback.forget(SHOP, 1800, "156", "li")
        feedback.answer(numbers[0], "done", "wang")
        standing = [(each.number, each.answer, each.by) for each in feedback.answers(standing=True)]
        said.append((taught, feedback.prices(), standing, [book.case(number).state for number in numbers]))
    assert said[0] == said[1]
    assert said[0][0] == [(SHOP, 1800, tuple(numbers[1:]))]

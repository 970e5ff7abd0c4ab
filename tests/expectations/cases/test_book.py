"""The book of cases: what opens, joins and moves a case, and what two writers cannot do."""

import dataclasses
import datetime as dt
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from expectations.cases.book import CaseBook
from expectations.cases.database import REVISION, Database
from expectations.cases.schema import METADATA, document
from expectations.cases.states import NEXT, OVER, STATES, State, age_class, may_follow
from expectations.findings import Finding
from expectations.mail.cardcheck import luhn
from ingest.errors import CaseError, UsageError
from tests.expectations.cases.contention import hold_contended
from tests.expectations.cases.olddatabase import hold_whole
from tests.expectations.mail.conftest import (
    FIRST_TRY,
    SHOP,
    example,
    finding,
    gap,
    lost_reversal,
    refund_too_high,
    retry,
    subject,
    two_coffees,
)

MONDAY = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/var/cases.db"


@pytest.fixture
def book(url: str) -> CaseBook:
    return CaseBook(Database(url), now=lambda: MONDAY)


def test_findings_about_the_same_money_are_one_case(book: CaseBook):
    """The example day: retry and lost reversal together; refund, gap and coffees each for themselves."""
    opened = book.open_cases(example())
    assert len(opened.opened) == 4
    assert opened.numbers[retry().finding_id] == opened.numbers[lost_reversal().finding_id]
    assert sorted(opened.opened) == [f"C-1121-{place:04d}" for place in (1, 2, 3, 4)]


def test_the_same_findings_again_change_nothing(book: CaseBook):
    """A check that runs twice opens the same cases, and their log says so once."""
    first = book.open_cases(example())
    before = book.cases(review=True, whole=True)
    second = book.open_cases(reversed(example()))
    assert (second.opened, second.joined) == ((), ())
    assert second.numbers == first.numbers
    assert book.cases(review=True, whole=True) == before


def test_a_case_keeps_its_number_when_findings_join_it(book: CaseBook):
    """The number told to a customer holds when the retry is found after the lost reversal."""
    (number,) = book.open_cases([lost_reversal()]).opened
    later = book.open_cases([lost_reversal(), retry()])
    assert (later.opened, later.joined) == ((), (number,))
    record = book.case(number)
    assert {each.finding_id for each in record.findings} == {retry().finding_id, lost_reversal().finding_id}
    assert record.amount_fen == 36800
    assert [each.kind for each in record.log] == ["opened", "joined"]


def test_findings_come_back_as_they_went_in(book: CaseBook):
    """A case's findings are the findings, to the last field."""
    book.open_cases(example())
    stored = {each.finding_id: each for record in book.cases(review=True, whole=True) for each in record.findings}
    assert stored == {each.finding_id: each for each in example()}


def test_a_finding_that_became_surer_brings_its_case_up_to_date(url: str):
    """A batch uploaded twice, POSSIBLE and for review, is PROVEN by a later file: it stands, with its money."""
    clock = [MONDAY]
    book = CaseBook(Database(url), now=lambda: clock[0])
    pair = (subject("SALE", 1, "10:00:00", 500), subject("SALE", 2, "10:05:00", 500))
    possible = finding("dup_batch_upload", *pair, certainty="POSSIBLE", severity="P3", amount_at_risk_fen=500)
    act_by = dt.datetime(2026, 11, 24, 14, 30, tzinfo=dt.UTC)
    proven = dataclasses.replace(
        possible, certainty="PROVEN", severity="P1", amount_at_risk_fen=1000, act_by=act_by, evidence={"files": 2}
    )
    (number,) = book.open_cases([possible]).opened
    assert [each.number for each in book.cases()] == []

    clock[0] += dt.timedelta(hours=1)
    again = book.open_cases([proven])
    assert (again.opened, again.joined, again.numbers) == ((), (), {proven.finding_id: number})
    (record,) = book.cases(whole=True)
    assert record.findings == (proven,)
    assert (record.number, record.amount_fen, record.act_by, record.changed_at) == (number, 1000, act_by, clock[0])
    assert CaseBook(Database(url)).case(number) == record

    clock[0] += dt.timedelta(hours=1)
    elsewhere = dataclasses.replace(proven, act_by=act_by.astimezone(dt.timezone(dt.timedelta(hours=8))))
    book.open_cases([elsewhere])
    assert book.case(number) == record


def test_a_fee_that_grows_after_its_case_was_closed_keeps_when_it_was_closed(url: str):
    """The money of a change of rate grows with every fee; how long the case took is told from its closing."""
    clock = [MONDAY]
    book = CaseBook(Database(url), now=lambda: clock[0])
    fee = finding("fee_rate_step_change", subject("SALE", 1, "10:00:00", 100), amount_at_risk_fen=1759)
    (number,) = book.open_cases([fee]).opened
    closed = book.close(number, "new contract", "li")
    clock[0] += dt.timedelta(days=5)
    book.open_cases([dataclasses.replace(fee, amount_at_risk_fen=2400)])
    record = book.case(number)
    assert (record.state, record.amount_fen, record.changed_at) == ("closed", 2400, closed.changed_at)


def test_two_shops_with_the_same_transaction_are_two_cases(book: CaseBook):
    """Same merchant and same money: of another merchant nothing joins."""
    other = finding("reversal_exhausted", FIRST_TRY, merchant_id="898310058120002", act_by=None)
    assert len(book.open_cases([retry(), other]).opened) == 2


def test_a_finding_that_ties_two_cases_makes_them_one(book: CaseBook):
    """The older number goes on; the younger one leads to it, and no money is counted twice."""
    one, two = subject("SALE", 1, "10:00:00", 500), subject("SALE", 2, "10:05:00", 500)
    book.open_cases([finding("dup_same_atc", one)])
    book.open_cases([finding("dup_stan_resent", two)])
    book.open_cases([finding("dup_card_amount_window", two, one)])
    (record,) = book.cases(whole=True)
    assert record.number == "C-1121-0001"
    assert len(record.findings) == 3
    assert record.amount_fen == 1000
    assert book.case("C-1121-0002").number == "C-1121-0001"


def test_numbers_of_a_day_go_on_from_year_to_year(book: CaseBook):
    """No number ever comes twice, though it names no year."""
    next_year = dt.date(2027, 11, 21)
    sale = subject("SALE", 9, "10:00:00", 500, day=next_year)
    book.open_cases([retry()])
    opened = book.open_cases([finding("dup_same_atc", sale, business_date=next_year)])
    assert opened.opened == ("C-1121-0002",)


def test_what_is_only_for_review_is_listed_when_asked_for(book: CaseBook):
    """Two coffees have a number, and no place in the daily list."""
    book.open_cases([two_coffees(), gap(), refund_too_high()])
    assert {each.rule for each in book.cases()} == {"stan_gap", "refund_over_original"}
    assert {each.rule for each in book.cases(review=True)} > {"dup_card_amount_window"}


def test_a_case_goes_from_claim_to_money(book: CaseBook):
    """Claimed, promised, recovered, closed: amounts, states and every line of the log."""
    (number,) = book.open_cases([retry()]).opened
    book.mark_told({retry().finding_id})
    book.claim(number, None, "form 12", "li")
    book.contact(number, "acquirer, phone", "in 3 days", "li", state="promised", amount_fen=36800)
    record = book.close(number, "seen on the account", "li", recovered_fen=36800)
    assert (record.state, record.claimed_fen, record.recovered_fen) == ("closed", 36800, 36800)
    states = [(each.kind, each.state, each.amount_fen) for each in record.log]
    assert states == [
        ("opened", "new", 36800),
        ("told", "told", None),
        ("claimed", "claimed", 36800),
        ("promised", "promised", 36800),
        ("recovered", "recovered", 36800),
        ("closed", "closed", None),
    ]


CARD = "6222 0212 3456 7894"
"""Made up; its last digit is that of ISO/IEC 7812-1, annex B."""


@pytest.mark.parametrize("card", [CARD, CARD.replace(" ", "")])
def test_a_card_number_that_a_person_types_is_written_nowhere(book: CaseBook, card: str):
    """Note, contact, claim and closing refuse it whole, say what to do and not the digits; the case is as it was."""
    (number,) = book.open_cases([retry()]).opened
    before = book.case(number)
    steps: list[Callable[[], object]] = [
        lambda: book.note(number, f"card {card} called", "li"),
        lambda: book.contact(number, f"holder of {card}", "asks", "li"),
        lambda: book.contact(number, "acquirer", f"pays to {card}", "li", state="promised", amount_fen=36800),
        lambda: book.claim(number, None, f"for {card}", "li"),
        lambda: book.close(number, f"paid to {card}", "li", recovered_fen=36800),
    ]
    for step in steps:
        with pytest.raises(UsageError, match=f"{number}: .*last four digits only") as refused:
            step()
        assert card not in f"{refused.value.message} {refused.value.hint}"
    assert book.case(number) == before


def test_the_shops_own_number_is_no_card_number(book: CaseBook):
    """Fifteen digits with a right last one: a merchant number may look like a card's, and be written."""
    merchant = "898310058120005"
    assert luhn(merchant)
    (number,) = book.open_cases([dataclasses.replace(retry(), merchant_id=merchant)]).opened
    assert book.note(number, f"merchant {merchant}, card 7894", "li").log[-1].kind == "note"


@given(st.lists(st.sampled_from(STATES), max_size=12))
def test_no_path_leads_back_to_told_and_every_state_can_end(path: list[State]):
    """What is over begins anew or stays over; from everywhere one step leads to closed."""
    state: State = "new"
    for after in path:
        if not may_follow(state, after):
            continue
        assert not (state in OVER and after in {"told", "promised"})
        state = after
    assert state == "closed" or "closed" in NEXT[state]


def test_a_step_that_may_not_follow_is_refused_in_one_line(book: CaseBook):
    """Closed is closed; the case is as it was."""
    (number,) = book.open_cases([retry()]).opened
    book.close(number, "done", "li")
    with pytest.raises(UsageError, match=f"{number}: is closed and cannot become claimed"):
        book.claim(number, None, "", "li")
    assert book.case(number).state == "closed"


def test_something_new_about_the_same_money_opens_a_closed_case_again(book: CaseBook):
    """Closed, then the retry is found: new again, under the same number."""
    (number,) = book.open_cases([lost_reversal()]).opened
    book.close(number, "done", "li")
    book.open_cases([retry()])
    record = book.case(number)
    assert (record.state, record.log[-1].kind) == ("new", "reopened")


@pytest.mark.parametrize(("days", "name"), [(0, "0-3"), (3, "0-3"), (4, "4-7"), (8, "8-15"), (15, "8-15"), (16, ">15")])
def test_cases_age_in_classes(days: int, name: str):
    """The classes of the weekly report."""
    assert age_class(days) == name


def test_a_case_ages_until_it_is_over(url: str):
    """Days since it was opened; of a closed one, the days it took."""
    clock = [MONDAY]
    book = CaseBook(Database(url), now=lambda: clock[0])
    (number,) = book.open_cases([retry()]).opened
    clock[0] += dt.timedelta(days=5)
    assert book.case(number).age_days(clock[0]) == 5
    book.close(number, "done", "li")
    assert book.case(number).age_days(clock[0] + dt.timedelta(days=90)) == 5


def test_an_unknown_number_is_a_usage_error(book: CaseBook):
    """One line, what and what to do."""
    with pytest.raises(UsageError, match="no case is called C-0101-0001"):
        book.case("C-0101-0001")


def test_the_migrations_make_the_declared_schema(url: str):
    """Alembic's own comparison finds no difference, and the newest revision is the one the code names."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    CaseBook(Database(url)).cases()
    with sa.create_engine(url).connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == REVISION


def test_an_older_database_keeps_its_cases(url: str):
    """Taken back to the first schema and opened again: the same cases, the new column."""
    from alembic import command
    from alembic.config import Config

    book = CaseBook(Database(url), now=lambda: MONDAY)
    book.open_cases(example())
    before = book.cases(review=True, whole=True)
    config = Config()
    config.set_main_option("script_location", str(ROOT / "expectations" / "cases" / "migrations"))
    with sa.create_engine(url).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    assert CaseBook(Database(url)).cases(review=True, whole=True) == before


def test_a_database_of_earlier_versions_is_brought_up_whole(url: str, tmp_path: Path):
    """Rows written in each old schema, on SQLite; test_postgresql.py does the same there."""
    (tmp_path / "var").mkdir()
    hold_whole(url, f"{tmp_path}/lake")


def test_a_newer_database_is_left_alone(url: str):
    """A schema that this version does not know: one line, and nothing is touched."""
    CaseBook(Database(url)).cases()
    with sa.create_engine(url).begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CaseError, match="schema 9999 is newer"):
        CaseBook(Database(url)).cases()


@pytest.mark.parametrize(
    ("url", "said"), [("mysql://x/y", "not supported"), ("sqlite://", "names no file"), ("nothing", "not a database")]
)
def test_a_wrong_url_is_a_usage_error(url: str, said: str):
    """What is wrong with it, in one line."""
    with pytest.raises(UsageError, match=said):
        Database(url)


def some_findings(place: int) -> list[Finding]:
    """Ten findings, of which every second writer has half in common."""
    return [
        finding("dup_same_atc", subject("SALE", 100 + (place % 2) * 5 + n, "10:00:00", 500 + n), merchant_id=SHOP)
        for n in range(10)
    ]


def write_many(url: str, place: int, start: "multiprocessing.synchronize.Barrier") -> None:
    """One of the writers: opens cases one by one, and claims the first again and again."""
    book = CaseBook(Database(url))
    start.wait(30)
    for each in some_findings(place):
        book.open_cases([each])
        book.note(next(iter(book.numbers([each.finding_id]).values())), f"writer {place}", "li")


def hold_two_writers(url: str) -> None:
    """Two processes at once on a database that is not there yet."""
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(2)
    writers = [spawn.Process(target=write_many, args=(url, place, start)) for place in (0, 1)]
    for each in writers:
        each.start()
    for each in writers:
        each.join(120)
    assert [each.exitcode for each in writers] == [0, 0]
    records = CaseBook(Database(url)).cases(whole=True)
    wanted = {each.finding_id for place in (0, 1) for each in some_findings(place)}
    assert sorted(each.number for each in records) == [f"C-1121-{n:04d}" for n in range(1, len(wanted) + 1)]
    assert {each.finding_id for record in records for each in record.findings} == wanted
    kinds = [entry.kind for record in records for entry in record.log]
    assert (kinds.count("opened"), kinds.count("note"), kinds.count("joined")) == (len(wanted), 20, 0)


@pytest.mark.slow
def test_two_processes_open_each_case_once(url: str):
    """SQLite, migrated by whoever comes first: no number twice, no finding lost or doubled, every note there."""
    hold_two_writers(url)


@pytest.mark.slow
def test_who_claims_or_closes_second_is_told_and_nothing_is_lost(url: str):
    """SQLite: of two claims, a claim and a close, and two closes at once one is written, and the other is refused."""
    hold_contended(url)


def test_the_document_is_made_from_the_schema():
    """docs/cases.md tells the tables as they are."""
    assert (ROOT / "docs" / "cases.md").read_text("utf-8").endswith(document())

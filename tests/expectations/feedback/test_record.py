"""Answers: what each does to a case, what three of them teach, and that all of it can be taken back."""

import datetime as dt
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from expectations.cases.book import CaseBook, case_book
from expectations.cases.database import Database
from expectations.cases.states import OVER
from expectations.commands.feedback import feedback as command
from expectations.feedback.answers import ANSWERS, EFFECTS, Answer
from expectations.feedback.prices import TEACHING, taught_prices
from expectations.feedback.record import Feedback, feedback_of
from expectations.findings import Finding
from expectations.mail.ledger import Ledger
from ingest.cli import main
from ingest.errors import UsageError
from ingest.settings import Settings, load_settings
from ingest.tables import Lake
from tests.expectations.mail.conftest import SHOP, finding, lost_reversal, retry, subject

MONDAY = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)


class Deaf:
    """A ledger for tests that look at the book alone."""

    def acknowledge(self, finding_id: str, label: str, by: str) -> None:
        """Hear and forget."""


def coffees(stan: int, amount_fen: int = 1800, merchant: str = SHOP, currency: str = "156") -> Finding:
    """Two coffees on one card, as the rule finds them."""
    pair = [subject("SALE", stan + n, f"10:0{2 * n}:00", amount_fen, currency=currency) for n in (0, 1)]
    return finding("dup_card_amount_window", *pair, merchant_id=merchant)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "tillwatch.toml"
    file.write_text('[lake]\nuri = "lake"\n', "utf-8")
    return load_settings(file)


@pytest.fixture
def answers(settings: Settings) -> Feedback:
    return feedback_of(settings)


def case_about(settings: Settings, *found: Finding) -> str:
    """The number of a new case."""
    (number,) = case_book(settings).open_cases(found).opened
    return number


@pytest.mark.parametrize(
    ("answer", "state", "settled"),
    [
        ("confirmed", "new", False),
        ("two-purchases", "rejected", True),
        ("done", "closed", True),
        ("notice", "closed", True),
        ("complain", "claimed", False),
    ],
)
def test_what_an_answer_does(settings: Settings, answers: Feedback, answer: Answer, state: str, settled: bool):
    """The case's state, a line in its log, and whether mails still tell its findings."""
    number = case_about(settings, retry(), lost_reversal())
    record = answers.answer(number, answer, "mail link")
    assert record.state == state
    assert (record.log[-1].kind, record.log[-1].text, record.log[-1].by) == ("answered", answer, "mail link")
    both = {retry().finding_id, lost_reversal().finding_id}
    assert Ledger(Lake(settings.lake.uri)).settled() == (both if settled else set())
    assert record.claimed_fen == (36800 if answer == "complain" else 0)


def test_the_same_answer_again_changes_nothing(settings: Settings, answers: Feedback):
    """A button pressed twice, or by two readers: one answer, one line."""
    number = case_about(settings, retry())
    once = answers.answer(number, "done", "a")
    assert answers.answer(number, "done", "b") == once
    assert len(answers.answers()) == 1


def test_another_answer_takes_the_place_of_the_first(settings: Settings, answers: Feedback):
    """The last word counts; what was said before stays readable."""
    number = case_about(settings, coffees(1))
    answers.answer(number, "confirmed", "a")
    answers.answer(number, "two-purchases", "b")
    assert [(each.answer, each.withdrawn_by) for each in answers.answers()] == [
        ("confirmed", "b"),
        ("two-purchases", None),
    ]
    standing = answers.standing(number)
    assert standing is not None
    assert standing.answer == "two-purchases"


@pytest.mark.parametrize("first", ["two-purchases", "done", "notice"])
@pytest.mark.parametrize(("then", "state"), [("confirmed", "new"), ("complain", "claimed")])
def test_another_answer_undoes_what_the_first_did(
    settings: Settings, answers: Feedback, first: Answer, then: Answer, state: str
):
    """Ended by one answer, by mistake, a case is open again by the next, and mails tell it again."""
    number = case_about(settings, retry())
    answers.answer(number, first, "a")
    record = answers.answer(number, then, "b")
    assert record.state == state
    assert [(each.kind, each.text) for each in record.log[-2:]] == [("withdrawn", first), ("answered", then)]
    assert Ledger(Lake(settings.lake.uri)).settled() == set()


def test_an_answer_does_not_open_what_something_else_ended(settings: Settings, answers: Feedback):
    """Closed because the money came back: a question answered anew changes nothing of that."""
    number = case_about(settings, retry())
    answers.answer(number, "two-purchases", "a")
    case_book(settings).close(number, "seen on the account", "li")
    assert answers.answer(number, "confirmed", "b").state == "closed"


def test_an_answer_taken_back_opens_the_case_again(settings: Settings, answers: Feedback):
    """New again, told again, and no answer stands."""
    number = case_about(settings, coffees(1))
    answers.answer(number, "two-purchases", "a")
    record = answers.withdraw(number, "b")
    assert (record.state, record.log[-1].kind) == ("new", "withdrawn")
    assert Ledger(Lake(settings.lake.uri)).settled() == set()
    assert answers.standing(number) is None
    with pytest.raises(UsageError, match=f"{number}: no answer stands"):
        answers.withdraw(number, "b")


def teach(settings: Settings, answers: Feedback, times: int, first: int = 1, merchant: str = SHOP) -> list[str]:
    """So many answers "two purchases" on 18.00."""
    numbers = [case_about(settings, coffees(first + 2 * n, merchant=merchant)) for n in range(times)]
    for number in numbers:
        answers.answer(number, "two-purchases", "li")
    return numbers


def test_three_answers_make_a_price_point(settings: Settings, answers: Feedback):
    """Two do not; the third does, at this merchant and this amount alone."""
    teach(settings, answers, 2)
    assert taught_prices(settings) == frozenset()
    teach(settings, answers, 2, first=11, merchant="898310058120002")
    answers.answer(case_about(settings, coffees(21, amount_fen=1900)), "two-purchases", "li")
    assert taught_prices(settings) == frozenset()
    teach(settings, answers, 1, first=31)
    assert taught_prices(settings) == {(SHOP, 1800, "156")}


def test_a_price_is_of_one_currency(settings: Settings, answers: Feedback):
    """Eighteen yuan and 1,800 yen are both 1800 minor units: each needs three answers, each is taken back alone."""
    teach(settings, answers, TEACHING - 1)
    for stan in (101, 111, 121):
        answers.answer(case_about(settings, coffees(stan, currency="392")), "two-purchases", "li")
    assert taught_prices(settings) == {(SHOP, 1800, "392")}
    teach(settings, answers, 1, first=31)
    assert taught_prices(settings) == {(SHOP, 1800, "156"), (SHOP, 1800, "392")}
    answers.forget(SHOP, 1800, "156", "li")
    assert taught_prices(settings) == {(SHOP, 1800, "392")}
    assert {(each.price_fen, each.price_currency) for each in answers.answers()} == {(1800, "156"), (1800, "392")}


def test_a_price_point_says_where_it_comes_from(settings: Settings, answers: Feedback):
    """The cases that taught it, and since when."""
    numbers = teach(settings, answers, TEACHING)
    [point] = answers.prices()
    assert (point.merchant_id, point.amount_fen, list(point.cases)) == (SHOP, 1800, numbers)
    assert point.since == answers.answers()[-1].at
    assert answers.prices("898310058120002") == []


def test_taking_one_answer_back_takes_the_price_point_back(settings: Settings, answers: Feedback):
    """What is taught follows from the answers that stand."""
    numbers = teach(settings, answers, TEACHING)
    answers.withdraw(numbers[1], "li")
    assert taught_prices(settings) == frozenset()
    answers.answer(numbers[1], "two-purchases", "li")
    assert taught_prices(settings) == {(SHOP, 1800, "156")}


def test_a_forgotten_price_point_needs_new_answers(settings: Settings):
    """The three that taught it count no more; three new ones teach it again."""
    clock = [MONDAY]

    def tick() -> dt.datetime:
        clock[0] += dt.timedelta(seconds=1)
        return clock[0]

    database = Database(f"sqlite:///{Path(settings.lake.uri).parent}/cases.db")
    answers = Feedback(database, Ledger(Lake(settings.lake.uri)), now=tick)
    teach(settings, answers, TEACHING)
    answers.forget(SHOP, 1800, "156", "li")
    assert answers.prices() == []
    teach(settings, answers, TEACHING - 1, first=51)
    assert answers.prices() == []
    teach(settings, answers, 1, first=71)
    assert [each.amount_fen for each in answers.prices()] == [1800]


def test_only_the_rule_that_weighs_prices_is_taught(settings: Settings, answers: Feedback):
    """A counter of a chip that came twice is no question of price, whatever is answered."""
    for stan in range(1, 9):
        found = finding("dup_same_atc", subject("SALE", stan, "10:00:00", 1800))
        answers.answer(case_about(settings, found), "two-purchases", "li")
    assert taught_prices(settings) == frozenset()


@pytest.mark.thorough
@settings_of(max_examples=20, deadline=None)  # each example is a database of its own
@given(said=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([*ANSWERS, None])), max_size=14))
def test_one_answer_at_most_stands_and_prices_follow_from_those(
    said: list[tuple[int, Answer | None]], tmp_path_factory: pytest.TempPathFactory
):
    """Whatever is answered and taken back in whatever order; a case that an answer ended is over."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('book')}/cases.db")
    book, answers = CaseBook(database), Feedback(database, Deaf())  # type: ignore[arg-type]
    numbers = [book.open_cases([coffees(1 + 2 * place)]).opened[0] for place in range(4)]
    stands: dict[str, Answer] = {}
    for place, answer in said:
        number = numbers[place]
        if answer is not None:
            answers.answer(number, answer, "li")
            stands[number] = answer
        elif stands.pop(number, None) is None:
            with pytest.raises(UsageError):
                answers.withdraw(number, "li")
        else:
            answers.withdraw(number, "li")
    assert {each.number: each.answer for each in answers.answers(standing=True)} == stands
    two = [number for number, answer in stands.items() if answer == "two-purchases"]
    assert [set(each.cases) for each in answers.prices()] == ([set(two)] if len(two) >= TEACHING else [])
    for number, answer in stands.items():
        if EFFECTS[answer].state == "closed":
            assert book.case(number).state in OVER


def run(settings: Settings, *words: str) -> Result:
    """The command, without a shell."""
    config = Path(settings.lake.uri).parent / "tillwatch.toml"
    return CliRunner().invoke(command, [*words, "--config", str(config)], catch_exceptions=False)


def test_the_command_shows_and_takes_back(settings: Settings, answers: Feedback):
    """Listed, undone, listed as taken back; the price point listed and forgotten."""
    numbers = teach(settings, answers, TEACHING + 1)
    assert [json.loads(row)["number"] for row in run(settings, "ls", "--json").stdout.splitlines()] == numbers
    [point] = [json.loads(row) for row in run(settings, "prices", "--json").stdout.splitlines()]
    assert (point["amount_fen"], point["cases"]) == (1800, numbers)
    assert run(settings, "undo", numbers[0], "--by", "wang").stdout == f"{numbers[0]} new\n"
    assert len(run(settings, "ls").stdout.splitlines()) == TEACHING
    assert "(taken back by wang)" in run(settings, "ls", "--all").stdout
    assert "18.00 forgotten" in run(settings, "forget", SHOP, "18.00").stdout
    ended = run(settings, "prices")
    assert (ended.stdout, ended.stderr) == ("", "no price points\n")


def test_the_command_asks_which_currency_only_where_it_must(settings: Settings, answers: Feedback):
    """18.00 yuan and 18.00 dollars are written alike; 1,800 yen are not; what is no currency is told with a list."""
    for place, currency in enumerate(("156", "840", "392")):
        for stan in range(3):
            found = coffees(1 + 100 * place + 2 * stan, currency=currency)
            answers.answer(case_about(settings, found), "two-purchases", "li")
    listed = run(settings, "prices").stdout
    assert [each in listed for each in (" 18.00 ", " USD 18.00 ", " JPY 1,800 ")] == [True] * 3
    config = str(Path(settings.lake.uri).parent / "tillwatch.toml")
    refused = CliRunner().invoke(command, ["forget", SHOP, "18.00", "--config", config])
    assert isinstance(refused.exception, UsageError)
    assert str(refused.exception) == f"merchant {SHOP} has several such price points: 18.00, USD 18.00"
    assert "USD 18.00 forgotten" in run(settings, "forget", SHOP, "18.00", "--currency", "usd").stdout
    assert "JPY 1,800 forgotten" in run(settings, "forget", SHOP, "1800").stdout
    assert taught_prices(settings) == {(SHOP, 1800, "156")}
    assert "18.00 forgotten" in run(settings, "forget", SHOP, "18.00", "--currency", "156").stdout
    gone = CliRunner().invoke(command, ["forget", SHOP, "1800.50", "--currency", "JPY", "--config", config])
    assert str(gone.exception) == f"1,800.50 JPY is no price point of merchant {SHOP}"
    wrong = run(settings, "forget", SHOP, "18.00", "--currency", "yuan")
    assert wrong.exit_code == 2
    assert "'yuan' is not a currency; one of AUD, CAD, CHF, CNY," in wrong.stderr


def test_forgetting_what_is_no_price_point_is_a_usage_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """One line, what and what to do, status 2."""
    config = Path(settings.lake.uri).parent / "tillwatch.toml"
    monkeypatch.setattr("sys.argv", ["tillwatch", "feedback", "forget", SHOP, "18", "--config", str(config)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert f"18.00 is no price point of merchant {SHOP}" in said
    assert "tillwatch feedback prices" in said

"""What answers teach reaches the check: the whole way, from a recorded pair of sales to no finding."""

from pathlib import Path

import pytest

from expectations.cases.book import case_book
from expectations.feedback.record import feedback_of
from expectations.run import check
from tests.expectations.evidence.evidenceshop import SHOP, exchange, record, shop_at
from tests.expectations.feedback.test_record import coffees

pytestmark = pytest.mark.slow


def test_a_taught_price_is_found_no_more_and_again_when_taken_back(tmp_path: Path):
    """Found; three answers, and it is not; one of them taken back, and it is."""
    settings = shop_at(tmp_path)
    record(tmp_path, [*exchange("SALE", 4518, 0), *exchange("SALE", 4519, 0.4)])

    def doubled() -> int:
        return sum(1 for each in check(settings).findings if each.rule == "dup_card_amount_window")

    assert doubled() == 1
    book, answers = case_book(settings), feedback_of(settings)
    numbers = [book.open_cases([coffees(stan, 12800, SHOP)]).opened[0] for stan in (11, 21, 31)]
    for number in numbers:
        answers.answer(number, "two-purchases", "li")
    assert doubled() == 0
    answers.withdraw(numbers[0], "li")
    assert doubled() == 1

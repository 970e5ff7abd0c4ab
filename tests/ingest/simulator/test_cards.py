import random

from hypothesis import given
from hypothesis import strategies as st

from ingest.simulator.cards import DOMESTIC, FOREIGN, Wallet, check_digit


def luhn_valid(pan: str) -> bool:
    total = 0
    for index, digit in enumerate(reversed(pan)):
        value = int(digit) * (1 + index % 2)
        total += value // 10 + value % 10
    return total % 10 == 0


def test_check_digit_of_a_published_example():
    """7992739871 takes 3 (the example of ISO/IEC 7812-1)."""
    assert check_digit("7992739871") == "3"


@given(st.integers(0, 10**6))
def test_every_card_is_valid_and_known_at_sight(seed):
    """A test card passes Luhn, has 16 or 19 digits, begins with a test prefix, and fits track 2."""
    wallet = Wallet(random.Random(seed))
    for org, prefix in ((DOMESTIC, "622200000"), (FOREIGN, "41111100")):
        card = wallet.issue(org)
        assert luhn_valid(card.pan)
        assert len(card.pan) in {16, 19}
        assert card.pan.startswith(prefix)
        assert len(card.track2) == 37
        assert 1 <= int(card.expiry[2:]) <= 12


def test_no_card_is_issued_twice_and_counters_only_grow():
    """Every card differs from the others, and its chip never counts the same twice."""
    wallet = Wallet(random.Random(1))
    cards = [wallet.issue() for _ in range(2_000)]
    assert len({card.pan for card in cards}) == len(cards)
    counters = [wallet.next_atc(cards[0]) for _ in range(5)]
    assert counters == list(range(counters[0], counters[0] + 5))

"""A rate that stands is never accused; one that changed is found at its first fee."""

import math
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.fees.expected import ROUNDINGS, Rounding, expected_fee, rounded
from expectations.fees.steps import steps


def exact(amount: int, ppm: int, rounding: Rounding) -> int:
    """A second implementation, on fractions."""
    fee = Fraction(amount * ppm, 1_000_000)
    match rounding:
        case "floor":
            return math.floor(fee)
        case "ceil":
            return math.ceil(fee)
        case _:
            return math.floor(fee + Fraction(1, 2))


def prices(chance: random.Random, count: int, middle: int) -> list[int]:
    """Lognormal amounts around a middle, in fen."""
    return [max(1, round(middle * math.exp(chance.gauss(0, 0.7)))) for _ in range(count)]


@given(st.integers(0, 10**10), st.integers(0, 60_000), st.sampled_from(ROUNDINGS))
def test_the_expected_fee_is_exact(amount: int, ppm: int, rounding: Rounding):
    """As fractions say, for any amount."""
    assert rounded(amount, ppm, rounding) == exact(amount, ppm, rounding)


def test_the_parts_of_a_fee():
    """0.5 % of 5,000.00 is 25.00, capped at 20.00; 3.00 on top; and one fen at least of next to nothing."""
    assert expected_fee(500_000, 5000) == 2500
    assert expected_fee(500_000, 5000, cap_fen=2000) == 2000
    assert expected_fee(500_000, 5000, cap_fen=2000, fixed_fen=300) == 2300
    assert expected_fee(50, 5000, minimum_fen=1) == 1


@given(
    st.sampled_from(ROUNDINGS),
    st.integers(100, 12_000),
    st.lists(st.integers(1, 10**7), min_size=1, max_size=300),
)
def test_a_rate_that_stands_is_never_accused(rounding: Rounding, ppm: int, amounts: list[int]):
    """Any rate, any amounts, any way of rounding."""
    assert steps([(amount, rounded(amount, ppm, rounding)) for amount in amounts]) == []


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_no_false_break_in_twenty_thousand_fees(rounding: Rounding):
    """Cafes, restaurants and shops for clothes, 0.30 % to 0.60 %; the benchmark does it with a million."""
    chance = random.Random(7)
    for _ in range(20):
        ppm, middle = chance.choice((3000, 3800, 5500, 6000)), chance.choice((2000, 12_000, 40_000))
        fees = [(a, rounded(a, ppm, rounding)) for a in prices(chance, 1000, middle)]
        assert steps(fees) == []


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("more", [100, 300, 1000, 3000])
def test_a_change_is_found_at_its_first_fee(rounding: Rounding, more: int):
    """+1 to +30 basis points in a restaurant; exact in 97 of 100, and the overcharge to the fen of what is affected."""
    chance = random.Random(11)
    exactly = 0
    for _ in range(60):
        amounts = prices(chance, 400, 12_000)
        changed = chance.randrange(200, 300)
        fees = [(a, rounded(a, 3800 + more * (n >= changed), rounding)) for n, a in enumerate(amounts)]
        truth = next(n for n, (a, fee) in enumerate(fees) if fee != rounded(a, 3800, rounding))
        [found] = steps(fees)
        over = sum(fee - rounded(a, 3800, rounding) for a, fee in fees[truth:])
        exactly += found.first == truth and found.over_fen == over and found.old_ppm == 3800
    assert exactly >= 58


def test_a_single_wrong_fee_is_no_change():
    """One fee of three yuan too much among calm ones."""
    chance = random.Random(3)
    fees = [(a, rounded(a, 3800, "half-up")) for a in prices(chance, 300, 12_000)]
    fees[250] = (fees[250][0], fees[250][1] + 300)
    assert steps(fees) == []


def test_a_change_that_is_not_confirmed_is_not_told():
    """Three further fees are needed."""
    chance = random.Random(5)
    amounts = prices(chance, 250, 12_000)
    fees = [(a, rounded(a, 3800 + 2000 * (n >= 200), "half-up")) for n, a in enumerate(amounts)]
    assert steps(fees[:203]) == []
    assert len(steps(fees[:204])) == 1


@given(
    st.sampled_from(ROUNDINGS),
    st.integers(100, 12_000),
    st.integers(1, 5000),
    st.lists(st.integers(1, 10**7), min_size=1, max_size=300),
)
def test_a_cap_that_is_known_is_no_change(rounding: Rounding, ppm: int, cap_fen: int, amounts: list[int]):
    """Whichever of the fees it holds down."""
    fees = [(amount, min(rounded(amount, ppm, rounding), cap_fen)) for amount in amounts]
    assert steps(fees, cap_fen=cap_fen) == []


def test_a_change_that_begins_with_a_fee_at_the_cap_begins_there():
    """0.55 % of 3,509.79, rounded up, is 19.31; at 0.58 % it would be 20.36, and is the cap's 20.00: 69 fen more.

    0.58 % of 1,090.10 is 6.33 in place of 6.00, of 1,001.67 5.81 in place of 5.51, of 1,800.00 10.44 in place of 9.90.
    """
    calm = [(amount, exact(amount, 5500, "ceil")) for amount in range(20_011, 20_011 + 60 * 1973, 1973)]
    dearer = [(350_979, 2000), (109_010, 633), (100_167, 581), (180_000, 1044)]
    [step] = steps([*calm, *dearer], agreed_ppm=5500, cap_fen=2000)
    assert (step.first, step.old_ppm, step.new_ppm, step.rounding) == (60, 5500, 5800, "ceil")
    assert step.over_fen == 69 + 33 + 30 + 54

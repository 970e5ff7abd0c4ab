"""The last fence: no text with a whole card number leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.mail.cardcheck import CardNumberError, holds_card_number, luhn, refuse_card_numbers

PANS = ["4111111111111111", "378282246310005", "6222021234567890128", "4222222222222"]


def completed(digits: str) -> str:
    """Digits with the check digit that makes them pass."""
    return next(digits + str(d) for d in range(10) if luhn(digits + str(d)))


@pytest.mark.parametrize("pan", PANS)
@pytest.mark.parametrize("form", ["{}", "卡号{}。", "a{}b", "x={}D2512", "{}\n", "“{}”"])
def test_a_card_number_is_found_wherever_it_stands(pan: str, form: str):
    """Bare, in Chinese, between letters, before a track's separator."""
    assert holds_card_number(form.format(pan))


FULL_WIDTH = "".join(chr(ord(digit) + 0xFEE0) for digit in "4111111111111111")


@pytest.mark.parametrize("text", ["4111 1111 1111 1111", "4111-1111-1111-1111", "3782 822463 10005", FULL_WIDTH])
def test_a_grouped_or_full_width_number_is_found(text: str):
    """As it stands on a card, or in full-width digits."""
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "参考号 112120435207",
        "终端 12345678 批次 000231 凭证号 004518、004519",
        "004518 112120435207",
        "622202******5817 尾号5817",
        "2026-11-21 20:42:15",
        "4111111111111112",
        "¥1,286.00 95516 12363",
    ],
)
def test_what_mails_print_passes(text: str):
    """Reference numbers, slips, times, masked cards and numbers that fail the check."""
    assert not holds_card_number(text)


@given(st.from_regex(r"[0-9]{12,18}", fullmatch=True), st.text(alphabet="消费 凭:,", max_size=5))
def test_every_number_of_13_to_19_digits_that_passes_is_found(digits: str, around: str):
    """The law itself, whatever stands around it."""
    assert holds_card_number(around + completed(digits) + around)


@given(st.from_regex(r"[0-9]{1,12}", fullmatch=True))
def test_up_to_twelve_digits_pass(digits: str):
    """No reference number is taken for a card."""
    assert not holds_card_number(f"参考号 {digits}。")


def test_our_own_identifiers_are_looked_past_and_only_whole():
    """A merchant number of 15 digits may pass the check; a card number that begins with it may not."""
    merchant = completed("89831005812000")
    assert len(merchant) == 15
    assert holds_card_number(f"商户 {merchant}")
    assert not holds_card_number(f"商户 {merchant}", known={merchant})
    assert holds_card_number(f"商户 {completed(merchant + '9')}", known={merchant})


HASHED = "4111111111111111" + "a0" * 24


def test_a_hash_is_looked_past_and_only_whole():
    """64 hexadecimal digits that stand for themselves may hold any digits; one more or fewer, or no letter, may not."""
    assert len(HASHED) == 64
    assert not holds_card_number(f'"sha256": "{HASHED}"')
    for text in (HASHED[:-1], HASHED + "0", f"x{HASHED}", "4111111111111111" + "0" * 48, HASHED.upper()):
        assert holds_card_number(text)


def test_the_refusal_names_the_part_and_not_the_number():
    """An error message goes to logs and ledgers; the number does not."""
    with pytest.raises(CardNumberError) as raised:
        refuse_card_numbers([("subject", "fine"), ("details", f"x {PANS[0]}")])
    assert raised.value.message.startswith("details: ")
    assert not any(c.isdigit() for c in raised.value.message)

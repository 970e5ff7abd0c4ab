"""What the settings say was agreed: what cannot be meant is refused, with its place and what to write."""

from pathlib import Path

import pytest

from ingest.agreements import Deposit, Rate
from ingest.errors import UsageError
from ingest.settings import Settings, load_settings

MERCHANT = 'merchant = "898320548160001"\n'


def contract(*rates: str, told: str = "since = 2026-01-01") -> str:
    """A contract with these rates."""
    return f"[[contracts]]\n{MERCHANT}{told}\n" + "".join(f"[[contracts.rates]]\n{each}\n" for each in rates)


def deposit(told: str) -> str:
    """A deposit that says this."""
    return f"[[deposits]]\n{MERCHANT}{told}\n"


def loaded(tmp_path: Path, text: str) -> Settings:
    """The settings of a file."""
    file = tmp_path / "tillwatch.toml"
    file.write_text(text, "utf-8")
    return load_settings(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (contract("percent = 6"), "contracts.0.rates.0: percent = 6 is five times the usual price"),
        (contract("percent = 0.006"), "contracts.0.rates.0: percent = 0.006 is less than the network's part"),
        (
            contract("percent = 0.6", 'percent = 0.5\ncards = ["debit"]'),
            "contracts.0: rates.1 (0.5 %) never holds: the rates before it fit all that it is for",
        ),
        (
            contract("percent = 0.38\nto_fen = 100000", "percent = 0.6", "percent = 0.5\nabove_fen = 500000"),
            "contracts.0: rates.2 (0.5 %) never holds",
        ),
        (
            contract("percent = 0.3\nuntil = 2025-12-31", "percent = 0.6"),
            "contracts.0: rates.0: until = 2025-12-31 is before the contract's since = 2026-01-01",
        ),
        (
            contract("percent = 0.6") + contract("percent = 0.5", told='acquirer = "leshua"\nsince = 2026-05-01'),
            "both of merchant 898320548160001 with leshua, hold from 2026-05-01 on: end the earlier one with until",
        ),
        (deposit("amount_fen = 299.00\nsigned_on = 2026-01-05"), "299.0 is fen, written without a point: 299.00 yuan"),
        (deposit("amount_fen = 299\nsigned_on = 2026-01-05"), "deposits.0: amount_fen = 299 is less than 10 yuan"),
        (
            deposit("amount_fen = 29900\nsigned_on = 2026-01-05\nreturned_on = 2026-01-04"),
            "deposits.0: returned_on = 2026-01-04 is before signed_on = 2026-01-05",
        ),
        (
            deposit("amount_fen = 29900\nsigned_on = 2026-01-05\napplied_on = 2025-11-09"),
            "deposits.0: applied_on = 2025-11-09 is before signed_on = 2026-01-05",
        ),
        (
            deposit("amount_fen = 29900\nsigned_on = 2026-01-05\nreturned_fen = 10000"),
            "deposits.0: returned_fen needs returned_on",
        ),
        (deposit("amount_fen = 29900\nsigned_on = 2026-01-05") * 2, "deposits: 0 and 1 are the same deposit"),
        (
            '[[notices]]\nacquirer = "a"\nannounced = 2026-11-02\neffective = 2026-11-01\n',
            "notices.0: effective = 2026-11-01 is before announced = 2026-11-02",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str):
    """A unit, an order, a rate that never holds, two that hold at once."""
    with pytest.raises(UsageError) as wrong:
        loaded(tmp_path, text)

    assert message in wrong.value.message
    assert str(tmp_path) in wrong.value.message


@pytest.mark.parametrize(
    "text",
    [
        contract('percent = 0.3\ncards = ["debit"]\nuntil = 2026-06-30', 'percent = 0.5\ncards = ["debit"]'),
        contract("percent = 0.38\nto_fen = 100000", "percent = 0.6"),
        contract("percent = 0"),
        contract("percent = 0.0325", 'percent = 5\ncards = ["instalment"]', 'percent = 2.5\ncards = ["foreign"]'),
        contract("percent = 0.6", told="since = 2026-01-01\nuntil = 2026-04-30")
        + contract("percent = 0.5", told="since = 2026-05-01"),
        contract("percent = 0.6", told='acquirer = "a"\nsince = 2026-01-01')
        + contract("percent = 0.5", told='acquirer = "b"\nsince = 2026-01-01'),
    ],
)
def test_what_is_narrower_follows_or_is_apart_is_taken(tmp_path: Path, text: str):
    """A promotion before the lasting rate, a band before the rest, contracts in turn or of two acquirers."""
    assert loaded(tmp_path, text).contracts


def test_a_rate_without_classes_is_for_no_foreign_card():
    """Nor for instalments, nor for what is only called another class."""
    assert Rate.model_validate({"percent": "0.6"}).classes == {"debit", "credit", "semi", "prepaid", "dual", "qr", None}


def test_a_deposit_of_which_a_part_came_back_is_returned_only_with_a_reason():
    """100 of 299 yuan: the rest is to be asked for, until the register says why it is kept."""
    told = {"merchant": "898320548160001", "amount_fen": 29_900, "signed_on": "2026-01-05", "returned_on": "2026-11-17"}

    assert Deposit.model_validate(told).is_returned
    assert not Deposit.model_validate(told | {"returned_fen": 10_000}).is_returned
    assert Deposit.model_validate(told | {"returned_fen": 10_000, "kept_because": "damage"}).is_returned

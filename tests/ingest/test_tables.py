"""The declarations: complete, and the document is made from them."""

from pathlib import Path

import pytest

from ingest.tables import TABLES, arrow_schema, document

TRANSACTION_COLUMNS = """
transaction_id profile line merchant_id terminal_id business_date batch_no stan txn_type amount_fen currency pan_masked
card_token entry_mode operator_no requested_at responded_at terminal_dt host_dt settlement_date rrn auth_code
response_code outcome orig_batch_no orig_stan orig_date orig_rrn orig_auth_code atc segment_id request_seq response_seq
"""


def test_document_is_the_code() -> None:
    """docs/tables.md is what the declarations say: write it with `python -m ingest.tables > docs/tables.md`."""
    assert (Path(__file__).parents[2] / "docs" / "tables.md").read_text("utf-8") == document()


def test_transactions_have_every_column_of_the_contract() -> None:
    """The contract's columns of `transactions` are all there."""
    declared = {column.name for column in TABLES["transactions"].columns}

    assert set(TRANSACTION_COLUMNS.split()) <= declared


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_named_once_and_means_something(name: str) -> None:
    """No name twice, a meaning for each, and partitions, statistics and order are columns."""
    spec = TABLES[name]
    names = [column.name for column in spec.columns]

    assert len(names) == len(set(names))
    assert all(column.meaning.strip() for column in spec.columns)
    assert {*spec.partition_by, *spec.statistics, *spec.order_by} <= set(names)
    assert not set(spec.statistics) & set(spec.partition_by)


@pytest.mark.parametrize("name", TABLES)
def test_no_column_can_hold_card_secrets(name: str) -> None:
    """No table has a column for a whole card number, a track, a PIN block or an expiry."""
    names = {field.name for field in arrow_schema(TABLES[name])}

    assert not names & {"pan", "track1", "track2", "track3", "pin_block", "expiry", "cvv2"}

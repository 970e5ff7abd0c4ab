"""Rows of ``t_water`` as they rest: written one way, so that every value has one place."""

import pytest

from protocols.journal import t_water

ROW = {"TRACE": "000001", "BATCH_NUM": "000007", "DATE": "1121", "TIME": "101112", "YEAR": "2026"}


def test_a_row_as_it_rests_has_a_place_for_each_value():
    """The bytes at a column's place are its value."""
    record = t_water.dump(ROW)

    assert t_water.read(record) == (ROW, None)
    assert {name: record[at : at + size].decode() for name, (at, size) in t_water.spans(record).items()} == ROW


@pytest.mark.parametrize(
    "record",
    [
        b'{"TRACE":"000001"}',  # unspaced
        b'{"TRACE": "000001", "TRACE": "000002"}',  # a column twice
        b'{"TRACE": "000001", "BATCH_NUM": "000007"}',  # not sorted
        b'{"trace": "000001"}',
        b'{"TRACE": 1}',
        b"[]",
        b"\xff",
    ],
)
def test_what_is_written_otherwise_is_no_row(record: bytes):
    """Refused at its first byte, never half understood."""
    values, wrong = t_water.read(record)

    assert values == {}
    assert wrong is not None
    assert (wrong.code, wrong.offset) == ("json", 0)

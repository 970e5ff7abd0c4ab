"""Columns as numpy's arrays: what Arrow says of each row."""

from hypothesis import given
from hypothesis import strategies as st

from protocols.columnar.arrays import truths

PIECES = st.lists(st.lists(st.sampled_from([True, False, None]), max_size=20), max_size=3)


@given(PIECES, st.integers(0, 9))
def test_a_column_of_yes_and_no_says_of_each_row_what_arrow_says(pieces: list[list[bool | None]], skipped: int) -> None:
    """Of one piece or several, of a slice; null is no."""
    import pyarrow as pa

    column = pa.chunked_array(pieces, pa.bool_()).slice(skipped)
    assert truths(column).tolist() == [bool(each) for each in column.to_pylist()]
    whole = column.combine_chunks()
    assert truths(whole).tolist() == [bool(each) for each in whole.to_pylist()]

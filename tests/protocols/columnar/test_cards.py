"""Masked card numbers by columns: ``mask_pan`` for every row, whatever stands in a number's place."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.columnar import cards, loading
from protocols.columnar.cards import masked
from protocols.facts import mask_pan


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.slow)], autouse=True, scope="module")
def compiled(request):
    """Whether the loops are there."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param:
            pytest.importorskip("numba")
            loading.wait()
        else:
            patch.setattr(cards, "ready", lambda: False)
        yield request.param


_NUMBERS = st.one_of(
    st.none(),
    st.text("0123456789", max_size=21),
    st.tuples(
        st.text("0123456789F", min_size=6, max_size=7),
        st.text("0123456789ABCDEF*=:/", max_size=9),
        st.text("0123456789:", min_size=4, max_size=4),
    ).map("".join),
)


@given(st.lists(_NUMBERS, max_size=20), st.integers(0, 3))
@example(
    [
        "622588FFFFFF0001",
        "62258800010001000",
        None,
        "",
        "6225880001000100019",
        "622588000100010001",
        "62258:FFFFFF0001",
    ],
    1,
)
def test_a_batch_is_masked_as_each_number_is(numbers, skipped):
    """Numbers of 13 to 19 digits, the sanitiser's marks among them; shorter, longer, bad ones and none."""
    import pyarrow as pa

    given_numbers = pa.array(numbers, pa.string())[skipped:]
    assert masked(given_numbers).to_pylist() == [(each and mask_pan(each)) or None for each in numbers[skipped:]]


def test_a_number_that_is_no_ascii_is_read_by_its_characters():
    """A profile of one's own may declare the field as text."""
    import pyarrow as pa

    numbers = ["622588卡卡卡0001", "6225880001000100", None]
    assert masked(pa.array(numbers)).to_pylist() == ["622588***0001", "622588******0100", None]

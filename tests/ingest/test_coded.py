"""Texts of columns as numbers: equal where the texts are, in whatever pieces they come, and however often."""

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.coded import MOST, Coded
from protocols.columnar.loading import available

if TYPE_CHECKING:
    import pyarrow as pa

PIECES = st.lists(st.lists(st.none() | st.sampled_from(["", "lane-1", "lane-2", "柜台"]), max_size=8), max_size=5)


def column(pieces: list[list[str | None]]) -> "pa.ChunkedArray":
    import pyarrow as pa

    return pa.chunked_array([pa.array(each, pa.string()) for each in pieces], pa.string())


@settings(deadline=None)
@given(PIECES, st.booleans())
def test_numbers_say_which_texts_are_equal(pieces: list[list[str | None]], compiled: bool) -> None:
    """In one piece or several, the first time and again."""
    assert not compiled or available()
    coded, made = Coded(), column(pieces)
    for _ in range(2):
        places, values = coded(made)
        assert [values[place] for place in places.tolist()] == made.to_pylist()
        assert len({*values}) == len(values)


def test_a_piece_is_numbered_again_once_others_have_taken_its_place() -> None:
    """Where it lay another may lie: what is remembered is kept there meanwhile, and that is bounded."""
    coded = Coded()
    for turn in range(MOST + 5):
        places, values = coded(column([[f"lane-{turn}", f"lane-{turn + 1}", f"lane-{turn}"]]))
        assert places.tolist() == [0, 1, 0]
        assert values == [f"lane-{turn}", f"lane-{turn + 1}"]
    assert len(coded._known) == MOST

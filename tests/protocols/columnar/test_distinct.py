"""Numbers for values that repeat, and stretches of time: by machine code and without it the same as rows say it."""

import random
from typing import Any

import pytest

from protocols.columnar import distinct, loading


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.slow)], autouse=True)
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the loops are there."""
    if request.param:
        pytest.importorskip("numba")
        loading._warm()
        assert loading.ready()
    else:
        monkeypatch.setattr(distinct, "ready", lambda: False)
    return bool(request.param)


TEXTS = [
    None,
    "",
    "0",
    "021",
    "021\0",
    "1234567",
    "12345678",
    "123456789",
    "12345678拉卡拉",
    "12345678拉卡啦",
    "x" * 40,
]


def _columns(seed: int, rows: int) -> "list[Any]":
    import pyarrow as pa

    dice = random.Random(seed)
    texts = pa.array(dice.choices(TEXTS, k=rows), pa.string())
    octets = pa.array([each if each is None else each.encode() for each in dice.choices(TEXTS, k=rows)], pa.binary())
    flags = pa.array(dice.choices([True, False, None], k=rows), pa.bool_())
    few = pa.array([f"{dice.randrange(rows):03}" for _ in range(rows)], pa.string())
    return [texts, flags, pa.nulls(rows, pa.string()), octets, few]


@pytest.mark.parametrize("rows", [0, 1, 2, 9, 1000])
@pytest.mark.parametrize("begin", [0, 3])
def test_each_row_is_told_the_place_of_its_own_values(rows: int, begin: int) -> None:
    """Of whole columns and of slices; every combination is listed once, the last row's text read to its end."""
    columns = [each.slice(begin) for each in _columns(rows + begin, rows + begin)]
    expected = list(zip(*(each.to_pylist() for each in columns), strict=True))
    places, found = distinct.distinct(columns)
    assert [found[place] for place in places.to_pylist()] == expected
    assert sorted(map(repr, found)) == sorted({repr(each) for each in expected})


def test_a_text_at_the_end_of_its_memory_is_the_same_text() -> None:
    """No byte behind the last one may be read, and what is read otherwise counts the same."""
    import numpy as np
    import pyarrow as pa

    octets = np.frombuffer(b"abcabcabc", np.uint8)
    offsets = np.array([0, 3, 6, 9], np.int32)
    column = pa.Array.from_buffers(pa.string(), 3, [None, pa.py_buffer(offsets), pa.py_buffer(octets)])
    places, found = distinct.distinct([column])
    assert (places.to_pylist(), found) == ([0, 0, 0], [("abc",)])


@pytest.mark.parametrize("different", [4_096, 4_097, 20_000])
def test_numbers_of_many_texts_are_right_where_few_were_expected(different: int) -> None:
    """The small table that is tried first is full with 4,096; two columns, the second behind the first's numbers."""
    import pyarrow as pa

    texts = [str(number * 7919 % different) for number in range(2 * different)]
    columns = [pa.array(texts), pa.array(texts[::-1])]
    places, found = distinct.distinct(columns)
    assert [found[place] for place in places.to_pylist()] == list(zip(texts, reversed(texts), strict=True))


@pytest.mark.parametrize("begin", [0, 3, 8])
@pytest.mark.parametrize("fill", [None, " ", "\\x00"])
def test_texts_are_trimmed_only_where_none_has_a_fill(compiled: bool, begin: int, fill: str | None) -> None:
    """Nulls and what lies before a slice make no difference; a blank inside is none at an end."""
    import pyarrow as pa

    texts = [f" {number}" for number in range(begin)] + ["a b", None, "~", "!", "x拉x"]
    if fill is not None:
        texts.append("word" + fill)
    assert distinct.are_trimmed(pa.array(texts).slice(begin)) == (compiled and fill is None)


@pytest.mark.parametrize("text", ["", "拉", "a拉", "\x7fa", "a\t"])
def test_a_text_that_may_have_a_fill_is_told_of(text: str) -> None:
    """Whatever is not plain at its ends is looked at by its characters."""
    import pyarrow as pa

    assert not distinct.are_trimmed(pa.array(["a", text]))


def test_what_all_rows_have_is_one_value() -> None:
    """Of columns of nothing, and of a function that gives all rows the same."""
    import pyarrow as pa

    nothing = pa.nulls(3, pa.string())
    assert distinct.mapped([nothing], lambda text: text, pa.string()).to_pylist() == [None] * 3
    assert distinct.mapped([nothing], lambda _: 7, pa.int64()).to_pylist() == [7] * 3
    assert distinct.mapped([pa.array(["a", "b"])], lambda _: "c", pa.string()).to_pylist() == ["c", "c"]
    assert distinct.mapped([pa.array([], pa.string())], lambda _: "c", pa.string()).to_pylist() == []


@pytest.mark.parametrize("rows", [0, 1, 500])
def test_rows_of_one_number_are_cut_where_they_are_silent_too_long(rows: int) -> None:
    """As one who goes through the rows in their time, and remembers each number's latest, would cut them."""
    import numpy as np

    dice = np.random.default_rng(rows)
    codes = dice.integers(0, 40, rows) * 5 + (dice.integers(0, 2, rows) << 40)
    seen, silence = dice.integers(0, 3000, rows), dice.choice([20, 200], rows)
    order = np.argsort(seen, kind="stable")
    stretch, first, last, sizes = distinct.cut(codes, seen, silence, order)
    mine: dict[int, list[list[int]]] = {}
    for row in order.tolist():
        known = mine.setdefault(int(codes[row]), [])
        if known and seen[row] - seen[known[-1][-1]] <= silence[row]:
            known[-1].append(row)
        else:
            known.append([row])
    expected = {(each[0], each[-1], len(each)) for known in mine.values() for each in known}
    assert set(zip(first.tolist(), last.tolist(), sizes.tolist(), strict=True)) == expected
    for known in mine.values():
        numbers = [{int(stretch[row]) for row in each} for each in known]
        assert all(len(each) == 1 for each in numbers)
        rising = [each.pop() for each in numbers]
        assert rising == sorted(set(rising))
    assert len(set(stretch.tolist())) == len(expected)


@pytest.mark.parametrize("strange", [None, "", "12a", "1" * 19, " 1", "-1", "٣"])
def test_digits_are_read_as_numbers_or_not_at_all(compiled: bool, strange: str | None) -> None:
    """Of up to eighteen; where one text is no number nothing is read, and who asked reads them one by one."""
    import pyarrow as pa

    dice = random.Random(7)
    for rows in (1, 7, 8, 500):
        texts = [
            "7",
            *(str(dice.randrange(10**18))[dice.randrange(17) :] if dice.random() > 0.2 else None for _ in range(rows)),
        ]
        column = pa.array(texts if strange is None else [*texts, strange], pa.string())
        found = distinct.numbers_read(column, 18)
        if strange is not None or not compiled:
            assert found is None
            continue
        assert found is not None
        found.validate(full=True)
        assert found.to_pylist() == [None if text is None else int(text) for text in texts]
        assert distinct.numbers_read(column[1:], 18) is None  # what begins elsewhere is left to Arrow

"""TLV with tags of two bytes, in both ways to write a length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import DecodeError
from protocols.mis.tlv import build, elements

VALUES = st.lists(
    st.tuples(st.integers(0, 0xFFFF), st.one_of(st.binary(max_size=20), st.binary(min_size=120, max_size=300)))
)


@pytest.mark.parametrize(
    ("form", "data", "values"),
    [
        ("two-bytes", "9F01000102 9F02000C303030303030303030303031", [("9F01", 4, 5), ("9F02", 9, 21)]),
        ("ber", "DF010102 DF06 03 DF0101 DF8F8100", [("DF01", 3, 4), ("DF06", 7, 10), ("DF8F", 14, 14)]),
    ],
)
def test_each_element_lies_where_it_is_said(form, data, values):
    """Tag, first byte of the value, one past its last."""
    found = elements(bytes.fromhex(data), form=form)
    assert found.error is None
    assert [(each.name, each.start, each.end) for each in found] == values


def test_a_long_length_has_its_forms():
    """81 and 82 in front of lengths of one and of two bytes."""
    data = bytes.fromhex("DF0681F0") + bytes(0xF0) + bytes.fromhex("DF06820101") + bytes(0x101)
    assert [(each.start, each.end) for each in elements(data, form="ber")] == [(4, 244), (249, 506)]
    assert build([(0xDF06, bytes(0xF0)), (0xDF06, bytes(0x101))], form="ber") == data


@given(VALUES, st.sampled_from(["two-bytes", "ber"]))
def test_built_is_read_as_it_was(values, form):
    """build, read, build is the identity."""
    data = build(values, form=form)
    found = elements(data, form=form)
    assert found.error is None
    assert [(each.tag, data[each.start : each.end]) for each in found] == values


@given(st.binary(max_size=200), st.sampled_from(["two-bytes", "ber"]))
def test_any_bytes_are_read_without_an_exception(data, form):
    """Every byte belongs to an element, or the error stands where the first that does not begins."""
    found = elements(data, form=form)
    ends = [0, *(each.end for each in found)]
    assert [each.at for each in found] == ends[:-1]
    if found.error is None:
        assert ends[-1] == len(data)
    else:
        assert ends[-1] <= (found.error.offset or 0) <= len(data)


@pytest.mark.parametrize(
    ("form", "data", "code", "offset", "path", "kept"),
    [
        ("two-bytes", "9F01000102 9F", "tag", 5, "DF06", 1),
        ("two-bytes", "9F0100", "length", 2, "DF06.9F01", 0),
        ("two-bytes", "9F01000102 9F020010 3030", "short", 9, "DF06.9F02", 1),
        ("two-bytes", "9F020003 3030", "short", 4, "DF06.9F02", 0),  # one byte too few
        ("ber", "DF01", "length", 2, "DF06.DF01", 0),
        ("ber", "DF018001", "length", 2, "DF06.DF01", 0),
        ("ber", "DF01830000", "length", 2, "DF06.DF01", 0),
        ("ber", "DF0182 00", "length", 2, "DF06.DF01", 0),
        ("ber", "DF0105 3030", "short", 3, "DF06.DF01", 0),
    ],
)
def test_a_broken_element_is_named_with_its_place(form, data, code, offset, path, kept):
    """What stood before it is there; the error names tag and byte and quotes nothing."""
    found = elements(bytes.fromhex(data), form=form, path="DF06.")
    assert found.error is not None
    assert (found.error.code, found.error.offset, found.error.path) == (code, offset, path)
    assert len(found.found) == kept


def test_a_value_that_no_length_can_say_is_refused():
    """Two bytes of length say 65,535 at most."""
    with pytest.raises(DecodeError):
        build([(0x9F52, bytes(65536))], form="two-bytes")

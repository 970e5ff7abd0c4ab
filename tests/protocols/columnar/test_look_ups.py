"""The look-up tables of the columns against the codecs that they stand for."""

import itertools

from protocols.codecs import gbk_text
from protocols.columnar import tables


def test_two_bytes_of_gbk_are_the_character_that_the_codec_reads_or_none() -> None:
    """All 65,536 pairs: the table has what ``gbk_text`` makes of them, 0 where it escapes them."""
    found = tables.wide()
    for first, second in itertools.product(range(256), repeat=2):
        text = gbk_text(bytes((first, second)))
        assert found[first << 8 | second] == (ord(text) if len(text) == 1 else 0), f"{first:02X} {second:02X}"


def test_a_shop_is_named_with_the_wide_space_and_what_gbk_does_not_assign_is_none() -> None:
    """The character U+5546 is C9 CC, the wide space A1 A1; A2 A0 has none (CP936's published table)."""
    found = tables.wide()
    assert (found[0xC9CC], found[0xA1A1], found[0xA2A0]) == (0x5546, 0x3000, 0)

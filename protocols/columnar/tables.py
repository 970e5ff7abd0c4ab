"""Look-up tables by byte, for decoding without a branch; made of the codecs' own functions."""

import functools
from typing import Any

from protocols.codecs import gbk_text

NO_PAIR = -1


@functools.cache
def chars() -> Any:
    """uint16[256]: a byte's two upper-case hex characters, the first one low."""
    import numpy as np

    return np.frombuffer(bytes(range(256)).hex().upper().encode("ascii"), "<u2")


@functools.cache
def pairs() -> Any:
    """int32[256]: the number two packed digits make; -1 for other nibbles."""
    import numpy as np

    return np.array([int(f"{byte:02x}") if f"{byte:02x}".isdigit() else NO_PAIR for byte in range(256)], np.int32)


@functools.cache
def illegal() -> Any:
    """bool[3, 256]: whether a hex character is illegal, for each of ``plan.ACCEPTS``."""
    import numpy as np

    table = np.ones((3, 256), bool)
    table[:, list(b"0123456789")] = False
    table[1, ord("F")] = False
    table[2] = False
    return table


@functools.cache
def plain() -> Any:
    """bool[256]: bytes that are their own text: printable ASCII, no backslash."""
    import numpy as np

    return np.array([byte < 0x80 and gbk_text(bytes([byte])) == chr(byte) for byte in range(256)], bool)


@functools.cache
def wide() -> Any:
    """uint16[65536]: the character of two GBK bytes, first byte high; 0 where they are no printable character."""
    import numpy as np

    text = "".join(map(chr, (*range(0x80, 0xD800), *range(0xE000, 0x10000))))  # no surrogates
    octets = text.encode("gbk", "ignore")  # all at once; one by one took 0.15 s
    table = np.zeros(65536, np.uint16)
    for at, char in enumerate(octets.decode("gbk")):
        if char.isprintable() or len(gbk_text(octets[2 * at : 2 * at + 2])) == 1:
            table[octets[2 * at] << 8 | octets[2 * at + 1]] = ord(char)
    return table


@functools.cache
def masked_digits() -> Any:
    """bool[256]: digits, and the asterisk the sanitiser writes over them."""
    import numpy as np

    table = np.zeros(256, bool)
    table[list(b"0123456789*")] = True
    return table

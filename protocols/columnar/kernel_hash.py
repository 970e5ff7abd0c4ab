"""SHA-256 (FIPS 180-4) of many short texts as a loop over plain numbers, compiled by numba; see ``kernel_digits``."""

from typing import Any

import numpy as np

from protocols.columnar.machine import byte, get, loop, put

_BLOCK, _WORDS, _ROUNDS = 64, 16, 64


@loop
def turned(word: Any, bits: int) -> Any:
    """A word of 32 bits, turned right."""
    return np.uint32(word >> np.uint32(bits)) | np.uint32(word << np.uint32(32 - bits))


@loop
def hash_texts(data: Any, offsets: Any, first: Any, rounds: Any, words: Any, state: Any, out: Any) -> None:  # noqa: PLR0917
    """The hash of each text.

    Args:
        data: int8, the texts end to end.
        offsets: int32, one more than texts.
        first: uint32[8], the state at the start.
        rounds: uint32[64], the constants of the rounds.
        words: uint32[64], scratch.
        state: uint32[8], scratch.
        out: uint32, filled: eight words for each text.
    """
    for row in range(offsets.size - 1):
        begin = int(get(offsets, row))
        size = get(offsets, row + 1) - begin
        for at in range(8):
            put(state, at, first[at])
        for block in range((size + 8) // _BLOCK + 1):
            for at in range(_WORDS):
                word = 0
                for place in range(4):
                    here = block * _BLOCK + 4 * at + place
                    word <<= 8
                    if here < size:
                        word |= byte(data, begin + here)
                    elif here == size:
                        word |= 0x80
                put(words, at, np.uint32(word))
            if size + 8 < (block + 1) * _BLOCK:
                put(words, 14, np.uint32(size >> 29))
                put(words, 15, np.uint32(size << 3 & 0xFFFFFFFF))
            for at in range(_WORDS, _ROUNDS):
                one, two = words[at - 15], words[at - 2]
                low = turned(one, 7) ^ turned(one, 18) ^ np.uint32(one >> np.uint32(3))
                high = turned(two, 17) ^ turned(two, 19) ^ np.uint32(two >> np.uint32(10))
                put(words, at, np.uint32(words[at - 16] + low + words[at - 7] + high))
            a, b, c, d = state[0], state[1], state[2], state[3]
            e, f, g, h = state[4], state[5], state[6], state[7]
            for at in range(_ROUNDS):
                high = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
                chosen = (e & f) ^ (np.uint32(~e) & g)
                one = np.uint32(h + high + chosen + rounds[at] + words[at])
                low = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)
                two = np.uint32(low + ((a & b) ^ (a & c) ^ (b & c)))
                h, g, f, e, d, c, b, a = g, f, e, np.uint32(d + one), c, b, a, np.uint32(one + two)
            state[0] += a
            state[1] += b
            state[2] += c
            state[3] += d
            state[4] += e
            state[5] += f
            state[6] += g
            state[7] += h
        for at in range(8):
            put(out, 8 * row + at, state[at])

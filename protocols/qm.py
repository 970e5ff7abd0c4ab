"""The QM arithmetic decoder and the line coder of JBIG1 (ITU-T T.82, 6.7 and 6.8): coded bytes in, pixels out.

``decode_pixels`` is one loop over plain numbers, written so that it runs as it stands in
Python and, compiled by numba, some two hundred times as fast; both give equal pixels. It
trusts its input: ``protocols.jbig`` has checked every size before.
"""

import functools
from collections.abc import Callable, MutableSequence, Sequence
from typing import Any, NamedTuple

# T.82, Table 24: LSZ, NLPS, NMPS and SWTCH of each of the 113 states.
_LSZ = """
5A1D 2586 1114 080B 03D8 01DA 00E5 006F 0036 001A 000D 0006 0003 0001 5A7F 3F25 2CF2 207C 17B9 1182 0CEF 09A1 072F
055C 0406 0303 0240 01B1 0144 00F5 00B7 008A 0068 004E 003B 002C 5AE1 484C 3A0D 2EF1 261F 1F33 19A8 1518 1177 0E74
0BFB 09F8 0861 0706 05CD 04DE 040F 0363 02D4 025C 01F8 01A4 0160 0125 00F6 00CB 00AB 008F 5B12 4D04 412C 37D8 2FE8
293C 2379 1EDF 1AA9 174E 1424 119C 0F6B 0D51 0BB6 0A40 5832 4D1C 438E 3BDD 34EE 2EAE 299A 2516 5570 4CA9 44D9 3E22
3824 32B4 2E17 56A8 4F46 47E5 41CF 3C3D 375E 5231 4C0F 4639 415E 5627 50E7 4B85 5597 504F 5A10 5522 59EB
"""
_NLPS = """
1 14 16 18 20 23 25 28 30 33 35 9 10 12 15 36 38 39 40 42 43 45 46 48 49 51 52 54 56 57 59 60 62 63 32 33 37 64 65
67 68 69 70 72 73 74 75 77 78 79 48 50 50 51 52 53 54 55 56 57 58 59 61 61 65 80 81 82 83 84 86 87 87 72 72 74 74 75
77 77 80 88 89 90 91 92 93 86 88 95 96 97 99 99 93 95 101 102 103 104 99 105 106 107 103 105 108 109 110 111 110 112
112
"""
_NMPS_JUMPS = {13: 13, 35: 9, 63: 32, 79: 48, 87: 71, 94: 86, 100: 93, 104: 99, 107: 103, 109: 107, 111: 109, 112: 111}
"""The state after the more probable symbol is the next one, but for these."""
_SWITCHES = frozenset((0, 14, 36, 64, 80, 88, 95, 105, 110, 112))
_STATES = 113

# A context's number is 2 * state + its more probable symbol.
SIZES = tuple(int(word, 16) for word in _LSZ.split() for _ in (0, 1))
"""Context number -> width of the less probable symbol's interval."""
AFTER_LESS = tuple(
    2 * int(word) + (symbol ^ (state in _SWITCHES)) for state, word in enumerate(_NLPS.split()) for symbol in (0, 1)
)
AFTER_MORE = tuple(2 * _NMPS_JUMPS.get(state, state + 1) + symbol for state in range(_STATES) for symbol in (0, 1))

CONTEXTS = 1024
PADDING = 3
"""White pixels behind each line, for the template to look at."""


class Coded(NamedTuple):
    """A coded image, as ``decode_pixels`` takes it."""

    data: bytes
    stripes: Sequence[int]
    moves: Sequence[int]
    width: int
    two_lines: int
    typical: int


Run = Callable[[Coded, bytearray], None]


def decode_pixels(  # noqa: PLR0917 (numba has no keyword-only arguments)
    data: Sequence[int],
    stripes: Sequence[int],
    moves: Sequence[int],
    width: int,
    two_lines: int,
    typical: int,
    pixels: MutableSequence[int],
    contexts: MutableSequence[int],
    sizes: Sequence[int] = SIZES,
    after_less: Sequence[int] = AFTER_LESS,
    after_more: Sequence[int] = AFTER_MORE,
) -> None:
    """Decode all stripes of one image.

    Args:
        data: the stripes' coded bytes, one behind the other, without stuffing.
        stripes: four numbers each: first and one past the last of its bytes, its lines, 1 to start anew.
        moves: three numbers each: the line from which the adaptive pixel stands elsewhere, and its tX and tY.
        width: pixels in a line.
        two_lines: 1 for the two-line template.
        typical: 1 when each line says whether it repeats the one above.
        pixels: the result, one byte a pixel and 1 for black: a white line, then each line with ``PADDING``
            white pixels behind it; all white when it comes in.
        contexts: ``CONTEXTS`` numbers to work with.
        sizes: ``SIZES``, in whatever form is fast.
        after_less: ``AFTER_LESS``.
        after_more: ``AFTER_MORE``.
    """
    stride = width + PADDING
    pseudo = 0x195 if two_lines else 0x0E5  # T.82, 6.7.4.3: the context of "this line is as usual"
    y = top = move = tx = ty = 0
    untypical = 1
    for stripe in range(0, len(stripes), 4):
        at, end = stripes[stripe], stripes[stripe + 1]
        if stripes[stripe + 3]:
            for index in range(len(contexts)):
                contexts[index] = 0
            top, untypical, tx, ty = y, 1, 0, 0
        # INITDEC: the code register holds three bytes, 16 bits of which are compared
        code = 0
        for _ in range(3):
            code = (code << 8) | ((data[at] << 8) if at < end else 0)
            at += 1
        interval, left = 0x10000, 8
        for _ in range(stripes[stripe + 2]):
            while move < len(moves) and moves[move] <= y:
                tx, ty = moves[move + 1], moves[move + 2]
                move += 3
            line = (y + 1) * stride
            above = line - stride if y - 1 >= top else 0
            above2 = line - 2 * stride if y - 2 >= top else 0
            near = 0  # pixels of this line
            if two_lines:
                up = (pixels[above] << 1) | pixels[above + 1]
                up2 = 0
            else:
                up = (pixels[above] << 1) | pixels[above + 1]
                up2 = (pixels[above2] << 1) | pixels[above2 + 1]
            x = -1 if typical else 0
            while x < width:
                if x < 0:
                    context = pseudo
                else:
                    if tx == 0 and ty == 0:
                        adaptive = pixels[above + x + 2]
                    else:
                        across = x - tx
                        if across < 0 or across >= width or y - ty < top:
                            adaptive = 0
                        else:
                            adaptive = pixels[line - ty * stride + across]
                    context = (up2 << 7) | (up << 3) | (adaptive << 2) | near
                    if two_lines:
                        context = (up << 5) | (adaptive << 4) | near
                # DECODE
                state = contexts[context]
                size = sizes[state]
                bit = state & 1
                interval -= size
                if (code >> 16) < interval:
                    if interval < 0x8000:
                        if interval < size:
                            bit = 1 - bit
                            contexts[context] = after_less[state]
                        else:
                            contexts[context] = after_more[state]
                else:
                    code -= interval << 16
                    if interval < size:
                        contexts[context] = after_more[state]
                    else:
                        bit = 1 - bit
                        contexts[context] = after_less[state]
                    interval = size
                while interval < 0x8000:  # RENORMD
                    if left == 0:
                        if at < end:
                            code |= data[at] << 8
                        at += 1
                        left = 8
                    interval <<= 1
                    code <<= 1
                    left -= 1
                if x < 0:
                    untypical ^= 1 - bit
                    if not untypical:
                        for index in range(width):
                            pixels[line + index] = pixels[above + index]
                        break
                else:
                    pixels[line + x] = bit
                    if two_lines:
                        near = ((near << 1) | bit) & 15
                        up = ((up << 1) | pixels[above + x + 2]) & 31
                    else:
                        near = ((near << 1) | bit) & 3
                        up = ((up << 1) | pixels[above + x + 2]) & 15
                        up2 = ((up2 << 1) | pixels[above2 + x + 2]) & 7
                x += 1
            y += 1


def interpreted(coded: Coded, pixels: bytearray) -> None:
    """``decode_pixels`` in Python: nothing to load, some 25 ms for a large signature."""
    decode_pixels(*coded, pixels, [0] * CONTEXTS)


@functools.cache
def compiled() -> Run | None:
    """``decode_pixels`` compiled, kept on disk for the next process where that is allowed; None without numba."""
    try:
        import numba
        import numpy as np
    except ImportError:
        return None
    try:
        loop: Any = numba.njit(cache=True)(decode_pixels)
    except RuntimeError:  # no folder that the compiled code could be kept in
        loop = numba.njit(decode_pixels)
    tables = [np.array(table, np.int64) for table in (SIZES, AFTER_LESS, AFTER_MORE)]

    def run(coded: Coded, pixels: bytearray) -> None:
        data = np.frombuffer(coded.data, np.uint8).astype(np.int64)
        stripes, moves = np.array(coded.stripes, np.int64), np.array(coded.moves, np.int64)
        result = np.frombuffer(pixels, np.int8)  # signed, as all the others, so that numba keeps to integers
        contexts = np.zeros(CONTEXTS, np.int64)
        loop(data, stripes, moves, coded.width, coded.two_lines, coded.typical, result, contexts, *tables)

    return run

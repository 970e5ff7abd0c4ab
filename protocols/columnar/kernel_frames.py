"""The payloads of a segment's frames taken apart, as loops compiled by numba; see ``kernel_digits``.

A payload is digest, a number that is not wanted here, the token's length, token and frame: docs/spool-format.md.
"""

from typing import Any

from protocols.columnar.machine import byte, eight, get, loop, put, put_eight

_DIGEST = 16
_HEAD = 25


@loop
def measure_frames(data: Any, starts: Any, ends: Any, tokens: Any, there: Any, frames: Any) -> bool:  # noqa: PLR0917
    """Where each token and each frame will begin in a column of them; whether every payload is a frame's.

    Args:
        data: int8, the segment.
        starts: int64, where each payload begins.
        ends: int64, where it ends.
        tokens: int32, one more than frames: filled.
        there: int8, filled: a bit a row, the lowest first, set where there is a token.
        frames: int32, one more than frames: filled.
    """
    of_tokens = of_frames = bits = 0
    put(tokens, 0, 0)
    put(frames, 0, 0)
    for row in range(starts.size):
        size = int(get(ends, row)) - int(get(starts, row)) - _HEAD
        width = byte(data, get(starts, row) + _HEAD - 1) if size >= 0 else 0
        if size < width:
            return False
        of_tokens += width
        of_frames += size - width
        put(tokens, row + 1, of_tokens)
        put(frames, row + 1, of_frames)
        bits |= (width > 0) << (row & 7)
        if row & 7 == 7 or row == starts.size - 1:
            put(there, row >> 3, bits)
            bits = 0
    return True


@loop
def take_frames(  # noqa: PLR0917
    data: Any, starts: Any, tokens: Any, frames: Any, letters: Any, token_bytes: Any, frame_bytes: Any, digests: Any
) -> int:
    """Copy tokens and frames, and write the digests out; all bytes of the tokens, or-ed eight together.

    Args:
        data: int8, the segment; at least eight bytes follow the last payload.
        starts: as of `measure_frames`.
        tokens: as it filled them.
        frames: likewise.
        letters: int16, the two characters of each byte.
        token_bytes: int8, filled; eight bytes longer than the tokens.
        frame_bytes: int8, filled; likewise.
        digests: int16, filled: 16 for each frame.
    """
    seen = 0
    for row in range(starts.size):
        begin = int(get(starts, row))
        for place in range(_DIGEST):
            put(digests, _DIGEST * row + place, get(letters, byte(data, begin + place)))
        at, into, end = begin + _HEAD, int(get(tokens, row)), int(get(tokens, row + 1))
        after = at + end - into
        while into < end:
            word = eight(data, at)
            put_eight(token_bytes, into, word)
            seen |= word if into + 8 <= end else word & (1 << 8 * (end - into)) - 1
            at += 8
            into += 8
        at, into, end = after, int(get(frames, row)), int(get(frames, row + 1))
        while into < end:
            put_eight(frame_bytes, into, eight(data, at))
            at += 8
            into += 8
    return seen

"""A JBIG1 encoder for the tests, from ITU-T T.82: plain, slow, and with every freedom a terminal has.

It looks pixels up one by one and codes into one large number, so it shares no step with the decoder but the table
of probabilities.
"""

from collections.abc import Callable, Sequence

from protocols.qm import AFTER_LESS, AFTER_MORE, SIZES

Picture = Sequence[Sequence[int]]
Move = tuple[int, int, int]
"""Line, tX and tY."""

THREE_LINES = [(-1, -2), (0, -2), (1, -2), (-2, -1), (-1, -1), (0, -1), (1, -1), None, (-2, 0), (-1, 0)]
TWO_LINES = [(-3, -1), (-2, -1), (-1, -1), (0, -1), (1, -1), None, (-4, 0), (-3, 0), (-2, 0), (-1, 0)]


class _Coder:
    """The arithmetic encoder (T.82, 6.8.2); its code register has no end, so that no carry needs care."""

    def __init__(self) -> None:
        self.low, self.interval, self.shifts = 0, 0x10000, 0

    def code(self, contexts: list[int], context: int, bit: int) -> None:
        state = contexts[context]
        size = SIZES[state]
        more = bit == state & 1
        self.interval -= size
        if more and self.interval >= 0x8000:
            return
        if more == (self.interval < size):  # the upper part, which is the smaller one or the exchanged larger
            self.low += self.interval
            self.interval = size
        contexts[context] = (AFTER_MORE if more else AFTER_LESS)[state]
        while self.interval < 0x8000:
            self.low, self.interval, self.shifts = self.low << 1, self.interval << 1, self.shifts + 1

    def flush(self) -> bytes:
        fill = -(self.shifts + 16) % 8
        return (self.low << fill).to_bytes((self.shifts + 16 + fill) // 8, "big").rstrip(b"\x00")


def encode(
    picture: Picture,
    *,
    stripe_lines: int,
    two_lines: bool = False,
    typical: bool = False,
    resets: Sequence[int] = (),
    moves: Sequence[Move] = (),
    comment: bytes | None = None,
) -> bytes:
    """A picture as a bi-level image entity; ``resets`` are the stripes that end with SDRST."""
    height, width = len(picture), len(picture[0])
    options = 0x40 * two_lines | 0x08 * typical
    sizes = b"".join(each.to_bytes(4, "big") for each in (width, height, stripe_lines))
    parts = [b"\x00\x00\x01\x00", sizes, bytes((127, 255, 0, options))]
    if comment is not None:
        parts.append(b"\xff\x07" + len(comment).to_bytes(4, "big") + comment)
    contexts, top, untypical, adaptive = [0] * 1024, 0, 1, (-2, 1)
    for stripe, first in enumerate(range(0, height, stripe_lines)):
        lines = range(first, min(first + stripe_lines, height))
        here = [move for move in moves if move[0] in lines]
        parts += [b"\xff\x06" + (y - first).to_bytes(4, "big") + bytes((tx & 0xFF, ty)) for y, tx, ty in here]
        coder = _Coder()
        for y in lines:
            for _, tx, ty in (move for move in here if move[0] == y):
                adaptive = (tx, ty) if (tx, ty) != (0, 0) else (-2, 1)
            pixel = _above(picture, top, y)
            if typical:
                usual = all(picture[y][x] == pixel(x, y - 1) for x in range(width))
                coder.code(contexts, 0x195 if two_lines else 0x0E5, int(int(not usual) == untypical))
                untypical = int(not usual)
                if usual:
                    continue
            for x in range(width):
                context = 0
                for place in TWO_LINES if two_lines else THREE_LINES:
                    dx, dy = place or (-adaptive[0], -adaptive[1])
                    context = context << 1 | pixel(x + dx, y + dy)
                coder.code(contexts, context, picture[y][x])
        reset = stripe in resets
        parts += [coder.flush().replace(b"\xff", b"\xff\x00"), b"\xff\x03" if reset else b"\xff\x02"]
        if reset:
            contexts, top, untypical, adaptive = [0] * 1024, lines.stop, 1, (-2, 1)
    return b"".join(parts)


def _above(picture: Picture, top: int, y: int) -> Callable[[int, int], int]:
    """Look a pixel up: white left, right and above of what may be seen."""

    def pixel(x: int, at: int) -> int:
        return picture[at][x] if top <= at <= y and 0 <= x < len(picture[0]) else 0

    return pixel

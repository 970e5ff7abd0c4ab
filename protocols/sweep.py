"""Finding card numbers where none should be: in text, and in packed digits at either alignment.

A number is taken for a card's when its first digits and its length fit a card
network and its Luhn digit agrees; a run of 15 to 19 digits that stands alone
needs Luhn only. What cannot be told apart is left: packed digits whose bytes are
all digits or blanks of printable text. The number a message itself names is
found everywhere, by ``known_in_text`` and ``known_in_nibbles``.
"""

import re
from collections.abc import Iterator

KEPT_FRONT, KEPT_BACK = 6, 4
SHORTEST, LONGEST = 13, 19

Span = tuple[int, int]
"""First and one past the last digit (or nibble) to overwrite."""

_FROM_16 = (16, 17, 18, 19)
NETWORKS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("62", "81", "95"), _FROM_16),
    **dict.fromkeys(("60", "64", "65"), (16, 19)),
    **dict.fromkeys(("30", "36", "38", "39"), (14, 16)),
    **dict.fromkeys(("34", "37"), (15,)),
    **{f"4{digit}": (13, 16, 19) for digit in range(10)},
    **dict.fromkeys(("35", "51", "52", "53", "54", "55"), (16,)),
    **{f"2{digit}": (16,) for digit in range(2, 8)},
}
"""First two digits -> lengths of that network's numbers; ISO/IEC 7812 ranges in public use."""
NARROWER = {"35": ("3528", "3589"), "95": ("9558", "9558"), **{f"2{d}": ("2221", "2720") for d in range(2, 8)}}
"""First two digits -> the least and the greatest first four of that network."""

_DIGIT_RUN = re.compile(r"[0-9]{13,}")
_ASCII_RUN = re.compile(rb"[0-9]{13,}")
_GROUPED = re.compile(rb"(?<![0-9])[0-9]{3,8}([ -])[0-9]{2,13}(?:\1[0-9]{1,7})*(?![0-9])")
_TEXT_DIGITS = frozenset(b"0123456789 ")
_NOT_TEXT_DIGITS = bytes(0xFF if byte in _TEXT_DIGITS else byte for byte in range(256))
_DOUBLED = str.maketrans("0123456789", "0246813579")


def luhn(digits: str) -> bool:
    """True when the last digit is the Luhn digit of the others."""
    ones, twos = digits[-1::-2], digits[-2::-2].translate(_DOUBLED)
    return sum(map(int, ones + twos)) % 10 == 0


def is_card(digits: str) -> bool:
    """True when network, length and Luhn digit agree."""
    if len(digits) not in NETWORKS.get(digits[:2], ()):
        return False
    low, high = NARROWER.get(digits[:2], ("", "A"))
    return low <= digits[:4] <= high and luhn(digits)


def hidden(length: int) -> Span:
    """Which digits of a card number to overwrite: all but the first six and the last four."""
    if length < SHORTEST:
        return 0, max(length - KEPT_BACK, 0)
    return KEPT_FRONT, length - KEPT_BACK


def in_digits(digits: str, *, alone: bool = True) -> Iterator[Span]:
    """What to overwrite of the card numbers in a run of digits.

    Args:
        digits: the run.
        alone: the run stands between non-digits, so as a whole it needs no known network.
    """
    size = len(digits)
    if alone and 15 <= size <= LONGEST and digits[0] in "3456789" and luhn(digits):
        yield hidden(size)
    for start in range(size - SHORTEST + 1):
        for length in NETWORKS.get(digits[start : start + 2], ()):
            if start + length <= size and is_card(digits[start : start + length]):
                first, last = hidden(length)
                yield start + first, start + last


def in_text(data: bytes) -> Iterator[Span]:
    """Byte spans to overwrite of the card numbers written in ASCII, in one run or in groups."""
    for run in _ASCII_RUN.finditer(data):
        for first, last in in_digits(run[0].decode("ascii")):
            yield run.start() + first, run.start() + last
    for group in _GROUPED.finditer(data):
        at = [index for index in range(group.start(), group.end()) if data[index] not in b" -"]
        if len(at) >= SHORTEST:
            for first, last in in_digits("".join(chr(data[index]) for index in at)):
                yield at[first], at[last - 1] + 1


def in_nibbles(data: bytes, *, text: bool) -> Iterator[Span]:
    """Nibble spans to overwrite of the card numbers in packed digits, at either alignment.

    Args:
        data: the value's bytes.
        text: the value reads as text; then only numbers without the look of text's digits and blanks are taken.
    """
    hay = data.translate(_NOT_TEXT_DIGITS) if text else data
    for run in _DIGIT_RUN.finditer(hay.hex()):
        digits = run[0]
        for start in range(len(digits) - SHORTEST + 1):
            for length in NETWORKS.get(digits[start : start + 2], ()):
                first = run.start() + start
                last = first + length
                if last > run.end() or _TEXT_DIGITS.issuperset(data[first // 2 : (last + 1) // 2]):
                    continue
                if is_card(digits[start : start + length]):
                    front, back = hidden(length)
                    yield first + front, first + back


def known_in_text(data: bytes, number: str) -> Iterator[Span]:
    """Byte spans to overwrite of a known card number written in ASCII."""
    front, back = hidden(len(number))
    at = data.find(number.encode("ascii"))
    while at >= 0:
        yield at + front, at + back
        at = data.find(number.encode("ascii"), at + 1)


def known_in_nibbles(data: bytes, number: str) -> Iterator[Span]:
    """Nibble spans to overwrite of a known card number in packed digits, at either alignment."""
    front, back = hidden(len(number))
    nibbles = data.hex()
    at = nibbles.find(number)
    while at >= 0:
        yield at + front, at + back
        at = nibbles.find(number, at + 1)


def fill(buffer: bytearray, at: int, span: Span, *, only_digits: bool = False) -> None:
    """Overwrite nibbles with F.

    Args:
        buffer: what they are in.
        at: the byte from whose first nibble the span counts.
        span: first nibble, and the one behind the last.
        only_digits: leave what is no digit, a terminal's own masks.
    """
    for nibble in range(*span):
        place = at + nibble // 2
        value = buffer[place] & 0x0F if nibble & 1 else buffer[place] >> 4
        if value <= 9 or not only_digits:
            buffer[place] |= 0x0F if nibble & 1 else 0xF0

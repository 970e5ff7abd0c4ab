"""F59's private TLV: two characters of tag, two or three digits of length, text.

Whose terminals write two digits and whose three is in no public document, so a profile
says it (``tag_digits``) or leaves it to what parses whole; where both would, it is three,
as in the specification's own message. Source: docs/protocols.md 3.
"""

from collections.abc import Iterator
from typing import NamedTuple

EITHER = 0
"""The width of a length that the bytes themselves decide."""
WIDTHS = (EITHER, 2, 3)
NESTED = frozenset(("A2",))
"""Tags whose value is such a TLV again; by one public message."""
ORDER = "A4"
"""The order number of a QR payment."""
FACTOR = "A2.03"
"""The last six digits of a payment code, or of the card or token that a code names. Source: docs/protocols.md 3."""
SOFTWARE = "A2.05"
"""The version of the terminal's application, eight characters, blanks behind."""
NAMES = {
    "12": ("SIM card number (ICCID)", "SIM卡号（ICCID）"),
    "13": ("serial number of the terminal", "终端序列号"),
    "14": ("time of the terminal", "终端时间"),
    "15": ("number", "编号"),
    "17": ("position", "位置信息"),
    "A2": ("terminal information", "终端信息"),
    "A2.01": ("kind of device", "设备类型"),
    "A2.02": ("serial number of the device", "终端设备序列号"),
    "A2.03": ("random factor", "加密随机因子"),
    "A2.04": ("encrypted serial number", "硬件序列号密文"),
    "A2.05": ("version of the application", "应用程序版本号"),
    "A3": ("QR code of the payer", "付款码"),
    "A4": ("order number", "订单号"),
}
"""Tag -> English, Chinese; for people."""


class Element(NamedTuple):
    """One tag, and where its value lies in the bytes given; ``path`` has the tags around it: ``A2.01``."""

    path: str
    start: int
    end: int


def elements(value: bytes, width: int = EITHER) -> list[Element]:
    """The elements of a value that parses whole, in order; none when it does not.

    Args:
        value: F59.
        width: digits of a length, or ``EITHER``.
    """
    for digits in (width,) if width else (3, 2):
        found = _whole(value, 0, len(value), digits, "")
        if found is not None:
            return list(_with_nested(value, found, digits))
    return []


def _whole(value: bytes, start: int, end: int, digits: int, around: str) -> list[Element] | None:
    found = []
    at = start
    while at < end:
        tag, length = value[at : at + 2], value[at + 2 : at + 2 + digits]
        first = at + 2 + digits
        if first > end or not (tag.isalnum() and tag.isascii() and length.isdigit()):
            return None
        at = first + int(length)
        if at > end:
            return None
        found.append(Element(around + tag.decode("ascii"), first, at))
    return found or None


def _with_nested(value: bytes, found: list[Element], digits: int) -> Iterator[Element]:
    for each in found:
        yield each
        if each.path in NESTED:
            yield from _whole(value, each.start, each.end, digits, f"{each.path}.") or ()

"""The POS dialect told to pyiso8583, somebody else's decoder: written from the public field table, not from ours.

Source: "China UnionPay POS wire formats as publicly known", 1 and 2 (docs/protocols.md).
"""

from typing import Any

import iso8583

_DIGITS = {3: 6, 4: 12, 11: 6, 12: 6, 13: 4, 14: 4, 15: 4, 25: 2, 26: 2, 53: 16}
_COUNTED_DIGITS = {2: (1, 19), 32: (1, 11), 35: (1, 99), 36: (2, 208), 48: (2, 322), 60: (2, 17), 61: (2, 29)}
_TEXT = {37: 12, 38: 6, 39: 2, 41: 8, 42: 15, 43: 40, 49: 3}
_COUNTED = {44: 1, 46: 2, 47: 2, 51: 2, 54: 2, 55: 2, 56: 2, 57: 2, 58: 2, 59: 2, 62: 2, 63: 2}
_BYTES = {52: 8, 64: 8}
_LONGEST = {1: 99, 2: 999}


def _field(**said: Any) -> dict[str, Any]:
    return {"data_enc": "b", "len_enc": "bcd", "len_type": 0, "max_len": 0, "desc": ""} | said


def specification() -> dict[str, Any]:
    """The dialect as pyiso8583 wants it. Text is taken as latin-1, for pyiso8583 refuses what is not wholly text."""
    spec = {str(number): _field() for number in range(1, 129)}
    spec |= {"h": _field(), "t": _field(max_len=2), "p": _field(max_len=8)}
    for number, count in _DIGITS.items():
        spec[str(number)] = _field(max_len=count, len_count="nibbles")
    spec["22"] = _field(max_len=3, len_count="nibbles", right_pad="0")
    spec["23"] = _field(max_len=3, len_count="nibbles", left_pad="0")
    for number, (width, most) in _COUNTED_DIGITS.items():
        spec[str(number)] = _field(len_type=width, max_len=most, len_count="nibbles", right_pad="0")
    for number, count in _TEXT.items():
        spec[str(number)] = _field(data_enc="latin-1", max_len=count)
    for number, width in _COUNTED.items():
        spec[str(number)] = _field(data_enc="latin-1", len_type=width, max_len=_LONGEST[width])
    for number, count in _BYTES.items():
        spec[str(number)] = _field(max_len=count)
    return spec


SPECIFICATION = specification()


def read(message: bytes) -> dict[int, bytes | str]:
    """The fields of a message, MTI to last field: digits and bytes in hex as text, text as its bytes.

    Raises:
        iso8583.DecodeError: pyiso8583 does not read it.
    """
    values, _ = iso8583.decode(message, SPECIFICATION)
    return {
        int(name): value if SPECIFICATION[name]["data_enc"] == "b" else value.encode("latin-1")
        for name, value in values.items()
        if name.isdigit() and name != "1"
    }

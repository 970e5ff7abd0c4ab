"""Raw bytes as a reader may see them: hex with card digits starred, decoded fields marked.

The spool's bytes are sanitised already; what the decoder masks is starred once more here,
nibble by nibble, so that no filler is taken for a digit.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protocols.describe import describe
from protocols.errors import ProtocolError
from protocols.profile import load_profile

_FILLED = re.compile(r"[0-9D=F]*FFFF[0-9D=F]*")
"""Digits (with a track's separator) among which at least four were overwritten."""

WIDTH = 32
"""Bytes a line."""


@dataclass(frozen=True, slots=True)
class Field:
    """One decoded field: its number, names, value (masked) and where it stands in the frame."""

    number: str
    zh: str
    en: str
    value: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Dump:
    """A frame's bytes as pairs of nibbles, ``**`` where card data stood, and the field each byte belongs to."""

    pairs: tuple[str, ...]
    owners: tuple[str, ...]
    fields: tuple[Field, ...]

    def lines(self) -> list[tuple[int, list[tuple[str, str]]]]:
        """(offset, [(pair, number of its field or '')]) for every line."""
        both = list(zip(self.pairs, self.owners, strict=True))
        return [(start, both[start : start + WIDTH]) for start in range(0, len(both), WIDTH)]


def dump(profile_name: str, frame: bytes) -> Dump:
    """A frame with what its profile reads in it; without fields, when there is no such profile any more."""
    try:
        said: Mapping[str, Any] = describe(load_profile(profile_name), frame)
    except ProtocolError:
        said = {}
    nibbles = list(frame.hex())
    owners = [""] * len(frame)
    fields = []
    for number, found in dict(said.get("fields") or {}).items():
        value, offset, length = _starred(found["value"]), found["offset"], found["length"]
        if offset is None or length is None or offset + length > len(frame):
            continue
        _star(nibbles, value, offset, length)
        if "." not in number:
            owners[offset : offset + length] = [number] * length
            fields.append(Field(number, found["zh"], found["en"], value, offset, length))
    pairs = tuple("".join(nibbles[place : place + 2]) for place in range(0, len(nibbles), 2))
    return Dump(pairs, tuple(owners), tuple(fields))


SERIALS = re.compile(r"59\.(?:.*\.)?13|59\.A2\.02|62\.serial|55\.9F1E|(?:.*\.)?(?:TIDSerial|serial_no|1F42)")
"""Fields that hold the serial number of the device itself, as `protocols` names them: the terminal's own TLV, the
sign-in's, the chip's interface device, a journal's, ZVT's."""


def serials(profile_name: str, frame: bytes) -> list[Field]:
    """The fields of a frame that tell the device's serial number, readable as text."""
    try:
        said: Mapping[str, Any] = describe(load_profile(profile_name), frame)
    except ProtocolError:
        return []
    found = []
    for number, each in dict(said.get("fields") or {}).items():
        value = str(each["value"] or "")
        if SERIALS.fullmatch(number) is None or "*" in value:
            continue
        if number == "55.9F1E":
            value = bytes.fromhex(value).decode("ascii", "replace").strip("\0 ")
        if value.strip() and value.isprintable() and "\ufffd" not in value:
            place = each["offset"] or 0, each["length"] or 0
            found.append(Field(number, each["zh"], each["en"], value.strip(), *place))
    return found


def _starred(value: object) -> str:
    """A value with stars for the sanitiser's filler: the digit F, which no decimal number has."""
    text = str(value or "")
    return text.replace("F", "*") if _FILLED.fullmatch(text) else text


def _star(nibbles: list[str], text: str, offset: int, length: int) -> None:
    """Overwrite the nibbles of what the value stars; all of the field where digits and bytes do not line up."""
    if "*" not in text:
        return
    if len(text) in {2 * length, 2 * length - 1}:
        for place, sign in enumerate(text):
            if sign == "*":
                nibbles[2 * offset + place] = "*"
        return
    per_byte = len(text) == length
    for place in range(length):
        if not per_byte or text[place] == "*":
            nibbles[2 * (offset + place) : 2 * (offset + place) + 2] = "**"

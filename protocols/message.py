"""A decoded message: its fields as text, and where each value lies.

Values are as a person would write them: digits, GBK text, upper-case hex for
bytes that are interpreted later. Nothing here prints itself: the repr names the
fields, never their values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from protocols.codecs import gbk_bytes, gbk_text
from protocols.errors import DecodeError
from protocols.grammar import FieldSpec
from protocols.private_tlv import elements as elements_of_59
from protocols.tlv import elements, tag_name
from protocols.unionpay import PARTS, TOTALS_DIGITS, Totals


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the dialect.

    Attributes:
        mti: four digits.
        fields: number -> value as text.
        spans: number -> (offset of the value from the first byte given, bytes of the value).
        starts: number -> offset of the field, its length included.
        envelope: ``kind`` (length, stx, none), ``tpdu`` and ``header`` (hex or None), ``missing`` (list of parts).
        body_offset: where the MTI stands.
        end: where the message ends.
        mac_absent: the bitmap announces F64 and the bytes end before it.
        bitmap: the 64 bits.
        table: the field table it was read with.
    """

    mti: str
    fields: dict[int, str] = field(repr=False)
    spans: dict[int, tuple[int, int]]
    starts: dict[int, int] = field(repr=False)
    envelope: dict[str, Any]
    body_offset: int
    end: int
    mac_absent: bool
    bitmap: int
    table: Mapping[int, FieldSpec] = field(repr=False, compare=False)

    def text(self, number: int) -> str | None:
        """The field as text even where a profile keeps it as raw bytes; None when it is not there."""
        value = self.fields.get(number)
        if value is None or "raw" not in self.table[number].codec:
            return value
        return gbk_text(bytes.fromhex(value))

    def raw(self, number: int) -> bytes:
        """A field's bytes where a profile keeps it as raw bytes or as text; empty when it is not there."""
        value = self.fields.get(number)
        if value is None:
            return b""
        return bytes.fromhex(value) if "raw" in self.table[number].codec else gbk_bytes(value)

    def private(self) -> dict[str, str]:
        """F59's elements, those inside others too: tag -> text; none when it does not parse whole."""
        value = self.raw(59)
        found = elements_of_59(value, self.table[59].tag_digits) if value else ()
        return {each.path: gbk_text(value[each.start : each.end]) for each in found}

    def subfields(self, number: int) -> dict[str, str]:
        """The parts of F48 (settlement totals), F60 or F61; as many as there are digits.

        An amount or count stays text; a part that is cut short is given as it is.
        """
        value = self.fields.get(number, "")
        if number == 48:
            if len(value) != TOTALS_DIGITS or not value.isdigit():
                return {}
            parts = Totals.parse(value.encode("ascii"))
            return {f"48.{name}": str(part) for name, part in parts.items() if not name.startswith("_")}
        found = {}
        at = 0
        for name, width in PARTS.get(number, ()):
            if at >= len(value):
                break
            found[name] = value[at : at + width]
            at += width
        return found

    def tags(self) -> dict[str, str]:
        """The BER-TLV tags of F55 -> hex, those inside templates too.

        Raises:
            DecodeError: F55 is not BER-TLV; ``offset`` names the broken element.
        """
        data = bytes.fromhex(self.fields.get(55, ""))
        try:
            return {tag_name(each.tag): data[each.start : each.end].hex().upper() for each in elements(data)}
        except DecodeError as broken:
            broken.path = "F55"
            broken.offset = self.spans[55][0] + (broken.offset or 0)
            raise

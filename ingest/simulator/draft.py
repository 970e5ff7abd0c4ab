"""Messages before they are bytes: field values as the profile's `build` takes them.

Digits for BCD fields, text for ANS fields, upper-case hex for the raw ones (52, 55,
62, 64), as in `Message.fields`. Source: docs/protocols.md.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.simulator.cards import Card

DIALECT = "unionpay"
"""The dialect whose messages the scenarios are written in."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message and the scenario's time at which it is sent."""

    mti: str
    fields: Mapping[int, str]
    at: dt.datetime

    @property
    def response(self) -> str:
        """F39, or nothing."""
        return self.fields.get(39, "")

    @property
    def approved(self) -> bool:
        """Whether F39 is one of the codes that terminals take as success (docs/protocols.md)."""
        return self.response in {"00", "10", "11", "A2", "A4", "A5", "A6"}


def text_hex(text: str) -> str:
    """GBK text as hex, for fields that are raw bytes on the wire."""
    return text.encode("gbk").hex().upper()


def clock_fields(at: dt.datetime) -> dict[int, str]:
    """F12 hhmmss and F13 MMDD."""
    return {12: f"{at:%H%M%S}", 13: f"{at:%m%d}"}


def digest(*parts: object, size: int) -> bytes:
    """Bytes that look random and are a function of ``parts``: stands where a key would be needed."""
    return hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=size).digest()


def with_mac(mti: str, fields: dict[int, str]) -> dict[int, str]:
    """Add F64 as 8 ASCII hex digits: the MAC's shape without a key (docs/protocols.md, MAC)."""
    material = ";".join(f"{number}={fields[number]}" for number in sorted(fields))
    return {**fields, 64: text_hex(digest(mti, material, size=4).hex().upper())}


def chip_data(card: Card, atc: int, *, amount: int, stan: int, at: dt.datetime, serial: str) -> str:
    """F55 of a chip request: the tags of docs/protocols.md, in that order, as hex."""
    tags = (
        ("9F26", digest(card.pan, atc, "arqc", size=8).hex()),
        ("9F27", "80"),
        ("9F10", "07010103A00000010A010000000000" + digest(card.pan, atc, "iad", size=4).hex()),
        ("9F37", digest(card.pan, atc, amount, size=4).hex()),
        ("9F36", f"{atc:04X}"),
        ("95", "0000000000"),
        ("9A", f"{at:%y%m%d}"),
        ("9C", "00"),
        ("9F02", f"{amount:012d}"),
        ("5F2A", "0156"),
        ("82", "7C00"),
        ("9F1A", "0156"),
        ("9F03", "000000000000"),
        ("9F33", "E0E1C8"),
        ("9F34", "020300"),
        ("9F35", "22"),
        ("9F1E", text_hex(serial)),
        ("84", card.aid),
        ("9F09", "0030"),
        ("9F41", f"{stan:08d}"),
    )
    return tlv(tags)


def reversal_chip_data(atc: int, serial: str) -> str:
    """F55 of a reversal: 95, 9F1E, 9F10, 9F36 (docs/protocols.md, reversal)."""
    return tlv(
        (
            ("95", "0000000000"),
            ("9F1E", text_hex(serial)),
            ("9F10", "07010103A02010010A0100000500004707A18D"),
            ("9F36", f"{atc:04X}"),
        )
    )


def tlv(tags: tuple[tuple[str, str], ...]) -> str:
    """BER-TLV with one length byte."""
    return "".join(f"{tag}{len(value) // 2:02X}{value}" for tag, value in tags).upper()


def tlv_value(data: str, wanted: str) -> str | None:
    """The value of a tag in hex BER-TLV of one length byte, or None."""
    position = 0
    while position + 4 <= len(data):
        width = 4 if int(data[position : position + 2], 16) & 0x1F == 0x1F else 2
        tag = data[position : position + width]
        length = int(data[position + width : position + width + 2], 16) * 2
        start = position + width + 2
        if tag == wanted:
            return data[start : start + length]
        position = start + length
    return None

"""The electronic signature's message (电签): feature code, what F55 says, which part of the picture F62 is.

Source: docs/protocols.md 6. The pictures themselves are ``protocols.jbig``.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from protocols.codecs import gbk_text
from protocols.errors import DecodeError
from protocols.message import Message
from protocols.signature_tags import TAGS

SINGLE = "800"
FIRST_PART = 801
WHOLE, PART = "07", "08"
MORE, LAST = "8", "9"
_HEX_DIGITS = re.compile(r"[0-9A-Fa-f]{16}")
_PHONE = "FF0B"


@dataclass(frozen=True, slots=True)
class Upload:
    """What one signature request carries.

    Attributes:
        part: 0 for a whole picture in one message, else 1, 2 … for its parts.
        last: whether no part follows; None when the message does not say.
        image: F62.
        image_at: where F62's value stands, from the first byte of the link frame.
        details: F55 by tag, masked.
        feature_code: 特征码, 8 hex digits; None when the reference number is no number, or another message says it.
        form: how the picture is coded: ``jbig`` or ``bmp``.
        path: the field it stands in.
    """

    part: int
    last: bool | None
    image: bytes = field(repr=False)
    image_at: int
    details: dict[str, dict[str, str]] = field(repr=False)
    feature_code: str | None
    form: Literal["jbig", "bmp"] = "jbig"
    path: str = "F62"


def upload(message: Message) -> Upload:
    """What a signature request says; F62 may be empty."""
    parts = message.subfields(60)
    network = parts.get("60.3", "")
    number = int(network) - FIRST_PART + 1 if network.isdigit() and int(network) >= FIRST_PART else 0
    if parts.get("60.1") == PART and number == 0:
        number = 1
    ends = {MORE: False, LAST: True}.get(parts.get("60.4", ""))
    return Upload(
        part=number,
        last=True if number == 0 else ends,
        image=bytes.fromhex(message.fields.get(62, "")),
        image_at=message.spans[62][0] if 62 in message.spans else message.end,
        details=details(message),
        feature_code=feature_code(message.fields.get(15), message.fields.get(37)),
    )


def feature_code(settlement_mmdd: str | None, rrn: str | None) -> str | None:
    """特征码, drawn behind the signature and shown by the pad: it ties the picture to the transaction.

    16 digits, the settlement date MMDD (``0000`` when there is none) and the reference
    number, as 8 bytes; the first 4 exclusive-or the last 4.
    """
    digits = (settlement_mmdd or "0000") + (rrn or "")
    if not _HEX_DIGITS.fullmatch(digits):
        return None
    return f"{int(digits[:8], 16) ^ int(digits[8:], 16):08X}"


def details(message: Message) -> dict[str, dict[str, str]]:
    """F55 of a signature message: tag -> ``value`` with ``zh-CN`` and ``en`` names; EMV tags have the value alone.

    Text is read as GBK, digits as digits, EMV data as hex. What the sanitiser overwrote is
    not given, a telephone number masked. A broken F55 gives nothing: the picture counts.
    """
    try:
        tags = message.tags()
    except DecodeError:
        return {}
    found = {}
    for tag, value in tags.items():
        raw = bytes.fromhex(value)
        if not raw or (len(set(raw)) == 1 and raw[0] in {0x00, 0xFF}):
            continue
        names = TAGS.get(tag)
        if names is None:
            found[tag] = {"value": value}
            continue
        text = value if names.kind in {"digits", "hex"} else gbk_text(raw).strip()
        found[tag] = {"value": _masked(text) if tag == _PHONE else text, "zh-CN": names.zh, "en": names.en}
    return found


def _masked(number: str) -> str:
    """First three and last four of a telephone number."""
    hidden = max(len(number) - 7, 0)
    return f"{number[:3]}{'*' * hidden}{number[3 + hidden :]}" if hidden else "*" * len(number)

"""What a frame says, field by field, for people and for ``describe --json``: masked, and never silent.

A frame that cannot be read gives what could be read before the error, and the
error; nothing raises. The values are taken from the masked bytes, so that no
secret is ever in this object.
"""

import dataclasses
from typing import Any

from protocols.emv import TAG_NAMES
from protocols.errors import DecodeError, ProtocolError
from protocols.facts import Facts, facts
from protocols.mask import Masking, mask
from protocols.message import Message
from protocols.profile import Profile
from protocols.tlv import elements, tag_name
from protocols.unionpay import PARTS, TOTALS_DIGITS, TOTALS_PARTS
from protocols.walk import HEAD_BYTES, Item

ERROR_KEYS = ("layer", "field", "offset", "code", "expected", "got", "hint")
_PART_NAMES = {
    "60.1": "transaction_type",
    "60.2": "batch_no",
    "60.3": "network_code",
    "60.4": "read_ability",
    "60.5": "chip_condition",
    "60.6": "partial_approval",
    "60.7": "account_type",
    "61.1": "orig_batch_no",
    "61.2": "orig_stan",
    "61.3": "orig_date",
    "61.4": "orig_auth_mode",
    "61.5": "orig_auth_institution",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Description:
    """A masked message with what it means and what is wrong with it."""

    message: Message
    facts: Facts | None
    error: ProtocolError | None
    masked: tuple[str, ...]


def read_masked(profile: Profile, frame: bytes) -> Description:
    """Read a frame as far as it goes, secrets overwritten; never raises for bad bytes."""
    located = profile.locate(frame)
    start, end = located.layout.message, located.layout.end
    walked = located.steps[: located.walked]
    items = list(profile.grammar.walk.items(frame, walked, start + HEAD_BYTES, end)) if walked else []
    safe = bytearray(frame)
    work = mask(safe, frame[start : start + 2].hex(), items, profile.grammar.table)
    message, error = profile.values(bytes(safe), located)
    _, original = profile.values(frame, located)
    shown = {number: _starred(work, item, frame, message.fields.get(number)) for number, item in work.items.items()}
    said = facts(message) if message.mti else None
    starred = dataclasses.replace(message, fields={number: text for number, text in shown.items() if text is not None})
    return Description(starred, said, original or error, tuple(work.masked))


def _starred(work: Masking, item: Item, frame: bytes, text: str | None) -> str | None:
    """The value with asterisks for what was overwritten."""
    if text is None or work.raw(item) == frame[item.value : item.end]:
        return text
    kind = work.table[item.step.number].mask
    if kind in {"pan", "track", "totals", "references"}:
        return str(text).replace("F", "*")
    if len(set(work.raw(item))) == 1:
        return "*" * len(text)
    return text


def describe(profile: Profile, frame: bytes) -> dict[str, Any]:
    """The object of ``tillwatch describe --json``."""
    return profile.speech.describe(profile, frame).said


def to_object(profile: Profile, found: Description) -> dict[str, Any]:
    """A description as plain data: see ``describe`` in the contract."""
    message = found.message
    error = None
    if found.error is not None:
        facts_of_error = found.error.as_dict()
        error = {key: facts_of_error[key] for key in ERROR_KEYS}
    return {
        "profile": profile.name,
        "protocol": profile.dialect,
        "mti": message.mti or None,
        "operation": _operation(found),
        "envelope": {**message.envelope, "missing": list(message.envelope["missing"])},
        "fields": dict(_rows(profile, found)),
        "error": error,
        "confidence": profile.confidence,
    }


def _operation(found: Description) -> str | None:
    """What the message is for; unknown for want of fields is nothing known."""
    if found.facts is None or (found.error is not None and found.facts.operation == "UNKNOWN"):
        return None
    return found.facts.operation


def _rows(profile: Profile, found: Description) -> list[tuple[str, dict[str, Any]]]:
    """Each field, its parts and tags behind it."""
    message = found.message
    rows: list[tuple[str, dict[str, Any]]] = []
    for number in sorted(message.spans):
        offset, length = message.spans[number]
        spec = profile.grammar.table[number]
        rows.append((str(number), _row(spec.name, message.fields.get(number), offset, length)))
        rows += _parts(message, number, offset)
        if number == 55:
            rows += _tags(message, offset, found.masked)
    return rows


def _row(name: str, value: str | None, offset: int, length: int) -> dict[str, Any]:
    return {"name": name, "value": value, "offset": offset, "length": length}


def _parts(message: Message, number: int, offset: int) -> list[tuple[str, dict[str, Any]]]:
    """The parts of a field of packed digits; a part that starts inside a byte has that byte's offset."""
    digits = message.fields.get(number, "")
    widths = PARTS.get(number, ())
    if number == 48 and len(digits) == TOTALS_DIGITS:
        widths = TOTALS_PARTS
    rows = []
    at = 0
    for key, width in widths:
        value = digits[at : at + width]
        if not value:
            break
        first, last = offset + at // 2, offset + (at + len(value) - 1) // 2
        rows.append((key, _row(_PART_NAMES.get(key, key.partition(".")[2]), value, first, last - first + 1)))
        at += width
    return rows


def _tags(message: Message, offset: int, masked: tuple[str, ...]) -> list[tuple[str, dict[str, Any]]]:
    """The tags of F55, as far as they can be told apart."""
    value = message.fields.get(55, "")
    if not value or set(value) == {"*"}:
        return []
    data = bytes.fromhex(value)
    rows = []
    try:
        for each in elements(data):
            tag = tag_name(each.tag)
            length = each.end - each.start
            text = "*" * (2 * length) if f"F55.{tag}" in masked else data[each.start : each.end].hex().upper()
            rows.append((f"55.{tag}", _row(TAG_NAMES.get(tag, "tag"), text, offset + each.start, length)))
    except DecodeError:
        return rows
    return rows

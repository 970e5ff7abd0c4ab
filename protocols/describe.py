"""What a frame says, field by field, for people and for ``describe --json``: masked, and never silent.

A frame that cannot be read gives what could be read before the error, and the
error; nothing raises. The values are taken from the masked bytes, so that no
secret is ever in this object.
"""

import dataclasses
from typing import Any

from protocols.batch import uploaded
from protocols.errors import DecodeError, ProtocolError
from protocols.facts import Facts, facts
from protocols.inside import parts
from protocols.mask import Masking, mask
from protocols.message import Message
from protocols.profile import Profile
from protocols.profile_files import CONFIDENCES
from protocols.walk import HEAD_BYTES, Item

ERROR_KEYS = ("layer", "field", "offset", "code", "expected", "got", "hint")


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
    error = original or error or _doubt(message)
    starred = dataclasses.replace(message, fields={number: text for number, text in shown.items() if text is not None})
    return Description(starred, said, error, tuple(work.masked))


def _doubt(message: Message) -> ProtocolError | None:
    """What does not add up in a message that can be read."""
    try:
        uploaded(message)
    except DecodeError as wrong:
        return wrong
    return None


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
        value = message.fields.get(number)
        sure = weaker(profile.confidence, spec.confidence)
        names = (spec.name, spec.zh or spec.name, spec.en or spec.name)
        rows.append((str(number), row(names, value, offset, length, sure)))
        for part in parts(message, number, found.masked):
            names = (part.name, part.zh, part.en)
            inner = row(names, part.value, offset + part.start, part.length, weaker(sure, part.confidence))
            rows.append((f"{number}.{part.key}", inner))
    return rows


def row(names: tuple[str, str, str], value: str | None, offset: int, length: int, confidence: str) -> dict[str, Any]:
    """One value of ``describe --json``.

    Args:
        names: its stable name, its Chinese and its English title.
        value: its text, masked; None when it cannot be read.
        offset: its first byte, from the first byte of the link frame.
        length: its bytes.
        confidence: how sure its meaning is.
    """
    name, zh, en = names
    said = {"name": name, "zh": zh, "en": en, "value": value, "offset": offset, "length": length}
    return {**said, "confidence": confidence}


def weaker(*confidences: str) -> str:
    """The least sure of them."""
    return max(confidences, key=CONFIDENCES.index)

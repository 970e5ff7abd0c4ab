"""What a message of the link says, value by value, masked; never raises for bad bytes."""

import dataclasses
from typing import Any

from protocols.codecs import gbk_text
from protocols.describe import ERROR_KEYS, row, weaker
from protocols.dialect import Described
from protocols.mis_9f.facts import of_message
from protocols.mis_9f.message import Item, Message, read
from protocols.mis_9f.secrets import HOST_PROFILE, overwrite
from protocols.mis_9f.words import CODE, TAGS, code_text
from protocols.profile import Profile, load_profile


def describe(profile: Profile, frame: bytes) -> Described:
    """The object of ``describe --json``, and what people should read beside it."""
    message = read(profile, frame)
    shown = _masked(message)
    rows: dict[str, dict[str, Any]] = {}
    glossary: dict[str, str] = {}
    seen: dict[str, int] = {}
    for item in shown.items:
        seen[item.key] = seen.get(item.key, 0) + 1
        key = item.key if seen[item.key] == 1 else f"{item.key}#{seen[item.key]}"
        value = f"{len(item.raw)} bytes" if item.word.kind == "iso8583" else item.value
        sure = profile.confidence if item.tag in TAGS else "assumed"
        names = (item.word.name, item.word.zh, item.word.en)
        rows[key] = row(names, value, item.start, item.end - item.start, sure)
        means = _meaning(message, item)
        if means:
            glossary[key] = means
        if item.word.kind == "iso8583" and item.raw:
            rows |= _inner(next(each for each in message.items if each.start == item.start), key)
    told = of_message(shown) if message.number is not None else None
    error = None
    if message.error is not None:
        said = message.error.as_dict()
        error = {key: said[key] for key in ERROR_KEYS}
    return Described(
        said={
            "profile": profile.name,
            "protocol": profile.dialect,
            "mti": None if message.number is None else f"{message.number:02d}",
            "operation": told.operation if told else None,
            "envelope": {
                "kind": message.envelope,
                "tpdu": None,
                "header": None,
                "missing": [] if message.envelope == profile.link.envelope else [profile.link.envelope],
            },
            "fields": rows,
            "error": error,
            "confidence": profile.confidence,
        },
        error=message.error,
        direction="" if told is None else "request" if told.is_request else "answer",
        glossary=glossary,
    )


def _masked(message: Message) -> Message:
    """The same message with asterisks for what is overwritten."""
    safe, _, masked = overwrite(message)
    items = []
    for item in message.items:
        raw = bytes(safe[item.start - message.at : item.end - message.at])
        changed = item.key in masked and item.value is not None
        value = gbk_text(raw) if changed else item.value
        items.append(item._replace(raw=raw, value=value))
    return dataclasses.replace(message, items=tuple(items))


def _meaning(message: Message, item: Item) -> str:
    """Of a type or a code what it says, in both languages."""
    if item.word.kind == "type" and item.value is not None:
        return f"{message.kind.zh}, {message.kind.en}"
    if item.tag == CODE and item.value:
        code = item.value.strip()
        return f"{code_text(code, 'zh-CN')}, {code_text(code, 'en')}"
    return ""


def _inner(item: Item, key: str) -> dict[str, dict[str, Any]]:
    """The fields of a host's message, by their numbers behind the key of what holds it; offsets in the link frame."""
    host = load_profile(HOST_PROFILE)
    found = host.speech.describe(host, item.raw).said
    rows = {}
    for number, said in found["fields"].items():
        sure = weaker(said["confidence"], "assumed")  # that the host's message is of that dialect
        rows[f"{key}.{number}"] = {**said, "offset": said["offset"] + item.start, "confidence": sure}
    return rows

"""What a frame says, value by value, masked; never raises for bad bytes."""

import dataclasses
from typing import Any

from protocols.describe import ERROR_KEYS, row, weaker
from protocols.dialect import Described
from protocols.errors import ProtocolError
from protocols.facts import Facts
from protocols.mis_df.facts import JOURNAL_LIST, of_record, shifted
from protocols.mis_df.record import Item, Record, read
from protocols.mis_df.secrets import overwrite
from protocols.mis_df.tags import APPROVED, ERRORS, PASSTHROUGH, TAGS, UNKNOWN
from protocols.profile import Profile
from protocols.responses import response_text

_PACKED = frozenset(("raw", "chip"))


def describe(profile: Profile, frame: bytes) -> Described:
    """The object of ``describe --json``, and what people should read beside it."""
    record = read(profile, frame)
    carried, error = _carried(profile, frame, record)
    safe, _, masked = overwrite(record, frame)
    items = [_starred(item, bytes(safe)) if item.key in masked else item for item in record.items]
    rows = {item.key: _row(profile, item) for item in items if item.kind != "message"}
    if carried is not None:
        rows |= _carried_rows(profile, carried, record)
    told = of_record(profile, dataclasses.replace(record, items=tuple(items))) if record.mode and not carried else []
    said = {
        "profile": profile.name,
        "protocol": profile.dialect,
        "mti": carried.said["mti"] if carried is not None else told[0].mti if told else None,
        "operation": carried.said["operation"] if carried is not None else told[0].operation if told else None,
        "envelope": _envelope(profile, record),
        "fields": rows,
        "error": None if error is None else {key: error.as_dict()[key] for key in ERROR_KEYS},
        "confidence": profile.confidence,
    }
    direction = carried.direction if carried is not None else _direction(told)
    return Described(said, error, direction, glossary=_glossary(items, carried), notes=_notes(told, carried))


def _carried(profile: Profile, frame: bytes, record: Record) -> tuple[Described | None, ProtocolError | None]:
    """The carried message described, and the first error of all."""
    if record.message is None:
        return None, record.error
    start, end = record.message
    found = profile.carried.speech.describe(profile.carried, frame[start:end])
    error = record.error
    if error is None and found.error is not None:
        error = shifted(found.error, profile.name, start)
    return found, error


def _carried_rows(profile: Profile, carried: Described, record: Record) -> dict[str, dict[str, Any]]:
    start = record.message[0] if record.message is not None else 0
    rows = carried.said["fields"].items()
    return {
        f"DF06.{carried.prefix}{key}": {
            **said,
            "offset": said["offset"] + start,
            "confidence": weaker(profile.confidence, said["confidence"]),
        }
        for key, said in rows
    }


def _row(profile: Profile, item: Item) -> dict[str, Any]:
    tag = TAGS.get(item.tag, UNKNOWN)
    sure = profile.confidence if item.tag in TAGS else "assumed"
    return row((item.name, tag.zh, tag.en), item.value, item.start, item.end - item.start, sure)


def _starred(item: Item, safe: bytes) -> Item:
    """The value with asterisks for what is overwritten."""
    if item.value is None:
        return item
    raw = safe[item.start : item.end]
    if item.kind in _PACKED or len(item.value) == 2 * len(raw):
        return dataclasses.replace(item, value="*" * len(item.value))
    return dataclasses.replace(item, value=raw.decode("gbk", "replace"))


def _envelope(profile: Profile, record: Record) -> dict[str, Any]:
    missing = [] if record.envelope == profile.link.envelope else [profile.link.envelope]
    return {"kind": record.envelope, "tpdu": None, "header": None, "missing": missing}


def _direction(told: list[Facts]) -> str:
    return "" if not told else "request" if told[0].is_request else "answer"


def _glossary(items: list[Item], carried: Described | None) -> dict[str, str]:
    means = {}
    for item in items:
        text = _response(item.value or "") if item.kind == "response" else ""
        if text:
            means[item.key] = text
    if carried is not None:
        means |= {f"DF06.{carried.prefix}{key}": text for key, text in carried.glossary.items()}
    return means


def _response(code: str) -> str:
    if code in ERRORS:
        return ", ".join(ERRORS[code])
    if len(code) != 2:
        return ""
    return ", ".join(response_text("00" if code in APPROVED else code, locale) for locale in ("zh-CN", "en"))


def _notes(told: list[Facts], carried: Described | None) -> tuple[str, ...]:
    if carried is not None:
        return (f"DF01 {PASSTHROUGH}: a message for the host, or its answer, passed on by the till", *carried.notes)
    if told and told[0].operation == JOURNAL_LIST and not told[0].is_request:
        return (f"a list of {len(told) - 1} transactions",)
    return ()

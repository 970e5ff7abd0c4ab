"""What a ZVT frame says, value by value, masked; never raises for bad bytes."""

import dataclasses
from typing import Any

from protocols.describe import ERROR_KEYS, row
from protocols.dialect import Described
from protocols.profile import Profile
from protocols.zvt.apdu import Apdu, Item, read, text_of
from protocols.zvt.facts import of_apdu
from protocols.zvt.secrets import overwrite
from protocols.zvt.words import COMMANDS, REFUSALS, line_attribute, result_text, title

UNSURE = frozenset(("tag", "rest", "data"))
"""Values nobody knows the meaning of."""


def describe(profile: Profile, frame: bytes) -> Described:
    """The object of ``describe --json``, and what people should read beside it."""
    apdu = read(frame, profile.name)
    shown = _masked(apdu) if apdu.control else apdu
    told = of_apdu(shown) if apdu.control else None
    error = None
    if apdu.error is not None:
        said = apdu.error.as_dict()
        error = {key: said[key] for key in ERROR_KEYS}
    missing = [] if apdu.envelope in {profile.link.envelope, ""} else [profile.link.envelope]
    kind = apdu.envelope if apdu.envelope == "dle" else "none"
    spans = apdu.spans
    rows: dict[str, dict[str, Any]] = {}
    for item in shown.items:
        offset, length = spans[item.key]
        sure = "assumed" if item.name in UNSURE else profile.confidence
        rows[item.key] = row((item.name, *title(item.name)), item.value, offset, length, sure)
    operation = COMMANDS.get(apdu.control, (None, ()))[0] or (told.operation if told else None)
    return Described(
        said={
            "profile": profile.name,
            "protocol": profile.dialect,
            "mti": apdu.control or None,
            "operation": operation,
            "envelope": {"kind": kind, "tpdu": None, "header": None, "missing": missing},
            "fields": rows,
            "error": error,
            "confidence": profile.confidence,
        },
        error=apdu.error,
        direction="" if told is None else "request" if told.is_request else "answer",
        glossary=_glossary(shown),
        notes=_refusal(shown),
    )


def _masked(apdu: Apdu) -> Apdu:
    """The same APDU with asterisks for what is overwritten."""
    safe, _, masked = overwrite(apdu)
    items = []
    for item in apdu.items:
        raw = bytes(safe[item.start : item.end])
        if item.key in masked:
            shown = _starred(item, raw)
        elif raw != apdu.data[item.start : item.end]:  # a container: what it holds is overwritten
            shown = dataclasses.replace(item, value=raw.hex().upper())
        else:
            shown = item
        items.append(shown)
    return dataclasses.replace(apdu, items=tuple(items))


def _starred(item: Item, raw: bytes) -> Item:
    if item.value is None:
        return item
    if item.kind == "text":
        return dataclasses.replace(item, value=text_of(raw))
    if item.kind in {"card", "secret"}:
        return dataclasses.replace(item, value=raw.hex().upper()[: len(item.value)].replace("F", "*"))
    return dataclasses.replace(item, value="*" * len(item.value))


def _refusal(apdu: Apdu) -> tuple[str, ...]:
    """Why a command was refused: the code is the second byte of the answer, 84 xx."""
    code = apdu.control[2:]
    text = ", ".join(REFUSALS.get(code, ())) or result_text(code)
    return (f"{code}  {text}",) if apdu.control[:2] == "84" and text else ()


def _glossary(apdu: Apdu) -> dict[str, str]:
    means = {}
    for key in ("27", "result", "A0"):
        code = apdu.fields.get(key)
        if code is not None and result_text(code):
            means[key] = result_text(code)
    attributes = (item for item in apdu.items if item.name == "line_attribute" and len(item.value or "") == 2)
    return means | {item.key: line_attribute(int(item.value or "", 16)) for item in attributes}

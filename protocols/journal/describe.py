"""What a record of a journal says, column by column, for people and for ``describe --json``: masked.

The values are read from the safe form of the record, so no secret is ever in this
object. A record that cannot be read has its error and no values.
"""

from typing import Any

from protocols.describe import ERROR_KEYS, row
from protocols.dump import line
from protocols.dump import lines as aligned
from protocols.errors import DecodeError, ProtocolError
from protocols.journal.evidence import Piece
from protocols.journal.formats import Shape
from protocols.journal.profile import JournalProfile
from protocols.journal.sanitise import clean


def located(wrong: DecodeError, piece: Piece, shape: Shape, protocol: str) -> ProtocolError:
    """An error in the words of ``rejects``: the record's number in its path, the byte of the file as its offset.

    A row of a table has no byte in a file: its offset is that in the row as it rests.
    """
    column = f".{wrong.path}" if wrong.path else ""
    start = 0 if shape.layout is None else piece.offset
    return DecodeError(
        wrong.message,
        protocol=protocol,
        layer="record",
        path=f"record {piece.number}{column}",
        offset=start + (wrong.offset or 0),
        code=wrong.code,
        expected=wrong.expected,
        got=wrong.got,
        hint=wrong.hint,
    )


def describe_record(profile: JournalProfile, shape: Shape, piece: Piece) -> dict[str, Any]:
    """One record as plain data: ``describe --json``, with the record's number and place; never raises for bad bytes."""
    _, wrong = shape.read(piece.data)
    told: dict[str, Any] = {
        "profile": profile.name,
        "protocol": profile.format,
        "mti": None,
        "record": piece.number,
        "offset": piece.offset,
        "length": len(piece.data),
        "layout": shape.name,
        "operation": None,
        "state": None,
        "outcome": None,
        "fields": {},
        "error": None,
        "confidence": profile.confidence,
    }
    if wrong is not None:
        facts = located(wrong, piece, shape, profile.name).as_dict()
        return told | {"error": {key: facts[key] for key in ERROR_KEYS}}
    safe = clean(shape, piece.data).record
    values, _ = shape.read(safe)
    said = shape.said(values, profile.transactions)
    fields = {}
    for name, (offset, length) in shape.spans(safe).items():
        en, zh = shape.titles(name)
        value = values[name]
        fields[name] = row((en, zh, en), str(value), offset, length, profile.confidence)
    return told | {
        "operation": said.facts.operation,
        "state": said.state,
        "outcome": said.outcome if said.facts.kind == "financial" else None,
        "fields": fields,
    }


def lines(told: dict[str, Any], *, language: str = "en", width: int | None = None) -> list[str]:
    """The same for people, aligned; columns that are empty are left out."""
    words = [told["operation"] or "no record", told["outcome"], told["state"]]
    title = " ".join(word for word in words if word)
    said = [f"record {told['record']} at {told['offset']} · {title} · {told['length']} bytes · {told['layout']}"]
    shown = [
        line(each, name, each["value"], language=language, than=told["confidence"])
        for name, each in told["fields"].items()
        if each["value"].strip("0") or name in {"sAmount", "Amount", "AMOUNT"}
    ]
    said += aligned(shown, language=language, width=width)
    if told["error"] is not None:
        error = told["error"]
        said.append(
            f"error: {error['field']} at byte {error['offset']}: expected {error['expected']}, got {error['got']}"
        )
        if error["hint"]:
            said.append(f"  try: {error['hint']}")
    return said

"""What the spool holds: one record a frame, a stretch of noise, a session, a gap or an event.

A ``PendingRecord`` is what a line has to say; a ``Record`` is the same once the
spool has given it a number. Payload coding is here, the bytes around it are in
``ingest.segment``. No record holds card data: frames are sanitised before they
become one, and noise has no bytes at all.
"""

import enum
import json
import struct
from dataclasses import dataclass, field
from typing import Any, Literal

Direction = Literal["rx", "tx", ""]
DIGEST_SIZE = 16
NO_DIGEST = bytes(DIGEST_SIZE)

FRAME_HEAD = struct.Struct(">16sQB")
_NOISE_HEAD = struct.Struct(">I16s")


class Kind(enum.IntEnum):
    """What a record is about; the low four bits of its flags byte."""

    SESSION = 1
    """A line is open: its name, profile, device, mode. Every segment starts with those of all lines."""
    FRAME = 2
    """A sanitised link frame."""
    NOISE = 3
    """Bytes that are no frame, or a frame that could not be made safe: length, digest and error only."""
    GAP = 4
    """What could not be recorded, or was lost to damage."""
    EVENT = 5
    """Something that happened on a line: unplugged, reopened, alarmed."""
    FOOTER = 15
    """The end of a sealed segment."""


@dataclass(slots=True)
class PendingRecord:
    """A record on its way to the spool, without a number; nobody changes one (frozen, it would take thrice as long).

    Times are nanoseconds: ``wall_ns`` since 1970 in UTC, ``mono_ns`` of this boot's
    monotonic clock (0 where there was none, as in a replayed capture).
    """

    kind: Kind
    line: str
    profile: str
    wall_ns: int
    mono_ns: int = 0
    direction: Direction = ""
    frame: bytes = b""
    digest: bytes = NO_DIGEST
    card_token: str | None = None
    length: int = 0
    error: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the spool numbered it.

    ``seq`` rises by one from record to record and from segment to segment;
    ``dup_of`` is the number of the first byte-identical frame of this line and
    direction among the last 4096, also of earlier runs; None for a first frame. ``boot_id`` says which boot
    ``mono_ns`` belongs to; 0 means there was no monotonic clock.
    """

    seq: int
    kind: Kind
    line: str
    profile: str
    wall_ns: int
    mono_ns: int
    boot_id: int
    direction: Direction = ""
    frame: bytes = b""
    digest: bytes = NO_DIGEST
    card_token: str | None = None
    dup_of: int | None = None
    length: int = 0
    error: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def session(
    line: str, profile: str, facts: dict[str, Any] | None = None, *, wall_ns: int, mono_ns: int = 0
) -> PendingRecord:
    """A line's session: ``facts`` are what is known of the device (path, USB identity, mode)."""
    return PendingRecord(Kind.SESSION, line, profile, wall_ns, mono_ns, facts=dict(facts or {}))


def encode_payload(record: PendingRecord, dup_of: int | None = None) -> bytes:
    """A record's payload; ``decode_payload`` gives the same values back."""
    if record.kind is Kind.FRAME:
        token = (record.card_token or "").encode("ascii")
        return FRAME_HEAD.pack(record.digest, dup_of or 0, len(token)) + token + record.frame
    if record.kind is Kind.NOISE:
        return _NOISE_HEAD.pack(record.length, record.digest) + _json(record.error or {})
    facts = dict(record.facts)
    if record.kind is Kind.SESSION:
        facts |= {"line": record.line, "profile": record.profile}
    return _json(facts)


def decode_payload(kind: Kind, payload: bytes) -> dict[str, Any]:
    """The fields of a record that its payload holds, as keyword arguments of ``Record``.

    Raises:
        ValueError: the payload is not one of that kind.
    """
    try:
        if kind is Kind.FRAME:
            digest, dup_of, width = FRAME_HEAD.unpack_from(payload)
            start = FRAME_HEAD.size
            token = payload[start : start + width].decode("ascii")
            if len(token) != width:
                raise ValueError("the card token is cut off")
            frame = payload[start + width :]
            return {
                "digest": digest,
                "dup_of": dup_of or None,
                "card_token": token or None,
                "frame": frame,
                "length": len(frame),
            }
        if kind is Kind.NOISE:
            length, digest = _NOISE_HEAD.unpack_from(payload)
            return {"length": length, "digest": digest, "error": _object(payload[_NOISE_HEAD.size :]) or None}
        return {"facts": _object(payload)}
    except struct.error:
        raise ValueError(f"the {kind.name.lower()} payload is too short") from None


def _json(facts: dict[str, Any]) -> bytes:
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise ValueError("the payload is not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("the payload is not a JSON object")  # noqa: TRY004  a wrong value, not a wrong call
    return value

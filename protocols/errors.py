"""What can be wrong with bytes or with a profile, said without the bytes.

ProtocolError
├── FrameError     not a frame of this link (length, LRC, TPDU, terminator)
├── DecodeError    the frame is sound, a field in it is not
└── ProfileError   a profile or field table is wrong; raised when it is loaded

Every error is safe to log, print, store and mail: ``expected`` and ``got`` are
lengths, codes or structure, never payload. Raise them ``from None`` at the
construct boundary, whose own messages quote data.
"""

from collections.abc import Collection, Iterable
from typing import Any


class ProtocolError(Exception):
    """Base class: where it went wrong, what was expected, what a technician checks.

    Args:
        message: what is wrong, lower case, no full stop, no payload.
        protocol: profile or dialect name, e.g. ``unionpay``.
        layer: ``link``, ``header``, ``bitmap``, ``field`` or ``profile``.
        path: the field's path, e.g. ``F55.9F02``; empty when there is none.
        offset: first byte of the failing part, from the first byte of the link frame; None when unknown.
        code: stable short name of the error, e.g. ``lrc``, ``short``, ``bcd``, ``length``.
        expected: what should have been there, in words.
        got: what was there, in words (a length, a nibble position; never the bytes).
        hint: what to check next.
    """

    def __init__(
        self,
        message: str,
        *,
        protocol: str = "",
        layer: str = "",
        path: str = "",
        offset: int | None = None,
        code: str = "",
        expected: str = "",
        got: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.protocol = protocol
        self.layer = layer
        self.path = path
        self.offset = offset
        self.code = code
        self.expected = expected
        self.got = got
        self.hint = hint

    def __str__(self) -> str:
        where = " ".join(part for part in (self.protocol, self.layer, self.path) if part)
        at = f" at byte {self.offset}" if self.offset is not None else ""
        compared = f" (expected {self.expected}, got {self.got})" if self.expected else ""
        return f"{where}{at}: {self.message}{compared}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.as_dict()))

    def as_dict(self) -> dict[str, Any]:
        """The ``error`` object of ``tillwatch describe --json`` and of the ``rejects`` table."""
        return {
            "protocol": self.protocol,
            "layer": self.layer,
            "field": self.path,
            "offset": self.offset,
            "code": self.code,
            "expected": self.expected,
            "got": self.got,
            "hint": self.hint,
        }


def breaking(errors: Iterable[ProtocolError], harmless: Collection[str]) -> ProtocolError | None:
    """The first error behind which values cannot be told apart: one whose code is not ``harmless``.

    A frame with such an error cannot be made safe, however small the error before it.
    """
    return next((each for each in errors if each.code not in harmless), None)


def _rebuild(kind: type[ProtocolError], message: str, facts: dict[str, Any]) -> ProtocolError:
    return kind(message, path=facts.pop("field"), **facts)


class FrameError(ProtocolError):
    """The bytes are not a frame of this link."""


class DecodeError(ProtocolError):
    """The frame is sound; a field in it is not."""


class ProfileError(ProtocolError):
    """A profile is wrong: no such name, unknown codec, missing source, bad link settings."""

    exit_status = 2

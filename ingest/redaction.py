"""The last look at every line that leaves for a log: what looks like a whole card number is starred out.

No message of ours holds one, and this is not what makes it so: it stands behind mistakes, ours
and those of libraries whose errors quote what they were given. It would rather star out a
number that is none than let one pass.
"""

import sys
import threading
import traceback
from types import TracebackType
from typing import Self

from protocols.sweep import in_text


class RedactedError(Exception):
    """Stands for an exception whose own text held a card number."""


def redact(text: str) -> str:
    """The text, with the middle digits of whatever looks like a card number starred out."""
    data = text.encode("utf-8", "surrogateescape")
    spans = list(in_text(data))
    if not spans:
        return text
    clean = bytearray(data)
    for first, last in spans:
        clean[first:last] = bytes(0x2A if 0x30 <= byte <= 0x39 else byte for byte in clean[first:last])
    return clean.decode("utf-8", "surrogateescape")


def redact_uncaught() -> None:
    """From now on an exception that nobody catches, in any thread, is printed redacted."""
    sys.excepthook = _print_redacted
    threading.excepthook = lambda args: _print_redacted(args.exc_type, args.exc_value, args.exc_traceback)


class RedactedErrors:
    """A block whose exceptions hold no card number when they leave: for those who log what they catch.

    An exception whose text, or that of one behind it, holds one leaves as ``RedactedError``; any
    other leaves as it is.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        if wrong is None:
            return
        said = "".join(traceback.format_exception(wrong))
        if redact(said) != said:
            raise RedactedError(f"{type(wrong).__name__}: {redact(str(wrong))}") from None


def _print_redacted(kind: type[BaseException], wrong: BaseException | None, trace: TracebackType | None) -> None:
    if sys.stderr is not None and not (issubclass(kind, SystemExit) and wrong is None):
        sys.stderr.write(redact("".join(traceback.format_exception(kind, wrong, trace))))

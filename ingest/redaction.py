"""The last look at every line that leaves for a log: what looks like a whole card number is starred out.

No message of ours holds one, and this is not what makes it so: it stands behind mistakes, ours
and those of libraries whose errors quote what they were given. It would rather star out a
number that is none than let one pass.
"""

import logging
import sys
import threading
import traceback
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from protocols.sweep import in_text

if TYPE_CHECKING:
    from collections.abc import Callable


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


def redact_output() -> None:
    """From now on log records, warnings, and exceptions that nobody catches, in any thread, leave redacted."""
    sys.excepthook = _print_redacted
    threading.excepthook = lambda args: _print_redacted(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = _print_unraisable
    redact_records()
    warnings.showwarning = _print_warning


def redact_records() -> None:
    """From now on every log record of this process is made redacted, whoever logs and whatever handles it."""
    make = logging.getLogRecordFactory()
    if not isinstance(make, _Redacting):
        logging.setLogRecordFactory(_Redacting(make))


class _Redacting:
    """A factory of log records: message and traceback are looked through before any handler has them."""

    def __init__(self, make: "Callable[..., logging.LogRecord]") -> None:
        self._make = make

    def __call__(self, *given: Any, **named: Any) -> logging.LogRecord:
        record = self._make(*given, **named)
        try:
            said = record.getMessage()
        except Exception:  # noqa: BLE001  logging would print message and arguments as they are
            said = f"{record.msg} {record.args}"
            record.msg, record.args = said, None
        if (clean := redact(said)) != said:
            record.msg, record.args = clean, None
        if record.exc_info:
            told = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
            if (clean := redact(told)) != told:
                record.exc_info, record.exc_text = None, clean
        return record


class RedactedErrors:
    """A block whose exceptions hold no card number when they leave, nor do log records from then on: for tasks.

    An exception whose text, or that of one behind it, holds one leaves as ``RedactedError``; any
    other leaves as it is.
    """

    def __enter__(self) -> Self:
        redact_records()
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


def _print_warning(*given: Any, **named: Any) -> None:
    if sys.stderr is not None:
        told = warnings.WarningMessage(*given, **named)
        sys.stderr.write(redact(warnings.formatwarning(told.message, told.category, told.filename, told.lineno)))


def _print_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    if sys.stderr is not None:
        told = "".join(traceback.format_exception(unraisable.exc_value)) if unraisable.exc_value else ""
        sys.stderr.write(redact(f"{unraisable.err_msg or 'ignored'}: {unraisable.object!r}\n{told}"))

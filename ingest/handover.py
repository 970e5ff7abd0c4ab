"""What the selector thread hands to the committer thread, and how both say what went wrong. Holds no state."""

import contextlib
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ingest.lines import Stream
from ingest.records import Kind

SET = "set"
"""The event of a line whose ports were set to another speed or framing."""


class Tell(Protocol):
    """Where events go (`ingest.dashboard.EventLog.tell`)."""

    def __call__(self, line: str, event: str, /, **facts: object) -> None:
        """One event; never payload."""


@dataclass(slots=True)
class Chunk:
    """Bytes as they were read, in which session of the port."""

    stream: Stream
    data: bytes
    wall_ns: int
    mono_ns: int
    session: int = 0


@dataclass(frozen=True, slots=True)
class Happened:
    """Something other than bytes, in its place between them.

    ``breaks`` says that the bytes after it do not continue those before it.
    """

    stream: Stream
    kind: Kind
    facts: dict[str, Any]
    wall_ns: int
    mono_ns: int
    breaks: bool = True
    session: int = 0


def ask_for_priority(nice: int) -> None:
    """Put this thread before other programs' work, where that is permitted (systemd: LimitNICE); else take its turn."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)


def describe_failure(wrong: BaseException) -> str:
    """An error in words for a log line: its own text, or the system's."""
    return wrong.strerror or type(wrong).__name__ if isinstance(wrong, OSError) else str(wrong)


def place_of(bug: BaseException) -> str:
    """File and line of the innermost frame; never the message, which may quote data."""
    trace = bug.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"

"""What the collector tells people: one log line an event, or one live table on a terminal.

``HH:MM:SS line event key=value`` to stderr; never payload. Telling never waits: events go
to a thread of their own, because a full pipe behind stderr must not stop a payment. An
event that repeats is told once in ten seconds, with the number of those left out.
"""

import queue
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, TextIO

from ingest.committer import Committer
from ingest.lines import Line
from ingest.redaction import redact

if TYPE_CHECKING:
    from rich.table import Table

QUIET_SECONDS = 10.0
WAITING_EVENTS = 1000
REPEATING = frozenset(
    {"noise", "reject", "bug", "not-recorded", "not-forwarded", "stolen", "spool-failed", "port", "trying"}
)
"""Events that a bad cable or a full disk can cause thousands of times a second."""


class EventLog:
    """Events, written by a thread of its own.

    Args:
        out: where lines go; stderr.
        quiet_seconds: a repeating event of a line is told once in this time.
    """

    def __init__(self, out: TextIO | None = None, *, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._out = out or sys.stderr
        self._quiet = quiet_seconds
        self._queue: queue.Queue[str | None] = queue.Queue(WAITING_EVENTS)
        self._told: dict[tuple[str, str], tuple[float, int]] = {}
        self._left_out = 0
        self.print = self._print
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def tell(self, line: str, event: str, /, **facts: object) -> None:
        """One event of a line (empty: of the collector). Values are numbers, codes and names; never payload."""
        now = time.monotonic()
        if event in REPEATING:
            since, silent = self._told.get((line, event), (-self._quiet, 0))
            if now - since < self._quiet:
                self._told[line, event] = (since, silent + 1)
                return
            self._told[line, event] = (now, 0)
            if silent:
                facts = {**facts, "and": f"{silent} more"}
        try:
            self._queue.put_nowait(as_line(time.strftime("%H:%M:%S"), line, event, facts))
        except queue.Full:
            self._left_out += 1

    def close(self, timeout: float = 1.0) -> None:
        """Write what waits, unless nobody reads it."""
        try:
            self._queue.put(None, timeout=timeout)
        except queue.Full:
            return
        self._thread.join(timeout)

    def _run(self) -> None:
        while (text := self._queue.get()) is not None:
            if self._left_out:
                text, self._left_out = f"{text} ({self._left_out} events before this one were not told)", 0
            try:
                self.print(redact(text))
            except (OSError, ValueError):  # stderr is closed or its reader is gone: collecting goes on
                continue

    def _print(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


def as_line(clock: str, line: str, event: str, facts: dict[str, Any]) -> str:
    """``HH:MM:SS line event key=value``; a value with a blank in it is quoted; None is left out."""
    words = [clock, line or "-", event]
    words += [f"{key}={_word(value)}" for key, value in facts.items() if value is not None and value != ""]
    return " ".join(words)


def _word(value: object) -> str:
    text = str(value).replace("\n", " ")
    return f'"{text}"' if " " in text else text


COLUMNS = (
    "line",
    "mode",
    "profile",
    "port",
    "frames",
    "last",
    "noise B",
    "rejects",
    "ACK",
    "NAK",
    "dup",
    "reconn",
    "lost B",
)

DROPPED_FIRST = ("mode", "reconn", "profile", "dup", "NAK", "ACK", "noise B", "rejects", "lost B")
"""Columns a narrow terminal goes without, in this order; the rest is always there."""
PORT_WIDTH = 16
"""How narrow the words about a port may become; they wrap."""


def rows(lines: Sequence[Line], now_ns: int) -> Iterator[tuple[str, ...]]:
    """The table's rows: one a line, counters of its directions summed."""
    for line in lines:
        heard = [side.stream.heard for side in line.sides]
        pumped = [side.pumped for side in line.sides]
        last = max(each.last_frame_ns for each in heard)
        yield (
            line.name,
            line.mode,
            line.shown_profile,
            port_state(line),
            str(sum(each.frames for each in heard)),
            age(now_ns - last) if last else "never",
            str(sum(each.noise_bytes for each in heard)),
            str(sum(each.rejects for each in heard)),
            str(sum(each.acks for each in heard)) if line.mode == "receive" else "",
            str(sum(each.naks for each in heard)) if line.mode == "receive" else "",
            str(sum(each.duplicates for each in heard)) if line.mode == "receive" else "",
            str(sum(each.reconnects for each in pumped)),
            str(sum(each.bytes_lost + each.bytes_not_forwarded for each in pumped)),
        )


def fitting(table: Sequence[Sequence[str]], width: int) -> list[str]:
    """The columns that a terminal of this width has room for, each as wide as what is in it."""
    shown = dict(zip(COLUMNS, (max(map(len, cells)) for cells in zip(COLUMNS, *table, strict=True)), strict=True))
    shown["port"] = min(shown["port"], PORT_WIDTH)
    for name in DROPPED_FIRST:
        if sum(shown.values()) + 3 * len(shown) + 1 <= width:
            break
        del shown[name]
    return list(shown)


def port_state(line: Line) -> str:
    """``open``, or which side is not there and why, in words (never colour alone)."""
    missing = [f"{side.role}: {side.trouble or 'opening'}" for side in line.sides if side.port is None]
    return ", ".join(missing) or "open"


def age(nanoseconds: int) -> str:
    """How long ago, short: ``3 s``, ``12 min``, ``5 h``."""
    seconds = max(nanoseconds, 0) // 1_000_000_000
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


def summary(line: Line, now_ns: int) -> dict[str, object]:
    """The same counters for a log line, and what the drivers counted (overruns, parity errors)."""
    values = next(rows([line], now_ns))
    driver: dict[str, object] = {}
    for side in line.sides:
        driver |= {f"{side.role}_{name}": count for name, count in side.driver_errors.items()}
    return driver | {
        name.replace(" ", "_").lower(): value
        for name, value in zip(COLUMNS, values, strict=True)
        if name not in {"line", "mode", "profile", "port"} and value not in {"", "0"}
    }


class Dashboard:
    """One live table on stderr; log lines scroll above it."""

    def __init__(self, lines: Sequence[Line], committer: Committer, events: EventLog) -> None:
        from rich.console import Console
        from rich.live import Live

        self._lines = lines
        self._committer = committer
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        events.print = self._above

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.refresh()
        self._live.stop()

    def refresh(self) -> None:
        """Draw the counters as they are now."""
        self._live.update(self._table(), refresh=True)

    def _above(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _table(self) -> "Table":
        from rich.table import Table

        done = self._committer.committed
        waiting = f", {done.backlog} waiting for the disk" if done.backlog else ""
        values = list(rows(self._lines, time.monotonic_ns()))
        shown = fitting(values, self._console.width)
        more = f"; {len(COLUMNS) - len(shown)} more columns in a wider window" if len(shown) < len(COLUMNS) else ""
        table = Table(
            title=f"tillwatch collect: {done.records} records on disk{waiting}",
            caption=f"Ctrl-C stops and seals{more}",
        )
        for name in shown:
            left = name in {"line", "mode", "profile", "port"}
            table.add_column(name, justify="left" if left else "right", no_wrap=name != "port")
        for row in values:
            cells = dict(zip(COLUMNS, row, strict=True))
            table.add_row(*(cells[name] for name in shown))
        return table

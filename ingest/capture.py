"""Captures: ``*.capture.jsonl``, one link frame a line, read without ever stopping at a broken one.

``{"t": "2026-11-21T20:41:07.123456+08:00", "line": "lane-1", "dir": "rx", "frame": "0060600003…"}``;
``rx`` is from the terminal, ``tx`` to it. A broken line is named by its number and its fault, never quoted.
"""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ingest.errors import TillwatchError
from ingest.records import Direction, Record
from ingest.segments import from_ns

LINE_LIMIT = 1 << 20
"""The longest line that is looked at; a frame is a few hundred bytes."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
FURTHEST_US = (2**63 - 1) // 1000
"""Microseconds from 1970 that fit the spool's nanoseconds (64 bits, signed)."""


class CaptureError(TillwatchError):
    """A capture is not there, cannot be read, or is none."""


@dataclass(frozen=True, slots=True)
class Captured:
    """One line of a capture. The frame's bytes are those of the wire: they must be made safe before they rest."""

    number: int
    wall_ns: int
    line: str
    direction: Direction
    frame: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that says nothing: its number from 1, and why."""

    number: int
    why: str


def read_capture(file: BinaryIO, first: int = 1) -> Iterator[Captured | Broken]:
    """Every line of a capture, in order; blank ones are passed over.

    Args:
        file: the capture, or what follows in it.
        first: the number of the first line there.
    """
    number = first - 1
    while raw := file.readline(LINE_LIMIT):
        number += 1
        ended = raw.endswith(b"\n")
        if not ended and len(raw) == LINE_LIMIT:
            while (rest := file.readline(LINE_LIMIT)) and not rest.endswith(b"\n"):
                pass
            yield Broken(number, f"longer than {LINE_LIMIT} bytes")
            continue
        if not raw.strip():
            continue
        try:
            yield _captured(number, raw)
        except ValueError as wrong:
            cut = "" if ended else "; the capture ends in the middle of it"
            yield Broken(number, f"{wrong}{cut}")


def _captured(number: int, raw: bytes) -> Captured:
    try:
        value: Any = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004  the file's fault, not the caller's
    line, direction = _text(value, "line"), _text(value, "dir")
    if not line:
        raise ValueError("line is empty")
    if direction not in {"rx", "tx"}:
        raise ValueError("dir is neither rx nor tx")
    try:
        frame = bytes.fromhex(_text(value, "frame"))
    except ValueError as wrong:
        raise ValueError(str(wrong) if str(wrong).startswith("no frame") else "frame is not hex") from None
    if not frame:
        raise ValueError("frame is empty")
    return Captured(number, _nanoseconds(_text(value, "t")), line, "rx" if direction == "rx" else "tx", frame)


def _text(value: dict[str, Any], key: str) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise ValueError(f"no {key}")  # noqa: TRY004  the file's fault, not the caller's
    return text


def _nanoseconds(text: str) -> int:
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("t is not an ISO 8601 time") from None
    if at.tzinfo is None:
        raise ValueError("t has no time zone")
    moment = (at - _EPOCH) // dt.timedelta(microseconds=1)
    if abs(moment) > FURTHEST_US:
        raise ValueError("t is out of reach: years 1678 to 2262 can be kept")
    return moment * 1000


def capture_line(record: Record, zone: dt.tzinfo = dt.UTC) -> str:
    """A FRAME record as a line of a capture, without the line end."""
    at = from_ns(record.wall_ns).astimezone(zone).isoformat(timespec="microseconds")
    return json.dumps(
        {"t": at, "line": record.line, "dir": record.direction, "frame": record.frame.hex().upper()},
        ensure_ascii=False,
    )


def open_capture(path: Path) -> BinaryIO:
    """Open a capture to read.

    Raises:
        CaptureError: it is not there, or cannot be read.
    """
    try:
        file = path.open("rb")
    except OSError as wrong:
        raise CaptureError(
            f"{path}: cannot be read: {wrong.strerror}", hint="a capture is a *.capture.jsonl file; check the path"
        ) from None
    return file

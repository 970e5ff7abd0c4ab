"""What the collector says: one line an event, never payload, never in anybody's way."""

import io
import re
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ingest.committer import Committer
from ingest.dashboard import COLUMNS, Dashboard, EventLog, age, as_line, fitting, rows, summary
from ingest.lines import Line, make_line
from ingest.occupant import CHANGED, DEVICE_CHANGED, UNEXPECTED

LINK = SimpleNamespace(baud=9600, bytesize=8, parity="N", stopbits=1)


@pytest.fixture
def lines(recorder: Any) -> list[Line]:
    """One line of each mode, with something counted."""
    made = [
        make_line("lane-1", "tiny", "receive", ["/dev/a"], link=LINK, start=lambda: recorder("lane-1")),
        make_line("lane-2", "tiny", "relay", ["/dev/b", "/dev/c"], link=LINK, start=lambda: recorder("lane-2")),
    ]
    heard = made[0].streams[0].heard
    heard.frames, heard.acks, heard.naks, heard.duplicates, heard.noise_bytes = 12, 13, 2, 1, 77
    made[1].sides[1].trouble = "missing"
    made[1].sides[0].pumped.bytes_lost = 5
    made[1].sides[1].pumped.bytes_not_forwarded = 6
    return made


def test_an_event_is_one_line() -> None:
    """``HH:MM:SS line event key=value``; blanks are quoted, line breaks and empty values are not there."""
    assert as_line("20:41:07", "lane-1", "noise", {"code": "lrc", "length": 73, "layer": None}) == (
        "20:41:07 lane-1 noise code=lrc length=73"
    )
    assert as_line("20:41:07", "", "x", {"why": "a b\nc"}) == '20:41:07 - x why="a b c"'


def test_every_event_is_in_the_manual() -> None:
    """What the collector can say is explained in docs/collector.md, and nothing there is made up."""
    root = Path(__file__).resolve().parents[3]
    told = {CHANGED, UNEXPECTED, DEVICE_CHANGED}
    for name in (
        "collector.py",
        "committer.py",
        "acknowledging.py",
        "asking.py",
        "detection.py",
        "airflow_notice.py",
        "health.py",
        "keyguard.py",
        "shipping.py",
        "wiring.py",
        "commands/collect.py",
    ):
        source = (root / "ingest" / name).read_text()
        told |= set(re.findall(r'tell\(\s*[^,()]*(?:\([^()]*\))?[^,()]*,\s*"([a-z-]+)"', source))
        told |= set(re.findall(r'"(reopened)" if side.seen else "open"', source)) | {"open"}
    manual = (root / "docs" / "collector.md").read_text().partition("## Events")[2].partition("## As a service")[0]
    listed = {
        word for row in re.findall(r"^\| (`.*?) \|", manual, re.MULTILINE) for word in re.findall(r"`([a-z-]+)`", row)
    }

    assert told == listed


def test_a_repeating_event_is_told_once_with_its_number() -> None:
    """A bad cable does not fill the journal: the next one that is told counts those that were not."""
    out = io.StringIO()
    log = EventLog(out, quiet_seconds=600)
    for _ in range(1000):
        log.tell("lane-1", "noise", length=3)
    log.tell("lane-2", "noise", length=3)
    log.tell("lane-1", "unplugged")
    log._quiet = 0.0  # the time is over
    log.tell("lane-1", "noise", length=4)
    log.close()
    said = out.getvalue().splitlines()

    assert [re.sub(r"^[\d:]{8} ", "", line) for line in said] == [
        "lane-1 noise length=3",
        "lane-2 noise length=3",
        "lane-1 unplugged",
        'lane-1 noise length=4 and="999 more"',
    ]


def test_a_stuck_reader_of_stderr_holds_up_nobody() -> None:
    """The pipe behind stderr is full: telling returns at once, for ever, in bounded memory."""
    gate = threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            gate.wait(60)
            return super().write(text)

    out = Stuck()
    log = EventLog(out)
    for number in range(5000):
        log.tell("lane-1", "open", number=number)

    assert out.getvalue() == ""
    gate.set()
    log.close(5)
    said = out.getvalue().splitlines()
    assert 1000 <= len(said) <= 1002
    assert "not told" in "".join(said)


def test_a_closed_stderr_is_survived() -> None:
    """Whoever read stderr has gone: events are dropped, nothing is raised."""
    out = io.StringIO()
    log = EventLog(out)
    out.close()
    log.tell("lane-1", "open")
    log.close()


def test_the_table_has_every_counter(lines: list[Line]) -> None:
    """Each line is a row; what is missing is said in words; relays show no ACKs."""
    first, second = rows(lines, 10**12)
    table = dict(zip(COLUMNS, first, strict=True))

    assert (table["frames"], table["ACK"], table["NAK"], table["dup"], table["noise B"]) == ("12", "13", "2", "1", "77")
    assert table["last"] == "never"
    relay = dict(zip(COLUMNS, second, strict=True))
    assert relay["ACK"] == ""
    assert relay["port"] == "terminal: opening, host: missing"
    assert relay["lost B"] == "11"
    assert summary(lines[0], 0)["frames"] == "12"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_narrow_terminal_shows_fewer_columns_and_whole_ones(
    lines: list[Line], spool: Any, told: Any, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """At 40 columns a line's name, port, frames and age can be read; a wide one has all."""
    import rich.console

    screen = io.StringIO()
    real = rich.console.Console
    monkeypatch.setattr(
        "rich.console.Console", lambda **_: real(file=screen, force_terminal=True, width=width, no_color=True)
    )
    log = EventLog(io.StringIO())
    with Dashboard(lines, Committer(lambda: spool, tell=told), log):
        log.close()

    drawn = screen.getvalue()
    shown = fitting(list(rows(lines, time.monotonic_ns())), width)
    assert all(word in drawn for word in ("lane-1", "lane-2", "never", *shown))
    assert {"line", "port", "frames", "last"} <= set(shown)
    assert (shown == list(COLUMNS)) == ("wider window" not in drawn) == (width == 200)


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (119, "119 s"), (180, "3 min"), (7200, "2 h")])
def test_ages_are_short(seconds: int, words: str) -> None:
    """How long ago the last frame was, at a glance."""
    assert age(seconds * 10**9) == words


def test_the_live_table_draws_and_events_scroll_above(
    lines: list[Line], spool: Any, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal: a table with every line, and the events as lines above it."""
    import rich.console

    screen = io.StringIO()
    real = rich.console.Console
    monkeypatch.setattr(
        "rich.console.Console", lambda **_: real(file=screen, force_terminal=True, width=150, no_color=True)
    )
    log = EventLog(io.StringIO())
    with Dashboard(lines, Committer(lambda: spool, tell=told), log) as dashboard:
        log.tell("lane-1", "reopened", side="terminal")
        dashboard.refresh()
        log.close()

    assert "lane-2" in screen.getvalue()
    assert "lane-1 reopened side=terminal" in screen.getvalue()

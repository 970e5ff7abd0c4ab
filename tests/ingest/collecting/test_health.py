"""What the collector says of itself: alive, ready, and what an operator should look at."""

import datetime as dt
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import tty
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingest.collector import Collector
from ingest.committer import Committer
from ingest.errors import UsageError
from ingest.health import GIBBERISH_BYTES, STUCK_SECONDS, Watchman
from ingest.keys import create_keys, derive
from ingest.lines import Line, make_line
from ingest.metrics import Server, exposition
from ingest.mirror import Mirrored
from ingest.recording import Recorder
from ingest.records import session
from ingest.settings import Health
from ingest.spool import Spool
from protocols.profile import load_profile
from protocols.sanitise import CardKeys

ZONE = ZoneInfo("Asia/Shanghai")
NOON = dt.datetime(2026, 11, 22, 12, 0, tzinfo=ZONE)
NIGHT = dt.datetime(2026, 11, 22, 3, 0, tzinfo=ZONE)
CALL = [sys.executable, "-c", "from ingest.cli import main; main()"]


def a_line(name: str) -> Line:
    """A line whose port is open."""
    profile, keys = load_profile("leshua"), CardKeys(key_id="k1", pan=bytes(32), digest=bytes(32))
    line = make_line(
        name, "leshua", "receive", ["/dev/none"], link=profile.link, start=lambda: Recorder(profile, keys, name)
    )
    line.sides[0].port = object()  # type: ignore[assignment]
    return line


class Running:
    """A collector's parts that run as far as the watchman can see."""

    def __init__(self, folder: Path) -> None:
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        self.now = NOON
        self.line = a_line("lane-1")
        self._folder = folder
        tell = lambda line, event, /, **facts: self.told.append((line, event, facts))  # noqa: E731
        self.committer = Committer(lambda: None, tell=tell)  # type: ignore[arg-type, return-value]
        self.collector = Collector([self.line], self.committer, tell)
        stay = threading.Event()
        for part in (self.committer, self.collector):
            thread = threading.Thread(target=stay.wait, daemon=True)
            part._thread = thread
            thread.start()
        self.end = stay.set
        self._tell = tell
        self.watchman = self.watch(self.line)

    def watch(self, *lines: Line) -> Watchman:
        """Somebody who looks at these lines."""
        return Watchman(
            lines,
            self.collector,
            self.committer,
            directory=self._folder,
            health=Health(silent_minutes=60, disk_percent=100),
            zone=ZONE,
            tell=self._tell,
            now=lambda: self.now,
        )

    def codes(self) -> list[str]:
        """Why it is not ready."""
        self.collector.turned = max(self.collector.turned, time.monotonic() - 1) if self.moving else 0.0
        return [trouble.code for trouble in self.watchman.is_ready()]

    moving = True


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path)
    yield made
    made.end()


def test_a_collector_that_works_is_alive_and_ready(running: Running):
    """Nothing is wrong: nothing is told."""
    assert running.watchman.is_alive() == []
    assert running.codes() == []
    running.watchman.look()
    assert running.told == []


def test_what_hangs_or_ended_is_named(running: Running):
    """A pump that hangs needs a restart; a hanging disk does not, for a restart would cut the relays."""
    running.collector.turned = time.monotonic() - STUCK_SECONDS - 1
    assert [trouble.code for trouble in running.watchman.is_alive()] == ["pump_hangs"]
    running.collector.turned = time.monotonic()
    running.committer.worked = time.monotonic() - STUCK_SECONDS - 1
    assert running.watchman.is_alive() == []
    assert running.codes() == ["commits_stopped"]
    running.end()
    running.committer._thread.join()
    running.collector._thread.join()
    assert [trouble.code for trouble in running.watchman.is_alive()] == ["pump_ended", "committer_ended"]


def test_a_port_that_is_missing_and_bytes_that_never_become_a_frame_are_not_ready(running: Running):
    """The healthy-looking zombie: bytes come, nothing is collected."""
    side = running.line.sides[0]
    side.port, side.trouble = None, "missing"
    assert running.codes() == ["port_missing"]
    side.port = object()  # type: ignore[assignment]
    running.codes()
    side.pumped.bytes_read += GIBBERISH_BYTES
    running.watchman._looks["lane-1"].at -= 3600
    assert running.codes() == ["gibberish"]
    running.line.streams[0].heard.frames += 1
    assert running.codes() == []


def test_a_silent_terminal_is_an_alarm_in_opening_hours_and_told_once(running: Running):
    """Told when it begins and when it ends; at night silence is the rule."""
    running.line.sides[0].last_read_at = time.monotonic() - 3601

    running.now = NIGHT
    assert running.watchman.alarms() == []
    running.now = NOON
    running.watchman.look()
    running.watchman.look()
    running.line.sides[0].last_read_at = time.monotonic()
    running.watchman.look()

    assert sorted((event, line, facts["what"]) for line, event, facts in running.told) == [
        ("alarm", "", "no_bytes"),
        ("alarm", "lane-1", "silent"),
        ("alarm-over", "", "no_bytes"),
        ("alarm-over", "lane-1", "silent"),
    ]


def test_no_byte_on_any_line_is_not_ready_in_opening_hours(running: Running):
    """Ports are open, nothing hangs, and nothing comes: one silent line is an alarm, all of them are no collecting."""
    other = a_line("lane-2")
    watchman = running.watch(running.line, other)
    running.collector.turned = time.monotonic()
    running.line.sides[0].last_read_at = time.monotonic() - 3601
    other.sides[0].last_read_at = time.monotonic()
    assert watchman.is_ready() == []
    assert 'tillwatch_trouble{code="silent",line="lane-1",severity="warning"} 1.0' in exposition(watchman)

    other.sides[0].last_read_at = time.monotonic() - 3601

    assert [trouble.code for trouble in watchman.is_ready()] == ["no_bytes"]
    assert 'tillwatch_trouble{code="no_bytes",line="",severity="critical"} 1.0' in exposition(watchman)
    running.now = NIGHT
    assert watchman.is_ready() == []


def test_a_clock_that_was_never_set_is_an_alarm(running: Running):
    """1970 after an empty battery: records are made, and their days are wrong."""
    running.now = dt.datetime(1970, 1, 1, 0, 5, tzinfo=dt.UTC)
    running.watchman.look()
    assert running.watchman.is_ready() == []
    assert 'tillwatch_trouble{code="clock",line="",severity="warning"} 1.0' in exposition(running.watchman)
    running.now = NOON
    running.watchman.look()
    assert [(event, facts["what"]) for _, event, facts in running.told] == [("alarm", "clock"), ("alarm-over", "clock")]


def test_a_disk_that_fills_is_told_before_it_is_full(running: Running):
    """Ten points before the limit an alarm, at the limit not ready."""
    used = running.watchman.disk_percent()
    assert 0 < used < 100
    for limit, ready, alarms in ((used + 5, [], ["disk_filling"]), (used - 1, ["disk_full"], []), (100, [], [])):
        running.watchman._health = Health(disk_percent=min(limit, 100))
        assert running.codes() == ready
        if limit < 100:
            assert [trouble.code for trouble in running.watchman.alarms()] == alarms


def fetch(address: str, page: str) -> tuple[int, str]:
    """A page of a server on this machine."""
    try:
        with urllib.request.urlopen(f"http://{address}{page}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def test_an_address_that_is_taken_is_a_users_error(running: Running):
    """One line: whose setting, which address, what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UsageError, match=f"health.listen: {address}: Address already in use"):
            Server(running.watchman, address)


@pytest.mark.slow
def test_a_real_collector_tells_systemd_and_monitors_how_it_is(tmp_path: Path):
    """READY and WATCHDOG to the manager's socket; ready with its terminal, not without it; metrics that count."""
    create_keys(tmp_path / "var/keys/pan-token.key")
    master, slave = os.openpty()
    tty.setraw(slave)
    link = tmp_path / "lane"
    link.symlink_to(os.ttyname(slave))
    (tmp_path / "tillwatch.toml").write_text('[health]\nlisten = "127.0.0.1:0"\n')
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.settimeout(60)
    collector = subprocess.Popen(
        [*CALL, "collect", f"--receive=lane={link}:leshua"],
        cwd=tmp_path,
        env=os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "READY=1" in manager.recv(1000).decode()
        assert manager.recv(1000) == b"WATCHDOG=1"
        assert collector.stderr is not None
        address = ""
        while not address:
            found = re.search(r"health at=http://([\d.:]+)/", collector.stderr.readline())
            address = found[1] if found else ""
        fields = {3: "000000", 4: "000000000100", 11: "000001", 25: "00", 41: "10000001", 60: "22000001"}
        os.write(master, load_profile("leshua").build("0200", fields))
        assert select.select([master], [], [], 60)[0]
        assert os.read(master, 10) == b"\x06"

        assert fetch(address, "/healthz") == (200, '{"ok": true, "troubles": []}\n')
        assert fetch(address, "/readyz")[0] == 200
        status, metrics = fetch(address, "/metrics")
        assert status == 200
        assert 'tillwatch_frames_total{direction="rx",line="lane"} 1.0' in metrics
        assert 'tillwatch_acks_total{direction="rx",line="lane"} 1.0' in metrics
        assert 'tillwatch_port_open{line="lane",side="terminal"} 1.0' in metrics
        assert re.search(r"tillwatch_spool_records_total [2-9]", metrics)
        assert fetch(address, "/etc/passwd")[0] == 404

        link.unlink()
        os.close(master)
        os.close(slave)
        deadline = time.monotonic() + 60
        while fetch(address, "/readyz")[0] == 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        status, said = fetch(address, "/readyz")
        assert (status, [each["code"] for each in json.loads(said)["troubles"]]) == (503, ["port_missing"])
        assert fetch(address, "/healthz")[0] == 200
    finally:
        collector.send_signal(signal.SIGTERM)
        collector.communicate(timeout=60)
        manager.close()
    assert collector.returncode == 0


def test_one_of_two_disks_that_is_out_is_not_ready(running: Running, tmp_path: Path):
    """The spool goes on with the other disk, and whoever looks is told which one is out and why."""
    (tmp_path / "not-a-folder").write_text("")
    mirror = Mirrored(tmp_path, tmp_path / "not-a-folder" / "mirror")
    running.watchman._mirror = mirror
    assert running.codes() == []
    with Spool(tmp_path, derive("k1", bytes(32)), disk=mirror) as spool:
        spool.append_many([session("lane-1", "leshua", wall_ns=1)])
        assert running.codes() == ["mirror_out"]
        [trouble] = running.watchman.is_ready()
        assert "not-a-folder" in trouble.said
        assert "Not a directory" in trouble.said
        assert any("going on with the other" in note for note in spool.recovery.notes)

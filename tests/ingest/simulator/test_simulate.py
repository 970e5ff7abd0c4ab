import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ingest.commands.simulate import simulate
from ingest.simulator.draft import DIALECT
from ingest.simulator.play import ANSWER_TPDU, REQUEST_TPDU, Pace, Play
from ingest.simulator.pty import DeviceFolder
from ingest.simulator.rehearsal import rehearse
from ingest.simulator.scenario import take_seats
from ingest.simulator.scenarios import MERCHANTS, write_scenario
from protocols.profile import Profile, load_profile, profiles_speaking
from tests.ingest.simulator.conftest import DAY, FakeCollector

PROFILES = {name: load_profile(name) for name in profiles_speaking(DIALECT)}
START = "import sys; from ingest.cli import main; sys.argv[0] = 'tillwatch'; main()"


def attach(collector: FakeCollector, lines: Iterable[dict[str, Any]]) -> None:
    for line in lines:
        profile = PROFILES[line["profile"]]
        paths = [Path(line[key]) for key in ("device", "peer") if line[key]]
        getattr(collector, {"relay": "relay", "listen": "listen", "receive": "receive"}[line["mode"]])(*paths, profile)


@pytest.mark.parametrize("name", ["shop-day", "quiet-day"])
def test_the_wires_carry_what_was_rehearsed(tmp_path, four_seats, collector, name):
    """Played over pseudo-terminals in all three modes, a day is the rehearsed one, frame by frame and line by line."""
    scenario = write_scenario(name, four_seats, DAY, 2)
    rehearsal = rehearse(scenario)
    with DeviceFolder(tmp_path) as folder:
        play = Play(scenario, PROFILES, folder, pace=Pace(), patience=20)
        attach(collector, play.devices())
        assert play.run()
        play.compare(rehearsal)
    collector.stop()
    heard: dict[str, list[bytes]] = {}
    for device, frame in collector.frames:
        heard.setdefault(device.removesuffix(".host"), []).append(frame)
    for seat in scenario.seats:
        profile = PROFILES[seat.profile]
        expected = [
            profile.build(s.draft.mti, s.draft.fields, tpdu=REQUEST_TPDU if s.is_request else ANSWER_TPDU)
            for s in rehearsal.heard
            if s.seat == seat
        ]
        if seat.mode == "receive":  # an exchange told again: the lost ACK, and the reprint
            assert len(heard[seat.line]) == len(expected) + 4 + play.tally.repeats
            assert list(dict.fromkeys(heard[seat.line])) == list(dict.fromkeys(expected))
        else:
            assert heard[seat.line] == expected


def test_a_line_that_stops_ends_the_play(tmp_path, four_seats, collector):
    """`stop` ends every line at its next message, and the play says that it did not end by itself."""
    scenario = write_scenario("traffic", four_seats, DAY, 2)
    with DeviceFolder(tmp_path) as folder:
        play = Play(scenario, PROFILES, folder, pace=Pace(rate=50))
        attach(collector, play.devices())
        threading.Timer(0.7, play.stop).start()
        assert not play.run()
        assert play.tally.steps > 0
        assert play.attached == ["lane-1", "lane-2", "lane-3", "lane-4"]


def test_the_command_prints_devices_then_plays(tmp_path):
    """A process of its own: devices as JSON lines, then the play, then a summary, and the names are gone."""
    options = ["--lines", "2", "--count", "5", "--devices", str(tmp_path / "devices"), "--json"]
    command = [sys.executable, "-c", START, "simulate", "traffic", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert [line["mode"] for line in lines] == ["relay", "receive"]
        fds = [os.open(lines[0][key], os.O_RDWR | os.O_NOCTTY) for key in ("device", "peer")]
        pump = [threading.Thread(target=_pass_on, args=pair, daemon=True) for pair in itertools.permutations(fds)]
        for thread in pump:
            thread.start()
        port = os.open(lines[1]["device"], os.O_RDWR | os.O_NOCTTY)
        threading.Thread(target=_acknowledge, args=(port, PROFILES[lines[1]["profile"]]), daemon=True).start()
        summary = json.loads(process.stdout.readline())
        assert process.wait(20) == 0
    assert summary["steps"] == 10
    assert summary["frames"] == 20
    assert list((tmp_path / "devices").glob("lane*")) == []


def _pass_on(source: int, target: int) -> None:
    with contextlib.suppress(OSError):
        while data := os.read(source, 4096):
            os.write(target, data)


def _acknowledge(port: int, profile: Profile) -> None:
    deframer = profile.deframer()
    with contextlib.suppress(OSError):
        while data := os.read(port, 4096):
            os.write(port, b"\x06" * len(deframer.feed(data)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(tmp_path, number):
    """Nobody attached, a signal: a summary, no traceback, no device left behind."""
    command = [sys.executable, "-c", START, "simulate", "traffic", "--devices", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        words = [process.stdout.readline().split() for _ in range(4)]
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert [word[0] for word in words] == ["--relay", "--receive", "--line", "--relay"]
    assert "stopped early" in out
    assert "Traceback" not in err
    assert list(tmp_path.glob("lane*")) == []


def test_wrong_words_are_told(tmp_path):
    """An unknown scenario, and a truth of what has no end: one line each."""
    runner = CliRunner()
    unknown = runner.invoke(simulate, ["shopday", "--devices", str(tmp_path)])
    assert "no scenario" in str(unknown.exception)
    endless = runner.invoke(simulate, ["traffic", "--truth", str(tmp_path / "t"), "--devices", str(tmp_path)])
    assert "no end" in str(endless.exception)


def test_modes_and_profiles_can_be_chosen(tmp_path):
    """`--profile` and `--mode` go in turn over the lines."""
    seats = take_seats([("leshua", True)], 3, merchants=MERCHANTS)
    with DeviceFolder(tmp_path) as folder:
        play = Play(write_scenario("traffic", seats, DAY, 1), PROFILES, folder, pace=Pace())
        assert Counter(line["mode"] for line in play.devices()) == {"receive": 3}
        assert next(play.devices())["value"] == f"lane-1={tmp_path}/lane-1:leshua"

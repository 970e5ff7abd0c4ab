"""A line whose profile is auto, over real pseudo-terminals and the whole pump: found, and nothing heard is lost."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.collector import Collector
from ingest.committer import Committer
from ingest.detection import MOST_BYTES
from ingest.keys import create_keys, load_keys
from ingest.lines import SILENCE_NS, LinkSettings
from ingest.ports import READ_SIZE, Port, open_port
from ingest.records import Kind
from ingest.settings import Line
from ingest.speeds import LineSetting
from ingest.wiring import make_lines
from protocols.profile import available_profiles, load_profile
from tests.ingest.collecting.uart import Uart
from tests.protocols.spoken import HOST, TERMINAL, payments, spoken


class Rig:
    """A collector with a spool in memory."""

    def __init__(self, folder: Path, spool: Any, told: Any, **words: Any) -> None:
        create_keys(folder / "pan-token.key")
        keys = load_keys(folder / "pan-token.key")
        self.spool, self.told = spool, told
        (self.line,) = make_lines([Line(name="lane", profile="auto", **words)], keys, told)
        self.committer = Committer(lambda: spool, tell=told)
        self.collector = Collector([self.line], self.committer, told)
        self.collector.open_all()
        self.collector.start()
        self.committer.start(self.collector.answer, spool, self.collector.tune)

    def stop(self) -> None:
        if self.collector.is_alive:
            assert self.collector.stop_reading(30)
            assert self.committer.stop(30)
            assert self.collector.stop(30)

    def frames(self) -> Any:
        return self.spool.kinds(Kind.FRAME)

    def found(self) -> Any:
        """The session that says what was found."""
        return [each for each in self.spool.kinds(Kind.SESSION) if "detected" in each.facts]


@pytest.fixture
def rig(tmp_path: Path, spool: Any, told: Any) -> Iterator[Callable[..., Rig]]:
    """Starts one; stops it with the test."""
    made: list[Rig] = []

    def start(**words: Any) -> Rig:
        made.append(Rig(tmp_path, spool, told, **words))
        return made[-1]

    yield start
    for each in made:
        each.stop()


@pytest.mark.parametrize("name", available_profiles())
def test_every_profile_is_found_on_a_tap(name: str, rig: Any, wires: Any, until: Any) -> None:
    """Two taps of a real line: the profile or its named tie, and every frame of both directions recorded with it."""
    near, far = wires("near"), wires("far")
    made = rig(mode="listen", device=str(near.name), peer=str(far.name))
    said = spoken(name)
    for wire, frames in ((near, said[TERMINAL]), (far, said[HOST])):
        for frame in frames:
            wire.write(frame)
    total = sum(len(frame) for frames in said.values() for frame in frames)
    until(lambda: sum(side.pumped.bytes_read for side in made.line.sides) == total)
    made.stop()

    (session,) = made.found()
    detected = session.facts["detected"]
    assert session.profile == detected["profile"]
    assert detected["profile"] in {name, *load_profile(name).extends}
    assert name in {detected["profile"], *detected["ties"]}
    assert detected["sure"]
    assert session.facts["mode"] == "listen"
    for direction in (TERMINAL, HOST):
        assert sum(each.direction == direction for each in made.frames()) == len(said[direction])
    assert {each.profile for each in made.frames()} == {detected["profile"]}


@pytest.mark.parametrize(("other", "frames", "noise"), [({"stopbits": 2}, 3, []), ({"baud": 19200}, 2, [20])])
def test_only_what_bytes_are_read_by_cuts_a_frame(
    other: dict[str, Any], frames: int, noise: list[int], rig: Any, wires: Any, until: Any
) -> None:
    """Half a frame is said when the line is set anew: other stop bits are no other bytes, another speed is."""
    wire = wires("terminal")
    made = rig(mode="listen", device=str(wire.name))
    (side,) = made.line.sides
    first, second, third = payments(load_profile("leshua"))[TERMINAL]
    wire.write(first + second)
    until(lambda: len(made.frames()) == 2)
    before = side.pumped.bytes_read
    wire.write(third[:20])
    until(lambda: side.pumped.bytes_read == before + 20)
    heard = LineSetting(side.link.baud, side.link.bytesize, side.link.parity, side.link.stopbits)
    made.collector.tune(side.stream, dataclasses.replace(heard, **other))
    until(lambda: made.spool.kinds(Kind.EVENT))
    wire.write(third[20:])
    until(lambda: side.pumped.bytes_read == before + len(third))
    made.stop()

    assert len(made.frames()) == frames
    assert [each.length for each in made.spool.kinds(Kind.NOISE)][:1] == noise


def test_bytes_before_the_verdict_keep_their_times_and_their_place(rig: Any, wires: Any, until: Any) -> None:
    """The first frame is recorded with the moment it was heard, not with that of the verdict."""
    wire = wires("terminal")
    made = rig(mode="listen", device=str(wire.name))
    first, second, _ = payments(load_profile("leshua"))[TERMINAL]
    wire.write(first)
    until(lambda: made.line.sides[0].pumped.bytes_read == len(first))
    time.sleep(0.4)
    assert not made.frames()
    wire.write(second)
    until(lambda: len(made.frames()) == 2)

    one, two = made.frames()
    assert two.wall_ns - one.wall_ns > 300_000_000
    assert two.mono_ns - one.mono_ns > 300_000_000
    kinds = [record.kind for record in made.spool.records]
    assert kinds == [Kind.SESSION, Kind.SESSION, Kind.FRAME, Kind.FRAME]


def test_the_log_and_the_table_say_what_was_found(rig: Any, wires: Any, until: Any, told: Any) -> None:
    """`auto`, and then what it was, with the evidence and the profiles nothing heard can tell it from."""
    wire = wires("terminal")
    made = rig(mode="listen", device=str(wire.name))
    assert made.line.shown_profile == "auto"
    for frame in payments(load_profile("lakala"))[TERMINAL]:
        wire.write(frame)
    until(lambda: told.named("found"))

    ((line, _, facts),) = told.named("found")
    assert line == "lane"
    assert facts["profile"].startswith("auto -> unionpay (")
    assert "no checksum on this link" in facts["profile"]
    assert facts["equal"] == "lakala, shengpay"
    assert made.line.shown_profile == facts["profile"]


@pytest.mark.slow
def test_a_relay_passes_the_first_byte_on_before_anything_is_known(rig: Any, wires: Any, until: Any) -> None:
    """Law 5: nobody's payment waits for the verdict, and garbage does not move the relay's speed."""
    near, far = wires("near"), wires("far")
    made = rig(mode="relay", device=str(near.name), peer=str(far.name))
    near.write(b"\xe0" * 40)
    assert far.read(40) == b"\xe0" * 40
    time.sleep(3.4)
    said = payments(load_profile("unionpay"))
    for asked, answered in zip(said[TERMINAL], said[HOST], strict=True):
        near.write(asked)
        assert far.read(len(asked)) == asked
        far.write(answered)
        assert near.read(len(answered)) == answered
    until(lambda: len(made.frames()) == 6)

    assert not made.told.named("trying")
    assert made.told.named("unknown")
    assert sum(each.length for each in made.spool.kinds(Kind.NOISE)) == 40


def test_a_receiver_is_silent_before_the_verdict_and_acknowledges_what_it_hears_then(
    rig: Any, wires: Any, until: Any, monkeypatch: Any
) -> None:
    """No ACK and no NAK for what is not known; a frame that was heard long before is not acknowledged late."""
    monkeypatch.setitem(SILENCE_NS, "receive", 2_000_000_000)  # a busy machine's pause between two pieces is none
    wire = wires("terminal")
    made = rig(mode="receive", device=str(wire.name))
    frame = payments(load_profile("leshua"))[TERMINAL][0]
    wire.write(frame)
    assert wire.read_nothing(0.6) == b""
    wire.write(frame)  # the terminal got no answer and sends it again
    assert wire.read(1) == b"\x06"
    assert wire.read_nothing(0.3) == b""
    wire.write(frame[:20])
    time.sleep(0.1)
    wire.write(frame[20:])  # in two pieces
    assert wire.read(1) == b"\x06"
    wire.write(frame[:-1] + bytes((frame[-1] ^ 1,)))
    assert wire.read(1) == b"\x15"
    until(lambda: len(made.frames()) == 3)


@pytest.mark.slow
def test_the_collector_finds_the_speed_and_keeps_every_byte(rig: Any, wires: Any, monkeypatch: Any) -> None:
    """At the wrong speed what comes is garbage, counted as noise; the port is set otherwise until it is not."""
    sent = LineSetting(115200)
    made_ports: list[Uart] = []

    def opener(device: str, link: LinkSettings) -> Port:
        made_ports.append(Uart(open_port(device), sent, LineSetting(link.baud)))
        return made_ports[-1]

    monkeypatch.setattr("ingest.lines.open_device", opener)
    monkeypatch.setitem(SILENCE_NS, "listen", 200_000_000)
    wire = wires("terminal")
    made = rig(mode="listen", device=str(wire.name))
    frames = payments(load_profile("leshua"))[TERMINAL]
    while not made.found():
        for frame in frames:
            wire.write(frame)
        time.sleep(0.5)
    time.sleep(0.5)
    made.stop()

    (session,) = made.found()
    assert session.profile == "leshua"
    assert session.facts["detected"]["setting"] == "115200 8N1"
    assert made_ports[0].tuned[-1] == sent
    assert next(each.facts for each in made.spool.kinds(Kind.EVENT)) == {"event": "set", "setting": "115200 8N1"}
    side = made.line.sides[0]
    told = made.frames() + made.spool.kinds(Kind.NOISE)
    assert sum(each.length for each in told) == side.pumped.bytes_read
    assert len(made.frames()) >= 3


def test_what_is_too_much_to_keep_is_noise_with_its_length_and_digest(rig: Any, wires: Any, until: Any) -> None:
    """Bytes nobody understands: every one is counted, none is written; memory is bounded."""
    wire = wires("terminal")
    made = rig(mode="listen", device=str(wire.name))
    babble = bytes(range(256)) * 1600
    wire.write(babble)
    until(lambda: made.line.sides[0].pumped.bytes_read == len(babble))
    made.stop()

    noise = made.spool.kinds(Kind.NOISE)
    assert sum(each.length for each in noise) == len(babble)
    assert all(each.error["code"] == "undetected" and any(each.digest) and not each.frame for each in noise)
    assert max(each.length for each in noise) <= MOST_BYTES + READ_SIZE
    assert made.told.named("not-detected")


def test_a_line_that_ends_in_doubt_is_read_with_the_likeliest_and_says_so(rig: Any, wires: Any, until: Any) -> None:
    """One frame is no verdict; at the end it is recorded all the same, and the session says that it is not sure."""
    wire = wires("terminal")
    made = rig(mode="listen", device=str(wire.name))
    wire.write(payments(load_profile("leshua"))[TERMINAL][0])
    until(lambda: made.line.sides[0].pumped.bytes_read > 0)
    made.stop()

    (session,) = made.found()
    assert session.profile == "leshua"
    assert session.facts["detected"]["sure"] is False
    assert len(made.frames()) == 1


def test_a_terminal_s_usb_ids_name_one_of_equals(rig: Any, wires: Any, until: Any, monkeypatch: Any) -> None:
    """What the device is breaks a tie."""
    monkeypatch.setattr("ingest.wiring.speaks", lambda ids: ("shengpay",) if ids == "2FB8:2116" else ())
    monkeypatch.setattr("ingest.tty.usb_identity", lambda device: {"device": device, "usb": "2FB8:2116"})
    wire = wires("terminal")
    made = rig(mode="listen", device=str(wire.name))
    for frame in payments(load_profile("lakala"))[TERMINAL]:
        wire.write(frame)
    until(made.found)

    assert made.found()[0].profile == "shengpay"
    assert made.found()[0].facts["detected"]["ties"] == ["unionpay", "lakala"]


def test_a_speed_that_is_said_is_kept(rig: Any, wires: Any, until: Any, monkeypatch: Any) -> None:
    """`baud` in the settings is the only one: garbage does not move it, and a named profile's line has it too."""
    opened: list[LinkSettings] = []

    def opener(device: str, link: LinkSettings) -> Port:
        opened.append(link)
        return open_port(device)

    monkeypatch.setattr("ingest.lines.open_device", opener)
    monkeypatch.setitem(SILENCE_NS, "listen", 100_000_000)
    wire = wires("terminal")
    made = rig(mode="listen", device=str(wire.name), baud=57600)
    wire.write(b"\xe0" * 40)
    until(lambda: made.told.named("unknown"))

    assert [each.baud for each in opened] == [57600]
    assert not made.told.named("trying")

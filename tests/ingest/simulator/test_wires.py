import os
import select
import threading
import time

import pytest

from ingest.errors import DeviceError
from ingest.simulator.pty import DeviceFolder
from ingest.simulator.wires import Listen, Patience, Receive, Relay, SimulationError, StoppedError
from ingest.stopping import Stop
from protocols.profile import Profile, load_profile

PLAIN = load_profile("unionpay")
LINKED = load_profile("leshua")
REQUEST = {11: "000074", 41: "10010001", 42: "898290058140001", 60: "00000007301"}
ANSWER = {**REQUEST, 39: "00"}


def frames(profile: Profile) -> tuple[bytes, bytes]:
    return profile.build("0820", REQUEST), profile.build("0830", ANSWER)


@pytest.fixture
def folder(tmp_path):
    with DeviceFolder(tmp_path / "devices") as made:
        yield made


def patience(limit: float = 20.0) -> Patience:
    return Patience("lane-1", limit, Stop())


def test_a_relay_carries_the_exchange_through_the_collector(folder, collector):
    """Request and answer pass, and the collector heard both in order."""
    request, answer = frames(PLAIN)
    wire = Relay(folder.make("lane-1"), folder.make("lane-1.host"), PLAIN.deframer, patience())
    collector.relay(*(pty.path for pty in wire.ptys), PLAIN)
    assert wire.exchange(request, lambda frame: answer if frame == request else None) == answer
    collector.stop()
    assert collector.frames == [("lane-1", request), ("lane-1.host", answer)]


def test_a_lost_answer_is_the_hosts_word(folder, collector):
    """None at once, not after a timeout (hours, here), and the next exchange is clean."""
    request, answer = frames(PLAIN)
    wire = Relay(folder.make("lane-1"), folder.make("lane-1.host"), PLAIN.deframer, patience(limit=10_000))
    collector.relay(*(pty.path for pty in wire.ptys), PLAIN)
    assert wire.exchange(request, lambda _: None) is None
    assert wire.exchange(request, lambda _: answer) == answer


def test_nothing_is_said_to_nobody(folder):
    """Before a collector has come a wire waits, however long its patience is, until it is stopped."""
    request, answer = frames(PLAIN)
    waiting = patience(limit=0.1)
    wire = Relay(folder.make("lane-1"), folder.make("lane-1.host"), PLAIN.deframer, waiting)
    threading.Timer(0.6, waiting.stop.set).start()
    with pytest.raises(StoppedError):
        wire.exchange(request, lambda _: answer)


def test_a_collector_that_went_away_is_told(folder, collector):
    """Nobody passes bytes on any more: the line says so, and names itself."""
    request, answer = frames(PLAIN)
    wire = Relay(folder.make("lane-1"), folder.make("lane-1.host"), PLAIN.deframer, patience(limit=0.3))
    collector.relay(*(pty.path for pty in wire.ptys), PLAIN)
    wire.exchange(request, lambda _: answer)
    collector.stop()
    with pytest.raises(SimulationError, match="lane-1"):
        wire.exchange(request, lambda _: answer)


def test_taps_say_the_answer_after_the_request_was_read(folder, collector):
    """A listening collector hears both directions, in the line's order."""
    request, answer = frames(PLAIN)
    wire = Listen(folder.make("lane-1"), folder.make("lane-1.host"), patience())
    collector.listen(*(pty.path for pty in wire.ptys), PLAIN)
    for _ in range(5):
        assert wire.exchange(request, lambda _: answer) == answer
    collector.stop()
    assert collector.frames == [("lane-1", request), ("lane-1.host", answer)] * 5


def test_an_answer_is_never_readable_before_its_request_was_read(folder):
    """Even by a reader that looks at the answers first, and whatever the kernel's work queue does."""
    wire = Listen(folder.make("lane-1"), folder.make("lane-1.host"), patience())
    fds = [os.open(pty.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK) for pty in wire.ptys]
    heard: list[tuple[int, bytes]] = []
    over = Stop()

    def read() -> None:
        while not over.is_set():
            heard.extend((fds.index(fd), os.read(fd, 4096)) for fd in select.select(fds, (), (), 0.02)[0][::-1])

    reader = threading.Thread(target=read)
    reader.start()
    said = [b"%06d" % number for number in range(500)]
    for frame in said:
        wire.exchange(frame, lambda request: request)
    over.set()
    reader.join()
    for fd in fds:
        os.close(fd)
    assert heard == [(side, frame) for frame in said for side in (0, 1)]


def test_a_tap_keeps_what_was_said_while_the_collector_was_away(folder, collector):
    """The bytes wait in the tty: the next reader gets the whole frame."""
    request, answer = frames(PLAIN)
    wire = Listen(folder.make("lane-1"), folder.make("lane-1.host"), patience())
    thread = threading.Thread(target=wire.exchange, args=(request, lambda _: answer))
    thread.start()
    time.sleep(0.2)
    assert thread.is_alive()
    collector.listen(*(pty.path for pty in wire.ptys), PLAIN)
    thread.join()
    collector.stop()
    assert collector.frames == [("lane-1", request), ("lane-1.host", answer)]


def test_a_report_is_sent_again_until_it_is_acknowledged(folder, collector):
    """A NAK brings the same frame at once; the exchange ends when both were acknowledged."""
    request, answer = frames(LINKED)
    wire = Receive(folder.make("lane-1"), patience())
    replies = [b"\x15", b"\x06", b"\x06"]
    collector.receive(wire.ptys[0].path, LINKED, lambda _: replies.pop(0))
    assert wire.exchange(request, lambda _: answer) == answer
    collector.stop()
    assert [frame for _, frame in collector.frames] == [request, request, answer]
    assert wire.repeats == 1


def test_a_report_without_an_acknowledgement_survives_the_collector(folder, collector):
    """A collector that read the frame and died gets it again when it is back."""
    request, answer = frames(LINKED)
    wire = Receive(folder.make("lane-1"), patience())
    said: list[bytes | None] = []
    collector.receive(wire.ptys[0].path, LINKED, lambda _: b"")
    thread = threading.Thread(target=lambda: said.append(wire.exchange(request, lambda _: answer)))
    thread.start()
    while not collector.frames:
        time.sleep(0.01)
    collector.stop()
    collector.receive(wire.ptys[0].path, LINKED)
    thread.join()
    assert said == [answer]
    assert [frame for _, frame in collector.frames] == [request, request, answer]


def test_a_reprint_reports_the_same_frames(folder, collector):
    """On a log port the last exchange is told again, to the bit."""
    request, answer = frames(LINKED)
    wire = Receive(folder.make("lane-1"), patience())
    collector.receive(wire.ptys[0].path, LINKED)
    wire.exchange(request, lambda _: answer)
    wire.report_again()
    collector.stop()
    assert [frame for _, frame in collector.frames] == [request, answer] * 2


def test_a_folder_has_one_owner_and_is_left_empty(tmp_path):
    """A second simulator is told; names go with the first."""
    with DeviceFolder(tmp_path) as first:
        first.make("lane-1")
        with pytest.raises(DeviceError, match="another simulator"):
            DeviceFolder(tmp_path)
    assert not list(tmp_path.glob("lane*"))
    DeviceFolder(tmp_path).close()


def test_the_tty_is_raw(folder):
    """Every byte value passes as it is, in both directions, and nothing is echoed."""
    pty = folder.make("lane-1")
    other = os.open(pty.path, os.O_RDWR | os.O_NOCTTY)
    every = bytes(range(256))
    pty.write(every)
    heard = b""
    while len(heard) < 256:
        heard += os.read(other, 256)
    os.write(other, every[::-1])
    said = b""
    while len(said) < 256 and select.select((pty,), (), (), 2)[0]:
        said += pty.read()
    os.close(other)
    assert heard == every
    assert said == every[::-1]

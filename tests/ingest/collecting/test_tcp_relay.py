"""A relay on the network: a till connects to us, we connect to its terminal, and both connections are one."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, Self

import pytest

from ingest.collector import Collector
from ingest.committer import Committer
from ingest.lines import Line, make_line
from ingest.netport import Listener
from ingest.ports import PortError

LINK = SimpleNamespace(baud=9600, bytesize=8, parity="N", stopbits=1)

pytestmark = pytest.mark.usefixtures("_each_waiting")
PATIENCE = 60.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Running:
    """A collector between a till's address and a terminal's."""

    def __init__(self, terminal_port: int, spool: Any, told: Any, recorder: Any) -> None:
        self.till_port = free_port()
        self.spool, self.told = spool, told
        devices = [f"tcp://127.0.0.1:{terminal_port}", f"tcp-listen://127.0.0.1:{self.till_port}"]
        self.line: Line = make_line("till", "tiny", "relay", devices, link=LINK, start=lambda: recorder("till"))
        self.committer = Committer(lambda: spool, tell=told)
        self.collector = Collector([self.line], self.committer, told)

    def __enter__(self) -> Self:
        self.collector.open_all()
        self.committer.start(self.collector.answer, self.spool)
        self.collector.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.spool.gate.set()
        assert self.collector.stop_reading(30)
        self.committer.stop(30)
        assert self.collector.stop(30)
        self.collector.close()
        assert self.collector.failure is None

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.till_port), PATIENCE)


@pytest.fixture
def terminal() -> Iterator[socket.socket]:
    """A listening terminal."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)
        yield listening


@pytest.fixture
def relay(terminal: socket.socket, spool: Any, told: Any, recorder: Any) -> Callable[[], Running]:
    """Makes a relay to the terminal."""
    return lambda: Running(terminal.getsockname()[1], spool, told, recorder)


def accept(listening: socket.socket) -> socket.socket:
    connection, _ = listening.accept()
    connection.settimeout(PATIENCE)
    return connection


def test_each_connection_of_the_till_is_one_to_the_terminal(
    relay: Any, terminal: socket.socket, frame: Any, spool: Any, until: Any
) -> None:
    """Nothing connects before the till does; both directions pass and are recorded; the till's end ends both."""
    with relay() as running:
        terminal.settimeout(0.5)
        with pytest.raises(TimeoutError):
            terminal.accept()
        terminal.settimeout(PATIENCE)
        for number in range(3):
            with running.connect() as till:
                till.sendall(frame(b"ask%d" % number))
                with accept(terminal) as there:
                    assert there.recv(100) == frame(b"ask%d" % number)
                    there.sendall(frame(b"answer%d" % number))
                    assert till.recv(100) == frame(b"answer%d" % number)
                    till.close()
                    assert there.recv(100) == b""
        until(lambda: len(spool.frames()) == 6)
    assert spool.frames() == [part % number for number in range(3) for part in (b"ask%d", b"answer%d")]


def test_a_terminal_that_hangs_up_ends_the_tills_connection(relay: Any, terminal: socket.socket, frame: Any) -> None:
    """What it said before still arrives; then the till sees the end, as it would without us."""
    with relay() as running, running.connect() as till:
        till.sendall(frame(b"ask"))
        with accept(terminal) as there:
            there.recv(100)
            there.sendall(frame(b"answer"))
        got = b""
        while data := till.recv(100):
            got += data
        assert got == frame(b"answer")


def test_a_terminal_that_is_off_ends_the_tills_connection(relay: Any, terminal: socket.socket, told: Any) -> None:
    """Nobody listens there: the till is not kept waiting, and may try again when the terminal is back."""
    port = terminal.getsockname()[1]
    made = relay()
    terminal.close()
    with made as running:
        with running.connect() as till:
            till.settimeout(PATIENCE)
            with contextlib.suppress(ConnectionResetError):
                assert till.recv(100) == b""
        assert told.named("waiting")
        with socket.create_server(("127.0.0.1", port)) as back:
            back.settimeout(PATIENCE)
            with running.connect() as till:
                till.sendall(b"again")
                with accept(back) as there:
                    assert there.recv(100) == b"again"


def test_an_address_that_cannot_be_listened_on_is_told() -> None:
    """Taken, not ours, not of the shape: each with its reason and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for address, reason in (
            (f"tcp-listen://127.0.0.1:{port}", "busy"),
            ("tcp-listen://192.0.2.1:20007", "unfit"),
            ("tcp-listen://127.0.0.1", "unfit"),
            ("tcp-listen://127.0.0.1:99999", "unfit"),
        ):
            listener = Listener(address)
            with pytest.raises(PortError) as wrong:
                listener.open()
            listener.close()
            assert (wrong.value.reason, bool(wrong.value.hint)) == (reason, True), address

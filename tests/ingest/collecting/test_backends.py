"""The contract of a serial port on pyserial, which we use, and on serialx, which does not hold up (docs/collector.md).

What serialx cannot do is expected to fail, strictly: when a release of it can, this file says so.
"""

import fcntl
import os
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import serialx

from ingest.devices import is_locked
from ingest.ports import Port, PortError, open_port
from ingest.speeds import LineSetting
from ingest.tty import Tty

from .conftest import fill

Opener = Callable[[str], Port]


class Serialx:
    """A port of serialx as the backend of a `Tty`."""

    def __init__(self, device: str) -> None:
        make: Any = serialx.Serial  # typed as its abstract base
        self._port = make(device, 9600, exclusive=True, min_read_size=1, inter_byte_timeout=0)
        self._port.open()
        self.fd = self._port.fileno()
        os.set_blocking(self.fd, False)

    def apply_settings(self, words: dict[str, Any]) -> None:
        """Another speed."""
        self._port.reconfigure_port(baudrate=words["baudrate"])

    def reset_output_buffer(self) -> None:
        """Forget what was not sent."""
        self._port.reset_write_buffer()

    def close(self) -> None:
        """Let the device go."""
        self._port.close()


def open_serialx(device: str) -> Port:
    """As `open_port`, on serialx."""
    try:
        return Tty(device, Serialx(device), {"device": device})
    except OSError as wrong:
        raise PortError(str(wrong), reason="busy") from None


BOTH = pytest.mark.parametrize("opened", [open_port, open_serialx], ids=["pyserial", "serialx"])
DISCARDS = pytest.mark.xfail(strict=True, reason="serialx 1.15 discards what was received each time it sets a port")
BUT_SERIALX = pytest.mark.parametrize(
    "opened", [open_port, pytest.param(open_serialx, marks=DISCARDS)], ids=["pyserial", "serialx"]
)


@BUT_SERIALX
def test_bytes_that_waited_before_we_opened_are_read(opened: Opener, wires: Any) -> None:
    """Opening a port drops nothing: a frame sent a moment too early is a frame."""
    wire = wires("early")
    wire.write(b"early")

    with closing(opened(str(wire.name))) as port:
        assert port.wait_readable(1)
        assert port.read_some() == b"early"


@BUT_SERIALX
def test_bytes_that_came_before_a_change_of_speed_are_read(opened: Opener, wires: Any) -> None:
    """Setting the line while a terminal speaks drops nothing."""
    wire = wires("tuned")
    with closing(opened(str(wire.name))) as port:
        wire.write(b"before")
        assert port.wait_readable(10)
        port.tune(LineSetting(19200))

        assert port.wait_readable(1)
        assert port.read_some() == b"before"


@BOTH
def test_every_byte_value_passes_unchanged_both_ways(opened: Opener, wires: Any) -> None:
    """The line is raw: no CR, XON, break or eighth bit is touched."""
    wire = wires("raw")
    every = bytes(range(256))
    port = opened(str(wire.name))
    wire.write(every)
    assert port.wait_readable(10)

    assert port.read_some() == every
    assert port.write_some(every) == 256
    assert wire.read(256) == every
    port.close()


@BOTH
def test_nothing_there_is_not_a_hang_up(opened: Opener, wires: Any) -> None:
    """Nothing to read is empty; an unplugged device is `lost`, for whatever is done with it."""
    wire = wires("quiet")
    port = opened(str(wire.name))

    assert port.read_some() == b""
    assert not port.wait_readable(0)
    wire.unplug()
    for use in (port.read_some, lambda: port.write_some(b"x")):
        with pytest.raises(PortError) as lost:
            use()
        assert lost.value.reason == "lost"
    assert port.counters() == {}
    port.close()


@BOTH
def test_a_full_device_takes_nothing_and_says_so(opened: Opener, wires: Any) -> None:
    """Writing never waits: what the device does not take is for the caller to keep."""
    port = opened(str(wires("full").name))
    fill(port)

    assert port.write_some(b"x") == 0
    assert not port.wait_writable(0)
    port.close()


@BOTH
def test_the_port_is_locked_while_it_is_open(opened: Opener, wires: Any) -> None:
    """A second opener is refused, and let in when the first is done."""
    name = str(wires("twice").name)
    port = opened(name)
    with pytest.raises(PortError) as busy:
        opened(name)

    assert busy.value.reason == "busy"
    assert is_locked(name)
    port.close()
    assert not is_locked(name)
    opened(name).close()


def test_serialx_leaves_the_port_open_to_those_who_do_not_ask(wires: Any) -> None:
    """What else would have to be done around it: there is no TIOCEXCL."""
    port = open_serialx(str(wires("open").name))
    exclusive = bytearray(4)
    fcntl.ioctl(port.fileno(), 0x80045440, exclusive)  # TIOCGEXCL, asm-generic/ioctls.h

    assert exclusive[0] == 0
    port.close()

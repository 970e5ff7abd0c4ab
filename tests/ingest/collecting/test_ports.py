"""Ports on real pseudo-terminals: what pyserial gets wrong must not come through."""

import fcntl
import gc
import io
import os
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ingest.commands.ports import print_devices
from ingest.devices import Device, holders, is_locked, list_devices, usb_identity
from ingest.errors import DeviceError
from ingest.ports import PortError, open_port

from .conftest import fill

Wires = Callable[[str], Any]


def test_bytes_that_waited_before_we_opened_are_read(wires: Wires) -> None:
    """Opening a port drops nothing: a frame sent a moment too early is a frame."""
    wire = wires("early")
    wire.write(b"early")

    port = open_port(str(wire.name))

    assert port.read_some() == b"early"
    port.close()


def test_every_byte_value_passes_unchanged_both_ways(wires: Wires) -> None:
    """The line is raw: no CR, XON, break or eighth bit is touched."""
    wire = wires("raw")
    every = bytes(range(256))
    port = open_port(str(wire.name))

    wire.write(every)
    assert port.read_some() == every
    assert port.write_some(every) == 256
    assert wire.read(256) == every
    port.close()


def test_nothing_there_is_not_a_hang_up(wires: Wires) -> None:
    """Readiness without bytes (somebody else read them) is empty; only an unplugged device is an error."""
    wire = wires("quiet")
    port = open_port(str(wire.name))

    assert port.read_some() == b""
    wire.unplug()
    with pytest.raises(PortError) as lost:
        port.read_some()

    assert lost.value.reason == "lost"
    port.close()


def test_every_use_after_a_hang_up_is_one_kind_of_error(wires: Wires) -> None:
    """Reading, writing, counting and closing a port that went away raise PortError or nothing."""
    wire = wires("gone")
    port = open_port(str(wire.name))
    wire.unplug()

    with pytest.raises(PortError):
        port.write_some(b"x")
    assert port.counters() == {}
    port.close()
    port.close()
    with pytest.raises(PortError):
        port.read_some()


def test_a_full_device_takes_nothing_and_says_so(wires: Wires) -> None:
    """Writing never waits: what the device does not take is for the caller to keep."""
    port = open_port(str(wires("full").name))

    assert fill(port) > 0
    assert port.write_some(b"x") == 0
    port.close()


def test_a_second_opener_is_told_who_has_the_port(wires: Wires) -> None:
    """Two collectors never share a port, and the message names the holder."""
    name = str(wires("twice").name)
    port = open_port(name)

    with pytest.raises(PortError, match=f"pid {os.getpid()}") as busy:
        open_port(name)

    assert busy.value.reason == "busy"
    assert isinstance(busy.value, DeviceError)
    assert busy.value.hint
    port.close()
    open_port(name).close()


def test_a_holder_that_was_killed_leaves_no_lock(wires: Wires) -> None:
    """A kill -9 of the holder frees the port at once."""
    name = str(wires("killed").name)
    code = f"from ingest.ports import open_port; p = open_port({name!r}); print('held', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(PortError, match=str(holder.pid)):
            open_port(name)
        assert is_locked(name)
        holder.kill()
    assert not is_locked(name)

    open_port(name).close()


def test_the_port_is_ours_alone(wires: Wires) -> None:
    """Both locks are taken: flock for those who ask, TIOCEXCL for those who do not."""
    name = str(wires("alone").name)
    port = open_port(name)

    exclusive = bytearray(4)
    fcntl.ioctl(port.fileno(), 0x80045440, exclusive)  # TIOCGEXCL, asm-generic/ioctls.h

    assert exclusive[0] == 1
    assert is_locked(name)
    assert any(f"pid {os.getpid()}" in who for who in holders(name))
    port.close()
    assert not is_locked(name)


@pytest.mark.parametrize(
    ("device", "reason"),
    [("/dev/tillwatch-is-not-here", "missing"), ("/dev/null", "unfit"), ("/etc/hostname", "unfit"), ("/etc", "unfit")],
)
def test_what_is_no_port_says_why(device: str, reason: str) -> None:
    """A wrong device name is one line and a hint, whatever is behind it."""
    with pytest.raises(PortError) as wrong:
        open_port(device)

    assert wrong.value.reason == reason
    assert device in str(wrong.value)
    assert wrong.value.hint


def test_a_dangling_name_is_missing(tmp_path: Path) -> None:
    """A by-id name whose device is unplugged is waited for, not refused."""
    link = tmp_path / "usb-gone"
    link.symlink_to("/dev/pts/4093")

    with pytest.raises(PortError) as wrong:
        open_port(str(link))

    assert wrong.value.reason == "missing"


def test_parity_of_a_profile_does_not_stop_a_pseudo_terminal(wires: Wires) -> None:
    """A pty refuses parity and 7 bits; simulators of such terminals work all the same."""
    open_port(str(wires("parity").name), parity="E", bytesize=7, stopbits=2).close()


def test_a_hundred_failures_leave_no_descriptor(wires: Wires) -> None:
    """Failing to open leaks nothing: busy, missing and unfit alike."""
    name = str(wires("leak").name)
    port = open_port(name)
    gc.collect()  # what other tests left open
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    for device in [name, "/dev/tillwatch-is-not-here", "/dev/null"] * 34:
        with pytest.raises(PortError):
            open_port(device)

    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before
    port.close()


def test_settings_a_driver_cannot_do_are_unfit(wires: Wires) -> None:
    """A nonsense link setting names the profile as the place to look."""
    with pytest.raises(PortError, match="baud") as wrong:
        open_port(str(wires("odd").name), baud=-1)

    assert wrong.value.reason == "unfit"


def test_the_line_is_raw_in_the_kernel_too(wires: Wires) -> None:
    """VMIN is 1: without it a stolen byte looks like a hang-up."""
    port = open_port(str(wires("vmin").name))

    attributes = termios.tcgetattr(port.fileno())

    assert attributes[6][termios.VMIN] in {1, b"\x01"}
    assert not attributes[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
    port.close()


def test_the_identity_of_a_name_holds_the_path_behind_it(wires: Wires) -> None:
    """The session record can say which device a stable name meant that day."""
    wire = wires("identity")

    facts = usb_identity(str(wire.name))

    assert facts["device"] == str(wire.name)
    assert facts["path"].startswith("/dev/pts/")


def test_listing_devices_opens_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some terminals reset when a port is opened: looking must not."""
    opened: list[str] = []
    real = os.open

    def watched(path: Any, *args: Any, **kwargs: Any) -> int:
        opened.append(str(path))
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", watched)
    list_devices()

    assert not [path for path in opened if path.startswith("/dev/tty")]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_name_that_has_to_be_copied_is_never_cut_off(width: int) -> None:
    """However narrow the terminal, the stable name stands whole on one line, with all that is known of it."""
    name = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"
    device = Device(
        "/dev/ttyUSB0", name, name, None, "0403:6001", "A50285BI", "FTDI", "FT232R", None, None, None, "", False, ()
    )
    screen = io.StringIO()

    print_devices([device], Console(file=screen, width=width))

    drawn = screen.getvalue()
    assert any(name in line for line in drawn.splitlines())
    assert all(word in drawn for word in ("/dev/ttyUSB0", "0403:6001", "FTDI FT232R", "by its terminal", "free"))

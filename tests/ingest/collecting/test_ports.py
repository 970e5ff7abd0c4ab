"""Ports on real pseudo-terminals: what pyserial gets wrong must not come through."""

import array
import fcntl
import gc
import io
import os
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
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


def test_clones_of_one_adapter_are_told_apart_by_their_socket(
    tmp_path: Path, wires: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two CH340 without a serial number share a by-id name: each goes by its socket, an FTDI by its number."""
    plugged = {
        "pci-0000:00:14.0-usb-0:1:1.0": (wires("ttyUSB0"), None),
        "pci-0000:00:14.0-usb-0:2:1.0": (wires("ttyUSB1"), None),
        "pci-0000:00:14.0-usb-0:3:1.0": (wires("ttyUSB2"), "A50285BI"),
    }
    by_id, by_path = tmp_path / "by-id", tmp_path / "by-path"
    ports = []
    for name, (wire, number) in plugged.items():
        for folder, link in ((by_path, name), (by_id, f"usb-{number or '1a86_USB_Serial'}-if00-port0")):
            folder.mkdir(exist_ok=True)
            (folder / link).unlink(missing_ok=True)  # udev: the last plugged in takes a name that two want
            (folder / link).symlink_to(os.path.realpath(wire.name))
        facts = {"vid": None, "pid": None, "serial_number": number, "manufacturer": None, "product": None}
        ports.append(SimpleNamespace(device=os.path.realpath(wire.name), **facts))
    monkeypatch.setattr("ingest.devices.comports", lambda: ports)
    monkeypatch.setattr("ingest.devices.BY_ID", by_id)
    monkeypatch.setattr("ingest.devices.BY_PATH", by_path)

    found = {each.device: each.stable for each in list_devices()}

    first, second, third = (found[each.device] for each in ports)
    assert [first, second] == [str(by_path / name) for name in list(plugged)[:2]]
    assert third == str(by_id / "usb-A50285BI-if00-port0")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try it as another user")
def test_another_user_cannot_even_plainly_open_a_port_of_ours(wires: Wires) -> None:
    """TIOCEXCL binds who asks for no lock, unless it is root (tty(4), CAP_SYS_ADMIN): so the collector is not root."""
    wire = wires("claimed")
    Path(os.path.realpath(wire.name)).chmod(0o666)
    words = ["sh", "-c", f": <> {os.path.realpath(wire.name)}"]

    def as_nobody() -> str:
        done = subprocess.run(
            words, user="nobody", group="nogroup", extra_groups=[], capture_output=True, text=True, cwd="/", check=False
        )
        return done.stderr

    assert as_nobody() == ""  # the control: without us it opens
    port = open_port(str(wire.name))
    assert "Device or resource busy" in as_nobody()
    port.close()
    assert as_nobody() == ""


def test_the_driver_s_own_counters_are_read(wires: Wires, monkeypatch: pytest.MonkeyPatch) -> None:
    """TIOCGICOUNT: eleven ints in the order of struct serial_icounter_struct (include/uapi/linux/serial.h)."""
    port = open_port(str(wires("counted").name))

    def ioctl(fd: int, request: int, numbers: Any) -> int:
        assert (fd, request) == (port.fileno(), 0x545D)
        numbers[:11] = array.array("i", [1, 2, 3, 4, 500, 600, 7, 8, 9, 10, 11])
        return 0

    with monkeypatch.context() as here:
        here.setattr("ingest.tty.fcntl.ioctl", ioctl)
        counted = port.counters()

    assert {name: counted[name] for name in ("rx", "tx", "frame", "overrun", "parity", "brk", "buf_overrun")} == {
        "rx": 500, "tx": 600, "frame": 7, "overrun": 8, "parity": 9, "brk": 10, "buf_overrun": 11,
    }  # fmt: skip
    port.close()

"""A COM port: pyserial under Windows, read and written by threads of its own (`ingest.threads`).

Opening a COM port is exclusive by itself, so nobody can steal its bytes. pyserial says what went wrong
in words, with the number of the system's error at their end; nothing of it leaves this module.
"""

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import serial

from ingest.ports import PortError, Reason, lost

if TYPE_CHECKING:
    from ingest.speeds import LineSetting

READ_SECONDS = 0.1
"""How long the driver waits for a first byte before the thread looks whether it is still wanted."""
WRITE_SECONDS = 5.0
"""A driver that takes nothing for so long is gone."""
WRITE_CHUNK = 256
"""Bytes a write: 2.3 s at 1200 baud, well within WRITE_SECONDS."""
PORT_ERRORS = (serial.SerialException, OSError, TypeError)
_NAME = re.compile(r"(?:\\\\\.\\)?(COM[1-9][0-9]{0,2})", re.IGNORECASE)
_NUMBER = re.compile(r"Error\(\d+, .*, None, (\d+)\)+$", re.DOTALL)

# winerror.h
NOT_THERE = frozenset(
    {2, 3, 31, 121, 433, 1167}
)  # FILE_, PATH_NOT_FOUND, GEN_FAILURE, SEM_TIMEOUT, NO_SUCH_, NOT_CONNECTED
TAKEN = frozenset({5, 32})
"""ACCESS_DENIED, SHARING_VIOLATION."""

COUNTED = {0x01: "buf_overrun", 0x02: "overrun", 0x04: "parity", 0x08: "frame", 0x10: "brk"}
"""Bits of ClearCommError (winbase.h: CE_RXOVER, CE_OVERRUN, CE_RXPARITY, CE_FRAME, CE_BREAK)."""

Look = Callable[[], tuple[int, int]]


class ComPort:
    """An open COM port (`ingest.ports.Port`).

    Args:
        device: as it was named.
        backend: pyserial's port, open.
        look: the error bits since the last look, and how many bytes wait (ClearCommError).
        identity: what is known of the hardware.
    """

    def __init__(self, device: str, backend: Any, look: Look, identity: dict[str, str]) -> None:
        self.device = device
        self._backend = backend
        self._look = look
        self._identity = identity
        self._held = b""
        self._counted: dict[str, int] = {}

    def fileno(self) -> int:
        """None to wait on."""
        return -1

    def wait_readable(self, seconds: float) -> bool:
        """As `Port.wait_readable`; the driver's own READ_SECONDS, whatever ``seconds`` says."""
        del seconds
        if not self._held:
            try:
                self._held = self._backend.read(1)
            except PORT_ERRORS as wrong:
                raise _gone(self.device, wrong) from None
        return bool(self._held)

    def read_some(self) -> bytes:
        """As `Port.read_some`."""
        held, self._held = self._held, b""
        try:
            errors, waiting = self._look()
            for bit, name in COUNTED.items():
                if errors & bit:
                    self._counted[name] = self._counted.get(name, 0) + 1
            return held + bytes(self._backend.read(waiting) if waiting else b"")
        except PORT_ERRORS as wrong:
            self._held = held
            raise _gone(self.device, wrong) from None

    def wait_writable(self, seconds: float) -> bool:
        """As `Port.wait_writable`; writing itself waits."""
        del seconds
        return True

    def write_some(self, data: bytes | bytearray | memoryview) -> int:
        """As `Port.write_some`, but it waits for the driver."""
        try:
            return int(self._backend.write(bytes(data[:WRITE_CHUNK])))
        except PORT_ERRORS as wrong:
            raise _gone(self.device, wrong) from None

    def tune(self, setting: "LineSetting") -> None:
        """As `Port.tune`."""
        words = {
            "baudrate": setting.baud,
            "bytesize": setting.bytesize,
            "parity": setting.parity,
            "stopbits": setting.stopbits,
        }
        try:
            self._backend.apply_settings(words)
        except ValueError:
            raise PortError(f"{self.device}: cannot be set to {setting}", reason="unfit") from None
        except PORT_ERRORS as wrong:
            raise _gone(self.device, wrong) from None

    def identity(self) -> dict[str, str]:
        """As `Port.identity`."""
        return self._identity

    def counters(self) -> dict[str, int]:
        """How often each kind of error was seen: Windows says that there were some, not how many."""
        return dict(self._counted)

    def close(self) -> None:
        """As `Port.close`."""
        for step in (self._backend.reset_output_buffer, self._backend.close):
            try:
                step()
            except PORT_ERRORS:
                continue


def open_com(device: str, *, baud: int = 9600, bytesize: int = 8, parity: str = "N", stopbits: float = 1) -> ComPort:
    """As `ingest.ports.open_port`, for ``COM7``."""
    name = com_name(device)
    backend = serial.Serial(timeout=READ_SECONDS, write_timeout=WRITE_SECONDS)
    backend.port = name
    try:
        backend.baudrate, backend.bytesize, backend.parity, backend.stopbits = baud, bytesize, parity, stopbits
        backend.open()
    except ValueError:
        raise PortError(
            f"{device}: cannot be set to {baud} baud {bytesize}{parity}{stopbits:g}",
            reason="unfit",
            hint="check the link settings of the profile",
        ) from None
    except PORT_ERRORS as wrong:
        raise why_not(device, wrong) from None
    return ComPort(device, backend, _looking_at(backend), _identity(device, name))


def com_name(device: str) -> str:
    """The name as pyserial wants it, which finds the long form of COM10 and above itself.

    Raises:
        PortError: not a COM port's name.
    """
    found = _NAME.fullmatch(device)
    if found is None:
        raise PortError(
            f"{device}: not a COM port", reason="unfit", hint="name it like COM7, as the Device Manager does"
        )
    return found[1].upper()


def why_not(device: str, wrong: BaseException) -> PortError:
    """The reason why a port did not open, in the words of whoever stands in front of the machine."""
    code = error_number(wrong)
    reason: Reason = "missing" if code in NOT_THERE else "busy" if code in TAKEN else "unfit"
    said = {
        "missing": ("not there", "plug it in, or look into the Device Manager"),
        "busy": ("busy, another program has it open, or it was pulled a moment ago", "stop that program, or wait"),
        "unfit": (f"cannot be opened (Windows error {code})", "look into the Device Manager for this port"),
    }
    what, hint = said[reason]
    return PortError(f"{device}: {what}", reason=reason, hint=hint)


def error_number(wrong: BaseException) -> int:
    """The number of winerror.h behind an error of pyserial, which has it in its text alone; 0 when there is none."""
    number = getattr(wrong, "winerror", None)
    if number is not None:
        return int(number)
    found = _NUMBER.search(str(wrong))
    return int(found[1]) if found else 0


def _gone(device: str, wrong: BaseException) -> PortError:
    """Whatever a read or a write says, access denied (pyserial #446) and not found too: the device went away."""
    code = error_number(wrong)
    if not code:
        return lost(device, wrong)
    return PortError(f"{device}: went away (Windows error {code})", reason="lost", hint="check the cable")


def _looking_at(backend: Any) -> Look:
    """ClearCommError of an open port. pyserial calls it too and drops the bits; between two reads they are ours."""
    if sys.platform != "win32":
        raise ImportError("only for Windows")
    import ctypes

    from serial import win32

    def look() -> tuple[int, int]:
        errors, state = win32.DWORD(), win32.COMSTAT()
        if not win32.ClearCommError(backend._port_handle, ctypes.byref(errors), ctypes.byref(state)):  # noqa: SLF001  pyserial gives no other way
            raise ctypes.WinError()
        return errors.value, state.cbInQue

    return look


def _identity(device: str, name: str) -> dict[str, str]:
    """What Windows knows of the hardware; a COM number stays with a serial number, or a socket without one."""
    from serial.tools.list_ports_windows import comports

    facts = {"device": device, "path": name}
    for port in comports():
        if port.device.upper() != name:
            continue
        if port.vid is not None:
            facts["usb"] = f"{port.vid:04X}:{port.pid:04X}"
        for key in ("serial_number", "manufacturer", "product", "interface", "location"):
            if value := getattr(port, key, None):
                facts[key] = str(value)
    return facts

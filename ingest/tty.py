"""A serial device under POSIX: pyserial, with its traps kept inside.

Non-blocking, and the device is ours alone (flock, then TIOCEXCL: flock alone lets a plain open in,
TIOCEXCL alone lets root in). What arrived before it was opened is never thrown away. What goes
wrong is a `PortError` with a reason; nothing of pyserial, termios or the system leaves this module.
"""

import array
import errno
import fcntl
import os
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING, Any

import serial

from ingest.devices import holders, usb_identity
from ingest.ports import READ_SIZE, PortError, lost, wait_for

if TYPE_CHECKING:
    from ingest.speeds import LineSetting

assert sys.platform != "win32"  # noqa: S101  tells mypy where this module is used

PORT_ERRORS = (serial.SerialException, OSError, termios.error, TypeError)
"""What pyserial 3.5 raises on a port that went away: termios.error is not an OSError, a closed port is a TypeError."""

TIOCGICOUNT = 0x545D  # include/uapi/asm-generic/ioctls.h
ICOUNT_FIELDS = ("cts", "dsr", "rng", "dcd", "rx", "tx", "frame", "overrun", "parity", "brk", "buf_overrun")


class _Patient(serial.Serial):  # type: ignore[misc]
    """pyserial, but opening keeps the bytes that are already waiting, and a port is one descriptor.

    pyserial 3.5 makes two pipes for each port, to interrupt reads and writes that wait. Ours never do, and
    with five descriptors a port 200 lines reach the usual limit of 1024.
    """

    def open(self) -> None:
        """As pyserial does, without its pipes."""
        super().open()
        self._close_pipes()

    def close(self) -> None:
        """Let the device go."""
        self._close_pipes()
        fd: int | None = getattr(self, "fd", None)
        self.is_open = False
        if fd is not None:
            del self.fd  # whoever asks for it now is told that there is none
            os.close(fd)

    def _close_pipes(self) -> None:
        for way in ("read", "write"):
            for end in ("r", "w"):
                name = f"pipe_abort_{way}_{end}"
                fd = getattr(self, name, None)
                setattr(self, name, None)
                if fd is not None:
                    os.close(fd)

    def _reset_input_buffer(self) -> None:
        """Nothing: a frame that the terminal sent while we were opening is a frame."""


class Tty:
    """An open serial device (`ingest.ports.Port`)."""

    def __init__(self, device: str, backend: serial.Serial, identity: dict[str, str]) -> None:
        self.device = device
        self._identity = identity
        self._backend = backend
        self._fd: int = backend.fd

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._fd

    def read_some(self) -> bytes:
        """What is there now, at most 64 KiB; empty when another process took it first.

        The port is in VMIN=1 mode, so a hang-up (0 bytes, or EIO on a pseudo-terminal) cannot be
        confused with bytes that somebody else read (EAGAIN).

        Raises:
            PortError: the device went away.
        """
        try:
            data = os.read(self._fd, READ_SIZE)
        except BlockingIOError:
            return b""
        except PORT_ERRORS as wrong:
            raise lost(self.device, wrong) from None
        if not data:
            raise lost(self.device, None)
        return data

    def write_some(self, data: bytes | bytearray | memoryview) -> int:
        """Hand over what the device takes now; the number of bytes taken, 0 when it is full.

        Raises:
            PortError: the device went away.
        """
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except PORT_ERRORS as wrong:
            raise lost(self.device, wrong) from None

    def wait_readable(self, seconds: float) -> bool:
        """As `Port.wait_readable`."""
        return wait_for(self._fd, seconds)

    def wait_writable(self, seconds: float) -> bool:
        """As `Port.wait_writable`."""
        return wait_for(self._fd, seconds, writable=True)

    def identity(self) -> dict[str, str]:
        """Which piece of hardware this is, for the session record: a swapped terminal is provable later."""
        return self._identity

    def tune(self, setting: "LineSetting") -> None:
        """Set the line otherwise, at once; what was read and written before keeps its old speed.

        Raises:
            PortError: the device went away, or cannot be set so.
        """
        words: dict[str, Any] = {"baudrate": setting.baud}
        if not _is_pseudo_terminal(self.device):
            words |= {"bytesize": setting.bytesize, "parity": setting.parity, "stopbits": setting.stopbits}
        try:
            self._backend.apply_settings(words)
        except ValueError:
            raise PortError(f"{self.device}: cannot be set to {setting}", reason="unfit") from None
        except PORT_ERRORS as wrong:
            raise lost(self.device, wrong) from None

    def counters(self) -> dict[str, int]:
        """The driver's error counters (TIOCGICOUNT); empty where the driver keeps none (pseudo-terminals)."""
        numbers = array.array("i", [0] * 20)
        try:
            fcntl.ioctl(self._fd, TIOCGICOUNT, numbers)
        except PORT_ERRORS:
            return {}
        return dict(zip(ICOUNT_FIELDS, numbers, strict=False))

    def close(self) -> None:
        """Let the device go. Output that it never took is discarded, so that closing does not wait for it."""
        if self._fd < 0:
            return
        self._fd = -1
        for step in (self._backend.reset_output_buffer, self._unclaim, self._backend.close):
            try:
                step()
            except PORT_ERRORS:
                continue

    def _unclaim(self) -> None:
        fcntl.ioctl(self._backend.fd, termios.TIOCNXCL)


def open_tty(device: str, *, baud: int = 9600, bytesize: int = 8, parity: str = "N", stopbits: float = 1) -> Tty:
    """As `ingest.ports.open_port`.

    Raises:
        PortError: missing, busy, denied or unfit.
    """
    if _is_pseudo_terminal(device):
        bytesize, parity, stopbits = 8, "N", 1  # a pty carries whole bytes and answers EINVAL to anything else
    backend = _Patient(exclusive=True, inter_byte_timeout=0)  # 0 makes pyserial set VMIN=1, VTIME=0
    backend.port = device
    try:
        backend.baudrate, backend.bytesize, backend.parity, backend.stopbits = baud, bytesize, parity, stopbits
        identity = usb_identity(device)
        backend.open()
    except ValueError:
        raise PortError(
            f"{device}: cannot be set to {baud} baud {bytesize}{parity}{stopbits:g}",
            reason="unfit",
            hint="check the link settings of the profile",
        ) from None
    except PORT_ERRORS as wrong:
        raise _why_not(device, wrong) from None
    try:
        fcntl.ioctl(backend.fd, termios.TIOCEXCL)
    except PORT_ERRORS as wrong:
        backend.close()
        raise _why_not(device, wrong) from None
    return Tty(device, backend, identity)


def _is_pseudo_terminal(device: str) -> bool:
    return str(Path(device).resolve()).startswith("/dev/pts/")


def _why_not(device: str, wrong: BaseException) -> PortError:
    """The reason in the words of whoever stands in front of the machine."""
    code = getattr(wrong, "errno", None)
    if code in {errno.EAGAIN, errno.EBUSY}:
        who = ", ".join(holders(device)) or "another program"
        return PortError(
            f"{device}: busy, {who} has it open",
            reason="busy",
            hint="stop that program (a second collector? ModemManager?) and start again",
        )
    if code in {errno.EACCES, errno.EPERM}:
        return PortError(
            f"{device}: no permission",
            reason="denied",
            hint="add this user to the group that owns the device (often `dialout`) and log in again",
        )
    if code in {errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO}:
        return PortError(f"{device}: not there", reason="missing", hint="plug it in, or look at `tillwatch ports`")
    if code in {errno.EMFILE, errno.ENFILE}:
        return PortError(
            f"{device}: cannot be opened ({os.strerror(code)})",
            reason="unfit",
            hint="let the collector have more open files: LimitNOFILE of its service, or `ulimit -n`",
        )
    if not _is_a_terminal(device):
        return PortError(
            f"{device}: not a serial device", reason="unfit", hint="`tillwatch ports` lists the serial devices"
        )
    why = os.strerror(code) if code else "the driver refused the line settings"
    return PortError(f"{device}: cannot be opened ({why})", reason="unfit", hint="look at `dmesg` for this device")


def _is_a_terminal(device: str) -> bool:
    try:
        return Path(device).is_char_device() and not Path(device).samefile(os.devnull)
    except OSError:
        return False

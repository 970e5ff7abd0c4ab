"""What Windows does otherwise, on stand-ins for its calls: never run on Windows itself (docs/windows.md).

The stand-ins do on Linux what Microsoft's documents say of the calls they stand for. What they show is that the
spool and the ports work on what these modules offer, and that each call is asked for with the right words.
"""

import ctypes
import errno
import fcntl
import importlib
import os
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import serial

from ingest.errors import SpoolError
from ingest.keys import derive
from ingest.ports import PortError
from ingest.records import Kind, PendingRecord
from ingest.segments import read_segment, sealed_segments
from ingest.speeds import LineSetting
from ingest.spool import Spool
from ingest.threads import ThreadWaiting
from ingest.windows.comport import ComPort, com_name, error_number, why_not

KEYS = derive("test", bytes(32))


class Windows:
    """The calls that the disk makes, and what they were asked."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self) -> None:
        self.moved: list[int] = []
        self.drive = 3  # DRIVE_FIXED

    def locking(self, fd: int, mode: int, count: int) -> None:
        """msvcrt.locking: a lock of the descriptor, from its place on; EACCES when somebody else has it."""
        kind = fcntl.F_WRLCK if mode == self.LK_NBLCK else fcntl.F_UNLCK
        place = os.lseek(fd, 0, os.SEEK_CUR)
        try:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, place, count, 0))
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "Permission denied") from None

    def MoveFileExW(self, source: str, target: str, flags: int) -> bool:  # noqa: N802
        """Without MOVEFILE_REPLACE_EXISTING a target that is there is an error; a read-only one is always."""
        if Path(target).exists() and (not flags & 1 or not Path(target).stat().st_mode & 0o200):
            return False
        self.moved.append(flags)
        Path(source).replace(target)
        return True

    def GetDriveTypeW(self, root: str) -> int:  # noqa: N802
        assert root == "/"
        return self.drive


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The disk's module, imported as on Windows."""
    stand_in = Windows()
    monkeypatch.setitem(sys.modules, "msvcrt", stand_in)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=stand_in), raising=False)
    monkeypatch.setattr(ctypes, "WinError", lambda: PermissionError(errno.EACCES, "Access is denied"), raising=False)
    with monkeypatch.context() as here:
        here.setattr(sys, "platform", "win32")
        module = importlib.import_module("ingest.windows.disk")
    yield SimpleNamespace(disk=module.WindowsDisk(), calls=stand_in, module=module)
    del sys.modules["ingest.windows.disk"]


def frame(number: int) -> PendingRecord:
    """A record."""
    digest = number.to_bytes(16, "big")
    return PendingRecord(Kind.FRAME, "lane", "tiny", 1, number, "rx", frame=b"%d" % number, digest=digest)


def test_the_spool_stands_on_the_calls_of_windows(windows: Any, tmp_path: Path) -> None:
    """Written, sealed, taken over after a kill: every record is there, and each rename is written through."""
    folder = tmp_path / "spool"
    with Spool(folder, KEYS, disk=windows.disk) as spool:
        spool.append_many([frame(1), frame(2)])
        spool.seal()
        spool.append_many([frame(3)])
        os.close(spool._lock)  # what a kill -9 leaves: an open segment and no lock
        spool._lock = -1
    with Spool(folder, KEYS, disk=windows.disk) as spool:
        assert spool.recovery.sealed
        spool.append_many([frame(4)])

    segments = sealed_segments(folder)
    found = [record.frame for each in segments for record in read_segment(each.path) if record.frame]
    assert found == [b"1", b"2", b"3", b"4"]
    assert set(windows.calls.moved) == {windows.module.REPLACE_EXISTING | windows.module.WRITE_THROUGH}


def test_a_second_owner_is_refused_and_told_who_the_first_is(windows: Any, tmp_path: Path) -> None:
    """The lock is one byte far behind the text, so that the text can be read: on Windows locks bind readers."""
    with Spool(tmp_path, KEYS, disk=windows.disk):
        with pytest.raises(SpoolError, match="belongs to process"):
            Spool(tmp_path, KEYS, disk=windows.disk)
        text = windows.disk.locked_text(tmp_path / "LOCK")
        assert text.startswith(f"pid {os.getpid()}\n")
        assert (tmp_path / "LOCK").stat().st_size < 200
    assert windows.disk.locked_text(tmp_path / "LOCK") is None


def test_a_network_drive_is_refused(windows: Any, tmp_path: Path) -> None:
    """Neither locks nor flushing of a share can be relied on."""
    windows.calls.drive = 4

    with pytest.raises(SpoolError, match="cannot be on cifs"):
        Spool(tmp_path, KEYS, disk=windows.disk)


def test_what_is_sealed_can_still_be_replaced_and_removed(windows: Any, tmp_path: Path) -> None:
    """Windows removes and replaces no read-only file: its attribute goes first."""
    old, new = tmp_path / "old", tmp_path / "new"
    for path in (old, new):
        fd = windows.disk.create(path)
        windows.disk.write(fd, path.name.encode())
        windows.disk.make_read_only(fd)
        windows.disk.close(fd)
    assert not new.stat().st_mode & 0o222

    windows.disk.rename(old, new)
    assert windows.disk.read(new) == b"old"
    windows.disk.remove(new)
    windows.disk.remove(new)
    assert windows.disk.names(tmp_path) == []


def test_room_is_kept_by_writing_it(windows: Any, tmp_path: Path) -> None:
    """There is no fallocate: the reserve is zeros, and asked for again it stays as large."""
    for _ in range(2):
        windows.disk.reserve(tmp_path / "reserve", 200_000)

    assert (tmp_path / "reserve").stat().st_size == 200_000


class Backend:
    """pyserial's port under Windows, as far as it is used."""

    def __init__(self) -> None:
        self.waiting = b""
        self.wrong: Exception | None = None
        self.written = b""
        self.settings: dict[str, Any] = {}
        self.closed = False

    def _fail(self) -> None:
        if self.wrong is not None:
            raise self.wrong

    def read(self, size: int) -> bytes:
        self._fail()
        data, self.waiting = self.waiting[:size], self.waiting[size:]
        return data

    def write(self, data: bytes) -> int:
        self._fail()
        self.written += data
        return len(data)

    def apply_settings(self, words: dict[str, Any]) -> None:
        self._fail()
        self.settings = words

    def reset_output_buffer(self) -> None:
        self._fail()

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def com() -> Any:
    """A COM port on a stand-in, and the error bits that its driver reports next."""
    backend = Backend()
    bits = [0]
    port = ComPort("COM7", backend, lambda: (bits[0], len(backend.waiting)), {"device": "COM7"})
    return SimpleNamespace(port=port, backend=backend, bits=bits)


DENIED = serial.SerialException("ClearCommError failed (PermissionError(13, 'Zugriff verweigert', None, 5))")


def test_what_came_is_read_in_order_and_errors_are_counted(com: Any) -> None:
    """The byte that ended the wait comes first; overrun and framing bits are counted, as Windows says no numbers."""
    assert not com.port.wait_readable(0)
    com.backend.waiting = b"sale"
    assert com.port.wait_readable(0)
    com.bits[0] = 0x02 | 0x08  # CE_OVERRUN, CE_FRAME
    assert com.port.read_some() == b"sale"
    assert com.port.counters() == {"overrun": 1, "frame": 1}
    assert com.port.read_some() == b""


@pytest.mark.parametrize(
    "wrong",
    [DENIED, serial.SerialException("ReadFile failed (FileNotFoundError(2, 'x', None, 2))"), OSError(22, "x")],
)
def test_every_use_of_a_port_that_went_away_is_lost(com: Any, wrong: Exception) -> None:
    """Access denied (pyserial #446), file not found, errno 22: unplugged. Closing it says nothing."""
    com.backend.wrong = wrong

    uses: list[Callable[[], object]] = [
        lambda: com.port.wait_readable(0),
        lambda: com.port.write_some(b"x"),
        lambda: com.port.tune(LineSetting(19200)),
    ]
    for use in uses:
        with pytest.raises(PortError) as lost:
            use()
        assert lost.value.reason == "lost"
    com.port.close()
    assert com.backend.closed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "could not open port 'COM7': FileNotFoundError(2, 'Das System kann die Datei nicht finden.', None, 2)",
            "missing",
        ),
        ("could not open port 'COM7': PermissionError(13, 'Access is denied.', None, 5)", "busy"),
        ("could not open port 'COM7': OSError(22, 'The semaphore timeout period has expired.', None, 121)", "missing"),
        ("could not open port 'COM7': OSError(22, 'The parameter is incorrect.', None, 87)", "unfit"),
        ("Cannot configure port, something went wrong. Original message: whatever", "unfit"),
    ],
)
def test_the_reason_is_taken_from_the_number_not_the_language(text: str, reason: str) -> None:
    """In pyserial 3.5 the system's error is in the text alone, in the language of the machine."""
    wrong = why_not("COM7", serial.SerialException(text))

    assert wrong.reason == reason
    assert wrong.hint
    assert "COM7" in str(wrong)


def test_an_error_of_the_system_itself_has_its_number() -> None:
    """Where there is a winerror it is taken."""
    wrong = OSError(13, "x")
    wrong.winerror = 32  # type: ignore[attr-defined]

    assert error_number(wrong) == 32
    assert error_number(serial.SerialTimeoutException("Write timeout")) == 0


@pytest.mark.parametrize("name", ["COM1", "com12", r"\\.\COM256"])
def test_com_names_are_known_by_any_of_their_forms(name: str) -> None:
    """From COM9 on pyserial itself adds the prefix."""
    assert com_name(name) == name.upper().rpartition("\\")[2]


@pytest.mark.parametrize("name", ["COM0", "COM", "/dev/ttyUSB0", "LPT1", "COM1:", "COM1000"])
def test_what_is_no_com_port_is_said(name: str) -> None:
    """A wrong name is one line and a hint."""
    with pytest.raises(PortError, match="not a COM port") as wrong:
        com_name(name)

    assert wrong.value.reason == "unfit"


def test_a_com_port_works_on_threads(com: Any) -> None:
    """Read and written through two threads, as the collector does there."""
    waiting: ThreadWaiting[str] = ThreadWaiting()
    port = waiting.adopt("lane", com.port)
    com.backend.waiting = b"frame"
    heard = b""
    while len(heard) < 5:
        assert waiting.wait(10)
        heard += port.read_some()

    assert heard == b"frame"
    port.write_some(b"\x06")
    port.tune(LineSetting(115200))
    while com.backend.settings.get("baudrate") != 115200:
        assert port.wait_writable(10)
    assert com.backend.written == b"\x06"
    port.close()
    waiting.close()
    assert com.backend.closed

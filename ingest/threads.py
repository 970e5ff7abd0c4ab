"""Two threads a port, where a system cannot wait on many ports at once (Windows, COM ports).

One thread waits for bytes and one hands them over, so that a driver that hangs holds up its own
port alone: the pump sees buffers that never make it wait. A thread that does not come back is
left behind with its device when the port is closed; the device is let go when the thread ends.
"""

import contextlib
import errno
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic

from ingest.ports import READ_SIZE, Port, PortError, lost
from ingest.waiting import GONE, READ, WRITE, Tag

if TYPE_CHECKING:
    from ingest.speeds import LineSetting

HEARD_LIMIT = 65536
"""Bytes that wait for the pump before the port is read no more: the wire's own flow control."""
SAID_LIMIT = 4096
"""Bytes that wait for the device before the pump is told that it is full."""
SLICE = 0.1
"""Seconds that a thread waits in a driver before it looks whether it is still wanted."""
GOODBYE_SECONDS = 1.0
"""What closing waits for threads to come back; those that do not are left behind."""


class ThreadedPort:
    """A port read and written by threads of its own (`ingest.ports.Port`).

    Args:
        port: the device; nobody else may use it from now on.
        stir: called from a thread when there is something new.
    """

    def __init__(self, port: Port, stir: Callable[[], None]) -> None:
        self.device = port.device
        self._port = port
        self._stir = stir
        self._changed = threading.Condition()
        self._heard = bytearray()
        self._said = bytearray()
        self._setting: LineSetting | None = None
        self._stolen = False
        self._wrong: PortError | None = None
        self._closing = False
        self._at_work = 2
        self.threads = [
            threading.Thread(target=self._work, args=(turn,), name=name, daemon=True)
            for turn, name in ((self._listen, f"hears {port.device}"), (self._speak, f"writes {port.device}"))
        ]
        for done, thread in enumerate(self.threads):
            try:
                thread.start()
            except RuntimeError:
                with self._changed:
                    self._closing, self._at_work = True, done
                    self._changed.notify_all()
                raise OSError(errno.EAGAIN, "no more threads") from None

    @property
    def state(self) -> int:
        """What of READ, WRITE and GONE is so now."""
        found = READ if self._heard or self._stolen else 0
        if len(self._said) < SAID_LIMIT:
            found |= WRITE
        return found | (GONE if self._wrong is not None else 0)

    def fileno(self) -> int:
        """None to wait on."""
        return -1

    def read_some(self) -> bytes:
        """As `Port.read_some`; what came before the device went away is read first."""
        with self._changed:
            if self._heard:
                data = bytes(self._heard[:READ_SIZE])
                del self._heard[:READ_SIZE]
                self._changed.notify_all()
                return data
            if self._stolen:
                self._stolen = False
                return b""
            self._raise()
            return b""

    def write_some(self, data: bytes | bytearray | memoryview) -> int:
        """As `Port.write_some`."""
        with self._changed:
            self._raise()
            taken = min(len(data), SAID_LIMIT - len(self._said))
            self._said += memoryview(data)[:taken]
            self._changed.notify_all()
            return taken

    def wait_readable(self, seconds: float) -> bool:
        """As `Port.wait_readable`."""
        return self._wait(READ | GONE, seconds)

    def wait_writable(self, seconds: float) -> bool:
        """As `Port.wait_writable`."""
        return self._wait(WRITE | GONE, seconds)

    def tune(self, setting: "LineSetting") -> None:
        """As `Port.tune`, once what was said before is written; that it cannot be is found at the next read."""
        with self._changed:
            self._raise()
            self._setting = setting
            self._changed.notify_all()

    def identity(self) -> dict[str, str]:
        """As `Port.identity`."""
        return self._port.identity()

    def counters(self) -> dict[str, int]:
        """As `Port.counters`."""
        return self._port.counters()

    def close(self) -> None:
        """As `Port.close`; returns at once. The device is let go by the last thread that comes back from it."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
            alone = not self._at_work
        if alone:
            self._port.close()

    def _wait(self, mask: int, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.state & mask or self._closing, seconds) != 0

    def _raise(self) -> None:
        if self._closing:
            raise lost(self.device, None)
        if self._wrong is not None:
            raise self._wrong

    # -- the threads -------------------------------------------------------------------------

    def _work(self, turn: Callable[[], bool]) -> None:
        wrong: PortError | None = None
        try:
            while turn():
                pass
        except PortError as gone:
            wrong = gone
        except Exception as bug:  # noqa: BLE001  a port that fell silent for a bug of ours must be seen, and opened again
            at = traceback.extract_tb(bug.__traceback__)[-1]
            what = f"{type(bug).__name__} in {Path(at.filename).name}, line {at.lineno}"
            wrong = PortError(f"{self.device}: went away ({what})", reason="lost", hint="please report this line")
        with self._changed:
            self._wrong = self._wrong or wrong
            self._at_work -= 1
            last = self._closing and not self._at_work
            self._changed.notify_all()
        if last:
            self._port.close()
        self._stir()

    def _listen(self) -> bool:
        """Read once; whether to go on."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._heard) < HEARD_LIMIT or self._is_over)
            if self._is_over:
                return False
        if not self._port.wait_readable(SLICE):
            return True
        data = self._port.read_some()
        with self._changed:
            self._heard += data
            self._stolen = self._stolen or not data
            self._changed.notify_all()
        self._stir()
        return True

    def _speak(self) -> bool:
        """Write once, or set the line; whether to go on. What was said before the end is written if it is taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._said or self._setting is not None or self._is_over)
            words, setting, over = bytes(self._said), self._setting, self._is_over
            if not words:
                self._setting = None
        if not words and setting is not None and not over:
            self._port.tune(setting)
            return True
        if words and self._wrong is None and self._port.wait_writable(0 if over else SLICE):
            taken = self._port.write_some(words)
            with self._changed:
                del self._said[:taken]
                self._changed.notify_all()
            self._stir()
        return not over

    @property
    def _is_over(self) -> bool:
        return self._closing or self._wrong is not None


class ThreadWaiting(Generic[Tag]):
    """Waits for ports that have threads of their own (`ingest.waiting.Waiting`)."""

    def __init__(self) -> None:
        self._stirred = threading.Condition()
        self._nudged = False
        self._ports: dict[Port, tuple[Tag, int]] = {}
        self._threads: list[threading.Thread] = []

    def adopt(self, tag: Tag, port: Port) -> Port:
        """As `Waiting.adopt`; the device is its threads' from now on."""
        threaded = ThreadedPort(port, self._stir)
        self._ports[threaded] = (tag, READ)
        self._threads = [each for each in self._threads if each.is_alive()] + threaded.threads
        return threaded

    def watch(self, port: Port, mask: int) -> None:
        """As `Waiting.watch`."""
        tag, _ = self._ports[port]
        self._ports[port] = (tag, mask)

    def forget(self, port: Port) -> None:
        """As `Waiting.forget`."""
        self._ports.pop(port, None)

    def wait(self, seconds: float) -> list[tuple[Tag | None, int]]:
        """As `Waiting.wait`."""
        deadline = time.monotonic() + seconds
        with self._stirred:
            while not (found := self._look()):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._stirred.wait(left)
            return found

    def nudge(self) -> None:
        """As `Waiting.nudge`."""
        with self._stirred:
            self._nudged = True
            self._stirred.notify_all()

    def close(self) -> None:
        """As `Waiting.close`; threads that come back in a second are waited for."""
        deadline = time.monotonic() + GOODBYE_SECONDS
        for thread in self._threads:
            with contextlib.suppress(RuntimeError):  # itself, or never started
                thread.join(max(0.0, deadline - time.monotonic()))

    def _look(self) -> list[tuple[Tag | None, int]]:
        found: list[tuple[Tag | None, int]] = []
        for port, (tag, mask) in self._ports.items():
            assert isinstance(port, ThreadedPort)  # noqa: S101  adopt makes no other
            ready = port.state & (mask | GONE)
            if ready:
                found.append((tag, ready))
        if self._nudged:
            self._nudged = False
            found.append((None, READ))
        return found

    def _stir(self) -> None:
        with self._stirred:
            self._stirred.notify_all()

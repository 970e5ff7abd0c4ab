"""Two threads a port: what hangs is left behind, what fills up says so, and nobody else waits for it."""

import threading
import time
from typing import Any

import pytest

from ingest.ports import PortError, lost
from ingest.speeds import LineSetting
from ingest.threads import HEARD_LIMIT, SAID_LIMIT, ThreadWaiting
from ingest.waiting import GONE, READ, WRITE

PATIENCE = 60.0


class Driver:
    """A device whose driver can hang, flood and refuse (`ingest.ports.Port`)."""

    def __init__(self, device: str = "COM7") -> None:
        self.device = device
        self.answers = threading.Event()  # what waits in the driver comes back
        self.waiting = b""
        self.endless = False
        self.wrong: PortError | None = None
        self.written = b""
        self.takes = True
        self.inside = 0
        self.closed = threading.Event()

    def fileno(self) -> int:
        return -1

    def wait_readable(self, seconds: float) -> bool:
        self.inside += 1
        try:
            assert self.answers.wait(PATIENCE)
        finally:
            self.inside -= 1
        if self.wrong:
            raise self.wrong
        if not (self.waiting or self.endless):
            time.sleep(min(seconds, 0.01))
        return bool(self.waiting or self.endless)

    def wait_writable(self, seconds: float) -> bool:
        if not self.takes:
            time.sleep(min(seconds, 0.01))
        return self.takes

    def read_some(self) -> bytes:
        if self.endless:
            return b"x" * 4096
        data, self.waiting = self.waiting, b""
        return data

    def write_some(self, data: bytes | bytearray | memoryview) -> int:
        self.written += bytes(data[:100])
        return min(100, len(data))

    def tune(self, setting: LineSetting) -> None:
        raise PortError(f"{self.device}: cannot be set to {setting}", reason="unfit")

    def identity(self) -> dict[str, str]:
        return {"device": self.device}

    def counters(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        assert not self.inside, "closed under the thread that is in it"
        self.closed.set()


@pytest.fixture
def waiting() -> ThreadWaiting[str]:
    """Something to wait with."""
    return ThreadWaiting()


def found(waiting: ThreadWaiting[str], tag: str, mask: int) -> bool:
    """Whether that is reported in time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if any(name == tag and ready & mask for name, ready in waiting.wait(0.2)):
            return True
    return False


def test_a_driver_that_hangs_holds_up_its_own_port_alone(waiting: ThreadWaiting[str]) -> None:
    """One never comes back from its driver: the other is read, and closing the first returns at once."""
    hanging, working = Driver("COM1"), Driver("COM2")
    working.answers.set()
    first, second = waiting.adopt("first", hanging), waiting.adopt("second", working)

    working.waiting = b"sale"
    assert found(waiting, "second", READ)
    assert second.read_some() == b"sale"
    assert first.read_some() == b""
    waiting.forget(first)
    first.close()
    assert not hanging.closed.is_set()
    with pytest.raises(PortError):
        first.read_some()

    hanging.answers.set()
    assert hanging.closed.wait(PATIENCE)
    second.close()
    assert working.closed.wait(PATIENCE)
    waiting.close()


def test_what_came_before_the_device_went_away_is_read_first(waiting: ThreadWaiting[str]) -> None:
    """Bytes, then the hang-up, and the hang-up again for whoever asks again."""
    driver = Driver()
    driver.answers.set()
    port = waiting.adopt("lane", driver)
    driver.waiting = b"last words"
    assert found(waiting, "lane", READ)
    driver.wrong = lost("COM7", None)
    assert found(waiting, "lane", GONE)

    assert port.read_some() == b"last words"
    for use in (port.read_some, lambda: port.write_some(b"x"), port.read_some):
        with pytest.raises(PortError, match="went away"):
            use()
    port.close()
    assert driver.closed.wait(PATIENCE)


def test_buffers_are_bounded_both_ways(waiting: ThreadWaiting[str]) -> None:
    """A flood waits on the wire, not in memory; a device that takes nothing is full, and later gets all in order."""
    driver = Driver()
    driver.endless, driver.takes = True, False
    driver.answers.set()
    port: Any = waiting.adopt("lane", driver)
    assert found(waiting, "lane", READ)

    deadline = time.monotonic() + PATIENCE
    while len(port._heard) < HEARD_LIMIT:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)
    assert len(port._heard) < HEARD_LIMIT + 4096

    text = bytes(range(256)) * 20
    taken = port.write_some(text)
    assert taken == SAID_LIMIT
    assert port.write_some(b"more") == 0
    assert not port.state & WRITE
    driver.takes = True
    assert port.wait_writable(PATIENCE)
    while len(driver.written) < taken:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert driver.written == text[:taken]
    port.close()


def test_bytes_that_somebody_else_read_are_reported_once(waiting: ThreadWaiting[str]) -> None:
    """Readiness without bytes is passed on: the pump tells a theft from a pulled cable by it."""
    driver = Driver()
    driver.answers.set()
    port = waiting.adopt("lane", driver)
    real, driver.read_some = driver.read_some, lambda: b""  # type: ignore[method-assign]
    driver.waiting = b"gone"
    assert found(waiting, "lane", READ)
    driver.waiting, driver.read_some = b"", real  # type: ignore[method-assign]

    assert port.read_some() == b""
    driver.waiting = b"ours"
    deadline = time.monotonic() + PATIENCE
    while not (data := port.read_some()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert data == b"ours"
    port.close()


def test_a_setting_that_cannot_be_is_found_out(waiting: ThreadWaiting[str]) -> None:
    """Setting the line is the thread's work; that the driver refuses is seen at the next read."""
    driver = Driver()
    driver.answers.set()
    port = waiting.adopt("lane", driver)

    port.tune(LineSetting(300))

    assert found(waiting, "lane", GONE)
    with pytest.raises(PortError, match="300"):
        port.read_some()
    port.close()


def test_a_bug_in_a_thread_is_a_port_that_went_away(waiting: ThreadWaiting[str]) -> None:
    """A thread that dies takes its port with it, so that it is opened again; told is where, and no data."""

    def wait(seconds: float) -> bool:
        raise ValueError(f"heard 4111111111111111 in {seconds}")

    driver = Driver()
    driver.wait_readable = wait  # type: ignore[method-assign]
    port = waiting.adopt("lane", driver)

    assert found(waiting, "lane", GONE)
    line = wait.__code__.co_firstlineno + 1
    with pytest.raises(PortError, match=rf"COM7: went away \(ValueError in test_threads.py, line {line}\)$"):
        port.read_some()
    port.close()
    assert driver.closed.wait(PATIENCE)

"""Pulled lines: the terminal is asked, what it says is on the disk before it is answered, and money is never moved."""

import datetime as dt
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.asking import Asker
from ingest.lines import Stream
from ingest.tables import Lake
from protocols.answering import Sold
from protocols.profile import load_profile
from protocols.zvt.terminal import Terminal
from tests.ingest.collecting.conftest import Wire

TILLWATCH = Path(sys.executable).with_name("tillwatch")
PATIENCE = 60.0
DAY = dt.datetime.fromisoformat("2026-11-21T10:00:00+08:00")
BATCH = [
    Sold(41, 1000, DAY, receipt=11),
    Sold(42, 2500, DAY + dt.timedelta(minutes=15), receipt=12, card="4761739001010010"),
]


class Played:
    """A simulated terminal on a descriptor, in a thread."""

    def __init__(self, profile: str, descriptor: int) -> None:
        self.terminal = Terminal(load_profile(profile), "52523535", "898290058140001", BATCH)
        self.said = b""
        self._fd = descriptor
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                data = os.read(self._fd, 4096) if select.select([self._fd], [], [], 0.05)[0] else b""
            except OSError:
                return
            self.said += data
            out = self.terminal.feed(data, time.monotonic()) + self.terminal.tick(time.monotonic())
            if out:
                os.write(self._fd, out)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a key."""
    run("doctor", "--create-keys", cwd=tmp_path, statuses=(0, 3))
    return tmp_path


def run(*words: str, cwd: Path, statuses: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([TILLWATCH, *words], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in statuses, done.stderr
    return done


def collect(shop: Path, config: str, until: str) -> str:
    """Collect with this configuration until a word is in the log; the log."""
    (shop / "tillwatch.toml").write_text(config, "utf-8")
    log = shop / "log"
    with log.open("w") as err:
        collector = subprocess.Popen([TILLWATCH, "collect"], cwd=shop, stderr=err)
    try:
        deadline = time.monotonic() + PATIENCE
        while until not in log.read_text() and collector.poll() is None:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
    finally:
        collector.send_signal(signal.SIGTERM)
        assert collector.wait(PATIENCE) == 0, log.read_text()
    return log.read_text()


def line(device: str, profile: str, more: str = "") -> str:
    return f'[[lines]]\nname = "till"\ndevice = "{device}"\nprofile = "{profile}"\nmode = "pull"\n{more}\n'


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A listening terminal's socket."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.mark.slow
def test_the_last_receipt_of_a_serial_terminal_is_in_the_tables(shop: Path, tmp_path: Path) -> None:
    """Plugged in and asked: its last transaction is landed, its batch is still open, the card number is nowhere."""
    wire = Wire(tmp_path / "tty")
    played = Played("zvt", wire.master)
    log = collect(shop, line(str(wire.name), "zvt"), "asked")
    played.stop()
    wire.unplug()
    assert "answered" in log
    assert played.terminal.closed == []
    run("land", cwd=shop)
    (row,) = Lake(str(shop / "var/lake")).read("transactions").to_pylist()
    assert (row["stan"], row["amount_fen"], row["terminal_id"], row["txn_type"]) == (42, 2500, "52523535", None)
    assert row["pan_masked"] == "476173******0010"
    for path in (shop / "var").rglob("*"):
        assert not path.is_file() or bytes.fromhex("4761739001010010") not in path.read_bytes()


@pytest.mark.slow
def test_an_end_of_day_over_tcp_is_a_settlement(shop: Path, server: socket.socket) -> None:
    """Asked by name and once: the batch is closed and its totals are landed."""
    port = server.getsockname()[1]
    connections: list[socket.socket] = []
    played: list[Played] = []

    def serve() -> None:
        connection, _ = server.accept()
        connections.append(connection)
        played.append(Played("zvt-tcp", connection.fileno()))

    thread = threading.Thread(target=serve)
    thread.start()
    log = collect(shop, line(f"tcp://127.0.0.1:{port}", "zvt-tcp", 'ask = "end-of-day"\nevery = 0'), "asked")
    thread.join()
    played[0].stop()
    connections[0].close()
    assert "answered" in log
    assert len(played[0].terminal.closed) == 1
    run("land", cwd=shop)
    (row,) = Lake(str(shop / "var/lake")).read("settlements").to_pylist()
    assert (row["total_count"], row["total_amount_fen"], row["currency"]) == (2, 3500, "978")
    assert row["requested_at"] is not None


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ('ask = "end-of-day"', "not asked at intervals"),
        ('ask = "a-payment"\nevery = 0', "knows no question"),
    ],
)
def test_what_must_not_be_asked_is_refused(shop: Path, more: str, word: str) -> None:
    """An end of day at intervals would close a batch again and again; a payment is no question."""
    (shop / "tillwatch.toml").write_text(line("/dev/null", "zvt", more), "utf-8")
    assert word in run("collect", cwd=shop, statuses=(2,)).stderr


def test_terminals_that_cannot_be_asked_are_not(shop: Path) -> None:
    """A profile whose dialect has no questions has no pulled lines."""
    (shop / "tillwatch.toml").write_text(line("/dev/null", "unionpay"), "utf-8")
    assert "cannot be asked" in run("collect", cwd=shop, statuses=(2,)).stderr


class FakeSession:
    """A session of two words."""

    def __init__(self) -> None:
        self.outcome = ""
        self.due = 99.0

    @property
    def done(self) -> bool:
        return bool(self.outcome)

    def start(self, _now: float) -> list[bytes]:
        return [b"ask"]

    def hear_control(self, _byte: int, _now: float) -> list[bytes]:
        return []

    def hear_frame(self, _frame: bytes, _now: float) -> list[bytes]:
        self.outcome = "answered"
        return [b"thanks"]

    def hear_noise(self, _now: float) -> list[bytes]:
        return [b"\x15"]

    def tick(self, _now: float) -> list[bytes]:
        return []


def asker(every: float) -> tuple[Asker, list[str]]:
    told: list[str] = []

    def tell(line: str, event: str, /, **facts: object) -> None:
        assert (line, event) == ("till", "asked")
        told.append(str(facts["outcome"]))

    own = Stream("till", "zvt", mode="pull", direction="tx", start=lambda: None)  # type: ignore[arg-type,return-value]  # it records nothing here
    made = Asker(
        "status",
        every=every,
        begin=FakeSession,
        own=own,
        tell=tell,
    )
    return made, told


def test_the_interval_is_from_start_to_start():
    """Opened: asked at once, then every so often; unheard between."""
    made, told = asker(600)
    assert made.tick(0.0) == []
    made.opened(10.0)
    assert made.tick(10.0) == [b"ask"]
    assert made.hear_frame(b"", 11.0) == [b"thanks"]
    assert (told, made.due) == (["answered"], 610.0)
    assert made.tick(609.0) == []
    assert made.hear_frame(b"", 609.0) == []
    assert made.tick(610.0) == [b"ask"]


def test_once_is_once():
    """With no interval, replugging does not ask again."""
    made, told = asker(0)
    made.opened(0.0)
    assert made.tick(0.0) == [b"ask"]
    made.lost()
    assert told == ["unplugged"]
    made.opened(5.0)
    assert made.tick(5.0) == []

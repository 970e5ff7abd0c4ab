"""Its packet classes and serial transport as a terminal; our pull session, and our collector, ask it."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.zvt_peer.peer import Ecrterm
from bench.zvt_peer.tally import Tally
from ingest.simulator.scenario import ZONE
from ingest.tables import Lake
from protocols.deframe import Control, Frame, Noise
from protocols.profile import load_profile
from protocols.zvt.link import deframer
from protocols.zvt.session import PASSWORD, Asking

TILLWATCH = Path(sys.executable).with_name("tillwatch")
PATIENCE = 60.0
SOLD = {
    "result_code": 0,
    "amount": 123456,
    "trace_number": "000777",
    "time": "142530",
    "date_day": "1121",
    "card_number": bytes.fromhex("672100EEEEEE8074"),
    "receipt": "0042",
    "tid": "60099914",
    "vu": b"0455600000599  ",
    "currency_code": 978,
    "aid": b"891500\0\0",
    "card_name": b"girocard\0",
    "turnover": "000012",
    "status_byte": 0x60,
}
ROW = {
    "stan": 777,
    "amount_fen": 123456,
    "receipt_no": 42,
    "pan_masked": "672100******8074",
    "terminal_id": "60099914",
    "merchant_id": "0455600000599",
    "auth_code": "891500",
    "card_org": "girocard",
    "currency": "978",
    "outcome": "approved",
    "orig_stan": None,
    "txn_type": None,
}
"""What must stand in the table of a repeated receipt that says so; it does not say what it repeats."""


class _Port:
    """The other end of a pseudo-terminal, as its transport reads and writes a port; it never hurries."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.timeout: float | None = None
        self.closed = threading.Event()

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size and not self.closed.is_set():
            if select.select((self._descriptor,), (), (), 0.05)[0]:
                data += os.read(self._descriptor, size - len(data))
        return data

    def write(self, data: bytes) -> None:
        os.write(self._descriptor, data)


class Served:
    """A terminal of its classes in a thread of its own.

    Args:
        peer: whose.
        descriptor: where it speaks.
        answers: a command's class and instruction as one number (0x0620) -> what it says to it, the first at once and
            each of the others when the one before was acknowledged.
    """

    def __init__(self, peer: Ecrterm, descriptor: int, answers: dict[int, list[Any]]) -> None:
        self._peer, self._answers = peer, answers
        self.port = _Port(descriptor)
        self.asked: list[str] = []
        self._transport = peer.transport.SerialTransport("")
        self._transport.connection = self.port
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self.port.closed.set()
        self._thread.join()

    def _serve(self) -> None:
        packets = self._peer.packets
        while not self.port.closed.is_set():
            try:
                _, data = self._transport.receive()
                asked = packets.Packet.parse(data)
                self.asked.append(f"{data[0]:02X}{data[1]:02X} {asked.as_dict().get('password', '')}".strip())
                first, *others = self._answers[data[0] << 8 | data[1]]
                self._transport.send(bytes(first.serialize()), no_wait=True)
                for packet in others:
                    self._transport.send(bytes(packet.serialize()))
            except Exception:  # its transport ends a thread that was stopped with any of several
                if self.port.closed.is_set():
                    return
                raise


def ask(peer: Ecrterm, tally: Tally) -> None:
    """Each question that our session has, and each way that it can end."""
    packets = peer.packets
    accepted, done = packets.PacketReceived(), packets.Completion()
    wait = packets.IntermediateStatusInformation(0x0E, 1)
    refused = packets.PacketReceivedError()
    refused.control_field = [0x84, 0x83]
    registered = [accepted, packets.Completion(status_byte=0, tid="60099914", currency_code=978)]
    status = packets.StatusInformation(**SOLD)
    printed = [packets.PrintLine(0, "H\xe4ndlerbeleg"), packets.PrintTextBlock(tlv=[(0x25, [(0x07, b"Text")])])]
    version = packets.Completion(sw_version="2.14.15", terminal_status=0)
    aborted = packets.Abort(result_code=0x6C)
    group = "our session, its terminal"
    for question, control, answers, outcome in (
        ("repeat-receipt", 0x0620, [accepted, wait, status, *printed, done], "answered"),
        ("repeat-receipt", 0x0620, [accepted, aborted], "aborted 6C"),
        ("repeat-receipt", 0x0620, [refused], "refused 83"),
        ("status", 0x0501, [accepted, version], "answered"),
        ("totals", 0x0610, [accepted, status, done], "answered"),
        ("end-of-day", 0x0650, [accepted, wait, status, *printed, done], "answered"),
        ("end-of-day", 0x0650, [accepted, packets.Abort(result_code=0x77)], "aborted 77"),
    ):
        ended, asked, heard = _asked(peer, question, {0x0600: registered, control: answers})
        tally.same(group, f"{question}: outcome", outcome, ended[: len(outcome)])
        commands = [f"0600 {PASSWORD}", f"{control:04X} {PASSWORD}"]
        tally.same(group, f"{question}: commands", commands, asked)
        said = [*registered, *answers]
        tally.same(group, f"{question}: messages", [bytes(each.serialize()).hex() for each in said], heard)


def _asked(peer: Ecrterm, question: str, answers: dict[int, list[Any]]) -> tuple[str, list[str], list[str]]:
    """How a session ended, what the terminal was asked, and the APDUs that we heard."""
    profile = load_profile("zvt")
    till, hearing = Asking(profile, question), deframer(profile)
    master, slave = os.openpty()
    tty.setraw(slave)
    terminal = Served(peer, master, answers)
    heard: list[str] = []
    try:
        outgoing = till.start(time.monotonic())
        while outgoing or not till.done:
            os.write(slave, b"".join(outgoing))
            now = time.monotonic()
            outgoing = till.tick(now)
            if not select.select((slave,), (), (), 0.01 if outgoing else 0.1)[0]:
                continue
            for event in hearing.feed(os.read(slave, 4096)):
                if isinstance(event, Control):
                    outgoing += till.hear_control(event.byte, now)
                elif isinstance(event, Noise):
                    outgoing += till.hear_noise(now)
                elif isinstance(event, Frame):
                    body = event.data[2:-4].replace(b"\x10\x10", b"\x10")
                    heard.append(body.hex())
                    outgoing += till.hear_frame(event.data, now)
    finally:
        terminal.stop()
        os.close(master)
        os.close(slave)
    return till.outcome, terminal.asked, heard


def collect(peer: Ecrterm, tally: Tally, folder: Path) -> None:
    """Our collector asks it for the last receipt; the row in the tables."""
    packets = peer.packets
    accepted = packets.PacketReceived()
    registered = [accepted, packets.Completion(status_byte=0, tid="60099914", currency_code=978)]
    copy = [accepted, packets.StatusInformation(**SOLD), packets.PrintLine(0, "KOPIE"), packets.Completion()]
    master, slave = os.openpty()
    tty.setraw(slave)
    terminal = Served(peer, master, {0x0600: registered, 0x0620: copy})
    try:
        _run(folder, "doctor", "--create-keys", allowed=(0, 3))
        _collect(folder, os.ttyname(slave))
    finally:
        terminal.stop()
        os.close(master)
        os.close(slave)
    _run(folder, "land")
    lake = Lake(str(folder / "var/lake"))
    group = "our collector, its terminal"
    tally.same(group, "rejects", 0, lake.read("rejects").num_rows)
    rows = lake.read("transactions").to_pylist()
    tally.same(group, "rows", 1, len(rows))
    for name, value in ROW.items():
        tally.same(group, name, value, rows[0][name])
    at = rows[0]["host_dt"].astimezone(ZONE)
    tally.same(group, "host_dt", "11-21 14:25:30", f"{at:%m-%d %H:%M:%S}")


def _collect(folder: Path, device: str) -> None:
    log = folder / "log"
    with log.open("w") as err:
        command = [str(TILLWATCH), "collect", "--pull", f"lane={device}:zvt"]
        collector = subprocess.Popen(command, cwd=folder, stderr=err)
    _wait(lambda: "outcome=answered" in log.read_text() or collector.poll() is not None)
    collector.send_signal(signal.SIGTERM)
    if collector.wait(PATIENCE) or "outcome=answered" not in log.read_text():
        raise RuntimeError(f"the collector did not ask: {log.read_text()}")


def _wait(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not so():
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)


def _run(folder: Path, *words: str, allowed: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run([TILLWATCH, *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in allowed:
        raise RuntimeError(f"tillwatch {' '.join(words)}: {done.stderr}")

"""Its client at the terminals of ``tillwatch simulate pull``, a process of its own, on a pseudo-terminal and a port."""

import datetime as dt
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.zvt_peer.peer import Ecrterm
from bench.zvt_peer.tally import Tally
from bench.zvt_peer.terminal import PATIENCE, TILLWATCH
from ingest.simulator.scenario import ZONE
from protocols.zvt.session import PASSWORD

SEED = "7"


def visit(peer: Ecrterm, tally: Tally, link: str, folder: Path) -> None:
    """Register, have the last receipt told again, pay, take it back, and end the day: against the simulator's truth."""
    with _simulated(link, folder) as device:
        truth = json.loads((folder / "truth.jsonl").read_text("utf-8").splitlines()[-1])
        till = peer.ecr.ECR(device, PASSWORD)
        try:
            _Visit(peer, tally, till, f"its client, tillwatch simulate, {link}").play(truth)
        finally:
            till.transport.close()


class _Visit:
    def __init__(self, peer: Ecrterm, tally: Tally, till: Any, group: str) -> None:
        self.peer, self.tally, self.till, self.group = peer, tally, till, group

    def same(self, what: str, theirs: Any, ours: Any) -> None:
        self.tally.same(self.group, what, theirs, ours)

    @property
    def status(self) -> Any:
        """The one status that came since the last command."""
        kind = self.peer.packets.StatusInformation
        (found,) = [
            packet for inwards, packet in self.till.transmitter.last_history if inwards and type(packet) is kind
        ]
        return found

    def play(self, truth: dict[str, Any]) -> None:
        self.till.register(self.peer.types.ConfigByte.ALL, cc=978)
        self.same("terminal id", self.till.terminal_id, truth["terminal_id"])
        self.till.transmit(self.peer.repeat(password=PASSWORD))
        said, at = self.status, dt.datetime.fromisoformat(truth["host_dt"]).astimezone(ZONE)
        theirs = {
            "amount": said.amount,
            "stan": int(said.trace_number),
            "original": None if said.trace_number_original is None else int(said.trace_number_original),
            "receipt": int(said.receipt),
            "terminal": said.tid,
            "merchant": said.vu.decode("ascii").strip(),
            "card": said.card_number.hex().upper().rstrip("F"),
            "authorisation": said.aid.decode("ascii").rstrip("\0"),
            "organisation": said.card_name.decode("ascii").rstrip("\0"),
            "clock": said.date_day + said.time,
        }
        ours = {
            "amount": truth["amount_fen"],
            "stan": truth["stan"],
            "original": truth["orig_stan"],
            "receipt": truth["receipt_no"],
            "terminal": truth["terminal_id"],
            "merchant": truth["merchant_id"],
            "card": truth["pan_masked"].replace("*", "E"),
            "authorisation": truth["auth_code"],
            "organisation": truth["card_org"],
            "clock": f"{at:%m%d%H%M%S}",
        }
        for name, value in ours.items():
            self.same(f"last receipt: {name}", theirs[name], value)

        before = self._total()
        self.same("paid", self.till.payment(4321), True)
        paid = self.status
        self.same("paid: amount", paid.amount, 4321)
        self.same("paid: trace number", int(paid.trace_number), truth["stan"] + 1)
        self.same("paid: receipt", int(paid.receipt), truth["receipt_no"] + 1)
        self.same("totals: with it", self._total(), before + 4321)
        self.till.transmit(self.peer.reversal(password=PASSWORD, receipt=paid.receipt))
        self.same("taken back: original", self.status.trace_number_original, paid.trace_number)
        self.same("totals: without it", self._total(), before)
        self.till.end_of_day()
        self.same("end of day", self.status.amount, before)
        self.same("nothing left", self._total(), 0)

    def _total(self) -> int:
        self.till.transmit(self.peer.totals(password=PASSWORD))
        return int(self.status.amount)


@contextmanager
def _simulated(link: str, folder: Path) -> Iterator[str]:
    """A simulator at work, and what ecrterm is told to open."""
    options = ["--lines", "1", "--seed", SEED, "--profile", link, "--truth", "truth.jsonl", "--json"]
    command = [str(TILLWATCH), "simulate", "pull", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        device = json.loads(process.stdout.readline() if process.stdout else "{}")["device"]
        try:
            yield device.replace("tcp://", "socket://") if "://" in device else str(folder / device)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)

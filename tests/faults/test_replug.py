"""The cable is pulled: inside a frame, between frame and ACK, while the port is opened, while it is set up."""

import random
from pathlib import Path
from typing import Any

import pytest

from ingest import lines
from ingest.ports import Port
from tests.faults.lengths import length
from tests.faults.shop import Shop, check, deliver, resources, sale, wait_until, wait_until_no_more_than
from tests.ingest.collecting.conftest import Wire

CYCLES = length(60, 1000)
MOMENTS = ("inside a frame", "before the ACK", "after the ACK", "at once", "during open", "during set-up")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + CYCLES)]


class Clumsy:
    """Opens ports; when told so somebody pulls the cable on the way, before or after the device was opened."""

    def __init__(self) -> None:
        self.pull: tuple[str, Wire] | None = None
        self._open = lines.open_device

    def __call__(self, device: str, link: lines.LinkSettings) -> Port:
        """Open, or try to."""
        if self.pull is not None and self.pull[0] == "during open" and self.pull[1].name.is_symlink():
            self._unplug()
        port = self._open(device, link)  # raises while nothing is plugged in; the pull stays for the next try
        if self.pull is not None:
            self._unplug()
        return port

    def _unplug(self) -> None:
        assert self.pull is not None
        (_, wire), self.pull = self.pull, None
        wire.unplug()


def test_a_cable_that_is_pulled_again_and_again_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    """Fault 1: each frame is acknowledged in the end and recorded; descriptors and threads are as many as at first."""
    rng = random.Random(1)
    wire = Wire(tmp_path / "lane")
    clumsy = Clumsy()
    monkeypatch.setattr(lines, "open_device", clumsy)
    sent: list[bytes] = []
    at_first, counts = (0, 0), dict.fromkeys(MOMENTS, 0)
    shop = Shop(tmp_path, {"lane": wire}, seal_bytes=256 * 1024)
    with shop:
        for cycle in range(CYCLES):
            moment = rng.choice(MOMENTS)
            counts[moment] += 1
            sent.append(sale(cycle + 1))
            if moment == "inside a frame":
                wire.write(sent[-1][: rng.randrange(1, len(sent[-1]))])
            elif moment == "before the ACK":
                wire.write(sent[-1])
            elif moment == "after the ACK":
                deliver(wire, sent[-1])
            wire.unplug()
            wait_until(lambda: not shop.is_open("lane"))
            if moment in {"at once", "during open", "during set-up"}:
                clumsy.pull = (moment, wire) if moment != "at once" else None
                wire.plug()
                if moment == "at once":
                    wire.unplug()
                else:
                    wait_until(lambda: wire.master < 0)
            wire.plug()
            deliver(wire, sent[-1])
            if cycle == 20:
                at_first = resources()
            if cycle > 20 and cycle % 50 == 0:
                wait_until_no_more_than(at_first)
        wait_until_no_more_than(at_first)
    wire.unplug()
    frames = check(shop, sent, sent)
    assert sum(record.dup_of is None for record in frames) == len(sent)
    record_property("tried", f"{CYCLES} times: {', '.join(f'{count} {name}' for name, count in counts.items())}")
    record_property("lost", "0 of " + str(len(sent)))

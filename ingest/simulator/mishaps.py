"""Bad luck on the wire, one piece for a payment: what a machine says or hears is damaged or lost once.

A link that says again what was damaged makes good for each of them, so the truth does not change.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from protocols.answering import Machine

Mishap = Literal["said damaged", "heard damaged", "word lost", "word unheard"]
"""Of the next frame or the next lone byte: damaged as it leaves or as it arrives, lost before or after the line."""

MISHAPS: tuple[Mishap, ...] = ("said damaged", "heard damaged", "word lost", "word unheard")


class Unlucky:
    """A machine with mishaps.

    Args:
        machine: it.
        at: which payment is at hand.
        mishaps: payment -> what befalls it.
    """

    def __init__(self, machine: Machine, at: Callable[[], int], mishaps: Mapping[int, Mishap]) -> None:
        self._machine = machine
        self._at = at
        self._left = dict(mishaps)

    @property
    def due(self) -> float | None:
        """The machine's."""
        return self._machine.due

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes came, or something else did; what to say, or something else."""
        data = self._through(data, "heard damaged", "word unheard")
        said = self._machine.feed(data, now) if data else b""
        return self._through(said, "said damaged", "word lost")

    def tick(self, now: float) -> bytes:
        """Time went by."""
        return self._through(self._machine.tick(now), "said damaged", "word lost")

    def _through(self, data: bytes, damage: Mishap, loss: Mishap) -> bytes:
        mishap = self._left.get(self._at())
        if mishap == damage and len(data) > 1:
            del self._left[self._at()]
            middle = len(data) // 2
            return data[:middle] + bytes((data[middle] ^ 0x01,)) + data[middle + 1 :]
        if mishap == loss and len(data) == 1:
            del self._left[self._at()]
            return b""
        return data

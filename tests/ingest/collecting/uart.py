"""A port that hears as a UART does: at another speed than the sender's, garbage.

A pseudo-terminal carries bytes and knows no speed. This stands in front of one: what
was written to it counts as sent with the sender's setting, and is sampled with the
receiver's, bit by bit: start bit, data bits from the lowest, stop bit, idle high.
"""

from collections.abc import Iterator

from ingest.ports import Port
from ingest.speeds import LineSetting
from ingest.tty import Tty


def waveform(data: bytes, setting: LineSetting) -> list[int]:
    """The levels on the wire, one a bit time of the sender."""
    bits: list[int] = []
    for byte in data:
        word = [byte >> place & 1 for place in range(setting.bytesize)]
        parity = {"N": [], "E": [sum(word) % 2], "O": [1 - sum(word) % 2]}[setting.parity]
        bits += [0, *word, *parity, *[1] * int(setting.stopbits)]
    return bits


def sampled(bits: list[int], sent: LineSetting, heard: LineSetting) -> Iterator[int]:
    """The bytes that a receiver of another setting makes of it; a wrong stop bit is not seen, as under Linux."""
    end = len(bits) / sent.baud

    def level(time: float) -> int:
        place = int(time * sent.baud + 1e-9)
        return bits[place] if place < len(bits) else 1

    time, bit = 0.0, 1 / heard.baud
    width = heard.bytesize + (heard.parity != "N")
    while time < end:
        place = int(time * sent.baud + 1e-9)
        fall = next((each for each in range(place, len(bits)) if not bits[each]), None)
        if fall is None:
            return
        start = max(time, fall / sent.baud)
        word = [level(start + (1.5 + each) * bit) for each in range(width)]
        yield sum(value << each for each, value in enumerate(word[: heard.bytesize]))
        time = start + (1.5 + width) * bit
        place = int(time * sent.baud + 1e-9)
        if not level(time):  # a break: wait for the line to go high
            time = next((each for each in range(place, len(bits)) if bits[each]), len(bits)) / sent.baud


class Uart(Tty):
    """A `Tty` whose sender has a setting of its own.

    Args:
        port: the pseudo-terminal.
        sent: the sender's setting.
        heard: the receiver's, until it is tuned.
    """

    def __init__(self, port: Port, sent: LineSetting, heard: LineSetting) -> None:
        assert isinstance(port, Tty)
        super().__init__(port.device, port._backend, port.identity())
        self._sent, self._heard = sent, heard
        self.tuned: list[LineSetting] = []

    def read_some(self) -> bytes:
        """What the receiver makes of what came."""
        return bytes(sampled(waveform(super().read_some(), self._sent), self._sent, self._heard))

    def tune(self, setting: LineSetting) -> None:
        """Another speed from now on."""
        self._heard = setting
        self.tuned.append(setting)

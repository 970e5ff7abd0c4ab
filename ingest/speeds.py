"""Line settings to try where the terminal's are not known: one after the other, and only when what came is garbage.

At a wrong speed bytes arrive, but not those that were sent; only reading them tells
(`protocols.detect`). A silent line proves nothing against a setting, so nothing moves
while nobody speaks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protocols.profile import Profile

BAUDS = (9600, 115200, 57600, 38400, 19200, 4800, 2400)
"""The usual default of terminals first."""
GLITCH_BYTES = 3
"""So few bytes between two silences are a plug being pushed in, not speech."""
LONGEST_BURST = 1024
"""Bytes of speech without a silence after which a setting is judged all the same."""


@dataclass(frozen=True, slots=True)
class LineSetting:
    """How a port is set: bits a second, data bits, parity (N, E or O) and stop bits."""

    baud: int = 9600
    bytesize: int = 8
    parity: str = "N"
    stopbits: float = 1

    def __str__(self) -> str:
        return f"{self.baud} {self.bytesize}{self.parity}{self.stopbits:g}"


def settings_to_try(profiles: "Iterable[Profile]", baud: int | None = None) -> tuple[LineSetting, ...]:
    """Each setting that could be a candidate's, the likeliest first.

    Stop bits are left out: a receiver looks at the first one alone.

    Args:
        profiles: the candidates; their own speeds and framings come first.
        baud: the speed, where it is known.
    """
    links = [profile.link for profile in profiles]
    framings = dict.fromkeys([(8, "N"), *((link.bytesize, link.parity) for link in links)])
    named = {(link.baud, link.bytesize, link.parity) for link in links}
    bauds = [baud] if baud else [*BAUDS, *sorted({link.baud for link in links} - set(BAUDS))]
    found = [LineSetting(each, bits, parity) for bits, parity in framings for each in bauds]
    return tuple(sorted(found, key=lambda each: (each.baud, each.bytesize, each.parity) not in named))


class Trial:
    """Goes through the settings, for ever.

    Args:
        settings: the likeliest first; one alone is never left.
    """

    def __init__(self, settings: Sequence[LineSetting]) -> None:
        self._settings = list(settings)
        self._at = 0
        self._burst = 0

    @property
    def setting(self) -> LineSetting:
        """The one the line should have now."""
        return self._settings[self._at]

    def hear(self, count: int) -> bool:
        """Bytes came; whether they are so many that they must be judged (``pause``) without a silence."""
        self._burst += count
        return self._burst >= LONGEST_BURST

    def pause(self, *, promising: bool) -> bool:
        """A burst is over; whether it was garbage, and it is time for the next setting."""
        spoke, self._burst = self._burst > GLITCH_BYTES, 0
        if not spoke or promising or len(self._settings) == 1:
            return False
        self._at = (self._at + 1) % len(self._settings)
        return True

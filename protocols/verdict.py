"""What a candidate profile made of the bytes heard on a line, and the verdict on all of them (`protocols.detect`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ENOUGH_FRAMES = 2
"""Telling frames that make a verdict; where no checksum is verified, different ones one behind the other."""
ENOUGH_BYTES = 64
"""And so many bytes in them where no checksum is verified: a bare APDU of three bytes proves nothing."""
MOST_NOISE = 0.5
"""Share of the bytes heard that may be unreadable where no checksum is verified."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one candidate made of the bytes heard.

    Attributes:
        profile: its name.
        frames: frames that it could read to the last field; handshakes of the link included.
        telling: of these, the ones that are more than a handshake.
        in_a_row: different telling frames, each right behind a frame or a silence: the longest run of each direction.
        run_bytes: bytes of these.
        checksum: the sum that each frame's own bytes agree with (lrc, crc); empty where the link has none.
        errors: what was wrong with frames that could not be read: ``field bcd`` -> how many.
        controls: lone ACK, NAK, ENQ, EOT.
        read_bytes: bytes of readable frames and controls.
        noise_bytes: bytes of all else; those of a frame that is not complete are in neither.
        failure: the candidate's own code failed, and where; it was not heard any more.
    """

    profile: str
    frames: int = 0
    telling: int = 0
    in_a_row: int = 0
    run_bytes: int = 0
    checksum: str = ""
    errors: Mapping[str, int] = field(default_factory=dict)
    controls: int = 0
    read_bytes: int = 0
    noise_bytes: int = 0
    failure: str = ""

    @property
    def score(self) -> float:
        """Share of the bytes heard that it could read, 0 … 1; 0 without a telling frame."""
        heard = self.read_bytes + self.noise_bytes
        return self.read_bytes / heard if heard and self.telling else 0.0

    @property
    def is_enough(self) -> bool:
        """Whether this alone would make a verdict."""
        if self.checksum:
            return self.telling >= ENOUGH_FRAMES and self.telling > sum(self.errors.values())
        readable = self.score >= 1 - MOST_NOISE
        return readable and self.in_a_row >= ENOUGH_FRAMES and self.run_bytes >= ENOUGH_BYTES

    @property
    def speaks_for(self) -> str:
        """``3 frames, LRC ok``."""
        many = f"{self.frames} frame{'' if self.frames == 1 else 's'}"
        return f"{many}, {self.checksum.upper()} ok" if self.checksum else f"{many}, no checksum on this link"

    @property
    def speaks_against(self) -> tuple[str, ...]:
        """What makes one doubt it, in words."""
        doubts = [f"{count} unreadable: {what}" for what, count in self.errors.items()]
        if self.noise_bytes:
            doubts.append(f"{self.noise_bytes} of {self.noise_bytes + self.read_bytes} bytes unreadable")
        if not self.is_enough:
            doubts.append("no frame yet" if not self.telling else "too little yet")
        if self.failure:
            doubts.append(f"it failed: {self.failure}")
        return tuple(doubts)

    def as_dict(self) -> dict[str, Any]:
        """For the session record and ``--json``."""
        return {
            "profile": self.profile,
            "score": round(self.score, 3),
            "frames": self.frames,
            "checksum": self.checksum or None,
            "errors": dict(self.errors),
            "noise_bytes": self.noise_bytes,
            "against": list(self.speaks_against),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the line speaks, and how that is known.

    Attributes:
        profile: the profile taken, or the likeliest so far; None when no candidate read anything.
        is_sure: there is enough evidence, and none for another dialect.
        ties: other profiles that read the same bytes equally well.
        rivals: profiles of other dialects or links that are too good to be ruled out.
        ranked: every candidate's evidence, the best first.
    """

    profile: str | None
    is_sure: bool
    ties: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    ranked: tuple[Evidence, ...] = ()

    @property
    def evidence(self) -> Evidence:
        """That of the profile taken."""
        return next((each for each in self.ranked if each.profile == self.profile), Evidence(""))

    def as_dict(self) -> dict[str, Any]:
        """For the session record and ``--json``: the candidates that read anything, at most five."""
        return {
            "profile": self.profile,
            "sure": self.is_sure,
            "ties": list(self.ties),
            "rivals": list(self.rivals),
            "candidates": [each.as_dict() for each in self.ranked if each.frames or each.errors][:5],
        }

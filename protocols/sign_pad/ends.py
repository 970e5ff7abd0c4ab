"""The pad, and the terminal that has a customer sign on it: each signing to its end, what came damaged said again."""

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from protocols import bmp
from protocols.deframe import Event, Frame, Noise
from protocols.jbig import Bitmap
from protocols.mis.link import deframer, wrap
from protocols.picture import content_hash
from protocols.sign_pad.message import read
from protocols.signature import feature_code
from protocols.talking import Payment, Talk, Times

if TYPE_CHECKING:
    from protocols.profile import Profile

WIDTH, HEIGHT = 240, 80
"""A pad's signing area (docs/protocols.md 6)."""
TRIES = 3
_OK, _ERROR, _HEARTBEAT = b"\xa8", b"\xa9", b"\xd1"
_ANSWERS = {0xA0: b"\xb0", 0xA3: b"\xb3", 0xA4: b"\xb4", 0xA5: b"\xb5", 0xA8: _OK, 0xD1: b"\xd1"}
_TAKEN = frozenset((0xE3, 0xF8, 0xF9))
_STORED = b"\x02"


class _End:
    """What both ends do: find messages, and give up half a one after a pause."""

    def __init__(self, profile: "Profile", times: Times) -> None:
        self._profile = profile
        self._times = times
        self._deframer = deframer(profile)
        self._pause: float | None = None

    def _hear(self, data: bytes, now: float) -> list[Event]:
        events = self._deframer.feed(data) if data else []
        if data:
            self._pause = now + self._times.pause if self._deframer.pending else None
        elif self._pause is not None and now >= self._pause:
            self._pause = None
            events = self._deframer.flush()
        return events

    def _wrap(self, data: bytes) -> bytes:
        return wrap(self._profile.link, data)


class Pad(_End):
    """The pad: answers each command; of a signing what it was told the customer does.

    Args:
        profile: its link.
        signings: feature code -> the picture, or the command that says why there is none.
        times: how long the customer takes, and a pause inside a message.
    """

    def __init__(self, profile: "Profile", signings: Mapping[str, bytes], times: Times) -> None:
        super().__init__(profile, times)
        self._signings = signings
        self._said = b""
        self._sequence = 0
        self._work: tuple[float, bytes] | None = None

    @property
    def due(self) -> float | None:
        """When ``tick`` must be called, if nothing is heard before."""
        waits = [each for each in (self._pause, self._work[0] if self._work else None) if each is not None]
        return min(waits) if waits else None

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes of the terminal; what to say."""
        return b"".join(self._answer(event, now) for event in self._hear(data, now))

    def tick(self, now: float) -> bytes:
        """Time went by: the customer is done, or half a message is given up."""
        said = b"".join(self._answer(event, now) for event in self._hear(b"", now))
        if self._work is not None and now >= self._work[0]:
            said += self._say(self._work[1])
            self._work = None
        return said

    def _answer(self, event: Event, now: float) -> bytes:
        if isinstance(event, Noise):
            return self._wrap(_ERROR)  # not kept: what is to be said again is what was said before
        if not isinstance(event, Frame):
            return b""
        message = read(self._profile, event.data)
        command = message.command or 0
        if command == 0xA9:
            return self._said
        if command == 0xA2:
            return self._sign(message.value("feature_code") or "", now)
        if command == 0xA1:
            return self._say(b"\xb1" + message.data[1:4] + _STORED)
        return self._say(_ANSWERS.get(command, _OK if command in _TAKEN else _ERROR))

    def _sign(self, code: str, now: float) -> bytes:
        signed = self._signings.get(code)
        if signed is None:
            return self._say(_ERROR)
        if signed[:2] == b"BM":
            self._sequence += 1
            signed = b"\xb2" + bytes.fromhex(f"{self._sequence:06d}") + signed
        self._work = (now + self._times.work, signed)
        return b""

    def _say(self, data: bytes) -> bytes:
        self._said = self._wrap(data)
        return self._said


class Terminal(_End):
    """The terminal: has one customer after the other sign.

    Args:
        profile: its link.
        codes: the feature code of each signing.
        times: how long to wait.
    """

    def __init__(self, profile: "Profile", codes: Sequence[str], times: Times) -> None:
        super().__init__(profile, times)
        self.outcomes: list[str] = []
        self._codes = codes
        self._steps: list[tuple[bytes, frozenset[int], float]] = []
        self._tries = 0
        self._signed = False
        self._wait: float | None = None
        self._next: float | None = 0.0

    @property
    def current(self) -> int:
        """The signing at hand, counted from 0."""
        return len(self.outcomes)

    @property
    def due(self) -> float | None:
        """When ``tick`` must be called, if nothing is heard before."""
        waits = [each for each in (self._pause, self._wait, self._next) if each is not None]
        return min(waits) if waits else None

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes of the pad; what to say."""
        return b"".join(self._take(event, now) for event in self._hear(data, now))

    def tick(self, now: float) -> bytes:
        """Time went by: the next signing, a repetition, or a pad given up."""
        said = b"".join(self._take(event, now) for event in self._hear(b"", now))
        if self._next is not None and now >= self._next:
            self._next = None
            if self.current < len(self._codes):
                said += self._begin(now)
        if self._wait is not None and now >= self._wait:
            said += self._again(now)
        return said

    def _begin(self, now: float) -> bytes:
        code = self._codes[self.current].encode("ascii")
        soon, late = self._times.ack, self._times.answer
        self._signed = False
        self._steps = [
            (b"\xa0", frozenset((0xB0,)), soon),
            (b"\xa2" + code, frozenset((0xB2, 0xC2, 0xD0, 0xE5)), late),
            (b"\xa3", frozenset((0xB3,)), soon),
        ]
        return self._say(now)

    def _take(self, event: Event, now: float) -> bytes:
        if not self._steps:
            return b""
        if isinstance(event, Noise):
            return self._wrap(_ERROR)
        if not isinstance(event, Frame):
            return b""
        message = read(self._profile, event.data)
        command = message.command or 0
        if command == 0xA9:
            return self._again(now)
        if command not in self._steps[0][1]:
            return b""
        self._steps.pop(0)
        if message.item("picture") is not None:
            self._signed = True
            self._steps.insert(0, (_OK, frozenset((0xA8,)), self._times.ack))
        if self._steps:
            return self._say(now)
        return self._over("answered" if self._signed else "not signed", now)

    def _say(self, now: float) -> bytes:
        self._tries = 1
        self._wait = now + self._steps[0][2]
        return self._wrap(self._steps[0][0])

    def _again(self, now: float) -> bytes:
        if self._tries >= TRIES:
            return self._over("silent", now)
        self._tries += 1
        self._wait = now + self._steps[0][2]
        return self._wrap(self._steps[0][0])

    def _over(self, outcome: str, now: float) -> bytes:
        self.outcomes.append(outcome)
        self._steps = []
        self._wait = None
        self._next = now + self._times.between
        return b""


def talk(profile: "Profile", payments: Sequence[Payment], times: Times) -> Talk:
    """A terminal whose customers sign for these payments, and the pad they sign on; its rows are of ``signatures``."""
    codes = [_code(payment) for payment in payments]
    signings: dict[str, bytes] = {}
    rows = []
    for code, payment in zip(codes, payments, strict=True):
        picture = scribble(code)
        signings[code] = {"declined": b"\xe5", "unknown": b"\xd0"}.get(payment.outcome, bmp.encode(picture))
        if payment.outcome == "approved":
            rows.append(_row(code, picture))
    return Talk(
        till=Terminal(profile, codes, times),
        terminal=Pad(profile, signings, times),
        rows=rows,
        repairs=True,
        opening=wrap(profile.link, _HEARTBEAT),
        table="signatures",
    )


def _code(payment: Payment) -> str:
    """A feature code that no other of a thousand payments has."""
    number = payment.number % 1000
    return feature_code("1121", f"{number:04d}{number:03d}{payment.amount % 100_000:05d}") or ""


def _row(code: str, picture: Bitmap) -> dict[str, Any]:
    return {
        "feature_code": code,
        "width": WIDTH,
        "height": HEIGHT,
        "sha256": content_hash(picture),
        "upload_state": "sent",
        "response_code": "A8",
        "error": None,
    }


def scribble(seed: str) -> Bitmap:
    """A line that wanders over the signing area, a function of the seed."""
    rng = random.Random(seed)  # noqa: S311 - a picture, not a secret
    rows = bytearray(WIDTH // 8 * HEIGHT)
    y = HEIGHT // 2
    for x in range(8, WIDTH - 8):
        y = min(max(y + rng.randrange(-4, 5), 2), HEIGHT - 3)
        for line in (y - 1, y, y + 1):
            rows[line * (WIDTH // 8) + x // 8] |= 0x80 >> x % 8
    return Bitmap(WIDTH, HEIGHT, bytes(rows))

"""Asking a payment terminal, as the till does: sans-io, and never a payment.

The till registers, asks one thing, answers every message of the terminal with 80 00 00,
and is done when the terminal says completed (06 0F) or aborted (06 1E). On a serial line
each frame is acknowledged with one byte; one that is not acknowledged within T2 or is
refused is sent again, twice at most (docs/protocols-ecr.md, transport). What the terminal tells is
recorded by whoever reads the line; here it is only answered.

End of day (06 50) CLOSES the terminal's batch. It is a question like the others only for
whoever asks it by name.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from protocols.envelope import ACK, NAK
from protocols.zvt.apdu import read
from protocols.zvt.link import LONG, wrap
from protocols.zvt.words import FROM_TERMINAL, result_text

if TYPE_CHECKING:
    from protocols.profile import Profile

T2 = 5.0
"""Seconds for the ACK byte (PA00P016)."""
T3 = 30.0
"""Seconds for a terminal that is at work to say the next thing; 06 50 calls its host."""
LONGEST = 900.0
"""Seconds for the whole question: a terminal that goes on telling what it told does not hold its line for ever."""
REPEATS = 2
PASSWORD = "000000"  # noqa: S105  the terminals' default of delivery
CONFIG = "DE"  # receipts by the till, status messages wanted, no payment from the terminal's own keys
CURRENCY = "0978"

QUESTIONS: dict[str, str] = {
    "repeat-receipt": "0620",
    "status": "0501",
    "totals": "0610",
    "end-of-day": "0650",
}
"""What can be asked -> the command. None of them moves money; ``end-of-day`` closes the batch."""
CLOSING = frozenset(("end-of-day",))


def command(control: str, *parts: str) -> bytes:
    """A command of hex parts; 255 bytes and more are counted in two bytes behind FF, the low one first."""
    body = bytes.fromhex("".join(parts))
    size = bytes((len(body),)) if len(body) < LONG else bytes((LONG,)) + len(body).to_bytes(2, "little")
    return bytes.fromhex(control) + size + body


ACCEPTED = command("8000")


class Asking:
    """One question to one terminal.

    Args:
        profile: the terminal's.
        question: a key of ``QUESTIONS``.
        password: the terminal's, six digits.
    """

    def __init__(self, profile: "Profile", question: str, password: str = PASSWORD) -> None:
        self._envelope = profile.link.envelope
        self._protocol = profile.name
        self._commands = [command("0600", password, CONFIG, CURRENCY), command(QUESTIONS[question], password)]
        self._serial = profile.link.ack
        self._waiting: deque[bytes] = deque()  # frames to send, one after the other's ACK
        self._unacknowledged: bytes | None = None
        self._tries = 0
        self._refused = 0  # damaged frames in a row that were answered with NAK
        self._until = 0.0
        self._accepted = False  # the terminal said 80 00 00 to the command at hand
        self._end = ""  # the outcome, once the last answer is acknowledged
        self.due: float | None = None
        self.outcome = ""

    @property
    def done(self) -> bool:
        """Nothing more will be sent or waited for."""
        return bool(self.outcome)

    def start(self, now: float) -> list[bytes]:
        """The registration."""
        self._until = now + LONGEST
        self._next()
        return self._pump(now)

    def hear_control(self, byte: int, now: float) -> list[bytes]:
        """ACK: the terminal works now. NAK: it wants the frame again."""
        if self.done or self._unacknowledged is None:
            return []
        if byte == NAK:
            return self._again(now)
        if byte == ACK:
            self._unacknowledged = None
            return self._pump(now)
        return []

    def hear_noise(self, now: float) -> list[bytes]:
        """A frame that was damaged: NAK, and the terminal says it again."""
        if self.done or not self._serial or self._refused >= REPEATS:
            return []
        self._refused += 1
        self.due = min(now + T3, self._until)
        return [bytes((NAK,))]

    def hear_frame(self, frame: bytes, now: float) -> list[bytes]:
        """A frame of the terminal, which is on the disk: acknowledge it and answer it."""
        heard = read(frame, self._protocol)
        acknowledge = [bytes((ACK,))] if self._serial else []
        if self.done:
            return acknowledge
        self._refused = 0
        self._unacknowledged = None  # who answers has heard
        if heard.control in FROM_TERMINAL:
            self._say(ACCEPTED)
            self._ended(heard.control, heard.fields.get("result", ""))
        elif heard.control[:2] == "84" and heard.control not in {"8400", "849C"}:
            self._finish(f"refused {heard.control[2:]} {result_text(heard.control[2:])}")
        elif heard.control[:2] in {"80", "84"} and heard.control != "849C":
            self._accepted = True
        return [*acknowledge, *self._pump(now)]

    def tick(self, now: float) -> list[bytes]:
        """Time went by: send again what was not acknowledged, or give up."""
        if self.done or self.due is None or now < self.due:
            return []
        if now >= self._until:
            self._finish(self._end or "unfinished")
            return []
        if self._unacknowledged is not None:
            return self._again(now)
        self._finish("silent")
        return []

    def _ended(self, control: str, result: str) -> None:
        if control == "061E":
            self._end = f"aborted {result} {result_text(result)}".rstrip()
        elif control == "060F" and self._accepted:
            if self._commands:
                self._next()
            else:
                self._end = "answered"

    def _next(self) -> None:
        self._accepted = False
        self._say(self._commands.pop(0))

    def _say(self, apdu: bytes) -> None:
        self._waiting.append(wrap(apdu, self._envelope))

    def _pump(self, now: float) -> list[bytes]:
        """What may be sent now: on a serial line one frame, and the next when that is acknowledged."""
        sent = []
        while self._waiting and self._unacknowledged is None and not self.done:
            sent.append(self._waiting.popleft())
            if self._serial:
                self._unacknowledged, self._tries = sent[-1], 0
        if self._end and self._unacknowledged is None and not self._waiting:
            self._finish(self._end)
        if not self.done:
            self.due = min(now + (T2 if self._unacknowledged is not None else T3), self._until)
        return sent

    def _again(self, now: float) -> list[bytes]:
        if self._unacknowledged is None or self._tries >= REPEATS:
            self._finish(self._end or "not acknowledged")
            return []
        self._tries += 1
        self.due = min(now + T2, self._until)
        return [self._unacknowledged]

    def _finish(self, outcome: str) -> None:
        self.outcome = outcome
        self.due = None
        self._unacknowledged = None
        self._waiting.clear()


def _asks(question: str) -> "Callable[[Profile], Asking]":
    return lambda profile: Asking(profile, question)


SESSIONS = {question: _asks(question) for question in QUESTIONS}

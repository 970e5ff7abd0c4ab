"""Asking for a reprint or a settlement with fixed records: sans-io, and never a payment.

One record asks, one answers, within 60 s, with the same three digits at its end. A reprint is
asked for again when nothing or something damaged came; a settlement (06) CLOSES the batch and
is sent once, whatever happens.
"""

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from protocols.fixed_record.layout import REQUEST
from protocols.fixed_record.record import build, read
from protocols.fixed_record.words import REPRINT, REPRINT_SETTLE, SETTLE
from protocols.responses import response_text

if TYPE_CHECKING:
    from protocols.profile import Profile

ANSWER_TIME = 60.0
"""Seconds for the answer."""
REPEATS = 2
TILL, OPERATOR = "00000001", "01"
LAST = "000000"
"""The voucher number that stands for the last transaction."""

QUESTIONS: dict[str, str] = {"reprint": REPRINT, "reprint-settle": REPRINT_SETTLE, "settle": SETTLE}
"""What can be asked -> the type. None of them moves money; ``settle`` closes the batch."""
CLOSING = frozenset(("settle",))


class Asking:
    """One question to one terminal.

    Args:
        profile: the terminal's.
        question: a key of ``QUESTIONS``.
        lrc: three digits; random ones by default.
    """

    def __init__(self, profile: "Profile", question: str, lrc: str | None = None) -> None:
        self._protocol = profile.name
        self._once = question in CLOSING
        self._lrc = lrc or f"{secrets.randbelow(1000):03d}"
        said = {"till": TILL, "operator": OPERATOR, "type": QUESTIONS[question], "lrc": self._lrc}
        if QUESTIONS[question] == REPRINT:
            said["orig_voucher"] = LAST
        self._sent = build(REQUEST, said)
        self._tries = 0
        self.due: float | None = None
        self.outcome = ""

    @property
    def done(self) -> bool:
        """Nothing more will be sent or waited for."""
        return bool(self.outcome)

    def start(self, now: float) -> list[bytes]:
        """The question."""
        self.due = now + ANSWER_TIME
        return [self._sent]

    def hear_control(self, byte: int, now: float) -> list[bytes]:
        """The link has none."""
        del self, byte, now
        return []

    def hear_noise(self, now: float) -> list[bytes]:
        """What may have been the answer: ask again, if that does no harm."""
        return [] if self.done or self._once or self._tries >= REPEATS else self._again(now)

    def hear_frame(self, frame: bytes, now: float) -> list[bytes]:
        """A record of the terminal, which is on the disk."""
        del now
        record = read(frame, self._protocol)
        said = record.values
        if self.done or record.form is None or record.is_request or said.get("lrc") != self._lrc:
            return []
        code = said.get("code", "")
        self._finish("answered" if code == "00" else f"refused {code} {response_text(code, 'en')}")
        return []

    def tick(self, now: float) -> list[bytes]:
        """Time went by: ask again, or give up."""
        if self.done or self.due is None or now < self.due:
            return []
        if self._once or self._tries >= REPEATS:
            self._finish("silent")
            return []
        return self._again(now)

    def _again(self, now: float) -> list[bytes]:
        self._tries += 1
        return self.start(now)

    def _finish(self, outcome: str) -> None:
        self.outcome = outcome
        self.due = None


def _asks(question: str) -> "Callable[[Profile], Asking]":
    return lambda profile: Asking(profile, question)


SESSIONS = {question: _asks(question) for question in QUESTIONS}

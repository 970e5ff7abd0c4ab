"""Asking a terminal of the link, as the till does: sans-io, and never a payment.

One message asks, one answers, within 60 s. On a link with acknowledgements each frame waits
for its ACK and is sent again twice at most. Without them a question that closes nothing is
asked again when its answer came damaged or did not come. ``settle`` (14) CLOSES the batch and
is sent once, whatever happens. The answers are recorded by whoever reads the line.

A terminal that has no line of its own may want the till to carry a message to its host (type
17): it is told that there is no connection, and what it then answers is the outcome.

``query-detail`` goes through the open batch: the last transaction first, then each trace
number before it, until ``MOST_MISSING`` in a row are unknown (a sign-in takes one too), the
terminal says another one than was asked for, or ``MOST_DETAILS`` are told.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from protocols.envelope import ACK, NAK
from protocols.mis_9f.message import Message, encode, read
from protocols.mis_9f.words import (
    FORWARD,
    NO_CONNECTION,
    NO_RECORD,
    QUERY_DETAIL,
    QUERY_LAST,
    REPRINT,
    REPRINT_SETTLE,
    SETTLE,
    code_text,
)
from protocols.responses import is_approved

if TYPE_CHECKING:
    from protocols.profile import Profile

ACK_TIME = 3.0
"""Seconds for an ACK, on a link that has them."""
ANSWER_TIME = 60.0
"""Seconds for the answer."""
REPEATS = 2
MOST_DETAILS = 500
MOST_MISSING = 16
APPLICATION = "APP01"
"""9F00: the application that a terminal of one merchant has."""

QUESTIONS: dict[str, int] = {
    "query-last": QUERY_LAST,
    "query-detail": QUERY_DETAIL,
    "reprint": REPRINT,
    "reprint-settle": REPRINT_SETTLE,
    "settle": SETTLE,
}
"""What can be asked -> the message type. None of them moves money; ``settle`` closes the batch."""
CLOSING = frozenset(("settle",))


class Asking:
    """One question to one terminal.

    Args:
        profile: the terminal's.
        question: a key of ``QUESTIONS``.
        application: 9F00.
    """

    def __init__(self, profile: "Profile", question: str, application: str = APPLICATION) -> None:
        self._profile = profile
        self._number = QUESTIONS[question]
        self._once = question in CLOSING
        self._application = application
        self._acknowledged = profile.link.ack
        self._sent = b""
        self._waits_for_ack = False
        self._tries = 0
        self._details = 0  # how many were told
        self._missing = 0  # how many in a row were unknown
        self._trace: int | None = None  # the one asked for
        self.due: float | None = None
        self.outcome = ""

    @property
    def done(self) -> bool:
        """Nothing more will be sent or waited for."""
        return bool(self.outcome)

    def start(self, now: float) -> list[bytes]:
        """The question."""
        return self._say(self._number, {}, now)

    def hear_control(self, byte: int, now: float) -> list[bytes]:
        """ACK: the terminal is at work. NAK: it wants the frame again."""
        if self.done or not self._waits_for_ack:
            return []
        if byte == NAK:
            return self._again(now)
        if byte == ACK:
            self._waits_for_ack = False
            self.due = now + ANSWER_TIME
        return []

    def hear_noise(self, now: float) -> list[bytes]:
        """An answer that was damaged: NAK, or where there is none the question again if that does no harm."""
        if self.done:
            return []
        if self._acknowledged:
            return [bytes((NAK,))]
        return [] if self._once or self._tries >= REPEATS else self._again(now)

    def hear_frame(self, frame: bytes, now: float) -> list[bytes]:
        """A frame of the terminal, which is on the disk."""
        acknowledge = [bytes((ACK,))] if self._acknowledged else []
        message = read(self._profile, frame)
        if self.done or message.is_request or message.number is None:
            return acknowledge
        self._waits_for_ack = False
        if message.number == FORWARD:
            return [*acknowledge, *self._say(FORWARD, {"reject_code": NO_CONNECTION}, now)]
        if not self._answers(message):
            return acknowledge
        return [*acknowledge, *self._next(message, now)]

    def tick(self, now: float) -> list[bytes]:
        """Time went by: send again what may be sent again, or give up."""
        if self.done or self.due is None or now < self.due:
            return []
        if self._waits_for_ack:
            return self._again(now)
        if self._once or self._acknowledged:
            self._finish("silent")
            return []
        return self._again(now)

    def _answers(self, message: Message) -> bool:
        """A late answer of another type is not this question's, but for a query's or a reprint's."""
        if self._number == SETTLE:
            return message.number == SETTLE
        return message.number == self._number or message.kind.kind != "event"

    def _next(self, message: Message, now: float) -> list[bytes]:
        said = message.values
        code = said.get("reject_code", "00")
        if code in NO_RECORD and self._details:
            self._missing += 1
            return self._before(now)
        if not is_approved(code):
            self._finish(f"refused {code} {code_text(code, 'en')}")
            return []
        trace = said.get("trace", "")
        told_another = self._trace is not None and trace.isdigit() and int(trace) != self._trace
        if self._number != QUERY_DETAIL or not trace.isdigit() or told_another:
            self._finish("answered")
            return []
        self._trace = int(trace)
        self._details += 1
        self._missing = 0
        return self._before(now)

    def _before(self, now: float) -> list[bytes]:
        """Ask for the trace number before the one at hand, if that makes sense."""
        trace = (self._trace or 0) - 1
        if trace < 1 or self._details >= MOST_DETAILS or self._missing >= MOST_MISSING:
            self._finish("answered")
            return []
        self._trace = trace
        return self._say(QUERY_DETAIL, {"orig_trace": f"{trace:06d}"}, now)

    def _say(self, number: int, values: dict[str, str | bytes], now: float) -> list[bytes]:
        self._sent = encode(self._profile, number, {"application": self._application, **values})
        self._tries = 0
        return self._send(now)

    def _send(self, now: float) -> list[bytes]:
        self._waits_for_ack = self._acknowledged
        self.due = now + (ACK_TIME if self._acknowledged else ANSWER_TIME)
        return [self._sent]

    def _again(self, now: float) -> list[bytes]:
        if self._tries >= REPEATS:
            self._finish("not acknowledged" if self._waits_for_ack else "silent")
            return []
        self._tries += 1
        return self._send(now)

    def _finish(self, outcome: str) -> None:
        self.outcome = outcome
        self.due = None
        self._waits_for_ack = False


def _asks(question: str) -> "Callable[[Profile], Asking]":
    return lambda profile: Asking(profile, question)


SESSIONS = {question: _asks(question) for question in QUESTIONS}

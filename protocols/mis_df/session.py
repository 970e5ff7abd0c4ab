"""Asking a terminal, as the till does: sans-io, and never a payment.

A question is a command with a random number. The terminal says ACK alone when it has it, and
then its result, which echoes the number; another number is not our answer and is passed over.
A list is asked again until the terminal says that no record is left. A command that gets no
ACK is sent again, twice at most, but not one that closes the batch: it may have been heard.

What a question's transaction code is, the profile says. A code that is not known is never
guessed: the same byte may be a payment.
"""

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from protocols.envelope import ACK, ENQ, EOT, NAK
from protocols.errors import ProfileError
from protocols.mis.link import wrap
from protocols.mis.tlv import build
from protocols.mis_df import tags
from protocols.mis_df.facts import JOURNAL_LIST, STATUS
from protocols.mis_df.record import Record, read
from protocols.mis_df.said import Said, first_of, text
from protocols.mis_df.totals import SETTLEMENT
from protocols.responses import response_text

if TYPE_CHECKING:
    from protocols.profile import Profile

QUESTIONS: dict[str, str] = {"journal-list": JOURNAL_LIST, "status": STATUS, "settle": SETTLEMENT}
"""What can be asked -> the operation. None of them moves money; ``settle`` closes the batch."""
CLOSING = frozenset(("settle",))
T1 = 5.0
"""Seconds for the ACK (assumed)."""
T2 = 60.0
"""Seconds for a result (assumed): a terminal that settles calls its host."""
LONGEST = 900.0
"""Seconds for one command, however often the terminal says that it goes on."""
REPEATS = 2
MOST_PAGES = 1000
"""A list that does not end is given up; the public client keeps 3,000 records."""
_PARAMETERS = ((tags.NOTE_8, b"\x55\x55"), (tags.NOTE_9, b"\x30\x04"))
"""As the public client sends them."""


def command(code: str, echo: str, *more: tuple[int, bytes]) -> bytes:
    """The data of a command: kind of frame, random number of four digits, transaction code, and what follows."""
    head = ((tags.MODE, b"\x00"), (tags.ECHO, bytes.fromhex(echo)), (tags.CODE, bytes.fromhex(code)))
    return build((*head, *_PARAMETERS, *more), form="ber")


def random_echo() -> str:
    """Four digits, the first not 0."""
    return str(1000 + secrets.randbelow(9000))


class Asking:
    """One question to one terminal.

    Args:
        profile: the terminal's; it says what the question's code is.
        question: a key of ``QUESTIONS``.
        echo: makes the random numbers.

    Raises:
        ProfileError: the profile names no code for the question.
    """

    def __init__(self, profile: "Profile", question: str, echo: Callable[[], str] = random_echo) -> None:
        self._profile = profile
        self._operation = QUESTIONS[question]
        self._code = _code_of(profile, question)
        self._acks = profile.link.ack
        self._next_echo = echo
        self._echo = ""
        self._frame = b""
        self._acknowledged = False
        self._tries = 0
        self._pages = 0
        self._until = 0.0
        self.due: float | None = None
        self.outcome = ""

    @property
    def done(self) -> bool:
        """Nothing more will be sent or waited for."""
        return bool(self.outcome)

    def start(self, now: float) -> list[bytes]:
        """The command."""
        return [self._ask(now)]

    def hear_control(self, byte: int, now: float) -> list[bytes]:
        """ACK: the terminal is at work. NAK: it wants the command again. EOT: it has given up. ENQ: it asks for us."""
        if self.done:
            return []
        if byte == ACK and not self._acknowledged:
            self._acknowledged = True
            self.due = now + T2
        elif byte == NAK and not self._acknowledged:
            return self._again(now)
        elif byte == EOT:
            self._finish("ended by the terminal")
        elif byte == ENQ:
            return [bytes((ACK,))]
        return []

    def hear_noise(self, now: float) -> list[bytes]:
        """A frame that was damaged: NAK, and the terminal says it again."""
        if self.done:
            return []
        self._tries += 1
        if self._tries > REPEATS:
            self._finish("damaged")
            return []
        self.due = now + T2
        return [bytes((NAK,))] if self._acks else []

    def hear_frame(self, frame: bytes, now: float) -> list[bytes]:
        """A frame of the terminal, which is on the disk: acknowledge it, and ask on if more is to come."""
        heard = read(self._profile, frame)
        said = first_of(heard.items)
        acknowledge = [bytes((ACK,))] if self._acks else []
        if self.done:
            return acknowledge
        if heard.mode == tags.PASSTHROUGH:
            self._finish("the terminal wants its host: settle it from the till")
        elif heard.mode == tags.RESULT and text(said, tags.ECHO) == self._echo and 0xDF89 not in said:
            acknowledge += self._answered(heard, said, now)
        return acknowledge

    def tick(self, now: float) -> list[bytes]:
        """Time went by: send again what was not acknowledged, or give up."""
        if self.done or self.due is None or now < self.due:
            return []
        if not self._acknowledged and self._operation != SETTLEMENT:
            return self._again(now)
        self._finish("silent")
        return []

    def _answered(self, heard: Record, said: Said, now: float) -> list[bytes]:
        code = text(said, tags.RESPONSE)
        if code in tags.GOES_ON:
            self._acknowledged = True
            self.due = min(now + T2, self._until)
            return []
        if code is not None and code not in tags.APPROVED:
            self._finish(f"refused {code} {_words(code)}".rstrip())
            return []
        if self._operation == JOURNAL_LIST and _more(heard, said):
            self._pages += 1
            if self._pages < MOST_PAGES:
                return [self._ask(now)]
            self._finish("the list does not end")
            return []
        self._finish("answered")
        return []

    def _ask(self, now: float) -> bytes:
        more = () if self._operation == STATUS else ((tags.HOST, b"\x01"),)
        self._echo = self._next_echo()
        self._frame = wrap(self._profile.link, command(self._code, self._echo, *more))
        self._acknowledged = False
        self._tries = 0
        self.due = now + T1
        self._until = now + LONGEST
        return self._frame

    def _again(self, now: float) -> list[bytes]:
        if self._tries >= REPEATS:
            self._finish("not acknowledged")
            return []
        self._tries += 1
        self.due = now + T1
        return [self._frame]

    def _finish(self, outcome: str) -> None:
        self.outcome = outcome
        self.due = None


def _code_of(profile: "Profile", question: str) -> str:
    found = next((code for code, name in profile.operations.items() if name == QUESTIONS[question]), None)
    if found is None:
        raise ProfileError(
            f"{profile.name} does not say which transaction code asks for {question}",
            protocol=profile.name,
            layer="profile",
            path="operations",
            code="operation",
            expected=f"a code whose name is {QUESTIONS[question]}",
            got=", ".join(f"{code} {name}" for code, name in profile.operations.items()) or "no operations",
            hint="take it from the terminal's document into a profile of your own: docs/protocols-ecr.md",
        )
    return found


def _more(heard: Record, said: Said) -> bool:
    """Whether the list goes on: records are left; or, where that is not said, packets come with items in them."""
    left = said.get(tags.LEFT)
    if left is not None and left.number is not None:
        return left.number > 0
    return text(said, tags.PACKETS) == "01" and any(item.tag == tags.RECEIPT for item in heard.items)


def _words(code: str) -> str:
    return tags.ERRORS[code][1] if code in tags.ERRORS else response_text(code, "en") if len(code) == 2 else ""


def _asks(question: str) -> "Callable[[Profile], Asking]":
    return lambda profile: Asking(profile, question)


SESSIONS = {question: _asks(question) for question in QUESTIONS}

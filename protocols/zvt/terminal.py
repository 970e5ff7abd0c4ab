"""The terminal's end of the link, for the simulator and for tests: answers what a till asks from a journal.

It keeps the till's rules: one message at a time, each waits for 80 00 00; on a serial line
each frame waits for its ACK and is sent again twice at most.
"""

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.deframe import Control, Event, Frame, Noise
from protocols.envelope import ACK, NAK
from protocols.zvt.apdu import read
from protocols.zvt.link import deframer, wrap
from protocols.zvt.session import ACCEPTED, REPEATS, T2, command
from protocols.zvt.words import TOTALS_GROUPS

if TYPE_CHECKING:
    from protocols.profile import Profile

DONE = command("060F")


@dataclass(frozen=True, slots=True)
class Sold:
    """One transaction of the journal; ``card`` is as the terminal prints it, E for what it hides."""

    trace: int
    receipt: int
    amount: int
    time: str
    date: str
    card: str = "EEEEEEEEEEEE4771"
    group: str = "Eurocard"
    original: int | None = None


class Terminal:
    """A payment terminal that is asked.

    Args:
        profile: its link.
        terminal_id: eight digits.
        journal: the open batch, oldest first.
        password: what it takes.
    """

    def __init__(
        self,
        profile: "Profile",
        terminal_id: str,
        journal: list[Sold],
        *,
        password: str = "000000",  # noqa: S107  the default of delivery
    ) -> None:
        self.journal = journal
        self.closed: list[list[Sold]] = []
        self._profile = profile
        self._terminal_id = terminal_id
        self._password = password.upper()
        self._deframer = deframer(profile)
        self._serial = profile.link.ack
        self._waiting: deque[bytes] = deque()  # APDUs to say, one for each 80 00 00
        self._unacknowledged: bytes | None = None
        self._tries = 0
        self._due: float | None = None

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes of the till; what to say."""
        return b"".join(self._hear(event, now) for event in self._deframer.feed(data))

    def tick(self, now: float) -> bytes:
        """Time went by; what to say again."""
        if self._due is None or now < self._due:
            return b""
        return self._again(now)

    def _hear(self, event: Event, now: float) -> bytes:
        if isinstance(event, Control):
            if event.byte == NAK:
                return self._again(now)
            opens = self._unacknowledged == wrap(ACCEPTED, self._profile.link.envelope)
            self._unacknowledged = self._due = None
            return self._say(self._waiting.popleft(), now) if opens and self._waiting else b""
        if isinstance(event, Noise):
            return bytes((NAK,)) if self._serial else b""
        return (bytes((ACK,)) if self._serial else b"") + self._answer(event, now)

    def _answer(self, frame: Frame, now: float) -> bytes:
        said = read(frame.data, self._profile.name)
        if said.control[:2] == "80":
            return self._say(self._waiting.popleft(), now) if self._waiting else b""
        password = said.fields.get("password")
        if password is not None and password != self._password:
            return self._say(command("8464"), now)
        answers = {"0600": self._register, "0501": self._status, "0620": self._repeat, "0610": self._totals}
        answer = (answers | {"0650": self._end_of_day}).get(said.control)
        if answer is None:
            return self._say(command("8483"), now)
        self._waiting = deque(answer())
        sent = self._say(ACCEPTED, now)
        if self._serial:  # the first message follows the ACK of 80 00 00
            return sent
        return sent + self._say(self._waiting.popleft(), now)

    def _register(self) -> list[bytes]:
        return [command("060F", "1900", "29", self._terminal_id, "490978")]

    def _status(self) -> list[bytes]:
        return [command("060F", "00")]

    def _repeat(self) -> list[bytes]:
        if not self.journal:
            return [command("061E", "6C")]
        return [self._sold(self.journal[-1]), command("06D1", "00", b"KOPIE".hex()), DONE]

    def _totals(self) -> list[bytes]:
        return [self._sum(), DONE]

    def _end_of_day(self) -> list[bytes]:
        said = [self._sum(), DONE]
        self.closed.append(list(self.journal))
        self.journal.clear()
        return said

    def _sold(self, sold: Sold) -> bytes:
        original = "" if sold.original is None else f"37{sold.original:06d}"
        size = len(sold.card) // 2
        return command(
            "040F",
            "2700",
            f"04{sold.amount:012d}0B{sold.trace:06d}{original}0C{sold.time}0D{sold.date}",
            f"22F{size // 10}F{size % 10}{sold.card}87{sold.receipt:04d}29{self._terminal_id}490978",
        )

    def _sum(self) -> bytes:
        live = {sold.trace for sold in self.journal} - {sold.original for sold in self.journal}
        kept = [sold for sold in self.journal if sold.trace in live and sold.original is None]
        groups = ""
        for name in TOTALS_GROUPS:
            mine = [sold.amount for sold in kept if sold.group == name]
            groups += f"{len(mine):02X}{sum(mine):012d}"
        receipts = [sold.receipt for sold in self.journal] or [0]
        last = self.journal[-1] if self.journal else Sold(0, 0, 0, "000000", "0101")
        return command(
            "040F",
            "2700",
            f"04{sum(sold.amount for sold in kept):012d}0B{last.trace + 1:06d}0C{last.time}0D{last.date}",
            f"29{self._terminal_id}490978",
            f"60F0F5F3{min(receipts):04d}{max(receipts):04d}{groups}",
        )

    def _say(self, apdu: bytes, now: float) -> bytes:
        frame = wrap(apdu, self._profile.link.envelope)
        if self._serial:
            self._unacknowledged, self._tries, self._due = frame, 0, now + T2
        return frame

    def _again(self, now: float) -> bytes:
        if self._unacknowledged is None or self._tries >= REPEATS:
            self._unacknowledged = self._due = None
            return b""
        self._tries += 1
        self._due = now + T2
        return self._unacknowledged

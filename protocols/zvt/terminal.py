"""The terminal's end of the link, for the simulator and for tests: answers what a till asks from a journal.

It keeps the till's rules: one message at a time, each waits for 80 00 00; on a serial line
each frame waits for its ACK and is sent again twice at most.
"""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from protocols.answering import Sold, row
from protocols.deframe import Control, Event, Frame, Noise
from protocols.envelope import ACK, NAK
from protocols.zvt.apdu import read
from protocols.zvt.link import deframer, wrap
from protocols.zvt.session import ACCEPTED, REPEATS, T2, command
from protocols.zvt.words import TOTALS_GROUPS

if TYPE_CHECKING:
    from protocols.profile import Profile

DONE = command("060F")


_CURRENCY = "978"
_GROUPS = {"VIS": "VISA", "MCC": "Eurocard", "AEX": "Amex", "JCB": "JCB", "DCC": "Diners"}
_CARRIED = frozenset(
    (
        *("stan", "amount_fen", "receipt_no", "pan_masked", "auth_code"),
        *("terminal_id", "merchant_id", "host_dt", "orig_stan", "outcome"),
    )
)


def _group(sold: Sold) -> str:
    return _GROUPS.get(sold.card_org, "other")


class Terminal:
    """A payment terminal that is asked.

    Args:
        profile: its link.
        terminal_id: eight digits.
        merchant_id: fifteen characters.
        journal: the open batch, oldest first.
        password: what it takes.
    """

    def __init__(
        self,
        profile: "Profile",
        terminal_id: str,
        merchant_id: str,
        journal: Sequence[Sold],
        *,
        password: str = "000000",  # noqa: S107  the default of delivery
    ) -> None:
        self.journal = list(journal)
        self.closed: list[list[Sold]] = []
        self._profile = profile
        self._terminal_id = terminal_id
        self._merchant_id = merchant_id
        self._password = password.upper()
        self._deframer = deframer(profile)
        self._serial = profile.link.ack
        self._waiting: deque[bytes] = deque()  # APDUs to say, one for each 80 00 00
        self._unacknowledged: bytes | None = None
        self._tries = 0
        self.due: float | None = None

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes of the till; what to say."""
        return b"".join(self._hear(event, now) for event in self._deframer.feed(data))

    def tick(self, now: float) -> bytes:
        """Time went by; what to say again."""
        if self.due is None or now < self.due:
            return b""
        return self._again(now)

    def told(self, question: str) -> list[dict[str, Any]]:
        """See `protocols.answering.Answering`: the last receipt alone; of its type only that it takes another back."""
        if question != "repeat-receipt" or not self.journal:
            return []
        last = self.journal[-1]
        own = {"txn_type": None if last.orig_stan is None else "VOID", "card_org": _group(last), "currency": _CURRENCY}
        return [row(last, self._terminal_id, self._merchant_id, _CARRIED, **own)]

    def _hear(self, event: Event, now: float) -> bytes:
        if isinstance(event, Control):
            if event.byte == NAK:
                return self._again(now)
            opens = self._unacknowledged == wrap(ACCEPTED, self._profile.link.envelope)
            self._unacknowledged = self.due = None
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
        original = "" if sold.orig_stan is None else f"37{sold.orig_stan:06d}"
        card = sold.card.replace("*", "E")
        authorised = f"3B{sold.auth_code.ljust(8, chr(0)).encode('ascii').hex()}" if sold.auth_code else ""
        name = _group(sold).encode("ascii")
        return command(
            "040F",
            "2700",
            f"04{sold.amount:012d}0B{sold.stan:06d}{original}0C{sold.at:%H%M%S}0D{sold.at:%m%d}",
            f"22{_count(len(card) // 2)}{card}87{sold.receipt:04d}29{self._terminal_id}",
            f"2A{self._merchant_id.ljust(15).encode('ascii').hex()}490{_CURRENCY}",
            f"{authorised}8B{_count(len(name) + 1)}{name.hex()}00",
        )

    def _sum(self) -> bytes:
        live = {sold.stan for sold in self.journal} - {sold.orig_stan for sold in self.journal}
        kept = [sold for sold in self.journal if sold.stan in live and sold.orig_stan is None]
        groups = ""
        for name in TOTALS_GROUPS:
            mine = [sold.amount for sold in kept if _group(sold) == name]
            groups += f"{len(mine):02X}{sum(mine):012d}"
        receipts = [sold.receipt for sold in self.journal] or [0]
        when = f"0B{last.stan + 1:06d}0C{last.at:%H%M%S}0D{last.at:%m%d}" if (last := self._last) else ""
        return command(
            "040F",
            "2700",
            f"04{sum(sold.amount for sold in kept):012d}{when}",
            f"29{self._terminal_id}490{_CURRENCY}",
            f"60F0F5F3{min(receipts):04d}{max(receipts):04d}{groups}",
        )

    @property
    def _last(self) -> Sold | None:
        return self.journal[-1] if self.journal else None

    def _say(self, apdu: bytes, now: float) -> bytes:
        frame = wrap(apdu, self._profile.link.envelope)
        if self._serial:
            self._unacknowledged, self._tries, self.due = frame, 0, now + T2
        return frame

    def _again(self, now: float) -> bytes:
        if self._unacknowledged is None or self._tries >= REPEATS:
            self._unacknowledged = self.due = None
            return b""
        self._tries += 1
        self.due = now + T2
        return self._unacknowledged


def _count(size: int) -> str:
    """The two counter bytes of an LLVAR (PA00P015): F and a digit each."""
    return f"F{size // 10}F{size % 10}"

"""The terminal's end of the link, for the simulator and for tests: answers what a till asks from a journal.

It keeps the till's rules: one message at a time, each waits for 80 00 00; on a serial line
each frame waits for its ACK and is sent again twice at most. It takes payments of customers
whom it is told of, gives them back by receipt number, and pays refunds; its clock goes on
half a minute with each.
"""

import datetime as dt
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from protocols.answering import Sold, row
from protocols.deframe import Control, Event, Frame, Noise
from protocols.envelope import ACK, NAK
from protocols.zvt import saying
from protocols.zvt.apdu import read
from protocols.zvt.link import deframer, wrap
from protocols.zvt.saying import DONE
from protocols.zvt.session import ACCEPTED, REPEATS, T2, command

if TYPE_CHECKING:
    from protocols.profile import Profile

Said = Mapping[str, str]
_CARRIED = frozenset(
    (
        *("stan", "amount_fen", "receipt_no", "pan_masked", "auth_code"),
        *("terminal_id", "merchant_id", "host_dt", "orig_stan", "outcome"),
    )
)
_INTERMEDIATE, _RECEIPTS, _LINES = 0x08, 0x02, 0x80
"""Bits of a registration's configuration byte: it wants intermediate statuses, prints receipts, and has them told."""
_NOT_REGISTERED, _WRONG_CURRENCY, _ABORTED, _REVERSED, _IRREVERSIBLE, _WRONG_AMOUNT, _INCOMPLETE = (
    *("6B", "6F", "6C", "B4", "B5", "B7", "9A"),
)
_OPENING = dt.datetime(2000, 1, 1, 9, tzinfo=dt.UTC)
_STEP = dt.timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Customer:
    """Who pays next.

    Attributes:
        card: the card shown, as the terminal prints it, stars for what it hides.
        card_org: three letters, as in `Sold`.
        auth_code: what the host authorises it with.
        result: what the host says of it, two hex digits; 00 approves.
    """

    card: str = "672100******8074"
    card_org: str = "CUP"
    auth_code: str = ""
    result: str = "00"


class Terminal:
    """A payment terminal that is asked.

    Args:
        profile: its link.
        terminal_id: eight digits.
        merchant_id: fifteen characters.
        journal: the open batch, oldest first.
        password: what it takes.
        customers: who pays, one after the other, and behind the last nobody; by default the same one again and again.
    """

    def __init__(
        self,
        profile: "Profile",
        terminal_id: str,
        merchant_id: str,
        journal: Sequence[Sold],
        *,
        password: str = "000000",  # noqa: S107  the default of delivery
        customers: Iterable[Customer] | None = None,
    ) -> None:
        self.journal = list(journal)
        self.closed: list[list[Sold]] = []
        self._customers = itertools.repeat(Customer()) if customers is None else iter(customers)
        self._last = self.journal[-1] if self.journal else None
        self._config: int | None = None
        self._takes_blocks = False
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
        own = {"txn_type": None if last.orig_stan is None else "VOID", "card_org": saying.group(last.card_org)}
        own["currency"] = saying.CURRENCY
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
        if said.control[:2] in {"80", "84"}:
            return self._say(self._waiting.popleft(), now) if self._waiting else b""
        password = said.fields.get("password")
        if password is not None and password != self._password:
            return self._say(command("8464"), now)
        answer = self._answers().get(said.control)
        if answer is None:
            return self._say(command("8483"), now)
        self._waiting = deque(answer(said.fields))
        sent = self._say(ACCEPTED, now)
        if self._serial:  # the first message follows the ACK of 80 00 00
            return sent
        return sent + self._say(self._waiting.popleft(), now)

    def _answers(self) -> Mapping[str, Callable[[Said], list[bytes]]]:
        return {
            "0600": self._register,
            "0501": lambda _: [command("060F", "00")],
            "0601": self._pay,
            "0610": lambda _: [self._totals(), DONE],
            "0620": self._repeat,
            "0630": self._reverse,
            "0631": self._refund,
            "0650": self._end_of_day,
        }

    def _register(self, said: Said) -> list[bytes]:
        self._config, self._takes_blocks = int(said["config"], 16), saying.wants_block(said)
        return [saying.ready(self._terminal_id)]

    def _repeat(self, said: Said) -> list[bytes]:
        del said
        if not self.journal:
            return [saying.aborted(_ABORTED)]
        return [self._status(self.journal[-1]), command("06D1", "00", b"KOPIE".hex()), DONE]

    def _end_of_day(self, said: Said) -> list[bytes]:
        del said
        told = [self._totals(), DONE]
        self.closed.append(list(self.journal))
        self.journal.clear()
        return told

    def _totals(self) -> bytes:
        return saying.totals(self.journal, self._last if self.journal else None, self._terminal_id)

    # -- money ---------------------------------------------------------------------------

    def _pay(self, said: Said) -> list[bytes]:
        return self._of_customer(said, "SALE", "Zahlung erfolgt")

    def _refund(self, said: Said) -> list[bytes]:
        return self._of_customer(said, "REFUND", "Gutschrift erfolgt")

    def _of_customer(self, said: Said, txn_type: str, verdict: str) -> list[bytes]:
        wrong = self._refused(said)
        if wrong is not None:
            return [wrong]
        shown = [saying.shown(saying.INSERT_CARD, 1, "Bitte Karte einstecken")] if self._wants(_INTERMEDIATE) else []
        customer = next(self._customers, None)
        if customer is None:
            return [*shown, saying.aborted(_ABORTED)]
        sold = replace(
            self._next(int(said["04"])),
            txn_type=txn_type,
            card=customer.card,
            card_org=customer.card_org,
            auth_code=customer.auth_code,
        )
        if customer.result != "00":
            return [*shown, self._status(sold, customer.result), saying.aborted(customer.result)]
        return [*shown, *self._sold(sold, verdict)]

    def _reverse(self, said: Said) -> list[bytes]:
        if self._config is None:
            return [saying.aborted(_NOT_REGISTERED)]
        number = said.get("87", "")
        original = next((sold for sold in self.journal if f"{sold.receipt:04d}" == number), None)
        if original is None or original.orig_stan is not None:
            return [saying.aborted(_IRREVERSIBLE)]
        if any(sold.orig_stan == original.stan for sold in self.journal):
            return [saying.aborted(_REVERSED)]
        if int(said.get("04", original.amount)) != original.amount:
            return [saying.aborted(_WRONG_AMOUNT)]
        made = self._next(original.amount)
        void = replace(original, stan=made.stan, receipt=made.receipt, at=made.at, txn_type="VOID")
        return self._sold(replace(void, orig_stan=original.stan, orig_rrn=original.rrn), "Storno erfolgt")

    def _refused(self, said: Said) -> bytes | None:
        """Why a payment is not begun."""
        if self._config is None:
            return saying.aborted(_NOT_REGISTERED)
        if "04" not in said:
            return saying.aborted(_INCOMPLETE)
        own = f"0{saying.CURRENCY}"
        return None if said.get("49", own) == own else saying.aborted(_WRONG_CURRENCY, own)

    def _next(self, amount: int) -> Sold:
        """The next number, receipt and time, whatever becomes of it."""
        before = self._last
        self._last = Sold(
            stan=before.stan % 999_999 + 1 if before else 1,
            amount=amount,
            at=before.at + _STEP if before else _OPENING,
            receipt=before.receipt % 9999 + 1 if before else 1,
        )
        return self._last

    def _sold(self, sold: Sold, verdict: str) -> list[bytes]:
        self._last = sold
        self.journal.append(sold)
        lines = saying.receipt(sold, self._terminal_id, verdict) if self._wants(_RECEIPTS | _LINES) else []
        told = [saying.block(lines)] if self._takes_blocks and lines else saying.printed(lines) if lines else []
        return [self._status(sold), *told, DONE]

    def _wants(self, bits: int) -> bool:
        return self._config is not None and self._config & bits == bits

    def _status(self, sold: Sold, result: str = "00") -> bytes:
        return saying.status(sold, self._terminal_id, self._merchant_id, result)

    # -- the link ------------------------------------------------------------------------

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

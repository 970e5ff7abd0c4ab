"""The terminal's end of the link, for the simulator and for tests: answers what a till asks from a journal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from protocols.answering import Sold, row
from protocols.deframe import Control, Event, Frame, Noise
from protocols.envelope import ACK, NAK
from protocols.mis.link import deframer
from protocols.mis_9f.message import encode, read
from protocols.mis_9f.session import ACK_TIME, REPEATS
from protocols.mis_9f.words import QUERY_DETAIL, QUERY_LAST, REPRINT, REPRINT_SETTLE, SETTLE, TYPES

if TYPE_CHECKING:
    from protocols.profile import Profile

_NUMBERS = {kind.operation: number for number, kind in TYPES.items() if kind.kind == "financial"}
_CREDITS = frozenset(("VOID", "REFUND", "COMPLETION_VOID"))
_CARRIED = frozenset(
    (
        *("stan", "batch_no", "txn_type", "amount_fen", "pan_masked", "auth_code", "rrn", "operator_no"),
        *("orig_stan", "terminal_id", "merchant_id", "host_dt", "outcome"),
    )
)
Values = dict[str, str | bytes]


class Terminal:
    """A terminal that is asked.

    Args:
        profile: its link.
        terminal_id: eight characters.
        merchant_id: fifteen characters.
        journal: the open batch, oldest first.
    """

    def __init__(self, profile: "Profile", terminal_id: str, merchant_id: str, journal: Sequence[Sold]) -> None:
        self.journal = list(journal)
        self.closed: list[list[Sold]] = []
        self._profile = profile
        self._terminal_id = terminal_id
        self._merchant_id = merchant_id
        self._deframer = deframer(profile)
        self._acknowledged = profile.link.ack
        self._unacknowledged: bytes | None = None
        self._tries = 0
        self._ack_due: float | None = None
        self._silence_due: float | None = None

    @property
    def due(self) -> float | None:
        """When ``tick`` must be called, if nothing is heard before."""
        return min((due for due in (self._ack_due, self._silence_due) if due is not None), default=None)

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes of the till; what to say."""
        said = b"".join(self._hear(event, now) for event in self._deframer.feed(data))
        if data:
            pause = self._profile.link.inter_byte_ms / 1000
            self._silence_due = now + pause if self._deframer.pending else None
        return said

    def tick(self, now: float) -> bytes:
        """Time went by: a pause inside a frame, or no ACK; what to say."""
        said = b""
        if self._silence_due is not None and now >= self._silence_due:
            self._silence_due = None
            said = b"".join(self._hear(event, now) for event in self._deframer.flush())
        if self._ack_due is not None and now >= self._ack_due:
            said += self._again(now)
        return said

    def told(self, question: str) -> list[dict[str, Any]]:
        """See ``protocols.answering.Answering``."""
        asked = {"query-last": self.journal[-1:], "reprint": self.journal[-1:], "query-detail": self.journal}
        return [self._row(sold) for sold in asked.get(question, [])]

    def _row(self, sold: Sold) -> dict[str, Any]:
        own = {} if sold.txn_type in _NUMBERS else {"txn_type": None}
        return row(sold, self._terminal_id, self._merchant_id, _CARRIED, **own)

    def _hear(self, event: Event, now: float) -> bytes:
        if isinstance(event, Control):
            if event.byte == NAK:
                return self._again(now)
            self._unacknowledged = self._ack_due = None
            return b""
        if isinstance(event, Noise):
            return bytes((NAK,)) if self._acknowledged else b""
        return (bytes((ACK,)) if self._acknowledged else b"") + self._answer(event, now)

    def _answer(self, frame: Frame, now: float) -> bytes:
        asked = read(self._profile, frame.data)
        if asked.number is None or not asked.is_request:
            return b""
        said = asked.values
        number, values = self._told(asked.number, said.get("orig_trace"))
        application = said.get("application", "")
        return self._say(encode(self._profile, number, {"application": application, **values}), now)

    def _told(self, number: int, trace: str | None) -> tuple[int, Values]:
        if number in {QUERY_LAST, REPRINT}:
            return self._one(number, self.journal[-1:], slip=number == REPRINT)
        if number == QUERY_DETAIL:
            return self._one(number, self._named(trace))
        if number == SETTLE:
            self.closed.append(list(self.journal))
            self.journal.clear()
        if number in {SETTLE, REPRINT_SETTLE}:
            return self._settled(self.closed[-1:])
        return number, {"reject_code": "XA"}

    def _named(self, trace: str | None) -> list[Sold]:
        if trace is None:
            return self.journal[-1:]
        return [sold for sold in self.journal if sold.stan == int(trace)]

    def _one(self, number: int, found: list[Sold], *, slip: bool = False) -> tuple[int, Values]:
        """The answer of a query: what it tells of has its own type."""
        if not found:
            return number, {"reject_code": "X2", "reject_text": "无记录"}
        sold = found[0]
        values: Values = {
            "amount": f"{sold.amount:012d}",
            "merchant_id": self._merchant_id,
            "terminal_id": self._terminal_id,
            "operator": sold.operator,
            "card_number": sold.card,
            "batch": f"{sold.batch:06d}",
            "trace": f"{sold.stan:06d}",
            "auth_code": sold.auth_code,
            "rrn": sold.rrn,
            "date": f"{sold.at:%Y%m%d}",
            "time": f"{sold.at:%H%M%S}",
            "reject_code": "00",
            "reject_text": "交易成功",
            "orig_trace": "" if sold.orig_stan is None else f"{sold.orig_stan:06d}",
        }
        if slip:
            values["print"] = f"重打印/DUPLICATED\r\n卡号: {sold.card}\r\n金额: {sold.amount / 100:.2f}\r\n"
        return _NUMBERS.get(sold.txn_type, number), values

    def _settled(self, batches: list[list[Sold]]) -> tuple[int, Values]:
        if not batches:
            return SETTLE, {"reject_code": "X3", "reject_text": "无交易"}
        (batch,) = batches
        total = sum(-sold.amount if sold.txn_type in _CREDITS else sold.amount for sold in batch)
        values: Values = {
            "merchant_id": self._merchant_id,
            "terminal_id": self._terminal_id,
            "memo": f"笔数 {len(batch)}",
            "reject_code": "00",
            "total": f"{max(total, 0):012d}",
        }
        if batch:
            last = batch[-1]
            values |= {"batch": f"{last.batch:06d}", "date": f"{last.at:%Y%m%d}", "time": f"{last.at:%H%M%S}"}
        return SETTLE, values

    def _say(self, frame: bytes, now: float) -> bytes:
        if self._acknowledged:
            self._unacknowledged, self._tries, self._ack_due = frame, 0, now + ACK_TIME
        return frame

    def _again(self, now: float) -> bytes:
        if self._unacknowledged is None or self._tries >= REPEATS:
            self._unacknowledged = self._ack_due = None
            return b""
        self._tries += 1
        self._ack_due = now + ACK_TIME
        return self._unacknowledged

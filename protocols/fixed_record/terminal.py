"""The terminal's end of the records, for the simulator and for tests: answers what a till asks from a journal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from protocols.answering import Sold, row
from protocols.deframe import Event, Frame
from protocols.fixed_record.layout import ANSWER
from protocols.fixed_record.link import deframer
from protocols.fixed_record.record import build, read
from protocols.fixed_record.session import LAST
from protocols.fixed_record.words import REPRINT, REPRINT_SETTLE, SETTLE

if TYPE_CHECKING:
    from protocols.profile import Profile

_CARRIED = frozenset(
    (
        *("stan", "batch_no", "amount_fen", "pan_masked", "auth_code", "rrn"),
        *("terminal_id", "merchant_id", "host_dt", "outcome"),
    )
)


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
        self.due: float | None = None

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes of the till; what to say."""
        said = self._hear(self._deframer.feed(data))
        if data:
            self.due = now + self._profile.link.inter_byte_ms / 1000 if self._deframer.pending else None
        return said

    def tick(self, now: float) -> bytes:
        """The till fell silent inside a record: what was behind noise is answered now."""
        if self.due is None or now < self.due:
            return b""
        self.due = None
        return self._hear(self._deframer.flush())

    def told(self, question: str) -> list[dict[str, Any]]:
        """See ``protocols.answering.Answering``: the last transaction, without its type."""
        if question != "reprint":
            return []
        return [row(sold, self._terminal_id, self._merchant_id, _CARRIED) for sold in self.journal[-1:]]

    def _hear(self, events: list[Event]) -> bytes:
        return b"".join(self._answer(event.data) for event in events if isinstance(event, Frame))

    def _answer(self, data: bytes) -> bytes:
        asked = read(data, self._profile.name)
        if not asked.is_request:
            return b""
        said = asked.values
        values = self._about(said.get("type", ""), said.get("orig_voucher", LAST))
        return build(ANSWER, {**values, "lrc": said["lrc"]})

    def _about(self, number: str, voucher: str) -> dict[str, str]:
        named = {"merchant_id": self._merchant_id, "terminal_id": self._terminal_id}
        if number == REPRINT:
            found = [sold for sold in self.journal if voucher == LAST or sold.stan == int(voucher)]
            return named | (self._sold(found[-1]) if found else {"code": "25", "message": "没有原始交易"})
        if number == SETTLE:
            self.closed.append(list(self.journal))
            self.journal.clear()
        if number in {SETTLE, REPRINT_SETTLE} and self.closed:
            batch = self.closed[-1]
            return (
                named | {"code": "00", "message": "结算成功"} | ({"batch": f"{batch[-1].batch:06d}"} if batch else {})
            )
        return named | {"code": "40", "message": "不支持的交易类型"}

    def _sold(self, sold: Sold) -> dict[str, str]:
        return {
            "code": "00",
            "bank": "0102",
            "card_number": sold.card,
            "voucher": f"{sold.stan:06d}",
            "amount": f"{sold.amount:012d}",
            "message": "交易成功",
            "batch": f"{sold.batch:06d}",
            "date": f"{sold.at:%m%d}",
            "time": f"{sold.at:%H%M%S}",
            "rrn": sold.rrn,
            "auth_code": sold.auth_code,
        }

"""The terminal's end of the link, for the simulator and for tests: answers what a till asks from a journal.

A lone ACK comes before each answer. A list is told page by page, from where the last question
left it, and begins anew after its end. An item has the public order of tags; what stands
between its authorisation code and its order number is not public: here trace number, batch,
reference number and what a void takes back.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from protocols.answering import Sold, row
from protocols.deframe import Control, Event, Noise
from protocols.envelope import ACK, NAK
from protocols.mis.link import deframer, wrap
from protocols.mis.tlv import build
from protocols.mis_df import tags
from protocols.mis_df.facts import JOURNAL_LIST, MONEY, STATUS
from protocols.mis_df.record import read
from protocols.mis_df.said import Said, first_of, text
from protocols.mis_df.session import REPEATS, T1
from protocols.mis_df.totals import SETTLEMENT

if TYPE_CHECKING:
    from protocols.profile import Profile

PAGE = 5
"""Items a packet: a packet has 1,024 bytes at most."""
UNKNOWN_CODE = "99"
"""What an item says of a transaction whose code the profile does not know."""
_REFUSED = b"12"
_DEBITS = frozenset(("SALE", "COMPLETION", "OFFLINE_SALE", "QR_SALE"))
_CARRIED = frozenset(
    (
        *("stan", "batch_no", "amount_fen", "receipt_no", "pan_masked", "auth_code", "rrn", "operator_no"),
        *("terminal_id", "merchant_id", "host_dt", "orig_stan", "outcome"),
    )
)
Values = list[tuple[int, bytes]]


class Terminal:
    """A terminal that is asked.

    Args:
        profile: its link and its transaction codes.
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
        self._codes = {name: code for code, name in profile.operations.items()}
        self._deframer = deframer(profile)
        self._listed = 0
        self._unacknowledged: bytes | None = None
        self._tries = 0
        self.due: float | None = None

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes of the till; what to say."""
        return b"".join(self._hear(event, now) for event in self._deframer.feed(data))

    def tick(self, now: float) -> bytes:
        """Time went by; what to say again."""
        return self._again(now) if self.due is not None and now >= self.due else b""

    def told(self, question: str) -> list[dict[str, Any]]:
        """See `protocols.answering.Answering`: the list tells all of the batch, the other questions none of it."""
        if question != "journal-list":
            return []
        return [
            row(
                sold,
                self._terminal_id,
                self._merchant_id,
                _CARRIED,
                txn_type=sold.txn_type if sold.txn_type in self._codes else None,
                receipt_no=_receipt(sold),
                currency="156",
            )
            for sold in self.journal
        ]

    def _hear(self, event: Event, now: float) -> bytes:
        if isinstance(event, Control):
            if event.byte == NAK:
                return self._again(now)
            if event.byte == ACK:
                self._unacknowledged = self.due = None
            return b""
        if isinstance(event, Noise):
            return bytes((NAK,))
        heard = read(self._profile, event.data)
        if heard.error is not None or heard.mode != tags.COMMAND:
            return bytes((NAK,))
        return bytes((ACK,)) + self._say(self._answer(first_of(heard.items)), now)

    def _answer(self, said: Said) -> bytes:
        code = text(said, tags.CODE) or ""
        answers = {STATUS: self._status, JOURNAL_LIST: self._list, SETTLEMENT: self._settle}
        answer = answers.get(self._profile.operations.get(code, ""))
        echo = text(said, tags.ECHO) or ""
        head: Values = [
            (tags.MODE, b"\x02"),
            (tags.CODE, bytes.fromhex(code)),
            (tags.ECHO, bytes.fromhex(echo)),
            (tags.TERMINAL, self._terminal_id.encode("ascii")),
            (tags.MERCHANT, self._merchant_id.encode("ascii")),
        ]
        tail = [(tags.RESPONSE, _REFUSED)] if answer is None else [*answer(), (tags.RESPONSE, b"00")]
        return build([*head, *tail], form="ber")

    def _status(self) -> Values:
        return []

    def _list(self) -> Values:
        page = self.journal[self._listed : self._listed + PAGE]
        self._listed += len(page)
        left = len(self.journal) - self._listed
        if not left:
            self._listed = 0
        items = b"".join(build(self._item(sold), form="ber") for sold in page)
        goes_on: Values = [(tags.PACKETS, b"\x01")] if left else []
        return [(tags.NESTED, items), *goes_on, (tags.LEFT, bytes.fromhex(f"{left:06d}"))]

    def _item(self, sold: Sold) -> Values:
        sign = "" if sold.txn_type in _DEBITS else "-"
        original: Values = [] if sold.orig_stan is None else [(0xDF19, bytes.fromhex(f"{sold.orig_stan:06d}"))]
        return [
            (0xDF47, sold.operator.ljust(10).encode("ascii")),
            (tags.AMOUNT, f"RMB {sign}{sold.amount // 100:>4}.{sold.amount % 100:02d}".encode("ascii")),
            (tags.CODE, bytes.fromhex(self._codes.get(sold.txn_type, UNKNOWN_CODE))),
            (tags.RECEIPT, bytes.fromhex(f"{_receipt(sold):06d}")),
            (0xDF1E, sold.card.encode("ascii")),
            (0xDF1C, f"{sold.at:%m%d}".encode("ascii")),
            (0xDF1D, f"{sold.at:%H%M%S}".encode("ascii")),
            (0xDF1B, sold.auth_code.ljust(6).encode("ascii")),
            (tags.TRACE, bytes.fromhex(f"{sold.stan:06d}")),
            (tags.BATCH, f"{sold.batch:06d}".encode("ascii")),
            (0xDF1A, sold.rrn.ljust(12).encode("ascii")),
            *original,
            (tags.ORDER_END, b""),
        ]

    def _settle(self) -> Values:
        batch = f"{self.journal[-1].batch if self.journal else 0:06d}"
        totals: Values = []
        for org, places in tags.TOTALS.items():
            mine = [sold for sold in self.journal if sold.txn_type in MONEY and org in {"", sold.card_org}]
            if mine or not org:
                totals += zip(places, _sums(mine), strict=True)
        self.closed.append(list(self.journal))
        self.journal.clear()
        self._listed = 0
        return [(tags.NESTED, build([(tags.BATCH, batch.encode("ascii")), *totals], form="ber"))]

    def _say(self, data: bytes, now: float) -> bytes:
        self._unacknowledged, self._tries = wrap(self._profile.link, data), 0
        self.due = now + T1
        return self._unacknowledged

    def _again(self, now: float) -> bytes:
        if self._unacknowledged is None or self._tries >= REPEATS:
            self._unacknowledged = self.due = None
            return b""
        self._tries += 1
        self.due = now + T1
        return self._unacknowledged


def _receipt(sold: Sold) -> int:
    return sold.receipt or sold.stan


def _sums(mine: Iterable[Sold]) -> tuple[bytes, bytes, bytes, bytes]:
    """Debit amount, debit count, credit amount, credit count, packed."""
    mine = list(mine)
    debits = [sold.amount for sold in mine if sold.txn_type in _DEBITS]
    credits_ = [sold.amount for sold in mine if sold.txn_type not in _DEBITS]
    sides = ((f"{sum(side):012d}", f"{len(side):06d}") for side in (debits, credits_))
    debit, credit = ((bytes.fromhex(amount), bytes.fromhex(count)) for amount, count in sides)
    return (*debit, *credit)

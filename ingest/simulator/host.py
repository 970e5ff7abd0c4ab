"""The acquirer's host as a sans-io state machine: requests in, answers out.

Left alone it is a good host: it books each sale once, repeats its answer to a
repeated request, and refuses a void or refund that its ledger does not bear. The
scenario's orders make it lose, drop and misjudge. Reference numbers are a function
of the terminal and its count, so that lines may run at any speed.
"""

import datetime as dt
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ingest.simulator.cards import DOMESTIC, FOREIGN
from ingest.simulator.draft import Draft, clock_fields, digest, tlv, tlv_value, with_mac
from ingest.simulator.journal import Totals
from ingest.simulator.scenario import Order

CUT_OVER = dt.time(22, 59, 45)
"""When the host's clearing day ends: hosts cut on their own clock, here a little before 23:00."""

_ACQUIRER = "00089800"
_TYPES = {
    "22": "sale",
    "23": "void",
    "25": "refund",
    "10": "preauth",
    "11": "preauth_void",
    "20": "completion",
    "01": "balance",
    "30": "offline_sale",
    "34": "tip",
}
_SIDES = {"sale": "debit", "completion": "debit", "offline_sale": "debit", "void": "credit", "refund": "credit"}
_ALWAYS = frozenset(("sale", "preauth", "balance", "offline_sale"))
"""What an honest host needs no original for."""
_MOST_TIP = 20
"""Percent of the original."""


@dataclass(slots=True)
class Booking:
    """One posting of the host's ledger."""

    rrn: str
    kind: str
    terminal_id: str
    merchant_id: str
    batch_no: int
    stan: int
    amount: int
    pan: str
    org: str
    day: dt.date
    live: bool = True
    voided: bool = False
    refunded: int = 0
    answer: Draft | None = None
    original: "Booking | None" = None


@dataclass(slots=True)
class Reply:
    """The host's answer, and whether it reaches the line."""

    answer: Draft | None
    delivered: bool = True


@dataclass(slots=True)
class Host:
    """One acquirer's host for any number of terminals."""

    bookings: list[Booking] = field(default_factory=list)
    _orders: dict[str, deque[Order]] = field(default_factory=lambda: defaultdict(deque))
    _counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _batches: dict[str, int] = field(default_factory=dict)
    _settled: set[tuple[str, int]] = field(default_factory=set)

    def order(self, terminal_id: str, orders: Iterable[Order]) -> None:
        """Replace what this terminal's next messages are to meet."""
        self._orders[terminal_id] = deque(orders)

    def handle(self, request: Draft) -> Reply:
        """Answer a request; `delivered` is false when the scenario has the answer lost."""
        terminal_id = request.fields[41]
        order = self._take_order(terminal_id, request.mti)
        act = order.act if order else ""
        if act == "lose":
            return Reply(None, delivered=False)
        answer = self._answer(request, order)
        return Reply(answer, delivered=act != "drop")

    def totals(self, terminal_id: str, batch_no: int) -> Totals:
        """The ledger's totals of one batch."""
        return Totals.of(
            (_SIDES[booking.kind], booking.org, booking.amount)
            for booking in self.bookings
            if booking.live and (booking.terminal_id, booking.batch_no) == (terminal_id, batch_no)
            if booking.kind in _SIDES
        )

    def _take_order(self, terminal_id: str, mti: str) -> Order | None:
        waiting = self._orders[terminal_id]
        for order in waiting:
            if order.mti == mti:
                waiting.remove(order)
                return order
        return None

    def _answer(self, request: Draft, order: Order | None) -> Draft:
        if request.mti == "0400":
            return self._reverse(request, order)
        if request.mti in {"0200", "0100", "0220"}:
            return self._financial(request, order)
        if request.mti == "0500":
            return self._settle(request)
        return self._manage(request, order)

    def _financial(self, request: Draft, order: Order | None) -> Draft:
        act = order.act if order else ""
        sent = request.fields
        booked = self._booked(sent)
        if booked is not None and booked.answer is not None and act != "again":
            return booked.answer
        kind = _TYPES[sent[60][:2]]
        original = self._original(kind, sent)
        if act == "decline" and order is not None:
            code = order.value
        elif act in {"approve", "again", "partial"}:
            code = "10" if act == "partial" else "00"
        else:
            code = self._judge(kind, sent, original, request.at)
        amount = int(sent.get(4, "0"))
        if act == "partial" and order is not None:
            amount = int(order.value)
        answer = self._financial_answer(request, code, amount)
        if code not in {"00", "10"} or kind == "balance":
            return answer
        if kind == "void" and original is not None:
            original.voided = True
        if kind == "refund" and original is not None:
            original.refunded += amount
        if kind == "tip" and original is not None:
            original.amount = amount
        self.bookings.append(
            Booking(
                rrn=answer.fields[37],
                kind=kind,
                terminal_id=sent[41],
                merchant_id=sent[42],
                batch_no=int(sent[60][2:8]),
                stan=int(sent[11]),
                amount=amount,
                pan=number_of(sent),
                org=org_of(number_of(sent)),
                day=clearing_day(request.at),
                answer=answer,
                original=original,
            )
        )
        return answer

    def _judge(self, kind: str, sent: Mapping[int, str], original: Booking | None, at: dt.datetime) -> str:
        """The response code of an honest host."""
        if kind in _ALWAYS:
            return "00"
        if original is None:
            return "25"
        amount = int(sent[4])
        if kind == "tip":
            return "00" if original.amount <= amount <= original.amount * (100 + _MOST_TIP) // 100 else "13"
        if kind in {"completion", "preauth_void"}:
            return "00" if amount * 100 <= original.amount * 115 else "13"
        if original.voided:
            return "12"
        if original.pan != number_of(sent):
            return "14"
        if kind == "void":
            settled = (original.terminal_id, original.batch_no) in self._settled
            if settled or clearing_day(at) != original.day or original.refunded:
                return "22"
            return "00" if amount == original.amount else "64"
        if original.merchant_id != sent[42]:
            return "03"
        return "00" if original.refunded + amount <= original.amount else "13"

    def _original(self, kind: str, sent: Mapping[int, str]) -> Booking | None:
        if kind == "refund":
            return next((b for b in self.bookings if b.rrn == sent[37] and b.live), None)
        if 61 not in sent:
            return None
        batch_no, stan = int(sent[61][:6]), int(sent[61][6:12])
        wanted = ("preauth",) if kind in {"completion", "preauth_void"} else ("sale", "completion")
        return next(
            (
                b
                for b in self.bookings
                if b.live and b.kind in wanted and (b.terminal_id, b.batch_no, b.stan) == (sent[41], batch_no, stan)
            ),
            None,
        )

    def _booked(self, sent: Mapping[int, str]) -> Booking | None:
        key = (sent[41], int(sent[60][2:8]), int(sent[11]))
        found = [b for b in self.bookings if b.live and (b.terminal_id, b.batch_no, b.stan) == key]
        return found[-1] if found else None

    def _reverse(self, request: Draft, order: Order | None) -> Draft:
        booked = self._booked(request.fields)
        code = "00"
        if order is not None and order.act == "decline":
            code = order.value
        elif booked is None:
            code = "25"
        else:
            booked.live = False
            if booked.original is not None and booked.kind == "void":
                booked.original.voided = False
        kept = (2, 3, 4, 11, 14, 25, 41, 42, 49, 60)
        return self._finish(request, "0410", kept, {39: code, **self._reference(request)})

    def _financial_answer(self, request: Draft, code: str, amount: int) -> Draft:
        pan = number_of(request.fields)
        kept = (3, 11, 14, 23, 25, 41, 42, 49, 60)
        at = request.at + dt.timedelta(seconds=1)
        extra = {2: pan, 15: f"{clearing_day(at):%m%d}", 32: _ACQUIRER, 39: code, 44: "03080000   00089800   "}
        extra |= self._reference(request)
        if 4 in request.fields:
            extra[4] = f"{amount:012d}"
        if code in {"00", "10"}:
            extra[38] = f"{int.from_bytes(digest(extra[37], 'auth', size=4)) % 10**6:06d}"
            if request.fields[3] == "310000":
                extra[54] = f"1002156C{250_000 + int(extra[38]):012d}"
            counter = tlv_value(request.fields.get(55, ""), "9F36")
            if counter is not None:
                arpc = digest(extra[37], "arpc", size=8).hex()
                extra[55] = tlv((("9F36", counter), ("91", arpc + "3030")))
        extra[63] = org_of(pan)
        return self._finish(request, mti_of_answer(request.mti), kept, extra)

    def _settle(self, request: Draft) -> Draft:
        sent = request.fields
        batch_no = int(sent[60][2:8])
        ours = self.totals(sent[41], batch_no)
        self._settled.add((sent[41], batch_no))
        flags = ours.flags(Totals.parse(sent[48]))
        extra = {39: "00", 48: ours.digits(*flags), 15: f"{clearing_day(request.at):%m%d}"}
        return self._finish(request, "0510", (11, 41, 42, 49, 60), extra | self._reference(request))

    def _manage(self, request: Draft, order: Order | None) -> Draft:
        sent = request.fields
        extra = {39: "00", **self._reference(request)}
        batch_no = int(sent[60][2:8])
        if request.mti == "0800":
            if order is not None and order.act == "jump":
                batch_no += int(order.value)
            extra |= {
                32: _ACQUIRER,
                60: f"00{batch_no:06d}{sent[60][8:]}",
                62: digest(sent[41], extra[37], "work keys", size=40).hex().upper(),
            }
        if request.mti == "0320" and len(sent.get(48, "")) == 4:
            extra[48] = sent[48]
        return self._finish(request, mti_of_answer(request.mti), (11, 41, 42, 60), extra)

    def _reference(self, request: Draft) -> dict[int, str]:
        """F37 of a new answer: MMDD, two digits of the terminal, six digits of its count."""
        terminal_id = request.fields[41]
        self._counts[terminal_id] += 1
        return {37: f"{request.at:%m%d}{terminal_id[-2:]}{self._counts[terminal_id]:06d}"}

    def _finish(self, request: Draft, mti: str, kept: tuple[int, ...], extra: Mapping[int, str]) -> Draft:
        at = request.at + dt.timedelta(seconds=1)
        fields = {number: request.fields[number] for number in kept if number in request.fields}
        fields |= clock_fields(at) | dict(extra)
        if 64 in request.fields:
            fields = with_mac(mti, fields)
        return Draft(mti, fields, at)


def mti_of_answer(mti: str) -> str:
    """Request + 0x10 (docs/protocols.md)."""
    return f"{int(mti) + 10:04d}"


def number_of(sent: Mapping[int, str]) -> str:
    """The card number of a request: F2, else the digits of track 2 before the D."""
    return sent[2] if 2 in sent else sent.get(35, "").partition("D")[0]


def org_of(pan: str) -> str:
    """The card organisation, by the first digit."""
    return FOREIGN if pan.startswith("4") else DOMESTIC


def clearing_day(at: dt.datetime) -> dt.date:
    """The clearing day of a local time: after the cut-over it is the next day's."""
    return at.date() + dt.timedelta(days=1) if at.time() >= CUT_OVER else at.date()

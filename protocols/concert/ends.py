"""Till and terminal over the link: the till wants one payment after the other, the terminal answers each."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from protocols.concert.record import ASK, FULL, SMALL, write_caisse, write_e_plus
from protocols.concert.session import station
from protocols.envelope import EOT
from protocols.talking import Payment, Talk, Times

if TYPE_CHECKING:
    from protocols.profile import Profile

POS = "01"
CURRENCY = "978"
PROTOCOL_ID = "012345678901"
_RESULTS = {"approved": "0", "declined": "7"}
_CAISSE_RESULTS = {"approved": "10", "declined": "01"}
_REFUSED = "04"


class Till:
    """The till: asks, waits for the answer, goes on to the next.

    Args:
        profile: its link.
        asks: whole messages, in order.
        times: how long to wait.
    """

    def __init__(self, profile: "Profile", asks: Sequence[bytes], times: Times) -> None:
        self.outcomes: list[str] = []
        self.station = station(profile, times, yields=False)
        self._asks = asks
        self._times = times
        self._asked = False
        self._answer_by: float | None = None
        self._next: float | None = 0.0

    @property
    def current(self) -> int:
        """The payment at hand, counted from 0."""
        return len(self.outcomes)

    @property
    def due(self) -> float | None:
        """When ``tick`` must be called, if nothing is heard before."""
        waits = [each for each in (self.station.due, self._answer_by, self._next) if each is not None]
        return min(waits) if waits else None

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes of the terminal; what to say."""
        return self.station.feed(data, now) + self._follow(now)

    def tick(self, now: float) -> bytes:
        """Time went by: the next payment, a repetition, or an answer given up."""
        said = self.station.tick(now)
        if self._next is not None and now >= self._next:
            self._next = None
            if self.current < len(self._asks):
                self._asked = True
                self._answer_by = now + self._times.answer
                said += self.station.say(self._asks[self.current], now)
        return said + self._follow(now)

    def _follow(self, now: float) -> bytes:
        if not self._asked:
            self.station.heard.clear()  # nobody asked for it
        elif self.station.heard:
            self.station.heard.popleft()
            self._over("answered", now)
        elif self.station.lost:
            self.station.lost = 0
            self._over("not acknowledged", now)
        elif self._answer_by is not None and now >= self._answer_by:
            self._over("silent", now)
        return b""

    def _over(self, outcome: str, now: float) -> None:
        self._asked = False
        self._answer_by = None
        self.outcomes.append(outcome)
        self._next = now + self._times.between


class Terminal:
    """The terminal: answers each ask that it was told the answer of, and says nothing to the others.

    Args:
        profile: its link.
        answers: the whole answer of each ask.
        times: how long to wait, and to work.
    """

    def __init__(self, profile: "Profile", answers: Mapping[bytes, bytes], times: Times) -> None:
        self.station = station(profile, times, yields=True)
        self._answers = answers
        self._times = times
        self._work: list[tuple[float, bytes]] = []

    @property
    def due(self) -> float | None:
        """When ``tick`` must be called, if nothing is heard before."""
        waits = [each for each in (self.station.due, self._work[0][0] if self._work else None) if each is not None]
        return min(waits) if waits else None

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes of the till; what to say."""
        said = self.station.feed(data, now)
        self._begin(now)
        return said

    def tick(self, now: float) -> bytes:
        """Time went by: an answer is ready, or is said again."""
        said = self.station.tick(now)
        self._begin(now)
        while self._work and now >= self._work[0][0]:
            said += self.station.say(self._work.pop(0)[1], now)
        return said

    def _begin(self, now: float) -> None:
        while self.station.heard:
            answer = self._answers.get(self.station.heard.popleft())
            if answer is not None:
                self._work.append((now + self._times.work, answer))


def talk(profile: "Profile", payments: Sequence[Payment], times: Times) -> Talk:
    """A till that wants these payments and the terminal that answers them."""
    write = _caisse if profile.link.envelope == "tags" else _e_plus
    said = [write(payment) for payment in payments]
    answers = {ask: answer for ask, answer, _ in said if answer is not None}
    return Talk(
        till=Till(profile, [ask for ask, _, _ in said], times),
        terminal=Terminal(profile, answers, times),
        rows=[row for _, _, row in said],
        repairs=profile.link.ack,
        opening=bytes((EOT,)) if profile.link.ack else b"",
    )


def _row(payment: Payment, code: str | None, card: str | None) -> dict[str, Any]:
    return {
        "txn_type": payment.txn_type,
        "amount_fen": payment.amount,
        "currency": CURRENCY,
        "pan_masked": card,
        "outcome": payment.outcome,
        "response_code": code,
        "stan": None,
        "terminal_id": None,
    }


def _e_plus(payment: Payment) -> tuple[bytes, bytes | None, dict[str, Any]]:
    """The ask with a full answer where there is a card to report, and its row: types 1 and 2 are not told apart."""
    common = {"pos": POS, "amount": f"{payment.amount:08d}", "mode": "1", "currency": CURRENCY}
    private = f"{payment.number:010d}"
    ask = {"answer_flag": "1" if payment.card else "0", "type": "0" if payment.txn_type == "SALE" else "1"}
    asked = write_e_plus(ASK, common | ask | {"private": private, "delay": "A010", "authorisation": "B010"})
    code = _RESULTS.get(payment.outcome)
    row = _row(payment, code, None if code is None else _masked(payment.card))
    if payment.txn_type != "SALE":
        row["txn_type"] = None
    if code is None:
        return asked, None, row
    report = {"report": payment.card.ljust(55)} if payment.card else {}
    answer = common | report | {"result": code, "private": private}
    return asked, write_e_plus(FULL if payment.card else SMALL, answer), row


def _caisse(payment: Payment) -> tuple[bytes, bytes | None, dict[str, Any]]:
    """The ask, its answer and its row, in tags."""
    common = {"CZ": "0300", "CJ": PROTOCOL_ID, "CA": POS, "CE": CURRENCY, "CB": f"{payment.amount:02d}"}
    private = {"CF": f"{payment.number:010d}"}
    action = {"CD": "0" if payment.txn_type == "SALE" else "1"}
    asked = write_caisse(common | {"BA": "0"} | action | private)
    code = _CAISSE_RESULTS.get(payment.outcome)
    row = _row(payment, code, None if code is None else _masked(payment.card))
    if code is None:
        return asked, None, row
    card = {"AA": payment.card} if payment.card else {}
    refused = {"AF": _REFUSED} if payment.outcome == "declined" else {}
    return asked, write_caisse(common | action | {"AE": code} | refused | card | private), row


def _masked(card: str) -> str | None:
    return f"{card[:6]}{'*' * (len(card) - 10)}{card[-4:]}" if card else None

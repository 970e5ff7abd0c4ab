"""The acquirer's host: what it books, and what it answers.

It books a request once and repeats its answer to a repetition, as a good host does, unless
a play has it book again. Void, refund and completion are not refused: whether a host lets
a wrong one through is the fault's cause, and the play's to say.
"""

import datetime as dt
from dataclasses import dataclass, field

CUT_OVER = dt.time(23, 0)


@dataclass(slots=True)
class Posting:
    """One entry of the host's ledger.

    What the acquirer's file makes of it, where that differs: ``skipped`` leaves it out, ``settled_as`` is another
    amount, ``fee`` another fee, ``surcharge`` and ``discount`` columns of their own, ``booked_as`` another kind,
    ``listed`` a status under which the file shows it although nothing is live.
    """

    kind: str
    merchant: str
    terminal: str
    batch: int
    stan: int
    rrn: str
    auth: str
    amount: int
    pan: str
    at: dt.datetime
    day: dt.date
    order: str = ""
    of: "Posting | None" = None
    live: bool = True
    skipped: bool = False
    settled_as: int | None = None
    fee: int | None = None
    surcharge: int = 0
    discount: int = 0
    cycle: str = ""
    card_class: str = ""
    booked_as: str = ""
    listed: str = ""


@dataclass(slots=True)
class Host:
    """One acquirer's host for all terminals of a world."""

    ledger: list[Posting] = field(default_factory=list)
    booked: dict[tuple[str, int, int, str], Posting] = field(default_factory=dict)
    stuck: str = ""
    """A reference number that the host gives again and again: its own fault."""
    _count: int = 0

    def reference(self, at: dt.datetime) -> str:
        """F37 of the next answer: 12 digits, no two alike on a day."""
        if self.stuck:
            return self.stuck
        self._count += 1
        return f"{at:%j}{self._count:09d}"

    def book(self, posting: Posting, *, again: bool = False) -> Posting:
        """Book a debit or credit; a repetition is the first booking, unless ``again``."""
        key = (posting.terminal, posting.batch, posting.stan, posting.kind)
        if not again and key in self.booked and self.booked[key].live:
            return self.booked[key]
        self.booked[key] = posting
        self.ledger.append(posting)
        return posting

    def reverse(self, terminal: str, batch: int, stan: int) -> str:
        """Take back what was booked under those numbers; the answer's code."""
        found = [p for (t, b, s, _), p in self._of(terminal, batch, stan) if p.live]
        if not found:
            return "25"
        for posting in found:
            posting.live = False
        return "00"

    def _of(self, terminal: str, batch: int, stan: int) -> list[tuple[tuple[str, int, int, str], Posting]]:
        kinds = ("SALE", "VOID", "COMPLETION", "PREAUTH", "PREAUTH_VOID", "COMPLETION_VOID", "QR_SALE", "BALANCE")
        keys = [(terminal, batch, stan, kind) for kind in kinds]
        return [(key, self.booked[key]) for key in keys if key in self.booked]


def clearing_day(at: dt.datetime) -> dt.date:
    """The clearing day of a local time: from 23:00 on it is the next day's."""
    return at.date() + dt.timedelta(days=1) if at.time() >= CUT_OVER else at.date()

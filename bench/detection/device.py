"""A terminal: what it sends, what it keeps, and what it does when no answer comes.

Messages are fields as the profile's ``build`` takes them; `Heard` is what an ear on the
line has of them. A sale without an answer leaves a reversal in the terminal's file, which
goes out before the next online message, three times at most, and is then given up.
"""

import datetime as dt
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.detection.attempt import APPROVED, FORMS, Attempt, Form
from bench.detection.fields import answer_fields, clock_fields, private_field, request_fields, reversal_fields
from bench.detection.host import Host, Posting, clearing_day
from bench.detection.network import Line
from bench.detection.truth import Key, key_of
from ingest.simulator.cards import DOMESTIC, Card
from ingest.simulator.journal import Entry, Totals, upload_lists

LAST_STAN = 999_999
TRIES = 3
TIMEOUT_S = 31
REVERSED = frozenset(("00", "12", "25"))


@dataclass(frozen=True, slots=True)
class Heard:
    """A message on a line."""

    at: dt.datetime
    device: "Device"
    line: str
    is_request: bool
    mti: str
    fields: Mapping[int, str]
    exchange: int


@dataclass(frozen=True, slots=True)
class Mishap:
    """What a collector keeps of a line beside its frames: noise, or a gap."""

    at: dt.datetime
    device: "Device"
    line: str
    kind: Literal["noise", "gap"]


@dataclass(slots=True)
class _Waiting:
    """A reversal in the terminal's file."""

    attempt: Attempt
    fields: dict[int, str]


@dataclass(slots=True)
class Device:
    """One terminal with its line.

    Args:
        line: name of the collector's line; a replaced terminal is heard on another.
        ahead_s: how far its clock is ahead.
        wiring: the line's behaviour.
        tell: takes every message that is heard.
    """

    line: str
    profile: str
    terminal: str
    merchant: str
    stan: int
    batch: int
    wiring: Line
    host: Host
    tell: Callable[[Heard], None]
    now: dt.datetime
    chance: random.Random
    ahead_s: int = 0
    operator: str = "01"
    signs_in_daily: bool = False
    supervised: bool = False
    """Whether a supervisor (00) confirms voids."""
    software: str = ""
    """What it tells of its software at sign-in."""
    given_up: Callable[[Attempt], None] | None = None
    reversed_well: Callable[[Attempt, str], None] | None = None
    journal: list[Entry] = field(default_factory=list)
    waiting: _Waiting | None = None
    exchanges: int = 0
    opened: int = 0
    """The first number since the last settlement; 0: it has not settled yet."""
    last: list[Heard] = field(default_factory=list)

    # what the clerk does ------------------------------------------------------------------------

    def attempt(
        self,
        kind: str,
        amount: int = 0,
        card: Card | None = None,
        *,
        of: Attempt | None = None,
        entry: str = "chip",
        pin: bool = True,
        atc: int | None = None,
        order: str = "",
        code: str | None = None,
        approved_amount: int | None = None,
        again: bool = False,
        repeat: bool = False,
        tip: int = 0,
        stan: int | None = None,
        told: Mapping[str, Any] | None = None,
    ) -> Attempt:
        """One attempt, online.

        Args:
            kind: a type of the contract.
            amount: fen.
            card: the card; None for a code.
            of: what it refers to.
            entry: how the card was read.
            pin: whether the PIN was entered.
            atc: the chip's counter.
            order: the till's order number.
            code: what the host answers; approved by default.
            approved_amount: a part of the amount (code 10).
            again: the host books a repetition a second time.
            repeat: without an answer the terminal sends the same request once more before it gives up.
            tip: what an adjustment adds.
            stan: a trace number that was used before (its own request again).
            told: what the message says otherwise of what it refers to: batch, stan, date, rrn, auth; clock, operator.
        """
        self.send_reversal()
        form = FORMS[kind]
        number = self._next() if stan is None else stan
        attempt = Attempt(self, kind, self.batch, number, amount, card, self.now, entry, atc, order, of=of)
        fields = self._request(attempt, form, pin=pin, tip=tip, told=told or {})
        answer = self._exchange(form.mti, fields, lambda: self._book(attempt, code, approved_amount, again=again))
        if answer is None and repeat:
            answer = self._exchange(form.mti, fields, lambda: self._book(attempt, code, approved_amount, again=again))
        if answer is None:
            if form.reversible:
                self.waiting = _Waiting(attempt, fields)
            return attempt
        self._keep(attempt, form, answer)
        return attempt

    def resend(self, attempt: Attempt, *, again: bool) -> bool:
        """Send an answered request once more; the host books it again or repeats its answer. Whether that was heard."""
        form = FORMS[attempt.kind]
        fields = self._request(attempt, form, pin=True, tip=0, told={}, at=attempt.at)

        def book() -> dict[int, str]:
            if not again and attempt.posting is not None:
                return answer_fields(attempt, attempt.posting, attempt.code or "00", attempt.amount, self.now)
            return self._book(attempt, None, None, again=True)

        answer = self._exchange(form.mti, fields, book)
        if again and answer is not None:
            self._keep(attempt, form, answer)
        return answer is not None

    def send_reversal(self) -> None:
        """The stored reversal goes first: the same bytes each time, and no more than the allowed tries."""
        held, self.waiting = self.waiting, None
        if held is None:
            return
        kept = (2, 3, 4, 11, 22, 25, 35, 41, 42, 49, 60, 61)
        fields = {n: held.fields[n] for n in kept if n in held.fields} | {39: "98"} | self._clock()
        attempt = held.attempt
        for _ in range(TRIES):
            answer = self._exchange(
                "0400",
                fields,
                lambda: {39: self.host.reverse(self.terminal, attempt.batch, attempt.stan)} | self._echo(fields),
            )
            if answer is not None and answer[39] in REVERSED:
                if self.reversed_well is not None:
                    self.reversed_well(attempt, answer[39])
                return
        attempt.given_up = True
        if self.given_up is not None:
            self.given_up(attempt)

    def reverse(self, attempt: Attempt) -> None:
        """The clerk takes an answered attempt back by a reversal, and the host confirms it."""
        fields = reversal_fields(attempt, self._clock())
        self._exchange("0400", fields, lambda: {39: "00"} | self._echo(fields), sure=True)

    def report_again(self) -> None:
        """The frames of the last exchange once more, byte for byte: a reprint, or a link that lost its ACK."""
        self.now += dt.timedelta(seconds=3)
        for heard in self.last:
            self.tell(Heard(self.now, self, self.line, heard.is_request, heard.mti, heard.fields, heard.exchange))

    def sign(self, attempt: Attempt, picture: bytes, *, code: str = "00", day: dt.date | None = None) -> None:
        """Upload the picture that signs a sale; what the host answers, and of which other day the pad says it is."""
        fields = {11: f"{attempt.stan:06d}", **self._clock(), **self._names(), 37: attempt.rrn}
        fields |= {60: f"07{attempt.batch:06d}800", 62: picture.hex().upper()}
        if attempt.posting is not None:
            fields[15] = f"{day or attempt.posting.day:%m%d}"
        self._exchange("0820", fields, lambda: {39: code} | self._echo(fields) | {37: attempt.rrn}, sure=True)

    def sign_in(self, *, batch: int | None = None) -> int:
        """Sign in; the host may give the batch another number. Its trace number."""
        self.send_reversal()
        stan = self._next()
        given = self.batch if batch is None else batch
        fields = {11: f"{stan:06d}", **self._clock(), **self._names(), 60: f"00{self.batch:06d}003", 63: "01 "}
        if self.software:
            fields[59] = private_field("A2", f"05{len(self.software):03d}{self.software}")
        answer = self._exchange("0800", fields, lambda: {39: "00", 60: f"00{given:06d}003"} | self._echo(fields))
        if answer is not None:
            self.batch = given
        return stan

    def echo(self) -> int:
        """A line test; it uses a trace number."""
        self.send_reversal()
        stan = self._next()
        fields = {11: f"{stan:06d}", **self._clock(), **self._names(), 60: f"00{self.batch:06d}301"}
        self._exchange("0820", fields, lambda: {39: "00"} | self._echo(fields))
        return stan

    def skip(self, count: int) -> list[int]:
        """Trace numbers used where nobody listens."""
        return [self._next() for _ in range(count)]

    def settle(
        self,
        *,
        falsify: Mapping[str, int] | None = None,
        upload: bool = True,
        twice: bool = False,
        reprint: bool = False,
        host_errs: bool = False,
        again: bool = False,
    ) -> Key:
        """Settle the open batch; what the settlement's finding names.

        Args:
            falsify: totals moved by so much.
            upload: whether the terminal uploads a batch that the host calls unbalanced.
            twice: the upload is made twice.
            reprint: the settlement's frames are reported a second time, byte for byte.
            host_errs: the host calls it unbalanced although it is not.
            again: the terminal asks for it once more, by another number, and the host accepts that as well.
        """
        self.send_reversal()
        true = Totals.of((entry.side, entry.org, entry.amount) for entry in self.journal)
        claimed = true.falsified(falsify or {})
        flags = ("2", "1") if host_errs else true.flags(claimed)
        stan = self._next()
        fields = {11: f"{stan:06d}", **self._clock(), **self._names(), 49: "156", 63: f"{self.operator} "}
        fields |= {48: claimed.digits(), 60: f"00{self.batch:06d}201"}
        answer = None
        for _ in range(3):
            answer = self._exchange("0500", fields, lambda: {39: "00", 48: true.digits(*flags)} | self._echo(fields))
            if answer is not None:
                break
        if again:
            fields = fields | {11: f"{self._next():06d}"} | self._clock()
            self._exchange("0500", fields, lambda: {39: "00", 48: true.digits(*flags)} | self._echo(fields), sure=True)
        if reprint:
            self.report_again()
        balanced = flags == ("1", "1")
        if not balanced and upload:
            for _ in range(2 if twice else 1):
                for digits in upload_lists(self.journal):
                    self._batch(digits, "201")
                self._batch(f"{len(self.journal):04d}", "202")
        elif balanced:
            for _ in range(2 if twice else 1):
                self._batch(f"{len(self.journal):04d}", "207")
        self.journal.clear()
        key = key_of(self.terminal, self.batch, stan)
        self.batch = self.batch % LAST_STAN + 1
        self.opened = self.stan
        return key

    # the messages ------------------------------------------------------------------------------

    def _request(
        self,
        attempt: Attempt,
        form: Form,
        *,
        pin: bool,
        tip: int,
        told: Mapping[str, Any],
        at: dt.datetime | None = None,
    ) -> dict[int, str]:
        by = "00" if self.supervised and attempt.kind == "VOID" else self.operator
        told = {"operator": by, **told}
        return request_fields(attempt, form, self._clock(told.get("clock", at)), pin=pin, tip=tip, told=told)

    def _book(self, attempt: Attempt, code: str | None, approved_amount: int | None, *, again: bool) -> dict[int, str]:
        """The host's answer to a financial request, booked when it is approved."""
        given = code or ("10" if approved_amount is not None else "00")
        amount = attempt.amount if approved_amount is None else approved_amount
        posting = self._posting(attempt, amount)
        if given in APPROVED and attempt.kind != "BALANCE":
            posting = self.host.book(posting, again=again)
            attempt.posting = posting
        return answer_fields(attempt, posting, given, amount, self.now)

    def _posting(self, attempt: Attempt, amount: int) -> Posting:
        rrn = self.host.reference(self.now)
        return Posting(
            attempt.kind, self.merchant, self.terminal, attempt.batch, attempt.stan, rrn, rrn[-6:], amount,
            attempt.card.pan if attempt.card else "", self.now, clearing_day(self.now), attempt.order,
            attempt.of.posting if attempt.of else None,
        )  # fmt: skip

    def _keep(self, attempt: Attempt, form: Form, answer: Mapping[int, str]) -> None:
        attempt.code = answer[39]
        attempt.rrn, attempt.auth = answer[37], answer.get(38, "")
        if not attempt.approved:
            return
        attempt.amount = int(answer[4])
        if form.side:
            org = attempt.card.org if attempt.card else DOMESTIC
            card = attempt.card or Card("6222000000000000", "3001", DOMESTIC)
            self.journal.append(Entry(form.side, attempt.amount, org, attempt.stan, card, "021", "", self.now))
        if attempt.kind == "ADJUST" and attempt.of is not None:
            stan = attempt.of.stan
            self.journal = [
                Entry(e.side, attempt.amount, e.org, e.stan, e.card, e.entry_mode, "", e.at) if e.stan == stan else e
                for e in self.journal
            ]

    def _batch(self, digits: str, network: str) -> None:
        fields = {
            11: f"{self._next():06d}",
            **self._clock(),
            **self._names(),
            48: digits,
            60: f"00{self.batch:06d}{network}",
        }
        said = {48: digits} if len(digits) == 4 else {}
        self._exchange("0320", fields, lambda: {39: "00", **said} | self._echo(fields), sure=True)

    def _exchange(
        self, mti: str, fields: dict[int, str], answer: Callable[[], dict[int, str]], *, sure: bool = False
    ) -> dict[int, str] | None:
        """Send a request and take its answer; time goes on by what that takes."""
        self.exchanges += 1
        self.last = []
        self._hear(True, mti, fields)
        fate = "through" if sure else self.wiring.fate(mti)
        if fate == "lost":
            self.now += dt.timedelta(seconds=TIMEOUT_S)
            return None
        self.now += dt.timedelta(seconds=self.wiring.seconds())
        said = answer()
        if fate == "unheard":
            self.now += dt.timedelta(seconds=TIMEOUT_S)
            return None
        self._hear(False, f"{int(mti) + 10:04d}", said)
        self.now += dt.timedelta(seconds=2)
        return said

    def _hear(self, is_request: bool, mti: str, fields: dict[int, str]) -> None:
        heard = Heard(self.now, self, self.line, is_request, mti, fields, self.exchanges)
        self.last.append(heard)
        self.tell(heard)

    def _echo(self, fields: Mapping[int, str]) -> dict[int, str]:
        kept = {n: fields[n] for n in (2, 3, 4, 11, 25, 41, 42, 49, 60) if n in fields}
        return kept | clock_fields(self.now) | {37: self.host.reference(self.now)}

    def _clock(self, at: dt.datetime | None = None) -> dict[int, str]:
        return clock_fields((at or self.now) + dt.timedelta(seconds=self.ahead_s))

    def _names(self) -> dict[int, str]:
        return {41: self.terminal, 42: self.merchant}

    def _next(self) -> int:
        number = self.stan
        self.stan = 1 if number == LAST_STAN else number + 1
        return number

"""A terminal and its host, written from the format's description alone: it shares no code with ``protocols``.

Source: "China UnionPay POS wire formats as publicly known", 1 to 5 (docs/protocols.md): envelope, fields, messages,
settlement totals.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

ZONE = dt.timezone(dt.timedelta(hours=8))
REQUEST, ANSWER = "6000030000603100310012", "6000000003603100310012"
FIXED_DIGITS = {3: 6, 4: 12, 11: 6, 12: 6, 13: 4, 14: 4, 15: 4, 25: 2, 26: 2, 53: 16}
COUNTED_DIGITS = {2: 2, 32: 2, 35: 2, 48: 4, 60: 4, 61: 4}
FIXED_TEXT = {37, 38, 39, 41, 42, 49}
COUNTED_BYTES = {44: 2, 55: 4, 59: 4, 63: 4}
KINDS = {
    "SALE": ("0200", "000000", "00", "22"),
    "VOID": ("0200", "200000", "00", "23"),
    "REFUND": ("0220", "200000", "00", "25"),
    "PREAUTH": ("0100", "030000", "06", "10"),
    "PREAUTH_VOID": ("0100", "200000", "06", "11"),
    "COMPLETION": ("0200", "000000", "06", "20"),
    "COMPLETION_VOID": ("0200", "200000", "06", "21"),
    "COMPLETION_ADVICE": ("0220", "000000", "06", "24"),
    "OFFLINE_SALE": ("0220", "000000", "00", "30"),
    "ADJUST": ("0220", "000000", "00", "32"),
}
CHIPPED = frozenset(("SALE", "PREAUTH", "OFFLINE_SALE"))
QR = "031"
"""F22 of a payment by code; it has no card number."""


DATED = frozenset(("REFUND", "COMPLETION", "COMPLETION_ADVICE", "PREAUTH_VOID"))
"""What names its original's day in F61."""


def _with(fields: dict[int, Any], *others: Mapping[int, Any]) -> dict[int, Any]:
    """The fields as others say they are; None leaves one out."""
    for each in others:
        fields = fields | dict(each)
    return {number: value for number, value in fields.items() if value is not None}


def _digits(text: str) -> bytes:
    return bytes.fromhex(text + "0" * (len(text) % 2))


def _field(number: int, value: Any) -> bytes:
    if number in FIXED_DIGITS:
        assert len(value) == FIXED_DIGITS[number]
        return _digits(value)
    if number == 22:
        return bytes.fromhex(f"{value}0")
    if number == 23:
        return bytes.fromhex(f"0{value}")
    if number in COUNTED_DIGITS:
        return bytes.fromhex(f"{len(value):0{COUNTED_DIGITS[number]}d}") + _digits(value)
    raw = value.encode() if isinstance(value, str) else value
    if number in COUNTED_BYTES:
        return bytes.fromhex(f"{len(raw):0{COUNTED_BYTES[number]}d}") + raw
    assert number in FIXED_TEXT or len(raw) == 8
    return bytes(raw)


def frame(head: str, mti: str, fields: dict[int, Any]) -> bytes:
    """Length, TPDU and header, MTI, bitmap, fields."""
    bitmap = sum(1 << (64 - number) for number in fields)
    body = b"".join(_field(number, fields[number]) for number in sorted(fields))
    message = bytes.fromhex(head + mti) + bitmap.to_bytes(8, "big") + body
    return len(message).to_bytes(2, "big") + message


def order(number: str) -> dict[int, Any]:
    """F59 with the till's order, tag A4."""
    return {59: f"A4{len(number):03d}{number}"}


def card(number: int) -> str:
    """A test card number of 19 digits under a bank's prefix."""
    digits = f"62220299{number:010d}"
    doubled = (int(each) * (2 - at % 2) for at, each in enumerate(reversed(digits)))
    return digits + str(-sum(each - 9 * (each > 9) for each in doubled) % 10)


@dataclass(frozen=True)
class Paid:
    """What a slip says of an exchange."""

    kind: str
    amount: int
    card: str
    batch: str
    stan: str
    rrn: str
    auth: str
    day: str
    original: "Paid | None" = None


@dataclass
class Till:
    """One terminal of one merchant, and what went over its line: (when, direction, frame)."""

    merchant: str
    terminal: str
    random: Random
    batch: int = 7
    stan: int = 0
    answers: int = 0
    atc: int = 0
    heard: list[tuple[dt.datetime, str, bytes]] = field(default_factory=list)

    def _next_stan(self) -> str:
        self.stan = self.stan % 999_999 + 1
        return f"{self.stan:06d}"

    def _host(self, at: dt.datetime) -> dict[int, str]:
        self.answers += 1
        rrn = f"{at:%m%d}{self.terminal[-3:]}{self.answers:05d}"
        return {12: f"{at:%H%M%S}", 13: f"{at:%m%d}", 32: "00010000", 37: rrn}

    def go(
        self,
        at: dt.datetime,
        kind: str,
        amount: int,
        number: str,
        *,
        of: Paid | None = None,
        code: str = "00",
        answered: float | None = 1.5,
        approved: int | None = None,
        stan: str = "",
        atc: int = 0,
        entry: str = "051",
        asks: Mapping[int, Any] | None = None,
        tells: Mapping[int, Any] | None = None,
        again: Sequence[float] = (),
    ) -> Paid:
        """One exchange; ``answered`` is seconds until the answer, or None when it was lost on the way.

        ``asks`` and ``tells`` are fields of request and answer that are otherwise here, None for one left out;
        ``again``: seconds after which the request was sent once more.
        """
        mti, processing, condition, function = KINDS[kind]
        stan, batch = stan or self._next_stan(), f"{self.batch:06d}"
        asked: dict[int, Any] = {2: number, 3: processing, 4: f"{amount:012d}", 11: stan, 22: entry, 25: condition}
        asked |= {
            41: self.terminal,
            42: self.merchant,
            49: "156",
            60: f"{function}{batch}00060",
            63: "01 ",
            64: bytes(8),
        }
        if kind in CHIPPED and number:
            self.atc += 1
            counter = f"9F3602{atc or self.atc:04X}"
            chip = f"9F2608{self.random.randbytes(8).hex()}9F270180{counter}8408A000000333010101"
            asked |= {23: "001", 55: bytes.fromhex(chip)}
        if kind in {"SALE", "PREAUTH"} and number:
            asked |= {26: "12", 52: bytes(8), 53: "2600000000000000", 35: f"{number}D25122010000012345"[:37]}
        if of is not None:
            asked[61] = of.batch + of.stan + (of.day if kind in DATED else "")
            asked |= {37: of.rrn} if kind not in {"COMPLETION", "COMPLETION_ADVICE"} else {}
            asked |= {38: of.auth} if kind != "REFUND" else {63: "CUP"}
        asked = _with(asked, {} if number else {2: None}, asks or {})
        for later in (0.0, *again):
            self.heard.append((at + dt.timedelta(seconds=later), "rx", frame(REQUEST, mti, asked)))
        came = at + dt.timedelta(seconds=answered or 0)
        host = self._host(came)
        auth = f"{(int(stan) * 7 + int(self.terminal) * 911) % 1_000_000:06d}"
        if answered is not None:
            told: dict[int, Any] = {
                each: asked[each] for each in (2, 3, 4, 11, 25, 41, 42, 49, 59, 61) if each in asked
            }
            told |= host | {15: f"{came:%m%d}", 39: code, 44: "01020000   01020000   ", 60: function + batch}
            told |= {64: bytes(8), 4: f"{approved or amount:012d}"}
            told |= {38: auth} if code in {"00", "10", "11"} else {}
            told = _with(told, tells or {})
            self.heard.append((came, "tx", frame(ANSWER, f"{int(mti) + 10:04d}", told)))
        return Paid(kind, amount, number, batch, stan, host[37], auth, f"{at:%m%d}", of)

    def reverse(self, at: dt.datetime, of: Paid, code: str | None = "00") -> None:
        """A reversal quotes its original's trace number; ``code`` None: its answer was lost."""
        _, processing, condition, function = KINDS[of.kind]
        asked: dict[int, Any] = {2: of.card, 3: processing, 4: f"{of.amount:012d}", 11: of.stan, 22: "051", 39: "98"}
        asked |= {25: condition, 41: self.terminal, 42: self.merchant, 49: "156", 60: f"{function}{of.batch}000"}
        asked |= {64: bytes(8)} | ({61: of.original.batch + of.original.stan} if of.original else {})
        asked = _with(asked, {} if of.card else {2: None})
        self.heard.append((at, "rx", frame(REQUEST, "0400", asked)))
        if code is not None:
            came = at + dt.timedelta(seconds=1)
            told = {each: asked[each] for each in (3, 4, 11, 25, 41, 42, 49)} | self._host(came)
            told |= {39: code, 60: function + of.batch, 64: bytes(8)}
            self.heard.append((came, "tx", frame(ANSWER, "0410", told)))

    def settle(self, at: dt.datetime, debit: tuple[int, int], credit: tuple[int, int] = (0, 0)) -> None:
        """(fen, count) as the terminal states them; the host agrees, and a new batch begins."""
        totals = "".join(f"{fen:012d}{count:03d}" for fen, count in (debit, credit))
        asked: dict[int, Any] = {11: self._next_stan(), 41: self.terminal, 42: self.merchant, 49: "156", 63: "01 "}
        asked |= {48: f"{totals}0{31 * '0'}", 60: f"00{self.batch:06d}201"}
        self.heard.append((at, "rx", frame(REQUEST, "0500", asked)))
        came = at + dt.timedelta(seconds=2)
        told = {each: asked[each] for each in (11, 41, 42, 49, 60)} | self._host(came)
        told |= {15: f"{came:%m%d}", 39: "00", 48: f"{totals}1{30 * '0'}1"}
        self.heard.append((came, "tx", frame(ANSWER, "0510", told)))
        self.batch += 1


def capture(tills: list[Till]) -> Iterator[str]:
    """Lines of a capture (the public contract's form), in the order of the clock."""
    told = [(at, till.terminal, direction, data.hex()) for till in tills for at, direction, data in till.heard]
    for at, line, direction, data in sorted(told, key=lambda each: each[0]):
        yield json.dumps({"t": at.isoformat(), "line": line, "dir": direction, "frame": data}) + "\n"

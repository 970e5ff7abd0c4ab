"""What a scenario is made of: seats, steps, orders to the host, and the truth.

A step is one thing that a terminal does at a time of the scenario's own clock.
Labels name what a later step or the truth refers to; trace numbers, batch numbers
and reference numbers are only known when the step has been played.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from zoneinfo import ZoneInfo

from ingest.simulator.cards import Card

ZONE = ZoneInfo("Asia/Shanghai")

Mode = Literal["relay", "listen", "receive"]
Operation = Literal[
    "echo",
    "sign_in",
    "sign_off",
    "balance",
    "sale",
    "void",
    "refund",
    "preauth",
    "preauth_void",
    "completion",
    "offline_sale",
    "tip",
    "settle",
    "skip_stans",
    "power_cut",
    "reprint",
]
Act = Literal["plain", "lose", "drop", "decline", "approve", "partial", "again", "jump"]
Quirk = Literal["", "repeat_unanswered", "repeat_answered", "bad_mac", "upload_twice", "ack_lost"]


@dataclass(frozen=True, slots=True)
class Seat:
    """A terminal's place: its line, who owns it, and the numbers it starts with."""

    line: str
    profile: str
    mode: Mode
    terminal_id: str
    merchant_id: str
    stan: int
    batch_no: int
    serial: str
    operator: str = "01"


@dataclass(frozen=True, slots=True)
class Order:
    """What the host is told to do with the next message of an MTI.

    plain: what it would do anyway. lose: the request never arrived. drop: done, and the answer
    lost. decline: with the code in `value`. approve: without looking. partial: approve `value`
    fen (F39 = 10). again: book a second time what is booked already. jump: move the batch
    number on by `value` at sign-in.
    """

    mti: str
    act: Act
    value: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a terminal does.

    Attributes:
        at: scenario time; the terminal may be later when it is still busy.
        of: label of the original that a void, refund, completion or tip refers to.
        amount: fen; None takes the original's. Of a tip the tip alone.
        atc: the chip's counter; None for the magnetic stripe.
        falsify: settlement totals moved by so much.
        count: trace numbers used where nobody listens (skip_stans).
    """

    at: dt.datetime
    do: Operation
    label: str
    card: Card | None = None
    entry: Literal["mag", "chip", "contactless", "manual"] = "chip"
    pin: bool = True
    amount: int | None = None
    atc: int | None = None
    of: str = ""
    orders: tuple[Order, ...] = ()
    quirk: Quirk = ""
    falsify: Mapping[str, int] = field(default_factory=dict)
    count: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A line of the truth before its label is resolved."""

    kind: Literal["fault", "hard_negative"]
    rule: str
    label: str
    note: str


@dataclass(frozen=True, slots=True)
class Record:
    """What became of a step: what others may refer to."""

    terminal_id: str
    merchant_id: str
    batch_no: int
    stan: int
    at: dt.datetime
    amount: int = 0
    rrn: str = ""
    auth_code: str = ""
    approved: bool = False
    org: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Seats with their steps, and the truth.

    `steps` gives a seat's steps in order; it may be endless. `total` is the number of
    steps of all seats, None when endless.
    """

    name: str
    seats: tuple[Seat, ...]
    steps: Callable[[Seat], Iterator[Step]]
    claims: tuple[Claim, ...] = ()
    total: int | None = None


def truth_lines(claims: Iterable[Claim], records: Mapping[str, Record]) -> list[dict[str, Any]]:
    """The truth as JSON objects, each naming the accused row."""
    return [
        {
            "kind": claim.kind,
            "rule": claim.rule,
            "merchant_id": records[claim.label].merchant_id,
            "terminal_id": records[claim.label].terminal_id,
            "batch_no": records[claim.label].batch_no,
            "stan": records[claim.label].stan,
            "note": claim.note,
        }
        for claim in claims
    ]


def take_seats(
    profiles: Sequence[tuple[str, bool]], count: int, *, merchants: Sequence[str], modes: Sequence[Mode] = ()
) -> tuple[Seat, ...]:
    """Seat ``count`` terminals: profiles in turn, the mode by the link, owners by pairs.

    Args:
        profiles: name and whether its link has acknowledgements; those receive, the others relay and listen in turn.
        count: how many terminals.
        merchants: owners, two terminals each, again and again.
        modes: modes in turn instead of those that the links suggest.
    """
    seats = []
    plain = 0
    for index in range(count):
        profile, acknowledged = profiles[index % len(profiles)]
        if modes:
            mode = modes[index % len(modes)]
        elif acknowledged:
            mode = "receive"
        else:
            mode = "listen" if plain % 3 == 1 else "relay"
            plain += 1
        seats.append(
            Seat(
                line=f"lane-{index + 1}",
                profile=profile,
                mode=mode,
                terminal_id=f"1001{index + 1:04d}",
                merchant_id=merchants[index // 2 % len(merchants)],
                stan=1200 * (index + 1) + 17,
                batch_no=101 + 20 * index,
                serial=f"TW{index + 1:06d}",
            )
        )
    return tuple(seats)

"""Terminals that a collector asks: each has an open batch, and answers from it."""

import datetime as dt
import random
from collections.abc import Iterator, Mapping, Sequence

from ingest.errors import UsageError
from ingest.simulator.cards import DOMESTIC, FOREIGN, Card, Wallet
from ingest.simulator.pty import DeviceFolder
from ingest.simulator.scenario import ZONE, Seat
from ingest.simulator.stage import Actor, StagedLine
from protocols.answering import Sold
from protocols.profile import Profile, available_profiles, load_profile

RECORDS = 12
"""Records of a batch, unless somebody says how many."""
OPENING = dt.time(9, 0)


def profiles_that_answer() -> list[str]:
    """The built-in profiles whose terminals can be asked what the simulator's collector asks them."""
    loaded = [load_profile(name) for name in available_profiles()]
    able = [each for each in loaded if each.speech.terminal is not None]
    return [each.name for each in able if next(iter(each.speech.questions)) in each.questions]


def pulled_lines(  # noqa: PLR0917  one scenario's facts
    seats: Sequence[Seat], profiles: Mapping[str, Profile], folder: DeviceFolder, day: dt.date, seed: int, count: int
) -> list[StagedLine]:
    """A terminal that answers on each seat, with a batch of ``count`` records of the day before ``day``.

    Raises:
        UsageError: terminals of a profile answer nothing.
    """
    return [_line(seat, profiles[seat.profile], folder, list(batch(seat, day, seed, count))) for seat in seats]


def _line(seat: Seat, profile: Profile, folder: DeviceFolder, journal: Sequence[Sold]) -> StagedLine:
    make = profile.speech.terminal
    if make is None:
        raise UsageError(
            f"terminals of profile {profile.name} cannot be asked",
            hint=f"profiles whose terminals can: {', '.join(profiles_that_answer())}",
        )
    terminal = make(profile, seat.terminal_id, seat.merchant_id, journal)
    end = folder.listen() if profile.link.transport == "tcp" else folder.make(seat.line)
    question = next(iter(profile.speech.questions))
    return StagedLine(
        words={
            "line": seat.line,
            "profile": seat.profile,
            "mode": "pull",
            "device": end.device,
            "peer": None,
            "terminal_id": seat.terminal_id,
            "merchant_id": seat.merchant_id,
            "option": "--pull",
            "value": f"{seat.line}={end.device}:{seat.profile}",
        },
        actors=(Actor(terminal, end),),
        truth=[{"line": seat.line, **row} for row in terminal.told(question)],
    )


def batch(seat: Seat, day: dt.date, seed: int, count: int) -> Iterator[Sold]:
    """A seeded batch of the day before ``day``, oldest first: sales, and some of them voided or others refunded."""
    rng = random.Random(f"{seed}/{seat.terminal_id}/pull")  # noqa: S311 - a seeded scenario, not a secret
    wallet = Wallet(rng)
    at = dt.datetime.combine(day - dt.timedelta(days=1), OPENING, ZONE)
    live: list[Sold] = []
    for index in range(count):
        at += dt.timedelta(seconds=rng.randrange(40, 40_000 // max(count, 10)))
        kind = rng.choices(("SALE", "VOID", "REFUND"), (14, 3, 3))[0]
        original = live.pop(rng.randrange(len(live))) if kind == "VOID" and live else None
        card = wallet.issue(FOREIGN if rng.random() < 0.3 else DOMESTIC)
        made = Sold(
            stan=seat.stan + index,
            amount=original.amount if original else rng.randrange(100, 90_000),
            at=at,
            txn_type="VOID" if original else "REFUND" if kind == "REFUND" else "SALE",
            batch=seat.batch_no,
            receipt=index + 1,
            card=original.card if original else masked(card),
            card_org=original.card_org if original else card.org,
            auth_code=f"{rng.randrange(10**6):06d}",
            rrn=f"{at:%j}{rng.randrange(10**9):09d}",
            operator=seat.operator,
            orig_stan=original.stan if original else None,
            orig_rrn=original.rrn if original else f"{rng.randrange(10**12):012d}" if kind == "REFUND" else "",
        )
        if made.txn_type == "SALE":
            live.append(made)
        yield made


def masked(card: Card) -> str:
    """The number as a terminal prints it."""
    return f"{card.pan[:6]}{'*' * (len(card.pan) - 10)}{card.pan[-4:]}"

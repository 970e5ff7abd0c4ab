"""A till and its terminal with a collector between them: payments, refusals, lost answers, and a bad wire."""

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ingest.errors import UsageError
from ingest.simulator.cards import DOMESTIC, FOREIGN, Wallet
from ingest.simulator.mishaps import MISHAPS, Mishap, Unlucky
from ingest.simulator.pty import DeviceFolder
from ingest.simulator.scenario import Seat
from ingest.simulator.stage import Actor, End, StagedLine
from protocols.answering import Machine
from protocols.profile import Profile, available_profiles, load_profile
from protocols.talking import Payment, Times

PAYMENTS = 12
"""Payments of a till, unless somebody says how many."""
TIMES = Times(pause=0.2, ack=1.5, answer=9.0, work=0.02, between=0.05)
"""Shorter than in a shop; each longer than what it must outlast."""


def profiles_that_talk() -> list[str]:
    """The built-in profiles of which till and terminal can be played."""
    return [name for name in available_profiles() if load_profile(name).speech.talk is not None]


def talking_lines(  # noqa: PLR0917  one scenario's facts
    seats: Sequence[Seat], profiles: Mapping[str, Profile], folder: DeviceFolder, day: dt.date, seed: int, count: int
) -> list[StagedLine]:
    """A till that wants ``count`` payments and its terminal on each seat; they talk when they are passed on.

    Raises:
        UsageError: till and terminal of a profile cannot be played.
    """
    del day  # these links carry none
    lines = []
    for seat in seats:
        rng = random.Random(f"{seed}/{seat.line}/till")  # noqa: S311 - a seeded scenario, not a secret
        lines.append(_line(seat, profiles[seat.profile], folder, rng, count))
    return lines


def _line(seat: Seat, profile: Profile, folder: DeviceFolder, rng: random.Random, count: int) -> StagedLine:
    make = profile.speech.talk
    if make is None:
        raise UsageError(
            f"no till is simulated for profile {profile.name}",
            hint=f"profiles with one: {', '.join(profiles_that_talk())}",
        )
    made = make(profile, payments(rng, count), TIMES)
    near: End
    far: End
    if profile.link.transport == "tcp":
        near, far = folder.listen(), folder.call()
    else:
        near, far = folder.make(seat.line, made.opening), folder.make(f"{seat.line}.till", made.opening)
    terminal: Machine = made.terminal
    till: Machine = made.till
    if made.repairs:
        at_terminal, at_till = _mishaps(rng, count)
        terminal = Unlucky(terminal, lambda: made.till.current, at_terminal)
        till = Unlucky(till, lambda: made.till.current, at_till)
    return StagedLine(
        words={
            "line": seat.line,
            "profile": seat.profile,
            "mode": "relay",
            "device": near.device,
            "peer": far.device,
            "terminal_id": seat.terminal_id,
            "merchant_id": seat.merchant_id,
            "option": "--relay",
            "value": f"{seat.line}={near.device},{far.device}:{seat.profile}",
        },
        actors=(Actor(terminal, near), Actor(till, far)),
        truth=[{"table": made.table, "line": seat.line, **row} for row in made.rows],
        is_over=lambda: made.till.current == count,
    )


def payments(rng: random.Random, count: int) -> list[Payment]:
    """Seeded payments: most are approved; some are the same as the one before but for their number."""
    wallet = Wallet(rng)
    made: list[Payment] = []
    for number in range(1, count + 1):
        if made and rng.random() < 0.15:
            made.append(replace(made[-1], number=number))
            continue
        outcome = rng.choices(("approved", "declined", "unknown"), (14, 3, 1))[0]
        card = wallet.issue(FOREIGN if rng.random() < 0.5 else DOMESTIC).pan if rng.random() < 0.7 else ""
        txn_type = "REFUND" if rng.random() < 0.1 else "SALE"
        made.append(Payment(rng.randrange(100, 90_000), number, txn_type, outcome, card))  # type: ignore[arg-type]  # of the choices
    return made


def _mishaps(rng: random.Random, count: int) -> tuple[dict[int, Mishap], dict[int, Mishap]]:
    """What befalls the terminal and the till: a third of the payments have one mishap, on one side."""
    sides: tuple[dict[int, Mishap], dict[int, Mishap]] = ({}, {})
    for index in range(count):
        if rng.random() < 0.35:
            sides[rng.randrange(2)][index] = rng.choice(MISHAPS)
    return sides

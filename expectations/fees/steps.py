"""Where a rate changed: the rates that explain every fee so far, until none does.

A fee says of its rate that it lies between two fractions: with rounding half up between
``(fee - 1/2) / amount`` and ``(fee + 1/2) / amount``. While the rate stands, these intervals
have a point in common, whatever the amounts. How an acquirer rounds is not assumed: each way
is followed beside the others, and only when the last one that explained the calm period
explains nothing any more has something changed. Ends are closed, so that a rate that is
exactly on an end is never accused. A rate that a contract names, and that makes the first
fees exactly, is known from the beginning. A fee that is the cap says only that its rate makes
as much or more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from expectations.fees.expected import MILLION, ROUNDINGS, Rounding, rounded

CALM = 200
"""So many fees in a row that one way of rounding explains show that the acquirer rounds so."""
FEWEST = 20
"""And so many that any rate within a fen either way does; with fewer before it no change is told."""
CONFIRM = 3
"""So many further fees must agree with the new rate."""
PATIENCE = 200
"""A break that is not confirmed after so many fees was none."""
GRIDS = (100, 10, 1)
"""Rates are agreed in basis points, else in tenths, else in hundredths of them (millionths here)."""
_BOUNDS: dict[str, tuple[int, int]] = {"half-up": (-1, 1), "floor": (0, 2), "ceil": (-2, 0), "band": (-2, 2)}
"""Half fen below and above the fee between which the exact product lies."""


@dataclass(slots=True)
class _Interval:
    """The rates that explain all fees so far, as two fractions of integers."""

    rounding: str
    low: tuple[int, int] = (0, 1)
    high: tuple[int, int] = (1, 0)
    seen: int = 0
    cap_fen: int | None = None

    def _says(self, amount: int, fee: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Between which rates this fee alone puts its own."""
        below, above = _BOUNDS[self.rounding]
        return (2 * fee + below, 2 * amount), (1, 0) if fee == self.cap_fen else (2 * fee + above, 2 * amount)

    def holds(self, amount: int, fee: int) -> bool:
        """Whether some rate explains this fee and all before it."""
        low, high = self._says(amount, fee)
        return not (_less(self.high, low) or _less(high, self.low))

    def add(self, amount: int, fee: int) -> None:
        """Take a fee in that it holds."""
        low, high = self._says(amount, fee)
        if _less(self.low, low):
            self.low = low
        if _less(high, self.high):
            self.high = high
        self.seen += 1

    def rate(self) -> int | None:
        """The roundest rate in it, in millionths; None where none of whole millionths is."""
        for grid in GRIDS:
            first = -(-self.low[0] * MILLION // (self.low[1] * grid))
            if self.high[1] == 0 or first * grid * self.high[1] <= self.high[0] * MILLION:
                return first * grid
        return None


def _less(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] * other[1] < other[0] * one[1]


@dataclass(frozen=True, slots=True)
class Step:
    """A rate that changed.

    Attributes:
        first: place of the first fee that is another than the old rate makes.
        noticed: place of the fee that no rate explains together with those before it.
        old_ppm: the roundest rate that explains the fees before.
        new_ppm: and those from then on.
        rounding: how the acquirer rounds; None where only a fen either way is known.
        over_fen: what the fees from the first affected on exceed the old rate's, in sum, but for those given back.
        whole_fen: what the new rate makes more than the old one of all these amounts, also those before the change, but
            for those given back.
    """

    first: int
    noticed: int
    old_ppm: int
    new_ppm: int
    rounding: Rounding | None
    over_fen: int
    whole_fen: int


@dataclass(slots=True)
class _Regime:
    """Fees since the last change, followed under every way of rounding."""

    start: int
    alive: list[_Interval]
    band: _Interval
    count: int = 0
    known_ppm: int | None = None
    calm: int = CALM

    @classmethod
    def unknown(cls, start: int, cap_fen: int | None) -> "_Regime":
        """From there on, at whatever rate."""
        alive = [_Interval(each, cap_fen=cap_fen) for each in ROUNDINGS]
        return cls(start, alive, _Interval("band", cap_fen=cap_fen))

    @classmethod
    def of(cls, fees: Sequence[tuple[int, int]], agreed_ppm: int | None, fewest: int, cap_fen: int | None) -> "_Regime":
        """The first one: at the agreed rate, when one way of rounding makes the first fees of it, to the fen."""
        first = fees[:fewest]
        ways = [
            each for each in ROUNDINGS
            if agreed_ppm and all(_made(amount, agreed_ppm, each, cap_fen) == fee for amount, fee in first)
        ]  # fmt: skip
        if not agreed_ppm or not ways or len(first) < fewest:
            return cls.unknown(0, cap_fen)
        at = agreed_ppm, MILLION
        alive = [_Interval(each, at, at, cap_fen=cap_fen) for each in ways]
        return cls(0, alive, _Interval("band", at, at, cap_fen=cap_fen), known_ppm=agreed_ppm, calm=fewest)

    def take(self, amount: int, fee: int) -> bool:
        """Take a fee in; False when nothing explains it any more."""
        holding = [each for each in self.alive if each.holds(amount, fee)]
        if not holding and ((self.count >= self.calm and self.alive) or not self.band.holds(amount, fee)):
            return False
        self.alive = holding
        for each in holding:
            each.add(amount, fee)
        if self.band.holds(amount, fee):
            self.band.add(amount, fee)
        self.count += 1
        return True

    @property
    def best(self) -> _Interval:
        return self.alive[0] if self.alive else self.band


def steps(
    fees: Sequence[tuple[int, int]],
    *,
    fewest: int = FEWEST,
    agreed_ppm: int | None = None,
    cap_fen: int | None = None,
    undone: Sequence[bool] = (),
) -> list[Step]:
    """Every change of rate in fees that one rate should explain.

    Args:
        fees: amount and fee of each transaction, in order of time; amounts above zero. What a minimum or
            a fixed part makes of a fee has to be left out before.
        fewest: so many fees must have been alike before a change is told.
        agreed_ppm: the contract's rate, in millionths; taken for the first one where it is.
        cap_fen: what no fee exceeds, where that is known.
        undone: of each fee, whether it was given back; of none by default.
    """
    found: list[Step] = []
    regime, place = _Regime.of(fees, agreed_ppm, fewest, cap_fen), 0
    while place < len(fees):
        if regime.take(*fees[place]):
            place += 1
            continue
        if regime.count < fewest:
            regime = _Regime.unknown(place, cap_fen)
            continue
        if (after := _confirmed(fees, place, regime)) is None:
            place += 1  # a single fee that is wrong by itself
            continue
        found.append(_step(fees, regime, place, after, undone or [False] * len(fees)))
        regime = _Regime.unknown(place, cap_fen)
    return found


def _confirmed(fees: Sequence[tuple[int, int]], place: int, before: _Regime) -> _Interval | None:
    """The rates that explain the fees from here on, once they exclude the old ones; None when they never do."""
    old = before.best
    new = _Interval(old.rounding, cap_fen=old.cap_fen)
    for further, (amount, fee) in enumerate(fees[place : place + PATIENCE]):
        if not new.holds(amount, fee):
            return None
        new.add(amount, fee)
        if further >= CONFIRM and (_less(old.high, new.low) or _less(new.high, old.low)):
            return new
    return None


def _step(
    fees: Sequence[tuple[int, int]], before: _Regime, noticed: int, after: _Interval, undone: Sequence[bool]
) -> Step:
    """Where exactly it began: the fees just before that the new rate explains may be its own already."""
    rounding, cap_fen = before.best.rounding, before.best.cap_fen
    for amount, fee in fees[noticed + after.seen : noticed + PATIENCE]:
        if not after.holds(amount, fee):
            break
        after.add(amount, fee)
    first = noticed
    probe = _Interval(rounding, after.low, after.high, cap_fen=cap_fen)
    while first > before.start and probe.holds(*fees[first - 1]):
        first -= 1
        probe.add(*fees[first])
    old = _Interval(rounding, cap_fen=cap_fen)
    for amount, fee in fees[before.start : max(first, before.start + 1)]:
        if old.holds(amount, fee):
            old.add(amount, fee)
    old_ppm, new_ppm = before.known_ppm or _rate(old), _rate(after)
    way: Rounding = rounding if rounding in ROUNDINGS else "half-up"
    slack = 0 if rounding in ROUNDINGS else 1
    while first < noticed and abs(fees[first][1] - _made(fees[first][0], old_ppm, way, cap_fen)) <= slack:
        first += 1
    kept = [fee for fee, was_undone in zip(fees[first:], undone[first:], strict=True) if not was_undone]
    over = sum(fee - _made(amount, old_ppm, way, cap_fen) for amount, fee in kept)
    amounts = [amount for (amount, _), was_undone in zip(fees, undone, strict=True) if not was_undone]
    whole = sum(_made(amount, new_ppm, way, cap_fen) - _made(amount, old_ppm, way, cap_fen) for amount in amounts)
    return Step(first, noticed, old_ppm, new_ppm, None if slack else way, over, whole)


def _made(amount: int, ppm: int, way: Rounding, cap_fen: int | None) -> int:
    """What a rate makes of an amount, to the fen, up to the cap."""
    fee = rounded(amount, ppm, way)
    return fee if cap_fen is None else min(fee, cap_fen)


def _rate(interval: _Interval) -> int:
    """The roundest rate, else the middle, in millionths."""
    if (rate := interval.rate()) is not None:
        return rate
    return int((Fraction(*interval.low) + Fraction(*interval.high)) / 2 * MILLION)

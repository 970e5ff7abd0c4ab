"""The fee that a contract's rate makes of an amount, exact to the fen."""

from typing import Literal, TypeAlias, get_args

Rounding: TypeAlias = Literal["half-up", "floor", "ceil"]
ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)
MILLION = 1_000_000
_ADDED = {"half-up": MILLION // 2, "floor": 0, "ceil": MILLION - 1}


def rounded(amount_fen: int, rate_ppm: int, rounding: Rounding) -> int:
    """``amount * rate`` in whole fen; a half goes up.

    >>> rounded(2000, 3800, "half-up"), rounded(2000, 3800, "floor"), rounded(2000, 3800, "ceil")
    (8, 7, 8)
    """
    return (amount_fen * rate_ppm + _ADDED[rounding]) // MILLION


def expected_fee(
    amount_fen: int,
    rate_ppm: int,
    *,
    rounding: Rounding = "half-up",
    cap_fen: int | None = None,
    fixed_fen: int = 0,
    minimum_fen: int = 0,
) -> int:
    """The fee by contract: the rate, at most the cap, with the fixed part on top, and never below the minimum.

    Args:
        amount_fen: amount of the transaction, not negative.
        rate_ppm: rate in millionths.
        rounding: what becomes of a part of a fen.
        cap_fen: most that the rate may make; None without one.
        fixed_fen: what is added to each transaction.
        minimum_fen: least fee.
    """
    fee = rounded(amount_fen, rate_ppm, rounding)
    return max((fee if cap_fen is None else min(fee, cap_fen)) + fixed_fen, minimum_fen)

"""Whether a column of rates is in the unit that the layout says: fee and amount beside it tell.

Files of one acquirer have rates in percent here and in 1/10000 there; a rate misread by a
hundred would make every fee of the file wrong.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ingest.statements.layout import PPM_OF, Layout

FEES = {"rate_ppm": "fee_fen", "cost_ppm": "cost_fen"}
"""A rate -> what it makes of the amount."""
_PER_UNIT = PPM_OF | {"1": 1_000_000}
"""Units that rates are met in; "1": 0.006 for 0.6 percent, which no layout can say."""
_TELLING_FEN = 5
"""A smaller fee fits several units: it is rounded to whole fen."""
_NEARLY_ALL, _HALF = 0.9, 0.5


def another_unit(lines: Sequence[Mapping[str, Any]], layout: Layout) -> tuple[str, str] | None:
    """What to tell of a column of rates that is in another unit than the layout says, and what to do; else None.

    A fee that fits no unit (capped, fixed, wrong) says nothing; one that fits the layout's speaks for it.
    """
    for rate, fee in FEES.items():
        if rate not in layout.columns:
            continue
        source = layout.columns[rate]
        unit = source.unit or "percent"
        votes: Counter[str] = Counter()
        judged = 0
        for line in lines:
            ppm, charged, amount = (abs(line.get(name) or 0) for name in (rate, fee, "amount_fen"))
            if not (ppm and amount and charged >= _TELLING_FEN):
                continue
            judged += 1
            stated = amount * ppm / 1_000_000
            votes.update(each for each, per in _PER_UNIT.items() if _fits(stated * per / PPM_OF[unit], charged))
        meant, count = next(iter(votes.most_common(1)), (unit, 0))
        if meant == unit or count < max(_NEARLY_ALL * votes.total(), _HALF * judged):
            continue
        column, other = "+".join(source.columns), "+".join(layout.columns[fee].columns)
        told = f"{column}: the layout says {unit}, and in {count} of {judged} lines {other} fits {_called(meant)}"
        if meant in PPM_OF:
            return told, f'is it in {meant}? write unit = "{meant}" in [columns] {rate}'
        return told, f"ask for rates in percent, or leave {rate} out"
    return None


def _fits(fee: float, charged: int) -> bool:
    return abs(fee - charged) <= max(1.0, charged / 50)


def _called(unit: str) -> str:
    return "a plain fraction" if unit == "1" else unit

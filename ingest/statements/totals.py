"""The closing row of a statement (合计): what it says its amounts come to, against what its rows come to.

Acquirers add up differently: with the sign that stands there, without, refunds taken off,
rows left out that moved no money. A total that is none of those is of another file than
this one: cut, or changed by hand.
"""

from collections.abc import Mapping
from typing import Any

from ingest.statements.layout import Layout
from ingest.statements.rows import Row
from ingest.statements.values import amount_fen
from ingest.statements.words import UnreadableError, folded

_TAKEN_BACK = frozenset({"VOID", "REFUND", "REVERSAL", "PREAUTH_VOID", "COMPLETION_VOID", "QR_REFUND"})
_NO_MONEY = frozenset({"PREAUTH", "PREAUTH_VOID", "BALANCE", "REVERSAL", "ADJUST", "OTHER"})
_MOVED = frozenset({None, "settled", "paid"})


_WAYS = ("signed", "without sign", "net", "signed, moved", "without sign, moved", "net, moved")
"""With the signs that stand there, without, what is taken back taken off; of all rows, of those that moved money."""


class Totals:
    """What the amounts of a file's rows come to, in each of the ways in which they are added up."""

    def __init__(self, layout: Layout) -> None:
        self._sources = {name: each for name, each in layout.columns.items() if name.endswith("_fen")}
        self._sums = {name: [0] * len(_WAYS) for name in self._sources}
        self._lines = 0

    def add(self, line: Mapping[str, Any], cells: Mapping[str, str]) -> None:
        """One more row: its values, and its texts, which have the sign that a layout may leave out."""
        self._lines += 1
        moved = {line.get("status"), line.get("state")} <= _MOVED and line.get("txn_type") not in _NO_MONEY
        back = -1 if line.get("txn_type") in _TAKEN_BACK else 1
        for name, source in self._sources.items():
            value = line.get(name)
            if value is None:
                continue
            if source.magnitude and any("-" in folded(cells.get(each, "")) for each in source.columns):
                value = -value
            sums, size = self._sums[name], abs(value)
            sums[0] += value
            sums[1] += size
            sums[2] += back * size
            if moved:
                sums[3] += value
                sums[4] += size
                sums[5] += back * size

    def wrong(self, closing: Row) -> list[str]:
        """Each amount of the closing row that the rows come to in no way."""
        found = []
        for name, source in self._sources.items():
            unit = source.unit or "fen"
            if len(source.columns) != 1 or not (text := closing.cells.get(source.columns[0], "")).strip():
                continue
            try:
                told = amount_fen(text, unit)
            except UnreadableError:
                continue
            sums = self._sums[name]
            if abs(told) not in {abs(each) for each in sums}:
                found.append(
                    f"line {closing.line}, {source.columns[0]}: the closing row says {_money(told, unit)}, "
                    f"the {self._lines} rows above it come to {_money(sums[0], unit)}"
                )
        return found


def _money(fen: int, unit: str) -> str:
    return f"{fen / 100:,.2f}" if unit == "yuan" else f"{fen:,}"

"""The laws judged in plain Python: what Great Expectations must agree with, at once."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from expectations.laws import KEY, Equal, Law, Length, NotAbove, NotBelow, OneOf, Present, Stated, Unique, Verdict

if TYPE_CHECKING:
    import pyarrow as pa


class PlainBench:
    """Judges as `suites.ge.Bench` does, without Data Docs."""

    def judge(self, name: str, rows: "pa.Table", laws: Sequence[Stated]) -> list[Verdict]:
        """One verdict for each law, in their order."""
        del name
        plain = rows.to_pylist()
        return [
            Verdict(
                stated, len(plain), tuple(dict.fromkeys(row[KEY] for row in plain if _breaks(stated.law, row, plain)))
            )
            for stated in laws
        ]


def _breaks(law: Law, row: dict[str, Any], rows: list[dict[str, Any]]) -> bool:
    value = row[law.column]
    if isinstance(law, Present):
        return value is None
    if value is None:
        return False
    match law:
        case NotAbove(_, limit):
            most = row[limit] if isinstance(limit, str) else limit
            return most is not None and bool(value > most)
        case NotBelow(_, limit):
            return bool(value < limit)
        case Equal(_, other):
            return row[other] is not None and bool(value != row[other])
        case Unique(column):
            return Counter(each[column] for each in rows)[value] > 1
        case Length(_, characters):
            return len(value) != characters
        case OneOf(_, values):
            return value not in values

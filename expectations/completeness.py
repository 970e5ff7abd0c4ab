"""How much of a terminal's day was seen: records, trace numbers, the numbers that are missing; how wrong its clock was.

A finding carries its terminal's day, so that nobody takes "not seen" for "not there".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    import datetime as dt

    import duckdb

RUNS_SHOWN = 20
FEWEST_READINGS = 3
"""A clock is told from so many answers of its host, as the rule about clocks does."""


class MissingRun(TypedDict):
    """Consecutive trace numbers of one batch that were never seen."""

    batch_no: int
    first_stan: int
    last_stan: int


@dataclass(frozen=True, slots=True)
class TerminalDay:
    """What was seen of one terminal on one business day.

    Attributes:
        records: attempts, settlements and events.
        numbers_seen: different trace numbers among them.
        numbers_missing: trace numbers between them that are nowhere.
        missing_runs: where those are, the first few.
        clock_ahead_s: seconds by which its clock was ahead of its host's, the median; None where too few answers tell.
    """

    merchant_id: str
    terminal_id: str
    business_date: "dt.date"
    records: int
    numbers_seen: int
    numbers_missing: int
    missing_runs: tuple[MissingRun, ...] = ()
    clock_ahead_s: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """What a finding's ``completeness`` says of the day."""
        return {
            "records": self.records,
            "trace_numbers_seen": self.numbers_seen,
            "trace_numbers_missing": self.numbers_missing,
            "missing_runs": [dict(run) for run in self.missing_runs],
            "clock_ahead_s": self.clock_ahead_s,
        }


def terminal_days(
    linked: "duckdb.DuckDBPyConnection", rows: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str, "dt.date"], TerminalDay]:
    """The terminals' days that ``rows`` of a view name, by merchant, terminal and business day."""
    if not rows:
        return {}
    names = ("merchant", "terminal", "business_date")
    once = dict.fromkeys(tuple(row[name] for name in names) for row in rows)
    wanted = [list(values) for values in zip(*once, strict=True)]
    here = (
        "(merchant, terminal, business_date) IN (SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::DATE[]))"
    )
    runs: dict[tuple[str, str, dt.date], list[MissingRun]] = {}
    for row in linked.execute(
        "SELECT merchant, terminal, business_date, batch, first_stan, last_stan FROM gap "  # noqa: S608 - our condition
        f"WHERE {here} ORDER BY opens_at, first_stan",
        wanted,
    ).fetchall():
        run = MissingRun(batch_no=row[3], first_stan=row[4], last_stan=row[5])
        runs.setdefault((row[0], row[1], row[2]), []).append(run)
    days = linked.execute(
        "SELECT merchant, terminal, business_date, records, numbers_seen, coalesce(numbers_missing, 0), "  # noqa: S608 - ours
        "round(ahead_us / 1e6)::BIGINT "
        "FROM (SELECT merchant, terminal, business_date, count(*) AS records, count(DISTINCT stan) AS numbers_seen "
        f"FROM used WHERE {here} GROUP BY ALL) LEFT JOIN terminal_day USING (merchant, terminal, business_date) "
        "LEFT JOIN (SELECT terminal_id AS terminal, business_date, ahead_us FROM clock "
        f"WHERE readings >= {FEWEST_READINGS}) USING (terminal, business_date)",
        wanted,
    ).fetchall()
    return {
        (merchant, terminal, day): TerminalDay(
            merchant, terminal, day, records, seen, missing,
            tuple(runs.get((merchant, terminal, day), [])[:RUNS_SHOWN]), ahead,
        )
        for merchant, terminal, day, records, seen, missing, ahead in days
    }  # fmt: skip

"""What the settings say was agreed, as tables beside what terminals and acquirers say.

``contract``, ``contract_rate``, ``notice``, ``deposit`` and ``licensed_payer`` for the rules' views, and
``fee_step``: the changes of rate that `fees.steps` finds in each merchant's fees of one kind.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expectations.fees.steps import FEWEST, Step, steps
from ingest.agreements import Contract, Deposit, Notice
from ingest.settings import Settings

if TYPE_CHECKING:
    import duckdb

FEWEST_UNSORTED = 200
"""So many fees alike are needed where the file does not tell classes of cards apart."""
YEAR_DAYS = 365
FEWEST_DAYS = 7
"""A year's cost is told of so many days of fees at least: fewer know of no weekend."""


@dataclass(frozen=True, slots=True)
class Agreements:
    """Contracts, notices and deposits, and who may pay."""

    contracts: tuple[Contract, ...] = ()
    notices: tuple[Notice, ...] = ()
    deposits: tuple[Deposit, ...] = ()
    licensed_payers: tuple[str, ...] = ()


def agreements(settings: Settings) -> Agreements:
    """Those of the settings."""
    return Agreements(
        tuple(settings.contracts), tuple(settings.notices), tuple(settings.deposits), tuple(settings.licensed_payers)
    )


_TABLES = """
CREATE TEMP TABLE contract (contract BIGINT, merchant VARCHAR, acquirer VARCHAR, since DATE, until DATE,
    rounding VARCHAR, cycle VARCHAR, instant_since DATE, instant_fee_fen BIGINT,
    refund_returns_fee BOOLEAN, deductions VARCHAR[]);
CREATE TEMP TABLE contract_rate (contract BIGINT, place BIGINT, rate_ppm BIGINT, cards VARCHAR[], above_fen BIGINT,
    to_fen BIGINT, cap_fen BIGINT, fixed_fen BIGINT, minimum_fen BIGINT, until DATE);
CREATE TEMP TABLE notice (acquirer VARCHAR, merchant VARCHAR, announced DATE, effective DATE);
CREATE TEMP TABLE deposit (deposit BIGINT, merchant VARCHAR, terminal VARCHAR, amount_fen BIGINT, signed_on DATE,
    paid_on DATE, volume_fen BIGINT, fees_fen BIGINT, months BIGINT, applied_on DATE, working_days BIGINT,
    returned_on DATE, returned_fen BIGINT, is_returned BOOLEAN, signed_sha256 VARCHAR, shown_sha256 VARCHAR);
CREATE TEMP TABLE licensed_payer (name VARCHAR);
CREATE TEMP TABLE fee_step (merchant VARCHAR, acquirer VARCHAR, class VARCHAR, line_id VARCHAR, noticed_line VARCHAR,
    old_ppm BIGINT, new_ppm BIGINT, rounding VARCHAR, over_fen BIGINT, fees BIGINT, turnover_fen BIGINT,
    days BIGINT, year_fen BIGINT);
"""

_ANNOUNCED = """
CREATE TEMP TABLE step_notice AS
WITH noticed AS (
    SELECT s.line_id, s.merchant, s.acquirer, s.class, s.old_ppm, s.new_ppm, f.moment, n.effective,
           date_diff('day', n.announced, n.effective) AS days_of_notice
    FROM fee_step s
    JOIN line f ON f.id = s.line_id
    JOIN notice n ON n.acquirer = s.acquirer AND n.merchant IN ('*', s.merchant)
                 AND greatest(f.business_date, f.clearing_day) >= n.effective
),
still_old AS (
    SELECT DISTINCT s.line_id, s.class, s.effective
    FROM noticed s
    JOIN fee_told l ON l.merchant = s.merchant AND l.acquirer = s.acquirer AND l.class IS NOT DISTINCT FROM s.class
                   AND l.business_date > s.effective AND l.moment < s.moment
    WHERE abs((l.fee_fen - coalesce(l.fixed_fen, 0)) * 1000000 - l.amount_fen * s.old_ppm) <= 1000000
      AND l.fee_fen - coalesce(l.fixed_fen, 0) < l.amount_fen * s.new_ppm // 1000000
)
SELECT s.merchant, s.acquirer, s.class, s.line_id, s.new_ppm, s.moment, s.effective, s.days_of_notice
FROM noticed s
LEFT JOIN still_old o ON o.line_id = s.line_id AND o.class IS NOT DISTINCT FROM s.class AND o.effective = s.effective
WHERE o.line_id IS NULL;
CREATE TEMP TABLE announced AS
SELECT l.id
FROM fee_told l
JOIN contract c ON c.contract = l.contract
JOIN notice n ON n.acquirer = l.acquirer AND n.merchant IN ('*', l.merchant)
             AND date_diff('day', n.announced, n.effective) >= 30
             AND l.business_date >= n.effective AND c.since < n.effective
LEFT JOIN (
    SELECT merchant, acquirer, class, effective, arg_min(new_ppm, moment) AS new_ppm FROM step_notice GROUP BY ALL
) s ON s.merchant = l.merchant AND s.acquirer = l.acquirer AND s.class IS NOT DISTINCT FROM l.class
   AND s.effective = n.effective
WHERE l.reason IN ('rate', 'class', 'concession', 'surcharge') AND coalesce(l.surcharge_fen, 0) <= 0
  AND (s.new_ppm IS NULL OR l.fee_fen - l.fixed_fen <= (l.amount_fen * s.new_ppm + 999999) // 1000000 + 1);
UPDATE fee_told SET reason = NULL WHERE id IN (SELECT id FROM announced);
CREATE TEMP VIEW fee_line AS SELECT * FROM fee_told WHERE NOT is_taken_back;
"""
"""A change is a notice's where it is the first of its class from the notice's day on: none later than that day is still
at the old rate, however many days the shop was shut. A rate that was announced in time has taken the contract's place:
fees that it makes, or of which there are too few to tell it, are not held against the contract."""


def register(connection: "duckdb.DuckDBPyConnection", agreed: Agreements) -> None:
    """Make the tables of what was agreed; ``fee_step`` stays empty until `find_steps`."""
    connection.execute(_TABLES)
    rows: dict[str, list[list[object]]] = {
        "contract": [
            [n, c.merchant, c.acquirer, c.since, c.until, c.rounding, c.cycle, c.instant_since, c.instant_fee_fen,
             c.refund_returns_fee, c.deductions] for n, c in enumerate(agreed.contracts)
        ],
        "contract_rate": [
            [n, place, r.ppm, list(r.cards), r.above_fen, r.to_fen, r.cap_fen, r.fixed_fen, r.minimum_fen, r.until]
            for n, c in enumerate(agreed.contracts) for place, r in enumerate(c.rates)
        ],
        "notice": [[n.acquirer, each, n.announced, n.effective] for n in agreed.notices for each in n.merchants],
        "deposit": [
            [n, d.merchant, d.terminal, d.amount_fen, d.signed_on, d.paid_on, d.volume_fen, d.fees_fen, d.months,
             d.applied_on, d.working_days, d.returned_on, d.returned_fen, d.is_returned, d.signed_sha256,
             d.shown_sha256] for n, d in enumerate(agreed.deposits)
        ],
        "licensed_payer": [[name] for name in agreed.licensed_payers],
    }  # fmt: skip
    for table, values in rows.items():
        if values:
            places = ", ".join("?" * len(values[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({places})", values)  # noqa: S608 - our own names


def find_steps(connection: "duckdb.DuckDBPyConnection") -> None:
    """Fill ``fee_step`` from ``fee_told``: fees of one merchant, acquirer, class of cards and agreed rate, in order.

    What a minimum or a fixed part makes of a fee is left out, and what is above the agreed cap at the agreed rate
    already: no higher rate makes it dearer. Foreign cards and instalments are of many rates: without one that is agreed
    for them another mix of them is no change. Without a contract the highest fee of a class is taken for its cap when
    several amounts bear it, and left out. What was taken back again tells its rate as well, and costs nothing.
    """
    segments = connection.sql("""
        WITH told AS (
            SELECT *, max(fee_fen) OVER (PARTITION BY merchant, acquirer, class) AS highest FROM fee_told
            WHERE moment IS NOT NULL AND reason IS DISTINCT FROM 'instant' AND reason IS DISTINCT FROM 'surcharge'
        ),
        capped AS (
            SELECT merchant, acquirer, class FROM told WHERE fee_fen = highest
            GROUP BY ALL HAVING count(DISTINCT amount_fen) > 2
        )
        SELECT merchant, acquirer, class, agreed_ppm, cap_fen, list(t.id ORDER BY moment, id),
               list(amount_fen ORDER BY moment, id),
               list(fee_fen - coalesce(fixed_fen, 0) ORDER BY moment, id), list(is_taken_back ORDER BY moment, id),
               list(business_date ORDER BY moment, id)
        FROM told t LEFT JOIN capped c USING (merchant, acquirer, class)
        WHERE NOT coalesce(is_capped, false) AND NOT (is_apart AND agreed_ppm IS NULL)
          AND NOT (coalesce(is_minimum, false) AND fee_fen <= minimum_fen)
          AND (agreed_ppm IS NOT NULL OR fee_fen > 1 AND NOT (c.merchant IS NOT NULL AND fee_fen = highest))
        GROUP BY merchant, acquirer, class, agreed_ppm, cap_fen HAVING count(*) > 20
    """).fetchall()
    found = []
    for merchant, acquirer, kind, agreed, cap, ids, amounts, fees, undone, days in segments:
        fewest = FEWEST if kind is not None or agreed is not None else FEWEST_UNSORTED
        found += [
            [merchant, acquirer, kind, ids[step.first], ids[step.noticed], step.old_ppm, step.new_ppm, step.rounding,
             step.over_fen, len(fees) - step.first,
             sum(each for each, back in zip(amounts[step.first:], undone[step.first:], strict=True) if not back),
             _span(days[step.first:]), _year(step, _span(days))]
            for step in steps(
                list(zip(amounts, fees, strict=True)), fewest=fewest, agreed_ppm=agreed, cap_fen=cap, undone=undone
            )
            if step.new_ppm > step.old_ppm
        ]  # fmt: skip
    if found:
        connection.executemany("INSERT INTO fee_step VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", found)
    connection.execute(_ANNOUNCED)


def _span(days: Sequence[dt.date]) -> int:
    """Days from the first to the last, both counted."""
    return (max(days) - min(days)).days + 1


def _year(step: Step, days: int) -> int | None:
    """What the change costs in a year at the turnover of these days; None where they are too few to tell."""
    return round(step.whole_fen * YEAR_DAYS / days) if days >= FEWEST_DAYS else None

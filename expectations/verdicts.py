"""From a view's row that broke its law to a finding.

Pure: the row and what the life cycles know of its subjects go in, a finding comes out.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from expectations.completeness import TerminalDay
from expectations.findings import RULES_VERSION, Finding, Subject
from expectations.rules.declaration import VIEW_COLUMNS, Rule

if TYPE_CHECKING:
    import duckdb

SUBJECTS = """
SELECT id, terminal AS terminal_id, batch AS batch_no, stan, kind AS txn_type, requested_at,
       amount_fen, rrn, pan_masked, moment AS event_at, response_code, currency, id AS transaction_id
FROM life WHERE id IN (SELECT unnest(?::VARCHAR[]))
UNION ALL
SELECT id, terminal, batch, stan, 'SETTLEMENT', requested_at, NULL, NULL, NULL, moment, response_code, currency, id
FROM settlement WHERE id IN (SELECT unnest(?::VARCHAR[]))
UNION ALL
SELECT id, terminal, batch, stan, what, NULL, NULL, NULL, NULL, moment, NULL, NULL, NULL
FROM used WHERE source = 'event' AND id IN (SELECT unnest(?::VARCHAR[]))
UNION ALL
SELECT concat_ws('|', merchant, terminal, batch, first_stan, last_stan, business_date), terminal, batch, first_stan,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM gap
WHERE concat_ws('|', merchant, terminal, batch, first_stan, last_stan, business_date) IN (SELECT unnest(?::VARCHAR[]))
UNION ALL
SELECT id, terminal, NULL, NULL, NULL, NULL, NULL, NULL, NULL, first_at, NULL, NULL, NULL
FROM unread_day WHERE id IN (SELECT unnest(?::VARCHAR[]))
UNION ALL
SELECT id, terminal, batch, stan, kind, NULL, amount_fen, rrn, pan_masked, moment, NULL, currency, NULL
FROM acquirer_record WHERE id IN (SELECT unnest(?::VARCHAR[]))
"""


def subjects(linked: "duckdb.DuckDBPyConnection", ids: Iterable[str]) -> dict[str, Subject]:
    """The attempts, settlements, events and missing numbers with these ids."""
    if not (wanted := sorted(set(ids))):
        return {}
    found = linked.sql(SUBJECTS, params=[wanted] * SUBJECTS.count("?")).to_arrow_table().to_pylist()
    return {row.pop("id"): Subject(**{name: plain(value) for name, value in row.items()}) for row in found}


def finding(
    rule: Rule,
    row: Mapping[str, Any],
    known: Mapping[str, Subject],
    days: Mapping[tuple[str, str, dt.date], TerminalDay],
    decoder_version: str,
) -> Finding:
    """The finding that a row of the rule's view makes."""
    severity, certainty = rule.grades[row["grade"]]
    day = days.get((row["merchant"], row["terminal"], row["business_date"]))
    return Finding(
        finding_id=finding_id(rule.id, row["key"]),
        rule=rule.id,
        severity=severity,
        certainty=certainty,
        merchant_id=row["merchant"],
        terminal_id=row["terminal"],
        business_date=row["business_date"],
        amount_at_risk_fen=int(row["amount_at_risk_fen"] or 0),
        subjects=tuple(known[each] for each in _once(row["subjects"])),
        evidence={name: fact(value) for name, value in row.items() if name not in VIEW_COLUMNS},
        ruled_out=_once([*rule.ruled_out, *row["also_ruled_out"]]),
        completeness={
            "missing": list(_once(row["missing"])),
            "terminal_day": day.as_dict() if day else None,
        },
        act_by=plain(row["act_by"]),
        rules_version=RULES_VERSION,
        decoder_version=decoder_version,
    )


def finding_id(rule: str, accused: str) -> str:
    """The same fault always has the same id: 32 hex digits of the rule and the accused."""
    return hashlib.sha256(f"{rule}\n{accused}".encode()).hexdigest()[:32]


def plain(value: Any) -> Any:
    """A value in Python's own types; moments aware and in UTC, sums as int."""
    match value:
        case Decimal():
            return int(value)
        case dt.datetime():
            return value.astimezone(dt.UTC)
        case _:
            return value


def fact(value: Any) -> Any:
    """A value in JSON's own types; days and moments as ISO 8601."""
    match plain(value):
        case dt.date() as day:
            return day.isoformat()
        case dict() as facts:
            return {name: fact(each) for name, each in facts.items()}
        case list() as facts:
            return [fact(each) for each in facts]
        case other:
            return other


def _once(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))

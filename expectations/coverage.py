"""What cannot be judged, and for want of what: said once for each merchant and rule, never daily.

Three things may be missing: what no terminal tells (a statement, a contract), a parameter
that only the shop knows, or a field that a merchant's lines never carry. A rule without
what it needs accuses nobody; the table ``coverage`` says so until the need is met.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expectations.findings import RULES_VERSION
from expectations.misfits import RATED, Misfit, misfits
from expectations.parameters import ENABLED, Parameters
from expectations.rules import RULES
from expectations.rules.declaration import Rule
from ingest.tables import Lake

if TYPE_CHECKING:
    import duckdb

APP_ID = "coverage"
PARAMETER = "parameter"
ENOUGH = 3
"""So many attempts without a field show that a merchant's lines do not carry it."""
KEYS = ("stan", "batch", "card", "atc", "orig_stan", "orig_rrn", "orig_auth_code", "operator_no", "entry_mode", "rrn")

Seen = Mapping[str, Mapping[str, int]]
"""For each type of attempt: how many there were (``attempts``), and how many carry each of `KEYS`."""


@dataclass(frozen=True, slots=True, order=True)
class Blind:
    """A rule that cannot be judged at a merchant, and a code of `vocabulary.NEEDS`."""

    merchant_id: str
    rule: str
    needs: str

    def key_of(self, rule: Rule) -> bool:
        """Whether this is why the rule cannot be judged there at all."""
        return self.rule == rule.id and self.needs in (*rule.keys, *rule.needs)


def blind(linked: "duckdb.DuckDBPyConnection", given: Parameters, unfit: Sequence[Misfit] | None = None) -> list[Blind]:
    """Everything that cannot be judged at the merchants that traded on the days of the scope.

    And at those with a contract that fits nothing (``contract``), or not every fee (``rate``): the fees of ``unfit``
    are not judged, the others are.
    """
    unfit = misfits(linked) if unfit is None else unfit
    counts = ", ".join(f"count({key}) AS {key}" for key in KEYS)
    rows = (
        linked.sql(f"""
            SELECT merchant, kind, count(*) AS attempts, {counts} FROM attempt
            WHERE in_scope(business_date) AND kind IS NOT NULL GROUP BY merchant, kind""")  # noqa: S608 - names of columns
        .to_arrow_table()
        .to_pylist()
    )
    merchants: dict[str, dict[str, Mapping[str, int]]] = {}
    for row in rows:
        merchants.setdefault(row["merchant"], {})[row["kind"]] = row
    found = [Blind(merchant, *each) for merchant, seen in merchants.items() for each in _of(merchant, seen, given)]
    registered = {merchant for (merchant,) in linked.sql("SELECT merchant FROM registered").fetchall()}
    bare = merchants.keys() - registered
    found += [Blind(merchant, rule.id, fact) for merchant in bare for rule in RULES.values() for fact in rule.facts]
    told = set(linked.sql("SELECT merchant, what FROM told").fetchall())
    found += [
        Blind(merchant, rule.id, need)
        for merchant in merchants
        for rule in RULES.values()
        if given.value(rule, ENABLED, merchant)
        for need in rule.needs
        if (merchant, need) not in told
    ]
    idle = {merchant for (merchant,) in linked.sql("SELECT DISTINCT merchant FROM contract").fetchall()}
    wanting = {
        "contract": {each for each in idle if (each, "contract") not in told},
        "rate": {m.merchant for m in unfit},
    }
    found += [
        Blind(merchant, rule.id, need)
        for need, those in wanting.items()
        for rule in RULES.values()
        if (need in rule.needs if need == "contract" else rule.id in RATED)
        for merchant in those
        if given.value(rule, ENABLED, merchant)
    ]
    return sorted(set(found))


def _of(merchant: str, seen: Seen, given: Parameters) -> list[tuple[str, str]]:
    """The rules that cannot be judged there, each with what it lacks."""
    absent = []
    for rule in RULES.values():
        if not given.value(rule, ENABLED, merchant):
            continue
        if not given.is_judged(rule, merchant):
            absent.append((rule.id, PARAMETER))
        judged = [seen[kind] for kind in rule.kinds or seen if kind in seen]
        if sum(each["attempts"] for each in judged) >= ENOUGH:
            absent += [(rule.id, key) for key in rule.keys if not any(each[key] for each in judged)]
    return absent


def store(lake: Lake, found: Sequence[Blind], first: dt.date) -> list[Blind]:
    """Keep what cannot be judged; those not said before, which are to be said now.

    A need that was met at a merchant seen in this check is forgotten. When another check
    writes at the same moment nothing is kept: the next one says it.
    """
    seen = lake.committed("coverage", APP_ID) or 0
    stored = lake.read("coverage").to_pylist()
    known = {Blind(row["merchant_id"], row["rule"], row["needs"]): row for row in stored}
    here = {each.merchant_id for each in found}
    kept = {each: row for each, row in known.items() if each.merchant_id not in here or each in set(found)}
    new = [each for each in found if each not in known]
    if not new and len(kept) == len(known):
        return []
    fresh = {"since": first, "rules_version": RULES_VERSION}
    rows = [*kept.values(), *({"merchant_id": e.merchant_id, "rule": e.rule, "needs": e.needs, **fresh} for e in new)]
    needs = sorted({each.needs for each in (*known, *found)})
    written = lake.replace("coverage", rows, partitions={"needs": needs}, app_id=APP_ID, app_version=seen + 1)
    return new if written else []

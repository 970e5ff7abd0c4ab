"""Judging: every rule's view is made, its law is held against it, what breaks it becomes a finding.

A law is read twice. DuckDB reads it over the whole view, whatever its size, and says which
rows break it. Great Expectations reads it over what is shown to it: every row that breaks
the law, and of the others as many as fit (`SHOWN_ROWS`), so that its share of time and
memory is bounded. The two must name the same rows; a law on which they differ was not judged.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from expectations import coverage
from expectations.completeness import terminal_days
from expectations.coverage import Blind
from expectations.findings import Finding
from expectations.laws import KEY, Judge, Stated, breaks
from expectations.lifecycle import seen_kinds
from expectations.misfits import Misfit, misfits
from expectations.parameters import Parameters
from expectations.rules import RULES
from expectations.rules.declaration import Rule
from expectations.suites.tables import SUITES
from expectations.verdicts import finding, subjects

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Progress = Callable[[str], None]

SHOWN_ROWS = 20_000
"""So many rows of one view Great Expectations is shown at most beside those that break its law."""


@dataclass(frozen=True, slots=True)
class CouldNotRun:
    """A rule or a table's law that could not be judged, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Quality:
    """A law of a decoded table that was broken: how many of how many rows."""

    table: str
    expectation: str
    says: str
    broken: int
    judged: int


@dataclass(slots=True)
class Judged:
    """What was judged, before it is stored."""

    findings: list[Finding] = field(default_factory=list)
    rules_run: list[str] = field(default_factory=list)
    could_not_run: list[CouldNotRun] = field(default_factory=list)
    quality: list[Quality] = field(default_factory=list)
    attempts: int = 0
    blind: list[Blind] = field(default_factory=list)
    misfits: list[Misfit] = field(default_factory=list)


@dataclass(slots=True)
class _View:
    """What is shown of one view to Great Expectations, and what DuckDB found in all of it."""

    laws: tuple[Stated, ...]
    shown: "list[pa.Table]" = field(default_factory=list)
    rows: int = 0
    broken: dict[str, set[str]] = field(default_factory=dict)

    def take(self, linked: "duckdb.DuckDBPyConnection", relation: str, columns: str, rows: int) -> None:
        """Look at the laws' own ``columns`` of a relation, ``key`` among them, that has so many rows."""
        self.rows += rows
        if not rows and self.shown:
            return
        told = [breaks(stated.law, relation) for stated in self.laws]
        if rows:
            counted = ", ".join(f"count(*) FILTER ({says})" for says in told)
            numbers = linked.sql(f"SELECT {counted} FROM {relation}").fetchall()[0]  # noqa: S608 - ours
            for stated, says, number in zip(self.laws, told, numbers, strict=True):
                if number:
                    found = linked.sql(f"SELECT {KEY} FROM {relation} WHERE {says}").fetchall()  # noqa: S608 - ours
                    self.broken.setdefault(stated.name, set()).update(str(key) for (key,) in found)
        room = max(0, SHOWN_ROWS - sum(each.num_rows for each in self.shown))
        query = f"SELECT {columns} FROM {relation}"  # noqa: S608 - ours
        if rows > room and any(self.broken.values()):
            any_law = " OR ".join(f"coalesce({says}, false)" for says in told)
            query = f"({query} WHERE {any_law}) UNION ALL ({query} WHERE NOT ({any_law}) LIMIT {room})"
        elif rows > room:
            query = f"{query} LIMIT {room}"
        self.shown.append(linked.sql(f"SELECT * FROM ({query}) ORDER BY {KEY}").to_arrow_table())  # noqa: S608 - ours

    def differences(self, name: str, bench: Judge) -> list[tuple[Stated, str | None]]:
        """Each law, and why it could not be judged."""
        import pyarrow as pa

        shown = pa.concat_tables(self.shown, promote_options="permissive")
        self.shown.clear()
        told: list[tuple[Stated, str | None]] = []
        for verdict in bench.judge(name, shown, self.laws):
            error, found = verdict.error, self.broken.get(verdict.stated.name, set())
            if error is None and set(verdict.offenders) != found:
                error = f"two readings of the law differ on {len(set(verdict.offenders) ^ found)} rows"
            told.append((verdict.stated, error))
        return told


class Docket:
    """All rules, and what they found in one part of the merchants after the other."""

    def __init__(self, given: Parameters | None = None, progress: Progress | None = None) -> None:
        self._given, self._tell = given or Parameters(), progress or (lambda _: None)
        self._views: dict[str, _View] = {}
        self._tables: dict[str, _View] = {}
        self._found: dict[str, dict[str, Finding]] = {}
        self._crashed: dict[str, str] = {}
        self._attempts = 0
        self._blind: set[Blind] = set()
        self._misfits: list[Misfit] = []

    def read(self, tables: "duckdb.DuckDBPyConnection") -> None:
        """Hold the laws of the decoded tables against them, before `lifecycle.link` links anything."""
        for table, (sql, laws) in SUITES.items():
            self._tell(table)
            try:
                tables.execute(f"CREATE OR REPLACE TEMP VIEW suite AS {sql}")
                [(count,)] = tables.sql("SELECT count(*) FROM suite").fetchall()
                self._tables.setdefault(table, _View(laws)).take(tables, "suite", "*", count)
            except Exception as crash:  # noqa: BLE001 - whatever a law died of, the others are held and it is named
                self._crashed[table] = _reason(crash)
        self._tell("linking")

    def hear(self, linked: "duckdb.DuckDBPyConnection") -> None:
        """Hold every rule's law against what `lifecycle.link` linked."""
        unfit = misfits(linked)
        self._misfits += unfit
        blind = coverage.blind(linked, self._given, unfit)
        self._blind.update(blind)
        self._attempts += _count(linked)
        kinds = seen_kinds(linked)
        accused: dict[str, list[dict[str, Any]]] = {}
        for rule in RULES.values():
            if not self._given.judges(rule) or rule.id in self._crashed:
                continue
            if rule.kinds and kinds.isdisjoint(rule.kinds):
                continue
            self._tell(rule.id)
            try:
                linked.execute(f"CREATE OR REPLACE TEMP VIEW parameter AS {self._given.sql(rule)}")
                unseen = [each.merchant_id for each in blind if each.key_of(rule)]
                accused[rule.id] = self._accused(linked, rule, unseen)
            except Exception as crash:  # noqa: BLE001 - whatever a rule died of, the others run and it is named
                self._crashed[rule.id] = _reason(crash)
        self._tell("subjects")
        self._write_down(linked, accused)

    def _write_down(
        self, linked: "duckdb.DuckDBPyConnection", accused: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> None:
        """What each rule's rows make of findings; whom they name is asked once for all of them."""
        every = [row for rows in accused.values() for row in rows]
        known = subjects(linked, (each for row in every for each in row["subjects"]))
        days = terminal_days(linked, every)
        decoder = version("tillwatch")
        for name, rows in accused.items():
            for row in rows:
                made = finding(RULES[name], row, known, days, decoder)
                self._found.setdefault(name, {}).setdefault(made.finding_id, made)

    def _accused(self, linked: "duckdb.DuckDBPyConnection", rule: Rule, blind: list[str]) -> list[dict[str, Any]]:
        """The rows of the rule's view that break its law, remembered for the rules that follow.

        Merchants whose lines never carry what the rule needs are left out: nobody is accused by guessing.
        """
        made = linked.execute(
            f"CREATE OR REPLACE TEMP TABLE judged AS SELECT * FROM ({rule.sql}) "  # noqa: S608 - the rule's own view
            "WHERE merchant IN (SELECT merchant FROM parameter) AND merchant NOT IN (SELECT unnest(?::VARCHAR[]))",
            [blind],
        ).fetchone()
        columns = ", ".join(dict.fromkeys((KEY, "merchant", "terminal", "business_date", *rule.stated.columns)))
        view = self._views.setdefault(rule.id, _View((rule.stated,)))
        view.take(linked, "judged", columns, int(made[0]) if made else 0)
        if not view.broken.get(rule.stated.name) or not made or not made[0]:
            return []
        says = breaks(rule.stated.law, "judged")
        found = linked.sql(f"SELECT * FROM judged WHERE {says} ORDER BY {KEY}").to_arrow_table()  # noqa: S608 - ours
        if found.num_rows:
            linked.execute("INSERT INTO accused SELECT ?, unnest(?::VARCHAR[])", [rule.id, found[KEY].to_pylist()])
        rows: list[dict[str, Any]] = found.to_pylist()
        return rows

    def decide(self, bench: Judge) -> Judged:
        """Let ``bench`` read every law again, and give what was found under those on which both agree."""
        out = Judged(attempts=self._attempts, blind=sorted(self._blind), misfits=sorted(self._misfits))
        for rule in RULES.values():
            if not self._given.judges(rule):
                continue
            if rule.id not in self._crashed and rule.id in self._views:
                [(_, error)] = _told(self._views[rule.id], rule.id, bench)
                if error is not None:
                    self._crashed[rule.id] = error
            if rule.id in self._crashed:
                out.could_not_run.append(CouldNotRun(rule.id, self._crashed[rule.id]))
                continue
            out.findings += self._found.get(rule.id, {}).values()
            out.rules_run.append(rule.id)
        for table, view in self._tables.items():
            if table in self._crashed:
                out.could_not_run += [CouldNotRun(f"{table}.{each.name}", self._crashed[table]) for each in view.laws]
                continue
            for stated, error in _told(view, table, bench):
                if error is not None:
                    out.could_not_run.append(CouldNotRun(f"{table}.{stated.name}", error))
                elif broken := view.broken.get(stated.name):
                    out.quality.append(Quality(table, stated.name, stated.says, len(broken), view.rows))
        out.findings.sort(
            key=lambda each: (each.business_date, each.merchant_id, each.severity, each.rule, each.finding_id)
        )
        return out


def _told(view: _View, name: str, bench: Judge) -> Iterable[tuple[Stated, str | None]]:
    try:
        return view.differences(name, bench)
    except Exception as crash:  # noqa: BLE001 - whatever the library died of is not a law that was broken
        return [(stated, _reason(crash)) for stated in view.laws]


def _reason(crash: Exception) -> str:
    first_line = str(crash).splitlines()[0] if str(crash) else ""
    return f"{type(crash).__name__}: {first_line}"


def _count(linked: "duckdb.DuckDBPyConnection") -> int:
    [(attempts,)] = linked.sql("SELECT count(*) FROM attempt WHERE in_scope(business_date)").fetchall()
    return int(attempts)

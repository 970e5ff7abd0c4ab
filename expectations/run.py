"""One check: link life cycles, judge every rule, keep the findings.

What comes out is a function of the tables' versions, of the rules and of the prices that
readers' answers taught: no wall clock, no order of rows. A rule that crashed is reported by
name after all others have run; it is never a rule that found something.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations import coverage
from expectations.agreements import agreements
from expectations.completeness import terminal_days
from expectations.coverage import Blind
from expectations.feedback.prices import taught_prices
from expectations.findings import Finding, read_findings
from expectations.laws import Judge, Stated, Verdict
from expectations.lifecycle import ACQUIRER_TABLES, COLUMNS, SEARCH_DAYS, Shop, link, seen_kinds, seen_marks
from expectations.lifecycle import table as life_cycles
from expectations.parameters import Parameters, parameters
from expectations.rules import RULES
from expectations.rules.declaration import Rule
from expectations.suites.tables import SUITES
from expectations.verdicts import finding, subjects
from ingest.errors import LakeError, UsageError
from ingest.settings import Settings
from ingest.tables import Lake

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

APP_ID = "check"
WRITE_TRIES = 5

Progress = Callable[[str], None]


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


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found.

    Attributes:
        findings: in order of business day, merchant, severity and rule.
        rules_run: ids of the rules that were judged.
        could_not_run: rules and laws that were not.
        quality: broken laws of the tables themselves; not findings.
        data_docs: first page of the Data Docs; None when there was nothing to judge.
        first_day: first business day judged; None when the lake is empty.
        last_day: last one.
        attempts: attempts on those days.
        written: whether the findings differ from those that were stored.
        unverifiable: rules that cannot be judged at a merchant, and were not said to be so before.
    """

    findings: list[Finding]
    rules_run: list[str]
    could_not_run: list[CouldNotRun]
    quality: list[Quality]
    data_docs: Path | None
    first_day: dt.date | None
    last_day: dt.date | None
    attempts: int
    written: bool
    unverifiable: tuple[Blind, ...] = ()


@dataclass(slots=True)
class _Judged:
    """What one pass over the tables gave, before it is stored."""

    findings: list[Finding]
    rules_run: list[str]
    could_not_run: list[CouldNotRun]
    quality: list[Quality]
    attempts: int
    blind: list[Blind]


def check(
    settings: Settings,
    *,
    start: dt.date | None = None,
    end: dt.date | None = None,
    progress: Progress | None = None,
) -> CheckResult:
    """Judge the business days from ``start`` to ``end`` and store what was found.

    Args:
        settings: where the lake is, and the merchant's calendar.
        start: first business day; the lake's first by default.
        end: last business day, included; the lake's last by default.
        progress: told the name of each step as it begins.

    Raises:
        UsageError: the end is before the start; a rule's parameter that there is not.
        LakeError: a table cannot be read, or others kept writing findings all the while.
    """
    if start and end and end < start:
        raise UsageError(f"--to {end} is before --from {start}", hint="give the earlier day to --from")
    tell = progress or (lambda _: None)
    given = parameters(settings)
    lake = Lake.of(settings.lake)
    days = business_days(lake)
    first, last = start or min(days, default=None), end or max(days, default=None)
    stored = [day for day in _days_of(lake, "findings") if _within(day, first, last)]
    judged_days = sorted({*stored, *(day for day in days if _within(day, first, last))})
    if first is None or last is None or not judged_days:
        return CheckResult([], list(RULES), [], [], None, first, last, 0, written=False)
    docs = Path(lake.root).parent / "data-docs"
    shop = replace(shop_of(settings), prices=taught_prices(settings))
    for _ in range(WRITE_TRIES):
        tell("great expectations")
        from expectations.suites.ge import Bench

        bench = Bench()
        seen = lake.committed("findings", APP_ID) or 0
        tell("tables")
        linked = link(read_tables(lake, first), shop, first, last)
        judged = judge_linked(linked, bench=bench, given=given, progress=tell)
        tell("life cycles")
        life_cycles.store(lake, linked, first, last)
        linked.close()
        tell("data docs")
        page = bench.build_data_docs(docs)
        written = _store(lake, judged, judged_days, seen)
        if written is not None:
            said = coverage.store(lake, judged.blind, first)
            tell("cases")
            from expectations.cases.recovery import follow

            follow(settings, lake, judged.findings)
            return CheckResult(
                judged.findings,
                judged.rules_run,
                judged.could_not_run,
                judged.quality,
                page,
                first,
                last,
                judged.attempts,
                written=written,
                unverifiable=tuple(said),
            )
    raise LakeError(f"{lake.root}: findings are being written by others all the time", hint="check again in a minute")


def business_days(lake: Lake) -> list[dt.date]:
    """The business days that have a row in any table that rules look at, in order."""
    return sorted({day for name in (*COLUMNS, *ACQUIRER_TABLES) for day in _days_of(lake, name)})


def read_tables(lake: Lake, first: dt.date) -> dict[str, "pa.Table"]:
    """The tables from as far before ``first`` as a refund may reach."""
    since = first - dt.timedelta(days=SEARCH_DAYS + 1)
    before = [("business_date", ">=", since)]
    seen = {name: lake.read(name, columns=columns, filters=before) for name, columns in COLUMNS.items()}
    return seen | {name: lake.read(name, filters=before) for name in ACQUIRER_TABLES}


def shop_of(settings: Settings) -> Shop:
    """The calendar, and what the settings say of merchants that rules ask for."""
    families: dict[str, str] = {}
    for merchant in settings.merchants:
        if merchant.same_shop:
            shop = (merchant.id, *merchant.same_shop)
            families |= dict.fromkeys(shop, min(shop))
    codes = {merchant.id: merchant.mcc for merchant in settings.merchants if merchant.mcc}
    return Shop(settings.business.zone, settings.business.cutoff, families, codes, agreements(settings))


def judge(
    tables: Mapping[str, "pa.Table"],
    shop: Shop,
    first: dt.date,
    last: dt.date,
    *,
    bench: Judge,
    given: Parameters | None = None,
    progress: Progress | None = None,
) -> _Judged:
    """Judge what is in ``tables`` on the business days of the scope; nothing is read or written."""
    linked = link(tables, shop, first, last)
    try:
        return judge_linked(linked, bench=bench, given=given, progress=progress)
    finally:
        linked.close()


def judge_linked(
    linked: "duckdb.DuckDBPyConnection",
    *,
    bench: Judge,
    given: Parameters | None = None,
    progress: Progress | None = None,
) -> _Judged:
    """Judge what `lifecycle.link` linked."""
    tell, given = progress or (lambda _: None), given or Parameters()
    days = terminal_days(linked)
    decoder, kinds, marks = version("tillwatch"), seen_kinds(linked), seen_marks(linked)
    out = _Judged([], [], [], [], _count(linked), coverage.blind(linked, given))
    for rule in RULES.values():
        if not given.judges(rule):
            continue
        if (rule.kinds and kinds.isdisjoint(rule.kinds)) or (marks is not None and not marks.issuperset(rule.marks)):
            out.rules_run.append(rule.id)
            continue
        tell(rule.id)
        try:
            linked.execute(f"CREATE OR REPLACE TEMP VIEW parameter AS {given.sql(rule)}")
            rows = _accused(linked, rule, bench, [each.merchant_id for each in out.blind if each.key_of(rule)])
        except Exception as crash:  # noqa: BLE001 - whatever a rule died of, the others run and it is named
            out.could_not_run.append(CouldNotRun(rule.id, _reason(crash)))
            continue
        known = subjects(linked, (each for row in rows for each in row["subjects"]))
        out.findings += [finding(rule, row, known, days, decoder) for row in rows]
        out.rules_run.append(rule.id)
    for table, (sql, laws) in SUITES.items():
        tell(table)
        for verdict in _verdicts(linked, table, sql, laws, bench):
            name = f"{table}.{verdict.stated.name}"
            if verdict.error is not None:
                out.could_not_run.append(CouldNotRun(name, verdict.error))
            elif verdict.offenders:
                broken = len(verdict.offenders)
                out.quality.append(Quality(table, verdict.stated.name, verdict.stated.says, broken, verdict.judged))
    out.findings.sort(
        key=lambda each: (each.business_date, each.merchant_id, each.severity, each.rule, each.finding_id)
    )
    return out


def _accused(linked: "duckdb.DuckDBPyConnection", rule: Rule, bench: Judge, blind: list[str]) -> list[dict[str, Any]]:
    """The rows of the rule's view that break its law, remembered for the rules that follow.

    Merchants whose lines never carry what the rule needs are left out: nobody is accused by guessing.
    """
    linked.execute(
        f"CREATE OR REPLACE TEMP TABLE judged AS SELECT * FROM ({rule.sql}) "  # noqa: S608 - the rule's own view
        "WHERE merchant IN (SELECT merchant FROM parameter) AND merchant NOT IN (SELECT unnest(?::VARCHAR[]))",
        [blind],
    )
    columns = dict.fromkeys(("key", "merchant", "terminal", "business_date", *rule.stated.columns))
    [verdict] = bench.judge(
        rule.id, linked.table("judged").order("key").select(*columns).to_arrow_table(), [rule.stated]
    )
    if verdict.error is not None:
        raise RuleError(verdict.error)
    if not verdict.offenders:
        return []
    offenders = list(verdict.offenders)
    linked.execute("INSERT INTO accused SELECT ?, unnest(?::VARCHAR[])", [rule.id, offenders])
    found = linked.sql(
        "SELECT * FROM judged WHERE key IN (SELECT unnest(?::VARCHAR[])) ORDER BY key", params=[offenders]
    )
    rows: list[dict[str, Any]] = found.to_arrow_table().to_pylist()
    return rows


def _verdicts(
    linked: "duckdb.DuckDBPyConnection", table: str, sql: str, laws: tuple[Stated, ...], bench: Judge
) -> Iterator[Verdict]:
    try:
        yield from bench.judge(table, linked.sql(sql).to_arrow_table(), laws)
    except Exception as crash:  # noqa: BLE001 - as above
        yield from (Verdict(stated, 0, error=_reason(crash)) for stated in laws)


class RuleError(Exception):
    """A law could not be judged."""


def _reason(crash: Exception) -> str:
    first_line = str(crash).splitlines()[0] if str(crash) else ""
    return first_line if isinstance(crash, RuleError) else f"{type(crash).__name__}: {first_line}"


def _store(lake: Lake, judged: _Judged, days: list[dt.date], seen: int) -> bool | None:
    """Put the findings in the place of those of their days; None when somebody else was faster.

    Findings of a rule that could not run are kept as they are: not judged is not acquitted.
    """
    before = read_findings(lake, days[0], days[-1])
    crashed = {each.name for each in judged.could_not_run} & set(RULES)
    new = {each.finding_id: each for each in judged.findings}
    new |= {each.finding_id: each for each in before if each.rule in crashed and each.finding_id not in new}
    if new == {each.finding_id: each for each in before}:
        return False
    rows = [new[each].as_row() for each in sorted(new)]
    stored = lake.replace("findings", rows, partitions={"business_date": days}, app_id=APP_ID, app_version=seen + 1)
    return True if stored else None


def _days_of(lake: Lake, name: str) -> set[dt.date]:
    return set(lake.read(name, columns=["business_date"])["business_date"].unique().to_pylist())


def _within(day: dt.date, first: dt.date | None, last: dt.date | None) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)


def _count(linked: "duckdb.DuckDBPyConnection") -> int:
    query = "SELECT count(*) FROM attempt, scope WHERE business_date BETWEEN first_day AND last_day"
    [(attempts,)] = linked.sql(query).fetchall()
    return int(attempts)

"""One check: link life cycles, judge every rule, keep the findings.

What comes out is a function of the tables' versions, of the rules and of the prices that
readers' answers taught: no wall clock, no order of rows. A rule that crashed is reported by
name after all others have run; it is never a rule that found something.
"""

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from expectations import coverage
from expectations.agreements import agreements
from expectations.cases.database import database_of
from expectations.coverage import Blind
from expectations.engines import engine_of
from expectations.feedback.prices import taught_prices
from expectations.findings import Certainty, Finding, Severity, read_findings
from expectations.judging import CouldNotRun, Docket, Judged, Progress, Quality
from expectations.laws import Judge
from expectations.lifecycle import Shop, link
from expectations.lifecycle import table as life_cycles
from expectations.lifecycle.reading import ACQUIRER_TABLES, COLUMNS, SEARCH_DAYS
from expectations.misfits import RATED, Misfit
from expectations.parameters import Parameters, parameters
from expectations.releases import running
from expectations.rules import RULES
from expectations.verdicts import finding_id
from ingest.batch_metrics import Run, measured
from ingest.errors import LakeError, UsageError
from ingest.settings import Settings
from ingest.tables import FilesGoneError, Lake

if TYPE_CHECKING:
    from expectations.lifecycle.reading import Rows

APP_ID = "check"
WRITE_TRIES = 5


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
        recorded: first and last business day of any record; None when the lake is empty.
        unverifiable: rules that cannot be judged at a merchant, and were not said to be so before.
        misfits: why contracts do not fit fees, of merchants of whom that was not said before.
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
    recorded: tuple[dt.date, dt.date] | None = None
    misfits: tuple[Misfit, ...] = ()


def _tell(run: Run, settings: Settings, result: CheckResult) -> None:
    del settings
    run.tell("check_attempts", result.attempts)
    run.tell("check_could_not_run", len(result.could_not_run))
    run.tell("check_broken_table_laws", len(result.quality))
    kinds = Counter((each.severity, each.certainty) for each in result.findings)
    for severity, certainty in itertools.product(get_args(Severity), get_args(Certainty)):
        run.tell("check_findings", kinds[severity, certainty], severity, certainty)
    run.failed = bool(result.could_not_run)


@measured("check", _tell)
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
    database_of(settings)  # what is wrong with its address is told before anything is judged
    days = business_days(lake)
    recorded = (days[0], days[-1]) if days else None
    first, last = start or min(days, default=None), end or max(days, default=None)
    if first is not None and (whole := whole_since(settings, dt.datetime.now(settings.zone).date())) > first:
        if start or (end is not None and end < whole):
            asked = f"--from {start}" if start else f"--to {end}"
            told = f"{asked}: days before {whole} can no longer be judged: lake.keep_days lets go what they need"
            raise UsageError(
                told, hint=f"give --from {whole} or a later day; findings of earlier days stay as they are"
            )
        first = whole
    stored = [day for day in lake.days("findings") if _within(day, first, last)]
    judged_days = sorted({*stored, *(day for day in days if _within(day, first, last))})
    if first is None or last is None or not judged_days:
        return CheckResult([], list(RULES), [], [], None, first, last, 0, written=False, recorded=recorded)
    docs = settings.beside_lake / "data-docs"
    shop = replace(shop_of(settings), prices=taught_prices(settings), running=running(settings, lake))
    with engine_of(settings) as engine:
        for _ in range(WRITE_TRIES):
            seen = lake.committed("findings", APP_ID) or 0
            docket = Docket(given, tell)
            engine.prepare()
            tell("reading")
            versions = _versions(lake)
            try:
                linked = engine.link(lake, shop, first, last, docket.read)
            except FilesGoneError:
                if _versions(lake) == versions:  # nobody put others in their place
                    raise
                continue
            if _versions(lake) != versions:  # between two pieces something landed: a row may be there twice, or not
                linked.close()
                continue
            try:
                docket.hear(linked)
                tell("life cycles")
                life_cycles.store(lake, linked, first, last)
            finally:
                linked.close()
            tell("great expectations")
            bench = engine.bench()
            judged = docket.decide(bench)
            tell("data docs")
            page = bench.build_data_docs(docs, told_at(settings))
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
                    recorded=recorded,
                    misfits=tuple(m for m in judged.misfits if Blind(m.merchant, RATED[0], "rate") in said),
                )
    told = f"{lake.place.at()}: others are writing to its tables all the time"
    raise LakeError(told, hint="check again in a minute")


def told_at(settings: Settings) -> Callable[[str, str], tuple[str, str | None]]:
    """What the Data Docs call a row that broke a law: a rule's finding, and where the app shows it."""

    def told(name: str, key: str) -> tuple[str, str | None]:
        if name not in RULES:
            return key, None
        number = finding_id(name, key)
        return number, f"{settings.app.url}/findings/{number}" if settings.app.url else None

    return told


def whole_since(settings: Settings, today: dt.date) -> dt.date:
    """The first day of which everything is kept that it is judged by."""
    judged = [settings.lake.keep_days[name] for name in (*COLUMNS, *ACQUIRER_TABLES) if name in settings.lake.keep_days]
    return today - dt.timedelta(days=min(judged) - SEARCH_DAYS - 1) if judged else dt.date.min


def _versions(lake: Lake) -> dict[str, int | None]:
    """The version of each table that rules look at."""
    return {name: lake.version(name) for name in (*COLUMNS, *ACQUIRER_TABLES)}


def business_days(lake: Lake) -> list[dt.date]:
    """The business days that have a row in any table that rules look at, in order."""
    return sorted({day for name in (*COLUMNS, *ACQUIRER_TABLES) for day in lake.days(name)})


def shop_of(settings: Settings) -> Shop:
    """The calendar, and what the settings say of merchants that rules ask for."""
    families: dict[str, str] = {}
    for merchant in settings.merchants:
        if merchant.same_shop:
            shop = (merchant.id, *merchant.same_shop)
            families |= dict.fromkeys(shop, min(shop))
    codes = {merchant.id: merchant.mcc for merchant in settings.merchants if merchant.mcc}
    own = {each.name: each.cutoff for each in settings.acquirers if each.cutoff}
    cutoffs = {each.id: own[each.acquirer] for each in settings.merchants if each.acquirer in own}
    return Shop(
        settings.business.zone, settings.business.cutoff, families, codes, agreements(settings), cutoffs=cutoffs
    )


def judge(
    tables: "Mapping[str, Rows]",
    shop: Shop,
    first: dt.date,
    last: dt.date,
    *,
    bench: Judge,
    given: Parameters | None = None,
    progress: Progress | None = None,
) -> Judged:
    """Judge what is in ``tables`` on the business days of the scope; nothing is read or written."""
    docket = Docket(given, progress)
    linked = link(tables, shop, first, last, heed=docket.read)
    try:
        docket.hear(linked)
    finally:
        linked.close()
    return docket.decide(bench)


def _store(lake: Lake, judged: Judged, days: list[dt.date], seen: int) -> bool | None:
    """Put the findings in the place of those of their days; None when somebody else was faster.

    A finding's day may have no row in any table: a batch that should have been settled while the shop was closed.
    Findings of a rule that could not run are kept as they are: not judged is not acquitted.
    """
    days = sorted({*days, *(each.business_date for each in judged.findings)})
    before = read_findings(lake, days[0], days[-1])
    crashed = {each.name for each in judged.could_not_run} & set(RULES)
    new = {each.finding_id: each for each in judged.findings}
    new |= {each.finding_id: each for each in before if each.rule in crashed and each.finding_id not in new}
    if new == {each.finding_id: each for each in before}:
        return False
    rows = [new[each].as_row() for each in sorted(new)]
    stored = lake.replace("findings", rows, partitions={"business_date": days}, app_id=APP_ID, app_version=seen + 1)
    return True if stored else None


def _within(day: dt.date, first: dt.date | None, last: dt.date | None) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)

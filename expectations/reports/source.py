"""Where reports read: tables and the book of cases, each thing once and only when a report asks for it."""

import datetime as dt
import functools
from collections.abc import Collection
from dataclasses import replace

from expectations.cases.book import CaseBook, case_book
from expectations.cases.record import CaseRecord, MoneyBack
from expectations.findings import Finding
from expectations.mail.budget import Budget, budget
from expectations.mail.files import absent
from expectations.mail.roles import about_agents
from expectations.mail.timing import DAY
from expectations.mail.world import World
from expectations.money import total
from expectations.reports.figures import KNOWN_DAYS, ShopFigures, case_figures, figures, last_days, seen_days
from expectations.reports.period import Period
from ingest.settings import Settings
from ingest.tables import Lake

QUIET_DAYS = 3
"""Days without a record after which operations hear of a merchant: a weekend is no news."""
ACTED = frozenset({"claimed", "promised", "recovered", "rejected", "closed"})
"""States of a case that somebody has done something about."""


def source_of(settings: Settings, lake: Lake, world: World) -> "Source":
    """The tables that the settings name, at the moment of a world."""
    return Source(settings, lake, case_book(settings), world.findings, world.now)


class Source:
    """The tables as reports see them at one moment.

    Args:
        settings: zone, contracts, deposits.
        lake: the tables.
        book: every case.
        findings: all that is known.
        now: the moment.
    """

    def __init__(
        self, settings: Settings, lake: Lake, book: CaseBook, findings: Collection[Finding], now: dt.datetime
    ) -> None:
        self._settings, self._lake, self._book, self._findings, self._now = settings, lake, book, findings, now
        self.figures = functools.cache(self._figures)
        self.of_shop = functools.cache(self._of_shop)
        self.merchants = functools.cache(self._merchants)

    def _figures(self, period: Period) -> dict[str, ShopFigures]:
        """Merchant -> its figures."""
        return figures(
            self._settings, self._lake, self.records, self._findings, period, money_back=self._money_back, now=self._now
        )

    def _of_shop(self, period: Period, merchant_id: str) -> ShopFigures:
        """The figures that the shop itself reads: without what is about its agent's share."""
        whole = self.figures(period)[merchant_id]
        records = [each for each in self.records if each.merchant_id == merchant_id]
        agents = {each.number for each in records if about_agents(each.rule)}
        if not agents:
            return whole
        own = case_figures([each for each in records if each.number not in agents], period, self._now)
        back = total(
            each.amount
            for each in self._money_back
            if each.merchant_id == merchant_id
            and each.number not in agents
            and period.start <= each.at.astimezone(self._settings.zone).date() <= period.end
        )
        return replace(whole, **own, recovered=back)

    def _merchants(self, period: Period) -> frozenset[str]:
        """Whom a period's report is about."""
        return frozenset(seen_days(self._lake, period.start - KNOWN_DAYS * DAY, period.end))

    @functools.cached_property
    def records(self) -> list[CaseRecord]:
        """Every case, without findings and log."""
        return self._book.cases(review=True)

    @functools.cached_property
    def _money_back(self) -> list[MoneyBack]:
        """What came back in all cases, and when."""
        return self._book.money_back()

    def absent_files(self, period: Period, merchants: Collection[str]) -> dict[str, tuple[dt.date, ...]]:
        """Acquirer -> days of the period on which its shops traded and that no file of it tells of."""
        seen = seen_days(self._lake, period.start, period.end)
        whose = {each.id: each.acquirer for each in self._settings.merchants}
        found: dict[str, tuple[dt.date, ...]] = {}
        for acquirer, days in absent(self._settings, self._lake, period.days).items():
            theirs = [each for each in merchants if whose.get(each) in {None, acquirer}]
            traded = {day for each in theirs for day in seen.get(each, ())}
            found |= {acquirer: lacking} if (lacking := tuple(day for day in days if day in traded)) else {}
        return found

    def quiet(self, period: Period) -> dict[str, dt.date | None]:
        """Merchants of whom nothing was heard on the period's last days -> the last day with a record, None for never.

        Also those that are only named in the settings, or too new for a day without records to be missed.
        """
        known = {each.id for each in self._settings.merchants} | self.merchants(period)
        heard = seen_days(self._lake, period.end - (QUIET_DAYS - 1) * DAY, period.end)
        silent = known.difference(heard)
        if not silent:
            return {}
        last = seen_days(self._lake, period.start - KNOWN_DAYS * DAY, period.end)
        before = last_days(self._lake, silent.difference(last))
        return {each: max(last[each]) if each in last else before.get(each) for each in sorted(silent)}

    @functools.cached_property
    def last_days(self) -> dict[str, set[dt.date]]:
        """Merchant -> the days of the last two weeks and a half with any record."""
        today = self._now.astimezone(self._settings.zone).date()
        return seen_days(self._lake, today - 17 * DAY, today)

    def budget(self, world: World) -> Budget:
        """The mails' budget, by ledger, answers and cases."""
        merchants = {each.id for each in self._settings.merchants} | {each.merchant_id for each in world.findings}
        acted_on = set(self._lake.read("acks", columns=["finding_id"])["finding_id"].to_pylist())
        going_on = {each.number for each in self.records if each.state in ACTED}
        acted_on |= {finding_id for finding_id, number in world.numbers.items() if number in going_on}
        return budget(world.history.sent, merchants, acted_on, world.now)

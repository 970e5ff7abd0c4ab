"""The budget of mails: how many a shop gets in a week, and whether anybody acts on the urgent ones.

Alerts that come too often are not read. The target is a median of at most 1.5 mails a merchant and
week, and that at least 70 of 100 P1 mails are acted on.
"""

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from expectations.mail.timing import Sent

MOST_MAILS = 1.5
LEAST_ACTED = 0.7
WEEKS = 4


@dataclass(frozen=True, slots=True)
class Budget:
    """What the last weeks came to.

    Attributes:
        median_mails: mails a merchant and week, to its busiest reader; None when there are no merchants.
        p1_mails: P1 mails, each once however many read it.
        p1_acted: those of them that somebody acted on: an answer, a claim, a case that went on.
    """

    median_mails: float | None
    p1_mails: int
    p1_acted: int

    @property
    def acted(self) -> float | None:
        """The share that was acted on; None when there was no P1 mail."""
        return self.p1_acted / self.p1_mails if self.p1_mails else None

    @property
    def holds(self) -> bool:
        """Whether both targets are met."""
        few = self.median_mails is None or self.median_mails <= MOST_MAILS
        return few and (self.acted is None or self.acted >= LEAST_ACTED)


def budget(sent: Collection[Sent], merchants: Collection[str], acted_on: Collection[str], now: dt.datetime) -> Budget:
    """The budget of the last `WEEKS` weeks.

    Args:
        sent: every mail that each reader has got.
        merchants: everybody who could have got one; weeks without a mail count.
        acted_on: findings that somebody acted on.
        now: the moment up to which the weeks count.
    """
    since = now - dt.timedelta(weeks=WEEKS)
    recent = [each for each in sent if since < each.at <= now and each.merchant_id in set(merchants)]
    by_reader = Counter((each.merchant_id, (now - each.at).days // 7, each.address, each.locale) for each in recent)
    busiest = {(merchant, week): 0 for merchant in merchants for week in range(WEEKS)}
    for (merchant, week, _, _), count in by_reader.items():
        busiest[merchant, week] = max(busiest[merchant, week], count)
    urgent = {each.names for each in recent if each.kind == "P1"}
    acted = sum(1 for names in urgent if names & set(acted_on))
    return Budget(statistics.median(busiest.values()) if busiest else None, len(urgent), acted)

"""Acquirers' files that are expected and not there: of which day, and whose mails wait for them.

A file of trades is expected of every acquirer of [[statements]] for every day; an acquirer that has only ever sent
payouts or profits owes none.
"""

import datetime as dt
from collections.abc import Iterable, Mapping

from ingest.settings import Settings
from ingest.tables import Lake


def absent(settings: Settings, lake: Lake, days: Iterable[dt.date]) -> dict[str, tuple[dt.date, ...]]:
    """Acquirer -> the days of these that no file of its trades tells of.

    Raises:
        LakeError: a table cannot be read.
    """
    watched = sorted({each.acquirer for each in settings.statements})
    if not watched:
        return {}
    columns = ["acquirer", "kind", "first_date", "last_date"]
    rows = lake.read("statements", columns=columns, filters=[("acquirer", "in", watched)]).to_pylist()
    wanted = sorted(set(days))
    found: dict[str, tuple[dt.date, ...]] = {}
    for acquirer in watched:
        theirs = [row for row in rows if row["acquirer"] == acquirer]
        told = [row for row in theirs if row["kind"] == "trades" and row["first_date"] and row["last_date"]]
        if theirs and not any(row["kind"] == "trades" for row in theirs):
            continue
        lacking = tuple(d for d in wanted if not any(row["first_date"] <= d <= row["last_date"] for row in told))
        found |= {acquirer: lacking} if lacking else {}
    return found


def waiting(settings: Settings, lacking: Iterable[str], merchants: Iterable[str]) -> frozenset[str]:
    """Of these merchants those whose acquirer's file is lacking; one without a named acquirer waits for any."""
    late = frozenset(lacking)
    named: Mapping[str, str | None] = {each.id: each.acquirer for each in settings.merchants}
    return frozenset(each for each in merchants if late and (named.get(each) is None or named[each] in late))

"""Which of the versions that terminals tell are older than what they ought to run (``[[releases]]``)."""

import datetime as dt
import re
from typing import TYPE_CHECKING, NamedTuple

from expectations.software import Terminal, telling, versions
from ingest.errors import UsageError
from ingest.releases import Release
from ingest.settings import Settings
from ingest.tables import Lake

if TYPE_CHECKING:
    import pyarrow as pa


class Running(NamedTuple):
    """A terminal, and a release that it ought to run; the columns of the table ``running``."""

    merchant: str
    terminal: str
    told: str
    wanted: str
    since: dt.date
    is_older: bool
    is_urgent: bool


def running(settings: Settings, lake: Lake) -> tuple[Running, ...]:
    """Each terminal whose version can be compared with a release that is meant for it; pilots are left out.

    Raises:
        UsageError: a release names a profile that is not there, or whose language tells no version.
        LakeError: a table cannot be read.
    """
    releases = settings.releases
    if not releases:
        return ()
    _refuse_untold(releases)
    seen = lake.read(
        "transactions",
        columns=["merchant_id", "terminal_id", "profile", "line", "seen_date"],
        filters=[("business_date", ">=", min(each.since for each in releases))],
    )
    profiles, told = _profiles(seen), versions(lake, seen)
    return tuple(
        Running(*terminal, version, each.version, each.since, is_older, each.urgent)
        for terminal, version in sorted(told.items())
        for each in releases
        if each.profile == profiles[terminal]
        and ("*" in each.merchants or terminal.merchant_id in each.merchants)
        and terminal.terminal_id not in each.pilots
        and (is_older := older(version, each.version)) is not None
    )


def older(told: str, wanted: str) -> bool | None:
    """Whether a version comes before another: their numbers, in order; None where they begin with other letters.

    >>> older("V1.9", "V1.10"), older("V2", "V1.10"), older("H7062801", "V1.10")
    (True, False, None)
    """
    (letters, numbers), (others, wanted_numbers) = _parts(told), _parts(wanted)
    return numbers < wanted_numbers if numbers and letters == others else None


def _parts(version: str) -> tuple[str, list[int]]:
    """The letters before the first number, and the numbers."""
    return re.split(r"\d", version)[0], [int(each) for each in re.findall(r"\d+", version)]


def _refuse_untold(releases: list[Release]) -> None:
    tell = telling({each.profile for each in releases})
    for number, each in enumerate(releases):
        if each.profile not in tell:
            raise UsageError(
                f"releases.{number}.profile: {each.profile} is no profile whose terminals tell their software",
                hint="`tillwatch describe --profiles` lists the profiles; UnionPay's and ZVT's tell it",
            )


def _profiles(seen: "pa.Table") -> dict[Terminal, str]:
    """The profile by which each terminal spoke last."""
    days = seen.group_by(["merchant_id", "terminal_id", "profile"]).aggregate([("seen_date", "max")])
    rows = sorted(days.to_pylist(), key=lambda row: (row["seen_date_max"], row["profile"] or ""))
    return {Terminal(row["merchant_id"], row["terminal_id"]): row["profile"] for row in rows}

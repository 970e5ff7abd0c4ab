"""Group J: lines, a collector and software that are not as they should be; a clock, and a merchant number."""

import datetime as dt

from bench.detection.device import Mishap
from bench.detection.plays.identity import A_DAY, NEAR_S
from bench.detection.population import ZONE
from bench.detection.scene import Play, Scene, fault

EARLIER = 60
"""Numbers of a till's first morning: a clock is judged by its day, and told by the day's first message."""


def _mark_day(s: Scene) -> None:
    """A line's day belongs to the case."""
    s.mark(("line", s.device.terminal, f"{s.now.date()}"))


@fault("decode_errors")
def plug_was_loose(s: Scene) -> Play:
    """A loose plug: three stretches of bytes and more that are no frame."""
    _mark_day(s)
    for _ in range(s.chance.randrange(3, 7)):
        s.world.mishaps.append(Mishap(s.device.now, s.device, s.device.line, "noise"))
        yield s.chance.uniform(20, 300)
    s.loses(0)


@fault("truncated_file")
def disk_was_full(s: Scene) -> Play:
    """The collector's disk was full for a moment: two records were not kept."""
    _mark_day(s)
    s.world.mishaps.append(Mishap(s.device.now, s.device, s.device.line, "gap"))
    s.loses(0)
    yield from ()


@fault("terminal_software_outdated", hours=(7.7, 8.2))
def software_left_behind(s: Scene) -> Play:
    """A release was handed out three weeks before, and this terminal still runs the one before it."""
    if s.device.software:
        s.drop()
        return
    s.device.software, s.device.signs_in_daily = "V2.1.7", True
    s.world.releases.append(
        {
            "profile": s.device.profile, "version": "V2.2.0", "since": s.world.days[0] - dt.timedelta(days=21),
            "merchants": [s.device.merchant],
        }
    )  # fmt: skip
    s.mark(("terminal_software_outdated", s.device.terminal))
    s.mark_number(s.device.sign_in())
    s.loses(0)
    yield 60
    s.sale(s.usual(), s.card())


@fault("time_stan_disorder", hours=(11.0, 15.0), also=("clock_skew",))
def clock_was_set_back(s: Scene) -> Play:
    """Somebody set the terminal's clock an hour back in the middle of the day; next morning it was put right."""
    own = s.device.ahead_s
    if abs(own) > NEAR_S:
        s.drop()  # its clock is the matter of another play
        return
    s.sale(s.usual(), s.card())
    s.device.ahead_s = own - 4_000
    set_back = s.device.ahead_s
    first = s.device.opened or (s.device.stan - EARLIER) % 999_999 + 1
    yield 30
    s.sale(s.usual(), s.card())
    yield dt.datetime.combine(s.now.date(), dt.time(22), ZONE)
    if s.device.ahead_s != set_back:
        s.drop()  # another play has set it
        return
    s.device.ahead_s = own
    told = (s.device.stan - first) % 999_999
    if told > A_DAY:
        first, told = 1, s.device.stan - 1  # the device was replaced since, and counts from 1
    for step in range(told):
        s.mark_number((first + step - 1) % 999_999 + 1)
    s.loses(0)


@fault(
    "mid_hopping", hours=(10.0, 16.0),
    also=("late_settlement", "batch_total_count_mismatch", "batch_total_amount_mismatch"),
)  # fmt: skip
def merchant_numbers_by_turns(s: Scene) -> Play:
    """A till whose software books by turns under this merchant's number and another's (跳码)."""
    other = s.stranger()
    if other is None:
        return
    till = s.own_till()
    own = till.merchant
    for merchant in (own, other.merchant) * 3:
        till.merchant = merchant
        s.sale(s.usual(), s.card(), till=till)
        yield s.chance.uniform(300, 1500)
        till.now = max(till.now, s.now)
    till.merchant = own
    s.mark(till.settle())
    s.loses(0)

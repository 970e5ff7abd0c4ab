"""Money, times and cards as a shop's reader expects them, in the merchant's own zone.

¥1,286.00; 11月21日 20:42:15 and 21 Nov 20:42:15; 尾号5817. The year is said only when
it is not the year of the decision.
"""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from expectations.mail.catalogue import Locale, Texts

CNY = "156"
FOREIGN = {
    "036": ("AUD", 2),
    "344": ("HKD", 2),
    "392": ("JPY", 0),
    "410": ("KRW", 0),
    "446": ("MOP", 2),
    "702": ("SGD", 2),
    "826": ("GBP", 2),
    "840": ("USD", 2),
    "978": ("EUR", 2),
}
"""ISO 4217: number -> letters, and how many digits stand behind the point."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Figures:
    """How one reader's mail writes figures: their language, the merchant's zone, the moment of the decision."""

    texts: Texts
    zone: ZoneInfo
    now: dt.datetime

    @property
    def locale(self) -> Locale:
        """The reader's language."""
        return self.texts.locale

    def money(self, minor: int, currency: str | None = None) -> str:
        """An amount of minor units (fen), with its sign and its currency."""
        letters, digits = ("¥", 2) if currency in {None, CNY} else FOREIGN.get(str(currency), (f"#{currency}", 2))
        whole, rest = divmod(abs(minor), 10**digits)
        number = f"{whole:,}.{rest:0{digits}d}" if digits else f"{whole:,}"
        sign = "-" if minor < 0 else ""
        return f"{sign}{letters}{number}" if letters == "¥" else f"{sign}{letters} {number}"

    def date(self, day: dt.date) -> str:
        """11月21日, 21 Nov; with the year when it is another one."""
        if day.year != self.now.astimezone(self.zone).year:
            return self.full_date(day)
        return f"{day.month}月{day.day}日" if self.locale == "zh-CN" else f"{day.day} {MONTHS[day.month - 1]}"

    def full_date(self, day: dt.date) -> str:
        """2026年11月21日, 21 Nov 2026."""
        if self.locale == "zh-CN":
            return f"{day.year}年{day.month}月{day.day}日"
        return f"{day.day} {MONTHS[day.month - 1]} {day.year}"

    def days(self, days: set[dt.date]) -> str:
        """One day, or from the first to the last."""
        first, last = min(days), max(days)
        return self.date(first) if first == last else f"{self.date(first)}–{self.date(last)}"

    def moment(self, when: dt.datetime) -> str:
        """11月21日 20:42:15."""
        local = when.astimezone(self.zone)
        return f"{self.date(local.date())} {local:%H:%M:%S}"

    def deadline(self, when: dt.datetime) -> str:
        """今天 23:00, 明天 23:00, or the date: counted from the moment of the decision."""
        local = when.astimezone(self.zone)
        ahead = (local.date() - self.now.astimezone(self.zone).date()).days
        day = {0: self.texts.phrase("today"), 1: self.texts.phrase("tomorrow")}.get(ahead) or self.date(local.date())
        return f"{day} {local:%H:%M}"

    def span(self, length: dt.timedelta) -> str:
        """2 分钟 45 秒; the two largest units."""
        seconds = round(abs(length.total_seconds()))
        units = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
        said = []
        for name, size in units:
            count, seconds = divmod(seconds, size)
            if count:
                said.append(self.texts.phrase(f"unit_{name}").format(n=count))
        return " ".join(said[:2]) or self.texts.phrase("unit_second").format(n=0)

    def card(self, masked: str) -> str:
        """The last four digits of a card, and nothing more of it."""
        digits = "".join(c for c in masked if c.isdigit())[-4:]
        return self.texts.phrase("card_ending").format(last=digits) if len(digits) == 4 else ""


def number(value: int | None, width: int = 6) -> str:
    """A batch or trace number as the slip prints it; empty when there is none."""
    return "" if value is None else f"{value:0{width}d}"

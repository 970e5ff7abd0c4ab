"""Money, times and cards as a shop's reader expects them, in the merchant's own zone.

¥1,286.00; 11月21日 20:42:15 and 21 Nov 20:42:15; 尾号5817. The year is said only when
it is not the year of the decision.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

from expectations.mail.catalogue import Locale, Texts, texts
from expectations.money import CNY, Money, digits, letters, major
from ingest.settings import Settings

LOCALES = {"zh-CN": "zh_Hans_CN", "en": "en_GB"}
DAYS = {"zh-CN": "M月d日", "en": "d MMM"}
FULL_DAYS = {"zh-CN": "y年M月d日", "en": "d MMM y"}
MONTHS = {"zh-CN": "M月", "en": "MMMM"}


@dataclass(frozen=True, slots=True)
class Figures:
    """How one reader's mail writes figures: their language, the merchant's zone, the moment of the decision."""

    texts: Texts
    zone: ZoneInfo
    now: dt.datetime
    banks: Mapping[str, str] = field(default_factory=dict)
    """First digits of cards' numbers -> the bank's name in the reader's language."""

    @classmethod
    def of(cls, locale: Locale, settings: Settings, now: dt.datetime) -> "Figures":
        """Those of a reader, as the settings have zone and banks."""
        banks = {
            prefix: (each.name_en or each.name) if locale == "en" else each.name
            for each in settings.issuers
            for prefix in each.prefixes
        }
        return cls(texts(locale), settings.zone, now, banks)

    @property
    def locale(self) -> Locale:
        """The reader's language."""
        return self.texts.locale

    def money(self, minor: int, currency: str | None = None) -> str:
        """An amount of minor units (fen), with its sign and its currency."""
        from babel.numbers import format_decimal

        currency = currency or CNY
        pattern = "#,##0" + ("." + "0" * digits(currency) if digits(currency) else "")
        number = format_decimal(major(abs(minor), currency), format=pattern, locale=self._babel)
        sign, name = "-" if minor < 0 else "", letters(currency)
        return f"{sign}{name}{number}" if currency == CNY else f"{sign}{name} {number}"

    def about(self, minor: int, currency: str | None = None) -> str:
        """An estimate, to whole units: ¥917."""
        currency = currency or CNY
        return self.money(round(minor, -digits(currency)), currency).partition(".")[0]

    def sums(self, money: Money) -> str:
        """Each currency for itself: ¥368.00 + JPY 3,000; ¥0.00 when it is nothing."""
        return " + ".join(self.money(minor, currency) for currency, minor in money.parts) or self.money(0)

    def rate(self, ppm: int) -> str:
        """A rate of millionths in percent: 0.60%, and as many digits more as it takes."""
        return self._percent(ppm) + "%"

    def points(self, ppm: int) -> str:
        """A change of rate: +0.03 个百分点."""
        return self.texts.phrase("points").format(
            n=f"{'+' if ppm > 0 else '-' if ppm < 0 else ''}{self._percent(abs(ppm))}"
        )

    def count(self, number: int) -> str:
        """1,284."""
        from babel.numbers import format_decimal

        return str(format_decimal(number, locale=self._babel))

    def _percent(self, ppm: int) -> str:
        from babel.numbers import format_decimal

        return str(format_decimal(Decimal(ppm).scaleb(-4), format="0.00##", locale=self._babel))

    @property
    def _babel(self) -> str:
        return LOCALES[self.locale]

    def date(self, day: dt.date) -> str:
        """11月21日, 21 Nov; with the year when it is another one."""
        if day.year != self.now.astimezone(self.zone).year:
            return self.full_date(day)
        return self._dated(day, DAYS)

    def full_date(self, day: dt.date) -> str:
        """2026年11月21日, 21 Nov 2026."""
        return self._dated(day, FULL_DAYS)

    def month(self, day: dt.date) -> str:
        """11月, November."""
        return self._dated(day, MONTHS)

    def _dated(self, day: dt.date, patterns: Mapping[str, str]) -> str:
        from babel.dates import format_date

        return str(format_date(day, patterns[self.locale], locale=self._babel))

    def days(self, days: set[dt.date]) -> str:
        """One day, or from the first to the last; another year that both are of is said once."""
        first, last = min(days), max(days)
        if first == last:
            return self.date(first)
        if first.year != last.year or self.date(last) != self.full_date(last):
            return f"{self.date(first)}–{self.date(last)}"
        if self.locale == "en":  # the year stands at the end of a date, in Chinese at its beginning
            return f"{self._dated(first, DAYS)}–{self.full_date(last)}"
        return f"{self.full_date(first)}–{self._dated(last, DAYS)}"

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
        """The bank, where the register knows it, and the last four digits of a card, and nothing more of it."""
        digits = "".join(c for c in masked if c.isdigit())[-4:]
        if len(digits) < 4:
            return ""
        bank = next((self.banks[masked[:n]] for n in range(6, 1, -1) if masked[:n] in self.banks), "")
        ending = self.texts.phrase("card_ending").format(last=digits)
        return f"{bank} {ending}" if bank else ending


def number(value: int | None, width: int = 6) -> str:
    """A batch or trace number as the slip prints it; empty when there is none."""
    return "" if value is None else f"{value:0{width}d}"

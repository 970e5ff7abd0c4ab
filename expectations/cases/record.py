"""A case as the book has it: its findings and everything that was done about it."""

import datetime as dt
import json
from dataclasses import asdict, dataclass
from typing import Any

from expectations.cases.refusals import StepRefusedError
from expectations.cases.states import OVER, State, age_class
from expectations.findings import Finding
from expectations.mail.cases import Case, case_of
from expectations.money import CNY, Money, digits, letters


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a case's log; the columns of ``case_log``."""

    at: dt.datetime
    kind: str
    by: str
    contact: str
    text: str
    amount_fen: int | None
    state: State
    proof: str | None = None


@dataclass(frozen=True, slots=True)
class MoneyBack:
    """How much more of a case's money was seen to be back, and when; less than nothing corrects what was said."""

    number: str
    merchant_id: str
    at: dt.datetime
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """A case as the book has it; the columns of ``cases``, and what hangs on it."""

    number: str
    merchant_id: str
    business_date: dt.date
    state: State
    stands: bool
    rule: str
    amount_fen: int
    claimed_fen: int
    recovered_fen: int
    currency: str = CNY
    act_by: dt.datetime | None
    opened_at: dt.datetime
    changed_at: dt.datetime
    findings: tuple[Finding, ...] = ()
    log: tuple[Entry, ...] = ()

    @property
    def at_risk(self) -> Money:
        """What is at risk, in the currency of its amounts; `told` also has what else there is."""
        return Money.of(self.amount_fen, self.currency)

    @property
    def claimed(self) -> Money:
        """What was claimed back."""
        return Money.of(self.claimed_fen, self.currency)

    @property
    def recovered(self) -> Money:
        """What came back."""
        return Money.of(self.recovered_fen, self.currency)

    def minor(self, hundredths: int) -> int:
        """An amount that somebody wrote, in hundredths, as minor units of the case's currency.

        Raises:
            StepRefusedError: the currency has no such fraction.
        """
        scaled, rest = divmod(hundredths * int(10 ** digits(self.currency)), 100)
        if rest:
            example = str(hundredths // 100)
            raise StepRefusedError("fraction", number=self.number, currency=letters(self.currency), example=example)
        return scaled

    def age_days(self, now: dt.datetime) -> int:
        """Whole days since it was opened, or until it was over."""
        until = self.changed_at if self.state in OVER else now
        return max(0, (until - self.opened_at).days)

    def told(self, now: dt.datetime) -> Case:
        """The case as mails and dossiers tell it."""
        return case_of(self.findings, now, {each.finding_id: self.number for each in self.findings})

    def as_dict(self, now: dt.datetime) -> dict[str, Any]:
        """The object of ``tillwatch case … --json``; moments with their zone, amounts in fen."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in {"findings", "log"}}
        plain |= {"age_days": self.age_days(now), "age_class": age_class(self.age_days(now))}
        plain["findings"] = [each.as_dict() for each in self.findings]
        plain["log"] = [asdict(each) for each in self.log]
        said: dict[str, Any] = json.loads(json.dumps(plain, default=iso_text, ensure_ascii=False))
        return said


def iso_text(value: object) -> str:
    """A day or a moment in JSON."""
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    message = f"a case cannot hold a {type(value).__name__}"
    raise TypeError(message)

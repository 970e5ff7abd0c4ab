"""A case as the book has it: its findings and everything that was done about it."""

import datetime as dt
import json
from dataclasses import asdict, dataclass
from typing import Any

from expectations.cases.states import OVER, State, age_class
from expectations.findings import Finding
from expectations.mail.cases import Case, case_of


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
    """How much more of a merchant's money was seen to be back, and when; less than nothing corrects what was said."""

    merchant_id: str
    at: dt.datetime
    amount_fen: int


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
    act_by: dt.datetime | None
    opened_at: dt.datetime
    changed_at: dt.datetime
    findings: tuple[Finding, ...] = ()
    log: tuple[Entry, ...] = ()

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

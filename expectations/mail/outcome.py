"""What became of the mails that were due."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from ingest.errors import DeliveryError

State = Literal["sent", "partly", "failed", "due", "elsewhere", "waiting"]
"""partly: somebody was refused; due: a dry run; elsewhere: another sender is at this merchant; waiting: it failed a
little while ago."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mail."""

    alert_id: str
    merchant_id: str
    locale: str
    recipients: tuple[str, ...]
    subject: str
    message_id: str
    kind: str
    cases: int
    finding_ids: tuple[str, ...]
    state: State
    refused: dict[str, str]
    dead: tuple[str, ...] = ()
    error: str = ""
    hint: str = ""

    @property
    def failed(self) -> bool:
        """Whether somebody has not got it."""
        return self.state in {"failed", "partly"}

    def as_dict(self) -> dict[str, Any]:
        """The object that ``alert send --json`` prints."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of every mail that was due, the merchants without a route, the rules without words."""

    outcomes: tuple[Outcome, ...]
    unrouted: tuple[str, ...]
    unspoken: tuple[str, ...]
    unheard: tuple[str, ...] = ()

    @property
    def sent(self) -> list[Outcome]:
        """The mails that reached somebody."""
        return [each for each in self.outcomes if each.state in {"sent", "partly"}]

    @property
    def failed(self) -> list[Outcome]:
        """The mails that somebody has not got."""
        return [each for each in self.outcomes if each.failed]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """(what is wrong, what to do), each once."""
        said = {(each.error, each.hint): None for each in self.failed}
        for merchant_id in self.unrouted:
            hint = 'add [[alerts.routes]] with merchants = ["*"] and to = ["you@example.com"]'
            said[f"merchant {merchant_id}: findings are due, but no route names anybody to tell", hint] = None
        for name in self.unheard:
            hint = 'add [[alerts.routes]] with role = "operations" and to = ["you@example.com"]'
            said[f"{name}: many merchants at once, and no route tells operations", hint] = None
        for rule in self.unspoken:
            said[
                f"rule {rule}: has findings, but this version has no words for them", "run `tillwatch check` again"
            ] = None
        return list(said)

    def require_delivery(self) -> None:
        """Raise what is wrong.

        Raises:
            DeliveryError: a mail was not handed over to everybody, or there is nobody to tell.
        """
        if problems := self.problems:
            raise DeliveryError("; ".join(what for what, _ in problems), hint=problems[0][1])

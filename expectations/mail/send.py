"""Sending what is due: decide, claim, hand over, note.

``send_alerts`` is what the command line and the schedule call. A mail that could not be
handed over is noted as failed and is due again at the next call; the result says so and
``require_delivery`` raises it.
"""

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from expectations.cases.book import case_book
from expectations.findings import Finding
from expectations.mail.compose import compose
from expectations.mail.decide import Alert, Decision, decide
from expectations.mail.deliver import MAIL_SECONDS, Server, ServerError, deliver, server_of
from expectations.mail.ledger import LEASE, Ledger, clock
from expectations.mail.message import build_message, message_id
from expectations.mail.proofs import proofs_of
from expectations.mail.resolved import Closing, closing_id, closing_letter, closing_message, closings
from ingest.errors import DeliveryError
from ingest.settings import Settings
from ingest.tables import Lake

State = Literal["sent", "partly", "failed", "due", "elsewhere"]
"""partly: somebody was refused; due: a dry run; elsewhere: another sender is at this merchant."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mail."""

    alert_id: str
    merchant_id: str
    locale: str
    recipients: tuple[str, ...]
    subject: str
    message_id: str
    cases: int
    finding_ids: tuple[str, ...]
    state: State
    refused: dict[str, str]
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


def send_alerts(
    settings: Settings,
    now: dt.datetime | None = None,
    *,
    merchant: str | None = None,
    dry_run: bool = False,
    ledger: Ledger | None = None,
) -> SendResult:
    """Send every mail that is due.

    Args:
        settings: the lake, the routes, the server.
        now: the decision moment; the clock by default.
        merchant: only this merchant's mails.
        dry_run: decide and build the mails, send and note nothing.
        ledger: who was told what; the lake's by default.

    Raises:
        UsageError: the server's address is not one.
        KeyFileError: the password file cannot be used.
        LakeError: a table cannot be read.
    """
    now = now or clock()
    server = server_of(settings.alerts)
    lake = Lake.of(settings.lake)
    ledger = ledger or Ledger(lake)
    decision = due(settings, lake, ledger, now, merchant)
    if dry_run:
        would = [_outcome(each, settings, "due") for each in decision.alerts]
        would += [_closing_outcome(each, settings, "due") for each in _closings(settings, ledger, now, merchant)[0]]
        return SendResult(tuple(would), decision.unrouted, decision.unspoken)
    outcomes: list[Outcome] = []
    down: ServerError | None = None
    for merchant_id in dict.fromkeys(alert.merchant_id for alert in decision.alerts):
        if down is not None:
            unsent = [each for each in decision.alerts if each.merchant_id == merchant_id]
            outcomes += [_failure(each, settings, ledger, down) for each in unsent]
            continue
        turn = ledger.claim(merchant_id)
        if turn is None:
            busy = [each for each in decision.alerts if each.merchant_id == merchant_id]
            outcomes += [_outcome(each, settings, "elsewhere") for each in busy]
            continue
        try:
            theirs = due(settings, lake, ledger, now, merchant_id).alerts
            done, down = _send_all(theirs, settings, lake, ledger, server)
            outcomes += done
            case_book(settings).mark_told({name for each in done if each.state == "sent" for name in each.finding_ids})
        finally:
            ledger.give_back(merchant_id, turn)
    if down is None:
        outcomes += _send_closings(settings, ledger, server, now, merchant)
    return SendResult(tuple(outcomes), decision.unrouted, decision.unspoken)


def _closings(
    settings: Settings, ledger: Ledger, now: dt.datetime, merchant: str | None
) -> tuple[list[Closing], list[str]]:
    """Closing mails that are due, and cases that nobody need be told of any more."""
    over = [each for state in ("recovered", "closed") for each in case_book(settings).cases(
        state=state, merchant=merchant, review=True, whole=True)]  # fmt: skip
    today = now.astimezone(settings.zone)
    back = [
        each
        for each in over
        if each.recovered_fen > 0
        and (
            each.state == "recovered"
            or (each.changed_at.astimezone(settings.zone).year, each.changed_at.astimezone(settings.zone).month)
            == (today.year, today.month)
        )
    ]
    return closings(back, settings.alerts.routes, ledger.told(merchant), now)


def _send_closings(
    settings: Settings, ledger: Ledger, server: Server, now: dt.datetime, merchant: str | None
) -> list[Outcome]:
    """Tell who was told of a case that its money is back, within the merchant's turn; then close the case."""
    outcomes: list[Outcome] = []
    waiting, known = _closings(settings, ledger, now, merchant)
    for merchant_id in dict.fromkeys(each.merchant_id for each in waiting):
        turn = ledger.claim(merchant_id)
        if turn is None:
            outcomes += [_closing_outcome(e, settings, "elsewhere") for e in waiting if e.merchant_id == merchant_id]
            continue
        try:
            theirs, now_known = _closings(settings, ledger, now, merchant_id)
            known += now_known
            for closing in theirs:
                outcomes.append(_send_closing(closing, settings, ledger, server))
            known += _closings(settings, ledger, now, merchant_id)[1]
        finally:
            ledger.give_back(merchant_id, turn)
    for number in dict.fromkeys(known):
        case_book(settings).finish(number)
    return outcomes


def _send_closing(closing: Closing, settings: Settings, ledger: Ledger, server: Server) -> Outcome:
    outcome = _closing_outcome(closing, settings, "sent")
    refused: dict[str, str] = {}
    try:
        refused = deliver(closing_message(closing, settings, thread=ledger.thread(closing)), closing.recipients, server)
    except DeliveryError as wrong:
        refused = dict.fromkeys(closing.recipients, wrong.message)
        outcome = replace(outcome, state="failed", error=wrong.message, hint=wrong.hint)
    else:
        if refused:
            said = "; ".join(f"{who}: {why}" for who, why in refused.items())
            outcome = replace(outcome, state="partly", refused=refused, error=f"refused by the server: {said}")
    results = [(each, "failed" if each in refused else "sent", refused.get(each, "")) for each in closing.recipients]
    ledger.note(closing, outcome.subject, outcome.message_id, results)
    return outcome


def _closing_outcome(closing: Closing, settings: Settings, state: State) -> Outcome:
    return Outcome(
        alert_id=closing.alert_id,
        merchant_id=closing.merchant_id,
        locale=closing.locale,
        recipients=closing.recipients,
        subject=closing_letter(closing, settings).subject,
        message_id=closing_id(closing, settings),
        cases=1,
        finding_ids=closing.finding_ids,
        state=state,
        refused={},
    )


def due(settings: Settings, lake: Lake, ledger: Ledger, now: dt.datetime, merchant: str | None = None) -> Decision:
    """The mails that are due now, by the findings and the ledger as they stand."""
    findings = known_findings(lake, merchant)
    told = ledger.told(merchant)
    book = case_book(settings)
    numbers = book.open_cases(findings).numbers
    book.mark_told({each.finding_id for each in told if each.as_case})
    return decide(findings, settings.alerts.routes, now, told=told, settled=ledger.settled(), numbers=numbers)


def known_findings(lake: Lake, merchant: str | None = None) -> list[Finding]:
    """Every finding of the tables."""
    filters = None if merchant is None else [("merchant_id", "==", merchant)]
    return [Finding.from_row(row) for row in lake.read("findings", filters=filters).to_pylist()]


def _send_all(
    alerts: Sequence[Alert], settings: Settings, lake: Lake, ledger: Ledger, server: Server
) -> tuple[list[Outcome], ServerError | None]:
    """One merchant's mails, within the claim; the server's failure ends it."""
    proofs = proofs_of(alerts, lake, settings.zone)
    began = time.monotonic()
    outcomes: list[Outcome] = []
    down: ServerError | None = None
    for alert in alerts:
        if down is not None:
            outcomes.append(_failure(alert, settings, ledger, down))
            continue
        if time.monotonic() - began > LEASE.total_seconds() - 2 * MAIL_SECONDS:
            late = DeliveryError(
                "the server takes too long for all mails of one turn", hint="send again: the rest follows"
            )
            outcomes.append(_failure(alert, settings, ledger, late))
            continue
        try:
            message = build_message(alert, settings, proofs=proofs, thread=ledger.thread(alert))
            refused = deliver(message, alert.recipients, server)
        except DeliveryError as wrong:
            outcomes.append(_failure(alert, settings, ledger, wrong))
            down = wrong if isinstance(wrong, ServerError) else None
            continue
        outcomes.append(_delivered(alert, settings, ledger, refused))
    return outcomes, down


def _delivered(alert: Alert, settings: Settings, ledger: Ledger, refused: dict[str, str]) -> Outcome:
    outcome = _outcome(alert, settings, "partly" if refused else "sent")
    results = [(each, "failed" if each in refused else "sent", refused.get(each, "")) for each in alert.recipients]
    ledger.note(alert, outcome.subject, outcome.message_id, results)
    if not refused:
        return outcome
    said = "; ".join(f"{who}: {why}" for who, why in refused.items())
    hint = "check the address in [[alerts.routes]]; the others have it, `tillwatch alert send` tries this one again"
    return replace(outcome, refused=refused, error=f"refused by the server: {said}", hint=hint)


def _failure(alert: Alert, settings: Settings, ledger: Ledger, wrong: DeliveryError) -> Outcome:
    outcome = replace(_outcome(alert, settings, "failed"), error=wrong.message, hint=wrong.hint)
    ledger.note(
        alert, outcome.subject, outcome.message_id, [(each, "failed", wrong.message) for each in alert.recipients]
    )
    return outcome


def _outcome(alert: Alert, settings: Settings, state: State) -> Outcome:
    return Outcome(
        alert_id=alert.alert_id,
        merchant_id=alert.merchant_id,
        locale=alert.locale,
        recipients=alert.recipients,
        subject=compose(alert, settings, most_cases=1).subject,
        message_id=message_id(alert, settings),
        cases=len(alert.cases),
        finding_ids=alert.finding_ids,
        state=state,
        refused={},
    )

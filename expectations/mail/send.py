"""Sending what is due: plan, claim, hand over, note.

``send_alerts`` is what the command line and the schedule call, as often as they like. A mail that
could not be handed over is noted as failed and tried again, later each time; one that is refused for
good is dead and listed. The result says so and ``require_delivery`` raises it.
"""

import datetime as dt
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from expectations.cases.book import case_book
from expectations.cases.states import STATES
from expectations.evidence.enclosing import Enclosing
from expectations.mail.compose import compose
from expectations.mail.decide import Alert
from expectations.mail.deliver import MAIL_SECONDS, DoubtError, RefusedError, ServerError, deliver
from expectations.mail.history import History
from expectations.mail.ledger import LEASE, Ledger, clock
from expectations.mail.message import build_message, message_id
from expectations.mail.notice import notice_message
from expectations.mail.outcome import Outcome, SendResult, State
from expectations.mail.plan import Mail, plan
from expectations.mail.proofs import proofs_of, proven
from expectations.mail.server import Server, server_of
from expectations.mail.world import World, look
from expectations.reports.source import Source, source_of
from ingest.batch_metrics import Run, measured
from ingest.errors import DeliveryError
from ingest.settings import Settings
from ingest.tables import Lake

MOST_DOUBTS = 3
"""So many mails of one run whose connection broke are the server's fault; fewer are their own content's."""


def _tell(run: Run, settings: Settings, result: SendResult) -> None:
    states = Counter(each.state for each in result.outcomes)
    for state in get_args(State):
        run.tell("send_mails", states[state], state)
    run.tell("send_without_route", len(result.unrouted))
    cases = Counter(each.state for each in case_book(settings).cases())
    for case_state in STATES:
        run.tell("cases", cases[case_state], case_state)
    run.failed = bool(result.problems)


@measured("send", _tell)
def send_alerts(
    settings: Settings,
    now: dt.datetime | None = None,
    *,
    merchant: str | None = None,
    dry_run: bool = False,
    at_once: bool = False,
    ledger: Ledger | None = None,
) -> SendResult:
    """Send every mail that is due.

    Args:
        settings: the lake, the routes, the server.
        now: the decision moment; the clock by default.
        merchant: only this merchant's mails.
        dry_run: decide and build the mails, send and note nothing.
        at_once: what waits for its hour, for a further try, or is dead, too.
        ledger: who was told what; the lake's by default.

    Raises:
        UsageError: the server's address is not one.
        KeyFileError: the password file cannot be used.
        LakeError: a table cannot be read.
    """
    now = now or clock()
    server = server_of(settings.alerts)
    if at_once:
        settings = hurried(settings)
    lake = Lake.of(settings.lake)
    ledger = ledger or Ledger(lake)
    world = look(settings, lake, ledger, now, merchant)
    if at_once:
        world = world.knowing(world.history.without_dead())
    source = source_of(settings, lake, world)
    found = plan(world, merchant, source)
    run = _Run(settings, lake, ledger, server, source, patient=not at_once)
    if dry_run:
        would = tuple(run.outcome(each, "due") for each in found.mails)
        return SendResult(would, found.unrouted, found.unspoken, found.unheard)
    for merchant_id in dict.fromkeys(each.merchant_id for each in found.mails):
        run.turn(merchant_id, world, [each for each in found.mails if each.merchant_id == merchant_id])
    finished = [*found.finished, *run.finished]
    for number in dict.fromkeys(finished):
        case_book(settings).finish(number)
    return SendResult(tuple(run.outcomes), found.unrouted, found.unspoken, found.unheard)


def hurried(settings: Settings) -> Settings:
    """The same settings without waiting for any hour."""
    timing = settings.alerts.timing.model_copy(update={"at_once": True})
    return settings.model_copy(update={"alerts": settings.alerts.model_copy(update={"timing": timing})})


class _Run:
    """One run of the sender: its server, until that fails, and what became of each mail."""

    def __init__(
        self, settings: Settings, lake: Lake, ledger: Ledger, server: Server, source: Source, *, patient: bool
    ) -> None:
        self._settings, self._lake, self._ledger, self._server = settings, lake, ledger, server
        self._source, self._patient = source, patient
        self._down: ServerError | None = None
        self._doubts = 0
        self.outcomes: list[Outcome] = []
        self.finished: list[str] = []

    def turn(self, merchant_id: str, world: World, planned: Sequence[Mail]) -> None:
        """Send one merchant's mails, within its turn, by the ledger as it stands then."""
        waiting = [each for each in planned if self._must_wait(each, world.history)]
        self.outcomes += [self.outcome(each, "waiting") for each in waiting]
        if len(waiting) == len(planned):
            return
        if self._down is not None:
            self.outcomes += [self._failure(each, self._down) for each in planned if each not in waiting]
            return
        turn = self._ledger.claim(merchant_id)
        if turn is None:
            self.outcomes += [self.outcome(each, "elsewhere") for each in planned if each not in waiting]
            return
        try:
            history = self._ledger.history(merchant_id)
            current = world.knowing(history if self._patient else history.without_dead())
            mails = [
                each for each in plan(current, merchant_id, self._source).mails if not self._must_wait(each, history)
            ]
            self._send(mails, history)
            after = world.knowing(self._ledger.history(merchant_id))
            if any(each.kind == "closing" for each in mails):
                self.finished += plan(after, merchant_id).finished
        finally:
            self._ledger.give_back(merchant_id, turn)

    def outcome(self, mail: Mail, state: State) -> Outcome:
        """A mail with what became of it."""
        return Outcome(
            alert_id=mail.alert_id,
            merchant_id=mail.merchant_id,
            locale=mail.locale,
            recipients=mail.recipients,
            subject=self._subject(mail),
            message_id=message_id(mail, self._settings),
            kind=mail.kind,
            cases=len(mail.cases) if isinstance(mail, Alert) else mail.cases,
            finding_ids=mail.finding_ids,
            state=state,
            refused={},
        )

    def _subject(self, mail: Mail) -> str:
        return compose(mail, self._settings, most_cases=1).subject if isinstance(mail, Alert) else mail.letter.subject

    def _must_wait(self, mail: Mail, history: History) -> bool:
        """Whether it failed a little while ago."""
        at = history.retry_at(mail.alert_id, urgent=isinstance(mail, Alert) and mail.is_urgent)
        return self._patient and at is not None and self._ledger.now() < at

    def _send(self, mails: Sequence[Mail], history: History) -> None:
        proofs = proofs_of(proven(mails), self._lake, self._settings.zone)
        enclosing = Enclosing(self._settings)
        began = time.monotonic()
        for mail in mails:
            if self._down is not None:
                self.outcomes.append(self._failure(mail, self._down))
                continue
            if time.monotonic() - began > LEASE.total_seconds() - 2 * MAIL_SECONDS:
                late = DeliveryError(
                    "the server takes too long for all mails of one turn", hint="send again: the rest follows"
                )
                self.outcomes.append(self._failure(mail, late))
                continue
            thread = history.thread(mail.merchant_id, mail.business_date, mail.locale, mail.recipients)
            outcome = self.outcome(mail, "sent")
            try:
                if isinstance(mail, Alert):
                    enclosed = enclosing.of(mail)
                    message = build_message(mail, self._settings, proofs=proofs, enclosed=enclosed, thread=thread)
                else:
                    message = notice_message(mail, self._settings, proofs=proofs, thread=thread)
                self._note(mail, outcome, [(each, "handing", "") for each in mail.recipients])
                refused = deliver(message, mail.recipients, self._server)
            except DeliveryError as wrong:
                self.outcomes.append(self._failure(mail, wrong, history))
                self._down = self._cause(wrong)
                continue
            self.outcomes.append(self._delivered(mail, outcome, refused))

    def _cause(self, wrong: DeliveryError) -> ServerError | None:
        """Why no other mail can leave either; None when it is this mail alone."""
        if not isinstance(wrong, DoubtError):
            return wrong if isinstance(wrong, ServerError) else None
        self._doubts += 1
        return ServerError(wrong.message, hint=wrong.hint) if self._doubts >= MOST_DOUBTS else None

    def _delivered(self, mail: Mail, outcome: Outcome, refused: dict[str, str]) -> Outcome:
        dead = tuple(who for who, why in refused.items() if why.startswith("5"))
        states = {who: "dead" if who in dead else "failed" if who in refused else "sent" for who in mail.recipients}
        self._note(mail, outcome, [(who, state, refused.get(who, "")) for who, state in states.items()])
        told = {name for name in mail.finding_ids if ":" not in name}
        case_book(self._settings).mark_told(told)
        if not refused:
            return outcome
        said = "; ".join(f"{who}: {why}" for who, why in refused.items())
        hint = "check the address in [[alerts.routes]]; the others have it, `tillwatch alert status` lists this one"
        return replace(
            outcome, state="partly", refused=refused, dead=dead, error=f"refused by the server: {said}", hint=hint
        )

    def _failure(self, mail: Mail, wrong: DeliveryError, history: History | None = None) -> Outcome:
        """Note a mail that nobody has got: to be tried again, or dead."""
        permanent = wrong.permanent if isinstance(wrong, RefusedError) else {}
        in_doubt = isinstance(wrong, DoubtError)
        given_up = (
            isinstance(wrong, RefusedError | DoubtError)
            and history is not None
            and history.given_up(mail.alert_id, self._ledger.now(), in_doubt=in_doubt)
        )
        dead = tuple(who for who in mail.recipients if who in permanent or given_up)
        outcome = replace(self.outcome(mail, "failed"), dead=dead, error=wrong.message, hint=wrong.hint)
        state = "handing" if in_doubt else "failed"
        self._note(mail, outcome, [(who, "dead" if who in dead else state, wrong.message) for who in mail.recipients])
        return outcome

    def _note(self, mail: Mail, outcome: Outcome, results: list[tuple[str, str, str]]) -> None:
        self._ledger.note(mail, outcome.subject, outcome.message_id, results)

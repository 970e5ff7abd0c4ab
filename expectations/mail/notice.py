"""Every mail that is not one of cases: a closing, a reminder, a storm, a report. A letter with a name.

The name stands in the ledger where an alert's findings stand, so that the same law holds: each is
told to each reader once. Its Message-ID is a function of names and readers.
"""

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal

from expectations.mail.blocks import Letter
from expectations.mail.cardcheck import refuse_card_numbers
from expectations.mail.cases import Case
from expectations.mail.catalogue import Locale
from expectations.mail.details import Proofs, names_in
from expectations.mail.html import render_html
from expectations.mail.machine import cases_json, identifiers
from expectations.mail.message import headed, message_id, name_boundaries
from expectations.mail.text import render_text
from ingest.settings import Settings

Kind = Literal[
    "P1",
    "P2",
    "P3",
    "closing",
    "reminder",
    "escalation",
    "reopened",
    "storm",
    "incomplete",
    "weekly",
    "monthly",
    "fleet",
]
CASES = "cases.json"
EVERYBODY = "*"
"""Stands for the merchant in mails that are about many."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One mail.

    Attributes:
        kind: what it is; P1 to P3 for one that stands for cases, as a storm's notice to a merchant.
        merchant_id: whose it is; `EVERYBODY` when it is about many.
        locale: the readers' language.
        recipients: who gets it.
        decided_at: the decision moment.
        business_date: its thread.
        finding_ids: the names under which the ledger keeps it, and findings that it tells.
        letter: what it says.
        cases: how many cases it is about.
        machine: cases that go along as JSON, one object each; None when no such file does.
        review_ids: findings that it lists for review only.
        identifiers: numbers in it that are as long as a card's and none.
    """

    kind: Kind
    merchant_id: str
    locale: Locale
    recipients: tuple[str, ...]
    decided_at: dt.datetime
    business_date: dt.date
    finding_ids: tuple[str, ...]
    letter: Letter
    cases: int = 0
    machine: tuple[Case, ...] | None = None
    review_ids: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()

    @property
    def alert_id(self) -> str:
        """The same notice to the same readers always has the same id."""
        content = [self.merchant_id, self.locale, self.recipients, self.finding_ids]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def notice_message(
    notice: Notice, settings: Settings, *, proofs: Proofs | None = None, thread: tuple[str, ...] = ()
) -> EmailMessage:
    """The mail of a notice.

    Args:
        notice: what is said to whom.
        settings: the sender.
        proofs: where the bytes of each transaction are, and their hashes.
        thread: Message-IDs of earlier mails that it belongs to, oldest first.

    Raises:
        CardNumberError: something in it looks like a whole card number.
    """
    text, html = render_text(notice.letter), render_html(notice.letter)
    parts = [("text", text), ("HTML", html), ("subject", notice.letter.subject)]
    cases = None if notice.machine is None else cases_json(notice.machine, proofs or {})
    parts += [(CASES, cases)] if cases is not None else []
    known = {notice.merchant_id, notice.alert_id, *notice.finding_ids, *notice.identifiers}
    known |= {name for each in (proofs or {}).values() for name in names_in(each)}
    known |= set(identifiers(notice.machine or ()))
    refuse_card_numbers(parts, known=known)
    message = headed(
        notice, settings, subject=notice.letter.subject, message_id=message_id(notice, settings), thread=thread
    )
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    if cases is not None:
        message.add_attachment(cases.encode(), maintype="application", subtype="json", filename=CASES)
    message["Content-Language"] = notice.locale
    name_boundaries(message, notice.alert_id)
    return message

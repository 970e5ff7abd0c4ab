"""The mail itself: text first, HTML beside it, attachments, headers that machines understand.

The same alert always makes the same bytes: the Message-ID is a function of the merchant,
the day, the cases and the readers, so that a mail handed over twice (a crash between the
server's yes and our note of it) is one mail to every program that looks at Message-IDs.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, formataddr, parseaddr
from typing import Any, Protocol

from expectations.evidence.manifest import MANIFEST
from expectations.mail.blocks import Letter
from expectations.mail.cardcheck import refuse_card_numbers
from expectations.mail.compose import MOST_CASES, compose, figures_for
from expectations.mail.decide import Alert
from expectations.mail.details import Proofs, details_csv, manifest_json, names_in
from expectations.mail.enclosed import NOTHING, Enclosed
from expectations.mail.html import LARGEST, render_html
from expectations.mail.text import render_text
from ingest.settings import Settings


class WirePolicy(EmailPolicy):
    """SMTP's line ends, seven bits on the wire, and a subject that keeps its spaces.

    The standard library's folding loses the space between two words that both need
    encoding (python/cpython#92081); here the whole subject is encoded as one text.
    """

    def fold(self, name: str, value: Any) -> str:
        """A header as it stands on the wire."""
        if name.lower() == "subject" and not str(value).isascii():
            encoded = Header(str(value), "utf-8", header_name=name).encode(linesep=self.linesep)
            return f"{name}: {encoded}{self.linesep}"
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: Any) -> bytes:
        """The same as bytes."""
        return self.fold(name, value).encode("ascii")


TYPES = {
    "pdf": ("application", "pdf"),
    "csv": ("text", "csv"),
    "txt": ("text", "plain"),
    "json": ("application", "json"),
}
"""Suffix of an attachment -> its media type."""

POLICY = WirePolicy(linesep="\r\n", cte_type="7bit")
"""No server on the way can spoil Chinese."""


def build_message(
    alert: Alert,
    settings: Settings,
    *,
    proofs: Proofs | None = None,
    enclosed: Enclosed = NOTHING,
    thread: Sequence[str] = (),
) -> EmailMessage:
    """The mail of an alert.

    Args:
        alert: what is said to whom.
        settings: names, the register of hotlines, the sender.
        proofs: where the bytes of each transaction are.
        enclosed: the evidence that goes along, or why none does.
        thread: Message-IDs of earlier mails of this merchant and day to these readers, oldest first.

    Raises:
        CardNumberError: something in it looks like a whole card number.
    """
    figures = figures_for(alert, settings)
    say, details = figures.texts.phrases, details_csv(alert, figures)
    manifest = manifest_json(alert, proofs or {}, enclosed, {})
    enclosed = enclosed.beside(len(details.encode()) + len(manifest))
    files = {say["pdf_file"]: enclosed.pdf, say["details_file"]: details.encode()}
    files |= {say["complaint_file"]: enclosed.complaint.encode()}
    files = {name: content for name, content in files.items() if content}
    manifest = manifest_json(alert, proofs or {}, enclosed, files)
    letter, text, html = drawn(alert, settings, enclosed)
    parts = [("text", text), ("HTML", html), ("subject", letter.subject), ("details", details)]
    parts += [("complaint", enclosed.complaint), ("manifest", manifest.decode())]
    refuse_card_numbers(parts, known=enclosed.identifiers.union(_identifiers(alert, proofs or {}, enclosed)))

    message = headed(alert, settings, subject=letter.subject, message_id=message_id(alert, settings), thread=thread)
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    for name, content in (*files.items(), (MANIFEST, manifest)):
        maintype, subtype = TYPES[name.rpartition(".")[2]]
        charset = {"charset": "utf-8"} if maintype == "text" else {}
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name, params=charset)
    message["Content-Language"] = alert.locale  # last: making a multipart moves Content-* into its first part
    name_boundaries(message, alert.alert_id)
    return message


class Addressed(Protocol):
    """What a mail's headers need to know."""

    @property
    def merchant_id(self) -> str:
        """Whose mail it is."""

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who gets it."""

    @property
    def decided_at(self) -> dt.datetime:
        """Its date."""

    @property
    def business_date(self) -> dt.date:
        """The day of its thread."""

    @property
    def alert_id(self) -> str:
        """The same mail always has the same."""


def headed(
    mail: Addressed, settings: Settings, *, subject: str, message_id: str, thread: Sequence[str] = ()
) -> EmailMessage:
    """A mail with its headers and no content yet."""
    message = EmailMessage(policy=POLICY)
    message["Subject"] = subject
    name, address = parseaddr(settings.alerts.sender)
    message["From"] = formataddr((name or "tillwatch", address))
    message["To"] = ", ".join(mail.recipients)
    if settings.alerts.feedback:
        message["Reply-To"] = settings.alerts.feedback
    message["Date"] = format_datetime(mail.decided_at)
    message["Message-ID"] = message_id
    if thread:
        message["In-Reply-To"] = thread[-1]
        message["References"] = " ".join(thread)
    whose = mail.merchant_id.lower() if mail.merchant_id.isalnum() else "all"
    message["List-Id"] = f"tillwatch <{whose}.alerts.{host_of(settings)}>"
    message["List-Unsubscribe"] = f"<mailto:{settings.alerts.feedback or address}?subject=unsubscribe>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    return message


def message_id(mail: Addressed, settings: Settings) -> str:
    """<20261121.….@host>: a function of the merchant, the day, what is told and the readers."""
    return f"<{mail.business_date:%Y%m%d}.{mail.alert_id}@{host_of(settings)}>"


def drawn(alert: Alert, settings: Settings, enclosed: Enclosed = NOTHING) -> tuple[Letter, str, str]:
    """The letter, its text and its HTML; with fewer cases in full until mailboxes show the HTML whole."""
    most = min(MOST_CASES, len(alert.cases))
    while True:
        letter = compose(alert, settings, most_cases=most, enclosed=enclosed)
        html = render_html(letter)
        if len(html.encode()) <= LARGEST or most == 1:
            return letter, render_text(letter), html
        most -= 1


def host_of(settings: Settings) -> str:
    """The sender's host."""
    return parseaddr(settings.alerts.sender)[1].rpartition("@")[2] or "tillwatch.invalid"


def _identifiers(alert: Alert, proofs: Proofs, enclosed: Enclosed) -> Iterator[str]:
    """Our own identifiers, and what shows where bytes are, some as long as a card number."""
    yield from (alert.merchant_id, alert.alert_id)
    for each in enclosed.proof.get("ranges", ()):
        yield from (each["segment_id"], each["file"], each["sha256"], each["segment_sha256"])
    for each in enclosed.proof.get("rows", ()):
        yield from (each["sha256"], *map(str, each["key"].values()))
    for case in (*alert.cases, *alert.review):
        for finding in case.findings:
            yield finding.finding_id
            for subject in finding.subjects:
                if subject.transaction_id:
                    yield subject.transaction_id
                    proof = proofs.get(subject.transaction_id, {})
                    yield from names_in(proof)


def name_boundaries(message: EmailMessage, alert_id: str) -> None:
    """Boundaries that are a function of the mail."""
    for index, part in enumerate(message.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_{alert_id}_{index}")

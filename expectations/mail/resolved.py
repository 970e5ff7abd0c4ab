"""The closing mail: the money is back. Sent once to everybody who was told of the case, in its thread.

It goes through the same ledger as every mail, under the name of the case's outcome; a case
whose readers all know is closed.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from expectations.cases.record import CaseRecord
from expectations.mail.blocks import Fine, Letter, Moment, Note, Opening, Timeline, Verdict
from expectations.mail.cardcheck import refuse_card_numbers
from expectations.mail.cases import happened
from expectations.mail.catalogue import Locale, texts
from expectations.mail.compose import place_of
from expectations.mail.decide import Told, readers_of
from expectations.mail.figures import Figures, number
from expectations.mail.html import render_html
from expectations.mail.message import headed, host_of, name_boundaries
from expectations.mail.section import event, result_of
from expectations.mail.text import render_text
from ingest.settings import Route, Settings


@dataclass(frozen=True, slots=True)
class Closing:
    """One closing mail: a case whose money is back, told to readers of one language."""

    record: CaseRecord
    locale: Locale
    recipients: tuple[str, ...]
    decided_at: dt.datetime
    month_fen: int
    month_cases: int

    @property
    def merchant_id(self) -> str:
        """Whose case it is."""
        return self.record.merchant_id

    @property
    def finding_ids(self) -> tuple[str, ...]:
        """The name under which the ledger keeps that it was told."""
        return (outcome_name(self.record),)

    @property
    def review_ids(self) -> tuple[str, ...]:
        """Nothing is for review."""
        return ()

    @property
    def business_date(self) -> dt.date:
        """The case's day: its thread."""
        return max(each.business_date for each in self.record.findings)

    @property
    def alert_id(self) -> str:
        """The same closing to the same readers always has the same id."""
        content = [self.merchant_id, self.locale, self.recipients, self.finding_ids]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def outcome_name(record: CaseRecord) -> str:
    """How the ledger names the outcome of a case; each time that its money came back is one."""
    times = sum(each.kind == "recovered" and each.state == "recovered" for each in record.log)
    return f"resolved:{record.number}:{times}"


def closings(
    records: Sequence[CaseRecord], routes: Sequence[Route], told: Collection[Told], now: dt.datetime
) -> tuple[list[Closing], list[str]]:
    """The closing mails that are due, and the numbers of the cases that nobody need be told of any more.

    Args:
        records: every case that is, or was this month, recovered, with findings and log.
        routes: who gets a merchant's mails.
        told: what the ledger says.
        now: the decision moment, aware.
    """
    due, done = [], []
    for record in records:
        if record.state != "recovered":
            continue
        wanted: dict[Locale, list[str]] = {}
        for locale, address in readers_of(record.merchant_id, routes):
            knows = any(Told(each.finding_id, address, locale, as_case=True) in told for each in record.findings)
            has_it = Told(outcome_name(record), address, locale, as_case=True) in told
            if knows and not has_it:
                wanted.setdefault(locale, []).append(address)
        if not wanted:
            done.append(record.number)
        back = [each.recovered_fen for each in records if each.merchant_id == record.merchant_id]
        for locale, addresses in sorted(wanted.items()):
            due.append(Closing(record, locale, tuple(sorted(addresses)), now, sum(back), len(back)))
    return due, done


def closing_letter(closing: Closing, settings: Settings) -> Letter:
    """The mail as blocks: that it is over, what happened, what shows it, how much came back this month."""
    figures = Figures(texts(closing.locale), settings.zone, closing.decided_at)
    say, record = figures.texts.phrases, closing.record
    amount, place = figures.money(record.recovered_fen), place_of(record.merchant_id, settings, figures)
    proofs = proofs_of(record, figures)
    case = record.told(closing.decided_at)
    rows = tuple(
        Moment(
            figures.moment(when) if (when := happened(each)) else "", event(each, figures), *result_of(each, figures)
        )
        for each in case.subjects
    )
    named = {"number": record.number, "amount": amount, "place": place, "proof": proofs[0] if proofs else ""}
    headline = say["resolved_headline"].format(**named)
    month = say["resolved_month"].format(amount=figures.money(closing.month_fen), n=closing.month_cases)
    return Letter(
        locale=closing.locale,
        subject=say["resolved_subject"].format(**named).removesuffix(" | "),
        blocks=(
            Opening(place=place, day=figures.date(record.business_date)),
            Verdict(say["resolved_verdict"], headline, "", say["resolved_calm"], "calm"),
            Note(say["resolved_proof"], say["list_semicolon"].join(proofs) + say["sentence_end"]),
            Timeline(rows=rows),
            Note(say["resolved_total"], month + say["sentence_end"]),
            Fine(lines=(say["privacy"], say["recipients"])),
        ),
    )


def closing_message(closing: Closing, settings: Settings, *, thread: Sequence[str] = ()) -> EmailMessage:
    """The closing mail, in the thread of the mail that told of the case.

    Raises:
        CardNumberError: something in it looks like a whole card number.
    """
    letter = closing_letter(closing, settings)
    text, html = render_text(letter), render_html(letter)
    parts = (("text", text), ("HTML", html), ("subject", letter.subject))
    refuse_card_numbers(parts, known=frozenset({closing.merchant_id, closing.alert_id}))
    message = headed(closing, settings, subject=letter.subject, message_id=closing_id(closing, settings), thread=thread)
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    message["Content-Language"] = closing.locale
    name_boundaries(message, closing.alert_id)
    return message


def closing_id(closing: Closing, settings: Settings) -> str:
    """The Message-ID: a function of the case, its outcome and the readers."""
    return f"<{closing.business_date:%Y%m%d}.{closing.alert_id}@{host_of(settings)}>"


def proofs_of(record: CaseRecord, figures: Figures) -> list[str]:
    """What shows the money back, in words; what a person wrote when it was not seen by us."""
    entry = next((each for each in reversed(record.log) if each.kind == "recovered"), None)
    if entry is None:
        return []
    if entry.proof is None:
        return [entry.text] if entry.text else []
    return [_proof(each, figures) for each in json.loads(entry.proof)]


def _proof(proof: dict[str, Any], figures: Figures) -> str:
    say = figures.texts.phrases
    when = ""
    if proof["at"]:
        is_moment = "T" in proof["at"]
        when = (
            figures.moment(dt.datetime.fromisoformat(proof["at"]))
            if is_moment
            else figures.date(dt.date.fromisoformat(proof["at"]))
        )
    slip = "" if proof["stan"] is None else say["proof_slip"].format(stan=number(proof["stan"]))
    kind = figures.texts.word("types", proof["txn_type"]) or proof["txn_type"]
    return " ".join(say[f"proof_{proof['source']}"].format(when=when, type=kind, slip=slip).split())

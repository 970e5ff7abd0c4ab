"""The closing mail: the money is back. Sent once to everybody who was told of the case, in its thread.

It goes through the same ledger as every mail, under the name of the case's outcome; a case
whose readers all know is closed.
"""

import datetime as dt
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from expectations.cases.record import CaseRecord, MoneyBack
from expectations.mail.blocks import Fine, Letter, Moment, Note, Opening, Timeline, Verdict
from expectations.mail.cases import happened
from expectations.mail.catalogue import Locale
from expectations.mail.compose import place_of
from expectations.mail.figures import Figures, number
from expectations.mail.history import Told
from expectations.mail.moments import event, result_of
from expectations.mail.notice import Notice
from expectations.mail.routes import NO_FACTS, Facts, readers_of
from expectations.money import total
from ingest.alerting import Role
from ingest.settings import Settings

TELLABLE: tuple[Role, ...] = ("finance", "manager", "agent")
"""Roles that are told of single cases."""


def outcome_name(record: CaseRecord) -> str:
    """How the ledger names the outcome of a case; each time that its money came back is one."""
    times = sum(each.kind == "recovered" and each.state == "recovered" for each in record.log)
    return f"resolved:{record.number}:{times}"


def closings(
    records: Sequence[CaseRecord],
    money_back: Sequence[MoneyBack],
    told: Collection[Told],
    now: dt.datetime,
    *,
    settings: Settings,
    facts: Facts = NO_FACTS,
) -> tuple[list[Notice], list[str]]:
    """The closing mails that are due, and the numbers of the cases that nobody need be told of any more.

    Args:
        records: every case that is recovered, with findings and log.
        money_back: what came back in all cases, and when.
        told: what the ledger says has been told or given up.
        now: the decision moment, aware.
        settings: who gets a merchant's mails, and how it is called.
        facts: what routes may ask for.
    """
    due, done = [], []
    for record in records:
        wanted: dict[Locale, list[str]] = {}
        for locale, address in readers_of(record.merchant_id, settings.alerts.routes, facts, roles=TELLABLE):
            knows = any(Told(each.finding_id, address, locale, as_case=True) in told for each in record.findings)
            has_it = Told(outcome_name(record), address, locale, as_case=True) in told
            if knows and not has_it:
                wanted.setdefault(locale, []).append(address)
        if not wanted:
            done.append(record.number)
        for locale, addresses in sorted(wanted.items()):
            due.append(
                Notice(
                    kind="closing",
                    merchant_id=record.merchant_id,
                    locale=locale,
                    recipients=tuple(sorted(addresses)),
                    decided_at=now,
                    business_date=max(each.business_date for each in record.findings),
                    finding_ids=(outcome_name(record),),
                    letter=_letter(record, Figures.of(locale, settings, now), settings, money_back),
                    cases=1,
                )
            )
    return due, done


def _letter(record: CaseRecord, figures: Figures, settings: Settings, money_back: Sequence[MoneyBack]) -> Letter:
    """That it is over, what happened, what shows it, how much came back in the same month."""
    say = figures.texts.phrases
    amount, place = figures.sums(record.recovered), place_of(record.merchant_id, settings, figures)
    proofs = proofs_of(record, figures)
    rows = tuple(
        Moment(
            figures.moment(when) if (when := happened(each)) else "", event(each, figures), *result_of(each, figures)
        )
        for each in record.told(figures.now).subjects
    )
    named = {"number": record.number, "amount": amount, "place": place, "proof": proofs[0] if proofs else ""}
    headline = say["resolved_headline"].format(**named)
    return Letter(
        locale=figures.locale,
        subject=say["resolved_subject"].format(**named).removesuffix(" | "),
        blocks=(
            Opening(place=place, day=figures.date(record.business_date)),
            Verdict(say["resolved_verdict"], headline, "", say["resolved_calm"], "calm"),
            Note(say["resolved_proof"], say["list_semicolon"].join(proofs) + say["sentence_end"]),
            Timeline(rows=rows),
            Note(say["resolved_total"], _month(record, money_back, figures) + say["sentence_end"]),
            Fine(lines=(say["privacy"], say["recipients"])),
        ),
    )


def _month(record: CaseRecord, money_back: Iterable[MoneyBack], figures: Figures) -> str:
    """What came back of this merchant's money in the month in which this case's did."""
    local = [(each, each.at.astimezone(figures.zone).date()) for each in money_back]
    today = figures.now.astimezone(figures.zone).date()
    last = max(
        (day for each, day in local if each.number == record.number),
        default=today,
    )
    theirs = [
        each
        for each, day in local
        if each.merchant_id == record.merchant_id and (day.year, day.month) == (last.year, last.month)
    ]
    return figures.texts.phrase("resolved_month").format(
        month=figures.month(last),
        amount=figures.sums(total(each.amount for each in theirs)),
        n=len({each.number for each in theirs}),
    )


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

"""The mails as they would leave, written to a folder, and nothing sent or noted.

Shows what is due and what waits for its hour. When everything has been told already, it shows each
merchant's last business day once more, so that there is always something to look at.
"""

import datetime as dt
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from expectations.evidence.enclosing import Enclosing
from expectations.mail.catalogue import Locale
from expectations.mail.decide import Alert, Known, decide
from expectations.mail.ledger import Ledger
from expectations.mail.message import POLICY, build_message
from expectations.mail.notice import notice_message
from expectations.mail.plan import Mail, plan
from expectations.mail.proofs import proofs_of, proven
from expectations.mail.send import hurried
from expectations.mail.world import look
from expectations.reports.source import source_of
from ingest.alerting import Route
from ingest.errors import UsageError
from ingest.permissions import PRIVATE_FOLDER, write_private
from ingest.settings import Settings
from ingest.tables import Lake

NOBODY = "nobody@tillwatch.invalid"
"""Stands for the reader where no route names one."""


@dataclass(frozen=True, slots=True)
class Preview:
    """One mail, drawn."""

    alert: Mail
    message: EmailMessage
    told_already: bool


def previews(
    settings: Settings, now: dt.datetime, *, locale: Locale | None = None, merchant: str | None = None
) -> list[Preview]:
    """The mails that are due or wait for their hour; in one language if asked for."""
    lake = Lake.of(settings.lake)
    settings = hurried(_with_readers(settings, locale))
    world = look(settings, lake, Ledger(lake), now, merchant)
    mails: list[Mail] = [
        each
        for each in plan(world, source=source_of(settings, lake, world)).mails
        if merchant in {None, each.merchant_id}
    ]
    told_already = not mails
    if told_already:
        by_day = sorted(world.findings, key=lambda each: each.business_date)
        last = {each.merchant_id: each.business_date for each in by_day}
        newest = [each for each in world.findings if each.business_date == last[each.merchant_id]]
        mails += decide(newest, settings.alerts.routes, now, Known(numbers=world.numbers, facts=world.facts)).alerts
    proofs, enclosing = proofs_of(proven(mails), lake, settings.zone), Enclosing(settings)
    found = []
    for mail in mails:
        thread = world.history.thread(mail.merchant_id, mail.business_date, mail.locale, mail.recipients)
        if isinstance(mail, Alert):
            enclosed = enclosing.of(mail)
            message = build_message(mail, settings, proofs=proofs, enclosed=enclosed, thread=thread)
        else:
            message = notice_message(mail, settings, proofs=proofs, thread=thread)
        found.append(Preview(mail, message, told_already))
    return found


def write_preview(preview: Preview, folder: Path) -> dict[str, Path]:
    """The mail as .eml, and its two parts as .html and .txt, for their owner alone; where they are."""
    alert = preview.alert
    whose = alert.merchant_id if alert.merchant_id.isalnum() else "all"
    stem = f"{alert.business_date:%Y-%m-%d}-{whose}-{alert.locale}-{alert.alert_id[:8]}"
    files = {
        "eml": preview.message.as_bytes(policy=POLICY),
        "html": _part(preview.message, "html"),
        "txt": _part(preview.message, "plain"),
    }
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        paths = {}
        for suffix, content in files.items():
            paths[suffix] = folder / f"{stem}.{suffix}"
            write_private(paths[suffix], content)
    except OSError as wrong:
        raise UsageError(f"{folder}: cannot be written: {wrong.strerror}", hint="name another folder with -o") from None
    return paths


def _part(message: EmailMessage, kind: str) -> bytes:
    part = message.get_body(preferencelist=(kind,))
    return part.get_content().encode() if part is not None else b""


def _with_readers(settings: Settings, locale: Locale | None) -> Settings:
    """Routes that name somebody in the language asked for."""
    routes = settings.alerts.routes or [Route(to=[NOBODY], locale=locale or "zh-CN")]
    if locale is not None:
        routes = [route.model_copy(update={"locale": locale}) for route in routes]
    return settings.model_copy(update={"alerts": settings.alerts.model_copy(update={"routes": routes})})

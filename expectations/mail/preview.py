"""The mails as they would leave, written to a folder, and nothing sent or noted.

Shows what is due. When everything has been told already, it shows each merchant's last
business day once more, so that there is always something to look at.
"""

import datetime as dt
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from expectations.cases.book import case_book
from expectations.mail.catalogue import Locale
from expectations.mail.decide import Alert, decide
from expectations.mail.ledger import Ledger
from expectations.mail.message import POLICY, build_message
from expectations.mail.proofs import proofs_of
from expectations.mail.send import due, known_findings
from ingest.errors import UsageError
from ingest.permissions import PRIVATE_FOLDER, write_private
from ingest.settings import Route, Settings
from ingest.tables import Lake

NOBODY = "nobody@tillwatch.invalid"
"""Stands for the reader where no route names one."""


@dataclass(frozen=True, slots=True)
class Preview:
    """One mail, drawn."""

    alert: Alert
    message: EmailMessage
    told_already: bool


def previews(
    settings: Settings, now: dt.datetime, *, locale: Locale | None = None, merchant: str | None = None
) -> list[Preview]:
    """The mails of this moment; in one language if asked for."""
    lake = Lake.of(settings.lake)
    settings = _with_readers(settings, locale)
    ledger = Ledger(lake)
    alerts = due(settings, lake, ledger, now, merchant).alerts
    told_already = not alerts
    if told_already:
        findings = known_findings(lake, merchant)
        last = {each.merchant_id: each.business_date for each in sorted(findings, key=lambda f: f.business_date)}
        newest = [each for each in findings if each.business_date == last[each.merchant_id]]
        numbers = case_book(settings).open_cases(findings).numbers
        alerts = decide(newest, settings.alerts.routes, now, numbers=numbers).alerts
    proofs = proofs_of(alerts, lake, settings.zone)
    return [
        Preview(alert, build_message(alert, settings, proofs=proofs, thread=ledger.thread(alert)), told_already)
        for alert in alerts
    ]


def write_preview(preview: Preview, folder: Path) -> dict[str, Path]:
    """The mail as .eml, and its two parts as .html and .txt, for their owner alone; where they are."""
    alert = preview.alert
    stem = f"{alert.business_date:%Y-%m-%d}-{alert.merchant_id}-{alert.locale}-{alert.alert_id[:8]}"
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

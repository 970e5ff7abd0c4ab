"""Links in mails that need no log-in: signed, for one case and one answer, and good until a day.

Whoever has the link may see this one case and give an answer to it, nothing else. Following it
changes nothing: the page it leads to asks, and only its button answers.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from expectations.cases.wording import words
from expectations.feedback.answers import ANSWERS, Answer, answers_for
from expectations.mail.cases import Case
from expectations.mail.catalogue import Locale
from ingest.errors import KeyFileError, UsageError
from ingest.keys import read_master, sub_key
from ingest.settings import Settings

if TYPE_CHECKING:
    from itsdangerous import URLSafeSerializer


class BadLinkError(UsageError):
    """A link that was not made here, or was changed."""


class ExpiredLinkError(UsageError):
    """A link whose days are over."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is for."""

    number: str
    answer: Answer
    until: dt.datetime


def link_for(
    case_number: str, answer: str, settings: Settings, *, now: dt.datetime | None = None, locale: str | None = None
) -> str | None:
    """The address under which a reader gives this answer to this case.

    The same arguments on the same day give the same address.

    Args:
        case_number: such as ``C-1121-0007``.
        answer: one of `ANSWERS`; `answers_for` says which a case asks for.
        settings: ``[app]`` names the address, the key and for how many days a link works.
        now: when the mail is written, aware; the clock by default.
        locale: the reader's language; the browser's by default.

    Returns:
        None when no ``app.url`` is configured, or the key cannot be read: ``tillwatch doctor`` says so, the mail goes
        out without it.

    Raises:
        ValueError: there is no such answer.
    """
    if answer not in ANSWERS:
        message = f"no answer is called {answer!r}; there are {', '.join(ANSWERS)}"
        raise ValueError(message)
    if settings.app.url is None:
        return None
    try:
        signer = _signer(settings.app.key)
    except KeyFileError:
        return None
    day = (now or dt.datetime.now(dt.UTC)).astimezone(dt.UTC).date()
    last = day + dt.timedelta(days=settings.app.link_days)
    token = signer.dumps([case_number, answer, last.toordinal()])
    said = token.decode() if isinstance(token, bytes) else token
    return f"{settings.app.url}/a/{said}" + (f"?lang={locale}" if locale else "")


def buttons(
    case: Case, settings: Settings, locale: Locale, *, now: dt.datetime | None = None
) -> tuple[tuple[str, str], ...]:
    """(word, address) for every answer to a case, as mails show them; none without ``app.url`` or a number."""
    if not case.number:
        return ()
    found = ((answer, link_for(case.number, answer, settings, now=now, locale=locale)) for answer in answers_for(case))
    return tuple((answer_word(answer, case, locale), address) for answer, address in found if address)


def answer_word(answer: Answer, case: Case, locale: Locale) -> str:
    """What the button says: 确认重复, 是两笔消费, 已处理, …"""
    other = answer == "confirmed" and not case.asks_duplicate
    return words(locale)["answers"]["confirmed-other" if other else answer]


def read_link(token: str, settings: Settings, *, now: dt.datetime | None = None) -> Link:
    """What a link is for.

    Raises:
        BadLinkError: it was not made with this key, or was changed.
        ExpiredLinkError: its days are over.
        KeyFileError: the key cannot be read.
    """
    from itsdangerous import BadData

    try:
        number, answer, last = _signer(settings.app.key).loads(token)
    except (BadData, ValueError, TypeError):
        raise BadLinkError("this link was not made here, or was changed", hint="open it from the mail itself") from None
    until = dt.datetime.combine(dt.date.fromordinal(last), dt.time.max, dt.UTC)
    if (now or dt.datetime.now(dt.UTC)) > until:
        raise ExpiredLinkError("this link is too old", hint="log in to the page of cases, or ask for a new mail")
    return Link(number, cast("Answer", answer), until)


def _signer(key: Path) -> "URLSafeSerializer":
    from itsdangerous import URLSafeSerializer

    _, master = read_master(key)
    return URLSafeSerializer(sub_key(master, "mail link"), salt="tillwatch mail link 1")

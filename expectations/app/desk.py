"""What every page is made with: settings, book, words, the visitor, and the guard of every form."""

import base64
import datetime as dt
import functools
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from expectations.app.people import OWNER, Visitor, grants_of
from expectations.cases.book import CaseBook
from expectations.cases.database import database_of
from expectations.cases.wording import words
from expectations.catalogues import nested
from expectations.feedback.record import Feedback
from expectations.mail.catalogue import LOCALES, Locale
from expectations.mail.figures import Figures
from expectations.mail.ledger import Ledger
from ingest.keys import read_master, sub_key
from ingest.settings import Settings
from ingest.tables import Lake

TEXTS = Path(__file__).parent / "texts"
CSRF = "csrf"
"""The form's field, and the session's, that must agree."""
BY_MAIL = "mail link"
"""Who stands in the log for whoever had the mail."""


class LoginNeededError(Exception):
    """The page is for people who have logged in."""


@dataclass(frozen=True, slots=True)
class Desk:
    """One running page of cases.

    Attributes:
        settings: what it serves.
        book: the cases.
        feedback: the answers to them.
        session_key: signs the cookie.
        token: the one log-in where there is no log-in server.
        base: path before every address, when a proxy serves it below one.
        now: the clock.
    """

    settings: Settings
    book: CaseBook
    feedback: Feedback
    session_key: str
    token: str
    base: str
    now: Callable[[], dt.datetime]

    def figures(self, locale: Locale) -> Figures:
        """How this moment's pages write figures."""
        return Figures.of(locale, self.settings, self.now())

    def shop(self, merchant_id: str) -> str:
        """A merchant's name, or its number."""
        named = {each.id: each.name for each in self.settings.merchants}
        return named.get(merchant_id, merchant_id)


def make_desk(settings: Settings, now: Callable[[], dt.datetime] | None = None) -> Desk:
    """The desk of these settings.

    Raises:
        KeyFileError: ``app.key`` is not there, or not a key.
        UsageError, CaseError: the database of cases cannot be used.
    """
    _, master = read_master(settings.app.key)
    database, clock = database_of(settings), now or (lambda: dt.datetime.now(dt.UTC))
    return Desk(
        settings=settings,
        book=CaseBook(database, now=clock),
        feedback=Feedback(database, Ledger(Lake.of(settings.lake)), now=clock),
        session_key=sub_key(master, "app session").hex(),
        token=login_token(master),
        base=urlsplit(settings.app.url or "").path,
        now=clock,
    )


def login_token(master: bytes) -> str:
    """The token of a key: 160 bits as 32 small letters and digits."""
    return base64.b32encode(sub_key(master, "app token")[:20]).decode().lower()


def desk_of(request: Request) -> Desk:
    """The desk that serves this request."""
    return cast("Desk", request.app.state.desk)


def visitor_of(request: Request) -> Visitor:
    """Who asks.

    Raises:
        LoginNeededError: nobody we know, or the log-in is too old.
    """
    desk, session = desk_of(request), request.session
    since = session.get("since", 0)
    if desk.now().timestamp() - since > desk.settings.app.session_hours * 3600:
        raise LoginNeededError
    if desk.settings.app.oidc_issuer is None:
        if session.get("who") != OWNER.name:
            raise LoginNeededError
        return OWNER
    name, groups = session.get("who", ""), session.get("groups", [])
    grants = grants_of(name, groups, desk.settings.app.people)
    if not name or not grants:
        raise LoginNeededError
    return Visitor(name, grants)


def locale_of(request: Request) -> Locale:
    """The reader's language: asked for in the address, chosen before, or the browser's."""
    asked = request.query_params.get("lang")
    if asked in LOCALES:
        request.session["lang"] = asked
        return asked
    chosen = request.session.get("lang")
    if chosen in LOCALES:
        return cast("Locale", chosen)
    first = request.headers.get("accept-language", "zh").split(",")[0].strip().lower()
    return "zh-CN" if first.startswith("zh") else "en"


def csrf_of(request: Request) -> str:
    """What this session's forms carry; made when the first form is drawn."""
    if CSRF not in request.session:
        request.session[CSRF] = secrets.token_urlsafe(24)
    return str(request.session[CSRF])


async def guard(request: Request) -> None:
    """Refuse what another site's page sent, and what does not carry this session's own word.

    Raises:
        HTTPException: 403.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    ours = {request.headers.get("host", ""), urlsplit(desk_of(request).settings.app.url or "").netloc}
    strange = site not in {None, "same-origin", "none"} or (origin is not None and urlsplit(origin).netloc not in ours)
    given = (await request.form()).get(CSRF, "")
    wanted = request.session.get(CSRF, "")
    if strange or not wanted or not hmac.compare_digest(str(given).encode(), str(wanted).encode()):
        raise HTTPException(403, "form")


def page(request: Request, template: str, *, status: int = 200, visitor: Visitor | None = None, **values: Any) -> Any:
    """A page of this template, in the reader's language."""
    desk, locale = desk_of(request), locale_of(request)
    say = app_words(locale)
    html = _environment().get_template(template).render(
        say=say, word=words(locale), locale=locale, base=desk.base, path=request.url.path,
        visitor=visitor, csrf=csrf_of(request), figures=desk.figures(locale), shop=desk.shop,
        who=lambda by: say["by_mail"] if by == BY_MAIL else by,
        oidc=desk.settings.app.oidc_issuer is not None, **values,
    )  # fmt: skip
    return HTMLResponse(html, status)


@functools.cache
def app_words(locale: Locale) -> Mapping[str, str]:
    """The words of the pages themselves."""
    said: Mapping[str, str] = nested(TEXTS / f"{locale}.po")["pages"]
    return said


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("expectations.app", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["kind"] = lambda block: type(block).__name__
    environment.globals["base64"] = lambda data: base64.b64encode(data).decode()
    return environment

"""The pages put together: routes, the signed session, headers that close what browsers leave open, errors as pages."""

import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from expectations.app import answering, casepage, listing, login
from expectations.app.desk import LoginNeededError, locale_of, make_desk, page
from expectations.cases.refusals import StepRefusedError
from expectations.cases.wording import words
from ingest.errors import TillwatchError, UsageError
from ingest.settings import Settings

STATIC = Path(__file__).parent / "static"
LOCAL = ("127.0.0.1", "localhost", "[::1]")
KNOWN = frozenset({"form", "right", "case", "field", "amount"})
REASONS = {400: "field", 403: "right", 404: "case"}


def create_app(settings: Settings, *, now: Callable[[], dt.datetime] | None = None) -> FastAPI:
    """The page of cases of these settings.

    Raises:
        KeyFileError: ``app.key`` or the log-in secret cannot be used.
        UsageError: ``cases.url`` cannot be used.
    """
    desk = make_desk(settings, now)
    app = FastAPI(title="tillwatch", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = desk
    app.state.oauth = login.log_in_server(settings.app)
    secure = (settings.app.url or "").startswith("https://")
    app.add_middleware(
        SessionMiddleware, secret_key=desk.session_key, session_cookie="tillwatch", same_site="lax", https_only=secure,
        max_age=settings.app.session_hours * 3600, path=desk.base or "/",
    )  # fmt: skip
    hosts = {*LOCAL, settings.app.listen.rpartition(":")[0], urlsplit(settings.app.url or "").hostname or "localhost"}
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=sorted(hosts), www_redirect=False)
    policy = _policy(settings)

    @app.middleware("http")
    async def close_up(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await go_on(request)
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        if not request.url.path.startswith("/static/"):
            response.headers["Cache-Control"] = "no-store"
        return response

    for each in (login, listing, casepage, answering):
        app.include_router(each.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.get("/")
    def first() -> Any:
        return RedirectResponse(f"{desk.base}/cases", 303)

    @app.get("/healthz")
    def healthy() -> Any:
        return PlainTextResponse("ok\n")

    _errors(app)
    return app


def _policy(settings: Settings) -> str:
    """No script, nothing from elsewhere, framed by nobody but whom the settings name."""
    framed = " ".join(settings.app.framed_by) or "'none'"
    return (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {framed}"
    )


def _errors(app: FastAPI) -> None:
    @app.exception_handler(LoginNeededError)
    async def log_in(request: Request, wrong: LoginNeededError) -> Any:
        del wrong
        return RedirectResponse(login.login_address(request), 303)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, wrong: HTTPException) -> Any:
        reason = wrong.detail if wrong.detail in KNOWN else None
        reason = reason or REASONS.get(wrong.status_code, "field")
        return page(request, "error.html.j2", status=wrong.status_code, reason=reason)

    @app.exception_handler(RequestValidationError)
    async def misfit(request: Request, wrong: RequestValidationError) -> Any:
        del wrong
        return page(request, "error.html.j2", status=400, reason="field")

    @app.exception_handler(StepRefusedError)
    async def refused_step(request: Request, wrong: StepRefusedError) -> Any:
        states = words(locale_of(request))["states"]
        values = {name: states.get(value, value) for name, value in wrong.values.items()}
        return page(request, "error.html.j2", status=409, reason=f"refused_{wrong.code}", values=values)

    @app.exception_handler(UsageError)
    async def may_not(request: Request, wrong: UsageError) -> Any:
        return page(request, "error.html.j2", status=409, reason="may_not", more=wrong.message)

    @app.exception_handler(TillwatchError)
    async def could_not(request: Request, wrong: TillwatchError) -> Any:
        return page(request, "error.html.j2", status=503, reason="could_not", more=f"{wrong.message}. {wrong.hint}")

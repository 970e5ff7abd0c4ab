"""Getting in: one token for one user, or a log-in server by OpenID Connect."""

import hmac
import warnings
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse

from expectations.app.desk import desk_of, guard, page
from expectations.app.people import OWNER, grants_of
from expectations.mail.server import read_secret
from ingest.app_settings import App

if TYPE_CHECKING:
    from authlib.integrations.starlette_client import OAuth

router = APIRouter()


def log_in_server(app: App) -> "OAuth | None":
    """The client of the configured log-in server; what the server offers is asked for at the first log-in.

    Raises:
        KeyFileError: the secret's file cannot be used.
    """
    if app.oidc_issuer is None or app.oidc_secret_file is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the name of its HTTP library
        from authlib.integrations.starlette_client import OAuth

    oauth = OAuth()
    oauth.register(
        "issuer",
        server_metadata_url=f"{app.oidc_issuer}/.well-known/openid-configuration",
        client_id=app.oidc_client,
        client_secret=read_secret(app.oidc_secret_file, "app.oidc_secret_file"),
        client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 10},
    )
    return oauth


def safe_path(wanted: str) -> str:
    """Where to go on to after the log-in: a path of ours, or the list."""
    parts = urlsplit(wanted)
    odd = parts.scheme or parts.netloc or not wanted.startswith("/") or wanted[1:2] in {"/", "\\"}
    return "/cases" if odd or not wanted.isprintable() else wanted


@router.get("/login")
def form(request: Request, next: str = "/cases") -> Any:  # noqa: A002  the address says so
    """Ask for the token, or lead to the log-in server."""
    return page(request, "login.html.j2", onward=safe_path(next), wrong="")


@router.post("/login", dependencies=[Depends(guard)])
def by_token(request: Request, token: Annotated[str, Form()], next: Annotated[str, Form()] = "/cases") -> Any:  # noqa: A002
    """Take the token."""
    desk, onward = desk_of(request), safe_path(next)
    given = token.strip().lower().encode()
    if desk.settings.app.oidc_issuer is not None or not hmac.compare_digest(given, desk.token.encode()):
        return page(request, "login.html.j2", status=401, onward=onward, wrong="token_wrong")
    _begin(request, OWNER.name, [])
    return RedirectResponse(desk.base + onward, 303)


@router.get("/login/server")
async def to_server(request: Request, next: str = "/cases") -> Any:  # noqa: A002
    """Lead to the log-in server."""
    desk = desk_of(request)
    if desk.settings.app.oidc_issuer is None:
        return RedirectResponse(f"{desk.base}/login", 303)
    request.session["onward"] = safe_path(next)
    back = f"{desk.settings.app.url}/login/callback"
    try:
        return await request.app.state.oauth.issuer.authorize_redirect(request, back)
    except Exception:  # noqa: BLE001  whatever the server's description fails of: nobody gets in, and is told so
        return page(request, "login.html.j2", status=502, onward="/cases", wrong="server_silent")


@router.get("/login/callback")
async def from_server(request: Request) -> Any:
    """Back from the log-in server, with its word for who it is."""
    desk, app = desk_of(request), desk_of(request).settings.app
    if app.oidc_issuer is None:
        return RedirectResponse(f"{desk.base}/login", 303)
    from authlib.integrations.base_client import OAuthError

    onward = safe_path(request.session.pop("onward", "/cases"))
    try:
        answer = await request.app.state.oauth.issuer.authorize_access_token(request)
        claims = dict(answer["userinfo"])
    except (OAuthError, KeyError):
        return page(request, "login.html.j2", status=401, onward=onward, wrong="server_refused")
    except Exception:  # noqa: BLE001  an answer that is no answer: nobody gets in
        return page(request, "login.html.j2", status=502, onward=onward, wrong="server_silent")
    name = str(claims.get("email", "")) if claims.get("email_verified", True) is True else ""
    groups = [str(each) for each in claims.get(app.oidc_groups) or [] if isinstance(each, str)]
    name = name or (str(claims.get("sub", "")) if groups else "")
    if not name or not grants_of(name, groups, app.people):
        return page(request, "login.html.j2", status=403, onward=onward, wrong="nobody")
    _begin(request, name, groups)
    return RedirectResponse(desk.base + onward, 303)


@router.post("/logout", dependencies=[Depends(guard)])
def leave(request: Request) -> Any:
    """Forget who it is."""
    lang = request.session.get("lang")
    request.session.clear()
    if lang:
        request.session["lang"] = lang
    return RedirectResponse(f"{desk_of(request).base}/login", 303)


def login_address(request: Request) -> str:
    """Where somebody who has not logged in is sent, to come back here after."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    onward = here if request.method == "GET" else "/cases"
    return f"{desk_of(request).base}/login?next={quote(onward, safe='/')}"


def _begin(request: Request, name: str, groups: list[str]) -> None:
    """A session of its own for whoever has just proven who they are."""
    lang = request.session.get("lang")
    request.session.clear()
    request.session.update({"who": name, "groups": groups, "since": int(desk_of(request).now().timestamp())})
    if lang:
        request.session["lang"] = lang

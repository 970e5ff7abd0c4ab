"""Tokens for a mail server that wants OAuth 2.0: Gmail, Outlook, and whoever speaks XOAUTH2.

A refresh token is exchanged for an access token (RFC 6749, section 6), which is kept for as long as it
holds. A server that gives out another refresh token has it written into the file at once: the old one
may be dead from then on. No token stands in any message.
"""

import time
from urllib.parse import urlsplit

from ingest.alerting import OAuth
from ingest.errors import DeliveryError
from ingest.permissions import write_private

ANSWER_SECONDS = 15.0
MARGIN_SECONDS = 60.0
"""A token that holds no longer than this is not used any more."""


class TokenError(DeliveryError):
    """No token was given out."""


class Tokens:
    """Access tokens of one account.

    Args:
        oauth: where they come from.
        refresh_token: what they are given out for.
        client_secret: the application's; None for a public client.
    """

    def __init__(self, oauth: OAuth, *, refresh_token: str, client_secret: str | None) -> None:
        self._oauth = oauth
        self._refresh_token = refresh_token
        self._client_secret = client_secret
        self._access = ""
        self._until = 0.0

    def __repr__(self) -> str:
        return f"Tokens({self._oauth.token_url})"

    def access(self) -> str:
        """A token that holds.

        Raises:
            TokenError: the server gives none.
        """
        if time.monotonic() >= self._until:
            self._fetch()
        return self._access

    def forget(self) -> None:
        """The mail server did not take the token: ask for another next time."""
        self._until = 0.0

    def _fetch(self) -> None:
        from authlib.integrations.base_client import OAuthError
        from authlib.integrations.requests_client import OAuth2Session

        where = urlsplit(self._oauth.token_url).netloc
        hint = (
            f"check alerts.oauth; log in once more and put the new refresh token into {self._oauth.refresh_token_file}"
        )
        session = OAuth2Session(
            self._oauth.client_id,
            self._client_secret,
            scope=self._oauth.scope,
            token_endpoint_auth_method="client_secret_post" if self._client_secret else "none",
            default_timeout=ANSWER_SECONDS,
        )
        try:
            given = session.refresh_token(
                self._oauth.token_url, refresh_token=self._refresh_token, allow_redirects=False
            )
        except OAuthError as wrong:
            raise TokenError(f"{where}: gives no token: {_word(wrong.error)}", hint=hint) from None
        except (OSError, ValueError) as wrong:  # requests' own errors are OSErrors, what is no JSON a ValueError
            raise TokenError(f"{where}: gives no token: {type(wrong).__name__}", hint=hint) from None
        finally:
            session.close()
        access = given.get("access_token")
        if not isinstance(access, str) or not access or not access.isascii():
            raise TokenError(f"{where}: gives no token: the answer holds none", hint=hint)
        self._access = access
        self._until = time.monotonic() + max(0.0, float(given.get("expires_in") or 0) - MARGIN_SECONDS)
        self._keep(given.get("refresh_token"))

    def _keep(self, refresh_token: object) -> None:
        if not isinstance(refresh_token, str) or refresh_token in {"", self._refresh_token}:
            return
        file = self._oauth.refresh_token_file
        half = file.with_name(f"{file.name}.new")
        try:
            write_private(half, f"{refresh_token}\n".encode())
            half.replace(file)
        except OSError as wrong:
            raise TokenError(
                f"{file}: the new refresh token cannot be written: {wrong.strerror}", hint="check the folder's owner"
            ) from None
        self._refresh_token = refresh_token


def _word(code: object) -> str:
    """An error's code as RFC 6749 has them; anything else is not repeated."""
    said = str(code)
    return said if said.isascii() and said.replace("_", "").isalnum() and len(said) < 40 else "an unknown error"


def xoauth2(user: str, token: str) -> str:
    """What a client says to log in by a token (Google, Microsoft: SASL XOAUTH2)."""
    return f"user={user}\x01auth=Bearer {token}\x01\x01"

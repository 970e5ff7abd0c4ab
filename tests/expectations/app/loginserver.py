"""A small log-in server on loopback: OpenID Connect's code flow with PKCE, its keys and ID tokens by joserfc."""

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "tillwatch", "s3cret-of-the-client"


class LoginServer(ThreadingHTTPServer):
    """Logs in whoever ``claims`` says, without asking.

    ``spoil`` names what it gets wrong: ``signature`` (another key), ``audience``, ``expired`` or ``nonce``.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.key = RSAKey.generate_key(2048, {"kid": "k1"})
        self.other_key = RSAKey.generate_key(2048, {"kid": "k1"})
        self.claims: dict[str, Any] = {}
        self.spoil = ""
        self.codes: dict[str, dict[str, str]] = {}

    @property
    def issuer(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def id_token(self, nonce: str) -> str:
        """Who it is, signed."""
        now = int(time.time())
        claims: dict[str, Any] = {"iss": self.issuer, "aud": CLIENT, "sub": "u1", "nonce": nonce}
        claims |= {"iat": now, "exp": now + 60}
        claims |= self.claims
        wrong: dict[str, dict[str, Any]] = {
            "audience": {"aud": "another"},
            "expired": {"iat": now - 7200, "exp": now - 3600},
            "nonce": {"nonce": "x"},
        }
        claims |= wrong.get(self.spoil, {})
        key = self.other_key if self.spoil == "signature" else self.key
        token: str = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, key)
        return token


class Handler(BaseHTTPRequestHandler):
    """Description, keys, the way in and the token."""

    server: LoginServer

    def log_message(self, *said: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Description, keys, or straight back to the client with a code."""
        parts = urlsplit(self.path)
        issuer = self.server.issuer
        if parts.path == "/.well-known/openid-configuration":
            self._json({
                "issuer": issuer, "authorization_endpoint": f"{issuer}/authorize", "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/keys", "response_types_supported": ["code"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
            })  # fmt: skip
        elif parts.path == "/keys":
            self._json({"keys": [self.server.key.as_dict(private=False)]})
        elif parts.path == "/authorize":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            code = secrets.token_urlsafe(8)
            self.server.codes[code] = asked
            self.send_response(302)
            words = urlencode({"code": code, "state": asked["state"]})
            self.send_header("Location", f"{asked['redirect_uri']}?{words}")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        """A token for a code, once, to the client that has the secret and the code's verifier."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        given = {name: values[0] for name, values in form.items()}
        wanted = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.server.codes.pop(given.get("code", ""), None)
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or self.headers.get("Authorization") != f"Basic {wanted}" or proof != asked["code_challenge"]:
            self._json({"error": "invalid_grant"}, 400)
            return
        token = self.server.id_token(asked["nonce"])
        self._json({"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": token})

    def _json(self, said: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def log_in_server() -> Iterator[LoginServer]:
    """The server, running."""
    server = LoginServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)

"""Tells Airflow that a segment was sealed: an event of the asset ``sealed_segments``.

Landing also runs on its own schedule, so this only makes it sooner: a failure is one log
line and nothing more. A thread of its own and short timeouts, because nothing that
collects may wait for a web server. Addresses and fields are those of Airflow 3's public
REST API (``/auth/token``, ``/api/v2/assets``, ``/api/v2/assets/events``).
"""

import queue
import threading
import time
from typing import Any

from ingest.errors import KeyFileError
from ingest.settings import Airflow

ASSET = "sealed_segments"
TIMEOUT = 3.0


class Notice:
    """Sends one asset event for each sealed segment.

    Args:
        airflow: where the API is and who we are.
        tell: where a failure is told.

    Raises:
        KeyFileError: the password file cannot be read.
    """

    def __init__(self, airflow: Airflow, tell: Any) -> None:
        self._url = (airflow.url or "").rstrip("/")
        self._who = _credentials(airflow)
        self._tell = tell
        self._queue: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._token: str | None = None
        self._asset_id: int | None = None
        self._thread = threading.Thread(target=self._run, name="airflow-notice", daemon=True)
        if self._url:
            self._thread.start()

    def sealed(self, facts: dict[str, Any]) -> None:
        """Say that a segment was sealed; returns at once."""
        if self._url:
            self._queue.put(facts)

    def close(self, timeout: float) -> None:
        """Send what waits, for so many seconds at most."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(timeout)

    def _run(self) -> None:
        import httpx  # noqa: F401  # loaded now: when a collector stops, its seconds are for the calls

        while (facts := self._queue.get()) is not None:
            began = time.monotonic()
            why = self._send(facts)
            if why:
                self._tell("", "airflow-not-told", why=why, took=f"{time.monotonic() - began:.1f}s")

    def _send(self, facts: dict[str, Any]) -> str:
        """What went wrong, empty when nothing did. A token that ran out is renewed once."""
        import httpx

        try:
            with httpx.Client(base_url=self._url, timeout=TIMEOUT) as client:
                answer = self._post(client, facts)
                if answer.status_code in {401, 404}:
                    self._token = self._asset_id = None
                    answer = self._post(client, facts)
                answer.raise_for_status()
        except httpx.HTTPStatusError as wrong:
            return f"{wrong.request.url.path} answered {wrong.response.status_code}"
        except httpx.HTTPError as wrong:
            return f"{self._url}: {type(wrong).__name__}"
        except (LookupError, TypeError, ValueError) as wrong:
            return f"{self._url}: not the answer of an Airflow API ({type(wrong).__name__})"
        return ""

    def _post(self, client: Any, facts: dict[str, Any]) -> Any:
        if self._token is None:
            self._token = self._log_in(client)
        headers = {"Authorization": f"Bearer {self._token}"}
        if self._asset_id is None:
            found = client.get("/api/v2/assets", params={"name_pattern": ASSET}, headers=headers)
            if found.status_code == 401:  # the answer the caller renews the token for
                return found
            found.raise_for_status()
            self._asset_id = next(each["id"] for each in found.json()["assets"] if each["name"] == ASSET)
        return client.post("/api/v2/assets/events", json={"asset_id": self._asset_id, "extra": facts}, headers=headers)

    def _log_in(self, client: Any) -> str:
        answer = client.post("/auth/token", json=self._who) if self._who else client.get("/auth/token")
        answer.raise_for_status()
        return str(answer.json()["access_token"])


def _credentials(airflow: Airflow) -> dict[str, str] | None:
    """Name and password; None where Airflow lets everybody in (its simple auth manager's all-admins mode)."""
    if airflow.username is None:
        return None
    if airflow.password_file is None:
        return {"username": airflow.username, "password": ""}
    try:
        password = airflow.password_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise KeyFileError(
            f"{airflow.password_file}: the Airflow password cannot be read",
            hint="check airflow.password_file, its owner and mode",
        ) from None
    return {"username": airflow.username, "password": password}

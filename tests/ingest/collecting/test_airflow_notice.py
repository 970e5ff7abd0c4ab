"""The word to Airflow: one asset event a segment, and a failure is a log line."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ingest.airflow_notice import ASSET, Notice
from ingest.errors import KeyFileError
from ingest.settings import Airflow


class FakeAirflow(ThreadingHTTPServer):
    """The three addresses of Airflow 3's REST API that we use, with its status codes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls: list[tuple[str, str, Any]] = []
        self.tokens = 0
        self.asset_id = 7
        self.answers = threading.Event()
        self.answers.set()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def events(self) -> list[Any]:
        """The bodies of the asset events."""
        return [body for method, path, body in self.calls if path == "/api/v2/assets/events"]


class Handler(BaseHTTPRequestHandler):
    """Answers as Airflow does."""

    server: FakeAirflow

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        self.server.answers.wait(60)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
        path = self.path.partition("?")[0]
        self.server.calls.append((method, path, body))
        if path == "/auth/token":
            self.server.tokens += 1
            good = method == "GET" or body == {"username": "admin", "password": "secret"}
            self._say(201 if good else 401, {"access_token": f"token-{self.server.tokens}"})
        elif self.headers.get("Authorization") != f"Bearer token-{self.server.tokens}":
            self._say(401, {})
        elif path == "/api/v2/assets":
            assets = [{"id": 1, "name": f"{ASSET}_old"}, {"id": self.server.asset_id, "name": ASSET}]
            self._say(200, {"assets": assets, "total_entries": 2})
        elif path == "/api/v2/assets/events" and body["asset_id"] == self.server.asset_id:
            self._say(200, {"id": 1})
        else:
            self._say(404, {"detail": "not found"})

    def _say(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@pytest.fixture
def airflow() -> Iterator[FakeAirflow]:
    """A running one."""
    server = FakeAirflow()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def settings(url: str, folder: Path) -> Airflow:
    """Who we are."""
    (folder / "password").write_text("secret\n")
    return Airflow(url=url, username="admin", password_file=folder / "password")


def test_each_segment_is_one_event(airflow: FakeAirflow, tmp_path: Path, told: Any) -> None:
    """One log-in and one look for the asset serve every segment."""
    notice = Notice(settings(airflow.url + "/", tmp_path), told)
    for number in range(3):
        notice.sealed({"segment_id": f"{number}"})
    notice.close(5)

    assert airflow.events() == [{"asset_id": 7, "extra": {"segment_id": f"{number}"}} for number in range(3)]
    assert len(airflow.calls) == 5
    assert told.events == []


def test_an_expired_token_is_renewed(airflow: FakeAirflow, tmp_path: Path, told: Any) -> None:
    """A token that ran out and an asset that got a new number (a new database) are looked up again."""
    notice = Notice(settings(airflow.url, tmp_path), told)
    notice.sealed({"segment_id": "a"})
    while len(airflow.events()) < 1:
        time.sleep(0.01)
    airflow.tokens += 1
    airflow.asset_id = 8
    notice.sealed({"segment_id": "b"})
    notice.close(5)

    assert airflow.events()[-1] == {"asset_id": 8, "extra": {"segment_id": "b"}}
    assert told.events == []


def test_everybody_may_come_in(airflow: FakeAirflow, told: Any) -> None:
    """Without a name the token is asked for without one (Airflow's all-admins mode)."""
    notice = Notice(Airflow(url=airflow.url), told)
    notice.sealed({"segment_id": "a"})
    notice.close(5)

    assert len(airflow.events()) == 1


def test_a_wrong_password_is_a_log_line(airflow: FakeAirflow, tmp_path: Path, told: Any) -> None:
    """Refused: one line that says where and how, and no password in it."""
    who = settings(airflow.url, tmp_path)
    (tmp_path / "password").write_text("wrong")
    notice = Notice(who, told)
    notice.sealed({"segment_id": "a"})
    notice.close(5)

    [(_, event, facts)] = told.events
    assert event == "airflow-not-told"
    assert facts["why"] == "/auth/token answered 401"


def test_nobody_at_home_is_a_log_line(told: Any) -> None:
    """No Airflow at the address: one line for each segment, and it ends when it is told to."""
    notice = Notice(Airflow(url="http://127.0.0.1:9"), told)
    notice.sealed({"segment_id": "a"})
    notice.close(5)

    [(_, event, facts)] = told.events
    assert event == "airflow-not-told"
    assert "ConnectError" in str(facts["why"])


def test_a_slow_airflow_holds_up_neither_sealing_nor_stopping(airflow: FakeAirflow, tmp_path: Path, told: Any) -> None:
    """While it does not answer, a hundred seals are said, and closing ends when it was told to."""
    airflow.answers.clear()
    notice = Notice(settings(airflow.url, tmp_path), told)
    for number in range(100):
        notice.sealed({"segment_id": f"{number}"})
    notice.close(0.3)

    assert airflow.events() == []
    airflow.answers.set()


def test_without_an_address_nothing_is_sent(told: Any) -> None:
    """Airflow is not a condition for collecting."""
    notice = Notice(Airflow(), told)
    notice.sealed({"segment_id": "a"})
    notice.close(1)

    assert told.events == []


def test_a_password_file_that_is_not_there_is_said_before_collecting(tmp_path: Path, told: Any) -> None:
    """A wrong setting is an error at the start, not a log line every five minutes."""
    with pytest.raises(KeyFileError, match="password"):
        Notice(Airflow(url="http://x", username="a", password_file=tmp_path / "nope"), told)

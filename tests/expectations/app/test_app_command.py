"""`tillwatch app`: it serves until stopped, and says what is wrong when it cannot."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from expectations.app.desk import login_token
from ingest.cli import main
from ingest.demo.mailbox import free_port
from ingest.keys import create_keys, read_master

TILLWATCH = Path(sys.executable).with_name("tillwatch")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings with a key, and nothing in the book."""
    create_keys(tmp_path / "app.key")
    file = tmp_path / "tillwatch.toml"
    file.write_text('[lake]\nuri = "lake"\n[app]\nkey = "app.key"\n', "utf-8")
    return file


def failing(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    """Status, stdout and stderr of a call."""
    monkeypatch.setattr("sys.argv", ["tillwatch", "app", *words])
    with pytest.raises(SystemExit) as left:
        main()
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_the_token_is_printed_and_nothing_else(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """One line on stdout, the same every time, of this key alone."""
    status, out, err = failing(["--token", "--config", str(config)], monkeypatch, capsys)
    assert (status, err) == (0, "")
    assert out == login_token(read_master(config.parent / "app.key")[1]) + "\n"
    assert len(out.strip()) == 32


def test_without_a_key_it_says_how_to_make_one(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Status 3, the file, and the command."""
    (config.parent / "app.key").unlink()
    status, _, err = failing(["--config", str(config)], monkeypatch, capsys)
    assert status == 3
    assert "app.key: no key file" in err
    assert "tillwatch doctor --create-keys" in err


def test_a_port_that_is_taken_is_said_so(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Status 2, the address, and what to do; no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        status, _, err = failing(["--listen", place, "--config", str(config)], monkeypatch, capsys)
    assert status == 2
    assert f"app.listen: {place}: cannot be listened on" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1", "here"])
def test_what_is_no_place_is_a_usage_error(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], listen: str
):
    """Status 2 and one line."""
    status, _, err = failing(["--listen", listen, "--config", str(config)], monkeypatch, capsys)
    assert status == 2
    assert "app.listen" in err


@pytest.fixture
def served(config: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The command, running; its address."""
    port = free_port()
    words = [str(TILLWATCH), "app", "--listen", f"127.0.0.1:{port}", "--config", str(config)]
    running = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        yield f"http://127.0.0.1:{port}", running
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate()


@pytest.mark.slow
def test_it_serves_until_stopped(served: tuple[str, "subprocess.Popen[str]"]):
    """Healthy, closed to strangers, and on SIGTERM it ends with 0 and without a word."""
    address, running = served
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            if httpx.get(f"{address}/healthz", timeout=5).text == "ok\n":
                break
        except httpx.TransportError:
            assert running.poll() is None
            time.sleep(0.1)
    assert httpx.get(f"{address}/cases", timeout=30).headers["location"] == "/login?next=/cases"
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=60)
    assert running.returncode in {0, -signal.SIGTERM}
    assert f"serving {address}" in said
    assert "tillwatch app --token" in said
    assert "Traceback" not in said

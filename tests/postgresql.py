"""A real PostgreSQL on loopback, for as long as a test needs it: Debian's, installed where the run may do so."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from ingest.demo.mailbox import free_port
from tests.faults.tools import why_without

NOBODY = 65534


def program(name: str) -> str | None:
    """A program of PostgreSQL: on the PATH, or where Debian keeps it."""
    found = shutil.which(name)
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return found or (str(debian[-1]) if debian else None)


class Server:
    """A server that listens on ``port``, and can be stopped and started again with what it holds."""

    def __init__(self, words: list[str], folder: Path, port: int, user: str, password: str) -> None:
        self.port = port
        self._words, self._folder, self._log_in = words, folder, (user, password)
        self.start()

    def start(self) -> None:
        """Returns when it answers."""
        self._running = subprocess.Popen(
            self._words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder
        )
        try:
            _wait_for(self._running, self.port, *self._log_in)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """At once: connections are closed, what was going on in them is rolled back (PostgreSQL's fast shutdown)."""
        self._running.send_signal(signal.SIGINT)
        self._running.wait(30)


@contextmanager
def postgresql(user: str, password: str = "") -> Iterator[Server]:
    """A server with an empty database ``postgres``. Skips, and says why, where PostgreSQL cannot be had.

    Args:
        user: who owns the databases.
        password: asked of every connection; without one nobody is asked.
    """
    if program("initdb") is None:
        why_without("postgres", "postgresql")
    initdb, postgres = program("initdb"), program("postgres")
    if initdb is None or postgres is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="tillwatch-postgres-"))  # pytest's own folders are closed to other users
    data, port = folder / "data", free_port()
    as_user: list[str] = []
    (folder / "password").write_text(password or "none")
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        if shutil.which("setpriv") is None:
            pytest.skip("as root PostgreSQL needs setpriv (Debian: util-linux)")
        as_user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        for each in (folder, folder / "password"):
            os.chown(each, NOBODY, NOBODY)
    asked = ["-A", "scram-sha-256", f"--pwfile={folder / 'password'}"] if password else ["-A", "trust"]
    words = [initdb, "-D", str(data), "-U", user, *asked, "-E", "UTF8", "--no-locale"]
    made = subprocess.run([*as_user, *words], capture_output=True, text=True, check=False, timeout=120, cwd=folder)
    if made.returncode:
        pytest.skip(f"initdb does not run here: {made.stderr.splitlines()[-1:]}")
    words = [postgres, "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), "-F"]
    server = Server([*as_user, *words], folder, port, user, password)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(running: subprocess.Popen[bytes], port: int, user: str, password: str) -> None:
    for _ in range(100):
        try:
            psycopg.connect(
                host="127.0.0.1", port=port, user=user, password=password, dbname="postgres", connect_timeout=10
            ).close()
        except psycopg.OperationalError:
            if running.poll() is not None:
                pytest.skip("PostgreSQL ended at once")
            time.sleep(0.1)
        else:
            return
    pytest.fail("PostgreSQL did not answer")

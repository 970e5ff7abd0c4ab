"""The programs the demo starts: each in a session of its own, its talk in a log, and stopped for certain.

Airflow's standalone leaves orphans when its first process dies, and gives tasks process groups of
their own. All of them stay in the session that was started here; so a program has ended when its
session is empty, not when its first process has gone.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ingest.errors import TillwatchError

SESSION_FIELD = 3  # of /proc/<pid>/stat, counted after the name in brackets (proc(5): state ppid pgrp session)


class ProgramError(TillwatchError):
    """A program of the demo could not start or ended too early."""


class Program:
    """One program, running in a session of its own.

    Args:
        name: what people call it.
        command: the program and its arguments; no shell.
        env: its whole environment.
        log: file that takes its stdout and stderr.
        cwd: its working directory.
        stop_signal: what its first process takes as a request to end.

    Raises:
        ProgramError: the program is not there.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Path,
        cwd: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = log
        self._stop_signal = stop_signal
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            try:
                self._process = subprocess.Popen(
                    command,
                    env=dict(env),
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as wrong:
                raise ProgramError(
                    f"{name}: {command[0]}: {wrong.strerror}", hint="run `make setup` and start again"
                ) from None

    @property
    def session(self) -> int:
        """The session's number, which is the first process's."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """How the first process ended; None while it runs."""
        return self._process.poll()

    @property
    def has_ended(self) -> bool:
        """Whether no process of the session lives."""
        return self._process.poll() is not None and not members(self.session)

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])

    def must_run(self) -> None:
        """Pass while the program runs.

        Raises:
            ProgramError: it has ended; the error quotes the last lines it wrote.
        """
        if self.status is not None:
            raise ProgramError(
                f"{self.name} ended with status {self.status}; its last lines:\n{self.tail()}",
                hint=f"read the whole log: {self.log}",
            )

    def wait(self, seconds: float) -> int | None:
        """Wait for the first process to end by itself; its status, or None when the time is over."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.status

    def ask_to_stop(self) -> None:
        """Send the program's stop signal to its first process, which tells its own."""
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)

    def stop(self, grace: float = 20.0) -> bool:
        """End every process of the session: the first is asked, then all are, then nobody is asked.

        Args:
            grace: seconds for the first process to end everything in good order.

        Returns:
            True when nobody had to be killed.
        """
        self.ask_to_stop()
        self.wait(grace)
        if not self._empty_within(1.0):
            self._signal_all(signal.SIGTERM)
            if not self._empty_within(min(grace, 10.0)):
                self._signal_all(signal.SIGKILL)
                self._empty_within(5.0)
                self._process.wait()
                return False
        self._process.wait()
        return True

    def _empty_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while True:
            self._process.poll()  # reaps the first process, which would stay in its session as a zombie
            if not members(self.session):
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.1)

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in members(self.session):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def members(session: int) -> list[int]:
    """The processes of a session that still live."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, *numbers = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(numbers[SESSION_FIELD - 1]) == session and state != "Z":
                    found.append(int(entry.name))
    return sorted(found)


def clean_environment(**ours: str) -> dict[str, str]:
    """This process's environment without anything that would steer Airflow or tillwatch elsewhere, plus ``ours``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "TILLWATCH_", "PYTHON", "GX_", "VIRTUAL_ENV"))
    }
    return kept | ours

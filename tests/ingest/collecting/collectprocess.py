"""``tillwatch collect`` as a process of its own, and a sale to send it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from protocols.profile import load_profile

CALL = [sys.executable, "-c", "from ingest.cli import main; main()"]
FIELDS = {3: "000000", 4: "000000000100", 11: "000001", 25: "00", 41: "10000001", 42: "898440300000001", 60: "22000001"}
SALE = load_profile("leshua").build("0200", FIELDS)


class Process:
    """A collector in a folder of its own, its words read line by line."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [*CALL, "collect", *words], cwd=folder, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self.said: list[str] = []

    def until(self, word: str) -> str:
        """Read its words up to the line with this one."""
        assert self.process.stderr is not None
        while line := self.process.stderr.readline():
            self.said.append(line)
            if word in line:
                return line
        raise AssertionError(f"it ended with {self.process.wait()}: {self.said}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Signal it and wait; what it still said is kept."""
        self.process.send_signal(number)
        assert self.process.stderr is not None
        self.said += self.process.stderr.readlines()
        return self.process.wait(60)

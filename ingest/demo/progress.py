"""What the demo is doing, on stderr: a live line on a terminal, plain lines otherwise."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

PLAIN_EVERY = 10.0  # seconds between two "still …" lines where nothing can be redrawn


class Progress:
    """Steps with the seconds since the start. A context manager; not for threads."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._began = time.monotonic()
        self._said = self._began
        self._status: Status | None = None
        self._text = ""

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()

    def pause(self) -> None:
        """Take the live line away, so that others can print; what follows is plain lines."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def done(self, text: str) -> None:
        """Something is finished and stays on the screen."""
        self._print(f"{text}")

    def doing(self, text: str) -> None:
        """What is under way; call it as often as you like while it lasts."""
        now = time.monotonic()
        if self._status is not None:
            self._status.update(f"{self.seconds:5.0f} s  {text}")
        elif text != self._text or now - self._said > PLAIN_EVERY:
            self._print(f"{text} …")
        self._text = text

    def _print(self, text: str) -> None:
        self._said = time.monotonic()
        self._console.print(f"{self.seconds:5.0f} s  {text}", markup=False)
        sys.stderr.flush()

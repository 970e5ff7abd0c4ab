"""Being told to end: by a signal, whose handler runs in the middle of whatever the main thread does."""

import contextlib
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType


class Stop:
    """A flag that goes up once, waited for by any threads, and put up by any thread or a signal's handler.

    ``threading.Event`` must not be set by a handler: when the main thread is just going into or coming out of
    its wait it holds the event's lock, and the handler, on the same thread, waits for that lock for ever. The
    queue underneath is the standard library's one that may be used there (`queue.SimpleQueue.put` is reentrant).
    """

    def __init__(self) -> None:
        self._up = False
        self._tokens: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        """Put it up; never waits."""
        self._up = True
        self._tokens.put(None)

    def is_set(self) -> bool:
        """Whether it is up."""
        return self._up

    def wait(self, seconds: float) -> bool:
        """Until it is up, for at most so many seconds; whether it is."""
        if not self._up:
            with contextlib.suppress(queue.Empty):
                self._tokens.get(timeout=seconds)
                self._tokens.put(None)  # for the next who waits
        return self._up


@contextlib.contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Have what ends a program call this instead: SIGTERM, Ctrl-C, a hung-up terminal (Windows: SIGBREAK).

    Signals reach only the main thread's handlers: on any other nothing is changed.

    Args:
        stop: called in the handler; must not take a lock that the main thread may hold.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if sys.platform == "win32":
        hung_up = signal.SIGBREAK
    else:
        hung_up = signal.SIGHUP

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop()

    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(hung_up) is not signal.SIG_IGN:  # nohup wants it to go on
        numbers.append(hung_up)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

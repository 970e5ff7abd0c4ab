"""One spool on two disks: every call is made on both, and one that fails is left behind.

To the spool it is a disk like any other. A write or a sync counts when every disk that is
still in has done it, so an ACK means on both. A disk that fails, or takes less than the
other, is out from that call on: the spool goes on with the other one, and ``trouble`` says
so. It comes back between two segments, once everything it missed was copied to it
(`ingest.healing`). When both fail the error is the spool's, as with one disk.
"""

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ingest.disk import NETWORK, Disk
from ingest.healing import Copy, Healed, heal
from ingest.ownership import LOCK

_LOCK = 0
RETRY_SECONDS = 30.0
"""How long a disk that failed is left alone."""
CATCH_UP_SECONDS, BETWEEN_SECONDS = 0.2, 1.0
"""How long to copy to a disk that is back, and how long to record before copying more."""

Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Side:
    """One of the two folders. ``why`` it is out; empty while it is in. ``files``: our handle -> its descriptor."""

    disk: Disk
    folder: Path
    why: str = ""
    out_since: float = 0.0
    files: dict[int, int] = field(default_factory=dict)
    lock: int | None = None


class Mirrored(Disk):
    """A disk that is two.

    Args:
        directory: the spool's folder, on the first disk; paths are given in it.
        mirror: the folder on the other disk.
        first: the calls on the first disk.
        second: the calls on the other.
        retry_seconds: how long a disk that failed is left alone.
        beside: runs the syncs of the other disk; a thread of its own by default.
    """

    def __init__(
        self,
        directory: Path,
        mirror: Path,
        *,
        first: Disk | None = None,
        second: Disk | None = None,
        retry_seconds: float = RETRY_SECONDS,
        beside: Executor | None = None,
    ) -> None:
        self._sides = (_Side(first or Disk(), directory), _Side(second or Disk(), mirror))
        self._retry_seconds = retry_seconds
        self._handles = itertools.count(1)
        self._beside = beside or _Beside()
        self._owner = ""

    @property
    def trouble(self) -> str:
        """Which folder is out, and why; empty while both are in."""
        return "; ".join(f"{side.folder}: {side.why}" for side in self._sides if side.why)

    @property
    def folders(self) -> list[Path]:
        """Both, the spool's own first."""
        return [side.folder for side in self._sides]

    @property
    def is_one_disk(self) -> bool:
        """Whether both folders are on one device: then the second is no help when that fails."""
        try:
            return len({folder.stat().st_dev for folder in self.folders}) == 1
        except OSError:
            return False

    # -- calls of a path ---------------------------------------------------------------------

    def kind(self, path: Path) -> str:
        """That of the worse one: a network file system if either is on one."""
        kinds = [side.disk.kind(self._on(side, path)) for side in self._sides]
        return next((kind for kind in kinds if kind in NETWORK), kinds[0])

    def make_directory(self, path: Path) -> None:
        """As `Disk`, on both."""
        self._each(lambda side: side.disk.make_directory(self._on(side, path)))

    def names(self, directory: Path) -> list[str]:
        """Those of the first disk that is in; after ``heal`` both have the same."""
        return self._either(lambda side: side.disk.names(self._on(side, directory)))

    def read(self, path: Path) -> bytes:
        """From the first disk that is in."""
        return self._either(lambda side: side.disk.read(self._on(side, path)))

    def create(self, path: Path) -> int:
        """As `Disk`, on both. When none that is in takes it and no file is open, a disk that was out may."""
        try:
            return self._opened(lambda side: side.disk.create(self._on(side, path)))
        except OSError:
            if any(side.files for side in self._in()):
                raise
            for side in [side for side in self._sides if side.why]:
                handle = next(self._handles)
                with contextlib.suppress(OSError):
                    side.files[handle] = side.disk.create(self._on(side, path))
                    side.why = ""
                    for other in self._sides:
                        if other is not side:
                            self._drop(other, "took no new segment")
                    return handle
            raise

    def open_append(self, path: Path) -> int:
        """As `Disk`, on both."""
        return self._opened(lambda side: side.disk.open_append(self._on(side, path)))

    def rename(self, source: Path, target: Path) -> None:
        """As `Disk`, on both."""
        self._each(lambda side: side.disk.rename(self._on(side, source), self._on(side, target)))

    def remove(self, path: Path) -> None:
        """As `Disk`, on both."""
        self._each(lambda side: side.disk.remove(self._on(side, path)))

    def sync_directory(self, path: Path) -> None:
        """As `Disk`, on both."""
        self._each(lambda side: side.disk.sync_directory(self._on(side, path)))

    def reserve(self, path: Path, size: int) -> None:
        """As `Disk`, on each that has room; a disk is not left behind for want of a reserve."""
        for side in self._in():
            with contextlib.suppress(OSError):
                side.disk.reserve(self._on(side, path), size)

    def lock(self, path: Path, text: str) -> int | None:
        """Own both; None when another process owns either."""
        self._owner = text

        def take(side: _Side) -> None:
            side.lock = side.disk.lock(self._on(side, path), text)

        self._each(take)
        if any(side.lock is None for side in self._in()):
            self.close(_LOCK)
            return None
        return _LOCK

    # -- calls of an open file ---------------------------------------------------------------

    def write(self, fd: int, data: bytes) -> int:
        """What both took. A disk that took less than the other is full, and out."""
        taken: dict[int, int] = {}

        def take(side: _Side) -> None:
            taken[id(side)] = side.disk.write(side.files[fd], data)

        self._each(take)
        most = max(taken.values())
        for side in self._in():
            if taken.get(id(side), most) < most:
                self._drop(side, "No space left on device")
        return most

    def fdatasync(self, fd: int) -> None:
        """On both at once: it takes as long as the slower one."""
        self._sync(lambda side: side.disk.fdatasync(side.files[fd]))

    def fsync(self, fd: int) -> None:
        """On both at once."""
        self._sync(lambda side: side.disk.fsync(side.files[fd]))

    def truncate(self, fd: int, length: int) -> None:
        """As `Disk`, on both."""
        self._each(lambda side: side.disk.truncate(side.files[fd], length))

    def make_read_only(self, fd: int) -> None:
        """As `Disk`, on both."""
        self._each(lambda side: side.disk.make_read_only(side.files[fd]))

    def close(self, fd: int) -> None:
        """As `Disk`, on both; also of a disk that is out."""
        for side in self._sides:
            own = side.files.pop(fd, None)
            if fd == _LOCK:
                own, side.lock = side.lock, None
            if own is not None:
                side.disk.close(own)

    # -- two that are to be one --------------------------------------------------------------

    def heal(self) -> Healed:
        """Make both folders hold the same segments, before the first is opened."""
        if self.trouble:
            return Healed([f"{self.trouble}; going on with the other folder"])
        return self._heal()

    def catch_up(self) -> bool:
        """Copy some of what a disk that was out has missed, if it works again; True when only the open segment is left.

        Bounded in time, for nothing is acknowledged meanwhile: to be called again until it is True.
        """
        for side in self._sides:
            if not side.why or not self._is_rested(side):
                continue
            side.out_since = time.monotonic()
            with contextlib.suppress(OSError):
                side.disk.make_directory(side.folder)
                if side.lock is None:
                    side.lock = side.disk.lock(side.folder / LOCK, self._owner)
                if side.lock is None:
                    side.why = "another process owns it"
                    continue
                healed = self._heal(ended_only=True, seconds=CATCH_UP_SECONDS)
                if healed.failed:
                    continue
                if not healed.unfinished:
                    return True
                side.out_since += BETWEEN_SECONDS - self._retry_seconds
        return False

    def rejoin(self) -> Healed | None:
        """Take a disk that has caught up back in; to be called while no segment is open."""
        for side in self._sides:
            if side.why and side.lock is not None:
                healed = self._heal()
                if healed.failed:
                    continue
                side.why = ""
                healed.notes.append(f"{side.folder}: back; both folders hold the same again")
                return healed
        return None

    @property
    def may_rejoin(self) -> bool:  # type: ignore[override]
        """Whether a disk that is out has been left alone for long enough."""
        return any(side.why and self._is_rested(side) for side in self._sides)

    def _is_rested(self, side: _Side) -> bool:
        return time.monotonic() - side.out_since >= self._retry_seconds

    def _heal(self, *, ended_only: bool = False, seconds: float | None = None) -> Healed:
        first, second = (Copy(side.disk, side.folder) for side in self._sides)
        healed = heal(first, second, ended_only=ended_only, seconds=seconds)
        for side in self._in():
            if side.folder in healed.failed:
                self._drop(side, healed.failed[side.folder])
        return healed

    # -- how a call is made ------------------------------------------------------------------

    def _on(self, side: _Side, path: Path) -> Path:
        return side.folder / path.relative_to(self._sides[0].folder)

    def _in(self) -> list[_Side]:
        return [side for side in self._sides if not side.why]

    def _each(self, call: Callable[[_Side], object]) -> None:
        """On every disk that is in; the error is the caller's only when no disk did it."""
        self._settle([(side, _attempt(call, side)) for side in self._in()])

    def _sync(self, call: Callable[[_Side], object]) -> None:
        sides = self._in()
        running: list[Future[OSError | None]] = [self._beside.submit(_attempt, call, side) for side in sides[1:]]
        outcomes = [(sides[0], _attempt(call, sides[0]))] if sides else []
        outcomes += [(side, future.result()) for side, future in zip(sides[1:], running, strict=True)]
        self._settle(outcomes)

    def _settle(self, outcomes: Sequence[tuple[_Side, OSError | None]]) -> None:
        failed = [(side, wrong) for side, wrong in outcomes if wrong is not None]
        if failed and len(failed) == len(outcomes):
            raise failed[0][1]
        for side, wrong in failed:
            self._drop(side, wrong.strerror or type(wrong).__name__)

    def _either(self, call: Callable[[_Side], Answer]) -> Answer:
        wrong: OSError | None = None
        for side in self._in():
            try:
                return call(side)
            except OSError as failure:
                wrong = wrong or failure
        assert wrong is not None  # noqa: S101  one disk is always in
        raise wrong

    def _opened(self, call: Callable[[_Side], int]) -> int:
        handle = next(self._handles)

        def opening(side: _Side) -> None:
            side.files[handle] = call(side)

        self._each(opening)
        return handle

    def _drop(self, side: _Side, why: str) -> None:
        """Never touch its open files again: what a failed sync left in memory may not be on the disk."""
        if self._in() == [side]:  # the last one: its errors are the spool's
            return
        side.why, side.out_since = why, time.monotonic()
        for handle in list(side.files):
            own = side.files.pop(handle)
            with contextlib.suppress(OSError):
                side.disk.close(own)


class _Beside(Executor):
    """One thread that does what it is given, in order. A disk that hangs does not keep the process from ending."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...], Future[Any]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="mirror", daemon=True).start()

    def submit(self, call: "Callable[..., Any]", /, *words: Any, **named: Any) -> "Future[Any]":
        """As ``Executor.submit``, without words by name."""
        del named
        done: Future[Any] = Future()
        self._work.put((call, words, done))
        return done

    def _run(self) -> None:
        while True:
            call, words, done = self._work.get()
            try:
                done.set_result(call(*words))
            except BaseException as bug:  # noqa: BLE001  whoever waits for it is told
                done.set_exception(bug)


def _attempt(call: Callable[[_Side], object], side: _Side) -> OSError | None:
    try:
        call(side)
    except OSError as wrong:
        return wrong
    return None

"""Two things at once, where the work releases the interpreter's lock: the next is made while this one is used."""

import collections
import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def workers(count: int, name: str) -> ThreadPoolExecutor:
    """Threads for work on Arrow's tables. pyarrow is loaded before they start: where two load it at once, one fails."""
    import pyarrow.compute  # noqa: F401

    return ThreadPoolExecutor(count, name)


def ahead(make: Callable[[T], R], given: Iterable[T]) -> Iterator[tuple[T, Callable[[], R]]]:
    """Each thing with a call that gives what is made of it, or raises; meanwhile the next one is being made."""
    with workers(1, "tillwatch-ahead") as pool:
        waiting = None
        for each in given:
            coming = each, pool.submit(make, each)
            if waiting is not None:
                yield waiting[0], waiting[1].result
            waiting = coming
        if waiting is not None:
            yield waiting[0], waiting[1].result


def alone(make: Callable[[T], R], given: Iterable[T]) -> Iterator[tuple[T, Callable[[], R]]]:
    """As `ahead`, each made when it is asked for: less memory, where others are busy meanwhile."""
    for each in given:
        yield each, functools.partial(make, each)


def abreast(make: Callable[[T], R], given: Iterable[T]) -> Iterator[R]:
    """What is made of each thing, in their order, two at a time; what one raises is raised when its turn comes."""
    things = iter(given)
    first = list(itertools.islice(things, 2))
    if len(first) == 1:
        yield make(first[0])
        return
    with workers(2, "tillwatch-abreast") as pool:
        running = collections.deque(pool.submit(make, each) for each in first)
        del first
        while running:
            yield running.popleft().result()
            running.extend(pool.submit(make, each) for each in itertools.islice(things, 1))


@contextlib.contextmanager
def behind(use: Callable[[T], None]) -> Iterator[Callable[[T], None]]:
    """A call that has things used one after the other, while the caller makes the next; it waits for the one before.

    What ``use`` raises is raised by the next call, or at the end.
    """
    with workers(1, "tillwatch-behind") as pool:
        running: list[Future[None]] = []

        def later(given: T) -> None:
            if running:
                running.pop().result()
            running.append(pool.submit(use, given))

        yield later
        if running:
            running.pop().result()

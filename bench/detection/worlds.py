"""One world from its seed to what it gave, in a process of its own."""

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from bench.detection.baselines import compare
from bench.detection.dossiers import audit
from bench.detection.keep import Kept
from bench.detection.match import match
from bench.detection.outcome import Order, Outcome
from bench.detection.overlap import overlap
from bench.detection.pipeline import _settings, run
from bench.detection.story import write
from expectations.laws import Judge
from protocols.profile import profiles_speaking


def play(order: Order, *, bench: Judge | None = None) -> Outcome:
    """Act, record, land, judge and match one world; nothing of it stays on the disk."""
    if bench is None:
        from expectations.suites.ge import Bench

        bench = Bench()
    begun = time.perf_counter()
    story = write(order.split, order.seed, shops=order.shops, cases=order.cases, profiles=brands(), cast=order.cast)
    acted = time.perf_counter()
    folder = Path(tempfile.mkdtemp(prefix="detection-"))
    try:
        judged = run(story, folder, bench, order.how)
        done = time.perf_counter()
        dossiers = audit(_settings(story, folder), judged.findings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    audited = time.perf_counter()
    healthy = {shop.merchant.mid for shop in story.world.shops if shop.merchant.healthy}
    matched = match(story.truth, judged.findings, healthy, judged.lost, skewed=order.how.skew_s > 0)
    scores = compare(story.truth, judged.transactions, matched.doubled, matched.doubled_wrong)
    sales = sum(posting.kind in ("SALE", "QR_SALE") for posting in story.world.host.ledger)
    weeks = len(healthy) * len(story.world.days) / 7
    return Outcome(
        matched, scores, sales, weeks, judged.transactions.num_rows, judged.frames, judged.rejects,
        judged.could_not_run, overlap(story.truth), dossiers,
        {"story": acted - begun, "product": done - acted, "dossiers": audited - done},
    )  # fmt: skip


class WorldLostError(Exception):
    """A world's process ended without what it was to give: one line, and what to do."""

    def __init__(self, order: Order, status: int | None) -> None:
        what = f"{order.split} world {order.seed} ({order.how.name})"
        if status is not None and status < 0:
            name = signal.Signals(-status).name
            how = f"was ended by {name}; where memory ran out, give fewer --workers or a smaller --size"
        else:
            how = f"ended with status {status}; what went wrong stands above"
        super().__init__(f"{what}: its process {how}")


def play_all(
    orders: Sequence[Order],
    workers: int,
    act: Callable[[Order], Outcome] = play,
    tell: Callable[[str], None] = print,
    kept: Kept | None = None,
) -> list[Outcome]:
    """Every world in a process of its own, so many at a time; in the order of ``orders``.

    Args:
        orders: which worlds.
        workers: how many at a time.
        act: what plays one.
        tell: takes a line of progress.
        kept: worlds that are in it are taken from there; the others are kept there as each ends.

    Raises:
        WorldLostError: a process ended without its world's outcome. The others are ended as well.
        KeepError: what is kept cannot be gone on with.
    """
    outcomes: dict[int, Outcome] = {}
    for place, order in enumerate(orders if kept else ()):
        if kept and (found := kept.get(order)) is not None:
            outcomes[place] = found
    if outcomes:
        tell(f"{len(outcomes)} of {len(orders)} worlds were kept")
    running: dict[Connection, tuple[int, BaseProcess]] = {}
    begun = time.monotonic()

    def take() -> None:
        for place, outcome in _take(orders, running):
            outcomes[place] = outcome
            if kept:
                kept.put(orders[place], outcome)
        tell(f"{len(outcomes)} of {len(orders)} worlds, {time.monotonic() - begun:.0f} s")

    try:
        for place, order in enumerate(orders):
            if place in outcomes:
                continue
            if len(running) >= max(1, workers):
                take()
            running |= [_begin(place, order, act)]
        while running:
            take()
    finally:
        for _, process in running.values():
            process.kill()
    return [outcomes[place] for place in range(len(orders))]


def _begin(place: int, order: Order, act: Callable[[Order], Outcome]) -> tuple[Connection, tuple[int, BaseProcess]]:
    context = get_context("spawn")
    ear, mouth = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(mouth, act, order), daemon=True)
    process.start()
    mouth.close()  # the process holds the only other end: when it dies, the ear hears the end of the file
    return ear, (place, process)


def _answer(mouth: Connection, act: Callable[[Order], Outcome], order: Order) -> None:
    mouth.send(act(order))


def _take(orders: Sequence[Order], running: dict[Connection, tuple[int, BaseProcess]]) -> Iterator[tuple[int, Outcome]]:
    """Wait for one world or more; an end without an outcome is the end of all."""
    for ear in set(running) & set(wait(list(running))):
        place, process = running.pop(ear)
        try:
            outcome: Outcome = ear.recv()
        except EOFError:
            process.join()
            raise WorldLostError(orders[place], process.exitcode) from None
        process.join()
        yield place, outcome


def brands() -> tuple[str, ...]:
    """The profiles whose terminals speak the UnionPay dialect; they take turns."""
    return tuple(profiles_speaking("unionpay"))

"""One world from its seed to what it gave, in a process of its own."""

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

from bench.detection.baselines import compare
from bench.detection.casts import WHOLE, Cast
from bench.detection.figures import Outcome
from bench.detection.match import match
from bench.detection.pipeline import Perturbation, run
from bench.detection.population import Split
from bench.detection.story import write
from expectations.laws import Judge
from protocols.profile import profiles_speaking


class Order(NamedTuple):
    """Which world."""

    split: Split
    seed: int
    shops: int
    cases: int
    how: Perturbation = Perturbation()
    cast: Cast = WHOLE


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
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    done = time.perf_counter()
    healthy = {shop.merchant.mid for shop in story.world.shops if shop.merchant.healthy}
    matched = match(story.truth, judged.findings, healthy, judged.lost, skewed=order.how.skew_s > 0)
    scores = compare(story.truth, judged.transactions, matched.doubled, matched.doubled_wrong)
    sales = sum(posting.kind in ("SALE", "QR_SALE") for posting in story.world.host.ledger)
    weeks = len(healthy) * len(story.world.days) / 7
    return Outcome(
        matched, scores, sales, weeks, judged.transactions.num_rows, judged.frames, judged.rejects,
        judged.could_not_run,
        {"story": acted - begun, "product": done - acted},
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
    orders: Sequence[Order], workers: int, act: Callable[[Order], Outcome] = play, tell: Callable[[str], None] = print
) -> list[Outcome]:
    """Every world in a process of its own, so many at a time; in the order of ``orders``.

    Raises:
        WorldLostError: a process ended without its world's outcome. The others are ended as well.
    """
    outcomes: dict[int, Outcome] = {}
    running: dict[Connection, tuple[int, BaseProcess]] = {}
    begun = time.monotonic()
    try:
        for place, order in enumerate(orders):
            if len(running) >= max(1, workers):
                _take(orders, running, outcomes)
                tell(f"{len(outcomes)} of {len(orders)} worlds, {time.monotonic() - begun:.0f} s")
            running |= [_begin(place, order, act)]
        while running:
            _take(orders, running, outcomes)
            tell(f"{len(outcomes)} of {len(orders)} worlds, {time.monotonic() - begun:.0f} s")
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


def _take(
    orders: Sequence[Order], running: dict[Connection, tuple[int, BaseProcess]], outcomes: dict[int, Outcome]
) -> None:
    """Wait for one world or more; an end without an outcome is the end of all."""
    for ear in set(running) & set(wait(list(running))):
        place, process = running.pop(ear)
        try:
            outcomes[place] = ear.recv()
        except EOFError:
            process.join()
            raise WorldLostError(orders[place], process.exitcode) from None
        process.join()


def brands() -> tuple[str, ...]:
    """The profiles whose terminals speak the UnionPay dialect; they take turns."""
    return tuple(profiles_speaking("unionpay"))

"""One world from its seed to what it gave, in a process of its own."""

import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from bench.detection.baselines import compare
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


def play(order: Order, *, bench: Judge | None = None) -> Outcome:
    """Act, record, land, judge and match one world; nothing of it stays on the disk."""
    if bench is None:
        from expectations.suites.ge import Bench

        bench = Bench()
    begun = time.perf_counter()
    story = write(order.split, order.seed, shops=order.shops, cases=order.cases, profiles=brands())
    acted = time.perf_counter()
    folder = Path(tempfile.mkdtemp(prefix="detection-"))
    try:
        judged = run(story, folder, bench, order.how)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    done = time.perf_counter()
    healthy = {shop.merchant.mid for shop in story.world.shops if shop.merchant.healthy}
    matched = match(story.truth, judged.findings, healthy)
    scores = compare(story.truth, judged.transactions, matched.doubled, matched.doubled_wrong)
    sales = sum(posting.kind in ("SALE", "QR_SALE") for posting in story.world.host.ledger)
    weeks = len(healthy) * len(story.world.days) / 7
    return Outcome(
        matched, scores, sales, weeks, judged.transactions.num_rows, judged.frames, judged.rejects,
        judged.could_not_run,
        {"story": acted - begun, "product": done - acted},
    )  # fmt: skip


def play_all(orders: list[Order], workers: int) -> list[Outcome]:
    """Every world, so many at a time."""
    if workers <= 1:
        return [play(order) for order in orders]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        return list(pool.map(play, orders))


def brands() -> tuple[str, ...]:
    """The profiles whose terminals speak the UnionPay dialect; they take turns."""
    return tuple(profiles_speaking("unionpay"))

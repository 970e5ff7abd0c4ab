"""Two writers who claim and close the same cases at the same moment: who comes second is told, and nothing is lost."""

import itertools
import multiprocessing
from typing import Any

from expectations.cases.book import CaseBook
from expectations.cases.database import Database
from expectations.cases.record import CaseRecord
from expectations.cases.refusals import StepRefusedError
from expectations.cases.states import may_follow
from tests.expectations.mail.conftest import finding, subject

CASES = 12
"""Each is contended for three times."""


def contend(url: str, writer: int, numbers: list[str], start: Any, said: Any) -> None:
    """For each case: claim against claim, claim against close, close against close; what came of it is said."""
    book = CaseBook(Database(url))

    def claim(number: str) -> CaseRecord:
        return book.claim(number, 100 + writer, f"writer {writer}", "li")

    def close(number: str) -> CaseRecord:
        return book.close(number, f"writer {writer}", "li")

    for number in numbers:
        for nth, step in enumerate((claim, close if writer else claim, close)):
            start.wait(60)
            try:
                step(number)
            except StepRefusedError as refused:
                said.put((number, nth, writer, refused.code))
            else:
                said.put((number, nth, writer, step.__name__))


def hold_contended(url: str) -> None:
    """The law, on any database."""
    book = CaseBook(Database(url))
    found = [finding("dup_same_atc", subject("SALE", n, "10:00:00", 500)) for n in range(1, CASES + 1)]
    numbers = sorted(book.open_cases(found).opened)
    spawn = multiprocessing.get_context("spawn")
    start, said = spawn.Barrier(2), spawn.Queue()
    writers = [spawn.Process(target=contend, args=(url, place, numbers, start, said)) for place in (0, 1)]
    for each in writers:
        each.start()
    told = [said.get(timeout=120) for _ in range(2 * 3 * CASES)]
    for each in writers:
        each.join(60)
    assert [each.exitcode for each in writers] == [0, 0]
    for number in numbers:
        record = book.case(number)
        came = sorted((nth, writer, what) for name, nth, writer, what in told if name == number)
        done = [(writer, what) for _, writer, what in came if what in {"claim", "close"}]
        assert {what for _, _, what in came} <= {"claim", "close", "state", "changed"}
        steps = [each for each in record.log if each.kind in {"claimed", "closed"}]
        assert sorted(
            (int(each.text[-1]), {"claimed": "claim", "closed": "close"}[each.kind]) for each in steps
        ) == sorted(done)
        assert [each.kind for each in steps] == ["claimed", "closed"]
        assert record.claimed_fen == steps[0].amount_fen
        assert record.state == "closed"
        states = [each.state for each in record.log]
        assert all(before == after or may_follow(before, after) for before, after in itertools.pairwise(states))

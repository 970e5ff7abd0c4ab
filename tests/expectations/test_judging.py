"""Judging: two readings of a law that must agree, and little memory that gives what plenty gives."""

import datetime as dt
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from expectations import lifecycle, run
from expectations.findings import read_findings
from expectations.judging import Docket
from expectations.laws import Equal, Length, NotAbove, NotBelow, OneOf, Present, Stated, Unique, Verdict, breaks
from expectations.lifecycle import Shop, link
from ingest.settings import Settings
from ingest.storage import LakeSettings
from ingest.tables import Lake
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import Row, Till, tables
from tests.expectations.statementdays import Acquirer, with_statement
from tests.expectations.wholeshops import faulty_shop, quiet_days

if TYPE_CHECKING:
    import pyarrow as pa

pytestmark = pytest.mark.slow  # whole checks of a lake

SHOP = Shop("Asia/Shanghai", dt.time(23, 0))
DAYS = dt.date(2020, 1, 1), dt.date(2030, 1, 1)
TABLES = ("transactions", "settlements", "events")


class Bench(PlainBench):
    """Plain verdicts, and a page where the Data Docs would be."""

    def build_data_docs(self, folder: Path, _: object = None) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "index.html"


@pytest.fixture(autouse=True)
def plain_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge without Great Expectations, whose import takes seconds."""
    monkeypatch.setattr("expectations.suites.ge.Bench", Bench)


@pytest.mark.parametrize(
    "law",
    [
        NotAbove("n", 2),
        NotAbove("n", "m"),
        NotBelow("n", 2),
        Equal("n", "m"),
        Present("text"),
        Unique("text"),
        Length("text", 2),
        OneOf("text", ("xy", "it's")),
    ],
    ids=lambda law: type(law).__name__,
)
def test_a_law_reads_the_same_in_sql_and_in_python(law: object):
    """Nulls included: what is not there breaks no law but `Present`."""
    import duckdb
    import pyarrow as pa

    numbers: list[int | None] = [1, 2, 3, None]
    texts: list[str | None] = ["xy", "xyz", None, "it's", "xy"]
    rows = pa.table(
        {
            "key": [str(each) for each in range(80)],
            "n": pa.array([numbers[each % 4] for each in range(80)], pa.int64()),
            "m": pa.array([numbers[each // 4 % 4] for each in range(80)], pa.int64()),
            "text": [texts[each // 16] for each in range(80)],
        }
    )
    stated = Stated("ExpectSomething", "Something.", law)  # type: ignore[arg-type]  # parametrised
    [plain] = PlainBench().judge("rows", rows, [stated])
    connection = duckdb.connect(":memory:")
    connection.register("rows", rows)
    found = connection.sql(f"SELECT key FROM rows WHERE {breaks(stated.law, 'rows')}").fetchall()  # noqa: S608 - ours
    assert {key for (key,) in found} == set(plain.offenders)


def test_a_law_that_two_readings_differ_on_was_not_judged():
    """Great Expectations names another row than DuckDB did: nobody is accused, and the rule is named."""

    class Other(PlainBench):
        def judge(self, name: str, rows: "pa.Table", laws: Sequence[Stated]) -> list[Verdict]:
            if name == "dup_stan_resent":
                return [Verdict(laws[0], rows.num_rows, ("somebody else",))]
            return super().judge(name, rows, laws)

    docket = Docket()
    linked = link(tables(*faulty_shop()), SHOP, *DAYS, heed=docket.read)
    docket.hear(linked)
    linked.close()
    out = docket.decide(Other())
    assert [(each.name, each.reason.split(" on ")[0]) for each in out.could_not_run] == [
        ("dup_stan_resent", "two readings of the law differ")
    ]
    assert "dup_stan_resent" not in {each.rule for each in out.findings}


def test_great_expectations_never_reads_more_than_its_share(monkeypatch: pytest.MonkeyPatch):
    """Of a view larger than its share it is shown what breaks the law, and so much of the rest as fits."""
    monkeypatch.setattr("expectations.judging.SHOWN_ROWS", 3)
    shown: dict[str, int] = {}

    class Counting(PlainBench):
        def judge(self, name: str, rows: "pa.Table", laws: Sequence[Stated]) -> list[Verdict]:
            shown[name] = rows.num_rows
            return super().judge(name, rows, laws)

    till = Till()
    for place in range(20):
        till.sale(1000 + place, card=place, **({"currency": "999"} if place == 7 else {}))
    docket = Docket()
    linked = link(tables(till), SHOP, *DAYS, heed=docket.read)
    docket.hear(linked)
    linked.close()
    out = docket.decide(Counting())
    assert out.could_not_run == []
    assert max(shown.values()) == shown["transactions"] == 3 + 1
    assert [(each.table, each.expectation, each.broken, each.judged) for each in out.quality] == [
        ("transactions", "ExpectKnownCurrency", 1, 20)
    ]


def three_shops() -> list[Till]:
    """Faults at three merchants; the third refunds what the first sold, and a terminal changed its merchant."""
    faulty = faulty_shop()
    first = Till(merchant="898320548160007", terminal="70000001")
    sale = first.sale(36800)
    first.sale(36800, stan=sale["stan"], rrn="999900000001")
    first.settle()
    third = Till(merchant="898320548160009", terminal="90000001", stan=400)
    third.refund(sale)
    moved = Till(merchant="898320548160009", terminal="70000001", stan=7000, line="other", now=third.now)
    moved.sale(4400, card=9)
    return [*faulty, first, third, moved]


def checked(folder: Path, parts: Sequence[dict[str, list[Row]]]) -> tuple[list[object], "pa.Table"]:
    """Land one part after the other, check after each, and say what is stored in the end."""
    settings = Settings(lake=LakeSettings(uri=str(folder / "lake")))
    lake = Lake(settings.lake.uri)
    for number, part in enumerate(parts):
        for name, rows in part.items():
            if rows:
                lake.append(name, rows, app_id=f"{name}-{number}")
        run.check(settings)
    return list(read_findings(settings)), lake.read("life_cycles").sort_by("transaction_id")


def cut(tills: Sequence[Till], count: int, chance: random.Random | None) -> list[dict[str, list[Row]]]:
    """All rows in so many parts, drawn; some come twice, in two of them."""
    parts: list[dict[str, list[Row]]] = [{name: [] for name in TABLES} for _ in range(count)]
    every = tables(*tills)
    for name in TABLES:
        for row in every[name].to_pylist():
            where = {chance.randrange(count) for _ in range(1 + (chance.random() < 0.2))} if chance else {0}
            for place in where:
                parts[place][name].append(row)
    return parts


def one_line_of_two() -> "dict[str, pa.Table]":
    """Two merchants on one line: a record of the line that was lost is told once, of whom the line is mostly heard."""
    first = Till(merchant=ONE, terminal="70000001", line="lane-1")
    for place in range(6):
        first.sale(1000 + place, card=place, merchant_id=ONE if place == 0 else None)
    first.reject("gap")
    other = Till(merchant=OTHER, terminal="90000001", stan=400, line="lane-1", now=first.now)
    for place in range(3):
        other.sale(500 + place, card=20 + place)
    return tables(first, other)


def one_reference_of_two() -> "dict[str, pa.Table]":
    """One reference of an acquirer's day, debited at two of its merchants."""
    first = Till(merchant=ONE, terminal="70000001")
    sale = first.sale(36800, card=1)
    other = Till(merchant=OTHER, terminal="90000001", stan=400, line="lane-2", now=first.now)
    other.sale(36800, card=1, rrn=sale["rrn"])
    return tables(first, other)


def another_number_of_the_acquirer() -> "dict[str, pa.Table]":
    """Lines under a merchant number that only the acquirer uses; one names a debit the terminal never made."""
    till, acquirer = Till(merchant=ONE, terminal="70000001"), Acquirer()
    sales = [till.sale(1000 + place, card=place) for place in range(8)]
    for sale in sales:
        acquirer.post(sale, merchant_id=ALIAS)
    ghost = sales[0] | {"stan": sales[0]["stan"] + 500, "rrn": "999900000777", "amount_fen": 77700}
    acquirer.post(ghost, merchant_id=ALIAS, occurred_at=sales[-1]["event_at"])
    for day in range(3):
        acquirer.file(f"2026-11-{21 + day}", ALIAS)
    return with_statement(acquirer, tills=(till,))


def tokens_of_two_keys() -> "dict[str, pa.Table]":
    """One merchant's cards were tokenised with another key: everybody's are compared by their masks."""
    tills = [
        Till(merchant=ONE, terminal="70000001"),
        Till(merchant=OTHER, terminal="90000001", stan=400, line="lane-2"),
    ]
    for till, key in zip(tills, ("aaaa", "bbbb"), strict=True):
        for place in range(4):
            till.sale(36800 + place, card_token=f"t{key}.{place:026d}", pan_masked="622424******5817")
    return tables(*tills)


def a_refund_of_anothers_sale() -> "dict[str, pa.Table]":
    """A sale that does not say its merchant, refunded at another one."""
    first = Till(merchant=ONE, terminal="70000001")
    first.sale(500, card=3)
    sale = first.sale(36800, merchant_id=None)
    other = Till(merchant=OTHER, terminal="90000001", stan=400, line="lane-2", now=first.now)
    other.refund(sale)
    return tables(first, other)


ONE, OTHER, ALIAS = "898320548160007", "898320548160009", "X-777"
TIES: dict[Callable[[], "dict[str, pa.Table]"], set[tuple[str, str]]] = {
    one_line_of_two: {("truncated_file", ONE)},
    one_reference_of_two: {("dup_rrn_twice", OTHER)},
    another_number_of_the_acquirer: {("missing_in_terminal", ONE)},
    tokens_of_two_keys: {("velocity_card", ONE), ("velocity_card", OTHER)},
    a_refund_of_anothers_sale: {("refund_other_merchant", OTHER)},
}
"""What ties merchants to one another, and what is found of it."""


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Read a day at a time, and link in so little memory that tables lie on disk."""
    monkeypatch.setattr("expectations.lifecycle.reading.ROWS_AT_ONCE", 1)
    monkeypatch.setattr("expectations.lifecycle.reading.MOST_IN_MEMORY", 1)
    monkeypatch.setattr("expectations.lifecycle.MEMORY", "200MB")
    lifecycle._database.cache_clear()
    yield
    lifecycle._database.cache_clear()


@pytest.mark.parametrize("tie", TIES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("most", [0, 1000], ids=["in a file", "in memory"])
@pytest.mark.usefixtures("little_memory")
def test_what_ties_merchants_is_found_in_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, tie: "Callable[[], dict[str, pa.Table]]"
):
    """A check, which reads day by day, finds what judging everything as it is finds, and of the tie what is said."""
    monkeypatch.setattr("expectations.lifecycle.reading.MOST_IN_MEMORY", most)
    whole = run.judge(tie(), SHOP, *DAYS, bench=Bench()).findings
    file = lifecycle._spilt() / "linked.db"
    file.unlink(missing_ok=True)
    kept, _ = checked(tmp_path, [{name: rows.to_pylist() for name, rows in tie().items()}])
    assert file.exists() is (most == 0)
    assert {(each.rule, each.merchant_id) for each in whole} >= TIES[tie]
    assert kept == whole


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("seed", range(3))
def test_many_days_in_little_memory_are_judged_as_in_plenty(seed: int, monkeypatch: pytest.MonkeyPatch):
    """Faults among weeks of ordinary trade, in any order of rows, piece by piece: equal, finding for finding."""
    chance, tills = random.Random(seed), [*three_shops(), *(quiet_days(each) for each in range(seed, seed + 3))]
    for till in tills:
        for rows in (till.attempts, till.settlements, till.events):
            chance.shuffle(rows)
    seen = tables(*tills)
    pieces = {name: [rows.slice(at, 7) for at in range(0, max(1, rows.num_rows), 7)] for name, rows in seen.items()}
    tight = run.judge(pieces, SHOP, *DAYS, bench=Bench())
    monkeypatch.setattr("expectations.lifecycle.MEMORY", "2GB")
    lifecycle._database.cache_clear()
    assert tight.findings == run.judge(seen, SHOP, *DAYS, bench=Bench()).findings
    assert tight.could_not_run == []
    assert len(tight.findings) > 10


@pytest.mark.parametrize("seed", range(4))
def test_rows_that_come_late_or_again_end_in_the_same_tables(tmp_path: Path, seed: int):
    """Landed in any order, some twice, and checked in between: the end is that of everything at once."""
    whole = checked(tmp_path / "whole", cut(three_shops(), 1, None))
    again = checked(tmp_path / "again", cut(three_shops(), 3, random.Random(seed)))
    benign = "dq_duplicate_record"
    assert [each for each in again[0] if each.rule != benign] == whole[0]  # type: ignore[attr-defined]
    assert again[1] == whole[1]

"""Judging: two readings of a law that must agree, and parts of the merchants that give what the whole gives."""

import datetime as dt
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expectations import run
from expectations.findings import read_findings
from expectations.judging import Docket
from expectations.laws import Equal, Length, NotAbove, NotBelow, OneOf, Present, Stated, Unique, Verdict, breaks
from expectations.lifecycle import Shop, link
from ingest.settings import Settings
from ingest.storage import LakeSettings
from ingest.tables import Lake
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import Row, Till, faulty_shop, tables

if TYPE_CHECKING:
    import pyarrow as pa

pytestmark = pytest.mark.slow  # whole checks of a lake

SHOP = Shop("Asia/Shanghai", dt.time(23, 0))
DAYS = dt.date(2020, 1, 1), dt.date(2030, 1, 1)
TABLES = ("transactions", "settlements", "events")


class Bench(PlainBench):
    """Plain verdicts, and a page where the Data Docs would be."""

    def build_data_docs(self, folder: Path) -> Path:
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

    linked = link(tables(*faulty_shop()), SHOP, *DAYS)
    docket = Docket()
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
    linked = link(tables(till), SHOP, *DAYS)
    docket = Docket()
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


def checked(
    folder: Path, parts: Sequence[dict[str, list[Row]]], at_once: int | None = None
) -> tuple[list[object], "pa.Table"]:
    """Land one part after the other, check after each, and say what is stored in the end."""
    settings = Settings(lake=LakeSettings(uri=str(folder / "lake")))
    lake = Lake(settings.lake.uri)
    for number, part in enumerate(parts):
        for name, rows in part.items():
            if rows:
                lake.append(name, rows, app_id=f"{name}-{number}")
        run.check(settings, at_once=at_once)
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


def test_parts_of_the_merchants_give_what_the_whole_gives(tmp_path: Path):
    """Findings and life cycles are equal, where a merchant's refund names another's sale and a terminal moved, too."""
    whole = checked(tmp_path / "whole", cut(three_shops(), 1, None))
    apart = checked(tmp_path / "apart", cut(three_shops(), 1, None), at_once=5)
    assert {each.rule for each in whole[0]} >= {"dup_stan_resent", "refund_other_merchant"}  # type: ignore[attr-defined]
    assert apart == whole


def test_a_check_that_is_not_asked_for_parts_judges_the_whole_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A reference debited at two merchants of an acquirer is found: linking happens once, however many rows."""
    linked: list[int] = []

    def counted(tables: "dict[str, pa.Table]", *told: Any) -> Any:
        linked.append(tables["transactions"].num_rows)
        return link(tables, *told)

    monkeypatch.setattr(run, "link", counted)
    monkeypatch.setattr(Lake, "days", many(Lake.days))
    one = Till(merchant="898320548160007", terminal="70000001")
    sale = one.sale(36800, card=1)
    other = Till(merchant="898320548160009", terminal="90000001", stan=400, line="lane-2", now=one.now)
    other.sale(36800, card=1, rrn=sale["rrn"])
    found, _ = checked(tmp_path, cut([one, other], 1, None))
    assert [(each.rule, each.merchant_id) for each in found] == [  # type: ignore[attr-defined]
        ("dup_rrn_twice", "898320548160009")
    ]
    assert linked == [2]


def many(days: Callable[[Lake, str], dict[dt.date, int]]) -> Callable[[Lake, str], dict[dt.date, int]]:
    """The same days with a million times their rows, as a large lake counts them."""
    return lambda lake, name: {day: rows * 10**6 for day, rows in days(lake, name).items()}


@pytest.mark.parametrize("seed", range(4))
def test_rows_that_come_late_or_again_end_in_the_same_tables(tmp_path: Path, seed: int):
    """Landed in any order, some twice, and checked in between: the end is that of everything at once."""
    whole = checked(tmp_path / "whole", cut(three_shops(), 1, None))
    again = checked(tmp_path / "again", cut(three_shops(), 3, random.Random(seed)))
    benign = "dq_duplicate_record"
    assert [each for each in again[0] if each.rule != benign] == whole[0]  # type: ignore[attr-defined]
    assert again[1] == whole[1]

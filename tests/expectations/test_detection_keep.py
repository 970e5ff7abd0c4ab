"""What a folder of the detection benchmark keeps is not played again, and not mixed with what other sources gave."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.detection.__main__ import main
from bench.detection.casts import TILLS
from bench.detection.keep import ROOT, STATED, KeepError, Kept, digest, name_of
from bench.detection.match import Matched
from bench.detection.outcome import Order, Outcome
from bench.detection.pipeline import FIVE_PERCENT
from bench.detection.worlds import WorldLostError, play_all

ORDERS = [Order("test", seed, shops=1, cases=1) for seed in (60, 61, 62)]


def test_a_run_that_was_ended_goes_on_where_it_was(tmp_path: Path):
    """The worlds that had ended are taken from the folder, though they could not be played any more."""
    with pytest.raises(WorldLostError, match="world 61"):
        play_all(ORDERS, 1, act=not_61, kept=Kept(tmp_path))
    told: list[str] = []

    outcomes = play_all(ORDERS, 1, act=not_60, tell=told.append, kept=Kept(tmp_path))

    assert [each.sales for each in outcomes] == [60, 61, 62]
    assert told[0] == "1 of 3 worlds were kept"
    assert [each.sales for each in play_all(ORDERS, 1, act=nobody, kept=Kept(tmp_path))] == [60, 61, 62]


def test_what_is_kept_is_the_same_as_what_was_played(tmp_path: Path):
    """Counts by rule come back as they were, and what no rule counted still counts from nothing."""
    outcome = nobody_s(7)
    outcome.matched.rules["dup_refund"].found = 3
    Kept(tmp_path).put(ORDERS[0], outcome)

    found = Kept(tmp_path).get(ORDERS[0])

    assert found == outcome
    assert found.matched.rules["double_void"].found == 0


@pytest.mark.parametrize(
    "changed", ["expectations/rules/a.sql", "ingest/b.py", "protocols/c.toml", "bench/detection/story.py"]
)
def test_another_source_is_refused(tmp_path: Path, changed: str):
    """One changed byte of a rule, a module or a table: the folder says what is the matter and what to do."""
    root = sources(tmp_path)
    Kept(tmp_path / "kept", root).put(ORDERS[0], nobody_s(60))
    (root / changed).write_text("other")

    with pytest.raises(KeepError) as told:
        Kept(tmp_path / "kept", root)

    assert str(told.value) == (
        f"{tmp_path / 'kept'}: was played with other sources; name another folder, or go back to those"
    )


def test_a_source_more_or_by_another_name_is_refused(tmp_path: Path):
    """A rule that is added, and one whose file is named otherwise, make other sources."""
    root = sources(tmp_path)
    first = digest(root)
    (root / "ingest" / "b.py").rename(root / "ingest" / "d.py")
    second = digest(root)
    (root / "expectations" / "rules" / "more.sql").write_text("")

    assert len({first, second, digest(root)}) == 3


def test_other_tables_are_made_of_what_was_played(tmp_path: Path):
    """What only counts and shows, and what is no source, may be changed."""
    root = sources(tmp_path)
    Kept(tmp_path / "kept", root).put(ORDERS[0], nobody_s(60))
    for name in ("report.py", "figures.py", "__main__.py", "paired.py", "notes.md"):
        (root / "bench" / "detection" / name).write_text("other")

    found = Kept(tmp_path / "kept", root).get(ORDERS[0])

    assert found is not None
    assert found.sales == 60


def test_what_was_played_while_sources_changed_is_not_kept(tmp_path: Path):
    """Nobody knows which of the two such a world was played with."""
    root = sources(tmp_path)
    kept = Kept(tmp_path / "kept", root)
    (root / "ingest" / "b.py").write_text("other")

    with pytest.raises(KeepError, match="changed meanwhile; begin again with an empty folder"):
        kept.put(ORDERS[0], nobody_s(60))

    assert [each.name for each in (tmp_path / "kept").iterdir()] == [STATED]


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path):
    """Half a file is no outcome."""
    kept = Kept(tmp_path)
    kept.put(ORDERS[0], nobody_s(60))
    path = tmp_path / name_of(ORDERS[0])
    path.write_bytes(path.read_bytes()[:40])

    with pytest.raises(KeepError) as told:
        kept.get(ORDERS[0])

    assert str(told.value).startswith(f"{path}: not readable (")
    assert str(told.value).endswith("); delete it to have it played again")


def test_outcomes_of_unknown_sources_are_refused(tmp_path: Path):
    """Without a digest nobody can say what they are of."""
    Kept(tmp_path).put(ORDERS[0], nobody_s(60))
    (tmp_path / STATED).unlink()

    with pytest.raises(KeepError, match="of unknown sources; name an empty folder"):
        Kept(tmp_path)


def test_each_order_has_a_file_of_its_own():
    """Another size, perturbation or cast is another world, and the same one has the same name in every process."""
    plain = Order("test", 60, 30, 24)
    orders = [plain, Order("dev", 60, 30, 24), Order("test", 60, 31, 24), Order("test", 60, 30, 24, FIVE_PERCENT)]
    orders.append(Order("test", 60, 30, 24, cast=TILLS))
    script = (
        "from bench.detection.keep import name_of; from bench.detection.outcome import Order; "
        "from bench.detection.casts import TILLS; print(name_of(Order('test', 60, 30, 24, cast=TILLS)))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2", "3")
    }

    assert len({name_of(each) for each in orders}) == 5
    assert name_of(plain).startswith("test-60-30x24-")
    assert told == {name_of(orders[-1])}


def test_the_command_refuses_another_s_folder_in_one_line(tmp_path: Path):
    """Status 3, before any world is played."""
    (tmp_path / STATED).write_text("0" * 64)

    ended = CliRunner().invoke(main, ["--size", "small", "--keep", str(tmp_path), "--no-write"])

    assert ended.exit_code == 3
    assert ended.stderr.splitlines()[1:] == [
        f"could not measure: {tmp_path}: was played with other sources; name another folder, or go back to those"
    ]


def sources(folder: Path) -> Path:
    """A tree with a few sources."""
    root = folder / "tree"
    for name in ("expectations/rules/a.sql", "ingest/b.py", "protocols/c.toml", "bench/detection/story.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def nobody_s(sales: int) -> Outcome:
    """An outcome of so many sales."""
    return Outcome(Matched(), {}, sales, 0.0, 0, 0, 0, [])


def not_61(order: Order) -> Outcome:
    """Plays all worlds but one."""
    return nobody_s(order.seed) if order.seed != 61 else nobody(order)


def not_60(order: Order) -> Outcome:
    """Plays all worlds but another."""
    return nobody_s(order.seed) if order.seed != 60 else nobody(order)


def nobody(order: Order) -> Outcome:
    """Plays none."""
    raise LookupError(order.seed)

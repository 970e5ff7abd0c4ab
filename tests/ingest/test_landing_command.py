"""`tillwatch land`: what it says, and how it ends."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ingest.commands.land import land as command
from ingest.keys import create_keys
from ingest.landing import land
from ingest.segments import sealed_segments
from tests.ingest.landingshop import (
    Shop,
    damage,
    day_of_traffic,
    sale,
)

pytestmark = pytest.mark.slow  # whole landings


@pytest.mark.slow
def test_progress_bar_is_drawn_for_somebody_who_looks(shop: Shop) -> None:
    """On a terminal's stderr a bar is drawn and taken away again; stdout stays clean."""
    shop.seal(day_of_traffic())
    config = shop.folder / "tillwatch.toml"
    config.write_text(f"[spool]\ndirectory = '{shop.folder / 'spool'}'\n[lake]\nuri = '{shop.folder / 'lake'}'\n")
    master, slave = os.openpty()
    words = [sys.executable, "-c", "from ingest.cli import main; main()", "land", "--config", str(config)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=slave, check=False, env={**os.environ, "TERM": "xterm"})
    os.close(slave)
    drawn = b""
    with contextlib.suppress(OSError):  # nothing is left, and nobody writes any more
        while piece := os.read(master, 65536):
            drawn += piece
    os.close(master)

    assert (done.returncode, done.stdout) == (0, b"")
    assert b"segments" in drawn
    assert b"1/1" in drawn


def invoke(shop: Shop, *words: str) -> Any:
    config = shop.folder / "tillwatch.toml"
    lake = shop.uri or shop.folder / "lake"
    config.write_text(f"[spool]\ndirectory = '{shop.folder / 'spool'}'\n[lake]\nuri = '{lake}'\n")
    return CliRunner().invoke(command, ["--config", str(config), *words], catch_exceptions=False)


def test_command_says_what_came_in(shop: Shop) -> None:
    """Talk on stderr, a query to look with; nothing on stdout without --json."""
    shop.seal(day_of_traffic())
    done, again = invoke(shop), invoke(shop)

    assert (done.exit_code, done.stdout) == (0, "")
    assert "1 segments with 19 frames landed" in done.stderr
    assert "7 transactions" in done.stderr
    assert "read_parquet" in done.stderr
    assert again.stderr == "nothing new\n"


def test_command_says_that_there_is_no_spool(shop: Shop) -> None:
    """A mistyped folder does not look like a quiet shop; before the first collector it is no failure."""
    done = invoke(shop)

    assert done.exit_code == 0
    assert f"no spool at {shop.folder / 'spool'} yet" in done.stderr
    assert "check spool.directory" in done.stderr


def test_query_that_the_command_prints_runs(shop: Shop) -> None:
    """The printed DuckDB query shows the transactions."""
    import duckdb

    shop.seal(day_of_traffic())
    printed = invoke(shop).stderr.split('"')[1]

    assert duckdb.connect().execute(f"SELECT count(*) FROM ({printed})").fetchall() == [(7,)]  # noqa: S608  our own text


def test_command_prints_json(shop: Shop) -> None:
    """One object on stdout."""
    shop.seal(day_of_traffic())
    found = json.loads(invoke(shop, "--json").stdout)

    assert found.pop("duration") > 0
    assert found == {
        "segments": 1, "frames": 19, "transactions": 7, "settlements": 1, "events": 1, "signatures": 0,
        "batch_uploads": 0, "rejects": 0, "damaged": 0,
    }  # fmt: skip


def test_command_ends_with_one_when_a_segment_is_damaged(shop: Shop) -> None:
    """One clear line with the file and what to do; the rest has landed."""
    shop.seal(sale(2, 10) + sale(3, 20))
    path = sealed_segments(shop.settings.spool.directory)[0].path
    damage(path, path.stat().st_size // 2)

    done = invoke(shop)

    assert done.exit_code == 1
    assert path.name in done.stderr
    assert "try: " in done.stderr
    assert invoke(shop).exit_code == 0


def test_progress_is_told(shop: Shop) -> None:
    """Whoever asks hears of segments and days, from none to all."""
    shop.seal(sale(2, 10), sale(3, 20))
    heard: list[tuple[str, int, int]] = []

    land(shop.settings, lambda *step: heard.append(step))

    assert heard[0] == ("segments", 0, 2)
    assert ("segments", 2, 2) in heard
    assert heard[-1] == ("days", 1, 1)


def test_segments_of_a_key_that_is_not_here_land_and_are_told(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another collector's key: one line with its id and how many, the rows are in; of one's own key not a word."""
    monkeypatch.setenv("TILLWATCH_KEYS__PAN_TOKEN", str(shop.folder / "key"))
    shop.seal(sale(2, 10))
    other = Shop(shop.folder, create_keys(tmp_path / "other.key"))
    other.seal(sale(3, 20), sale(4, 30))

    done = invoke(shop)

    assert done.exit_code == 0
    told = [line for line in done.stderr.splitlines() if "which this machine has not" in line]
    assert [line.partition(",")[0] for line in told] == [f"2 segments are of key {other.keys.key_id}"]
    assert shop.lake.read("transactions").num_rows == 3
    assert "which this machine has not" not in invoke(shop).stderr

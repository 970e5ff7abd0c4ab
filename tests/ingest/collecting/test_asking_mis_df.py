"""A DFxx terminal that is asked, with transaction codes from a profile of one's own."""

from pathlib import Path
from typing import Any

import pytest

from ingest.tables import Lake
from protocols.mis_df.terminal import Terminal
from protocols.profile import load_profile
from tests.ingest.collecting import test_asking as asking
from tests.ingest.collecting.conftest import Wire
from tests.ingest.collecting.test_asking import BATCH, collect, line, run

pytestmark = pytest.mark.slow  # real collectors

OWN = """
name = "our-terminals"
extends = "ingenico-mis"
title = { zh-CN = "门店终端", en = "Our terminals" }
source = "the bank's document"
confidence = "public"
"""
CODES = {"61": "JOURNAL_LIST", "62": "SETTLEMENT", "63": "SALE"}
CODE = '[operations.{}]\nname = "{}"\nsource = "the bank\'s document"\nconfidence = "public"\n'


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a key and a profile that knows this terminal's codes."""
    run("doctor", "--create-keys", cwd=tmp_path, statuses=(0, 3))
    text = OWN + "".join(CODE.format(code, name) for code, name in CODES.items())
    (tmp_path / "our.toml").write_text(text, "utf-8")
    return tmp_path


class Played(asking.Played):
    """The terminal on a descriptor."""

    def __init__(self, profile: str, descriptor: int) -> None:
        self.made = Terminal(load_profile(profile), "15221155", "104152253311021", BATCH)
        super().__init__("zvt", descriptor)

    def _run(self) -> None:
        self.terminal = self.made  # type: ignore[assignment]  # it is asked in the same words
        super()._run()


def asked(shop: Path, more: str) -> tuple[Played, list[dict[str, Any]], list[dict[str, Any]]]:
    """Plug the terminal in, ask it, land: the terminal, its transactions and its settlements."""
    wire = Wire(shop / "tty")
    played = Played(str(shop / "our.toml"), wire.master)
    log = collect(shop, line(str(wire.name), "our.toml", more), "outcome=")
    played.stop()
    wire.unplug()
    assert "answered" in log
    run("land", cwd=shop)
    lake = Lake(str(shop / "var/lake"))
    assert lake.read("rejects").num_rows == 0
    return played, lake.read("transactions").to_pylist(), lake.read("settlements").to_pylist()


def test_a_list_is_landed_and_told_twice_it_is_the_same(shop: Path) -> None:
    """Every transaction of the batch, with what is said of it; asked again the same rows; nothing is closed."""
    played, once, _ = asked(shop, "every = 0")
    rows = sorted((row["stan"], row["receipt_no"], row["amount_fen"], row["txn_type"]) for row in once)
    assert rows == [(41, 11, 1000, "SALE"), (42, 12, 2500, "SALE")]
    assert {(row["terminal_id"], row["profile"], row["outcome"]) for row in once} == {
        ("15221155", "our-terminals", "approved")
    }
    assert played.made.closed == []
    _, twice, _ = asked(shop, "every = 0")
    assert sorted(row["transaction_id"] for row in twice) == sorted(row["transaction_id"] for row in once)
    for path in (shop / "var").rglob("*"):
        assert not path.is_file() or b"4761739001010010" not in path.read_bytes()


def test_a_settlement_by_name_is_landed(shop: Path) -> None:
    """The batch is closed once, and its totals are a row."""
    played, _, (row,) = asked(shop, 'ask = "settle"\nevery = 0')
    assert len(played.made.closed) == 1
    assert (row["total_count"], row["total_amount_fen"], row["terminal_id"]) == (2, 3500, "15221155")
    assert '"card_org":"CUP","count":2,"amount_fen":3500' in row["card_totals"]


@pytest.mark.parametrize(
    ("profile", "more", "word"),
    [
        ("ingenico-mis", "", "transaction code asks for journal-list"),
        ("ingenico-mis", 'ask = "settle"\nevery = 0', "transaction code asks for settle"),
        ("our.toml", 'ask = "settle"', "not asked at intervals"),
        ("our.toml", 'ask = "refund"', "knows no question"),
    ],
)
def test_what_must_not_be_asked_is_refused(shop: Path, profile: str, more: str, word: str) -> None:
    """A code that nobody knows is not guessed, a settlement is not repeated, and a refund is no question."""
    (shop / "tillwatch.toml").write_text(line("/dev/null", profile, more), "utf-8")
    assert word in run("collect", cwd=shop, statuses=(2,)).stderr


def test_a_profile_of_ones_own_that_is_gone_is_told(shop: Path) -> None:
    """Landing does not make rejects of frames that it could read with the file in its place."""
    asked(shop, "every = 0")
    (shop / "our.toml").rename(shop / "theirs.toml")
    assert "our.toml" in run("land", cwd=shop, statuses=(2,)).stderr

"""Landing: sealed segments into tables, each row exactly once whatever happens on the way."""

import contextlib
import datetime as dt
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ingest import deltalog, landing
from ingest.commands.land import land as command
from ingest.deriving import DERIVED
from ingest.errors import LakeError
from ingest.keys import Keys, create_keys
from ingest.landing import land
from ingest.near_dates import latest_date, nearest_date
from ingest.records import Kind, PendingRecord, session
from ingest.segment import HEADER_SIZE
from ingest.segments import sealed_segments
from ingest.settings import Settings
from ingest.spool import Spool
from ingest.tables import TABLES, Lake
from protocols.profile import load_profile
from protocols.sanitise import Sanitiser

pytestmark = pytest.mark.slow  # whole landings

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
NOON = dt.datetime(2026, 11, 21, 12, tzinfo=SHANGHAI)
PAN = "6224240000003353"
PROOF = {"segment_id", "request_seq", "response_segment_id", "response_seq"}

Heard = tuple[float, str, bytes]
"""Seconds after noon, direction, link frame."""


def message(mti: str, stan: int | None, fields: dict[int, str] | None = None, *, profile: str = "unionpay") -> bytes:
    """A link frame of terminal 10000001, batch 1."""
    base = {41: "10000001", 42: "898440300000001", 60: "22000001"}
    if stan is not None:
        base[11] = f"{stan:06d}"
    return load_profile(profile).build(mti, base | (fields or {}))


def sale(stan: int, at: float, *, rrn: str | None = "000000000001", amount: int = 100, code: str = "00") -> list[Heard]:
    """A sale: its request and, half a second later, its answer; no answer without ``rrn``."""
    common = {3: "000000", 4: f"{amount:012d}", 25: "00", 49: "156"}
    asked = (at, "rx", message("0200", stan, {2: PAN, 22: "021", 35: PAN + "D30122010000012345678", **common}))
    if rrn is None:
        return [asked]
    clock = NOON + dt.timedelta(seconds=at)
    said = {12: f"{clock:%H%M%S}", 13: f"{clock:%m%d}", 37: f"{rrn}{stan:06d}"[-12:], 39: code}
    return [asked, (at + 0.5, "tx", message("0210", stan, common | said))]


SIGN_IN: list[Heard] = [
    (-9, "rx", message("0800", 1, {60: "00000001001"})),
    (-8, "tx", message("0810", 1, {12: "115952", 13: "1121", 37: "000000000009", 39: "00", 60: "00000001001"})),
]
TOTALS = "000000000100001000000000000000"


def settlement(at: float) -> list[Heard]:
    """A settlement of one sale, and the host's word: balanced for domestic cards, not for foreign."""
    fields = {49: "156", 60: "00000001201"}
    none = "0" * 30
    return [
        (at, "rx", message("0500", 99, fields | {48: f"{TOTALS}0{none}0"})),
        (at + 1, "tx", message("0510", 99, fields | {37: "000000000099", 39: "00", 48: f"{TOTALS}1{none}2"})),
    ]


@dataclass
class Shop:
    """A spool that tests write segments into, and the lake they land in."""

    folder: Path
    keys: Keys
    profile: str = "unionpay"
    line: str = "lane-1"
    uri: Path | None = None

    @property
    def settings(self) -> Settings:
        return Settings.model_validate(
            {
                "spool": {"directory": self.folder / "spool"},
                "lake": {"uri": str(self.uri or self.folder / "lake")},
            }
        )

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake.uri)

    def seal(self, *segments: Sequence[Heard | PendingRecord]) -> None:
        """Write and seal one segment for each list."""
        with Spool(self.folder / "spool", self.keys) as spool:
            for heard in segments:
                opened = session(self.line, self.profile, wall_ns=round(NOON.timestamp() * 1e9))
                records = [each if isinstance(each, PendingRecord) else self.record(*each) for each in heard]
                given = bool(records) and records[0].kind is Kind.SESSION
                spool.append_many(records if given else [opened, *records])
                spool.seal()

    def record(self, at: float, direction: Any, frame: bytes) -> PendingRecord:
        safe = Sanitiser(load_profile("unionpay"), self.keys).sanitise(frame)
        seen = round((NOON + dt.timedelta(seconds=at)).timestamp() * 1e6) * 1000
        return PendingRecord(
            Kind.FRAME, self.line, self.profile, seen, direction=direction, frame=safe.frame, digest=safe.digest,
            card_token=safe.card_token, length=len(safe.frame),
        )  # fmt: skip

    def rows(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.lake.read(name).to_pylist()
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path, create_keys(tmp_path / "key"))


def everything(shop: Shop, *, proof: bool = True) -> dict[str, list[str]]:
    """All derived rows, in an order of their own; without where the bytes are unless ``proof``."""
    left_out = set() if proof else PROOF | {"seq"}
    return {
        name: sorted(repr({k: v for k, v in row.items() if k not in left_out}) for row in shop.rows(name))
        for name in DERIVED
    }


def day_of_traffic() -> list[Heard]:
    """Sign-in, sales, a decline, a repeated request, a lost answer, a void, a reversal, settlement; across midnight."""
    reversal = {3: "000000", 4: f"{100:012d}", 25: "00", 39: "98", 49: "156"}
    void = {3: "200000", 4: f"{100:012d}", 25: "00", 60: "23000001", 61: "000001000002", 37: "000000000002"}
    midnight = 12 * 3600
    resent = sale(4, 40)
    return [
        *SIGN_IN,
        *sale(2, 10),
        *sale(3, 20, code="51"),
        *resent,
        (resent[0][0] + 0.2, "rx", resent[0][2]),
        *sale(5, 50, rrn=None),
        (60, "rx", message("0400", 5, reversal)),
        (70, "rx", message("0400", 5, reversal)),
        (70.5, "tx", message("0410", 5, reversal | {37: "000000000005", 39: "00"})),
        (80, "rx", message("0200", 6, void)),
        (80.5, "tx", message("0210", 6, void | {39: "00", 37: "000000000006", 12: "120120", 13: "1121"})),
        *sale(7, midnight - 0.2),
        *settlement(midnight + 60),
    ]


def test_exchanges_go_where_they_belong(shop: Shop) -> None:
    """Money to transactions, settlement to settlements, the rest to events, each frame in exactly one row."""
    shop.seal(day_of_traffic())

    result = land(shop.settings)

    assert (result.segments, result.frames, result.damaged) == (1, 19, [])
    assert result.rows == {
        "transactions": 7,
        "settlements": 1,
        "events": 1,
        "signatures": 0,
        "batch_uploads": 0,
        "rejects": 0,
    }
    assert (result.transactions, result.rejects, result.changed) == (7, 0, True)
    digests: Counter[str] = Counter()
    for name in ("transactions", "settlements", "events"):
        for row in shop.rows(name):
            digests.update(each for each in (row["request_digest"], row["response_digest"]) if each)
    recorded = {row["digest"] for row in shop.rows("raw_frames") if row["kind"] == "frame"}
    assert digests == Counter(recorded)


def test_rows_say_what_the_messages_say(shop: Shop) -> None:
    """Amount, card, clocks, numbers and references of a void, a repeated sale, a reversal."""
    shop.seal(day_of_traffic())
    land(shop.settings)
    by_type = {(row["txn_type"], row["stan"]): row for row in shop.rows("transactions")}

    sold, void, taken_back = by_type["SALE", 2], by_type["VOID", 6], by_type["REVERSAL", 5]
    assert (sold["amount_fen"], sold["currency"], sold["pan_masked"]) == (100, "156", "622424******3353")
    assert sold["card_token"].startswith("t")
    assert sold["requested_at"] == NOON + dt.timedelta(seconds=10)
    assert sold["host_dt"] == sold["event_at"] == NOON + dt.timedelta(seconds=10)
    assert (sold["merchant_id"], sold["terminal_id"], sold["batch_no"]) == ("898440300000001", "10000001", 1)
    assert by_type["SALE", 3]["outcome"] == "declined"
    assert by_type["SALE", 4]["attempts"] == 2
    assert (by_type["SALE", 5]["outcome"], by_type["SALE", 5]["response_code"]) == ("unknown", None)
    assert (void["orig_batch_no"], void["orig_stan"], void["orig_rrn"]) == (1, 2, "000000000002")
    assert (taken_back["attempts"], taken_back["reason_code"], taken_back["outcome"]) == (2, "98", "approved")


def test_settlement_has_both_sides(shop: Shop) -> None:
    """The terminal's totals are the request's, the host's totals and flags the answer's."""
    shop.seal(settlement(0))
    land(shop.settings)
    (row,) = shop.rows("settlements")

    assert (row["rmb_debit_amount_fen"], row["rmb_debit_count"], row["rmb_credit_count"]) == (100, 1, 0)
    assert (row["rmb_host_debit_amount_fen"], row["rmb_flag"], row["foreign_flag"]) == (100, "1", "2")
    assert (row["batch_no"], row["outcome"], row["currency"]) == (1, "approved", "156")


def test_unanswered_settlement_has_no_flag(shop: Shop) -> None:
    """The zero that a request carries in the flag's place is not the host's word."""
    shop.seal(settlement(0)[:1])
    land(shop.settings)
    (row,) = shop.rows("settlements")

    assert (row["rmb_flag"], row["foreign_flag"], row["outcome"]) == (None, None, "unknown")


def test_answer_in_the_next_segment_finds_its_request(shop: Shop) -> None:
    """A row that was unknown becomes approved when the next segment brings the answer; its id stays."""
    asked, answered = sale(2, 10)
    shop.seal([asked])
    land(shop.settings)
    (before,) = shop.rows("transactions")
    shop.seal([answered])

    land(shop.settings)

    (row,) = shop.rows("transactions")
    assert (before["outcome"], row["outcome"]) == ("unknown", "approved")
    assert before["transaction_id"] == row["transaction_id"]
    assert row["segment_id"] != row["response_segment_id"]


def test_business_date_is_the_merchants_day(shop: Shop) -> None:
    """00:30, 07:59 and 08:01 in Shanghai lie on one local day, whatever UTC says; 23:59 lies on the day before."""
    seconds = {-12.5: 2, -11.5: 3, -4 - 1 / 60: 4, -4 + 1 / 60: 5}
    shop.seal([heard for hours, stan in seconds.items() for heard in sale(stan, hours * 3600)])
    land(shop.settings)
    days = {row["stan"]: row["business_date"] for row in shop.rows("transactions")}

    assert days == {2: dt.date(2026, 11, 20), 3: NOON.date(), 4: NOON.date(), 5: NOON.date()}


def test_landing_again_changes_nothing(shop: Shop) -> None:
    """The second run finds nothing new, writes nothing, and the tables are the same to the version."""
    shop.seal(day_of_traffic())
    land(shop.settings)
    before, versions = everything(shop), [shop.lake.version(name) for name in TABLES]

    again = land(shop.settings)

    assert not again.changed
    assert again.counts == {"segments": 0, "frames": 0, "damaged": 0}
    assert everything(shop) == before
    assert [shop.lake.version(name) for name in TABLES] == versions


def test_nothing_there_is_nothing_landed(shop: Shop) -> None:
    """No spool and no lake is not an error."""
    assert not land(shop.settings).changed


def test_same_capture_read_twice_is_one(shop: Shop) -> None:
    """The same frames in a second segment, seen at the same moments, add no row and no attempt."""
    shop.seal(day_of_traffic())
    land(shop.settings)
    once = everything(shop, proof=False)
    shop.seal(day_of_traffic())

    land(shop.settings)

    assert everything(shop, proof=False) == once
    assert sum(row["kind"] == "frame" for row in shop.rows("raw_frames")) == 38


@pytest.mark.slow
@given(cuts=st.sets(st.integers(1, 18), max_size=4), mixed=st.booleans())
@examples(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cutting_and_interleaving_make_no_difference(
    tmp_path_factory: pytest.TempPathFactory, cuts: set[int], mixed: bool
) -> None:
    """The same exchanges, cut into segments anywhere and interleaved with another line's, give identical tables."""
    folder = tmp_path_factory.mktemp("shop")
    whole, cut = [Shop(folder / name, create_keys(folder / name / "key")) for name in ("whole", "cut")]
    cut.keys = whole.keys
    heard = day_of_traffic()
    whole.seal(heard)
    ends = [0, *sorted(cuts), len(heard)]
    pieces: list[list[Heard | PendingRecord]] = [list(heard[a:b]) for a, b in itertools.pairwise(ends)]
    if mixed:  # the two directions reach the spool in another order than they were seen
        pieces = [sorted(piece, key=lambda each: str(each[1:2]), reverse=True) for piece in pieces]  # type: ignore[index]
    cut.seal(*pieces)

    land(whole.settings)
    land(cut.settings)

    assert everything(cut, proof=False) == everything(whole, proof=False)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_order_of_landing_makes_no_difference(shop: Shop, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Segments that land one by one in any order end in the tables of all at once, proof included."""
    heard = day_of_traffic()
    shop.seal(*(heard[at : at + 4] for at in range(0, len(heard), 4)))
    shop.uri = shop.folder / "at-once"
    land(shop.settings)
    at_once = everything(shop)
    segments = sealed_segments(shop.settings.spool.directory)
    random.Random(seed).shuffle(segments)
    shop.uri = shop.folder / "one-by-one"

    for last in range(len(segments)):
        monkeypatch.setattr(landing, "sealed_segments", lambda _, last=last: segments[: last + 1])
        land(shop.settings)

    assert everything(shop) == at_once


class DiedError(Exception):
    """The process is gone."""


STEPS = range(1, 10)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_dying_at_any_commit_is_healed_by_the_next_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, step: int, when: str
) -> None:
    """Killed before or after any commit of a run, the next run ends in the same tables, each row once."""
    heard = day_of_traffic()
    shop.seal(heard[:9], heard[9:])
    shop.uri = shop.folder / "undisturbed"
    land(shop.settings)
    undisturbed = everything(shop)
    shop.uri = shop.folder / "disturbed"
    commit, done = deltalog.commit, 0

    def dying(*arguments: Any, **named: Any) -> bool:
        nonlocal done
        done += 1
        if done == step and when == "before":
            raise DiedError
        committed = commit(*arguments, **named)
        if done == step:
            raise DiedError
        return committed

    monkeypatch.setattr("ingest.deltalog.commit", dying)
    died = False
    try:
        land(shop.settings)
    except DiedError:
        died = True
    monkeypatch.undo()
    land(shop.settings)

    assert died == (step <= 8), "a run of two segments makes eight commits"
    assert everything(shop) == undisturbed
    assert globbed(shop) == len(shop.rows("transactions"))


def globbed(shop: Shop) -> int:
    """Rows a plain glob over the folder sees."""
    import duckdb

    files = duckdb.read_parquet(f"{shop.lake.root}/transactions/**/*.parquet", hive_partitioning=True)
    return len(files.project("stan").fetchall())


@pytest.mark.slow
def test_four_processes_at_once_land_each_row_once(shop: Shop) -> None:
    """Whoever commits first, all four end well, and the tables are those of one undisturbed run (fault 18)."""
    heard = day_of_traffic()
    shop.seal(*(heard[at : at + 2] for at in range(0, len(heard), 2)))
    shop.uri = shop.folder / "alone"
    land(shop.settings)
    alone = everything(shop)
    shop.uri = shop.folder / "together"
    config = shop.folder / "tillwatch.toml"
    config.write_text(f"[spool]\ndirectory = '{shop.folder / 'spool'}'\n[lake]\nuri = '{shop.uri}'\n")
    words = [sys.executable, "-c", "from ingest.cli import main; main()", "land", "--config", str(config)]
    runs = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [run.communicate()[1] for run in runs]

    assert [run.returncode for run in runs] == [0] * 4, said
    assert everything(shop) == alone
    assert globbed(shop) == len(shop.rows("transactions"))


def test_losing_every_race_is_said(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that others always overtake ends with a line, not in a circle."""
    shop.seal(sale(2, 10))
    monkeypatch.setattr(Lake, "replace", lambda *_, **__: False)
    monkeypatch.setattr("ingest.deriving.ROUNDS", 3)

    with pytest.raises(LakeError, match="kept committing first"):
        land(shop.settings)


def damage(path: Path, at: int) -> None:
    path.chmod(0o640)
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def test_damaged_segment_lands_but_for_its_gap(shop: Shop) -> None:
    """The damaged record is a row of rejects with its number, the others land, and it is said once."""
    shop.seal(sale(2, 10) + sale(3, 20), sale(4, 30))
    path = sealed_segments(shop.settings.spool.directory)[0].path
    damage(path, path.stat().st_size // 2)

    result, again = land(shop.settings), land(shop.settings)

    (reject,) = shop.rows("rejects")
    assert len(result.damaged) == 1
    assert path.name in result.damaged[0]
    assert again.damaged == []
    assert (reject["kind"], reject["code"], reject["layer"]) == ("gap", "gap", "spool")
    assert reject["seq"] in range(1, 6)
    assert f"records {reject['seq']} to" in reject["expected"]
    assert sum(row["kind"] == "frame" for row in shop.rows("raw_frames")) == 5
    assert 4 in {row["stan"] for row in shop.rows("transactions")}


@pytest.mark.parametrize("harm", ["flipped", "cut", "empty", "text"])
def test_sound_copy_put_back_lands_what_was_missing(shop: Shop, harm: str) -> None:
    """Nothing of a damaged segment is lost for good, and nothing of it comes twice."""
    shop.seal(sale(2, 10) + sale(3, 20), sale(4, 30))
    path = sealed_segments(shop.settings.spool.directory)[0].path
    sound = path.read_bytes()
    path.chmod(0o640)
    middle = len(sound) // 2
    path.write_bytes(
        {
            "flipped": sound[:middle] + bytes([sound[middle] ^ 0xFF]) + sound[middle + 1 :],
            "cut": sound[:middle],
            "empty": b"",
            "text": b"hello\n" * 99,
        }[harm]
    )
    land(shop.settings)
    still = land(shop.settings)
    path.write_bytes(sound)

    mended, again = land(shop.settings), land(shop.settings)

    numbers = [(row["segment_id"], row["seq"]) for row in shop.rows("raw_frames") if row["kind"] == "frame"]
    assert (still.changed, still.damaged) == (False, [])
    assert (mended.segments, mended.damaged, again.changed) == (1, [], False)
    assert len(numbers) == len(set(numbers)) == 6
    assert sorted(row["stan"] for row in shop.rows("transactions")) == [2, 3, 4]


def test_tables_newer_than_their_frames_are_refused(shop: Shop) -> None:
    """When raw_frames alone was taken away, new frames are not left out in silence; all all moved, all is back."""
    for stan in range(3):
        shop.seal(sale(stan, 10 * stan))
        land(shop.settings)
    before = len(shop.rows("transactions"))
    shutil.rmtree(shop.lake.root / "raw_frames")
    newest = sealed_segments(shop.settings.spool.directory)[-1].path
    newest.rename(aside := shop.folder / newest.name)

    with pytest.raises(LakeError, match="made from version 3 of raw_frames, which is at 2") as refused:
        land(shop.settings)
    aside.rename(newest)
    for name in ("raw_frames", *DERIVED):
        assert name in refused.value.hint
        shutil.rmtree(shop.lake.root / name)
    land(shop.settings)

    assert len(shop.rows("transactions")) == before == 3


@pytest.mark.parametrize("part", ["header", "footer", "all"])
def test_segment_without_head_or_foot_is_not_lost(shop: Shop, part: str) -> None:
    """A broken header, a broken footer, or nothing but zeros: what can be read lands, the rest is one reject."""
    shop.seal(sale(2, 10), sale(4, 30))
    path = sealed_segments(shop.settings.spool.directory)[0].path
    if part == "all":
        path.chmod(0o640)
        path.write_bytes(bytes(path.stat().st_size))
    else:
        damage(path, 4 if part == "header" else path.stat().st_size - 4)

    result, again = land(shop.settings), land(shop.settings)

    stans = {row["stan"] for row in shop.rows("transactions")}
    assert stans == ({4} if part == "all" else {2, 4})
    assert len(result.damaged) == 1
    assert not again.changed
    assert {row["kind"] for row in shop.rows("rejects")} == {"gap"}


def test_segment_of_another_version_waits(shop: Shop) -> None:
    """A segment that a later tillwatch wrote is said, left alone, and lands once this one can read it."""
    import google_crc32c

    shop.seal(sale(2, 10), sale(4, 30))
    path = sealed_segments(shop.settings.spool.directory)[0].path
    known = path.read_bytes()
    head = known[:8] + (9).to_bytes(2, "big") + known[10 : HEADER_SIZE - 4]
    path.chmod(0o640)
    path.write_bytes(head + google_crc32c.value(head).to_bytes(4, "big") + known[HEADER_SIZE:])

    first, again = land(shop.settings), land(shop.settings)
    path.write_bytes(known)
    updated = land(shop.settings)

    assert [len(result.damaged) for result in (first, again, updated)] == [1, 1, 0]
    assert "format version 9" in first.damaged[0]
    assert (first.segments, again.segments, updated.segments) == (1, 0, 1)
    assert {row["stan"] for row in shop.rows("transactions")} == {2, 4}
    assert shop.rows("rejects") == []


def test_segment_that_cannot_be_opened_is_tried_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An input error on one segment is said; the others land, and it lands on the next run."""
    shop.seal(sale(2, 10), sale(4, 30))
    broken, read = sealed_segments(shop.settings.spool.directory)[0].path, Path.read_bytes

    def failing(path: Path) -> bytes:
        if path == broken:
            raise OSError(5, "Input/output error")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", failing)
    first = land(shop.settings)
    monkeypatch.undo()
    second = land(shop.settings)

    assert (first.segments, len(first.damaged), second.segments, second.damaged) == (1, 1, 1, [])
    assert {row["stan"] for row in shop.rows("transactions")} == {2, 4}


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


def test_unknown_profile_is_a_reject_with_a_hint(shop: Shop) -> None:
    """Frames of a profile that is not there stay in raw_frames and are said in rejects; nothing crashes."""
    shop.profile = "lakalla"
    shop.seal(sale(2, 10))

    result = land(shop.settings)

    assert (result.transactions, result.rejects) == (0, 2)
    assert {(row["layer"], row["hint"]) for row in shop.rows("rejects")} == {("profile", "did you mean 'lakala'?")}
    assert sum(row["frame"] is not None for row in shop.rows("raw_frames")) == 2


def test_noise_and_gaps_are_rejects_without_bytes(shop: Shop) -> None:
    """What was no frame and what could not be recorded is told of, with the error's own words."""
    wall = round(NOON.timestamp() * 1e9)
    error = {"layer": "link", "field": "", "offset": 3, "code": "lrc", "expected": "5D", "got": "52", "hint": "cable"}
    noise = PendingRecord(
        Kind.NOISE, "lane-1", "unionpay", wall, direction="rx", length=7, digest=b"n" * 16, error=error
    )
    facts = {"reason": "queue", "bytes": 900, "since_ns": wall}
    shop.seal([noise, PendingRecord(Kind.GAP, "lane-1", "unionpay", wall + 10**9, facts=facts)])

    land(shop.settings)

    first, second = sorted(shop.rows("rejects"), key=lambda row: int(row["seq"]))
    assert [first[name] for name in ("kind", "code", "offset", "length", "hint")] == ["noise", "lrc", 3, 7, "cable"]
    assert [second[name] for name in ("kind", "got", "expected", "length")] == ["gap", "queue", "900 bytes", 900]
    assert first["business_date"] == first["seen_date"] == NOON.date()


def test_frame_that_cannot_be_decoded_costs_only_itself(shop: Shop) -> None:
    """A truncated frame in the middle of a segment is a reject; its neighbours are transactions."""
    broken = shop.record(*sale(3, 20)[0])
    cut = PendingRecord(Kind.FRAME, "lane-1", "unionpay", broken.wall_ns, frame=broken.frame[:40], digest=b"c" * 16)
    shop.seal([*sale(2, 10), cut, *sale(4, 30)])

    result = land(shop.settings)

    assert (result.transactions, result.rejects) == (2, 1)
    (reject,) = shop.rows("rejects")
    assert (reject["kind"], reject["length"]) == ("frame", 40)


def test_oversized_counter_is_not_a_counter(shop: Shop) -> None:
    """A 9F36 of eight bytes is no transaction counter and stops nothing."""
    frame = message("0200", 2, {3: "000000", 4: "000000000100", 25: "00", 49: "156", 55: "9F3608FFFFFFFFFFFFFFFF"})
    shop.seal([(10, "rx", frame)])
    land(shop.settings)

    assert [row["atc"] for row in shop.rows("transactions")] == [None]


def test_no_card_number_reaches_a_table(shop: Shop) -> None:
    """The test card's number and track are in no file of the lake, in digits or in BCD."""
    shop.seal(day_of_traffic())
    land(shop.settings)

    seen = b"".join(repr(row).encode() + (row.get("frame") or b"") for name in TABLES for row in shop.rows(name))
    assert PAN.encode() not in seen
    assert bytes.fromhex(PAN) not in seen
    assert b"3012201" not in seen


@pytest.mark.parametrize(
    ("mmdd", "near", "expected"),
    [
        ("1231", dt.date(2027, 1, 1), dt.date(2026, 12, 31)),
        ("0101", dt.date(2026, 12, 31), dt.date(2027, 1, 1)),
        ("0229", dt.date(2028, 3, 1), dt.date(2028, 2, 29)),
        ("0229", dt.date(2026, 3, 1), dt.date(2028, 2, 29)),
        ("1121", dt.date(2026, 11, 21), dt.date(2026, 11, 21)),
        ("0000", dt.date(2026, 11, 21), None),
        ("0230", dt.date(2026, 11, 21), None),
        ("13", dt.date(2026, 11, 21), None),
        (None, dt.date(2026, 11, 21), None),
    ],
)
def test_settlement_date_takes_the_nearest_year(mmdd: str | None, near: dt.date, expected: dt.date | None) -> None:
    """Month and day get the year that puts them nearest, also over New Year and in leap years."""
    assert nearest_date(mmdd, near) == expected


@pytest.mark.parametrize(
    ("mmdd", "event", "expected"),
    [
        ("1231", dt.date(2027, 1, 1), dt.date(2026, 12, 31)),
        ("0102", dt.date(2027, 1, 1), dt.date(2027, 1, 2)),
        ("0103", dt.date(2027, 1, 1), dt.date(2026, 1, 3)),
        ("1122", dt.date(2026, 11, 20), dt.date(2025, 11, 22)),
        ("0229", dt.date(2028, 2, 29), dt.date(2028, 2, 29)),
        ("0229", dt.date(2028, 2, 27), dt.date(2024, 2, 29)),
        ("0229", dt.date(2103, 6, 1), dt.date(2096, 2, 29)),
        ("9999", dt.date(2026, 11, 20), None),
    ],
)
def test_original_date_is_the_latest_not_after_the_event(mmdd: str, event: dt.date, expected: dt.date | None) -> None:
    """A refund refers back: its original lies before it, at most a day after for clocks that differ at midnight."""
    assert latest_date(mmdd, event) == expected


@pytest.mark.parametrize("year_end", [dt.datetime(2026, 12, 31, 23, 59, 58, tzinfo=SHANGHAI)])
def test_answer_after_new_year_has_the_new_year(shop: Shop, year_end: dt.datetime) -> None:
    """Asked at 23:59:58 on 31 December, answered on 1 January: the host's clock is in the new year."""
    at = (year_end - NOON).total_seconds()
    answer = {
        3: "000000",
        4: "000000000100",
        25: "00",
        12: "000001",
        13: "0101",
        15: "1231",
        37: "000000000001",
        39: "00",
    }
    shop.seal([*sale(2, at, rrn=None), (at + 3, "tx", message("0210", 2, answer))])
    land(shop.settings)
    (row,) = shop.rows("transactions")

    assert row["host_dt"] == dt.datetime(2027, 1, 1, 0, 0, 1, tzinfo=SHANGHAI)
    assert (row["business_date"], row["settlement_date"]) == (dt.date(2027, 1, 1), dt.date(2026, 12, 31))
    assert row["seen_date"] == dt.date(2026, 12, 31)


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


def test_sessions_are_kept(shop: Shop) -> None:
    """What is known of a device stays with the frames it brought: raw_frames has the session's facts."""
    opened = session("lane-1", "unionpay", {"usb": "2fb8:2116"}, wall_ns=round(NOON.timestamp() * 1e9))
    shop.seal([opened, *(shop.record(*heard) for heard in sale(2, 10))])
    land(shop.settings)
    facts: Iterable[str] = [row["error"] for row in shop.rows("raw_frames") if row["kind"] == "session"]

    assert any("2fb8:2116" in each for each in facts)

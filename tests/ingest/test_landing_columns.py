"""Landing by columns and landing row by row make the same tables, row for row and value for value.

The row path is the reference: it reads a record, a frame and an exchange at a time, by the functions
that the tests of decoding and of the joining law hold to vectors that others stated.
"""

import datetime as dt
import itertools
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ingest.commands.replay import replay
from ingest.deriving import DERIVED
from ingest.keys import create_keys, load_keys
from ingest.landing import land
from ingest.local_days import EPOCH, local_days
from ingest.pairing import Pairing
from ingest.records import Kind, PendingRecord, session
from ingest.settings import Settings, load_settings
from ingest.simulator.rehearsal import rehearse
from ingest.simulator.scenario import take_seats
from ingest.simulator.scenarios import MERCHANTS, write_scenario
from ingest.spool import Spool
from ingest.tables import Lake
from protocols.profile import load_profile, profiles_speaking
from tests import journalfiles
from tests.expectations.shopdays import captures
from tests.protocols.columnar.written import messages

pytestmark = pytest.mark.slow  # whole landings

VECTORS = Path(__file__).parent.parent / "vectors"
NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.timezone(dt.timedelta(hours=8)))
TABLES = ("raw_frames", *DERIVED)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    config = tmp_path / "tillwatch.toml"
    config.write_text(
        f'[spool]\ndirectory = "{tmp_path}/said/spool"\n[lake]\nuri = "{tmp_path}/said/columns"\n'
        f'[keys]\npan_token = "{tmp_path}/pan-token.key"\n'
    )
    made = load_settings(config)
    create_keys(made.keys.pan_token)
    return made


Differences = Callable[[], dict[str, dict[str, Any]]]


@pytest.fixture
def differences(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Differences:
    """Lands the spool by columns and row by row; tells the tables that differ, and asserts that rows there are."""

    def land_both() -> dict[str, dict[str, Any]]:
        with monkeypatch.context() as patched:
            patched.setattr("ingest.deriving.PIECE_ROWS", 200)
            land(settings)
        by_row = settings.model_copy(
            update={"lake": settings.lake.model_copy(update={"uri": str(tmp_path / "said/rows")})}
        )
        with monkeypatch.context() as patched:
            patched.setattr("ingest.landing.segment_table", lambda *_, **_options: None)
            patched.setattr("ingest.decoding.column_facts", lambda *_: None)
            patched.setattr(Pairing, "_plain", lambda *_: (np.zeros(0, np.int64),) * 3)
            land(by_row)
        lakes = Lake(settings.lake.uri), Lake(by_row.lake.uri)
        assert lakes[0].read("raw_frames").num_rows
        return {name: each for name in TABLES if (each := _different(*(lake.read(name) for lake in lakes)))}

    return land_both


def _different(one: Any, other: Any) -> dict[str, Any]:
    """The first value of each column that differs; empty when the tables are equal."""
    if one.num_rows != other.num_rows:
        return {"rows": (one.num_rows, other.num_rows)}
    keys = [(field.name, "ascending") for field in one.schema if str(field.type) != "binary"]
    one, other = one.sort_by(keys), other.sort_by(keys)
    return {
        name: next(
            pair for pair in zip(one[name].to_pylist(), other[name].to_pylist(), strict=True) if pair[0] != pair[1]
        )
        for name in one.column_names
        if not one[name].equals(other[name])
    }


def safe(heard: Iterator[tuple[dt.datetime, str, bytes]], profile: str) -> list[PendingRecord]:
    """Frames as they are: whatever is in them, the spool holds it."""
    return [
        PendingRecord(
            Kind.FRAME,
            "lane-1",
            profile,
            round(at.timestamp() * 1e6) * 1000,
            direction=direction,  # type: ignore[arg-type]  # the callers write literals
            frame=frame,
            digest=(number % 997).to_bytes(16, "big"),
            card_token="tk.abc" if number % 3 else None,
            length=len(frame),
        )
        for number, (at, direction, frame) in enumerate(heard)
    ]


def write(settings: Settings, *segments: list[PendingRecord]) -> None:
    """A sealed segment for each list, each after a restart of the collector."""
    keys = load_keys(settings.keys.pan_token)
    for records in segments:
        with Spool(settings.spool.directory, keys) as spool:
            spool.append_many([session(records[0].line, records[0].profile, wall_ns=records[0].wall_ns), *records])


def test_a_shop_day_of_every_brand(tmp_path: Path, differences: Differences) -> None:
    """The simulator's day of all scenarios and brands: sales, reversals, uploads, signatures, settlements."""
    seats = take_seats(
        [(name, load_profile(name).link.ack) for name in profiles_speaking("unionpay")], 4, merchants=MERCHANTS
    )
    play = rehearse(write_scenario("shop-day", seats, NOON.date(), 3))
    for file, profile in captures(play, tmp_path).items():
        told = CliRunner().invoke(
            replay, [str(file), "--profile", profile, "--config", str(tmp_path / "tillwatch.toml")]
        )
        assert told.exit_code == 0, told.stderr

    assert differences() == {}


@pytest.mark.parametrize("compiled_from", [0, 500_000])
def test_the_published_messages(
    settings: Settings, differences: Differences, monkeypatch: pytest.MonkeyPatch, compiled_from: int
) -> None:
    """Every message of the vectors, each as it came, twice, and cut into segments of seven; compiled and in numpy."""
    monkeypatch.setattr("ingest.deriving.COMPILED_FROM", compiled_from)
    monkeypatch.setattr("ingest.landing.COMPILED_BYTES", compiled_from)
    lines = [json.loads(line) for line in (VECTORS / "unionpay_pos.capture.jsonl").read_text("utf-8").splitlines()]
    heard = [(dt.datetime.fromisoformat(each["t"]), each["dir"], bytes.fromhex(each["frame"])) for each in lines]
    records = safe(iter(heard + heard), "unionpay")
    write(settings, *(records[at : at + 7] for at in range(0, len(records), 7)))

    assert differences() == {}


@pytest.mark.parametrize("seed", [1, 2])
def test_generated_and_broken_frames(settings: Settings, differences: Differences, seed: int) -> None:
    """Messages of all types with any values, a third of them with a byte changed or cut off, over many days."""
    chance = random.Random(seed)
    stream = messages(seed, 40)

    def heard() -> Iterator[tuple[dt.datetime, str, bytes]]:
        at = NOON - dt.timedelta(days=400)
        for _ in range(1500):
            at += dt.timedelta(seconds=chance.choice([0, 0.3, 5, 4000, 90_000]))
            frame = bytearray(stream.frame()[0])
            if chance.random() < 0.25:
                frame[chance.randrange(len(frame))] = chance.randrange(256)
            elif chance.random() < 0.1:
                del frame[chance.randrange(len(frame)) :]
            yield at, chance.choice(["rx", "tx"]), bytes(frame)

    records = safe(heard(), "unionpay")
    write(settings, records[:500], records[500:900], records[900:])

    assert differences() == {}


def busy(seed: int) -> Iterator[tuple[dt.datetime, str, bytes]]:
    """Few keys, used again and again: repeated, unanswered, late, reversed, doubled; days and clocks near midnight."""
    chance = random.Random(seed)
    profile = load_profile("unionpay")
    at = NOON
    for number in range(400):
        at += dt.timedelta(seconds=chance.choice([0, 1, 30, 3700, 40_000]))
        common = {11: f"{chance.randrange(12):06d}", 41: f"1000000{chance.randrange(2)}", 42: "898440300000001"}
        common |= {3: "000000", 4: f"{chance.randrange(1, 4):012d}", 25: "00", 49: "156", 60: "22000001"}
        kind = chance.choice(["0200", "0210", "0400", "0410", "0800", "0810", "0200", "0210"])
        said = dict(common)
        if kind in {"0210", "0410", "0810"}:
            clock = at + dt.timedelta(seconds=chance.choice([-90, 0, 90]))
            said |= {12: f"{clock:%H%M%S}", 13: f"{clock:%m%d}", 15: f"{clock:%m%d}", 37: f"{number:012d}"}
            said |= {39: chance.choice(["00", "51", "10", "A0"])}
        if kind in {"0800", "0810"}:
            said = {each: value for each, value in said.items() if each not in {3, 4, 25, 49}} | {60: "00000001001"}
            if chance.random() < 0.5:
                del said[11]
        frame = profile.build(kind, said)
        for _ in range(chance.choice([1, 1, 1, 2])):
            yield at, "tx" if kind[2] == "1" else "rx", frame


@pytest.mark.parametrize("seed", [3, 4])
def test_busy_keys(settings: Settings, differences: Differences, seed: int) -> None:
    """Every way a trace number can be used twice, answered twice or not at all, over weeks, cut anywhere."""
    records = safe(busy(seed), "unionpay")
    chance = random.Random(seed)
    cuts = sorted(chance.sample(range(1, len(records)), 4))
    write(settings, *(records[a:b] for a, b in itertools.pairwise([0, *cuts, len(records)])))

    assert differences() == {}


def test_segments_that_come_one_by_one(settings: Settings, differences: Differences) -> None:
    """Landing after each segment by columns ends in the tables that the row path makes of all at once."""
    records = safe(busy(9), "unionpay")
    for at in range(0, len(records), 90):
        write(settings, records[at : at + 90])
        land(settings)

    assert differences() == {}


def test_journals_noise_and_other_languages_beside_them(
    settings: Settings, tmp_path: Path, differences: Differences
) -> None:
    """What has no columns (journals, pull protocols, noise, an unknown profile) lies beside what has, unharmed."""
    log = tmp_path / "pos.log"
    log.write_bytes(
        b"".join(journalfiles.log_record(stan=n + 1, index=n, time=f"10{n:02d}00", rrn=f"{n:012d}") for n in range(3))
    )
    config = ["--config", str(tmp_path / "tillwatch.toml")]
    told = CliRunner().invoke(replay, [str(log), "--profile", "newpos-journal", *config])
    assert told.exit_code == 0, told.stderr
    zvt = [bytes.fromhex(each["hex"]) for each in json.loads((VECTORS / "zvt.json").read_text("utf-8"))]
    heard = [(NOON + dt.timedelta(seconds=n), "rx" if n % 2 else "tx", frame) for n, frame in enumerate(zvt[:40])]
    noise = [
        PendingRecord(Kind.NOISE, "lane-1", "unionpay", round(NOON.timestamp()) * 10**9 + n, direction="rx", length=5,
                      error={"layer": "link", "code": "noise", "expected": "a frame", "got": "5 bytes"})
        for n in range(3)
    ]  # fmt: skip
    other = safe(busy(6), "no-such-profile")
    write(settings, safe(busy(5), "unionpay"), noise, other, safe(iter(heard), "zvt-tcp"))

    assert differences() == {}


@examples(suppress_health_check=[HealthCheck.too_slow])  # a machine with other work draws slowly
@given(
    st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1)),  # noqa: DTZ001  hypothesis wants them bare
    st.sampled_from(["Asia/Shanghai", "America/New_York", "Europe/London", "America/Havana", "Asia/Kathmandu"]),
)
def test_local_days_are_the_zones(moment: dt.datetime, name: str) -> None:
    """A moment's local day is what the zone says, also where clocks are put forward and back."""
    zone, at = ZoneInfo(name), moment.replace(tzinfo=dt.UTC)
    microseconds = (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)

    [day] = local_days(np.array([microseconds]), zone)

    assert EPOCH + dt.timedelta(days=int(day)) == at.astimezone(zone).date()


@pytest.mark.parametrize("days", [1, 3, 8, 9, 400])
@pytest.mark.parametrize("name", ["Asia/Shanghai", "America/New_York", "America/Havana", "Pacific/Apia"])
def test_local_days_of_many_moments_are_those_of_each(days: int, name: str) -> None:
    """In any order, over midnights few and many; Apia had no 2011-12-30."""
    zone, begin = ZoneInfo(name), dt.datetime(2011, 12, 28, tzinfo=dt.UTC)
    moments = [begin + dt.timedelta(hours=hour * days / 7, microseconds=hour) for hour in range(170)][::-1]
    microseconds = [(at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1) for at in moments]

    found = local_days(np.array(microseconds), zone)

    assert [EPOCH + dt.timedelta(days=int(day)) for day in found] == [at.astimezone(zone).date() for at in moments]

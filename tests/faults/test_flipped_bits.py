"""One bit of a sealed segment or of a landed file turns over, thousands of times."""

import random
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import LakeError, SpoolError
from ingest.landing import land
from ingest.records import Kind, PendingRecord, session
from ingest.segment import Chain, Damage, Footer, Header, Raw, walk
from ingest.segments import read_segment, sealed_segments
from ingest.settings import Settings
from ingest.spool import Spool
from ingest.tables import TABLES, Lake
from tests.faults.lengths import length
from tests.faults.shop import PROFILE, digest, sale
from tests.faults.spool_writer import KEYS

FLIPS = length(300, 10_000)
SALES = 40
CHAIN = Chain(KEYS.chain)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + FLIPS // 4)]


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """A sealed segment of some sales, landed."""
    with Spool(tmp_path / "spool", KEYS) as spool:
        spool.append_many([session("lane", PROFILE.name, wall_ns=1_790_000_000_000_000_000)])
        for stan in range(1, SALES + 1):
            at = 1_790_000_000_000_000_000 + stan * 10**9
            frame = sale(stan)
            spool.append_many(
                [PendingRecord(Kind.FRAME, "lane", PROFILE.name, at, 0, "rx", frame=frame, digest=digest(frame))]
            )
    settings = Settings.model_validate(
        {"spool": {"directory": tmp_path / "spool"}, "lake": {"uri": str(tmp_path / "lake")}}
    )
    assert land(settings).damaged == []
    return settings


def flipped(data: bytes, rng: random.Random) -> tuple[bytes, int]:
    """The data with one bit turned over, and in which byte."""
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :], at


def test_no_flipped_bit_of_a_segment_goes_unseen(shop: Settings, tmp_path: Path, record_property: Any) -> None:
    """Fault 6: the damage is told, every record that the bit is not in is read as it was, and the lost one is named."""
    rng = random.Random(6)
    (info,) = sealed_segments(shop.spool.directory)
    data = info.path.read_bytes()
    whole = {record.seq: record for record in read_segment(info.path)}
    places = {entry.seq: range(entry.offset, entry.end) for entry in walk(data) if isinstance(entry, Raw)}
    path = tmp_path / info.path.name
    hit = 0
    for _ in range(FLIPS // 2):
        harmed, at = flipped(data, rng)
        path.write_bytes(harmed)
        entries = list(walk(harmed, CHAIN))
        assert any(isinstance(entry, Damage) for entry in entries), f"byte {at}: not seen"
        assert sum(isinstance(entry, Header) for entry in entries) <= 1 >= sum(isinstance(e, Footer) for e in entries)
        with pytest.raises(SpoolError, match=str(path)):
            read_segment(path)
        there = list(read_segment(path, salvage=True))
        gone = {seq for seq, place in places.items() if at in place}
        if gone != {1}:  # without its session a line's records have no name
            for record in there:
                assert record.kind is Kind.GAP or record == whole[record.seq], f"byte {at}: record {record.seq} altered"
        assert {record.seq for record in there if record.kind is not Kind.GAP} == whole.keys() - gone
        assert {record.seq for record in there if record.kind is Kind.GAP} >= gone
        hit += bool(gone)
    record_property("tried", f"{FLIPS // 2} bits, {hit} of them in a record, the rest in header and footer")
    record_property("lost", "0 unseen, 0 altered, none but the record the bit is in")


def _filters(table: Any) -> list[tuple[str, str, Any]]:
    """A question of each column: where it is what it is in the middle row."""
    row = table.slice(table.num_rows // 2, 1).to_pylist()[0]
    return [(name, "==", value) for name, value in row.items() if isinstance(value, int | str)]


def test_no_flipped_bit_of_a_landed_file_is_read_as_data(shop: Settings, record_property: Any) -> None:
    """Fault 6: a table with a damaged file is refused, with its name, or reads as before; others stay readable."""
    rng = random.Random(66)
    lake = Lake(shop.lake.uri)
    files = [(name, Path(path)) for name in TABLES for path in lake.files(name)]
    names = {name for name, _ in files}
    sound = {name: lake.read(name) for name in names}
    wanted = {name: _filters(sound[name]) for name in names}
    parts = {name: [lake.read(name, filters=[each]) for each in wanted[name]] for name in names}
    refused = named = harmless = 0
    for _ in range(FLIPS // 2):
        name, path = rng.choice(files)
        data = path.read_bytes()
        path.write_bytes(flipped(data, rng)[0])
        try:
            assert lake.read(name).equals(sound[name]), f"{path.name}: read as something else"
            asked = rng.sample(list(zip(wanted[name], parts[name], strict=True)), 3)
            for each, part in asked:  # these look at the footer's statistics
                assert lake.read(name, filters=[each]).equals(part), f"{path.name}: {each} found something else"
            harmless += 1
        except LakeError as wrong:
            named += str(path) in str(wrong)
            refused += 1
        path.write_bytes(data)
    assert all(lake.read(name).equals(rows) for name, rows in sound.items())
    assert named == refused > FLIPS // 4
    record_property(
        "tried", f"{FLIPS // 2} bits of {len(files)} files: {refused} refused, {harmless} in bytes that say nothing"
    )
    record_property("lost", "0 read as other data")

"""What may leave the spool: what the lake was read back to hold, and nothing else."""

import datetime as dt
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from ingest.cli import cli
from ingest.disk import Disk
from ingest.errors import LakeError
from ingest.healing import LEDGER, Copy, heal
from ingest.keys import create_keys, load_keys
from ingest.lake import Lake
from ingest.landing import land
from ingest.records import DIGEST_SIZE, Kind, PendingRecord
from ingest.retention import missing_in, prune
from ingest.segments import sealed_segments
from ingest.settings import Settings, load_settings
from ingest.spool import Spool

pytestmark = pytest.mark.thorough

ZONE = ZoneInfo("Asia/Shanghai")
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=40)


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """Four sealed segments of three frames each."""
    config = tmp_path / "tillwatch.toml"
    config.write_text("[spool]\nkeep_days = 30\n")
    settings = load_settings(config)
    create_keys(settings.keys.pan_token)
    with Spool(settings.spool.directory, load_keys(settings.keys.pan_token)) as spool:
        for segment in range(4):
            spool.append_many([_noise(segment * 3 + number) for number in range(3)])
            spool.seal()
    return settings


def _noise(number: int) -> PendingRecord:
    return PendingRecord(
        Kind.NOISE,
        "lane-1",
        "unionpay",
        1_795_000_000_000_000_000 + number,
        number,
        "rx",
        digest=number.to_bytes(DIGEST_SIZE, "big"),
        length=7,
        error={"layer": "link", "code": "lrc", "offset": 0},
    )


def names(settings: Settings) -> list[str]:
    return [info.path.name for info in sealed_segments(settings.spool.directory)]


def judged(settings: Settings, now: dt.datetime = LATER, *, dry_run: bool = False) -> list[str]:
    lake = Lake(settings.lake.uri)
    directory = settings.spool.directory
    return [each.stays for each in prune(directory, missing_in(lake, ZONE), keep_days=30, now=now, dry_run=dry_run)]


def test_what_has_not_landed_or_is_young_stays(shop: Settings):
    """Age alone removes nothing, and neither does landing alone."""
    assert judged(shop) == ["it has not landed: run `tillwatch land`"]
    land(shop)
    assert judged(shop, dt.datetime.now(dt.UTC)) == ["sealed less than 30 days ago"]
    assert len(names(shop)) == 4


def test_what_is_old_and_in_the_lake_goes_and_the_spool_stays_sound(
    shop: Settings, tmp_path: Path, record_property: Any
):
    """All but the newest go, each written down; numbers go on, verify finds no hole, landing again changes nothing."""
    land(shop)
    before = names(shop)
    assert judged(shop, dry_run=True)[:3] == ["", "", ""]
    assert names(shop) == before

    assert judged(shop) == ["", "", "", "the newest stays: the numbers go on from it"]

    assert names(shop) == before[-1:]
    ledger = [json.loads(line) for line in (shop.spool.directory / LEDGER).read_text().splitlines()]
    assert [each["file"] for each in ledger] == before[:3]
    with Spool(shop.spool.directory, load_keys(shop.keys.pan_token)) as spool:
        spool.append_many([_noise(99)])
    verified = CliRunner().invoke(cli, ["spool", "verify", "--config", str(tmp_path / "tillwatch.toml")])
    assert (verified.exit_code, verified.stdout) == (0, "")
    assert land(shop).segments == 1
    assert Lake(shop.lake.uri).read("raw_frames", columns=["seq"]).num_rows >= 13
    record_property("lost", f"0 of {len(ledger)} segments that went")


def test_what_goes_goes_from_the_mirror_too(shop: Settings, tmp_path: Path):
    """The folder on the other disk holds the same: what is pruned here is pruned there, and does not come back."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    heal(Copy(Disk(), shop.spool.directory), Copy(Disk(), mirror))
    before = names(shop)
    assert sorted(path.name for path in mirror.glob("*.seg")) == before
    land(shop)
    lacks = missing_in(Lake(shop.lake.uri), ZONE)
    list(prune(shop.spool.directory, lacks, keep_days=30, now=LATER, mirror=mirror))

    assert names(shop) == [path.name for path in mirror.glob("*.seg")] == before[-1:]
    assert heal(Copy(Disk(), shop.spool.directory), Copy(Disk(), mirror)).notes == []


def test_a_lake_that_holds_something_else_keeps_the_segment_and_all_after_it(shop: Settings, monkeypatch):
    """One byte of difference: it and what is newer stay, however old."""
    land(shop)
    import pyarrow as pa

    real = Lake.read

    def other(self: Lake, name: str, **words: Any) -> Any:
        table = real(self, name, **words)
        column = table.schema.get_field_index("length")
        lengths = [8, *table["length"].to_pylist()[1:]]
        return table.set_column(column, table.schema.field("length"), pa.array(lengths, pa.int32()))

    monkeypatch.setattr(Lake, "read", other)
    assert judged(shop) == ["the lake holds something else under its id: keep both and look"]
    assert len(names(shop)) == 4


def test_what_is_not_surely_on_the_lakes_disk_stays(shop: Settings, monkeypatch: pytest.MonkeyPatch):
    """That it landed is seen in the log; a power cut could take that back until the log is synced."""
    land(shop)
    before = names(shop)

    def failing(_path: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("ingest.datafile.sync", failing)
    with pytest.raises(LakeError, match="raw_frames: cannot be synced"):
        judged(shop)

    assert names(shop) == before


def test_a_damaged_segment_stays(shop: Settings):
    """What cannot be read cannot be compared."""
    land(shop)
    oldest = sealed_segments(shop.spool.directory)[0].path
    oldest.chmod(0o600)
    data = bytearray(oldest.read_bytes())
    data[len(data) // 2] ^= 1
    oldest.write_bytes(data)

    [why] = judged(shop)

    assert why.startswith("it is damaged: ")


def test_without_a_number_of_days_nothing_is_ever_removed(tmp_path: Path):
    """The default is to keep."""
    (tmp_path / "c.toml").write_text("")

    done = CliRunner().invoke(cli, ["spool", "prune", "--config", str(tmp_path / "c.toml")])

    assert "no segment is ever removed" in str(done.exception)

"""The spool on a real file system: torn ends, damage, crashes, full disks; what was acknowledged stays."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import SpoolError
from ingest.keys import derive
from ingest.records import Kind
from ingest.segment import FOOTER_SIZE, Chain
from ingest.segments import read_segment, sealed_segments
from ingest.spool import Spool
from tests.ingest.spooled import KEYS, crash, everything, frame, frames


def broken(tmp_path: Path, damage: Callable[[bytes], bytes], count: int = 10) -> Spool:
    """A spool whose collector died with ``damage`` done to its open segment, opened again."""
    spool = Spool(tmp_path, KEYS)
    for number in range(count):
        spool.append_many([frame(number)])
    crash(spool)
    (path,) = tmp_path.glob("*.open")
    path.write_bytes(damage(path.read_bytes()))
    return Spool(tmp_path, KEYS)


def test_a_torn_end_is_kept_aside_and_cut_off(tmp_path: Path, record_property: Any) -> None:
    """A half-written record goes to quarantine/; the rest is sealed and reads without a complaint."""
    with broken(tmp_path, lambda data: data[:-5]) as spool:
        assert len(spool.recovery.sealed) == 1
        assert "torn bytes" in spool.recovery.notes[0]
        spool.append_many([frame(99)])
    assert frames(tmp_path) == [b"frame %d" % number for number in [*range(9), 99]]
    (tail,) = (tmp_path / "quarantine").iterdir()
    assert tail.name.endswith(".tail")
    assert tail.read_bytes().startswith(b"\xf1\x5e")
    record_property("lost", f"0 of {len(frames(tmp_path))} whole records")


def test_damage_in_the_middle_is_named_and_costs_nothing_else(tmp_path: Path) -> None:
    """Every record around it is kept, a GAP record names the missing ones, and the start goes on."""

    def damage(data: bytes) -> bytes:
        at = data.index(b"frame 4")
        return data[:at] + b"XXXXX" + data[at + 5 :]

    with broken(tmp_path, damage) as spool:
        assert "records 6 to 6 are missing" in spool.recovery.notes[0]
    records = everything(tmp_path)
    assert [record.frame for record in records if record.frame] == [b"frame %d" % n for n in range(10) if n != 4]
    (gap,) = [record for record in records if record.kind is Kind.GAP]
    assert gap.facts["missing"] == [6, 6]
    assert gap.seq == records[-1].seq


def test_a_segment_without_a_sound_record_is_put_aside(tmp_path: Path) -> None:
    """Zero pages and foreign files never stop the start, and are never deleted."""
    with broken(tmp_path, lambda data: bytes(len(data))) as spool:
        assert spool.recovery.sealed == []
        assert "quarantine" in spool.recovery.notes[0]
        assert spool.append_many([frame(1)]) == [2]
    assert len(list((tmp_path / "quarantine").iterdir())) == 1


def test_one_bad_segment_does_not_stop_the_start(tmp_path: Path) -> None:
    """A segment that cannot even be read is left where it is, with a note; the others are mended."""
    spool = Spool(tmp_path, KEYS)
    spool.append_many([frame(1)])
    crash(spool)
    name = "00000000000000000009-" + "0" * 32 + ".open"
    (tmp_path / name).mkdir()
    with Spool(tmp_path, KEYS) as again:
        assert len(again.recovery.sealed) == 1
        assert any(name in note for note in again.recovery.notes)
        again.append_many([frame(2)])
    assert frames(tmp_path) == [b"frame 1", b"frame 2"]
    assert (tmp_path / name).is_dir()


def test_a_crash_between_footer_and_name_is_finished(tmp_path: Path) -> None:
    """A segment with its footer but still its open name gets the sealed one, byte for byte the same."""
    with Spool(tmp_path, KEYS) as spool:
        spool.append_many([frame(1)])
    (path,) = tmp_path.glob("*.seg")
    content = path.read_bytes()
    path.rename(path.with_suffix(".open"))
    path.with_suffix(".open").chmod(0o600)
    with Spool(tmp_path, KEYS) as spool:
        assert [info.path for info in spool.recovery.sealed] == [path]
    assert path.read_bytes() == content


def test_a_segment_of_another_key_is_still_sealed(tmp_path: Path, record_property: Any) -> None:
    """After a change of keys the old open segment is mended by its checksums and numbers."""
    spool = Spool(tmp_path, KEYS)
    spool.append_many([frame(1)])
    crash(spool)
    with Spool(tmp_path, derive("k2", b"2" * 32)) as again:
        assert [info.count for info in again.recovery.sealed] == [2]
        assert again.recovery.notes == []
    record_property("lost", "0 of 1 acknowledged")


def test_damage_to_a_sealed_segment_is_refused_or_salvaged(tmp_path: Path) -> None:
    """Reading stops before the first record with byte and numbers, or goes on with a GAP in place of the lost."""
    with Spool(tmp_path, KEYS) as spool:
        spool.append_many([frame(number) for number in range(10)])
    (info,) = sealed_segments(tmp_path)
    data = bytearray(info.path.read_bytes())
    at = data.index(b"frame 4")
    data[at] ^= 1
    info.path.chmod(0o600)
    info.path.write_bytes(bytes(data))
    with pytest.raises(SpoolError, match="records 6 to 6 are missing") as refused:
        read_segment(info.path)
    assert "spool verify" in refused.value.hint
    records = list(read_segment(info.path, salvage=True))
    assert [record.seq for record in records] == list(range(1, 12))
    assert records[5].kind is Kind.GAP
    assert records[5].facts["missing"] == [6, 6]


def test_a_cut_sealed_segment_is_listed_and_refused(tmp_path: Path) -> None:
    """A sealed segment without its footer is listed as damaged, never left out."""
    with Spool(tmp_path, KEYS) as spool:
        spool.append_many([frame(1)])
    (info,) = sealed_segments(tmp_path)
    info.path.chmod(0o600)
    os.truncate(info.path, info.size - FOOTER_SIZE)
    (after,) = sealed_segments(tmp_path)
    assert after.damaged
    assert after.id == info.id
    with pytest.raises(SpoolError, match="footer"):
        read_segment(after.path)
    assert [record.frame for record in read_segment(after.path, salvage=True)][1] == b"frame 1"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["append", "seal", "crash", "close"]), st.integers(1, 4)), max_size=12))
def test_any_life_of_a_spool_keeps_all_records(steps: list[tuple[str, int]]) -> None:
    """Append, seal, crash and reopen in any order: every record, once, in order, numbers without a gap."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder, number = Path(name), 0
        spool = Spool(folder, KEYS)
        for step, count in steps:
            if step == "append":
                spool.append_many([frame(number + index) for index in range(count)])
                number += count
            elif step == "seal":
                spool.seal()
            elif step == "crash" and spool._writing is not None:
                crash(spool)
                spool = Spool(folder, KEYS)
            elif step == "close":
                spool.close()
                spool = Spool(folder, KEYS)
        spool.close()
        assert frames(folder) == [b"frame %d" % index for index in range(number)]
        seqs = [record.seq for record in everything(folder)]
        assert seqs == list(range(1, len(seqs) + 1))


def test_a_torn_end_at_every_byte_keeps_what_was_acknowledged(tmp_path: Path, record_property: Any) -> None:
    """Cut the last batch of an open segment at each byte: all batches before it are there after the start."""
    spool = Spool(tmp_path / "made", KEYS)
    spool.append_many([frame(1), frame(2)])
    assert spool._writing is not None
    good = spool._writing.size
    spool.append_many([frame(3)])
    path = spool._writing.path
    crash(spool)
    data = path.read_bytes()
    for cut in range(good, len(data)):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / path.name).write_bytes(data[:cut])
        Spool(folder, KEYS).close()
        assert frames(folder) == [b"frame 1", b"frame 2"]
    record_property("tried", f"the last batch cut at each of {len(data) - good} bytes")
    record_property("lost", f"0 of {2 * (len(data) - good)} acknowledged")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from ingest.errors import SpoolError
from ingest.keys import derive
from ingest.records import Kind, PendingRecord
from ingest.spool import Spool

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
spool = Spool(folder, derive("k1", bytes(32)))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
number = refused = 0
while refused < 3:
    try:
        spool.append_many([PendingRecord(Kind.EVENT, "a", "p", 1, facts={"n": number})])
        print(number, flush=True)
    except SpoolError as full:
        assert "full" in str(full), full
        refused += 1
    number += 1
(path,) = folder.glob("*.open")
assert path.stat().st_size <= limit
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.append_many([PendingRecord(Kind.EVENT, "a", "p", 1, facts={"n": number})])
print(number, flush=True)
spool.close()
"""


def test_a_real_short_write_is_cut_back(tmp_path: Path, record_property: Any) -> None:
    """The kernel takes part of a write, as at a full disk: nothing torn stays, and room that comes back is used."""
    total = 0
    for limit in (1000, 1033, 1100):
        folder = tmp_path / str(limit)
        done = subprocess.run(
            [sys.executable, "-c", FULL_DISK, str(folder), str(limit)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        acknowledged = [int(line) for line in done.stdout.split()]
        assert len(acknowledged) > 3
        kept = [record.facts["n"] for record in everything(folder) if record.kind is Kind.EVENT]
        assert kept == acknowledged
        total += len(kept)
        assert list(folder.glob("quarantine/*")) == []
    record_property("lost", f"0 of {total} acknowledged")


WRITER = """
import sys
from pathlib import Path
from ingest.keys import derive
from ingest.records import Kind, PendingRecord
from ingest.spool import Spool

spool = Spool(Path(sys.argv[1]), derive("k1", bytes(32)), seal_bytes=4000)
number = int(sys.argv[2])
while True:
    batch = [PendingRecord(Kind.EVENT, "a", "p", 1, facts={"n": number + index}) for index in range(3)]
    spool.append_many(batch)
    number += 3
    print(number, flush=True)
    spool.seal_if_due()
"""


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """Kill -9 at twenty random moments: all that was told is there, once, in order, over all restarts."""
    import random
    import time

    moments = random.Random(2)
    told = 0
    for _ in range(20):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(told)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(moments.uniform(0, 0.05))
        writer.kill()
        said = writer.stdout.read().split()
        writer.wait()
        writer.stdout.close()
        with Spool(tmp_path, KEYS):
            kept = [record.facts["n"] for record in everything(tmp_path) if record.kind is Kind.EVENT]
        assert kept == list(range(len(kept)))
        assert not said or len(kept) >= int(said[-1])
        told = len(kept)
    assert told > 100


def test_a_segment_of_the_first_format_can_always_be_read(record_property: Any) -> None:
    """A sealed segment kept since format 1: no later version may fail on it."""
    path = Path(__file__).parents[1] / "vectors" / "spool-format-1.seg"
    chain = Chain(derive("golden", bytes(range(32))).chain)
    records = list(read_segment(path, chain=chain))
    assert [(record.seq, record.kind.name, record.line, record.direction) for record in records] == [
        (1, "SESSION", "lane-1", ""),
        (2, "FRAME", "lane-1", "rx"),
        (3, "FRAME", "lane-1", "rx"),
        (4, "NOISE", "lane-1", "tx"),
        (5, "EVENT", "lane-1", ""),
        (6, "GAP", "", ""),
    ]
    assert records[1].frame == bytes.fromhex("0060600003")
    assert records[1].card_token == "tgolden.abcdefghijklmnopqrstuvwxyz"
    assert (records[1].dup_of, records[2].dup_of) == (None, 2)
    assert records[3].length == 17
    assert records[3].error == {"code": "lrc"}
    assert records[5].facts["missing"] is None
    record_property("lost", f"0 of {len(records)} records")

"""The spool on a real file system: order, ownership, sealing, mending, reading back."""

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.disk import Disk
from ingest.errors import SpoolError
from ingest.keys import Keys, derive
from ingest.ownership import owner_of
from ingest.records import DIGEST_SIZE, Kind, PendingRecord, Record, session
from ingest.segment import FOOTER_SIZE, HEADER_SIZE, RECORD_OVERHEAD, Chain
from ingest.segments import SegmentInfo, read_segment, sealed_segments
from ingest.spool import Spool

KEYS = derive("k1", bytes(32))


def frame(number: int, line: str = "lane-1", direction: str = "rx") -> PendingRecord:
    return PendingRecord(
        Kind.FRAME, line, "p", 10**18 + number, number, "rx" if direction == "rx" else "tx",
        frame=b"frame %d" % number, digest=number.to_bytes(DIGEST_SIZE, "big"), card_token="tk1.ABC",
    )  # fmt: skip


def crash(spool: Spool) -> None:
    """The process is gone: its lock falls, nothing is sealed."""
    assert spool._writing is not None
    os.close(spool._writing.fd)
    os.close(spool._lock)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def everything(folder: Path) -> list[Record]:
    return [record for info in sealed_segments(folder) for record in read_segment(info.path)]


def frames(folder: Path) -> list[bytes]:
    return [record.frame for record in everything(folder) if record.kind is Kind.FRAME]


def test_records_come_back_in_order_with_all_they_carried(tmp_path: Path) -> None:
    """What was appended is read back, numbered from 1 without a gap, line and profile included."""
    with Spool(tmp_path, KEYS, boot_id=77) as spool:
        numbers = spool.append_many([session("lane-1", "p", {"mode": "listen"}, wall_ns=5), frame(1), frame(2)])
        numbers += spool.append_many([frame(3, "lane-2", "tx")])
    records = everything(tmp_path)
    assert [record.seq for record in records] == [1, 2, 3, 4, 5]
    assert numbers == [1, 2, 3, 5]
    assert [(record.line, record.direction) for record in records] == [
        ("lane-1", ""),
        ("lane-1", "rx"),
        ("lane-1", "rx"),
        ("lane-2", ""),
        ("lane-2", "tx"),
    ]
    assert records[0].facts == {"line": "lane-1", "mode": "listen", "profile": "p"}
    first = records[1]
    assert (first.frame, first.card_token, first.boot_id, first.mono_ns) == (b"frame 1", "tk1.ABC", 77, 1)


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    """A new run of the collector continues the numbers; (segment, number) never repeats."""
    for run in range(3):
        with Spool(tmp_path, KEYS) as spool:
            spool.append_many([frame(run)])
    assert [record.seq for record in everything(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert [(info.first_seq, info.last_seq, info.count) for info in sealed_segments(tmp_path)] == [
        (1, 2, 2),
        (3, 4, 2),
        (5, 6, 2),
    ]


def test_every_segment_stands_alone(tmp_path: Path) -> None:
    """Each segment begins with the sessions of all lines, so it can be read without any other."""
    with Spool(tmp_path, KEYS) as spool:
        for line in ("a", "b", "c"):
            spool.append_many([session(line, "p", {"device": f"/dev/{line}"}, wall_ns=1)])
        spool.append_many([frame(1, "a")])
        spool.seal()
        spool.append_many([frame(2, "c")])
    second = list(read_segment(sealed_segments(tmp_path)[1].path))
    assert [(record.kind, record.line) for record in second] == [
        (Kind.SESSION, "a"),
        (Kind.SESSION, "b"),
        (Kind.SESSION, "c"),
        (Kind.FRAME, "c"),
    ]
    assert second[1].facts["device"] == "/dev/b"


def test_a_reopened_line_keeps_its_place_and_changes_its_facts(tmp_path: Path) -> None:
    """After a replug the records that follow belong to the new session; those before keep theirs."""
    with Spool(tmp_path, KEYS) as spool:
        spool.append_many([session("a", "p", {"usb": "1"}, wall_ns=1), frame(1, "a")])
        spool.append_many([session("a", "q", {"usb": "2"}, wall_ns=2)])
        spool.append_many([PendingRecord(Kind.EVENT, "a", "q", 3, facts={"what": "reopened"})])
    profiles = [record.profile for record in everything(tmp_path)]
    assert profiles == ["p", "p", "q", "q"]


def test_a_frame_seen_before_names_the_first(tmp_path: Path) -> None:
    """A byte-identical frame of the same line and direction is kept, and says which record it repeats."""
    with Spool(tmp_path, KEYS) as spool:
        first = spool.append_many([frame(1), frame(2)])[0]
        spool.append_many([frame(1), frame(1), frame(1, "lane-2"), frame(1, direction="tx")])
        spool.seal()
        spool.append_many([frame(1)])
    found = [(r.line, r.direction, r.dup_of) for r in everything(tmp_path) if r.frame == b"frame 1"]
    assert found == [
        ("lane-1", "rx", None),
        ("lane-1", "rx", first),
        ("lane-1", "rx", first),
        ("lane-2", "rx", None),
        ("lane-1", "tx", None),
        ("lane-1", "rx", first),
    ]


def test_the_memory_of_frames_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the last frames of a line are remembered; an older one counts as new."""
    monkeypatch.setattr("ingest.batch.REMEMBERED", 3)
    with Spool(tmp_path, KEYS) as spool:
        spool.append_many([frame(number) for number in range(5)])
        spool.append_many([frame(4), frame(0)])
    assert [record.dup_of is None for record in everything(tmp_path)[-2:]] == [False, True]


def test_files_are_for_their_owner_and_a_sealed_one_is_read_only(tmp_path: Path) -> None:
    """The folder is 0700, an open segment 0600, a sealed one 0440."""
    folder = tmp_path / "deep" / "spool"
    with Spool(folder, KEYS) as spool:
        spool.append_many([frame(1)])
        (still_open,) = folder.glob("*.open")
        assert stat.S_IMODE(still_open.stat().st_mode) == 0o600
    (sealed,) = folder.glob("*.seg")
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o440
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sealed.name.startswith("00000000000000000001-")


def test_a_segment_is_sealed_by_size(tmp_path: Path) -> None:
    """A batch that finds its segment full goes to the next one."""
    with Spool(tmp_path, KEYS, seal_bytes=2000) as spool:
        for number in range(60):
            spool.append_many([frame(number)])
    infos = sealed_segments(tmp_path)
    assert len(infos) > 2
    assert all(info.size < 2000 + 300 for info in infos)
    assert frames(tmp_path) == [b"frame %d" % number for number in range(60)]


def test_a_segment_is_sealed_by_age(tmp_path: Path) -> None:
    """``seal_if_due`` seals at the age that was set, on the monotonic clock, and not before."""
    sealed: list[SegmentInfo] = []
    with Spool(tmp_path, KEYS, seal_seconds=1000, on_sealed=sealed.append) as spool:
        spool.append_many([frame(1)])
        assert spool.seal_if_due() is None
        assert spool._writing is not None
        spool._writing.begun -= 1000
        info = spool.seal_if_due()
        assert info is not None
        assert sealed == [info] == sealed_segments(tmp_path)
        assert spool.seal_if_due() is None
    assert len(sealed) == 1


def test_a_segment_without_records_is_never_sealed(tmp_path: Path) -> None:
    """Sessions alone are used on, and removed at the end; no empty segment reaches the tables."""
    with Spool(tmp_path, KEYS) as spool:
        spool.append_many([session("a", "p", wall_ns=1)])
        assert spool.seal() is None
        assert len(list(tmp_path.glob("*.open"))) == 1
    assert list(tmp_path.glob("*.*")) == []
    spool = Spool(tmp_path, KEYS)
    spool.append_many([session("a", "p", wall_ns=1)])
    crash(spool)
    with Spool(tmp_path, KEYS) as again:
        assert (again.recovery.sealed, again.recovery.notes, again.next_seq) == ([], [], 1)
    assert list(tmp_path.glob("*.*")) == []


def test_an_empty_batch_costs_nothing(tmp_path: Path) -> None:
    """Nothing to write is nothing written, not even a file."""
    with Spool(tmp_path, KEYS) as spool:
        assert spool.append_many([]) == []
        assert list(tmp_path.glob("*.open")) == []


def test_a_second_owner_is_refused_and_told_whose_it_is(tmp_path: Path) -> None:
    """One owner: the second start names the first one's process and a way out."""
    with Spool(tmp_path, KEYS):
        assert owner_of(tmp_path) == os.getpid()
        with pytest.raises(SpoolError, match=f"process {os.getpid()}") as refused:
            Spool(tmp_path, KEYS)
        assert "TILLWATCH_SPOOL__DIRECTORY" in refused.value.hint
    assert owner_of(tmp_path) is None
    Spool(tmp_path, KEYS).close()


def test_a_killed_owner_leaves_no_lock(tmp_path: Path) -> None:
    """Kill -9 of the owner frees the spool at once, and what it appended is sealed by the next."""
    program = (
        "import os, sys; from pathlib import Path; from ingest.keys import derive; from ingest.records import *;"
        "from ingest.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]), derive('k1', bytes(32)))\n"
        "spool.append_many([PendingRecord(Kind.EVENT, 'a', 'p', 1, facts={'n': n}) for n in range(9)])\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    assert owner.stdin is not None
    try:
        assert owner.stdout.readline() == b"ready\n"
        assert owner_of(tmp_path) == owner.pid
        with pytest.raises(SpoolError, match=str(owner.pid)):
            Spool(tmp_path, KEYS)
    finally:
        owner.kill()
        owner.wait()
        owner.stdin.close()
        owner.stdout.close()
    with Spool(tmp_path, KEYS) as spool:
        assert [info.count for info in spool.recovery.sealed] == [10]
    assert [record.facts.get("n") for record in everything(tmp_path)][1:] == list(range(9))


def test_a_network_file_system_is_refused(tmp_path: Path) -> None:
    """Neither sync nor flock of NFS, CIFS and the like can be relied on, so no spool goes there."""

    class Share(Disk):
        def kind(self, path: Path) -> str:
            del path
            return "nfs4"

    with pytest.raises(SpoolError, match="nfs4"):
        Spool(tmp_path, KEYS, disk=Share())


def test_a_spool_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A path that is a file is an error with a hint, not a traceback."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(SpoolError, match="cannot be opened"):
        Spool(tmp_path / "file" / "spool", KEYS)


def broken(tmp_path: Path, damage: Callable[[bytes], bytes], count: int = 10) -> Spool:
    """A spool whose collector died with ``damage`` done to its open segment, opened again."""
    spool = Spool(tmp_path, KEYS)
    for number in range(count):
        spool.append_many([frame(number)])
    crash(spool)
    (path,) = tmp_path.glob("*.open")
    path.write_bytes(damage(path.read_bytes()))
    return Spool(tmp_path, KEYS)


def test_a_torn_end_is_kept_aside_and_cut_off(tmp_path: Path) -> None:
    """A half-written record goes to quarantine/; the rest is sealed and reads without a complaint."""
    with broken(tmp_path, lambda data: data[:-5]) as spool:
        assert len(spool.recovery.sealed) == 1
        assert "torn bytes" in spool.recovery.notes[0]
        spool.append_many([frame(99)])
    assert frames(tmp_path) == [b"frame %d" % number for number in [*range(9), 99]]
    (tail,) = (tmp_path / "quarantine").iterdir()
    assert tail.name.endswith(".tail")
    assert tail.read_bytes().startswith(b"\xf1\x5e")


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


def test_a_segment_of_another_key_is_still_sealed(tmp_path: Path) -> None:
    """After a change of keys the old open segment is mended by its checksums and numbers."""
    spool = Spool(tmp_path, KEYS)
    spool.append_many([frame(1)])
    crash(spool)
    with Spool(tmp_path, derive("k2", b"2" * 32)) as again:
        assert [info.count for info in again.recovery.sealed] == [2]
        assert again.recovery.notes == []


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


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """A missing spool has no segments; a missing segment is an error with a hint."""
    assert sealed_segments(tmp_path / "none") == []
    with pytest.raises(SpoolError, match="cannot be read"):
        read_segment(tmp_path / "none.seg")


def test_a_spool_can_be_closed_twice(tmp_path: Path) -> None:
    """Closing again does nothing."""
    spool = Spool(tmp_path, KEYS)
    spool.append_many([frame(1)])
    spool.close()
    spool.close()
    assert len(sealed_segments(tmp_path)) == 1


def test_a_sealed_spool_needs_no_room(tmp_path: Path) -> None:
    """On a disk that is full but for the reserve the segment is still sealed, because the reserve is given."""

    class Tight(Disk):
        full = False
        reserved = True

        def write(self, fd: int, data: bytes) -> int:
            return 0 if self.full and self.reserved else super().write(fd, data)

        def remove(self, path: Path) -> None:
            if path.name == "RESERVE":
                self.reserved = False
            super().remove(path)

    disk = Tight()
    with Spool(tmp_path, KEYS, disk=disk) as spool:
        spool.append_many([frame(1)])
        assert (tmp_path / "RESERVE").stat().st_size == 256 * 1024
        disk.full = True
        with pytest.raises(SpoolError, match="full"):
            spool.append_many([frame(2)])
    assert frames(tmp_path) == [b"frame 1"]


def test_descriptors_do_not_pile_up(tmp_path: Path) -> None:
    """A hundred segments, failures among them, leave no descriptor open."""

    class Failing(Disk):
        fail = False

        def fdatasync(self, fd: int) -> None:
            if self.fail:
                raise OSError(5, "Input/output error")
            super().fdatasync(fd)

    disk = Failing()
    before = descriptors()
    with Spool(tmp_path, KEYS, disk=disk) as spool:
        for number in range(100):
            disk.fail = number % 3 == 0
            with contextlib.suppress(SpoolError):
                spool.append_many([frame(number)])
            disk.fail = False
            spool.seal()
        assert descriptors() <= before + 2
    assert descriptors() == before


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


def test_a_torn_end_at_every_byte_keeps_what_was_acknowledged(tmp_path: Path) -> None:
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


def test_keys_are_needed(tmp_path: Path) -> None:
    """The spool's own key is part of the keys and nothing else can stand in for it."""
    assert isinstance(KEYS, Keys)
    with Spool(tmp_path, KEYS) as spool:
        spool.append_many([frame(1)])
    (info,) = sealed_segments(tmp_path)
    assert info.size == HEADER_SIZE + info.count * RECORD_OVERHEAD + FOOTER_SIZE + sum(
        len(payload) for payload in (b'{"line":"lane-1","profile":"p"}', bytes(25) + b"tk1.ABC" + b"frame 1")
    )


def test_asking_who_owns_a_spool_stops_no_owner(tmp_path: Path) -> None:
    """Somebody who looks holds the lock for a moment; a start at that moment waits for it."""
    import fcntl
    import threading

    Spool(tmp_path, KEYS).close()
    looking = os.open(tmp_path / "LOCK", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    timer = threading.Timer(0.08, os.close, [looking])
    timer.start()
    try:
        Spool(tmp_path, KEYS).close()
    finally:
        timer.join()


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


def test_a_real_short_write_is_cut_back(tmp_path: Path) -> None:
    """The kernel takes part of a write, as at a full disk: nothing torn stays, and room that comes back is used."""
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
        assert list(folder.glob("quarantine/*")) == []


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


def test_a_segment_of_the_first_format_can_always_be_read() -> None:
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

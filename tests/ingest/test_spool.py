"""The spool on a real file system: order, ownership, sealing."""

import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingest.disk import Disk
from ingest.errors import SpoolError
from ingest.keys import Keys
from ingest.ownership import owner_of
from ingest.records import Kind, PendingRecord, session
from ingest.segment import FOOTER_SIZE, HEADER_SIZE, RECORD_OVERHEAD
from ingest.segments import SegmentInfo, read_segment, sealed_segments
from ingest.spool import Spool
from tests.ingest.spooled import KEYS, crash, descriptors, everything, frame, frames


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


def test_a_killed_owner_leaves_no_lock(tmp_path: Path, record_property: Any) -> None:
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
    record_property("lost", "0 of 9 acknowledged")


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


def test_descriptors_do_not_pile_up(tmp_path: Path, record_property: Any) -> None:
    """A hundred segments, failures among them, leave no descriptor open."""

    class Failing(Disk):
        fail = False

        def fdatasync(self, fd: int) -> None:
            if self.fail:
                raise OSError(5, "Input/output error")
            super().fdatasync(fd)

    disk = Failing()
    before = descriptors()
    acknowledged = []
    with Spool(tmp_path, KEYS, disk=disk) as spool:
        for number in range(100):
            disk.fail = number % 3 == 0
            with contextlib.suppress(SpoolError):
                acknowledged += spool.append_many([frame(number)])
            disk.fail = False
            spool.seal()
        assert descriptors() <= before + 2
    assert descriptors() == before
    recorded = [record for info in sealed_segments(tmp_path) for record in read_segment(info.path)]
    assert {record.seq for record in recorded if record.kind is Kind.FRAME} == set(acknowledged)
    record_property("lost", f"0 of {len(acknowledged)} acknowledged")


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

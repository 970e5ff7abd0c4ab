"""What a spool remembers of earlier runs: a frame that comes again after a restart names the one before."""

from pathlib import Path

import pytest

from ingest import recall
from ingest.batch import REMEMBERED
from ingest.disk import Disk
from ingest.keys import derive
from ingest.records import Kind, PendingRecord, Record
from ingest.segments import read_segment, sealed_segments
from ingest.spool import Spool

KEYS = derive("k1", bytes(32))


def frame(number: int, line: str = "lane-1") -> PendingRecord:
    """The n-th frame of a line."""
    body = b"%d" % number
    return PendingRecord(Kind.FRAME, line, "unionpay", 1, 0, "rx", frame=body * 9, digest=body.rjust(16, b"."))


def run(folder: Path, *records: PendingRecord) -> None:
    """One run of a collector."""
    with Spool(folder, KEYS) as spool:
        spool.append_many(records)


def last_frame(folder: Path) -> Record:
    """The newest frame of the spool."""
    segments = sealed_segments(folder)
    return [record for record in read_segment(segments[-1].path) if record.kind is Kind.FRAME][-1]


def test_a_frame_of_an_earlier_run_is_known(tmp_path: Path) -> None:
    """It names the first of its kind, also when that was two runs ago and came again in between."""
    run(tmp_path, frame(1), frame(2))
    first = last_frame(tmp_path)
    run(tmp_path, frame(3), frame(2))
    run(tmp_path, frame(2))
    assert last_frame(tmp_path).dup_of == first.seq


def test_another_lines_frame_is_another(tmp_path: Path) -> None:
    """Equal bytes on another line are not the same message."""
    run(tmp_path, frame(1))
    run(tmp_path, frame(1, "lane-2"))
    assert last_frame(tmp_path).dup_of is None


def test_a_long_spool_is_read_from_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the newest bytes are looked at, wherever that cuts a segment; the lines' names are known all the same."""
    run(tmp_path, *(frame(number) for number in range(200)))
    run(tmp_path, frame(900, "lane-2"))
    size = sum(info.size for info in sealed_segments(tmp_path))
    for limit in range(300, size, 997):
        monkeypatch.setattr(recall, "RECALL_BYTES", limit)
        seen = recall.recall(Disk(), tmp_path, REMEMBERED).seen
        assert seen.keys() <= {("lane-1", "rx"), ("lane-2", "rx")}
        known = [int(digest.strip(b".")) for digest in seen.get(("lane-1", "rx"), ())]
        assert known == list(range(200 - len(known), 200))
        assert limit < 3000 or len(known) >= (limit - 1500) // 120, "less was looked at than may be"


def test_the_memory_is_bounded_and_damage_costs_only_itself(tmp_path: Path) -> None:
    """So many of each line at most; a damaged record is not remembered, the others are."""
    run(tmp_path, *(frame(number) for number in range(20)))
    (info,) = sealed_segments(tmp_path)
    data = bytearray(info.path.read_bytes())
    data[data.index(b"15" * 9)] ^= 1
    info.path.chmod(0o600)
    info.path.write_bytes(data)
    (lane,) = recall.recall(Disk(), tmp_path, 10).seen.values()
    assert [int(digest.strip(b".")) for digest in lane] == [9, 10, 11, 12, 13, 14, 16, 17, 18, 19]

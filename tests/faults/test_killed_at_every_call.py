"""The process dies at each of its calls to the file system, one after the other, under strace.

An undisturbed run lists the calls that touch the spool; then each of them is the last one
of a run of its own. The next start must find all that had been acknowledged until then.
"""

import collections
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingest.records import Kind
from ingest.segments import read_segment, sealed_segments
from ingest.spool import Spool
from tests.faults.spool_writer import KEYS, frame_of, record_of, sound_numbers
from tests.faults.tools import why_without

WRITER = Path(__file__).with_name("spool_writer.py")
ROOT = Path(__file__).parents[2]
CALLS = (
    "openat,write,pwrite64,fsync,fdatasync,ftruncate,fallocate,fchmod,close,"
    "rename,renameat,renameat2,unlink,mkdir,flock"
)
BATCHES = "4"
CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)")
STRACE = "strace", "-f", "-qq", "-y"  # not --seccomp-bpf: with it the first call of a name was let through

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_without("strace", "strace")), reason="NOT KILLED AT ANY CALL: strace is not installed"),
]


def run(folder: Path, log: Path, *inject: str) -> tuple[int, int]:
    """The writer under strace: how it ended, and the last number it acknowledged (0 for none)."""
    written = subprocess.run(
        [
            *(*STRACE, "-o", str(log), "-e", f"trace={CALLS}", *inject),
            *(sys.executable, str(WRITER), str(folder), "1", "synced", BATCHES),
        ],
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    said = written.stdout.split()
    return written.returncode, int(said[-1]) if said else 0


def calls_on(folder: Path, log: Path) -> list[tuple[str, int]]:
    """Each call that touches the folder or acknowledges, and the how many-th of its name it is in the whole run."""
    count: collections.Counter[str] = collections.Counter()
    found = []
    for line in log.read_text("utf-8", "replace").splitlines():
        if (match := CALL.match(line)) is None:
            continue
        count[match[1]] += 1
        if str(folder) in match[2] or (match[1] == "write" and match[2].startswith("1<")):
            found.append((match[1], count[match[1]]))
    return found


def test_dying_at_any_call_loses_nothing_that_was_acknowledged(tmp_path: Path, record_property: Any) -> None:
    """Fault 2: around each write, sync, ACK, rename and close, what was acknowledged is found by the next start.

    The terminal then sends everything again, as after a lost answer: each frame is there once that is no copy.
    """
    whole = tmp_path / "whole"
    status, last = run(whole, tmp_path / "log")
    assert (status, last > 0) == (0, True)
    calls = calls_on(whole, tmp_path / "log")
    names = {name for name, _ in calls}
    assert {"openat", "write", "fdatasync", "fsync", "fchmod", "close"} <= names
    assert sum(name == "fdatasync" for name, _ in calls) >= int(BATCHES)
    said = (tmp_path / "log").read_text("utf-8", "replace").count("write(1<")
    assert said >= int(BATCHES)
    acknowledged_in_all = killed = 0
    for index, (name, number) in enumerate(calls):
        spool = tmp_path / f"w{index:04d}"  # as long a name as the first, so that nothing else differs
        status, acknowledged = run(spool, tmp_path / "log", "-e", f"inject={name}:signal=KILL:when={number}")
        assert status in {-9, 137}, f"{name} {number}: not killed"
        killed += 1
        acknowledged_in_all += acknowledged
        with Spool(spool, KEYS):
            pass
        found = sound_numbers([record for info in sealed_segments(spool) for record in read_segment(info.path)])
        assert set(range(1, acknowledged + 1)) <= set(found), f"killed at {name} {number}: acknowledged and lost"
        with Spool(spool, KEYS) as again:
            again.append_many([record_of(each) for each in range(1, last + 1)])
        records = [record for info in sealed_segments(spool) for record in read_segment(info.path)]
        firsts = [record.frame for record in records if record.kind is Kind.FRAME and record.dup_of is None]
        assert sorted(firsts) == sorted(map(frame_of, range(1, last + 1))), f"killed at {name} {number}: doubled"
    assert acknowledged_in_all > 0
    record_property(
        "tried", f"killed at each of {killed} calls ({', '.join(sorted(names))}), {said} of them ACKs; all sent again"
    )
    record_property("lost", f"0 of {acknowledged_in_all} acknowledged, 0 frames twice")

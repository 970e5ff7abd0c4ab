"""The real command with little of everything: no descriptors, no room, no key, another's port, a sync that fails."""

import contextlib
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import SpoolError
from ingest.keys import create_keys
from ingest.landing import land
from ingest.records import Kind
from ingest.segments import read_segment, sealed_segments
from ingest.settings import Settings
from ingest.spool import Spool
from ingest.tables import Lake
from tests.faults.lengths import length
from tests.faults.power import why_not
from tests.faults.real import CALL, Collect, Crowd, Terminal, check
from tests.faults.shop import wait_until
from tests.faults.spool_writer import KEYS, record_of, sound_numbers
from tests.faults.test_disks_that_fail import mounted
from tests.faults.tools import why_without

BACKLOG = length(500, 10_000)
FAILING = length(6, 40)
RANDOM = length(8, 100)
ROOT = Path(__file__).parents[2]
WRITER = Path(__file__).with_name("spool_writer.py")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + BACKLOG // 10)]
needs_mounts = pytest.mark.skipif(bool(why_not()), reason=f"NO DISK WAS MOUNTED: {why_not()}")


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    """Three terminals that never stop."""
    made = Crowd([Terminal(number) for number in (1, 2, 3)])
    yield made
    if made.is_alive():
        made.finish(0)
    made.close()


def refused(folder: Path, *words: str) -> tuple[int, str]:
    """A collector that may not start: its status and what it said."""
    done = subprocess.run(
        [*CALL, "collect", *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


def test_a_second_collector_never_takes_a_byte_and_the_next_may_begin_at_once(
    tmp_path: Path, crowd: Crowd, record_property: Any
) -> None:
    """Fault 8: same port or same spool are refused with the owner's number; after kill -9 of it the way is free."""
    words = [each.word for each in crowd.terminals]
    other = tmp_path / "other"
    create_keys(other / "var/keys/pan-token.key")
    crowd.start()
    tries = 3
    for _ in range(tries):
        first = Collect(tmp_path, words, opens=3)
        status, said = refused(other, words[0])
        assert (status, str(first.process.pid) in said, "busy" in said) == (3, True, True), said
        spare = Terminal(99)
        status, said = refused(tmp_path, spare.word)
        assert (status, f"belongs to process {first.process.pid}" in said) == (3, True), said
        spare.close()
        first.process.kill()
        first.process.wait()
    last = Collect(tmp_path, words, opens=3)
    crowd.finish(20)
    assert last.stop()[0] == 0
    check(tmp_path, crowd.terminals)
    assert not list((other / "var").glob("spool/*.seg"))
    record_property("tried", f"{tries} times each, with kill -9 of the holder and a new one at once")
    record_property("lost", f"0 of {crowd.acknowledged} acknowledged")


def test_with_few_descriptors_it_goes_on(tmp_path: Path, record_property: Any) -> None:
    """Fault 23: forty lines fit into 64 descriptors, one each, and none leaks."""
    few = Crowd([Terminal(number) for number in range(1, 41)])
    limit = ["prlimit", "--nofile=64:64", "--"]
    collector = Collect(tmp_path, [each.word for each in few.terminals], opens=40, before=limit)
    assert resource.prlimit(collector.process.pid, resource.RLIMIT_NOFILE)[0] == 64
    few.start()
    time.sleep(1.0)
    before = collector.descriptors()
    time.sleep(length(3, 30))
    assert collector.descriptors() <= max(before, 64)
    few.finish(20)
    assert collector.stop()[0] == 0
    check(tmp_path, few.terminals)
    few.close()
    record_property("tried", f"40 lines with {before} of 64 descriptors, {few.acknowledged} sales")
    record_property("lost", "0")


def test_more_lines_than_descriptors_is_said(tmp_path: Path) -> None:
    """Fault 23: ports beyond the limit are a sentence that names the reason, and nothing is left behind."""
    many = [Terminal(number) for number in range(1, 81)]
    create_keys(tmp_path / "var/keys/pan-token.key")
    done = subprocess.run(
        ["prlimit", "--nofile=64:64", "--", *CALL, "collect", *(each.word for each in many)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    for each in many:
        each.close()
    assert done.returncode == 3
    assert "open files" in done.stderr
    assert "LimitNOFILE" in done.stderr
    assert "Traceback" not in done.stderr


@needs_mounts
def test_a_start_without_a_free_byte_seals_what_is_there(tmp_path: Path, record_property: Any) -> None:
    """Fault 21: killed on a full disk, a collector starts, answers NAK, and goes on when there is room."""
    with mounted("-t", "tmpfs", "-o", "size=2m", "tmpfs", at=tmp_path / "shop") as disk:
        terminal = Terminal(1)
        crowd = Crowd([terminal])
        first = Collect(disk, [terminal.word], opens=1)
        crowd.start()
        while terminal.stan < 200:
            time.sleep(0.01)
        filler = (disk / "filler").open("wb", buffering=0)
        with contextlib.suppress(OSError):
            while filler.write(bytes(4096)):
                pass
        first.process.kill()
        first.process.wait()
        at_full = len(terminal.acknowledged)
        second = Collect(disk, [terminal.word], opens=1)
        time.sleep(1.5)
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        while len(terminal.acknowledged) < at_full + 50:
            time.sleep(0.05)
        crowd.finish(20)
        assert second.stop()[0] == 0
        check(disk, crowd.terminals)
        crowd.close()
        filler.close()
    record_property("tried", f"killed and started with 0 bytes free after {at_full} sales")
    record_property("lost", f"0 of {len(terminal.acknowledged)} acknowledged")


def test_a_huge_backlog_slows_neither_start_nor_acknowledgement(tmp_path: Path, record_property: Any) -> None:
    """Fault 21: thousands of segments that nobody landed: the start stays short, sales are acknowledged as ever."""
    keys = create_keys(tmp_path / "var/keys/pan-token.key")
    with Spool(tmp_path / "var/spool", keys) as spool:
        for number in range(BACKLOG):
            spool.append_many([record_of(number)])
            spool.seal()
    terminal = Terminal(1)
    crowd = Crowd([terminal])
    spare = Collect(tmp_path / "empty", [terminal.word], opens=1)
    without = spare.processor_seconds()
    assert spare.stop()[0] == 0
    collector = Collect(tmp_path, [terminal.word], opens=1)
    took = collector.processor_seconds()
    crowd.start()
    wait_until(lambda: len(terminal.acknowledged) > 300, 60)
    crowd.finish(20)
    assert collector.stop()[0] == 0
    crowd.close()
    assert took < 1.0 + 3 * without
    record_property(
        "tried",
        f"{BACKLOG} segments waiting: {took:.1f} s of processor time to start, {without:.1f} s without; "
        f"{len(terminal.acknowledged)} sales",
    )
    record_property("lost", "0")


@needs_mounts
def test_no_inode_left_and_a_disk_gone_read_only_are_full_disks(tmp_path: Path, record_property: Any) -> None:
    """Fault 4: no new file can be made, then nothing can be written: refused each time, and taken up again after."""
    options = "size=4m,nr_inodes=12"
    with mounted("-t", "tmpfs", "-o", options, "tmpfs", at=tmp_path / "small") as disk:
        number = 0
        with Spool(disk / "spool", KEYS) as spool:
            while True:
                number += 1
                try:
                    spool.append_many([record_of(number)])
                    spool.seal()
                except SpoolError as wrong:
                    said = str(wrong)
                    break
            assert "full" in said
            subprocess.run(["mount", "-o", f"remount,{options},nr_inodes=100", str(disk)], check=True)
            spool.append_many([record_of(number)])
        filled = number
        with Spool(disk / "spool", KEYS):
            pass
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(SpoolError, match=r"(?i)read-only"):
            Spool(disk / "spool", KEYS)
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        with Spool(disk / "spool", KEYS) as spool:
            spool.append_many([record_of(number + 1)])
        records = [record for info in sealed_segments(disk / "spool") for record in read_segment(info.path)]
        assert sound_numbers(records) == list(range(1, number + 2))
    record_property("tried", f"12 inodes, full after {filled} segments; remounted read-only and back")
    record_property("lost", "0")


@pytest.mark.skipif(bool(why_without("strace", "strace")), reason="NO SYNC FAILED: strace is not installed")
@pytest.mark.parametrize("call", ["fdatasync", "fsync"])
def test_the_nth_sync_fails(tmp_path: Path, call: str, record_property: Any) -> None:
    """Fault 4b: after it nothing is acknowledged and that file is not synced again; the next start is clean."""
    acknowledged_in_all = 0
    for number in range(1, FAILING + 1):
        spool, log = tmp_path / f"spool{number}", tmp_path / f"log{number}"
        words = ["strace", "-f", "-qq", "-y", "-o", str(log), "-e", "trace=fsync,fdatasync,write"]
        words += ["-e", f"inject={call}:error=EIO:when={number}"]
        done = subprocess.run(
            [*words, sys.executable, str(WRITER), str(spool), "1", "synced", str(FAILING)],
            capture_output=True,
            cwd=ROOT,
            check=False,
        )
        said = done.stdout.split()
        acknowledged = int(said[-1]) if said else 0
        acknowledged_in_all += acknowledged
        lines = log.read_text("utf-8", "replace").splitlines()
        failed = [at for at, line in enumerate(lines) if "EIO" in line]
        if not failed:
            assert done.returncode == 0, "nothing failed and it stopped"
            break
        (at,) = failed
        (inode,) = re.findall(r"<([^>]+)>", lines[at])[:1]
        if inode.endswith(".open"):
            after = [line for line in lines[at + 1 :] if f"<{inode}>" in line]
            assert not any(line.split("(")[0].endswith("sync") for line in after), "asked again"
        stdout = [line for line in lines[at + 1 :] if "write(1<" in line]
        assert done.returncode == 0 or not stdout, "acknowledged after a failed sync"
        with Spool(spool, KEYS):
            pass
        found = sound_numbers([record for info in sealed_segments(spool) for record in read_segment(info.path)])
        assert set(range(1, acknowledged + 1)) <= set(found)
    record_property("tried", f"EIO at the 1st to {number}th {call}, one a run")
    record_property("lost", "0 acknowledged")


@pytest.mark.skipif(
    bool(why_without("fiu-run", "fiu-utils")), reason="NO CALL FAILED AT RANDOM: libfiu is not installed"
)
def test_syncs_that_fail_at_random(tmp_path: Path, record_property: Any) -> None:
    """Fault 4b: one sync in ten fails in the C library: whatever the moment, what was acknowledged is there."""
    words = ["fiu-run", "-x", "-c", "enable_random name=posix/io/sync/*,probability=0.1"]
    failed = acknowledged_in_all = 0
    for turn in range(RANDOM):
        spool = tmp_path / f"spool{turn}"
        writer = [sys.executable, str(WRITER), str(spool), str(turn * 10_000 + 1), "synced", "30"]
        done = subprocess.run([*words, *writer], capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode in {0, 1}, done.stderr
        failed += done.returncode
        said = done.stdout.split()
        acknowledged = range(turn * 10_000 + 1, int(said[-1]) + 1 if said else 0)
        acknowledged_in_all += len(acknowledged)
        with Spool(spool, KEYS):
            pass
        found = sound_numbers([record for info in sealed_segments(spool) for record in read_segment(info.path)])
        assert set(acknowledged) <= set(found)
    assert failed > RANDOM / 4, "libfiu made nothing fail"
    record_property("tried", f"libfiu, {RANDOM} writers with one sync in ten failing: {failed} were stopped by one")
    record_property("lost", f"0 of {acknowledged_in_all} acknowledged")


def test_another_key_between_two_runs(tmp_path: Path, crowd: Crowd, record_property: Any) -> None:
    """Fault 25: no key, no start; with a new key old segments land as before and new ones name it."""
    words = [each.word for each in crowd.terminals]
    path = tmp_path / "var/keys/pan-token.key"
    first = create_keys(path)
    old = Collect(tmp_path, words, opens=3)
    crowd.start()
    wait_until(lambda: crowd.acknowledged > 30, 60)
    path.rename(tmp_path / "old.key")  # in the middle of the run: it has what it needs
    time.sleep(0.5)
    old.process.kill()  # what is open was begun with the old key
    old.process.wait()
    status, said = refused(tmp_path, *words)
    assert (status, "no key file" in said, "--create-keys" in said) == (3, True, True)
    second = create_keys(path)
    new = Collect(tmp_path, words, opens=3)
    crowd.finish(20)
    assert new.stop()[0] == 0
    segments = sealed_segments(tmp_path / "var/spool")
    heads = [info.path.read_bytes()[44:60].rstrip(b"\0").decode() for info in segments]
    assert heads[0] == first.key_id
    assert heads[-1] == second.key_id
    stans = {
        (record.line, record.frame)
        for info in segments
        for record in read_segment(info.path)
        if record.kind is Kind.FRAME
    }
    assert len(stans) >= crowd.acknowledged
    settings = Settings.model_validate(
        {"spool": {"directory": tmp_path / "var/spool"}, "lake": {"uri": str(tmp_path / "lake")}}
    )
    assert land(settings).damaged == []
    rows = Lake(settings.lake.uri).read("transactions", columns=["terminal_id", "stan"]).to_pylist()
    got = {(row["terminal_id"], row["stan"]) for row in rows}
    assert {(each.tid, stan) for each in crowd.terminals for stan in each.acknowledged} <= got
    assert len(rows) - len(got) <= len(crowd.terminals)  # sent under one key and again under the other: told apart
    verified = subprocess.run(
        [*CALL, "spool", "verify", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    told = verified.stdout + verified.stderr
    assert verified.returncode in {0, 1}, told
    assert "Traceback" not in told
    twice = len(rows) - len(got)
    record_property("tried", f"key taken away in the run, none, another: {crowd.acknowledged} sales, {len(rows)} rows")
    record_property("lost", f"0; {twice} sales of which a copy came under each key are two rows")

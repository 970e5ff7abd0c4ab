"""A collector with two disks killed with -9, each time with one of the folders taken away before the next start."""

import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.keys import create_keys
from ingest.records import Kind
from ingest.segments import read_segment, sealed_segments
from protocols.profile import load_profile
from protocols.sanitise import CardKeys, Sanitiser
from tests.ingest.collecting.test_collector_kill import PATIENCE, ReceivedTerminal, until

pytestmark = pytest.mark.slow

KILLS = 6


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    """Ends the terminal, whatever happens to the test."""
    event = threading.Event()
    yield event
    event.set()


def start(folder: Path, device: str) -> "subprocess.Popen[bytes]":
    """A collector of this terminal, when it has its port and its spool."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from ingest.cli import main; main()", "collect", f"--receive=t={device}:leshua"],
        cwd=folder,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    ready = 0
    while ready < 2:
        line = process.stderr.readline()
        assert line, f"the collector ended with {process.wait()}"
        ready += b" open " in line or b" recording " in line
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return process


def test_killed_and_robbed_of_a_disk_each_time_it_loses_nothing(
    tmp_path: Path, stop: threading.Event, record_property: Any
) -> None:
    """An ACK means on both: with either folder gone after a kill -9, all that was acknowledged is there, in both."""
    rng = random.Random(7)
    keys = create_keys(tmp_path / "var/keys/pan-token.key")
    (tmp_path / "tillwatch.toml").write_text('[spool]\ndirectory = "var/spool"\nmirror = "other/spool"\n')
    folders = tmp_path / "var/spool", tmp_path / "other/spool"
    leshua = load_profile("leshua")
    terminal = ReceivedTerminal(leshua, stop)
    process = start(tmp_path, terminal.pty.device)
    known = 0
    try:
        terminal.start()
        for kill in range(KILLS):
            until(lambda known=known: len(terminal.acknowledged) > known, "a terminal is no longer served")  # type: ignore[misc]
            time.sleep(rng.uniform(0.05, 0.5))
            process.send_signal(signal.SIGKILL)
            process.wait()
            shutil.rmtree(folders[kill % 2])
            process = start(tmp_path, terminal.pty.device)
            known = len(terminal.acknowledged)
        until(lambda: len(terminal.acknowledged) > known, "a terminal is no longer served")
    finally:
        stop.set()
        terminal.join(10)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        terminal.pty.close()

    assert len(terminal.acknowledged) > KILLS
    safe = Sanitiser(leshua, CardKeys(key_id=keys.key_id, pan=keys.pan, digest=keys.digest))
    acknowledged = {safe.sanitise(terminal.sent[stan]).digest for stan in terminal.acknowledged}
    for folder in folders:
        records = [record for info in sealed_segments(folder) for record in read_segment(info.path)]
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        assert acknowledged <= {record.digest for record in records if record.kind is Kind.FRAME}
    one, other = ({path.name: path.read_bytes() for path in folder.glob("*.seg")} for folder in folders)
    assert one == other
    record_property("tried", f"{KILLS} kills: {len(terminal.acknowledged)} acknowledged, a folder removed each time")
    record_property("lost", "0 acknowledged")

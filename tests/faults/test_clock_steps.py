"""The clock of the shop's computer jumps while the collector runs: hours, years, and back.

The collector runs under libfaketime, which steps its wall clock and leaves the monotonic
one alone, as a wrong NTP server or a dead battery does. Order, acknowledgements, sealing
and the tables must not follow it, and somebody must be told.
"""

import datetime as dt
import os
import select
import signal
import subprocess
import sys
import time
import tty
from operator import itemgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingest.keys import create_keys
from ingest.lake import Lake
from ingest.records import Kind
from ingest.segments import read_segment, sealed_segments
from protocols.profile import load_profile
from tests.faults.clock import clock, why_not

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason="NO CLOCK WAS STEPPED: faketime is not installed"),
]

CALL = [sys.executable, "-c", "from ingest.cli import main; main()"]
STEPS = ("+0", "+3600", "-3600", "-1784000000", "+315360000", "+0")
"""Seconds against the true time: summer time, its end, 1970, ten years ahead, and right again."""
TOLD = {"-1784000000": "the clock says 1970", "+315360000": "days ahead while this ran"}
"""What the collector tells of a step: an alarm."""
SALES_A_STEP = 5
SHANGHAI = ZoneInfo("Asia/Shanghai")
AN_HOUR = dt.timedelta(hours=1)


def sale(number: int) -> bytes:
    """A sale whose number is its trace number."""
    fields = {3: "000000", 4: f"{number:012d}", 11: f"{number:06d}", 25: "00"}
    return load_profile("leshua").build("0200", fields | {41: "10000001", 42: "898440300000001", 60: "22000001"})


def send(master: int, frame: bytes) -> None:
    """Send until it is acknowledged, for a minute at most."""
    deadline = time.monotonic() + 60
    while select.select([master], [], [], 0)[0]:
        os.read(master, 100)  # the ACK of a copy of the one before
    while time.monotonic() < deadline:
        os.write(master, frame)
        if select.select([master], [], [], 1.0)[0] and b"\x06" in os.read(master, 100):
            return
    raise AssertionError("not acknowledged")


def hear(collector: "subprocess.Popen[str]", what: str) -> None:
    """Read what the collector tells until it tells this; it looks at its clock every five seconds."""
    assert collector.stderr is not None
    assert any(what in line for line in collector.stderr), f"not told: {what}"


def test_a_clock_that_jumps_disturbs_neither_order_nor_acknowledgement_nor_tables(
    tmp_path: Path, record_property: Any
) -> None:
    """Fault 7: every sale is acknowledged, recorded in the order it came in, and one row, whatever the clock said."""
    create_keys(tmp_path / "var/keys/pan-token.key")
    began = dt.datetime.now(dt.UTC)
    offset = tmp_path / "offset"
    offset.write_text(STEPS[0])
    master, slave = os.openpty()
    tty.setraw(slave)
    collector = subprocess.Popen(
        [*CALL, "collect", f"--receive=r={os.ttyname(slave)}:leshua"],
        cwd=tmp_path,
        env=os.environ | clock(offset),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        hear(collector, " recording ")
        number = 0
        for step in STEPS:
            offset.write_text(step)
            for _ in range(SALES_A_STEP):
                number += 1
                send(master, sale(number))
            if step in TOLD:
                hear(collector, TOLD[step])
    finally:
        collector.send_signal(signal.SIGTERM)
        _, said = collector.communicate(timeout=60)
    assert collector.returncode == 0, said
    os.close(master)
    os.close(slave)

    frames = [
        record
        for info in sealed_segments(tmp_path / "var/spool")
        for record in read_segment(info.path)
        if record.kind is Kind.FRAME and record.dup_of is None
    ]
    stans = [load_profile("leshua").facts(record.frame).stan for record in frames]
    assert stans == list(range(1, number + 1))
    assert [record.seq for record in frames] == sorted(record.seq for record in frames)
    assert [record.mono_ns for record in frames] == sorted(record.mono_ns for record in frames)
    years = {time.gmtime(record.wall_ns // 10**9).tm_year for record in frames}
    assert len(years) >= 3, "the clock was not stepped"
    landed = subprocess.run([*CALL, "land"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert landed.returncode == 0, landed.stderr
    assert "the collector's clock was wrong" in landed.stderr
    columns = ["stan", "business_date", "requested_at"]
    rows = sorted(Lake(tmp_path / "var/lake").read("transactions", columns=columns).to_pylist(), key=itemgetter("stan"))
    assert [row["stan"] for row in rows] == list(range(1, number + 1))
    first, last = began - AN_HOUR, dt.datetime.now(dt.UTC) + AN_HOUR
    assert all(first <= row["requested_at"] <= last for row in rows), "a wrong clock's time is in the table"
    days = {moment.astimezone(SHANGHAI).date() for moment in (first, began, last)}
    assert {row["business_date"] for row in rows} <= days
    record_property("tried", f"{len(STEPS)} settings of the clock in one run")
    record_property("lost", f"0 of {number} acknowledged")

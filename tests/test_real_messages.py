"""The 46 real messages, byte by byte through a pseudo-terminal, into Parquet."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(__file__).parent / "vectors"
TILLWATCH = Path(sys.executable).with_name("tillwatch")
PATIENCE = 60.0
FINANCIAL = {"0100", "0110", "0200", "0210", "0220", "0230", "0400", "0410"}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake that the 46 messages went into: collected from a pseudo-terminal, then landed."""
    shop = tmp_path_factory.mktemp("shop")
    run("doctor", "--create-keys", cwd=shop, statuses=(0, 3))
    master, slave = pty.openpty()
    tty.setraw(slave)
    device = os.ttyname(slave)
    collector = subprocess.Popen(
        [TILLWATCH, "collect", "--line", f"till={device}:unionpay"], cwd=shop, stderr=subprocess.PIPE, text=True
    )
    os.close(slave)
    try:
        for frame in frames():
            for byte in frame:
                write_when_read(master, bytes([byte]))
        wait_until(lambda: len(exported(shop)) == 46, "46 frames in the spool")
    finally:
        collector.send_signal(signal.SIGTERM)
        said = collector.communicate(timeout=PATIENCE)[1]
        os.close(master)
    assert collector.returncode == 0, said
    run("land", cwd=shop)
    return shop / "var" / "lake"


def frames() -> Iterator[bytes]:
    """The whole link frames of the capture file."""
    for line in (VECTORS / "unionpay_pos.capture.jsonl").read_text("utf-8").splitlines():
        yield bytes.fromhex(json.loads(line)["frame"])


def stated() -> list[dict[str, object]]:
    """What the publishers of the messages say of them."""
    messages: list[dict[str, object]] = json.loads((VECTORS / "unionpay_pos.json").read_text("utf-8"))
    return messages


def run(*words: str, cwd: Path, statuses: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run([TILLWATCH, *words], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in statuses, done.stderr
    return done.stdout


def exported(shop: Path) -> list[str]:
    return run("spool", "export", cwd=shop, statuses=(0, 3)).splitlines()


def write_when_read(master: int, data: bytes) -> None:
    while True:
        try:
            os.write(master, data)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"waited {PATIENCE} s for {what}"
        time.sleep(0.2)


def rows(lake: Path, columns: str, name: str, condition: str = "true") -> list[tuple[Any, ...]]:
    """The README's way to a table: its Parquet files, and no reader of ours."""
    import duckdb

    files = f"read_parquet('{lake}/{name}/**/*.parquet', hive_partitioning = true)"
    return duckdb.connect().execute(f"SELECT {columns} FROM {files} WHERE {condition}").fetchall()  # noqa: S608 - literals


def test_the_capture_holds_the_published_messages():
    """The file that the tests and the README replay is the publishers' bytes, put into link frames."""
    for frame, message in zip(frames(), stated(), strict=True):
        published = bytes.fromhex(str(message["hex"]))

        assert frame.endswith(published)
        assert int.from_bytes(frame[:2], "big") == len(frame) - 2


@pytest.mark.slow
def test_no_message_is_lost(lake: Path):
    """46 frames of bytes, no noise, and each is told of by exactly one row of one table."""
    raw = rows(lake, "kind, count(*), count(DISTINCT digest)", "raw_frames", "kind <> 'session' GROUP BY kind")
    told = [
        seq
        for name in ("transactions", "settlements", "events")
        for row in rows(lake, "request_seq, response_seq", name)
        for seq in row
        if seq is not None
    ]

    assert raw == [("frame", 46, 46)]
    assert len(told) == len(set(told)) == 46


@pytest.mark.slow
def test_every_financial_message_is_in_transactions(lake: Path):
    """Each stated trace number of a financial message is a transaction's, and no other is."""
    financial = [m for m in stated() if m["mti"] in FINANCIAL]
    expected = {(field(m, "41"), int(field(m, "11"))) for m in financial}

    assert set(rows(lake, "terminal_id, stan", "transactions")) == expected
    assert len(financial) == 16


@pytest.mark.slow
def test_amounts_and_references_are_the_published_ones(lake: Path):
    """The vendor's sale of 11.11 yuan, joined from its request and its answer."""
    columns = "txn_type, amount_fen, rrn, auth_code, response_code, outcome, batch_no, pan_masked, atc"
    found = rows(lake, columns, "transactions", "terminal_id = '10016919' AND stan = 79")

    assert found == [("SALE", 1111, "X00004002761", "650852", "00", "approved", 727, "622424******3353", 0x0C66)]


@pytest.mark.slow
def test_the_settlement_is_in_settlements_and_the_rest_in_events(lake: Path):
    """The 0500 and the 0510 are settlements; sign-ins, parameters and signatures are events."""
    settlements = rows(lake, "batch_no", "settlements")
    operations = {operation for (operation,) in rows(lake, "DISTINCT operation", "events")}

    assert sorted(settlements) == [(3,), (6,)]
    assert {"SIGN_IN", "SIGN_OFF", "SIGNATURE", "BATCH_UPLOAD_END"} <= operations


def field(message: dict[str, object], number: str) -> str:
    fields = message["fields"]
    assert isinstance(fields, dict)
    return str(fields[number])

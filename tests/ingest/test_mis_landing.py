"""Tills' links with tags 9F and with fixed records: from the line, listened to or asked, to the tables."""

import datetime as dt
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

import pytest

from ingest.cli import main
from ingest.keys import create_keys
from ingest.tables import Lake
from protocols.answering import Answering, Sold
from protocols.profile import load_profile
from tests.ingest.collecting.conftest import Wire

pytestmark = pytest.mark.slow  # whole landings

TILLWATCH = Path(sys.executable).with_name("tillwatch")
PATIENCE = 60.0
PAN = "6225880000000001"
TERMINAL, MERCHANT = "00440036", "821120170130018"
MORNING = dt.datetime.fromisoformat("2026-11-21T10:00:00+08:00")
BATCH = [
    Sold(41, 1000, MORNING, rrn="112101000041", auth_code="A00041"),
    Sold(42, 2500, MORNING + dt.timedelta(minutes=15), card=PAN, rrn="112101000042"),
    Sold(44, 2500, MORNING + dt.timedelta(minutes=20), txn_type="VOID", card=PAN, orig_stan=42, rrn="112101000044"),
]


def frame_9f(number: int, **values: str) -> str:
    """A frame with tags 9F, made here from the format alone."""
    body = bytes.fromhex(f"9F010001{number:02X}")
    for tag, value in values.items():
        text = value.encode("gbk")
        body += bytes.fromhex(tag[1:]) + len(text).to_bytes(2, "big") + text
    return frame_of(body)


def frame_of(body: bytes) -> str:
    """The frame around TLVs."""
    covered = bytes.fromhex(f"{len(body):04d}") + body + b"\x03"
    return (b"\x02" + covered + bytes((reduce(xor, covered),))).hex()


def said_9f(number: int, trace: int, amount: int, time: str, code: str = "00", **more: str) -> tuple[str, str]:
    """A terminal's answer."""
    told = {"t9F0D": "000001", "t9F0E": f"{trace:06d}", "t9F10": f"1121{trace:08d}", "t9F0B": PAN}
    told |= {"t9F04": MERCHANT, "t9F05": TERMINAL, "t9F11": "20261121", "t9F12": time}
    return "rx", frame_9f(number, t9F02=f"{amount:012d}", t9F14=code, **told, **more)


DAY_9F = [
    ("tx", frame_9f(1)),
    ("rx", frame_9f(1, t9F14="00", t9F05=TERMINAL)),
    ("tx", frame_9f(2, t9F02="000000001000")),
    said_9f(2, 41, 1000, "100000", t9F03="测试商户", t9F1B="2912"),
    ("tx", frame_9f(2, t9F02="000000001000")),  # the same amount again: another sale
    said_9f(2, 42, 1000, "100100"),
    said_9f(2, 42, 1000, "100100"),  # sent again
    ("tx", frame_9f(3, t9F02="000000001000", t9F20="000042")),
    said_9f(3, 43, 1000, "100200", t9F20="000042"),
    ("tx", frame_9f(4, t9F02="000000000300", t9F10="112000000007", t9F11="1120")),
    said_9f(4, 44, 300, "100300"),
    ("tx", frame_9f(2, t9F02="000000005000")),
    ("rx", frame_9f(2, t9F14="51", t9F19="余额不足")),
    ("tx", frame_9f(6, t9F02="000000009900")),
    ("rx", frame_9f(17, t9F15="60", t9F16="10.0.0.1", t9F17="8583", t9F18="60")),  # a message for the host
    ("tx", frame_9f(17, t9F14="00", t9F15="60")),
    said_9f(6, 45, 9900, "100400", t9F0F="AUTH45"),
    ("tx", frame_9f(15)),
    said_9f(6, 45, 9900, "100400"),  # in other bytes: nothing new
    ("tx", frame_9f(16)),
    said_9f(2, 41, 1000, "100000", t9F52=f"重打印 {PAN}"),
    ("tx", frame_9f(20, t9F20="000030")),
    said_9f(2, 30, 700, "093000"),  # one that was not heard before
    ("tx", frame_9f(20, t9F20="000029")),
    ("rx", frame_9f(20, t9F14="X2")),
    ("tx", frame_9f(14)),
    ("rx", frame_9f(14, t9F14="00", t9F05=TERMINAL, t9F04=MERCHANT, t9F0D="000001", t9F1D="000000011900")),
    ("tx", frame_9f(19)),
    ("rx", frame_9f(14, t9F14="00", t9F05=TERMINAL, t9F04=MERCHANT, t9F0D="000001", t9F1D="000000011900")),
    ("tx", frame_9f(2, t9F02="000000007700")),  # the cable is pulled
]


def test_a_bad_frame_costs_a_reject_and_nothing_else(run, tmp_path):
    """A wrong LRC, a lying length, a wrong digit, text that is not GBK: each named with its place; the sale lands."""
    good = said_9f(2, 41, 1000, "100000")
    broken = bytearray.fromhex(good[1])
    broken[-1] ^= 1
    lying = bytearray.fromhex(good[1])
    lying[2] ^= 0x10
    day = [
        ("rx", broken.hex()),
        ("rx", lying.hex()),
        ("rx", frame_9f(2, t9F0E="00004E", t9F0B=PAN)),
        ("rx", frame_of(bytes.fromhex("9F010001029F030002FFFF"))),
        ("tx", frame_9f(2, t9F02="000000001000")),
        good,
    ]
    lake = replay(run, day, "allinpay")
    assert rows(lake, "transactions", "stan", "txn_type", "outcome") == [(41, "SALE", "approved")]
    rejects = rows(lake, "rejects", "code", "field", "offset")
    assert ("digits", "9F0E", 12) in rejects
    assert ("gbk", "9F03", 12) in rejects
    assert ("lrc", "", len(broken) - 1) in rejects
    nothing_of_the_card(tmp_path / "var")


def asked(kind: str, lrc: str, amount: int = 0, date: str = "", rrn: str = "", voucher: str = "") -> tuple[str, str]:
    """A till's record of 59 bytes."""
    record = f"{'POS00001':8}{'01':8}{kind}{amount:012d}{date:8}{rrn:12}{voucher:6}{lrc}"
    return "tx", record.encode("ascii").hex()


def answered(
    lrc: str, trace: int | None = None, amount: int = 0, time: str = "100000", code: str = "00", text: str = "交易成功"
) -> tuple[str, str]:
    """A terminal's record of 148 bytes."""
    message = text.encode("gbk").ljust(40).decode("latin-1")
    told = (PAN, f"{trace:06d}", f"{amount:012d}", f"1121{trace:08d}") if trace is not None else ("", "", "", "")
    card, voucher, fen, rrn = told
    head = f"{code}0102{card:20}{voucher:6}{fen:12}{message}"
    tail = f"{MERCHANT}{TERMINAL}0000011121{time}{rrn:12}{'':6}1121{lrc}"
    return "rx", (head + tail).encode("latin-1").hex()


DAY_RECORDS = [
    asked("05", "101"),
    answered("101"),
    asked("00", "102", 1000),
    answered("102", 41, 1000),
    asked("00", "103", 1000),
    answered("103", 42, 1000, "100100"),
    answered("103", 42, 1000, "100100"),  # sent again
    asked("01", "104", 1000, voucher="000042"),
    answered("104", 43, 1000, "100200"),
    asked("02", "105", 300, "20261120", "112000000007"),
    answered("105", 44, 300, "100300"),
    asked("00", "106", 5000),
    answered("106", code="51", text="余额不足"),
    asked("21", "107", 9900),
    answered("107", 45, 9900, "100400"),
    asked("04", "108", voucher="000000"),
    answered("108", 45, 9900, "100400"),  # nothing new
    asked("04", "109", voucher="000030"),
    answered("109", 30, 700, "093000"),  # one that was not heard before
    asked("00", "110", 600),
    answered("999", 46, 600, "101000"),  # another's answer
    asked("06", "111"),
    answered("111", text="结算成功"),
    asked("07", "112"),
    answered("112", text="结算成功"),
    asked("00", "113", 7700),  # the cable is pulled
]


def test_a_day_of_fixed_records_is_in_the_tables(run, tmp_path):
    """Three digits join request and answer; a reprint adds only what was not heard, and no type."""
    lake = replay(run, DAY_RECORDS, "chinaums-bankall")
    assert lake.read("rejects").num_rows == 0
    names = ("stan", "txn_type", "amount_fen", "outcome", "response_code", "orig_stan", "orig_rrn")
    assert rows(lake, "transactions", *names) == sorted(
        [
            (30, None, 700, "approved", "00", None, None),
            (41, "SALE", 1000, "approved", "00", None, None),
            (42, "SALE", 1000, "approved", "00", None, None),
            (43, "VOID", 1000, "approved", "00", 42, None),
            (44, "REFUND", 300, "approved", "00", None, "112000000007"),
            (45, "PREAUTH", 9900, "approved", "00", None, None),
            (46, None, 600, "approved", "00", None, None),
            (None, "SALE", 600, "unknown", None, None, None),
            (None, "SALE", 5000, "declined", "51", None, None),
            (None, "SALE", 7700, "unknown", None, None, None),
        ],
        key=str,
    )
    assert rows(lake, "settlements", "batch_no", "outcome") == [(1, "approved")]
    assert rows(lake, "events", "operation", "outcome") == [
        ("REPRINT", "unknown"),
        ("REPRINT", "unknown"),
        ("REPRINT_SETTLEMENT", "approved"),
        ("SIGN_IN", "approved"),
    ]
    nothing_of_the_card(tmp_path / "var")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs the command in a folder with keys."""
    monkeypatch.chdir(tmp_path)
    create_keys(Path("var/keys/pan-token.key"))

    def do(*words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["tillwatch", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, words

    return do


def replay(run: Callable[..., None], day: list[tuple[str, str]], profile: str) -> Lake:
    lines = [
        json.dumps(
            {"t": f"2026-11-21T12:{at // 60:02d}:{at % 60:02d}+08:00", "line": "till", "dir": way, "frame": data}
        )
        for at, (way, data) in enumerate(day)
    ]
    Path("day.capture.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    run("replay", "day.capture.jsonl", "--profile", profile)
    run("land")
    return Lake("var/lake")


def rows(lake: Lake, table: str, *names: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row[name] for name in names) for row in lake.read(table).to_pylist()), key=str)


def nothing_of_the_card(folder: Path) -> None:
    secrets = [PAN.encode(), bytes.fromhex(PAN), PAN.encode().hex().encode(), PAN.encode("utf-16-le")]
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(secret in data for secret in secrets), path


def test_a_day_with_tags_9f_is_in_the_tables(run, tmp_path):
    """Sales, void, refund, pre-authorisation, refusal and settlement: one row each, whatever was asked again."""
    lake = replay(run, DAY_9F, "allinpay")
    assert lake.read("rejects").num_rows == 0
    assert rows(
        lake, "transactions", "stan", "txn_type", "amount_fen", "outcome", "response_code", "orig_stan"
    ) == sorted(
        [
            (30, "SALE", 700, "approved", "00", None),
            (41, "SALE", 1000, "approved", "00", None),
            (42, "SALE", 1000, "approved", "00", None),
            (43, "VOID", 1000, "approved", "00", 42),
            (44, "REFUND", 300, "approved", "00", None),
            (45, "PREAUTH", 9900, "approved", "00", None),
            (None, "SALE", 5000, "declined", "51", None),
            (None, "SALE", 7700, "unknown", None, None),
        ],
        key=str,
    )
    assert rows(lake, "settlements", "batch_no", "total_amount_fen", "outcome") == [(1, 11900, "approved")]
    events = rows(lake, "events", "operation", "outcome")
    assert events == [
        ("QUERY_DETAIL", "declined"),
        ("QUERY_DETAIL", "unknown"),
        ("QUERY_LAST", "unknown"),
        ("REPRINT", "unknown"),
        ("REPRINT_SETTLEMENT", "unknown"),
        ("SIGN_IN", "approved"),
    ]
    nothing_of_the_card(tmp_path / "var")


def test_what_a_sale_with_tags_9f_says_is_in_its_columns(run):
    """Terminal, merchant, batch, card, reference number and clock; currency is not carried."""
    lake = replay(run, DAY_9F, "allinpay")
    by_stan = {row["stan"]: row for row in lake.read("transactions").to_pylist() if row["stan"]}
    sale = by_stan[41]
    assert (sale["terminal_id"], sale["merchant_id"], sale["batch_no"]) == (TERMINAL, MERCHANT, 1)
    assert (sale["pan_masked"], sale["rrn"]) == ("622588******0001", "112100000041")
    assert sale["card_token"].startswith("t")
    assert sale["host_dt"].isoformat() == "2026-11-21T02:00:00+00:00"
    assert sale["currency"] is None
    assert sale["requested_at"] < sale["responded_at"]
    refund = by_stan[44]
    assert (refund["orig_rrn"], refund["orig_date"]) == ("112000000007", dt.date(2026, 11, 20))


class Played:
    """A simulated terminal on a descriptor, in a thread."""

    def __init__(self, profile: str, descriptor: int) -> None:
        loaded = load_profile(profile)
        assert loaded.speech.terminal is not None
        self.terminal: Answering = loaded.speech.terminal(loaded, TERMINAL, MERCHANT, BATCH)
        self._fd = descriptor
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                data = os.read(self._fd, 4096) if select.select([self._fd], [], [], 0.05)[0] else b""
            except OSError:
                return
            out = self.terminal.feed(data, time.monotonic()) + self.terminal.tick(time.monotonic())
            if out:
                os.write(self._fd, out)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def collect(folder: Path, device: Path, profile: str, question: str) -> str:
    """Collect from a pulled line until the question was asked; the log."""
    (folder / "tillwatch.toml").write_text(
        f'[[lines]]\nname = "till"\ndevice = "{device}"\nprofile = "{profile}"\nmode = "pull"\n'
        f'ask = "{question}"\nevery = 0\n',
        "utf-8",
    )
    log = folder / "log"
    with log.open("w") as err:
        collector = subprocess.Popen([TILLWATCH, "collect"], cwd=folder, stderr=err)
    try:
        deadline = time.monotonic() + PATIENCE
        while "asked" not in log.read_text() and collector.poll() is None:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
    finally:
        collector.send_signal(signal.SIGTERM)
        assert collector.wait(PATIENCE) == 0, log.read_text()
    return log.read_text()


QUESTIONS = [("allinpay", "query-last"), ("allinpay", "query-detail"), ("chinaums-bankall", "reprint")]


@pytest.mark.parametrize(("profile", "question"), QUESTIONS)
def test_what_a_terminal_tells_when_it_is_asked_is_in_the_tables(run, tmp_path, profile, question):
    """Plugged in and asked: what the terminal's journal holds is landed, its batch is open, the card number nowhere."""
    wire = Wire(tmp_path / "tty")
    played = Played(profile, wire.master)
    try:
        log = collect(tmp_path, wire.name, profile, question)
    finally:
        played.stop()
        wire.unplug()
    assert "answered" in log
    run("land")
    lake = Lake(str(tmp_path / "var/lake"))
    assert lake.read("rejects").num_rows == 0
    wanted = played.terminal.told(question)
    assert wanted
    found = {row["stan"]: row for row in lake.read("transactions").to_pylist()}
    assert found.keys() == {row["stan"] for row in wanted}
    for row in wanted:
        said = {name: found[row["stan"]][name] for name in row}
        said["host_dt"] = said["host_dt"] and said["host_dt"].isoformat()
        said["terminal_dt"] = said["terminal_dt"] and said["terminal_dt"].isoformat()
        masked = row["pan_masked"] and row["pan_masked"][:6] + "******" + row["pan_masked"][-4:]
        assert said == row | {"pan_masked": masked}
    nothing_of_the_card(tmp_path / "var")


def test_a_settlement_that_was_asked_for_is_in_the_tables(run, tmp_path):
    """Asked by name and once: the terminal closes its batch, and the total it says is landed."""
    wire = Wire(tmp_path / "tty")
    played = Played("allinpay", wire.master)
    try:
        log = collect(tmp_path, wire.name, "allinpay", "settle")
    finally:
        played.stop()
        wire.unplug()
    assert "answered" in log
    assert played.terminal.told("query-last") == []
    run("land")
    lake = Lake(str(tmp_path / "var/lake"))
    assert rows(lake, "settlements", "terminal_id", "batch_no", "total_amount_fen", "outcome") == [
        (TERMINAL, 1, 1000, "approved")  # 10.00, and 25.00 that was voided
    ]

"""Journals for tests, built by the C compiler's rules in ``struct`` and not by the declaration under test."""

import csv
import io
import sqlite3
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CARD = "6222021234567894"  # a test number; no account of anybody
EXPIRY = "3012"
TRACK = f"{CARD}D30122010000000000000"

_LOG = (
    "<7B6s6s6s6s{a}iiiiiiIBB31s4s14s9s21s9s7s13s7s5s5s4s4s4s3s12s21s21s21s9s9s9s7s7s13s4sB9s9s4sBB2sB6s4s4s4s4s5s21sB"
    "255sBBB8s2s5s33s17s2s2sBBB17s{b}I"
)
ALIGNED, PACKED = struct.Struct(_LOG.format(a="x", b="x")), struct.Struct(_LOG.format(a="", b=""))
_TOTALS = "<17i" + 17 * "6s" + "{a}i15s{b}"
TOTALS_ALIGNED = struct.Struct(_TOTALS.format(a="2x", b="x"))
TOTALS_PACKED = struct.Struct(_TOTALS.format(a="", b=""))


def bcd(fen: int) -> bytes:
    return bytes.fromhex(f"{fen:012d}")


def chip_data(card: str = CARD) -> bytes:
    """An application transaction counter, the card number, track 2 and the expiry."""
    track = f"{card}D30122010000000000000F"
    track += "F" * (len(track) & 1)
    tags = bytes.fromhex("9F36020028") + b"\x5a" + bytes([len(card) // 2]) + bytes.fromhex(card)
    return tags + b"\x57" + bytes([len(track) // 2]) + bytes.fromhex(track) + bytes.fromhex("5F2403301231")


def log_record(layout: struct.Struct = ALIGNED, **said: Any) -> bytes:
    """One POS_LOG_STRUCT: a chip sale, unless told otherwise; old memory of another card behind the card number."""
    card = said.get("card", CARD)
    chip = said["chip"] if "chip" in said else chip_data(card)
    numbers = (said.get("stan", 1), said.get("old_stan", 0), said.get("batch", 7), said.get("old_batch", 0))
    texts = (
        said.get("terminal", "10000001"),
        card,
        said.get("date", "20261121"),
        said.get("time", "101112"),
        said.get("rrn", "000000000001"),
        said.get("auth", "A00001"),
        EXPIRY,
        said.get("old_date", ""),
        "051",
        "01",
        "CUP",
    )
    return layout.pack(
        *(0, said.get("voided", 0), 1, said.get("send_fail", 0), said.get("adjusted", 0), 0, 0),
        *(bcd(said.get("fen", 10000)), bcd(said.get("tip", 0)), bytes(6), bytes(6)),
        *(*numbers, said.get("kind", 1), 0, said.get("index", 0)),
        *(0, 0, b"", b"", b""),
        *(text.encode() for text in texts),
        *(b"", b"", b"issuer", said.get("note", "").encode(), b"", b"", b"", b"", b"", b""),
        said.get("old_rrn", "").encode(),
        *(bytes(4), 0, b"", b"", bytes(4), 0, 0, bytes(2), 0, bytes(6), bytes(4), bytes(4), bytes(4), bytes(4)),
        *(bytes(5), b"", 0, chip, len(chip), 1, 1, bytes(8), b"00", bytes(5), b"A000000333010101", b"", bytes(2)),
        *(bytes.fromhex("0028"), 0, 2, 0, b"", 1),
    )


def totals_record(layout: struct.Struct = TOTALS_ALIGNED, *, batch: int = 7, at: str = "20261121220000") -> bytes:
    """One TOTAL_STRC: three RMB debits of 300.00 together, one credit of 100.00."""
    counts = [0] * 17
    counts[0], counts[1] = 1, 3
    amounts = [0] * 17
    amounts[0], amounts[1] = 30000, 10000
    return layout.pack(*counts, *map(bcd, amounts), batch, at.encode())


def trans_record(size: int, **said: Any) -> bytes:
    """One Verifone TransRecord of ``size`` bytes: its beginning by hand, zero bytes and secrets behind."""
    head = struct.pack(
        "<5iH4s13s13s13sBB7s20sB20sB5s5s4s4s3s13s13s7s7s3s",
        *(said.get("stan", 1), 0, said.get("batch", 7), 0, said.get("stan", 1), 2, bytes(4)),
        *(f"{said.get('fen', 10000):012d}".encode(), b"", b"", said.get("kind", 16), 0, b"000000"),
        *(CARD.encode(), len(CARD), b"", 0, bytes.fromhex("20261121") + b"\0", bytes(5)),
        *(bytes.fromhex("101112") + b"\0", bytes.fromhex("203012") + b"\0", bytes.fromhex("1121") + b"\0"),
        *(said.get("rrn", "000000000001").encode(), b"", b"A00001", b"", said.get("code", "00").encode()),
    )
    record = bytearray(head.ljust(size, b"\0"))
    track = size_of_front() + 1
    record[track : track + len(TRACK)] = TRACK.encode()
    return bytes(record)


def size_of_front() -> int:
    """Bytes of a TransRecord before EncryptedTrkFlag, added up from the public header."""
    widths = (4, 4, 4, 4, 4, 2, 4, 13, 13, 13, 1, 1, 7, 20, 1, 20, 1, 5, 5, 4, 4, 3, 13, 13, 7, 7, 3, 3)
    notes = (12, 12, 12, 1, 12, 4, 21, 21, 21, 61, 9, 1, 1, 3, 3)
    return sum(widths) + sum(notes)


def water_row(**said: Any) -> dict[str, Any]:
    """One row of t_water: a chip sale, unless told otherwise."""
    row = {
        "ID": 1,
        "TRANS_TYPE": 1,
        "TRANS_STATUS": 0,
        "PAN": CARD,
        "AMOUNT": 10000,
        "TRACE": "000001",
        "TIME": "101112",
        "DATE": "1121",
        "YEAR": "2026",
        "EXP_DATE": EXPIRY,
        "INPUT_MODE": "051",
        "TRACK2": TRACK,
        "REFER_NUM": "000000000001",
        "AUTH_CODE": "A00001",
        "RESP_CODE": "00",
        "BATCH_NUM": "000007",
        "FUNC_CODE": "22",
        "OPER": "01",
        "FIELD55": chip_data().hex().upper(),
        "ADDITION": f'卡号"{CARD}"',
        "CUP_INFO": f"card {CARD}",
    }
    return row | said


def water_sqlite(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """The rows as Android keeps them."""
    rows = list(rows)
    with sqlite3.connect(path) as base:
        names = ", ".join(rows[0])
        base.execute(f"CREATE TABLE t_water ({names})")
        marks = ", ".join("?" for _ in rows[0])
        base.executemany(f"INSERT INTO t_water VALUES ({marks})", [tuple(row.values()) for row in rows])  # noqa: S608
    base.close()
    return path


def water_csv(rows: Iterable[dict[str, Any]], encoding: str = "utf-8") -> bytes:
    """The rows as a CSV export."""
    rows = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)

"""A DFxx terminal's day, from a capture to the tables: what happened, what was listed, what passed through."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.cli import main
from ingest.keys import create_keys
from ingest.tables import Lake
from protocols.envelope import lrc
from protocols.mis.tlv import build
from protocols.profile import load_profile

pytestmark = pytest.mark.slow  # whole landings

PROFILE = "ingenico-mis-example"  # 80 sale, 81 void, 82 refund, 83 settlement, 84 list
PAN = "6225880000000001"
TERMINAL, MERCHANT = b"15221155", b"104152253311021"
Said = tuple[str, str, bytes]
Values = tuple[int, bytes]


def sealed(data: bytes) -> bytes:
    covered = bytes.fromhex(f"{len(data):04d}") + data + b"\x03"
    return b"\x02" + covered + bytes((lrc(covered),))


def command(code: int, echo: str, *more: Values) -> bytes:
    head = ((0xDF01, b"\0"), (0xDF04, bytes.fromhex(echo)), (0xDF02, bytes((code,))))
    return sealed(build((*head, *more), form="ber"))


def result(code: int, echo: str, *inside: Values, response: bytes = b"00", more: tuple[Values, ...] = ()) -> bytes:
    nested = ((0xDF06, build(inside, form="ber")),) if inside else ()
    head = ((0xDF01, b"\2"), (0xDF02, bytes((code,))), (0xDF04, bytes.fromhex(echo)))
    return sealed(build((*head, *nested, *more, (0xDF07, response)), form="ber"))


def receipt(code: int, number: int, amount: bytes, clock: str, *more: Values, trace: int | None = None) -> list[Values]:
    """What a result says inside; of a list's item the terminal, the batch and the trace number are left out."""
    whole = trace is not None
    named = [(0xDF11, b"130911"), (0xDF12, TERMINAL), (0xDF13, MERCHANT), (0xDF0A, _three(trace or 0))] if whole else []
    return [
        (0xDF47, b"811615    "),
        (0xDF03, amount),
        (0xDF02, bytes((code,))),
        (0xDF10, _three(number)),
        (0xDF1E, b"************84"),
        (0xDF1C, clock[:4].encode()),
        (0xDF1D, clock[4:].encode()),
        (0xDF1B, b"A00001"),
        *named,
        *more,
    ]


def _three(number: int) -> bytes:
    return bytes.fromhex(f"{number:06d}")


def listing(echo: str, items: list[list[Values]], left: int = 0) -> bytes:
    body = b"".join(build([*item, (0xDFBE, b"")], form="ber") for item in items)
    return result(0x84, echo, more=((0xDF06, body), (0xDF8F, _three(left))))


SALE = receipt(0x80, 5, b"RMB  1.20", "1121100000")
VOID = receipt(0x81, 6, b"RMB -1.20", "1121101000", (0xDF18, _three(5)))
OLD = receipt(0x99, 4, b"RMB  9.99", "1121090000")
DAY: list[Said] = [
    ("2026-11-21T10:00:00", "tx", command(0x80, "1001", (0xDF03, bytes.fromhex("000000000120")))),
    ("2026-11-21T10:00:05", "rx", result(0x80, "1001", *receipt(0x80, 5, b"RMB  1.20", "1121100000", trace=65))),
    ("2026-11-21T10:10:00", "tx", command(0x81, "1002", (0xDF18, _three(5)))),
    (
        "2026-11-21T10:10:05",
        "rx",
        result(0x81, "1002", *receipt(0x81, 6, b"RMB -1.20", "1121101000", (0xDF18, _three(5)), trace=66)),
    ),
    ("2026-11-21T10:20:00", "tx", command(0x80, "1003", (0xDF03, bytes.fromhex("000000000300")))),
    ("2026-11-21T10:20:05", "rx", result(0x80, "1003", response=b"51")),
    ("2026-11-21T10:30:00", "tx", command(0x80, "1004", (0xDF03, bytes.fromhex("000000000400")))),
    ("2026-11-21T10:30:05", "rx", result(0x80, "1004", response=bytes.fromhex("00000099"))),
    (
        "2026-11-21T10:40:00",
        "tx",
        command(0x80, "1005", (0xDF03, bytes.fromhex("000000000500"))),
    ),  # the cable is pulled
    ("2026-11-21T20:00:00", "tx", command(0x84, "2001")),
    ("2026-11-21T20:00:01", "rx", listing("2001", [OLD, SALE], left=1)),
    ("2026-11-21T20:00:02", "tx", command(0x84, "2002")),
    ("2026-11-21T20:00:03", "rx", listing("2002", [VOID])),
]
AGAIN: list[Said] = [
    ("2026-11-22T10:00:00", "tx", command(0x84, "2003")),
    ("2026-11-22T10:00:01", "rx", listing("2003", [OLD, SALE, VOID])),
]


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Lake]:
    """Replays what was said in a folder of its own and lands it."""
    monkeypatch.chdir(tmp_path)
    create_keys(Path("var/keys/pan-token.key"))

    def run(*words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["tillwatch", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, words

    def make(said: list[Said], profile: str = PROFILE) -> Lake:
        rows = ({"t": f"{t}+08:00", "line": "till", "dir": way, "frame": frame.hex()} for t, way, frame in said)
        Path("day.capture.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        run("replay", "day.capture.jsonl", "--profile", profile)
        run("land")
        return Lake("var/lake")

    return make


def rows(lake: Lake, table: str, *names: str) -> list[tuple[Any, ...]]:
    found = lake.read(table).to_pylist()
    return sorted((tuple(row[name] for name in names) for row in found), key=str)


WHAT = ("receipt_no", "txn_type", "amount_fen", "outcome", "response_code", "stan", "attempts")


def test_a_day_is_in_the_tables(lake):
    """What was seen and then listed is one row; what was only listed is one; refused, broken off and unanswered too."""
    landed = lake(DAY)
    assert rows(landed, "transactions", *WHAT) == sorted(
        [
            (4, None, 999, "approved", None, None, 0),
            (5, "SALE", 120, "approved", "00", 65, 1),
            (6, "VOID", 120, "approved", "00", 66, 1),
            (None, "SALE", 300, "declined", "51", None, 1),
            (None, "SALE", 400, "unknown", "00000099", None, 1),
            (None, "SALE", 500, "unknown", None, None, 1),
        ],
        key=str,
    )
    assert landed.read("rejects").num_rows == 0
    assert rows(landed, "events", "operation", "outcome") == [("JOURNAL_LIST", "approved")] * 2


def test_what_a_sale_says_is_in_its_columns(lake):
    """Terminal, batch, operator, card as masked, clock; the list's items have the terminal of their line."""
    found = lake(DAY).read("transactions").to_pylist()
    sale = next(row for row in found if row["receipt_no"] == 5)
    assert (sale["terminal_id"], sale["merchant_id"], sale["batch_no"]) == ("15221155", "104152253311021", 130911)
    assert (sale["pan_masked"], sale["operator_no"], sale["auth_code"]) == ("************84", "811615", "A00001")
    assert (sale["currency"], sale["host_dt"].isoformat()) == ("156", "2026-11-21T02:00:00+00:00")
    assert next(row for row in found if row["receipt_no"] == 6)["orig_stan"] == 65
    assert {row["terminal_id"] for row in found} == {"15221155"}


def test_what_is_listed_again_is_the_same(lake):
    """Listed the next morning, and read twice: the rows, their ids and their first day stay."""
    names = (*WHAT, "transaction_id", "seen_date", "terminal_id")
    once = rows(lake(DAY), "transactions", *names)
    assert rows(lake(AGAIN), "transactions", *names) == once
    assert rows(lake(DAY), "transactions", *names) == once


def test_a_list_alone_tells_of_what_nobody_heard(lake):
    """Plugged in after the fact: every item is a row, and each stays one through the next list."""
    landed = lake(DAY[-4:])
    names = ("receipt_no", "txn_type", "amount_fen", "outcome", "orig_receipt_no", "terminal_id")
    assert rows(landed, "transactions", *names) == [
        (4, None, 999, "approved", None, None),
        (5, "SALE", 120, "approved", None, None),
        (6, "VOID", 120, "approved", 5, None),
    ]
    assert rows(lake(AGAIN), "transactions", *names) == rows(landed, "transactions", *names)


def test_a_settlement_keeps_its_totals(lake):
    """By card organisation and of all; debits and credits of domestic cards apart are not claimed."""
    totals = [(0xDF25, "000000012000"), (0xDF26, "000003"), (0xDF27, "000000002000"), (0xDF28, "000001")]
    totals += [(0xDF48, "000000012000"), (0xDF49, "000003"), (0xDF50, "000000002000"), (0xDF51, "000001")]
    totals += [(0xDF6C, "000000000500"), (0xDF6D, "000002"), (0xDF83, "000000000700"), (0xDF84, "000001")]
    inside = [(0xDF11, b"130911"), (0xDF12, TERMINAL), *((tag, bytes.fromhex(digits)) for tag, digits in totals)]
    said = [
        ("2026-11-21T22:00:00", "tx", command(0x83, "3001", (0xDF05, b"\1"))),
        ("2026-11-21T22:00:09", "rx", result(0x83, "3001", *inside)),
    ]
    (row,) = lake(said).read("settlements").to_pylist()
    assert (row["batch_no"], row["terminal_id"], row["outcome"]) == (130911, "15221155", "approved")
    assert (row["total_amount_fen"], row["total_count"], row["rmb_debit_amount_fen"]) == (10000, 4, None)
    cards = {each["card_org"]: each for each in json.loads(row["card_totals"])}
    assert set(cards) == {"CUP", "QR", "WALLET"}
    assert (cards["CUP"]["amount_fen"], cards["CUP"]["debit_count"], cards["CUP"]["credit_count"]) == (10000, 3, 1)
    assert (cards["QR"]["amount_fen"], cards["QR"]["count"]) == (500, 2)
    assert row["requested_at"] is not None
    assert row["responded_at"] is not None


def carried(way: str, at: str, message: bytes) -> Said:
    return at, way, sealed(build(((0xDF01, b"\1"), (0xDF05, b"\1"), (0xDF06, message)), form="ber"))


def exchange() -> tuple[bytes, bytes]:
    """A sale and its answer as the acquirer's host sees them, without the length in front."""
    unionpay = load_profile("unionpay")
    shared = {3: "000000", 4: "000000000120", 11: "000065", 41: "15221155", 42: "104152253311021", 60: "22130911"}
    asked = unionpay.build("0200", shared | {2: PAN, 22: "051", 25: "00", 49: "156"})
    told = {12: "100003", 13: "1121", 37: "925498334778", 38: "A00001", 39: "00", 49: "156"}
    return asked[2:], unionpay.build("0210", shared | told)[2:]


def test_what_passes_through_is_as_on_the_hosts_own_line(lake):
    """The host's messages between command and result: one row, the one their own line would give, and the receipt."""
    asked, answered = exchange()
    through = [
        DAY[0],
        carried("rx", "2026-11-21T10:00:02", asked),
        carried("tx", "2026-11-21T10:00:03", answered),
        DAY[1],
        DAY[-4],
        ("2026-11-21T20:00:01", "rx", listing("2001", [SALE])),
    ]
    lake(through)
    (row,) = lake(through).read("transactions").to_pylist()  # and read twice it is one too
    assert (row["txn_type"], row["stan"], row["rrn"], row["receipt_no"]) == ("SALE", 65, "925498334778", 5)
    assert row["pan_masked"] == "622588******0001"
    assert row["mti"] == "0200"


@pytest.mark.parametrize("gone", [[0], [3], [0, 3]], ids=["no command", "no result", "neither"])
def test_what_passes_through_is_one_row_whatever_is_missing_around_it(lake, gone):
    """A command or a result that was not heard makes no second transaction of the host's."""
    asked, answered = exchange()
    through = [
        DAY[0],
        carried("rx", "2026-11-21T10:00:02", asked),
        carried("tx", "2026-11-21T10:00:03", answered),
        DAY[1],
    ]
    kept = [each for index, each in enumerate(through) if index not in gone]
    assert rows(lake(kept), "transactions", "txn_type", "stan", "amount_fen") == [("SALE", 65, 120)]


def test_the_hosts_line_itself_says_the_same(lake, tmp_path):
    """The same two messages heard on the host's line: equal in every column but where they were heard."""
    asked, answered = exchange()
    own = [
        ("2026-11-21T10:00:02", "rx", len(asked).to_bytes(2, "big") + asked),
        ("2026-11-21T10:00:03", "tx", len(answered).to_bytes(2, "big") + answered),
    ]
    through = [
        carried("rx", "2026-11-21T10:00:02", asked),
        carried("tx", "2026-11-21T10:00:03", answered),
    ]
    (on_its_own,) = lake(own, "unionpay").read("transactions").to_pylist()
    for part in (tmp_path / "var/lake", tmp_path / "var/spool"):
        part.rename(part.with_name(part.name + ".own"))
    (passed,) = lake(through).read("transactions").to_pylist()
    place = {"profile", "segment_id", "response_segment_id", "request_seq", "response_seq"}
    assert {name: value for name, value in passed.items() if name not in place} == {
        name: value for name, value in on_its_own.items() if name not in place
    }


def test_a_wrong_item_is_one_reject_and_the_line_goes_on(lake):
    """A bad nibble in a list: the frame is a reject with its field and offset; the next list lands."""
    broken = bytearray(DAY[-3][2])
    at = broken.index(bytes.fromhex("DF1003000005")) + 3
    broken[at] = 0x0C
    broken[-1] = lrc(broken[1:-1])
    landed = lake([DAY[-4], ("2026-11-21T20:00:01", "rx", bytes(broken)), *DAY[-2:]])
    (reject,) = landed.read("rejects").to_pylist()
    assert (reject["field"], reject["code"], reject["offset"]) == ("DF06.DF10[2]", "bcd", at)
    assert rows(landed, "transactions", "receipt_no") == [(6,)]

"""Journals from file to table: replayed, landed, joined with what the line saw; and described."""

import datetime as dt
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.cli import main
from ingest.keys import create_keys
from ingest.tables import Lake
from protocols.journal import trans_record
from protocols.profile import load_profile
from tests import journalfiles as files

pytestmark = pytest.mark.slow  # whole landings

MERCHANT = "898411341310014"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the command line in a folder with a key; gives status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    create_keys(Path("var/keys/pan-token.key"))

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tillwatch", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def table(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = Lake("var/lake").read(name).to_pylist()
    return sorted(rows, key=lambda row: (str(row.get("event_at")), row.get("stan") or 0))


def journal(count: int = 3, **said: Any) -> Path:
    """A pos.log of sales with trace numbers from 1."""
    path = Path("pos.log")
    records = [
        files.log_record(stan=n + 1, index=n, time=f"10{n:02d}00", rrn=f"{n + 1:012d}", **said) for n in range(count)
    ]
    path.write_bytes(b"".join(records))
    return path


def exchange(stan: int, *, answer: str | None = "00", fen: int = 10000) -> list[str]:
    """A sale and its answer as lines of a capture, at the time of the journal's record with that number."""
    fields = {
        2: files.CARD,
        3: "000000",
        4: f"{fen:012d}",
        11: f"{stan:06d}",
        22: "051",
        25: "00",
        41: "10000001",
        42: MERCHANT,
        49: "156",
        60: "22000007000",
    }
    profile = load_profile("unionpay")
    at = dt.datetime(2026, 11, 21, 10, stan - 1, tzinfo=dt.timezone(dt.timedelta(hours=8)))
    said = [(at, "rx", profile.build("0200", fields))]
    if answer is not None:
        clock = {12: f"{at:%H%M%S}", 13: f"{at:%m%d}", 37: f"{stan:012d}", 39: answer}
        said.append((at + dt.timedelta(seconds=2), "tx", profile.build("0210", fields | clock)))
    return [
        json.dumps({"t": moment.isoformat(), "line": "lane-1", "dir": way, "frame": frame.hex()})
        for moment, way, frame in said
    ]


def capture(*lines: list[str]) -> Path:
    path = Path("a.capture.jsonl")
    path.write_text("\n".join(line for each in lines for line in each) + "\n")
    return path


def replay_log(run: Run, path: Path) -> None:
    assert run("replay", str(path), "--profile", "newpos-journal", "--merchant", MERCHANT)[0] == 0


def replay_line(run: Run, path: Path) -> None:
    assert run("replay", str(path), "--profile", "unionpay")[0] == 0


def test_every_record_of_a_log_is_a_transaction(run: Run) -> None:
    """Three records: three approved sales with the journal's clock, place and proof; the layout is said."""
    status, out, err = run("replay", str(journal()), "--profile", "newpos-journal", "--merchant", MERCHANT)
    assert status == 0
    assert out.startswith("3 records, 0 rejected from 1 journals; segment: ")
    assert "POS_LOG_STRUCT, aligned: 3 of 3 records are plausible" in err

    run("land")
    rows = table("transactions")
    assert [row["stan"] for row in rows] == [1, 2, 3]
    first = rows[0]
    assert (first["txn_type"], first["amount_fen"], first["outcome"], first["merchant_id"]) == (
        "SALE",
        10000,
        "approved",
        MERCHANT,
    )
    assert (first["pan_masked"], first["terminal_id"], first["batch_no"]) == ("622202******7894", "10000001", 7)
    assert first["event_at"] == dt.datetime(2026, 11, 21, 2, 0, tzinfo=dt.UTC)
    assert first["business_date"] == first["seen_date"] == dt.date(2026, 11, 21)
    assert (first["requested_at"], first["segment_id"], first["attempts"]) == (None, None, None)
    assert first["journal_segment_id"]
    assert first["journal_seq"] is not None


@pytest.mark.parametrize("line_first", [True, False])
def test_a_record_and_its_exchange_are_one_transaction(run: Run, *, line_first: bool) -> None:
    """Read first or last, before or after landing: one row with both proofs, under the exchange's id."""
    log, line = journal(), capture(exchange(1), exchange(2))
    steps = [(replay_line, line), (replay_log, log)]
    for step, path in steps if line_first else reversed(steps):
        step(run, path)
        run("land")
    rows = table("transactions")

    assert [row["stan"] for row in rows] == [1, 2, 3]
    assert [row["request_seq"] is not None for row in rows] == [True, True, False]
    assert all(row["journal_seq"] is not None for row in rows)
    assert len({row["transaction_id"] for row in rows}) == 3
    assert {row["card_token"] for row in rows} == {rows[0]["card_token"]}
    assert rows[0]["journal_dt"] == rows[0]["host_dt"]


def test_the_same_journal_read_again_changes_nothing(run: Run) -> None:
    """Read twice, also together with an exchange: the same rows and ids, the proof being the last reading's."""
    log = journal()
    replay_line(run, capture(exchange(1)))
    replay_log(run, log)
    run("land")
    before = table("transactions")
    replay_log(run, log)
    run("land")
    after = table("transactions")

    told = [{key: value for key, value in row.items() if not key.startswith("journal_s")} for row in before]
    assert told == [{key: value for key, value in row.items() if not key.startswith("journal_s")} for row in after]


def test_a_later_reading_says_what_became_of_it(run: Run) -> None:
    """A sale voided between two readings is one row, voided."""
    replay_log(run, journal(1))
    run("land")
    replay_log(run, journal(1, voided=1))
    run("land")

    assert [row["journal_state"] for row in table("transactions")] == ["voided"]


def test_the_journal_says_what_became_of_an_unanswered_sale(run: Run) -> None:
    """The line saw no answer, the terminal kept the sale as approved: approved, with the terminal's reference."""
    replay_line(run, capture(exchange(1, answer=None)))
    replay_log(run, journal(1))
    run("land")
    (row,) = table("transactions")

    assert (row["outcome"], row["rrn"], row["response_code"]) == ("approved", "000000000001", None)


def test_amounts_that_differ_are_seen_beside_each_other(run: Run) -> None:
    """The line's amount stands, the journal's is beside it: one transaction, and a difference to ask about."""
    replay_line(run, capture(exchange(1, fen=20000)))
    replay_log(run, journal(1))
    run("land")
    (row,) = table("transactions")

    assert (row["amount_fen"], row["journal_amount_fen"]) == (20000, 10000)


def test_totals_are_a_settlement(run: Run) -> None:
    """TOTAL_STRC with the terminal said: the terminal's side of a settlement; without it, a usage error."""
    Path("total.dat").write_bytes(files.totals_record())
    status, _, err = run("replay", "total.dat", "--profile", "newpos-journal")
    assert status == 2
    assert "--terminal" in err

    status, _, _ = run("replay", "total.dat", "--profile", "newpos-journal", "--terminal", "10000001")
    assert status == 0
    run("land")
    (row,) = table("settlements")
    assert (row["terminal_id"], row["batch_no"], row["rmb_debit_amount_fen"], row["rmb_debit_count"]) == (
        "10000001",
        7,
        30000,
        3,
    )
    assert (row["rmb_flag"], row["outcome"]) == (None, "unknown")


def test_a_damaged_and_a_cut_record_are_rejects(run: Run) -> None:
    """Record 1 has a bad date, the last is cut: two rejects with number, column and byte; the rest is read."""
    path = journal(5)
    data = bytearray(path.read_bytes()[:-10])
    data[764 + 141 : 764 + 145] = b"9999"
    path.write_bytes(data)
    status, out, err = run("replay", str(path), "--profile", "newpos-journal")
    assert status == 1
    assert out.startswith("3 records, 2 rejected")
    assert f"record 1.szDate at byte {764 + 141}: implausible; not read" in err

    run("land")
    rejects = sorted(table("rejects"), key=lambda row: row["offset"])
    assert [(row["field"], row["offset"], row["code"], row["length"]) for row in rejects] == [
        ("record 1.szDate", 905, "implausible", 764),
        ("record 4", 4 * 764, "short", 754),
    ]
    assert len(table("transactions")) == 3


@pytest.mark.parametrize("data", [b"", b"\x00" * 764, b"\xa5" * 9999, b"TRANS_TYPE,AMOUNT\n1,2\n"])
@pytest.mark.parametrize("profile", ["newpos-journal", "verifone-journal", "newland-journal"])
def test_what_is_no_journal_is_refused_before_anything_is_written(run: Run, profile: str, data: bytes) -> None:
    """Empty, zeros, noise, columns missing: status 3 with a hint, and no segment in the spool."""
    Path("x").write_bytes(data)
    status, _, err = run("replay", "x", "--profile", profile, "--terminal", "10000001")

    assert status == 3
    assert "try:" in err
    assert not list(Path("var").rglob("*.seg"))


@pytest.mark.parametrize("size", [trans_record.ALIGNED.size, trans_record.PACKED.size])
def test_verifone_records_are_transactions(run: Run, size: int) -> None:
    """Sales and a decline, padded or not."""
    records = [files.trans_record(size, stan=n, code="00" if n < 3 else "51") for n in (1, 2, 3)]
    Path("v.log").write_bytes(b"".join(records))
    run("replay", "v.log", "--profile", "verifone-journal", "--terminal", "10000001")
    run("land")

    assert [(row["stan"], row["outcome"], row["terminal_id"]) for row in table("transactions")] == [
        (1, "approved", "10000001"),
        (2, "approved", "10000001"),
        (3, "declined", "10000001"),
    ]


@pytest.mark.parametrize("kind", ["sqlite", "csv", "gbk csv"])
def test_t_water_is_read_from_sqlite_and_csv(run: Run, kind: str) -> None:
    """The same rows from the table's file and from its exports are the same transactions."""
    rows = [files.water_row(ID=1), files.water_row(ID=2, TRACE="000002", AMOUNT=250, TRANS_STATUS=1, TIME="101113")]
    path = Path("water.db")
    if kind == "sqlite":
        files.water_sqlite(path, rows)
    else:
        path.write_bytes(files.water_csv(rows, "gbk" if kind == "gbk csv" else "utf-8"))
    before = path.read_bytes()
    status, out, _ = run("replay", "water.db", "--profile", "newland-journal", "--terminal", "10000001")
    assert status == 0
    assert out.startswith("2 records, 0 rejected")
    assert path.read_bytes() == before
    assert not Path("water.db-wal").exists()

    run("land")
    assert [(r["stan"], r["amount_fen"], r["journal_state"], r["txn_type"]) for r in table("transactions")] == [
        (1, 10000, None, "SALE"),
        (2, 250, "voided", "SALE"),
    ]


def test_an_sqlite_file_that_is_still_written_is_refused(run: Run) -> None:
    """Rows beside the file, in its write-ahead log, would be missed: status 3 and what to do."""
    files.water_sqlite(Path("water.db"), [files.water_row()])
    Path("water.db-wal").write_bytes(b"x")
    status, _, err = run("replay", "water.db", "--profile", "newland-journal", "--terminal", "10000001")

    assert status == 3
    assert "water.db-wal" in err


def test_describe_says_every_record(run: Run) -> None:
    """Record by record with its place; columns with offset, length, both titles and the masked value."""
    path = journal(2)
    status, out, err = run("describe", str(path), "--profile", "newpos-journal")
    assert status == 0
    assert "record 1 at 764 · SALE approved · 764 bytes · POS_LOG_STRUCT, aligned" in out
    assert "120  21  szCardNo" in out
    assert "622202******7894" in out
    assert "2 of 2 records are plausible" in err

    _, out, _ = run("describe", str(path), "--profile", "newpos-journal", "--json")
    told = [json.loads(line) for line in out.splitlines()]
    assert told[1]["offset"] == 764
    assert told[1]["fields"]["lTraceNo"] == {
        "name": "system trace number",
        "zh": "流水号",
        "en": "system trace number",
        "confidence": "public",
        "value": "2",
        "offset": 32,
        "length": 4,
    }


def test_describe_says_what_is_wrong_with_a_record(run: Run) -> None:
    """A cut record: its error with number and place, status 1, the records before it described."""
    path = journal(2)
    path.write_bytes(path.read_bytes()[:-1])
    status, out, _ = run("describe", str(path), "--profile", "newpos-journal", "--json")
    told = [json.loads(line) for line in out.splitlines()]

    assert status == 1
    assert told[0]["error"] is None
    assert (told[1]["error"]["field"], told[1]["error"]["offset"], told[1]["fields"]) == ("record 1", 764, {})

"""What records say: types, amounts, flags, clocks."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from protocols.errors import DecodeError, ProfileError
from protocols.journal import t_water, trans_record
from protocols.journal.dates import moment
from protocols.journal.profile import available_journals, load_journal
from tests import journalfiles as files

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_a_sale_of_the_log():
    """Terminal, batch, trace number, amount, masked card, reference: as the terminal kept them."""
    _, said = load_journal("newpos-journal").read(files.log_record(stan=42, fen=12345, tip=500))
    facts = said.facts

    assert (facts.txn_type, facts.terminal_id, facts.batch_no, facts.stan) == ("SALE", "10000001", 7, 42)
    assert (facts.amount_fen, said.tip_fen, facts.pan_masked) == (12345, 500, "622202******7894")
    assert (facts.rrn, facts.auth_code, facts.atc, facts.card_org) == ("000000000001", "A00001", 0x28, "CUP")
    assert (said.date, said.time, said.outcome, said.state) == ("20261121", "101112", "approved", None)


@pytest.mark.parametrize(
    ("kind", "txn_type"),
    [(1, "SALE"), (2, "PREAUTH"), (3, "COMPLETION"), (6, "VOID"), (7, "REFUND"), (18, "OFFLINE_SALE"), (120, None)],
)
def test_the_number_of_the_transaction_says_its_type(kind, txn_type):
    """The firmware's own numbers; one the profile does not know is a record without a type, not a lost one."""
    _, said = load_journal("newpos-journal").read(files.log_record(kind=kind))

    assert said.facts.txn_type == txn_type


def test_a_void_names_its_original():
    """Original batch, trace number, date and reference; a sale has none."""
    record = files.log_record(kind=6, old_stan=41, old_batch=7, old_date="1121", old_rrn="000000000041")
    _, said = load_journal("newpos-journal").read(record)

    assert (said.facts.orig_stan, said.facts.orig_batch_no, said.facts.orig_mmdd) == (41, 7, "1121")
    assert said.facts.orig_rrn == "000000000041"


def test_flags_say_what_became_of_a_sale():
    """Voided and adjusted are states of the sale's own record; an upload that was refused is a decline."""
    read = load_journal("newpos-journal").read

    assert read(files.log_record(voided=1))[1].state == "voided"
    assert read(files.log_record(voided=1, adjusted=1))[1].state == "voided adjusted"
    assert read(files.log_record(send_fail=3))[1].outcome == "declined"


def test_totals_are_the_terminals_side_of_a_settlement():
    """Debits and credits with their counts, the batch and the clock."""
    _, said = load_journal("newpos-journal").read(files.totals_record())
    totals = said.facts.totals

    assert totals is not None
    assert (totals.rmb_debit_amount_fen, totals.rmb_debit_count) == (30000, 3)
    assert (totals.rmb_credit_amount_fen, totals.rmb_credit_count) == (10000, 1)
    assert (said.facts.kind, said.facts.batch_no, said.date, said.time) == ("settlement", 7, "20261121", "220000")


@pytest.mark.parametrize(("code", "outcome"), [("00", "approved"), ("", "approved"), ("51", "declined")])
def test_a_trans_record(code, outcome):
    """A Verifone record: amount in text, dates packed, its response code decides."""
    record = files.trans_record(trans_record.PACKED.size, fen=777, code=code)
    _, said = load_journal("verifone-journal").read(record)

    assert (said.facts.txn_type, said.facts.amount_fen, said.facts.stan) == ("SALE", 777, 1)
    assert (said.date, said.time, said.outcome) == ("20261121", "101112", outcome)
    assert said.facts.settlement_mmdd == "1121"


@pytest.mark.parametrize(
    ("raw", "mmdd"),
    [
        (b"1120\0", "1120"),  # text
        (b"\x11\x20\0\0\0", "1120"),  # packed
        (b"\x20\x26\x11\x20\0", "1120"),  # packed, with the year
        (b"0229\0", "0229"),
        (bytes(5), None),
        (b"1320\0", None),
        (b"\xb2\xb9\xb2\xb0\0", None),  # superscripts in Latin-1: digits to Python, and no date
        (b"\xff\xff\xff\xff\xff", None),
    ],
)
def test_the_originals_date_of_a_trans_record(raw, mmdd):
    """However its header's MMDD is meant: four characters, packed, or packed behind a year; anything else is none."""
    record = bytearray(files.trans_record(trans_record.PACKED.size, kind=18))
    at = trans_record.PACKED.offsets["OrgTranDate"]
    record[at : at + 5] = raw
    _, said = load_journal("verifone-journal").read(bytes(record))

    assert (said.facts.txn_type, said.facts.orig_mmdd) == ("REFUND", mmdd)


def test_no_date_can_be_read_in_two_ways():
    """Whatever stands in the five bytes, at most one of the three ways to read it gives a date."""
    days = [f"{dt.date(2024, 1, 1) + dt.timedelta(n):%m%d}" for n in range(366)]
    texts = {day.encode() for day in days}
    packed = {bytes.fromhex(day) for day in days}
    assert not {text[:2] for text in texts} & packed
    assert not {text[:1] for text in texts} & {b"\x20"}
    assert not {each[:1] for each in packed} & {b"\x20"}


def test_a_row_of_t_water():
    """Year beside the date, 60.1 for the type, state in words."""
    row = t_water.dump(files.water_row(TRANS_STATUS=3, FUNC_CODE="23", OLD_TRACK="000009", OLD_DATE="20261120"))
    _, said = load_journal("newland-journal").read(row)

    assert (said.facts.txn_type, said.facts.amount_fen, said.state) == ("VOID", 10000, "refunded")
    assert (said.date, said.facts.orig_stan, said.facts.orig_mmdd) == ("20261121", 9, "1120")


@pytest.mark.parametrize(
    ("date", "read_on", "year"),
    [
        ("1231", "2027-01-02", 2026),
        ("0102", "2027-01-02", 2027),
        ("20251231", "2027-01-02", 2025),
        ("0901", "2027-01-02", 2026),
        ("0301", "2027-01-02", 2026),
    ],
)
def test_a_date_without_a_year_is_the_latest_before_its_reading(date, read_on, year):
    """A journal tells of the past: December read in January is last year's, March too."""
    seen = dt.datetime.fromisoformat(read_on + "T12:00:00+08:00")
    at = moment(date, "101112", seen, SHANGHAI)

    assert at is not None
    assert (at.year, at.strftime("%H%M%S")) == (year, "101112")


@pytest.mark.parametrize("name", available_journals())
def test_a_journals_profile_says_what_it_stands_on(name):
    """Titles, and a source and a confidence for each claim."""
    profile = load_journal(name)

    assert profile.name == name
    assert set(profile.title) == {"zh-CN", "en"}
    assert all(claim["source"] and claim["confidence"] for claim in profile.claims)
    assert profile.transactions


@pytest.mark.parametrize(
    ("change", "path"),
    [('format = "t_fire"', "format"), ('[transactions]\n22 = "GIFT"', "transactions.22"), ("colour = 1", "colour")],
)
def test_a_journals_profile_that_is_wrong_is_refused_by_key(tmp_path, change, path):
    """An unknown format, type or key: the error names it and what is valid."""
    lines = ['name = "x"', 'source = "s"', 'confidence = "public"', 'title = { zh-CN = "x", en = "x" }']
    claims = '[[claims]]\nclaim = "c"\nsource = "s"\nconfidence = "public"\n'
    format_ = "" if change.startswith("format") else 'format = "t_water"\n'
    top = "" if change.startswith("[") else change + "\n"
    tail = change if change.startswith("[") else '[transactions]\n22 = "SALE"'
    file = tmp_path / "x.toml"
    file.write_text("\n".join(lines) + "\n" + format_ + top + claims + tail + "\n")
    with pytest.raises(ProfileError) as refused:
        load_journal(str(file))

    assert refused.value.path == path


@pytest.mark.parametrize("column", ["AMOUNT", "TRACE", "BATCH_NUM"])
@pytest.mark.parametrize("digits", [13, 20, 5000])
def test_a_number_no_table_can_hold_is_refused_by_its_column(column, digits):
    """A row of a damaged export is an error of its own column, not one that stops the reading of the file."""
    with pytest.raises(DecodeError) as caught:
        load_journal("newland-journal").read(t_water.dump(files.water_row(**{column: "9" * digits})))
    assert (caught.value.path, caught.value.code) == (column, "implausible")

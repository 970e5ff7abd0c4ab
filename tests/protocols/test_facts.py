"""What messages mean: operations, references, clocks, codes."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from protocols.facts import Facts, facts, infer_datetime, is_approved, mask_pan, response_text
from protocols.meaning import FINANCIAL, is_answer, request_mti
from protocols.profile import Profile
from protocols.responses import TEXTS

SHANGHAI = ZoneInfo("Asia/Shanghai")
MANAGEMENT = ("SIGN_IN", "SIGN_OFF", "AID", "CAPK", "KEY_DOWNLOAD", "SIGNATURE")


def said(profile: Profile, mti: str, fields: dict[int, str]) -> Facts:
    """The facts of a message of these fields."""
    return facts(profile.decode(profile.build(mti, fields)))


def test_the_46_messages_are_told_apart(unionpay, vectors):
    """Financial ones, the settlement, and events: each public message goes where it belongs."""
    kinds: dict[str, list[Any]] = {}
    for vector in vectors:
        fact = facts(unionpay.decode(bytes.fromhex(vector["hex"])))
        kinds.setdefault(fact.kind, []).append(fact)
    assert {kind: len(found) for kind, found in kinds.items()} == {"financial": 16, "settlement": 2, "event": 28}
    assert [fact.txn_type for fact in kinds["financial"]].count("SALE") == 12
    assert {fact.operation for fact in kinds["event"]} == {*MANAGEMENT, "BATCH_UPLOAD_END"}
    assert all(fact.terminal_id and fact.merchant_id for found in kinds.values() for fact in found)


@pytest.mark.parametrize(("codes", "name"), FINANCIAL.items())
def test_each_row_of_the_table_is_its_transaction_type(unionpay, codes, name):
    """MTI, F3, F25 and 60.1 name the type, in the request and in its answer."""
    mti, processing, condition, kind = codes
    fields = {3: processing, 25: condition, 60: f"{kind}00000100050"}
    for each in (mti, f"{int(mti) + 10:04d}"):
        fact = said(unionpay, each, fields)
        assert (fact.kind, fact.txn_type, fact.operation) == ("financial", name, name)
        assert fact.is_request == (each == mti)


def test_the_transaction_type_of_60_wins_over_a_changed_code(unionpay):
    """A vendor changes F25, an answer leaves out F60: what is left decides; nothing left decides nothing."""
    assert said(unionpay, "0200", {3: "000000", 25: "99", 60: "22000001000"}).txn_type == "SALE"
    assert said(unionpay, "0210", {3: "200000", 25: "00"}).txn_type == "VOID"
    assert said(unionpay, "0210", {3: "670000", 25: "00", 60: "00880002000"}).txn_type is None
    assert said(unionpay, "0210", {3: "670000", 25: "00", 60: "00880002000"}).kind == "financial"


def test_a_code_on_a_screen_is_a_qr_sale(unionpay):
    """F22 03x in a request; an answer without card number and with an order number in F59."""
    base = {3: "000000", 25: "00", 60: "22000001000"}
    assert said(unionpay, "0200", {**base, 22: "031"}).txn_type == "QR_SALE"
    order = b"A402058210526789879570802".hex().upper()
    assert said(unionpay, "0210", {**base, 59: order}).txn_type == "QR_SALE"
    assert said(unionpay, "0210", {**base, 2: "6222021234567894", 59: order}).txn_type == "SALE"
    assert said(unionpay, "0220", {3: "200000", 25: "00", 22: "032", 60: "25000001000"}).txn_type == "QR_REFUND"


def test_a_void_names_its_original(unionpay):
    """F61's batch and trace, and the original's reference and authorisation; it has none of its own yet."""
    fields = {
        3: "200000",
        11: "000050",
        25: "00",
        37: "123456789012",
        38: "654321",
        60: "23000007000",
        61: "000006000042",
    }
    fact = said(unionpay, "0200", fields)
    assert (fact.batch_no, fact.stan) == (7, 50)
    assert (fact.orig_batch_no, fact.orig_stan, fact.orig_mmdd) == (6, 42, None)
    assert (fact.orig_rrn, fact.orig_auth_code, fact.rrn, fact.auth_code) == ("123456789012", "654321", None, None)


def test_a_refund_names_its_original_and_its_day(unionpay):
    """F61 has sixteen digits, the last four the original's day; F63 its card organisation."""
    fields = {3: "200000", 25: "00", 37: "123456789012", 60: "25000007000", 61: "0000060000421120", 63: "CUP"}
    fact = said(unionpay, "0220", fields)
    assert (fact.txn_type, fact.orig_stan, fact.orig_mmdd, fact.card_org) == ("REFUND", 42, "1120", "CUP")
    assert fact.operator_no is None


def test_a_reversal_refers_to_the_message_it_takes_back(unionpay):
    """Its own trace is the original's; of a void it takes back the void, not the sale in F61."""
    fields = {3: "200000", 11: "000050", 25: "00", 39: "98", 60: "23000007000", 61: "000006000042"}
    fact = said(unionpay, "0400", fields)
    assert (fact.txn_type, fact.reversed_type, fact.reason_code, fact.response_code) == ("REVERSAL", "VOID", "98", None)
    assert (fact.orig_batch_no, fact.orig_stan) == (7, 50)
    answer = said(unionpay, "0410", {**fields, 39: "00"})
    assert (answer.reason_code, answer.response_code) == (None, "00")


def test_clocks_belong_to_who_wrote_them(unionpay):
    """F12 and F13 are the terminal's in a request and the host's in an answer."""
    asked = said(unionpay, "0200", {12: "203217", 13: "0827", 60: "22000001000"})
    told = said(unionpay, "0210", {12: "203217", 13: "0827", 15: "0828", 60: "22000001000"})
    assert (asked.terminal_time, asked.host_time) == (("0827", "203217"), None)
    assert (told.terminal_time, told.host_time, told.settlement_mmdd) == (None, ("0827", "203217"), "0828")


def test_totals_are_the_terminals_in_a_request_and_the_hosts_in_an_answer(unionpay, vectors):
    """Amounts in fen, counts, and the host's flags."""
    told = facts(unionpay.decode(bytes.fromhex(vectors[17]["hex"]))).totals
    assert told is not None
    assert (told.rmb_debit_amount_fen, told.rmb_debit_count, told.rmb_credit_amount_fen, told.rmb_credit_count) == (
        11,
        11,
        2,
        2,
    )
    assert (told.rmb_flag, told.foreign_flag) == ("1", "1")
    assert said(unionpay, "0500", {48: "0000", 60: "00000001201"}).totals is None


def test_a_batch_upload_ends_with_its_count(unionpay):
    """F48 of the end says how many records went up."""
    fact = said(unionpay, "0320", {48: "0042", 60: "00000001207"})
    assert (fact.operation, fact.batch_count) == ("BATCH_UPLOAD_END", 42)
    assert said(unionpay, "0320", {60: "00000001201"}).operation == "BATCH_UPLOAD"


@pytest.mark.parametrize(
    ("mti", "f60", "operation"),
    [
        ("0800", "00000001003", "SIGN_IN"),
        ("0820", "00000001002", "SIGN_OFF"),
        ("0800", "00000001301", "ECHO"),
        ("0820", "00000001372", "CAPK"),
        ("0800", "00000001380", "AID"),
        ("0820", "00000001362", "STATUS_UPLOAD"),
        ("0820", "07000001800", "SIGNATURE"),
        ("0820", "08000001801", "SIGNATURE"),
        ("0900", "07000001", "SIGNATURE"),
        ("0620", "00000001951", "SCRIPT_RESULT"),
        ("0500", "00000001710", "SETTLE_QUERY"),
        ("0800", "00000001999", "UNKNOWN"),
        ("0700", "00000001001", "UNKNOWN"),
        ("0920", "00000001", "UNKNOWN"),
    ],
)
def test_messages_that_move_no_money_are_events(unionpay, mti, f60, operation):
    """The MTI is an open number: one nobody knows is an event like the others."""
    fact = said(unionpay, mti, {60: f60})
    assert (fact.kind, fact.operation, fact.txn_type) == ("event", operation, None)


def test_broken_chip_data_costs_the_chip_facts_only(unionpay):
    """F55 that is no TLV leaves the counter unknown and the amount known."""
    fact = said(unionpay, "0200", {4: "000000000100", 55: "9F36"})
    assert (fact.atc, fact.amount_fen) == (None, 100)


def test_the_masked_number_comes_from_the_card_or_its_track(unionpay):
    """First six and last four, of a whole number and of a masked one."""
    track = "6222021234567894D30122010000000000000"
    for fields in ({2: "6222021234567894"}, {2: "622202FFFFFF7894"}, {35: track}):
        assert said(unionpay, "0200", fields).pan_masked == "622202******7894"
    assert said(unionpay, "0200", {35: "F" * 37}).pan_masked is None
    assert mask_pan("123") is None


def test_an_answers_mti_belongs_to_its_request():
    """Request plus ten is the answer, for any number."""
    for asked in ("0100", "0200", "0220", "0320", "0400", "0500", "0800", "0820", "0900", "0920", "0700"):
        told = f"{int(asked) + 10:04d}"
        assert (is_answer(asked), is_answer(told)) == (False, True)
        assert request_mti(told) == request_mti(asked) == asked


def test_response_codes_speak_both_languages():
    """Every code of the table has both texts; seven mean yes; an unknown one is said to be unknown."""
    assert {code for code in TEXTS if is_approved(code)} == {"00", "10", "11", "A2", "A4", "A5", "A6"}
    assert not is_approved(None)
    assert response_text("51", "zh-CN") == "可用余额不足"
    assert response_text("51", "en") == "insufficient funds"
    assert response_text("A8", "zh-CN") == "未知应答码"
    assert response_text("51", "fr") == "insufficient funds"


@pytest.mark.parametrize(
    ("mmdd", "hhmmss", "seen", "expected"),
    [
        ("1121", "204107", "2026-11-21T12:41:09+00:00", "2026-11-21T20:41:07+08:00"),
        ("1231", "235959", "2027-01-01T00:00:01+08:00", "2026-12-31T23:59:59+08:00"),
        ("0101", "000001", "2026-12-31T23:59:58+08:00", "2027-01-01T00:00:01+08:00"),
        ("0229", "120000", "2028-03-01T00:00:00+08:00", "2028-02-29T12:00:00+08:00"),
        (None, "235950", "2026-11-22T00:00:05+08:00", "2026-11-21T23:59:50+08:00"),
        ("1121", None, "2026-11-22T00:00:05+08:00", "2026-11-21T00:00:00+08:00"),
        ("0000", "120000", "2026-11-22T00:00:05+08:00", None),
        ("1121", "246000", "2026-11-22T00:00:05+08:00", None),
        ("FFFF", "120000", "2026-11-22T00:00:05+08:00", None),
        (None, None, "2026-11-22T00:00:05+08:00", None),
    ],
)
def test_the_year_is_the_nearest_to_when_it_was_seen(mmdd, hhmmss, seen, expected):
    """Over New Year, over midnight, on a leap day; what names no moment is none."""
    found = infer_datetime(mmdd, hhmmss, dt.datetime.fromisoformat(seen), SHANGHAI)
    assert (found.isoformat() if found else None) == expected

"""Names and kinds of tags, stated a second time: from the published descriptions, not from the declarations."""

import json

import pytest

from protocols.mis.tlv import build
from protocols.mis_9f.words import TAGS as TAGS_9F
from protocols.mis_df import tags as df
from protocols.mis_df.facts import several
from protocols.profile import load_profile
from protocols.signature_tags import TAGS as SIGNATURE_TAGS
from protocols.zvt.apdu import read as read_zvt
from protocols.zvt.words import BITMAPS
from protocols.zvt.words import TAGS as ZVT_TAGS

# "电子签名 F55": tag, what the description calls it, how it says the value is written ("cn" BCD, "an" text, none: not
# said). Sources: Newland, Centerm, Telpo, PAX, Verifone and NEWPOS applications. FF22 to FF2B are EMV's own values.
SIGNATURE = """
FF00 merchant name · FF01 txn type · FF02 operator cn1 · FF03 acquirer · FF04 issuer · FF05 expiry cn2
FF06 date-time cn7 · FF07 auth an6 · FF08 tip · FF09 card org an3 · FF0A ccy an3 · FF0B phone
FF22 AID emv · FF23 AC emv · FF24 EC balance · FF25 card transferred in · FF26 UN emv · FF27 AIP emv · FF28 TVR emv
FF29 TSI emv · FF2A ATC emv · FF2B IAD emv · FF30 app label · FF31 app name · FF40 remark · FF41 periods
FF42 first amount · FF43 ccy · FF44 fee · FF45 goods · FF46 points · FF47 balance · FF57 balance · FF48 self-pay
FF49 accepted · FF4A available · FF4B masked phone · FF60 orig voucher cn3 · FF61 orig batch · FF62 orig RRN cn6
FF63 orig date cn2 · FF64 orig auth an6 · FF65 orig TID · FF70 print count cn1
FF71 notices · FF72 notices · FF73 notices
"""
SIGNATURE_WORDS = {
    "merchant name": "merchant name",
    "txn type": "transaction type",
    "operator": "operator",
    "acquirer": "acquirer",
    "issuer": "issuer",
    "expiry": "expiry date",
    "date-time": "date and time",
    "auth": "authorisation code",
    "tip": "tip",
    "card org": "card organisation",
    "phone": "telephone number",
    "AID": "application identifier",
    "AC": "application cryptogram",
    "EC balance": "electronic cash balance",
    "card transferred in": "card transferred into",
    "UN": "unpredictable number",
    "AIP": "application interchange profile",
    "TVR": "terminal verification results",
    "TSI": "transaction status information",
    "ATC": "application transaction counter",
    "IAD": "issuer application data",
    "app label": "application label",
    "app name": "application preferred name",
    "remark": "remark",
    "periods": "instalment periods",
    "first amount": "first instalment",
    "fee": "cardholder fee",
    "goods": "goods",
    "points": "points used",
    "self-pay": "amount paid by the cardholder",
    "accepted": "amount accepted",
    "available": "amount available",
    "masked phone": "telephone number, masked",
    "orig voucher": "original voucher number",
    "orig batch": "original batch number",
    "orig RRN": "original reference number",
    "orig date": "original date",
    "orig auth": "original authorisation code",
    "orig TID": "original terminal",
    "print count": "copies printed",
}
TWICE = {"FF0A": "currency", "FF43": "instalment currency", "FF47": "points balance", "FF57": "balance"} | {
    f"FF7{number}": f"notice {number}" for number in (1, 2, 3)
}
"""Tags that the description calls by one word."""

# "AllinPay MIS", as its public client (gsccs/mispos-client) names them
MIS_9F = """
9F00 app · 9F01 type (1 byte binary) · 9F02 amount 12 · 9F03 merchant · 9F04 MID · 9F05 TID · 9F06 operator
9F07 acquirer no · 9F08 issuer no · 9F09 issuer name · 9F0A point-of-service · 9F0B card no · 9F0C swipe type
9F0D batch · 9F0E POS trace · 9F0F auth no · 9F10 host serial (RRN) · 9F11 date · 9F12 time · 9F13 memo
9F14 reject code · 9F15 8583 content (PC forwards) · 9F16 IP · 9F17 port · 9F18 timeout · 9F19 reject text
9F1A TransCheck · 9F1B expiry · 9F1C tips · 9F1D total · 9F1E store · 9F1F till · 9F20 old trace · 9F23 balance
9F24 TVR · 9F25 TSI · 9F26 AID · 9F27 ATC · 9F28 label · 9F29 preferred · 9F2A TC · 9F52 print content · 9FFF order no
"""
MIS_9F_WORDS = {
    "app": ("application", "text"),
    "type (1 byte binary)": ("type of transaction", "type"),
    "amount 12": ("amount", "amount"),
    "merchant": ("merchant name", "text"),
    "MID": ("merchant number", "id"),
    "TID": ("terminal number", "id"),
    "operator": ("operator", "text"),
    "acquirer no": ("acquirer number", "text"),
    "issuer no": ("issuer number", "text"),
    "issuer name": ("issuer name", "text"),
    "point-of-service": ("point of service", "text"),
    "card no": ("card number", "card"),
    "swipe type": ("how the card was read", "text"),
    "batch": ("batch number", "digits"),
    "POS trace": ("trace number", "digits"),
    "auth no": ("authorisation code", "text"),
    "host serial (RRN)": ("reference number", "text"),
    "date": ("date", "digits"),
    "time": ("time", "digits"),
    "memo": ("memo", "text"),
    "reject code": ("reject code", "text"),
    "8583 content (PC forwards)": ("8583 message", "iso8583"),
    "IP": ("host address", "text"),
    "port": ("host port", "text"),
    "timeout": ("timeout", "text"),
    "reject text": ("what the reject code means", "text"),
    "TransCheck": ("transaction check", "text"),
    "expiry": ("expiry date", "secret"),
    "tips": ("tip", "amount"),
    "total": ("total", "amount"),
    "store": ("store number", "text"),
    "till": ("till number", "text"),
    "old trace": ("original trace number", "digits"),
    "balance": ("balance", "amount"),
    "TVR": ("terminal verification results", "text"),
    "TSI": ("transaction status information", "text"),
    "AID": ("application identifier", "text"),
    "ATC": ("application transaction counter", "text"),
    "label": ("application label", "text"),
    "preferred": ("application preferred name", "text"),
    "TC": ("transaction certificate", "text"),
    "print content": ("print content", "text"),
    "order no": ("order number", "text"),
}
CLIENTS_OWN = {0x9F91, 0x9F92, 0x9F93, 0x9F94, 0x9F95}
"""Met in the client's code, not in the description."""


def rows(table: str) -> list[tuple[str, str]]:
    """Tag and the rest of each entry."""
    entries = [entry.strip() for line in table.strip().splitlines() for entry in line.split(" · ")]
    return [(tag, words) for tag, _, words in (entry.partition(" ") for entry in entries)]


def test_every_tag_of_a_signature_message_is_there():
    """The description's tags, and no other."""
    assert sorted(tag for tag, _ in rows(SIGNATURE)) == sorted(SIGNATURE_TAGS)


@pytest.mark.parametrize(("tag", "words"), rows(SIGNATURE))
def test_a_tag_of_a_signature_message(tag, words):
    """Its name, and how its value is written where the description says it."""
    called, _, written = words.rpartition(" ")
    if not (written == "emv" or (written[:2] in {"cn", "an"} and written[2:].isdigit())):
        called, written = words, ""
    assert SIGNATURE_TAGS[tag].en == (TWICE.get(tag) or SIGNATURE_WORDS[called])
    if written:
        assert SIGNATURE_TAGS[tag].kind == {"cn": "digits", "an": "text", "em": "hex"}[written[:2]]


def test_every_tag_of_the_9f_link_is_there():
    """The description's tags, the client's own, and no other."""
    assert {int(tag, 16) for tag, _ in rows(MIS_9F)} | CLIENTS_OWN == set(TAGS_9F)


@pytest.mark.parametrize(("tag", "words"), rows(MIS_9F))
def test_a_tag_of_the_9f_link(tag, words):
    """Its name and its kind."""
    word = TAGS_9F[int(tag, 16)]
    assert (word.en, word.kind) == MIS_9F_WORDS[words]


# "银捷": DF25–28 settle debit/credit amt+cnt · DF48–51 CUP totals · DF4A–65 BOC VISA MC AEX Diners JCB totals ·
# DF6C–6F QR totals · DF83–86 wallet totals: each a debit amount, a debit count, a credit amount and a credit count
TOTALS = {
    "": "DF25 DF26 DF27 DF28",
    "CUP": "DF48 DF49 DF50 DF51",
    "BOC": "DF4A DF4B DF4C DF4D",
    "VIS": "DF52 DF53 DF54 DF55",
    "MCC": "DF56 DF57 DF58 DF59",
    "AEX": "DF5A DF5B DF5C DF5D",
    "DCC": "DF5E DF5F DF60 DF61",
    "JCB": "DF62 DF63 DF64 DF65",
    "QR": "DF6C DF6D DF6E DF6F",
    "WALLET": "DF83 DF84 DF85 DF86",
}
TITLES = {"VIS": "VISA", "MCC": "MasterCard", "AEX": "American Express", "DCC": "Diners Club", "JCB": "JCB"}


def test_each_card_organisations_totals_are_its_own():
    """Forty different figures: each comes out under its organisation and its side."""
    figures, said = {}, []
    for place, (org, named) in enumerate(TOTALS.items(), 1):
        figures[org] = [1000 * place, 10 * place + 1, 100 * place + 3, 10 * place + 4]
        said += [
            (int(tag, 16), bytes.fromhex(f"{figure:0{12 if at in {0, 2} else 6}d}"))
            for at, (tag, figure) in enumerate(zip(named.split(), figures[org], strict=True))
        ]
    profile = load_profile("ingenico-mis-example")
    head = ((df.MODE, b"\x02"), (df.CODE, b"\x83"), (df.ECHO, b"\x12\x34"), (df.RESPONSE, b"00"))
    data = build((*head, *said), form="ber")
    [found] = several(profile, data)
    told = {
        each["card_org"]: [each[f"{side}_{what}"] for side in ("debit", "credit") for what in ("amount_fen", "count")]
        for each in json.loads(found.card_totals or "[]")
    }
    assert told == {org: each for org, each in figures.items() if org}
    debit, debits, credit, credits_ = figures[""]
    assert (found.total_amount_fen, found.total_count) == (debit - credit, debits + credits_)


@pytest.mark.parametrize("org", TITLES)
def test_a_totals_tag_names_its_organisation(org):
    """What people read beside the figure."""
    sides = ("debits, sum", "debits, count", "credits, sum", "credits, count")
    for tag, side in zip(TOTALS[org].split(), sides, strict=True):
        assert df.TAGS[int(tag, 16)].en == f"{TITLES[org]}: {side}"


# ZVT, PA00P015 rev 13.08: the bitmaps with so many bytes, then those that count their own with two or three digits
ZVT_FIXED = """
01:1 02:1 03:1 04:6 05:1 0B:3 0C:3 0D:2 0E:2 17:2 19:1 27:1 29:4 2A:15 37:3 3A:2 3B:8 3D:3 49:2 87:2 88:3 8A:1 8C:1 A0:1
AA:3 BA:5
"""
ZVT_COUNTED = {"LL": "22 23 2D 4C 8B A7", "LLL": "24 2E 3C 60 92 9A AF"}
ZVT_NAMED = {
    "04": "amount",
    "0B": "trace number",
    "19": "payment type",
    "27": "result code",
    "29": "terminal id",
    "2A": "contract (VU) number",
    "37": "original's trace number",
    "49": "currency",
    "87": "receipt number",
    "88": "turnover record number",
    "8A": "card type",
    "A0": "result code of the host",
    "22": "card number",
    "8B": "card's name",
    "3C": "additional text",
    "60": "totals",
    "92": "data of a chip that paid offline",
    "A7": "chip's EF_ID",
    "AF": "chip's EF_INFO",
}
ZVT_TLV = {
    0x07: "text_line",
    0x09: "line_attribute",
    0x0A: "command",
    0x12: "printer_columns",
    0x14: "character_set",
    0x15: "language",
    0x1A: "longest_apdu",
    0x1C: "file_block",
    0x1D: "file_id",
    0x1E: "file_offset",
    0x26: "commands",
    0x27: "character_sets",
    0x28: "languages",
    0x40: "chip_configuration",
    0x1F00: "file_size",
    0x1F11: "online",
    0x23: "receipt_numbers",
    0x08: "receipt_no",
    0x24: "display_texts",
    0x25: "print_texts",
    0x2F: "payment_type",
    0x41: "card_type_id",
    0x43: "application_id",
    0x44: "application_label",
    0x46: "chip_print_customer",
    0x47: "chip_print_merchant",
    0x60: "application",
    0x1F07: "receipt_type",
    0x1F10: "cardholder_verification",
    0x1F12: "card_technology",
    0x1F16: "error_code",
    0x1F17: "error_text",
    0x1F2B: "long_trace_no",
}
FIXED_SIZES = [(number, int(size)) for number, size in (entry.split(":") for entry in ZVT_FIXED.split())]


def zvt_status(body: bytes) -> bytes:
    """A status information."""
    return b"\x04\x0f" + bytes((len(body),)) + body


@pytest.mark.parametrize(("number", "size"), FIXED_SIZES)
def test_a_zvt_bitmap_has_its_bytes(number, size):
    """Its value ends where the next bitmap begins, and one byte less is too short."""
    value = bytes.fromhex("11" * size)
    found = read_zvt(zvt_status(bytes.fromhex(number) + value + b"\x19\x60" if number != "19" else b"\x19\x11"), "zvt")
    assert found.error is None
    assert found.spans[number] == (4, size)
    short = read_zvt(zvt_status(bytes.fromhex(number) + value[:-1]), "zvt").error
    assert short is not None
    assert (short.code, short.path) == ("short", number)


@pytest.mark.parametrize(
    ("form", "number"), [(form, each) for form, all_ in ZVT_COUNTED.items() for each in all_.split()]
)
def test_a_zvt_bitmap_counts_its_bytes(form, number):
    """LLVAR Fx Fy, LLLVAR Fx Fy Fz."""
    size = 53 if number == "60" else 8
    counter = bytes(0xF0 | int(digit) for digit in f"{size:0{len(form)}d}")
    found = read_zvt(zvt_status(bytes.fromhex(number) + counter + bytes.fromhex("11" * size) + b"\x19\x60"), "zvt")
    assert found.error is None
    assert found.spans[number] == (4 + len(form), size)
    assert found.fields["19"] == "60"


def test_the_zvt_bitmaps_are_these():
    """Those of the list, the container 06, and the dialog control FC; the names of those that count."""
    counted = {int(each, 16) for numbers in ZVT_COUNTED.values() for each in numbers.split()}
    assert set(BITMAPS) == {int(number, 16) for number, _ in FIXED_SIZES} | counted | {0x06, 0xFC}
    assert {number: BITMAPS[int(number, 16)].en for number in ZVT_NAMED} == ZVT_NAMED


def test_the_zvt_tags_are_named():
    """The useful ones of the list."""
    assert {tag: ZVT_TAGS[tag][0] for tag in ZVT_TLV} == ZVT_TLV

"""Card secrets of a journal never leave memory."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.journal import t_water, trans_record
from protocols.journal.formats import shape_of
from protocols.journal.kept import HEAD_BYTES, Kept, pack, unpack
from protocols.journal.sanitise import clean
from tests import journalfiles as files
from tests.seededsecrets import holds

RECORDS = {
    "aligned": ("pos_log", files.log_record(files.ALIGNED)),
    "packed": ("pos_log", files.log_record(files.PACKED, note=f"to {files.CARD}")),
    "verifone": ("trans_record", files.trans_record(trans_record.ALIGNED.size)),
    "t_water": ("t_water", t_water.dump(files.water_row())),
}


@pytest.mark.parametrize("name", RECORDS)
def test_nothing_of_the_card_is_left(name):
    """Card number, track and expiry are gone in every form; length and every other column stay."""
    form, record = RECORDS[name]
    shape = shape_of(form, record)
    cleaned = clean(shape, record)

    assert len(cleaned.record) == len(record)
    for secret in (files.CARD, files.CARD[4:14], "30122010000000"):
        assert not holds(cleaned.record, secret)
    assert cleaned.cards[0] == files.CARD
    before, after = shape.read(record)[0], shape.read(cleaned.record)[0]
    changed = {column for column in before if before[column] != after[column]}
    assert changed <= {
        *("szCardNo", "szExpDate", "sIccData", "szCenterResp", "PAN", "ExpDate", "Track2Data"),
        *("EXP_DATE", "TRACK2", "FIELD55", "ADDITION", "CUP_INFO"),
    }
    assert shape.spans(cleaned.record) == shape.spans(record)


@pytest.mark.parametrize("name", RECORDS)
def test_a_safe_record_says_the_same(name):
    """What is safe reads without an error, masked; cleaning it again changes nothing."""
    form, record = RECORDS[name]
    shape = shape_of(form, record)
    cleaned = clean(shape, record).record
    values, wrong = shape.read(cleaned)

    assert wrong is None
    assert shape.said(values, {}).facts.pan_masked == "622202******7894"
    assert clean(shape, cleaned).record == cleaned


def test_old_memory_is_forgotten():
    """What another transaction left behind a text's end and in the padding becomes zero."""
    record = bytearray(files.log_record(files.ALIGNED))
    other = b"6217001234567890"
    record[62 + 1 : 62 + 1 + len(other)] = other
    record[31], record[759] = 0x62, 0x17
    shape = shape_of("pos_log", bytes(record))
    cleaned = clean(shape, bytes(record)).record

    assert other[6:12] not in cleaned
    assert (cleaned[31], cleaned[759]) == (0, 0)


@pytest.mark.parametrize("layout", [files.ALIGNED, files.PACKED], ids=["aligned", "packed"])
def test_numbers_that_look_like_the_card_stay_numbers(layout: struct.Struct):
    """A card of hardly anything but zeros stands in packed amounts by chance; overwritten they could not be read."""
    record = files.log_record(layout, card="01000000000000", fen=10_000)
    shape = shape_of("pos_log", record)
    assert "01000000000000" in record[5:20].hex()

    values, wrong = shape.read(clean(shape, record).record)

    assert wrong is None
    assert (values["sAmount"], values["sTipAmount"], values["lTraceNo"]) == (10_000, 0, 1)
    assert values["szCardNo"] == "010000****0000"


@given(
    card=st.text("0123456789", min_size=13, max_size=19).filter(lambda text: len(set(text[6:-4])) > 2),
    layout=st.sampled_from([files.ALIGNED, files.PACKED]),
)
@settings(max_examples=50)
def test_any_card_number_is_masked_in_the_log(card, layout):
    """Whatever the number and its network: no record keeps the digits between the first six and the last four."""
    record = files.log_record(layout, card=card, chip=b"", note=card)
    shape = shape_of("pos_log", record)
    cleaned = clean(shape, record)

    assert cleaned.cards == [card]
    assert card.encode() not in cleaned.record
    assert card not in cleaned.record.hex()


@given(st.text("0123456789D ", max_size=60), st.sampled_from(["", "6222021234567894", "155550530864197"]))
@settings(max_examples=100)
def test_what_is_safe_stays_as_it_is(digits, number):
    """Digits that only become a number of a card's form when those beside them are overwritten are overwritten too."""
    row = files.water_row(NOTE=number + digits, FIELD55="")
    shape = shape_of("t_water", t_water.dump(row))
    cleaned = clean(shape, t_water.dump(row)).record
    assert clean(shape, cleaned).record == cleaned


def test_a_run_that_stands_alone_once_its_neighbours_are_overwritten():
    """Found by fuzzing: fifteen digits beside others that were overwritten had a Luhn digit only the next time."""
    form, record = RECORDS["verifone"]
    at, text = 1094, b"1555505308641973D3012201000000000000"
    record = record[:at] + text + record[at + len(text) :]
    shape = shape_of(form, record)
    cleaned = clean(shape, record).record
    assert clean(shape, cleaned).record == cleaned


@given(st.integers(0, 2**32 - 1), st.sampled_from([None, "10000001"]), st.binary(max_size=50))
def test_a_kept_record_comes_back(number, terminal, record):
    """Who wrote it and which record it was rest with the record."""
    kept = Kept(number, terminal, None, record)

    assert unpack(pack(kept)) == kept
    assert len(pack(kept)) == HEAD_BYTES + len(record)


def test_chip_data_that_names_the_card_again_stays_hex():
    """Found by fuzzing: asterisks in the hex of chip data made all of it unreadable the next time."""
    row = files.water_row(FIELD55="9F36020028" + "6A08" + files.CARD + "99")
    cleaned = clean(shape_of("t_water", t_water.dump(row)), t_water.dump(row)).record
    assert files.CARD.encode() not in cleaned
    assert b"9F36020028" in cleaned
    assert clean(shape_of("t_water", cleaned), cleaned).record == cleaned


def test_a_card_number_across_the_tags_of_chip_data_is_masked_once_and_for_all():
    """Found by fuzzing: asterisks over tags and lengths made other chip data of it, cut off elsewhere the next time."""
    chip = bytes.fromhex("0212ffffffffff34561d3100") + files.CARD.encode() + bytes.fromhex("00003132") + b"\x95" * 60
    record = files.log_record(files.ALIGNED, chip=chip)
    cleaned = clean(shape_of("pos_log", record), record)
    assert files.CARD.encode() not in cleaned.record
    assert cleaned.cards[0] == files.CARD
    assert clean(shape_of("pos_log", record), cleaned.record).record == cleaned.record

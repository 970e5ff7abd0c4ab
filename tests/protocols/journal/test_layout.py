"""Fixed records: the declaration against the public offsets, and against the compiler's rules in ``struct``."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import DecodeError, FrameError
from protocols.journal import pos_log, trans_record
from protocols.journal.evidence import choose, pieces
from protocols.journal.layout import Layout
from protocols.journal.profile import load_journal
from tests import journalfiles as files

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "journal_structs.json").read_text())
LOG = [(pos_log.ALIGNED, files.ALIGNED), (pos_log.PACKED, files.PACKED)]


@pytest.mark.parametrize(
    ("name", "aligned", "packed"),
    [
        ("POS_LOG_STRUCT", pos_log.ALIGNED, pos_log.PACKED),
        ("TOTAL_STRC", pos_log.TOTAL_ALIGNED, pos_log.TOTAL_PACKED),
    ],
)
def test_columns_lie_where_the_public_declaration_puts_them(name: str, aligned: Layout, packed: Layout) -> None:
    """Every name, offset and size of the vectors; both sizes of the record."""
    vector = VECTORS[name]

    assert [(each["name"], each["offset"], each["size"]) for each in vector["fields"]] == [
        (column, at, aligned.fields[column].size) for column, at in aligned.offsets.items()
    ]
    assert (aligned.size, packed.size) == (vector["sizeof_if_4byte_aligned_LE_ARM"], vector["sizeof_if_packed"])


def test_trans_record_has_the_sizes_of_its_columns() -> None:
    """No padding but at the end; the tracks lie behind the columns added up from the public header."""
    assert (trans_record.PACKED.size, trans_record.ALIGNED.size) == (1393, 1396)
    assert trans_record.PACKED.offsets["EncryptedTrkFlag"] == files.size_of_front()


@pytest.mark.parametrize(("layout", "struct"), LOG)
@given(
    stan=st.integers(1, 999_999),
    fen=st.integers(0, 999_999_999_999),
    batch=st.integers(0, 999_999),
    voided=st.booleans(),
    terminal=st.text("ABC0123456789", min_size=8, max_size=8),
)
def test_both_alignments_read_what_the_compiler_wrote(layout, struct, stan, fen, batch, voided, terminal):
    """A record built by ``struct`` reads as the values it was built of, in both alignments."""
    record = files.log_record(struct, stan=stan, fen=fen, batch=batch, voided=int(voided), terminal=terminal)
    values, wrong = layout.read(record)

    assert wrong is None
    assert (values["lTraceNo"], values["sAmount"], values["lBatchNumber"]) == (stan, fen, batch)
    assert (values["szPosId"], values["szCardNo"], values["ucVoidId"]) == (terminal, files.CARD, voided)
    assert layout.build(values) == record


@st.composite
def any_values(draw: st.DrawFn, layout: Layout) -> dict[str, Any]:
    """Some columns of a record, with any value that fits."""
    made: dict[str, Any] = {}
    for name in draw(st.sets(st.sampled_from(sorted(layout.fields)), max_size=12)):
        each = layout.fields[name]
        made[name] = draw(
            {
                "byte": st.integers(0, 255),
                "int16": st.integers(0, 2**16 - 1),
                "int32": st.integers(0, 2**32 - 1),
                "fen": st.integers(0, 100**each.size - 1),
                "text": st.text("az09 *", max_size=each.size - 1),
                "digits": st.text("0123456789*", max_size=each.size - 1),
                "packed": st.text("0123456789", min_size=2 * each.size, max_size=2 * each.size),
                "packed1": st.text("0123456789", min_size=2 * each.size - 2, max_size=2 * each.size - 2),
                "packed1_masked": st.text("0123456789F", min_size=2 * each.size - 2, max_size=2 * each.size - 2),
                "raw": st.binary(min_size=each.size, max_size=each.size).map(lambda raw: raw.hex().upper()),
            }[each.codec]
        )
    return made


LAYOUTS = (pos_log.ALIGNED, pos_log.PACKED, pos_log.TOTAL_ALIGNED, trans_record.ALIGNED, trans_record.PACKED)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@given(data=st.data())
@settings(max_examples=30)
def test_build_read_build_is_the_identity(layout, data):
    """What was built reads as it was, and builds back to the same bytes."""
    values = data.draw(any_values(layout))
    record = layout.build(values)
    read, wrong = layout.read(record)

    assert wrong is None
    assert {name: read[name] for name in values} == values
    assert layout.build(read) == record


@given(st.binary(max_size=1600))
@settings(max_examples=30)
def test_garbage_raises_nothing_but_our_own(noise):
    """Any bytes: an error with a column and an offset inside the record, or plausible values."""
    for layout in LAYOUTS:
        values, wrong = layout.read(noise)
        assert wrong is not None or values
        assert wrong is None or 0 <= (wrong.offset or 0) < layout.size
    for name in ("newpos-journal", "verifone-journal", "newland-journal"):
        with contextlib.suppress(DecodeError):
            load_journal(name).read(noise)


def journal(struct, count: int, **said: Any) -> bytes:
    return b"".join(files.log_record(struct, stan=100 + n, index=n, **said) for n in range(count))


@pytest.mark.parametrize("count", [1, 2, 5, 400])
@pytest.mark.parametrize(("layout", "struct"), LOG)
def test_the_file_says_its_layout(layout, struct, count):
    """The same logical records in both alignments: each file speaks for its own layout, even with one record."""
    found = choose("pos_log", journal(struct, count))

    assert found.shape.layout is layout
    assert (found.plausible, found.records) == (count, count)


def test_totals_are_told_from_the_log():
    """A file of TOTAL_STRC, aligned or packed, is that and nothing else."""
    assert choose("pos_log", files.totals_record(files.TOTALS_ALIGNED)).shape.layout is pos_log.TOTAL_ALIGNED
    assert choose("pos_log", files.totals_record(files.TOTALS_PACKED)).shape.layout is pos_log.TOTAL_PACKED


@pytest.mark.parametrize("size", [trans_record.ALIGNED.size, trans_record.PACKED.size])
@pytest.mark.parametrize("count", [1, 2, 20])
def test_trans_records_say_whether_they_are_padded(size, count):
    """Where one record would do for both layouts, the file's size decides."""
    data = b"".join(files.trans_record(size, stan=n + 1) for n in range(count))

    assert (found := choose("trans_record", data)).shape.layout is not None
    assert found.shape.layout.size == size


@pytest.mark.parametrize("noise", [b"", b"\x00" * 5000, b"\xff" * 5000, b"0123456789" * 500])
def test_no_layout_is_guessed_where_none_fits(noise):
    """Zeros, erased memory and text are no journal: the error has the evidence, and no bytes of the file."""
    with pytest.raises(FrameError) as refused:
        choose("pos_log", noise)

    assert refused.value.code == "layout"
    assert "0 of" in refused.value.got


def test_two_layouts_that_fit_are_an_error():
    """One record cut after the packed size and before the aligned one speaks for both: nothing is read."""
    record = files.trans_record(trans_record.ALIGNED.size)
    with pytest.raises(FrameError) as refused:
        choose("trans_record", record + b"\x00")

    assert refused.value.code == "ambiguous"


def test_a_damaged_record_and_a_cut_one_do_not_hide_the_layout():
    """Of six records one is overwritten and the last is cut: five pieces are whole, the layout is still told."""
    data = bytearray(journal(files.PACKED, 6)[:-100])
    data[762 * 2 : 762 * 2 + 400] = b"\xee" * 400
    found = choose("pos_log", bytes(data))
    lengths = [len(piece.data) for piece in pieces(found.shape, bytes(data))]

    assert found.shape.layout is pos_log.PACKED
    assert lengths == [762] * 5 + [662]

"""The column decoder of journals: equal to the row decoder, and to what the C compiler's rules wrote."""

import functools
import random
import struct
from collections.abc import Callable
from typing import Any

import construct as c
import pytest

from protocols.columnar import column_decoder
from protocols.columnar.decoder import ColumnDecoder
from protocols.columnar.records import record_plan
from protocols.errors import DecodeError, ProfileError
from protocols.journal.formats import shape_of
from protocols.journal.kept import HEAD_BYTES, Kept, pack, unpack
from protocols.journal.layout import Little, PackedFen
from protocols.journal.profile import JournalProfile, load_journal
from tests import journalfiles
from tests.protocols.columnar.agreement import by_column

Decoders = Callable[..., ColumnDecoder]


@pytest.fixture(scope="module", params=["numpy", pytest.param("numba", marks=pytest.mark.slow)])
def decoders(request: pytest.FixtureRequest) -> Decoders:
    """Makes decoders that run in numpy, or by numba's machine code: every law holds for both."""
    return functools.partial(column_decoder, compiled=request.param == "numba")


def by_row(
    profile: JournalProfile, kept: bytes, names: tuple[str, ...]
) -> tuple[dict[str, str | None], dict[str, Any] | None]:
    """What the row decoder says of a record that rests, in the column decoder's names."""
    said: dict[str, str | None] = dict.fromkeys(names)
    wrong: DecodeError | None = None
    try:
        found = unpack(kept)
        said |= {"number": str(found.number), "terminal_id": found.terminal_id or ""}
        said["merchant_id"] = found.merchant_id or ""
        values, _ = shape_of(profile.format, found.record).read(found.record)
        said |= {name: str(value) for name, value in values.items()}
    except DecodeError:
        pass
    try:
        found = unpack(kept)
        try:
            profile.read(found.record)
        except DecodeError as bad:
            bad.offset = (bad.offset or 0) + HEAD_BYTES
            raise
    except DecodeError as bad:
        wrong = bad
    if wrong is None:
        return said, None
    error = wrong.as_dict()
    del error["protocol"]
    return said, error


def disagreements(decoder: ColumnDecoder, profile: JournalProfile, kept: list[bytes]) -> list[str]:
    """Where the two decoders differ."""
    rows, errors = by_column(decoder, kept)
    found = []
    for index, (record, row) in enumerate(zip(kept, rows, strict=True)):
        said, error = by_row(profile, record, decoder.names)
        if said != row:
            found.append(f"{index}: {[name for name in said if said[name] != row[name]]}")
        if error != errors.get(index):
            found.append(f"{index}: {error} is not {errors.get(index)}")
    return found


def log_records(chance: random.Random, count: int) -> list[bytes]:
    """Records of both layouts of the log, and of its totals, as they rest."""
    records = []
    for number in range(count):
        layout = chance.choice((journalfiles.ALIGNED, journalfiles.PACKED))
        record = journalfiles.log_record(
            layout,
            stan=chance.randrange(1, 999_999),
            batch=chance.randrange(999_999),
            fen=chance.randrange(10**12),
            tip=chance.randrange(10**6),
            date=f"2026{chance.randrange(1, 13):02d}{chance.randrange(1, 28):02d}",
            time=f"{chance.randrange(24):02d}{chance.randrange(60):02d}{chance.randrange(60):02d}",
            rrn=f"{chance.randrange(10**12):012d}",
            kind=chance.randrange(1, 20),
            index=chance.randrange(1000),
        )
        records.append(pack(Kept(number, "10000001", chance.choice((None, "898310000000001")), record)))
    return records


def test_a_log_is_read_as_it_was_written(decoders):
    """Amounts, numbers and texts are those the C compiler's rules put there, in both layouts."""
    chance = random.Random(1)
    decoder = decoders(load_journal("newpos-journal"))
    fens = [chance.randrange(10**12) for _ in range(200)]
    layouts = (journalfiles.ALIGNED, journalfiles.PACKED)
    kept = [
        pack(Kept(at, None, None, journalfiles.log_record(layouts[at % 2], fen=fen, stan=at + 1, batch=7)))
        for at, fen in enumerate(fens)
    ]
    rows, errors = by_column(decoder, kept)
    assert errors == {}
    assert [row["sAmount"] for row in rows] == [str(fen) for fen in fens]
    assert [row["lTraceNo"] for row in rows] == [str(at + 1) for at in range(200)]
    assert {row["szPosId"] for row in rows} == {"10000001"}
    assert {row["szCardUnit"] for row in rows} == {"CUP"}
    assert {row["sTSI"] for row in rows} != {None}


def test_logs_whole_and_broken_are_read_alike(decoders):
    """Records of two layouts, bytes changed, records cut off, heads lost: value for value, error for error."""
    chance = random.Random(2)
    profile = load_journal("newpos-journal")
    records = log_records(chance, 600)
    broken = []
    for record in records:
        bad = bytearray(record)
        for _ in range(chance.choice((1, 1, 2, 5))):
            bad[chance.randrange(200) if chance.random() < 0.5 else chance.randrange(len(bad))] = chance.randrange(256)
        broken.append(bytes(bad) if chance.random() < 0.9 else bytes(bad)[: chance.randrange(len(bad))])
    assert disagreements(decoders(profile), profile, [*records, *broken, b"", b"TJ"]) == []


def test_each_column_that_breaks_a_law_is_named(decoders):
    """A date that is none, a trace number of 0: the law the row decoder names, at its byte."""
    profile = load_journal("newpos-journal")
    bad: list[dict[str, Any]] = [
        {"date": "20261301"},
        {"time": "250000"},
        {"stan": 0},
        {"kind": 0},
        {"index": 1000},
        {"terminal": "1"},
    ]
    kept = [pack(Kept(at, None, None, journalfiles.log_record(**said))) for at, said in enumerate(bad)]
    _, errors = by_column(decoders(profile), kept)
    assert [errors[at]["field"] for at in range(6)] == [
        "szDate",
        "szTime",
        "lTraceNo",
        "iTransNo",
        "uiTxnRecIndex",
        "szPosId",
    ]
    assert {error["code"] for error in errors.values()} == {"implausible"}
    assert disagreements(decoders(profile), profile, kept) == []


def test_the_other_make_is_read_alike(decoders):
    """TransRecord, whole and broken."""
    chance = random.Random(3)
    profile = load_journal("verifone-journal")
    layouts = [shape.layout for shape in _shapes("trans_record")]
    kept = []
    for number in range(200):
        values = {
            "SysTrace": number + 1,
            "Amount": f"{chance.randrange(10**12):012d}",
            "TrType": 1,
            "TranDate": "20261121",
            "TranTime": "101112",
            "PAN": journalfiles.CARD,
            "AppLabel": "银联",
        }
        record = bytearray(layouts[number % 2].build(values))
        if number % 3 == 0:
            record[chance.randrange(len(record))] = chance.randrange(256)
        kept.append(pack(Kept(number, "10000001", None, bytes(record))))
    assert disagreements(decoders(profile), profile, kept) == []


def _shapes(name: str) -> Any:
    from protocols.journal.formats import FORMATS

    return FORMATS[name]


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("rest" / c.GreedyRange(c.Byte), "GreedyRange"),
        ("maybe" / c.Optional(c.Int8ub), "Select"),
        ("list" / c.Array(3, c.Byte), "Array"),
        ("wide" / PackedFen(10), "PackedFen"),
        ("odd" / Little(3), "Little"),
    ],
)
def test_what_cannot_be_derived_is_refused_by_name(part, kind):
    """The refusal names the construct and where it stands."""
    with pytest.raises(ProfileError) as refused:
        record_plan(c.Struct("first" / Little(2), part), "record")
    assert refused.value.path == f"record -> {part.name}"
    assert refused.value.got == kind


def test_rows_of_a_table_have_no_columns_here():
    """A format without fixed records is refused when the plan is built."""
    with pytest.raises(ProfileError, match="no column can be derived"):
        column_decoder(load_journal("newland-journal"))


def test_a_record_of_another_compiler_is_read_by_struct_alike(decoders):
    """``struct`` itself, a second implementation, reads the same numbers."""
    chance = random.Random(4)
    kept = log_records(chance, 50)
    rows, _ = by_column(decoders(load_journal("newpos-journal")), kept)
    for record, row in zip(kept, rows, strict=True):
        body = record[HEAD_BYTES:]
        layout: struct.Struct = journalfiles.ALIGNED if len(body) == journalfiles.ALIGNED.size else journalfiles.PACKED
        parts = layout.unpack(body)
        assert str(int(parts[7].hex())) == row["sAmount"]
        assert str(parts[11]) == row["lTraceNo"]

"""The column decoder of messages: equal to the row decoder, and both to what was written."""

import functools
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from protocols.columnar import column_decoder
from protocols.columnar.decoder import ColumnDecoder
from protocols.errors import ProfileError
from protocols.profile import Profile, load_profile
from tests.protocols.columnar.agreement import arrow, by_column, by_row, disagreements, untruths
from tests.protocols.columnar.written import FIXED, messages, mutated, packed, wrapped
from tests.protocols.conftest import link_frame, load_vectors, profile_of

ENVELOPES = {"unionpay": "length", "leshua": "stx"}
Decoders = Callable[..., ColumnDecoder]


@pytest.fixture(scope="module", params=["numpy", pytest.param("numba", marks=pytest.mark.slow)])
def decoders(request: pytest.FixtureRequest) -> Decoders:
    """Makes decoders that run in numpy, or by numba's machine code: every law holds for both."""
    if request.param == "numba":
        pytest.importorskip("numba")
    return functools.partial(column_decoder, compiled=request.param == "numba")


@pytest.mark.parametrize("name", ENVELOPES)
def test_the_public_messages_are_read_alike(decoders, name):
    """All 46, as they were published and in a link frame: value for value, error for error."""
    profile = load_profile(name)
    vectors = load_vectors()
    dumps = [bytes.fromhex(vector["hex"]) for vector in vectors]
    frames = [link_frame(profile, vector) for vector in vectors]
    assert disagreements(decoders(profile), dumps + frames) == []


def test_the_public_messages_have_their_stated_values(decoders):
    """The columns hold what the vectors' file states, a vendor's fields too."""
    for vector in load_vectors():
        rows, errors = by_column(decoders(profile_of(vector)), [bytes.fromhex(vector["hex"])])
        fields = {name: value for name, value in rows[0].items() if name.startswith("F") and "." not in name}
        assert {name[1:]: value for name, value in fields.items() if value is not None} == vector["fields"]
        assert errors == {}


@pytest.mark.parametrize("name", ENVELOPES)
def test_both_decoders_read_what_was_written(decoders, name):
    """Messages of all types: the truth is the writer's, not one decoder's word for the other's."""
    profile, stream = load_profile(name), messages(1)
    written = [stream.frame(ENVELOPES[name]) for _ in range(3000)]
    frames, truths = [frame for frame, _ in written], [truth for _, truth in written]
    rows, errors = by_column(decoders(profile), frames)
    assert errors == {}
    assert untruths(rows, truths) == []
    by_rows = [by_row(profile, frame, list(rows[0])) for frame in frames]
    assert [error for _, error in by_rows if error] == []
    assert untruths([row for row, _ in by_rows], truths) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ENVELOPES)
def test_fifty_thousand_messages_are_read_alike(decoders, name):
    """Whole and broken ones; ``bench/agree.py`` has a million."""
    _agree(decoders, load_profile(name), 25_000, seed=2)


@pytest.mark.parametrize("name", ENVELOPES)
def test_broken_messages_are_refused_alike(decoders, name):
    """Bytes changed, lost, doubled: the same field, offset, code and words; and what could be read is the same."""
    _agree(decoders, load_profile(name), 2500, seed=3)


def _agree(decoders: Decoders, profile: Profile, count: int, seed: int) -> None:
    stream = messages(seed)
    frames = [stream.frame(ENVELOPES[profile.name])[0] for _ in range(count)]
    broken = [mutated(stream.chance, frame) for frame in frames]
    decoder = decoders(profile)
    for start in range(0, count, 5000):
        assert disagreements(decoder, frames[start : start + 5000]) == []
        assert disagreements(decoder, broken[start : start + 5000]) == []


@pytest.mark.parametrize("number", [2, 3, 4, 11, 12, 13, 14, 15, 22, 23, 25, 26, 32, 48, 53, 60, 61])
def test_each_bad_nibble_is_found_under_large_ones(decoders, number, unionpay):
    """One nibble after the other is A to F while all others are 9: none hides behind a large neighbour."""
    count = {2: 19, 32: 11, 48: 62, 60: 17, 61: 29, 53: 16}.get(number) or FIXED[number]
    prefix = {2: 1, 32: 1, 48: 2, 60: 2, 61: 2}.get(number, 0)
    head = bytes.fromhex(f"{count:0{2 * prefix}d}") if prefix else b""
    terminal = b"10000001"
    before, after = (b"", terminal) if number < 41 else (terminal, b"")
    frames = []
    for place in range(count):
        for nibble in "ABCDEF":
            digits = "9" * place + nibble + "9" * (count - place - 1)
            bitmap = (1 << (64 - number) | 1 << (64 - 41)).to_bytes(8, "big")
            value = head + packed(digits, right=number == 23)
            frames.append(wrapped(bytes.fromhex("0200") + bitmap + before + value + after, "length"))
    legal = {2: 1, 14: 1, 48: 1, 60: 1, 61: 1, 53: 6}.get(number, 0)
    rows, errors = by_column(decoders(unionpay), frames)
    assert disagreements(decoders(unionpay), frames) == []
    assert len(errors) == count * (6 - legal)
    assert all(error["code"] == "bcd" and error["offset"] == 23 + len(before) for error in errors.values())
    assert all(error["field"] == f"F{number}" for error in errors.values())
    assert all((row[f"F{number}"] is None) == (index in errors) for index, row in enumerate(rows))
    assert {row["F41"] for row in rows} == {"10000001"}


def test_a_bad_row_leaves_the_others_alone(decoders, unionpay):
    """Every second frame is cut off: the others are as they are without it."""
    stream = messages(4)
    frames = [stream.frame()[0] for _ in range(200)]
    decoder = decoders(unionpay)
    mixed = [each for frame in frames for each in (frame, frame[:-9])]
    rows, errors = by_column(decoder, mixed)
    assert rows[::2] == by_column(decoder, frames)[0]
    assert set(errors) == set(range(1, 400, 2))


def test_a_slice_of_an_array_is_decoded_where_it_lies(decoders, unionpay):
    """Arrow slices share their buffers: only the rows of the slice are read."""
    stream = messages(5)
    frames = [stream.frame()[0] for _ in range(50)]
    decoder = decoders(unionpay)
    whole = arrow([b"", *frames, b"\x00\x01"])
    assert decoder.decode(whole.slice(1, 50)).batch.equals(decoder.decode(arrow(frames)).batch)


def test_no_frames_are_no_rows(decoders, unionpay):
    """An empty batch has the columns; empty frames are rows with an error; nulls are refused."""
    decoder = decoders(unionpay)
    assert decoder.decode(arrow([])).batch.num_rows == 0
    found = decoder.decode(arrow([b"", b"\x00"]))
    assert found.errors.column("code").to_pylist() == ["envelope", "short"]
    assert disagreements(decoder, [b"", b"\x00", b"\x60", b"\x02" * 6]) == []
    with pytest.raises(ValueError, match="null"):
        decoder.decode(arrow([b"", None]))


def test_a_field_of_a_profile_is_a_column(decoders, tmp_path: Path):
    """A field that a TOML file adds, and one it changes, are in the columns; nothing else is told of them."""
    path = tmp_path / "corner.toml"
    path.write_text(
        """
name = "corner"
extends = "unionpay"
title = { zh-CN = "街角", en = "Corner" }
source = "the maker's manual"
confidence = "public"
[fields.24]
name = "network"
codec = "bcd"
size = 3
source = "manual, 4.2"
[fields.63]
codec = "lllvar_raw"
source = "manual, 4.3"
""",
        "utf-8",
    )
    profile = load_profile(str(path))
    decoder = decoders(profile)
    frame = profile.build("0200", {24: "019", 41: "10000001", 63: "00FF"})
    batch = decoder.decode(arrow([frame])).batch
    assert batch.column("F24").to_pylist() == ["019"]
    assert batch.column("F63").to_pylist() == [b"\x00\xff"]
    bad = frame.replace(bytes.fromhex("0190"), bytes.fromhex("0A90"))
    assert disagreements(decoder, [frame, bad]) == []
    assert "F24" not in decoders(load_profile("unionpay")).names


def test_parts_follow_their_field_whatever_its_codec(decoders, tmp_path: Path):
    """F60 as raw bytes or as text: its parts are those of its text, as the row decoder has them."""
    for codec, value in (("lllvar_raw", "2200000100012345"), ("lllvar_text", "22中国0001 000600")):
        path = tmp_path / f"{codec}.toml"
        path.write_text(
            'name = "corner"\nextends = "unionpay"\ntitle = { zh-CN = "街角", en = "Corner" }\nsource = "m"\n'
            f'confidence = "public"\n[fields.60]\ncodec = "{codec}"\nsize = 99\nsource = "m"\n'
            f'[fields.48]\ncodec = "{codec}"\nsize = 99\nsource = "m"\n',
            "utf-8",
        )
        profile = load_profile(str(path))
        frames = [profile.build("0500", {60: value, 48: "1" * 62}), profile.build("0500", {60: value})]
        assert disagreements(decoders(profile), frames) == []


def test_a_tag_that_was_asked_for_is_a_column(decoders, unionpay):
    """The choice of tags is the caller's; a tag that is none is refused by name."""
    frame = unionpay.build("0200", {55: "9F3602002A" + "5F2A020156"})
    decoder = decoders(unionpay, tags=("5F2A",))
    batch = decoder.decode(arrow([frame])).batch
    assert batch.column("F55.5F2A").to_pylist() == [b"\x01\x56"]
    assert "F55.9F36" not in batch.schema.names
    with pytest.raises(ProfileError, match="is no tag"):
        decoders(unionpay, tags=("9F3",))


def test_chip_data_is_read_as_deep_as_templates_go(decoders, unionpay):
    """Templates in templates, padding, tags that come twice, chip data that breaks off: the row decoder's own tags."""
    values = [
        "9F3602002A9F3602002B",
        "71097107710571037101AA",
        "7209" + "9F360200AA" + "9F2600" + "00",
        "00009F3602002A00",
        "9F36",
        "9F3605002A",
        "9F3682",
        "9F36820002002A",
        "9F36810200",
        "1F818181",
        "1F8181818101AA",
        "FF0082AA" + "AA" * 129,
        "9F3683000001AA",
        "7F",
        "9F3680" + "AA" * 128,
        "71047102710084009F260102",
    ]
    frames = [unionpay.build("0200", {55: value}) for value in values]
    decoder = decoders(unionpay, tags=("9F36", "71", "84", "9F26", "FF00"))
    assert disagreements(decoder, frames) == []


def test_an_envelope_that_is_no_iso_link_is_refused(decoders):
    """A dialect without a field table has no columns, and says where."""
    with pytest.raises(ProfileError) as refused:
        decoders(load_profile("zvt"))
    assert refused.value.path == "link.envelope"


def test_broken_chip_data_of_any_kind_is_read_alike(decoders, unionpay):
    """Random bytes in F55: the same tags, or none."""
    chance = random.Random(6)
    frames = []
    for _ in range(1500):
        data = bytes(chance.choice((0x71, 0x9F, 0x36, 0x02, 0x84, 0x81, 0xFF, 0x00, 0x7F, 0x05)) for _ in range(40))
        frames.append(unionpay.build("0200", {55: data[: chance.randrange(41)].hex()}))
    assert disagreements(decoders(unionpay, tags=("9F36", "84", "71", "02", "FF00")), frames) == []


@pytest.mark.slow
def test_a_loop_runs_where_no_machine_code_can_be_kept():
    """A package and a home that cannot be written cost the time of compiling, and nothing else."""
    pytest.importorskip("numba")
    from protocols.columnar import machine

    made: dict[str, Callable[[int], int]] = {}
    exec("def double(number):\n    return 2 * number\n", made)  # noqa: S102  a function of no file
    assert machine.loop(made["double"])(21) == 42


def test_frames_of_many_tiles_are_read_as_few(decoders, unionpay):
    """Columns are made a tile of rows after the other: a batch of 6,003 frames is its frames in batches of 500."""
    stream = messages(8)
    frames = [stream.frame()[0] if at % 7 else mutated(stream.chance, stream.frame()[0]) for at in range(6003)]
    decoder, whole = decoders(unionpay), arrow(frames)
    found = decoder.decode(whole)
    pieces = [decoder.decode(whole.slice(at, 500)) for at in range(0, 6003, 500)]
    assert found.batch.to_pylist() == [row for piece in pieces for row in piece.batch.to_pylist()]
    codes = [row for piece in pieces for row in piece.errors.column("code").to_pylist()]
    assert found.errors.column("code").to_pylist() == codes

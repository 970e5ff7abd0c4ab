"""``tillwatch describe``: the contract's object, the dump for people, every kind of input."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.commands.describe import describe as command
from ingest.errors import TillwatchError, UsageError
from protocols.describe import describe
from protocols.journal.profile import available_journals
from protocols.profile import available_profiles, load_profile
from tests.protocols.conftest import VECTORS, load_vectors

FACTOR = b"0306000113".hex().upper()
"""A2.03 of the one public message that has it, in F59."""
ROW = {"name", "zh", "en", "value", "offset", "length", "confidence"}
ERROR = {"layer", "field", "offset", "code", "expected", "got", "hint"}


def run(*words: str, data: bytes | None = None) -> Result:
    """The command as a person types it."""
    return CliRunner().invoke(command, list(words), input=data)


def objects(result: Result) -> list[dict[str, Any]]:
    """The JSON lines on stdout."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_vector_is_described_as_the_contract_says(vector, unionpay):
    """Profile, protocol, MTI, each field with name, masked value, offset and length, no error, a confidence."""
    frame = bytes.fromhex(vector["hex"])
    said = describe(unionpay, frame)
    assert {"profile", "protocol", "mti", "fields", "error", "confidence"} <= set(said)
    assert (said["profile"], said["protocol"], said["mti"]) == ("unionpay", "unionpay", vector["mti"])
    assert (said["error"], said["confidence"]) == (None, "public")
    assert all(set(row) == ROW for row in said["fields"].values())
    for number, (offset, length) in vector["value_at"].items():
        row = said["fields"][number]
        assert (row["offset"], row["length"]) == (offset, length)
        if number not in {"2", "14", "35", "46", "52", "62", "63"}:
            stated = vector["fields"][number].replace(FACTOR, FACTOR[:8] + "2A" * 6)
            assert row["value"] == stated
    missing = [part for part in ("length", "tpdu", "header") if not vector["envelope"][part]]
    assert said["envelope"]["missing"] == missing


def test_nothing_secret_is_described(unionpay, sale):
    """Card, tracks, expiry, PIN block, keys, and the chip's copies: asterisks."""
    text = json.dumps(describe(unionpay, unionpay.build("0200", sale)))
    assert "6222021234567894" not in text
    assert "622202******7894" in text
    for secret in (sale[52], "30122010000", "3012", b"TEST HOLDER".hex().upper(), "301231"):
        assert f'"{secret}' not in text
        assert secret not in text.replace('"offset": 3012', "")
    keys = describe(unionpay, unionpay.build("0810", {60: "00000001003", 62: "C0FFEE" * 13}))
    assert set(keys["fields"]["62"]["value"]) == {"*"}


@given(st.sampled_from(load_vectors()), st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_frame_is_described_as_far_as_it_goes(vector, data):
    """Nothing raises: fields before the damage, and an error object with nothing missing."""
    frame = bytearray(bytes.fromhex(vector["hex"]))
    frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(frame[: data.draw(st.integers(0, len(frame)))])
    for name in ("unionpay", "leshua"):
        said = describe(load_profile(name), cut)
        assert said["error"] is None or set(said["error"]) == ERROR
        json.dumps(said)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_can_be_described(noise):
    """Line noise gives an object with an error, never an exception."""
    for name in ("unionpay", "leshua"):
        json.dumps(describe(load_profile(name), noise))


def test_a_cut_frame_shows_what_came_before(unionpay, sale):
    """The error says where it ends; the fields before are there."""
    said = describe(unionpay, unionpay.build("0200", sale)[:-30])
    assert said["error"]["code"] == "length"
    assert said["fields"]["4"]["value"] == "000000012345"
    assert "64" not in said["fields"]


def test_a_bad_nibble_costs_one_field(unionpay, sale):
    """The field that cannot be read has no value; the others have theirs; the error names it."""
    frame = bytearray(unionpay.build("0200", sale))
    frame[35] |= 0xA0
    said = describe(unionpay, bytes(frame))
    assert said["error"]["field"] == "F4"
    assert said["fields"]["4"]["value"] is None
    assert said["fields"]["11"]["value"] == "000042"


def test_parts_and_tags_stand_behind_their_field(unionpay, sale):
    """60.1, 48.rmb_debit_amount and 55.9F36 have offsets of their own."""
    said = describe(unionpay, unionpay.build("0200", sale))
    assert said["fields"]["60.2"]["value"] == "000001"
    assert said["fields"]["55.9F36"]["value"] == "0028"
    frame = unionpay.build("0200", sale)
    row = said["fields"]["55.9F36"]
    assert frame[row["offset"] : row["offset"] + row["length"]].hex() == "0028"
    totals = describe(unionpay, unionpay.build("0500", {48: "000000000700" + "007" + "0" * 47}))
    assert totals["fields"]["48.rmb_debit_count"]["value"] == "007"


def test_hex_on_the_command_line(vectors):
    """A whole frame or a bare message, spaces allowed; status 0."""
    for index in (8, 41):
        result = run(vectors[index]["hex"], "--profile", "unionpay", "--json")
        assert result.exit_code == 0
        (said,) = objects(result)
        assert said["mti"] == vectors[index]["mti"]
    spaced = " ".join(vectors[8]["hex"][at : at + 2] for at in range(0, len(vectors[8]["hex"]), 2))
    assert run(spaced, "-p", "unionpay").exit_code == 0


def test_the_dump_for_people_is_aligned_and_says_what_is_missing(vectors):
    """One line a field; the missing envelope, the response's text and the confidence are in words."""
    result = run(vectors[12]["hex"], "-p", "lakala", "--locale", "zh-CN")
    lines = result.stdout.splitlines()
    assert lines[0] == "0810 SIGN_IN answer · 110 bytes · lakala (拉卡拉), assumed"
    assert lines[1] == "envelope  missing: length, tpdu, header"
    assert any("应答码" in line and "交易成功, approved" in line for line in lines)
    assert len({line.index("  F") for line in lines if "  F" in line}) == 1


def test_a_capture_is_described_frame_by_frame(tmp_path, frames):
    """Each line of a capture is one object; a broken line is one too, and named on stderr."""
    capture = tmp_path / "day.capture.jsonl"
    rows = [{"t": "2026-11-21T20:41:07+08:00", "line": "a", "dir": "rx", "frame": frame.hex()} for frame in frames[:3]]
    capture.write_text("\n".join([*map(json.dumps, rows), "{broken"]) + "\n", "utf-8")
    result = run(str(capture), "-p", "unionpay", "--json")
    said = objects(result)
    assert [each["mti"] for each in said] == ["0800", "0810", "0800", None]
    assert said[3]["error"]["field"] == "line 4"
    assert "line 4" in result.stderr
    assert result.exit_code == 1


def test_a_file_of_hex_lines_and_a_file_of_bytes(tmp_path, frames, vectors):
    """Comments are passed over; raw bytes go through the deframer, and noise between frames is not silent."""
    text = tmp_path / "frames.hex"
    text.write_text("# two\n" + vectors[8]["hex"] + "  # first\n\n" + vectors[41]["hex"] + "\n")
    assert [each["mti"] for each in objects(run(str(text), "-p", "unionpay", "--json"))] == ["0810", "0500"]
    raw = tmp_path / "line.bin"
    raw.write_bytes(frames[0] + b"\xff\xff" + frames[1])
    result = run(str(raw), "-p", "unionpay", "--json")
    assert [each["mti"] for each in objects(result)] == ["0800", None, "0810"]
    assert result.exit_code == 1
    assert "2 bytes of noise" in result.stderr
    raw.write_bytes(bytes.fromhex(vectors[41]["hex"]))
    assert [each["mti"] for each in objects(run(str(raw), "-p", "unionpay", "--json"))] == ["0500"]
    piped = run("-", "-p", "unionpay", "--json", data=frames[0])
    assert [each["mti"] for each in objects(piped)] == ["0800"]


def test_the_profiles_are_listed_with_what_they_stand_on():
    """Titles, link, and each claim with source and confidence; the brands say assumed."""
    said = {each["name"]: each for each in objects(run("--profiles", "--json"))}
    assert set(said) == {*available_profiles(), *available_journals()}
    assert said["leshua"]["confidence"] == "assumed"
    assert all(claim["source"] for each in said.values() for claim in each["claims"])
    text = run("--profiles").stdout
    assert "拉卡拉 Lakala  (assumed)" in text
    assert "source:" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("zz", "-p", "unionpay"), "neither a file"),
        (("", "-p", "unionpay"), "neither a file"),
        (("day/none.jsonl", "-p", "unionpay"), "day/none.jsonl: neither a file"),
        (("0800", "-p", "lakla"), "no profile named"),
        (("0800", "-p", "newpos-jornal"), "no profile named"),
        (("0800",), "describe needs --profile"),
        (("-p", "unionpay"), "describe needs FILE-or-HEX"),
    ],
)
def test_a_wrong_word_is_a_usage_error(words, message):
    """Each mistake of the command's words has its own line and its hint."""
    result = run(*words)
    assert isinstance(result.exception, UsageError)
    assert message in result.exception.message
    assert result.exception.hint


def test_a_file_that_cannot_be_read_could_not_run(tmp_path, monkeypatch):
    """A file without rights: one line that names it, status 3."""
    path = tmp_path / "secret.bin"
    path.write_bytes(b"x")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    result = run(str(path), "-p", "unionpay")
    assert isinstance(result.exception, TillwatchError)
    assert result.exception.exit_status == 3
    assert "secret.bin: Permission denied" in result.exception.message


def test_a_profile_by_its_path(vectors):
    """A brand that is one file of one's own is described like any other."""
    vendor: Path = VECTORS / "unionpay-vendor.toml"
    (said,) = objects(run(vectors[4]["hex"], "-p", str(vendor), "--json"))
    assert said["profile"] == "unionpay-vendor"
    assert said["fields"]["63"]["value"] == vectors[4]["fields"]["63"]


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path):
    """Silence would look like a frame that says nothing."""
    (tmp_path / "empty.jsonl").write_bytes(b"")
    done = run(str(tmp_path / "empty.jsonl"), "-p", "unionpay")
    assert done.stdout == ""
    assert "nothing to read" in done.stderr

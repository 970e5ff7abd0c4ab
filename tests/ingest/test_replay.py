"""``tillwatch replay``: captures into the spool, whatever is wrong with them."""

import json
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.capture_table import Block, blocks, columns
from ingest.cli import main
from ingest.errors import SpoolError
from ingest.keys import create_keys, load_keys
from ingest.records import Kind, Record
from ingest.segments import read_segment, sealed_segments
from ingest.spool import Spool
from ingest.tables import Lake
from protocols.profile import load_profile
from tests.protocols.columnar.written import messages

PAN = "6222021234567890123"
VECTORS = Path(__file__).parents[1] / "vectors" / "unionpay_pos.capture.jsonl"

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


def sale(stan: int, profile: str = "unionpay") -> bytes:
    return load_profile(profile).build(
        "0200",
        {2: PAN, 3: "000000", 4: "000000010000", 11: f"{stan:06d}", 41: "12345678", 42: "123456789012345", 49: "156"},
    )


def line(frame: bytes, name: str = "lane-1", second: int = 0) -> str:
    at = f"2026-11-21T20:41:{second:02d}.123456+08:00"
    return json.dumps({"t": at, "line": name, "dir": "rx", "frame": frame.hex()})


def records() -> list[Record]:
    return [record for info in sealed_segments(Path("var/spool")) for record in read_segment(info.path)]


def test_every_frame_of_a_capture_is_in_the_spool(run: Run) -> None:
    """The 46 real messages: 46 frames, no noise, one sealed segment, with the capture's times and line."""
    status, out, err = run("replay", str(VECTORS), "--profile", "unionpay")
    assert status == 0
    assert out.startswith("46 frames, 0 noise bytes, 0 broken lines from 1 captures; segment: ")
    assert err == ""
    found = records()
    assert [record.kind for record in found] == [Kind.SESSION] + [Kind.FRAME] * 46
    assert {record.line for record in found} == {"vectors"}
    assert found[1].wall_ns == 1_795_222_800_000_000_000  # 2026-11-21T09:00:00+08:00
    assert {record.boot_id for record in found} == {0}
    assert {record.profile for record in found} == {"unionpay"}
    assert out.strip().endswith(sealed_segments(Path("var/spool"))[0].id)


def test_json_says_the_same(run: Run) -> None:
    """One object with the counts and the segments."""
    status, out, _ = run("replay", str(VECTORS), "-p", "unionpay", "--json")
    totals = json.loads(out)
    assert status == 0
    assert totals["frames"] == 46
    assert totals["segments"] == [info.id for info in sealed_segments(Path("var/spool"))]


def test_the_line_can_be_named(run: Run) -> None:
    """``--line`` stands in for the capture's names."""
    Path("a.capture.jsonl").write_text(line(sale(1), "x") + "\n" + line(sale(2), "y") + "\n")
    run("replay", "a.capture.jsonl", "--profile", "unionpay", "--line", "lane-9")
    assert {record.line for record in records()} == {"lane-9"}


def test_broken_lines_are_counted_and_named_and_the_rest_is_read(run: Run) -> None:
    """Two broken lines of five: three frames, each fault with its line number on stderr, status 1."""
    text = [line(sale(1)), "{not json", line(sale(2)), line(sale(3)).replace('"rx"', '"up"'), line(sale(4))]
    Path("a.capture.jsonl").write_text("\n".join(text))
    status, out, err = run("replay", "a.capture.jsonl", "--profile", "unionpay")
    assert status == 1
    assert out.startswith("3 frames, 0 noise bytes, 2 broken lines")
    assert err.splitlines() == [
        "a.capture.jsonl: line 2: not JSON; not read",
        "a.capture.jsonl: line 4: dir is neither rx nor tx; not read",
        "  try: get a whole copy and replay it: what is in already is not counted twice",
    ]


def test_a_capture_cut_off_loses_its_last_line_only(run: Run) -> None:
    """A truncated capture is read to its end, and the cut line is named."""
    whole = "\n".join(line(sale(stan)) for stan in range(1, 4))
    Path("a.capture.jsonl").write_text(whole[:-40])
    status, out, err = run("replay", "a.capture.jsonl", "--profile", "unionpay")
    assert status == 1
    assert out.startswith("2 frames, 0 noise bytes, 1 broken lines")
    assert "line 3: not JSON; the capture ends in the middle of it" in err


def test_a_frame_cut_off_is_noise_and_harms_no_other(run: Run) -> None:
    """Half a frame on a line of its own is counted byte for byte; the next line's frame is whole."""
    Path("a.capture.jsonl").write_text("\n".join([line(sale(1)[:30]), line(sale(2)), line(b"\xa5" * 11)]))
    status, out, _ = run("replay", "a.capture.jsonl", "--profile", "unionpay")
    assert status == 0
    assert out.startswith("1 frames, 41 noise bytes, 0 broken lines")
    noise = [record for record in records() if record.kind is Kind.NOISE]
    assert sum(record.length for record in noise) == 41
    assert all(record.error for record in noise)


def test_the_wrong_profile_loses_nothing_and_says_so(run: Run) -> None:
    """Frames of another link are noise, counted, with a question on stderr."""
    Path("a.capture.jsonl").write_text(line(sale(1)) + "\n")
    status, out, err = run("replay", "a.capture.jsonl", "--profile", "leshua")
    assert status == 1
    assert out.startswith(f"0 frames, {len(sale(1))} noise bytes")
    assert "is it the right one?" in err
    assert "tillwatch describe --profiles" in err


def test_an_unknown_profile_lists_the_valid_ones(run: Run) -> None:
    """Status 2 or 3, the names, and no spool is made."""
    status, out, err = run("replay", str(VECTORS), "--profile", "lakalla")
    assert status in {2, 3}
    assert out == ""
    assert all(name in err for name in ("lakala", "leshua", "shengpay", "unionpay"))
    assert not Path("var/spool").exists()


def test_a_missing_file_stops_before_anything_is_written(run: Run) -> None:
    """All files are opened first: one that is not there is named with status 3 and nothing is read."""
    status, out, err = run("replay", str(VECTORS), "none.capture.jsonl", "--profile", "unionpay")
    assert (status, out) == (3, "")
    assert err.startswith("tillwatch: none.capture.jsonl: cannot be read: No such file")
    assert "  try: " in err
    assert not Path("var/spool").exists()


def test_a_file_that_is_no_capture_is_refused(run: Run) -> None:
    """Not one line of a capture: status 3, with an example of a line; captures beside it are read."""
    Path("notes.txt").write_text("buy milk\ncall the bank\n")
    status, out, err = run("replay", "notes.txt", str(VECTORS), "--profile", "unionpay")
    assert status == 3
    assert "46 frames" in out
    assert "notes.txt: not one line of it is a capture's" in err
    assert "buy milk" not in err


def test_many_broken_lines_do_not_flood_the_screen(run: Run) -> None:
    """Twenty are named, then the count, then what to do."""
    Path("a.capture.jsonl").write_text(line(sale(1)) + "\n" + "x\n" * 500)
    _, out, err = run("replay", "a.capture.jsonl", "--profile", "unionpay")
    assert "500 broken lines" in out
    assert len(err.splitlines()) == 22


def test_a_spool_that_is_in_use_is_left_alone(run: Run) -> None:
    """While a collector owns the spool, replay says whose it is and how to use another."""
    keys = load_keys(Path("var/keys/pan-token.key"))
    with Spool(Path("var/spool"), keys):
        status, out, err = run("replay", str(VECTORS), "--profile", "unionpay")
        assert (status, out) == (3, "")
        assert "belongs to process" in err
        assert "TILLWATCH_SPOOL__DIRECTORY" in err


def test_a_full_disk_says_to_replay_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded stays, and the hint is about the capture: nothing goes on by itself here."""

    def full(*_: object) -> None:
        raise SpoolError("var/spool: the disk is full", hint="collecting goes on by itself")

    monkeypatch.setattr(Spool, "append_many", full)
    status, _, err = run("replay", str(VECTORS), "--profile", "unionpay")
    assert status == 3
    assert "the disk is full" in err
    assert "replay all of it again" in err


def test_another_spool_can_be_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way out that the hint names works."""
    monkeypatch.setenv("TILLWATCH_SPOOL__DIRECTORY", "var/other")
    assert run("replay", str(VECTORS), "--profile", "unionpay")[0] == 0
    assert len(sealed_segments(Path("var/other"))) == 1


def test_without_a_key_nothing_is_read(run: Run) -> None:
    """No key, no token: replay stops and says how to make one."""
    Path("var/keys/pan-token.key").unlink()
    status, _, err = run("replay", str(VECTORS), "--profile", "unionpay")
    assert status == 3
    assert "tillwatch doctor --create-keys" in err


def test_an_empty_capture_is_read_to_its_end(run: Run) -> None:
    """Nothing in, nothing out, status 0, and no segment without a record."""
    Path("a.capture.jsonl").write_text("")
    status, out, err = run("replay", "a.capture.jsonl", "--profile", "unionpay")
    assert status == 0
    assert "0 frames" in out
    assert "segment: none" in out
    assert "nothing to read" in err
    assert sealed_segments(Path("var/spool")) == []


def test_frames_read_twice_name_the_first(run: Run) -> None:
    """The same capture given twice is kept twice; every second frame says which record it repeats."""
    run("replay", str(VECTORS), str(VECTORS), "--profile", "unionpay")
    frames = [record for record in records() if record.kind is Kind.FRAME]
    assert len(frames) == 92
    firsts = {record.digest: record.seq for record in reversed(frames)}
    assert all((record.dup_of or record.seq) == firsts[record.digest] for record in frames)
    assert all(record.dup_of for record in frames[46:])


def odd_lines(seed: int) -> Iterator[str]:
    """Lines of a capture: mostly whole frames, and everything else that a file may hold."""
    chance = random.Random(seed)
    stream = messages(seed, 30)
    stream.masks = False
    for number in range(700):
        frame = stream.frame()[0]
        harm = chance.randrange(40)
        if harm == 0:
            place = chance.randrange(len(frame))
            frame = frame[:place] + bytes([chance.randrange(256)]) + frame[place + 1 :]
        elif harm == 1:
            frame = frame[: chance.randrange(1, len(frame))]
        elif harm == 2:
            frame += stream.frame()[0]
        elif harm == 3:
            frame = b"\x15\x00" + frame
        elif harm == 4:
            frame = frame[2:]  # without its length
        at = f"2026-11-{chance.randrange(1, 29):02d}T{chance.randrange(24):02d}:41:07"
        at += chance.choice(["", ".123456", ".5", ".250"]) if number > 400 else chance.choice(["", ".123456", ".250"])
        row = {"t": at + chance.choice(["+08:00", "Z", "-03:30"]), "line": f"lane-{chance.randrange(3)}"}
        yield json.dumps(row | {"dir": chance.choice(["rx", "tx"]), "frame": frame.hex()})
        if number > 400 and chance.random() < 0.02:
            yield chance.choice(['{"t": 5}', "", "no json", json.dumps(row | {"dir": "xx", "frame": "00"}), "\\"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_blocks_of_lines_become_what_their_lines_become(run: Run, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Read by columns, a capture gives the same records, counts and words as read line by line."""
    Path("a.capture.jsonl").write_text("\n".join(odd_lines(seed)))
    monkeypatch.setattr("ingest.commands.replay.blocks", lambda file: blocks(file, 20_000))
    by_line = run("replay", "a.capture.jsonl", "-p", "unionpay", "--json")
    expected = records()
    shutil.rmtree("var/spool")
    made, asked = [], columns

    def counted(block: Block) -> Any:
        made.append(asked(block) is not None)
        return asked(block)

    monkeypatch.setattr("ingest.replaying.columns", counted)
    monkeypatch.setattr("ingest.replaying.COLUMNS_FROM", 1)

    by_column = run("replay", "a.capture.jsonl", "-p", "unionpay", "--json")

    assert records() == expected
    assert by_column[0] == by_line[0]
    assert by_column[2] == by_line[2]
    said, before = (json.loads(out) | {"segments": None} for _, out, _ in (by_column, by_line))
    assert said == before
    assert {True, False} == set(made)


def test_a_line_without_an_end_is_told_and_the_next_is_read(run: Run) -> None:
    """A line of two megabytes is one broken line with its number, wherever the blocks are cut."""
    long = '{"t": "' + "9" * (2 << 20)
    Path("a.capture.jsonl").write_text(f"{line(sale(1))}\n{long}\n{line(sale(2), second=2)}\n")

    status, out, err = run("replay", "a.capture.jsonl", "--profile", "unionpay")

    assert status == 1
    assert out.startswith("2 frames, 0 noise bytes, 1 broken lines")
    assert "line 2: longer than" in err


def test_a_profile_of_ones_own_that_landing_would_not_know_is_said(run: Run):
    """A file that no line of the settings names: one line and what to do; with it nothing is said and all lands."""
    own = 'name = "mine"\nextends = "unionpay"\nsource = "a test"\nconfidence = "assumed"\n'
    Path("mine.toml").write_text(own + 'title = { zh-CN = "我的", en = "Mine" }\n', "utf-8")
    Path("a.capture.jsonl").write_text(line(sale(1)) + "\n", "utf-8")
    status, out, err = run("replay", "a.capture.jsonl", "--profile", "mine.toml")
    assert (status, err.splitlines()) == (
        0,
        [
            "mine.toml: no line of the settings has this profile, so what it reads will not land",
            '  try: profile = "mine.toml" of a line in tillwatch.toml, before `tillwatch land`',
        ],
    )
    assert out.startswith("1 frames")

    Path("tillwatch.toml").write_text(
        '[[lines]]\nname = "lane-1"\ndevice = "/dev/null"\nprofile = "./mine.toml"\n', "utf-8"
    )
    assert run("replay", "a.capture.jsonl", "--profile", "mine.toml")[::2] == (0, "")
    assert run("land")[0] == 0
    (landed,) = Lake("var/lake").read("transactions").to_pylist()
    assert (landed["profile"], landed["stan"]) == ("mine", 1)

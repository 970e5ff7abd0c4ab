"""``tillwatch spool``: list, verify, export."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.cli import main
from ingest.inspection import Report, breaks_between
from ingest.keys import create_keys, load_keys
from ingest.records import Kind, PendingRecord
from ingest.segments import read_segment, sealed_segments
from ingest.spool import Spool

VECTORS = Path(__file__).parents[1] / "vectors" / "unionpay_pos.capture.jsonl"
KEY = Path("var/keys/pan-token.key")
SPOOL = Path("var/spool")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the command line in a folder with a key and a spool of three segments of 46 frames each."""
    monkeypatch.chdir(tmp_path)
    create_keys(KEY)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tillwatch", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    for name in ("lane-1", "lane-2", "lane-3"):
        assert call("replay", str(VECTORS), "--profile", "unionpay", "--line", name)[0] == 0
    return call


def spoil(index: int, offset: int, count: int = 4) -> Path:
    path = sealed_segments(SPOOL)[index].path
    data = bytearray(path.read_bytes())
    data[offset : offset + count] = b"\xee" * count
    path.chmod(0o600)
    path.write_bytes(data)
    return path


def test_ls_shows_each_segment(run: Run) -> None:
    """State, records, numbers, bytes, times and lines, one segment a row, oldest first."""
    status, out, err = run("spool", "ls")
    assert status == 0
    head, *rows = out.splitlines()
    assert head.split()[:5] == ["segment", "state", "records", "numbers", "bytes"]
    assert [row.split()[1:4] for row in rows] == [
        ["sealed", "47", "1-47"],
        ["sealed", "47", "48-94"],
        ["sealed", "47", "95-141"],
    ]
    assert "2026-11-21 09:00:00+08:00" in rows[0]
    assert "lane-2" in rows[1]
    assert err == "3 segments, 141 records\n"


def test_ls_json_is_one_object_a_segment(run: Run) -> None:
    """The same facts for programs."""
    _, out, _ = run("spool", "ls", "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert [one["lines"] for one in found] == [["lane-1"], ["lane-2"], ["lane-3"]]
    assert found[0]["kinds"] == {"session": 1, "frame": 46}
    assert [one["segment"] for one in found] == [info.id for info in sealed_segments(SPOOL)]
    assert found[0]["damage"] == []


def test_ls_shows_who_owns_an_open_segment(run: Run) -> None:
    """A running collector's segment is open, and the process is named."""
    with Spool(SPOOL, load_keys(KEY)) as spool:
        spool.append_many([PendingRecord(Kind.EVENT, "lane-1", "unionpay", 1)])
        status, out, err = run("spool", "ls")
        assert status == 0
        assert out.splitlines()[-1].split()[1] == "open"
        assert f"owned by process {os.getpid()}" in err


def test_verify_of_a_sound_spool_says_so(run: Run) -> None:
    """Nothing on stdout, status 0."""
    status, out, err = run("spool", "verify")
    assert (status, out) == (0, "")
    assert err == "3 segments, 141 records: all sound\n"


def test_verify_names_each_damage(run: Run) -> None:
    """Status 3; a line for each: which segment, which byte, which numbers, what to do."""
    path = spoil(1, 400)
    status, out, err = run("spool", "verify")
    assert status == 3
    first, *_ = out.splitlines()
    assert first.startswith(f"{path}: byte ")
    assert "are missing" in first
    assert "the file is kept" in first
    assert "damaged places" in err
    _, out, _ = run("spool", "verify", "--json")
    found = json.loads(out.splitlines()[0])
    assert found["missing"] is not None
    assert found["byte"] <= 400 < found["byte"] + found["bytes"]


@pytest.mark.parametrize("content", [b"", b"hello\n" * 99])
def test_verify_does_not_promise_records_of_a_segment_without_any(run: Run, content: bytes) -> None:
    """An emptied file, or another one in its place: nothing of it can be read, and that is said."""
    path = sealed_segments(SPOOL)[1].path
    path.chmod(0o600)
    path.write_bytes(content)
    status, out, _ = run("spool", "verify", str(path))
    assert status == 3
    assert "no record of it is readable" in out
    assert "all other records" not in out


def test_verify_of_one_segment_looks_at_that_one(run: Run) -> None:
    """By path, by file name or by id; the damage of another does not matter."""
    path = spoil(1, 400)
    sound = sealed_segments(SPOOL)[0]
    for name in (str(sound.path), sound.path.name, sound.id):
        assert run("spool", "verify", name)[0] == 0
    assert run("spool", "verify", path.name)[0] == 3
    status, _, err = run("spool", "verify", "no-such-one")
    assert status == 3
    assert "tillwatch spool ls" in err


def test_verify_misses_a_segment_that_was_taken_away(run: Run) -> None:
    """The numbers between two segments must meet."""
    sealed_segments(SPOOL)[1].path.unlink()
    status, out, _ = run("spool", "verify")
    assert status == 3
    assert "records 48 to 94 are missing" in out


def test_the_oldest_segments_may_be_cleared_away(run: Run) -> None:
    """What was landed and removed at the front is no damage."""
    sealed_segments(SPOOL)[0].path.unlink()
    assert run("spool", "verify")[0] == 0


def test_verify_without_the_key_says_what_was_not_looked_at(run: Run) -> None:
    """Checksums and numbers need no key; the keyed hashes do, and that is said."""
    KEY.unlink()
    status, _, err = run("spool", "verify")
    assert status == 0
    assert "keyed hashes of 3 segments were not looked at" in err


def test_damage_that_was_named_at_the_start_stays_named(run: Run) -> None:
    """A segment mended after a crash still shows where it was hurt, and that nothing is left to do."""
    spool = Spool(SPOOL, load_keys(KEY))
    for number in range(5):
        spool.append_many([PendingRecord(Kind.EVENT, "lane-1", "unionpay", 1, facts={"n": f"event-{number}"})])
    assert spool._writing is not None
    path = spool._writing.path
    os.close(spool._writing.fd)
    os.close(spool._lock)
    path.write_bytes(path.read_bytes().replace(b"event-2", b"evXXX-2"))
    Spool(SPOOL, load_keys(KEY)).close()
    status, out, _ = run("spool", "verify")
    assert status == 3
    assert "it was named when the segment was sealed" in out
    assert "(named)" in run("spool", "ls")[1]


def test_export_gives_the_frames_back_as_a_capture(run: Run) -> None:
    """Every frame, sanitised, in order, in the contract's format; a line can be picked."""
    status, out, err = run("spool", "export", "--line", "lane-2")
    assert status == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 46
    assert {one["line"] for one in lines} == {"lane-2"}
    originals = [json.loads(line) for line in VECTORS.read_text("utf-8").splitlines()]
    assert [one["t"] for one in lines] == [one["t"] for one in originals]
    assert [one["dir"] for one in lines] == [one["dir"] for one in originals]
    assert [len(one["frame"]) for one in lines] == [len(one["frame"]) for one in originals]
    assert err.startswith("46 frames;")


def test_an_export_can_be_replayed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Masked frames are frames: they go through deframer and sanitiser unchanged."""
    assert run("spool", "export", "--line", "lane-1", "-o", "out.capture.jsonl")[0] == 0
    monkeypatch.setenv("TILLWATCH_SPOOL__DIRECTORY", "var/second")
    status, out, _ = run("replay", "out.capture.jsonl", "--profile", "unionpay")
    assert status == 0
    assert out.startswith("46 frames, 0 noise bytes, 0 broken lines")
    _, again, _ = run("spool", "export")
    assert again == Path("out.capture.jsonl").read_text("utf-8")


def test_an_export_to_a_file_is_whole_or_not_there(run: Run) -> None:
    """A folder that is not there is an error with a hint; no half file is left."""
    status, _, err = run("spool", "export", "-o", "none/out.capture.jsonl")
    assert status == 3
    assert "cannot be written" in err
    assert not Path("none").exists()


def test_an_export_of_a_damaged_spool_writes_the_rest(run: Run) -> None:
    """Status 3, the damage on stderr, and every frame that can be read on stdout."""
    spoil(1, 400)
    status, out, err = run("spool", "export")
    assert status == 3
    assert 46 * 3 - 3 <= len(out.splitlines()) < 46 * 3
    assert "damaged: " in err


def test_a_spool_that_is_not_there_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the three says which folder and what makes one."""
    monkeypatch.setenv("TILLWATCH_SPOOL__DIRECTORY", "var/none")
    for words in (["ls"], ["verify"], ["export"]):
        status, _, err = run("spool", *words)
        assert status == 3
        assert "var/none" in err
        assert "  try: " in err


def report(first: int, last: int, *gaps: tuple[int, int]) -> Report:
    return Report(Path(f"{first}.seg"), "sealed", first_seq=first, last_seq=last, gaps=list(gaps))


def test_numbers_that_a_gap_explains_are_not_missing() -> None:
    """Refused batches, one or several in a row, are named in the segment after them; anything else is missing."""
    explained = [report(1, 9), report(20, 30, (10, 12), (13, 19)), report(31, 40)]
    assert list(breaks_between(explained)) == []
    short = [report(1, 9), report(20, 30, (10, 12), (14, 19))]
    assert [damage.missing for _, damage in breaks_between(short)] == [(10, 19)]


def test_verify_sees_a_segment_that_was_changed_for_another(run: Run) -> None:
    """A segment with the right numbers, the right key and sound checksums, but not the one that stood there."""
    first, second, _ = sealed_segments(SPOOL)
    other = Path("var/other")
    with Spool(other, load_keys(KEY)) as spool:
        for record in list(read_segment(first.path))[1:]:
            spool.append_many(
                [PendingRecord(record.kind, "lane-9", record.profile, 7, frame=record.frame, digest=record.digest)]
            )
    (forged,) = sealed_segments(other)
    assert (forged.first_seq, forged.last_seq) == (first.first_seq, first.last_seq)
    first.path.unlink()
    forged.path.rename(SPOOL / forged.path.name)
    status, out, _ = run("spool", "verify")
    assert status == 3
    assert out.startswith(f"{second.path}: ")
    assert "it was not written after" in out


def test_verify_copies_between_the_spool_and_its_mirror(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one folder lacks or damaged comes from the other, said line by line; only what both lost is damage."""
    mirror = Path("var/mirror")
    mirror.mkdir()
    monkeypatch.setenv("TILLWATCH_SPOOL__MIRROR", str(mirror))
    status, out, err = run("spool", "verify")
    assert (status, out.count("copied from the other folder"), "all sound" in err) == (0, 3, True)
    assert [path.read_bytes() for path in sorted(mirror.glob("*.seg"))] == [
        path.read_bytes() for path in sorted(SPOOL.glob("*.seg"))
    ]

    spoilt = spoil(1, 3000)
    status, out, _ = run("spool", "verify", "--json")
    [told] = [json.loads(line) for line in out.splitlines()]
    assert (status, told["mirror"]) == (0, str(mirror))
    assert f"{spoilt}: mended from the other folder" in told["note"]
    assert run("spool", "verify")[:2] == (0, "")

    spoil(1, 3000)
    (mirror / spoilt.name).unlink()
    (mirror / spoilt.name).write_bytes(spoilt.read_bytes())
    status, out, _ = run("spool", "verify")
    assert status == 3
    assert "damaged alike in both folders" in out
    assert f"var/mirror/{spoilt.name}" not in out  # the spool's own is named, once
    assert any(spoilt.name in line and "missing" in line for line in out.splitlines()), out  # which records

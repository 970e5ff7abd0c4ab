"""Changing the key: new data gets the new one, old data stays verifiable, and nothing is lost at any step."""

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.cli import main
from ingest.errors import KeyFileError
from ingest.inspection import breaks_between, inspect, segment_files
from ingest.keys import create_keys, load_keys
from ingest.lake import Lake
from ingest.records import Kind, PendingRecord
from ingest.rotation import destroy, rotate
from ingest.segment import decode_header
from ingest.segments import sealed_segments
from ingest.spool import Spool
from protocols.sanitise import card_token

VECTORS = Path(__file__).parents[1] / "vectors" / "unionpay_pos.capture.jsonl"
KEY = Path("var/keys/pan-token.key")
SPOOL = Path("var/spool")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the command line in a folder with a key."""
    monkeypatch.chdir(tmp_path)
    create_keys(KEY)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tillwatch", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def note(number: int) -> PendingRecord:
    return PendingRecord(Kind.EVENT, "a", "p", number)


def test_the_new_key_is_another_and_the_old_one_is_kept(tmp_path: Path) -> None:
    """Another id and other tokens; the old key gives the same tokens as before, read-only in a folder of its own."""
    path = tmp_path / "pan.key"
    old = create_keys(path)
    new = rotate(path)

    assert new.key_id != old.key_id
    assert card_token(new, "4111111111111111").split(".")[1] != card_token(old, "4111111111111111").split(".")[1]
    assert new.of(old.key_id) == old
    assert new.of("none") is None
    kept = tmp_path / "pan.key.retired" / f"{old.key_id}.key"
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, kept.parent, kept)] == [0o600, 0o700, 0o400]


@pytest.mark.parametrize("crash", range(8))
def test_a_rotation_killed_anywhere_loses_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crash: int) -> None:
    """Stopped at each sync and rename: the old key is at hand, and a second try ends with one current key."""
    path = tmp_path / "pan.key"
    old = create_keys(path)
    left = [crash]

    def stop_at(real: Callable[..., None]) -> Callable[..., None]:
        def call(*words: object) -> None:
            if left[0] == 0:
                raise OSError(5, "killed here")
            left[0] -= 1
            real(*words)

        return call

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", stop_at(os.fsync))
        patched.setattr(Path, "replace", stop_at(Path.replace))
        stopped = True
        try:
            rotate(path)
            stopped = False
        except KeyFileError:
            pass
    assert load_keys(path).of(old.key_id) == old
    assert stopped == (crash < 7), "fsync and rename of the copy, its folder, the new key and its own: 7 places"
    new = rotate(path)
    assert new.of(old.key_id) == old
    assert load_keys(path) == new


def test_segments_of_both_keys_are_verified_and_landed(run: Run) -> None:
    """Each segment names its key; the chain is looked at with the right one; the tables hold both kinds of token."""
    assert run("replay", str(VECTORS), "--profile", "unionpay", "--line", "one")[0] == 0
    status, new, err = run("keys", "rotate")
    assert (status, "kept for reading" in err) == (0, True)
    assert run("replay", str(VECTORS), "--profile", "unionpay", "--line", "two")[0] == 0

    ids = [decode_header(info.path.read_bytes()).key_id for info in sealed_segments(SPOOL)]
    assert ids == [load_keys(KEY).retired[0].key_id, new.strip()]
    status, _, err = run("spool", "verify")
    assert status == 0
    assert err == "2 segments, 94 records: all sound\n"
    listed = [json.loads(line) for line in run("keys", "ls", "--json")[1].splitlines()]
    assert [(each["key_id"], each["state"], each["segments"]) for each in listed] == [
        (ids[1], "current", 1),
        (ids[0], "retired", 1),
    ]
    assert run("land")[0] == 0
    tokens = Lake("var/lake").read("raw_frames", columns=["line", "card_token"]).to_pylist()
    seen = {(each["line"], each["card_token"].partition(".")[0]) for each in tokens if each["card_token"]}
    assert seen == {("one", f"t{ids[0]}"), ("two", f"t{ids[1]}")}


def test_the_chain_holds_across_a_rotation(tmp_path: Path) -> None:
    """A segment put in the place of the last one before the rotation is noticed by the first one after it."""
    path, folders = tmp_path / "pan.key", [tmp_path / "spool", tmp_path / "other"]
    keys = create_keys(path)
    for folder, number in zip(folders, (1, 2), strict=True):
        with Spool(folder, keys) as spool:
            spool.append_many([note(number)])
    keys = rotate(path)
    with Spool(folders[0], keys) as spool:
        spool.append_many([note(3)])
    reports = [inspect(each, keys) for each in segment_files(folders[0])]
    assert [each.chained for each in reports] == [True, True]
    assert list(breaks_between(reports)) == []

    mine, other = sealed_segments(folders[0])[0].path, sealed_segments(folders[1])[0].path
    mine.unlink()
    other.rename(folders[0] / other.name)
    [(at, damage)] = breaks_between([inspect(each, keys) for each in segment_files(folders[0])])
    assert at.key_id == keys.key_id
    assert "keyed hash" in damage.what


def test_a_segment_left_open_by_a_crash_is_sealed_with_its_own_key(tmp_path: Path) -> None:
    """Rotated while it lay open: what the recovery appends follows on under the old key, and verifies."""
    path = tmp_path / "pan.key"
    spool = Spool(tmp_path / "spool", create_keys(path))
    spool.append_many([note(1), note(2)])
    assert spool._writing is not None
    os.close(spool._writing.fd)
    os.close(spool._lock)

    keys = rotate(path)
    with Spool(tmp_path / "spool", keys) as spool:
        spool.append_many([note(3)])
    reports = [inspect(each, keys) for each in segment_files(tmp_path / "spool")]
    assert [(each.state, each.chained, each.damages) for each in reports] == [("sealed", True, [])] * 2
    assert len({each.key_id for each in reports}) == 2
    assert list(breaks_between(reports)) == []


def test_a_key_is_destroyed_only_when_nothing_needs_it(run: Run) -> None:
    """The current one never, one that segments carry only if told so; then only checksums of those are looked at."""
    assert run("replay", str(VECTORS), "--profile", "unionpay")[0] == 0
    old = load_keys(KEY).key_id
    status, _, err = run("keys", "destroy", old, "--even-so")
    assert (status, "is the current key" in err) == (3, True)
    run("keys", "rotate")
    status, _, err = run("keys", "destroy", "deadbeef")
    assert (status, old in err) == (3, True)
    status, _, err = run("keys", "destroy", old)
    assert (status, "1 segments in the spool" in err) == (3, True)
    held = os.open(f"{KEY}.retired/{old}.key", os.O_RDONLY)
    assert run("keys", "destroy", old, "--even-so")[0] == 0
    assert set(os.pread(held, 200, 0)) == {0}, "the bytes were overwritten before the name went"
    os.close(held)
    assert list(Path(f"{KEY}.retired").iterdir()) == []
    status, _, err = run("spool", "verify")
    assert (status, "of 1 segments were not looked at" in err) == (0, True)
    listed = [json.loads(line) for line in run("keys", "ls", "--json")[1].splitlines()]
    assert [(each["state"], each["segments"]) for each in listed] == [("current", 0), ("missing", 1)]


def test_a_retired_key_open_to_others_is_refused(tmp_path: Path) -> None:
    """An old key tells whose cards the old tokens are: it is guarded like the new one, and the hint mends it."""
    path = tmp_path / "pan.key"
    old = create_keys(path)
    rotate(path)
    kept = tmp_path / "pan.key.retired" / f"{old.key_id}.key"
    kept.chmod(0o444)
    with pytest.raises(KeyFileError) as refused:
        load_keys(path)
    assert refused.value.hint == f"chmod 600 {kept}"
    with pytest.raises(KeyFileError):
        destroy(path, old.key_id)

"""Key files: who may read them, what is in them, what they give."""

import hashlib
import hmac
import os
import stat
from pathlib import Path

import pytest

from ingest.errors import KeyFileError
from ingest.keys import create_keys, derive, load_keys


def test_a_new_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Mode 0600 in a folder 0700, whatever the umask; what was written is what is read."""
    before = os.umask(0)
    try:
        keys = create_keys(tmp_path / "keys" / "pan.key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys" / "pan.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert load_keys(tmp_path / "keys" / "pan.key") == keys


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    """A second creation is refused and the first key stays: cards could not be matched across two keys."""
    file = tmp_path / "pan.key"
    keys = create_keys(file)
    with pytest.raises(KeyFileError, match="there is a key already") as refused:
        create_keys(file)
    assert refused.value.hint
    assert load_keys(file) == keys


def test_a_folder_is_no_key_and_its_mode_is_left_alone(tmp_path: Path) -> None:
    """No hint tells anybody to take a folder's permissions away."""
    with pytest.raises(KeyFileError, match="not a file") as refused:
        load_keys(tmp_path)
    assert "chmod" not in refused.value.hint


def test_a_key_below_a_file_is_said_as_it_is(tmp_path: Path) -> None:
    """What is in the way is named, and no key is claimed to be there."""
    (tmp_path / "shop").write_text("a file")
    with pytest.raises(KeyFileError, match="shop is not a folder"):
        create_keys(tmp_path / "shop" / "pan.key")


def test_two_keys_differ(tmp_path: Path) -> None:
    """Keys are random."""
    assert create_keys(tmp_path / "a") != create_keys(tmp_path / "b")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    """Any bit for group or others stops the start, and the hint is the command that mends it."""
    file = tmp_path / "pan.key"
    create_keys(file)
    file.chmod(mode)
    with pytest.raises(KeyFileError, match=f"{mode:04o}") as refused:
        load_keys(file)
    assert refused.value.hint == f"chmod 600 {file}"


def test_a_missing_key_says_how_to_make_one(tmp_path: Path) -> None:
    """The hint is a command."""
    with pytest.raises(KeyFileError) as refused:
        load_keys(tmp_path / "none.key")
    assert "tillwatch doctor --create-keys" in refused.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tillwatch-key 2 ab " + "0" * 64,
        "tillwatch-key 1 ab " + "0" * 63,
        "tillwatch-key 1 AB " + "0" * 64,
        "\xff" * 90,
    ],
)
def test_what_is_no_key_is_refused_without_quoting_it(tmp_path: Path, text: str) -> None:
    """A foreign, short or later key file is named by its path only."""
    file = tmp_path / "pan.key"
    file.write_text(text, "latin-1")
    file.chmod(0o600)
    with pytest.raises(KeyFileError, match="not a key file") as refused:
        load_keys(file)
    assert not text or text not in str(refused.value) + refused.value.hint


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    """A path that is a folder is an error like any other."""
    folder = tmp_path / "pan.key"
    folder.mkdir(mode=0o700)
    with pytest.raises(KeyFileError):
        load_keys(folder)


def test_each_use_has_a_key_of_its_own() -> None:
    """Sub-keys are HMAC-SHA256 of the master over a domain name, and no two are the same."""
    master = hashlib.sha256(b"test key").digest()
    keys = derive("t1", master)
    assert keys.pan == hmac.new(master, b"tillwatch 1 pan token", hashlib.sha256).digest()
    assert len({keys.pan, keys.digest, keys.chain, master}) == 4


def test_secrets_do_not_show() -> None:
    """A repr in a log names the key's id and nothing else."""
    keys = derive("t1", b"secret master key of 32 bytes ..")
    assert repr(keys) == "Keys(key_id='t1')"

"""A key taken away while the collector runs: nothing more is recorded, somebody is told, it comes back by itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import SpoolError
from ingest.keyguard import GuardedSpool, KeyGuard
from ingest.keys import Keys, create_keys
from ingest.records import Kind, PendingRecord
from ingest.rotation import destroy, rotate
from ingest.segments import read_segment, sealed_segments

NOTE = PendingRecord(Kind.EVENT, "a", "p", 1)


class Told:
    """Events as they are told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, line: str, event: str, /, **facts: object) -> None:
        assert line == ""
        self.events.append((event, facts))

    @property
    def names(self) -> list[str]:
        return [event for event, _ in self.events]


@pytest.fixture
def told() -> Told:
    return Told()


def guarded(path: Path, keys: Keys, told: Told) -> GuardedSpool:
    """A spool whose guard looks before every write."""
    return GuardedSpool(path.parent / "spool", keys, KeyGuard(path, keys.key_id, told, every=0.0))


def remove(path: Path) -> None:
    path.rename(path.with_suffix(".away"))


def put_back(path: Path) -> None:
    path.with_suffix(".away").rename(path)


def open_to_all(path: Path) -> None:
    path.chmod(0o644)


def close_again(path: Path) -> None:
    path.chmod(0o600)


@pytest.mark.parametrize(("take", "give"), [(remove, put_back), (open_to_all, close_again)])
def test_without_its_key_nothing_is_recorded(
    tmp_path: Path, told: Told, take: Callable[[Path], None], give: Callable[[Path], None]
) -> None:
    """Removed or opened to others: every batch is refused, one alarm is told; given back, recording goes on."""
    path = tmp_path / "pan.key"
    keys = create_keys(path)
    with guarded(path, keys, told) as spool:
        spool.append_many([NOTE])
        take(path)
        for _ in range(2):
            with pytest.raises(SpoolError, match="the key was taken away") as refused:
                spool.append_many([NOTE])
        assert str(path) in refused.value.hint
        assert told.names == ["key-revoked"]
        give(path)
        spool.append_many([NOTE])
        assert told.names == ["key-revoked", "key-back"]
    [sealed] = sealed_segments(tmp_path / "spool")
    assert sum(record.kind is Kind.EVENT for record in read_segment(sealed.path)) == 2


def test_a_silent_line_notices_it_too(tmp_path: Path, told: Told) -> None:
    """Nothing to write, yet the alarm is told."""
    path = tmp_path / "pan.key"
    with guarded(path, create_keys(path), told) as spool:
        path.unlink()
        with pytest.raises(SpoolError):
            spool.seal_if_due()
    assert told.names == ["key-revoked"]


def test_no_spool_is_opened_without_its_key(tmp_path: Path, told: Told) -> None:
    """The committer opens a spool that failed again and again: not while the key is gone."""
    path = tmp_path / "pan.key"
    keys = create_keys(path)
    path.unlink()
    with pytest.raises(SpoolError, match="taken away"):
        guarded(path, keys, told)
    assert not (tmp_path / "spool").exists()


def test_a_rotation_is_no_revocation(tmp_path: Path, told: Told) -> None:
    """The old key is kept: it is used until the restart, and somebody is told to restart. Destroyed, it is revoked."""
    path = tmp_path / "pan.key"
    keys = create_keys(path)
    with guarded(path, keys, told) as spool:
        rotate(path)
        spool.append_many([NOTE])
        spool.append_many([NOTE])
        assert told.names == ["key-rotated"]
        destroy(path, keys.key_id)
        with pytest.raises(SpoolError, match="not among the retired"):
            spool.append_many([NOTE])
    assert told.names == ["key-rotated", "key-revoked"]


def test_no_event_says_anything_of_the_key(tmp_path: Path, told: Told) -> None:
    """Its id and its path, nothing else."""
    path = tmp_path / "pan.key"
    text = path.read_text() if path.exists() else ""
    keys = create_keys(path)
    text = path.read_text()
    with guarded(path, keys, told) as spool:
        path.write_text(text[:-10])
        with pytest.raises(SpoolError) as refused:
            spool.append_many([NOTE])
    assert text.split()[3][:16] not in f"{told.events} {refused.value} {refused.value.hint}"

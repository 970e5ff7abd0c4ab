"""A demo's folder belongs to one demo, and a demo clears only what a demo made."""

import pytest

from ingest.demo.place import claim
from ingest.errors import UsageError


def test_a_second_demo_is_told_who_is_there(tmp_path):
    """The error names the process and the ways out."""
    with (
        claim(tmp_path / "demo"),
        pytest.raises(UsageError, match=r"another demo is running in it \(process \d+\)"),
        claim(tmp_path / "demo"),
    ):
        pass


def test_the_next_demo_starts_clean_but_keeps_airflow(tmp_path):
    """Spool, tables, mails, keys, packs, cases and logs go; Airflow's home with its migrated database stays."""
    with claim(tmp_path / "demo") as place:
        folders = (place.spool, place.lake, place.mailbox, place.key.parent, place.packs, place.root / "devices")
        for folder in (*folders, place.airflow):
            folder.mkdir(parents=True)
            (folder / "old").touch()
        place.config.touch()
        place.truth.touch()
        (place.root / "cases.db").touch()

    with claim(tmp_path / "demo") as place:
        left = sorted(str(path.relative_to(place.root)) for path in place.root.rglob("*") if path.is_file())

    assert left == ["airflow/old", "demo.lock"]


def test_somebody_else_s_folder_is_left_alone(tmp_path):
    """A folder that no demo made is refused, untouched."""
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "precious").touch()

    with pytest.raises(UsageError, match="no demo made it"), claim(tmp_path):
        pass

    assert (tmp_path / "spool" / "precious").exists()


def test_a_file_is_no_folder(tmp_path):
    """One line, not a traceback."""
    (tmp_path / "demo").touch()

    with pytest.raises(UsageError, match="not a folder"), claim(tmp_path / "demo"):
        pass

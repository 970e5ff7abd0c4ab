"""Encrypted data files: nothing readable in them, nothing altered unseen, every reader reads them, keys come and go."""

import base64
import datetime as dt
import json
import random
import re
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.cases.book import case_book
from expectations.evidence.pack import make_pack
from expectations.evidence.verify import verify_pack
from expectations.findings import read_findings
from expectations.run import check
from ingest.cli import main
from ingest.encryption import Cipher, FileKeys, cipher, master_key_of
from ingest.errors import KeyFileError, LakeError, UsageError
from ingest.keys import create_keys
from ingest.lake import Lake
from ingest.landing import land
from ingest.retention import missing_in, prune
from ingest.rotation import destroy, rotate
from ingest.settings import load_settings
from tests.expectations.evidence.evidenceshop import charged_twice, exchange, record, shop_at

YEAR = dt.timedelta(days=365)
WORDS = ("Zauberwort", "张记小馆的秘密", "approved-by-nobody")


def _key_of(path: str | Path) -> str | None:
    with Path(path).open("rb") as file:
        return master_key_of(file)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key file."""
    create_keys(tmp_path / "lake.key")
    return tmp_path / "lake.key"


@pytest.fixture
def lake(tmp_path: Path, key: Path) -> Lake:
    """An encrypted table of three rows in three files."""
    made = Lake(tmp_path / "lake", Cipher(FileKeys(key)))
    for number, word in enumerate(WORDS):
        row = {
            "finding_id": f"{word}-{number}",
            "label": word,
            "by": word,
            "at": dt.datetime(2026, 11, 22, tzinfo=dt.UTC),
        }
        made.append("acks", [row], app_id=f"a{number}")
    return made


def words_of(lake: Lake) -> list[str]:
    return [str(word) for word in lake.read("acks", columns=["label"])["label"].to_pylist()]


def test_no_word_of_a_row_is_in_any_file(lake: Lake) -> None:
    """Data, footers, statistics and the log: none holds a value. The negative control is the same lake, plain."""
    plain = Lake(lake.root.parent / "plain")
    plain.append("acks", lake.read("acks"), app_id="a")

    def found(root: Path) -> set[str]:
        files = [path.read_bytes() for path in root.rglob("*") if path.is_file()]
        return {word for word in WORDS for data in files if word.encode() in data}

    assert words_of(lake) == list(WORDS)
    assert found(lake.root) == set()
    assert found(plain.root)


@pytest.mark.thorough
def test_no_flipped_bit_is_read_as_data(lake: Lake, record_property: Any) -> None:
    """A bit anywhere: an error that names file or key. Only words about the key that nobody asks for may differ."""
    path = Path(lake.files("acks")[0])
    whole, rows = path.read_bytes(), lake.read("acks")
    rng = random.Random(5)
    unseen = set()
    for place in rng.sample(range(len(whole)), 400):
        spoiled = bytearray(whole)
        spoiled[place] ^= 1 << rng.randrange(8)
        path.write_bytes(spoiled)
        try:
            found = lake.read("acks")
        except (LakeError, KeyFileError):
            continue
        assert found.equals(rows)
        unseen.add(place)
    path.write_bytes(whole)
    start = whole.rindex(b'{"keyMaterialType"')
    assert unseen <= set(range(start - 18, whole.index(b"}", start) + 2))
    record_property("tried", "400 bits")
    record_property("lost", "0 read as other data")


def test_another_program_reads_it_with_the_files_own_key(lake: Lake, key: Path) -> None:
    """DuckDB, an implementation of its own, agrees on format and cipher; without the key it is refused."""
    import duckdb

    path = Path(lake.files("acks")[0])
    data = path.read_bytes()
    material = data[data.rindex(b'{"keyMaterialType"') :]
    facts = json.loads(material[: material.index(b"}") + 1])
    own = FileKeys(key).unwrap(facts["wrappedDEK"], facts["masterKeyID"])
    assert len(own) == 32
    with duckdb.connect() as there:
        there.execute(f"PRAGMA add_parquet_key('own', '{base64.b64encode(own).decode()}')")
        query = "SELECT label FROM read_parquet(?, encryption_config = {footer_key: 'own'})"
        assert there.execute(query, [str(path)]).fetchall() == [(WORDS[0],)]
        with pytest.raises(duckdb.Error, match="encrypted"):
            there.execute("SELECT label FROM read_parquet(?)", [str(path)])


def test_a_lake_may_hold_both(lake: Lake) -> None:
    """Files from before the key are read as they are; without the key the first encrypted one is named."""
    plain = Lake(lake.root)
    plain.append("acks", [{"finding_id": "old", "label": "old"}], app_id="b")

    assert sorted(words_of(lake)) == sorted([*WORDS, "old"])
    with pytest.raises(LakeError, match=r"a0\.parquet: encrypted, and no key is named") as wrong:
        plain.read("acks")
    assert "lake.key" in wrong.value.hint


def test_files_of_keys_before_are_read_until_the_key_is_destroyed(lake: Lake, key: Path) -> None:
    """After a rotation old and new files are read; after the end of the old key its id is in the message."""
    first = _key_of(lake.files("acks")[0])
    assert first is not None
    new = rotate(key)
    after = Lake(lake.root, Cipher(FileKeys(key)))
    after.append("acks", [{"finding_id": "new", "label": "new"}], app_id="n")

    assert sorted(words_of(after)) == sorted([*WORDS, "new"])
    assert {_key_of(path) for path in after.files("acks")} == {first, new.key_id}
    destroy(key, first)
    with pytest.raises(KeyFileError, match=f"key {first} is not there"):
        words_of(Lake(lake.root, Cipher(FileKeys(key))))


def test_a_key_that_is_another_one_under_the_same_name_is_told(lake: Lake, key: Path) -> None:
    """The same id, other bytes: a key file put back from the wrong copy."""
    text = key.read_text("ascii")
    key.write_text(text[:-65] + "0" * 64 + "\n", "ascii")

    with pytest.raises(KeyFileError, match="is not the one that these files were written with"):
        words_of(Lake(lake.root, Cipher(FileKeys(key))))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_can_reach_is_refused(key: Path, mode: int) -> None:
    """0600 or nothing."""
    key.chmod(mode)

    with pytest.raises(KeyFileError, match="lets others at the key"):
        cipher(key, None)


@given(secret=st.binary(min_size=16, max_size=32), spoil=st.integers(0, 10**6))
def test_wrapping_is_undone_and_every_change_is_seen(secret: bytes, spoil: int) -> None:
    """What was wrapped comes back; a changed character, or another key's id, does not open it."""
    keys = FileKeys.__new__(FileKeys)
    keys._path, keys.current, keys._keys = Path("k"), "one", {"one": bytes(32), "two": bytes(32)}
    wrapped = keys.wrap(secret, "one")

    assert keys.unwrap(wrapped, "one") == secret
    assert keys.wrap(secret, "one") != wrapped
    sealed = bytearray(base64.b64decode(wrapped))
    sealed[spoil % len(sealed)] ^= 1 + spoil % 255
    for text, name in (
        (base64.b64encode(sealed).decode(), "one"),
        (wrapped, "two"),
        ("no base64!", "one"),
        ("", "one"),
    ):
        with pytest.raises(KeyFileError):
            keys.unwrap(text, name)


def test_a_service_of_a_package_holds_the_keys(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`key_service` names an entry point; a name that nobody brings is told with those that are there."""
    asked: list[str] = []

    class Vault(FileKeys):
        """Stands for a remote service."""

        def __init__(self) -> None:
            super().__init__(key)

        def wrap(self, key: bytes, master_key: str) -> str:
            asked.append(master_key)
            return super().wrap(key, master_key)

    entry = SimpleNamespace(name="vault", load=lambda: Vault)
    monkeypatch.setattr(metadata, "entry_points", lambda group: [entry] if group == "tillwatch.key_services" else [])
    lake = Lake(tmp_path / "lake", cipher(None, "vault"))
    lake.append("acks", [{"finding_id": "a", "label": "a"}], app_id="a")

    assert words_of(lake) == ["a"]
    assert asked == [Vault().current]
    with pytest.raises(UsageError, match="brings 'kms'") as wrong:
        cipher(None, "kms")
    assert "vault" in wrong.value.hint


@pytest.mark.slow
def test_every_reader_reads_an_encrypted_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Landed, checked, listed, packed, verified and pruned with `lake.key`: as without; no file of it is plain."""

    def day(folder: Path, *, encrypted: bool) -> tuple[list[str], int]:
        folder.mkdir()
        settings = shop_at(folder)
        config = folder / "tillwatch.toml"
        if encrypted:
            create_keys(folder / "lake.key")
            config.write_text(config.read_text("utf-8").replace("[lake]", '[lake]\nkey = "lake.key"'), "utf-8")
            settings = load_settings(config)
        record(folder, [*exchange("SALE", 4518, 0), *exchange("SALE", 4519, 2)])
        check(settings)
        Lake.of(settings.lake).append("findings", [charged_twice(settings).as_row()], app_id="test")
        found = read_findings(settings)
        book = case_book(settings)
        book.open_cases(found)
        number = next(iter(book.numbers([each.finding_id for each in found]).values()))
        now = dt.datetime.now(dt.UTC)
        made = make_pack(book.case(number), settings, folder / "pack.zip", locale="en", now=now)
        proven = verify_pack(made.path, settings)
        assert (proven.problems, proven.rows > 0) == ((), True)
        assert not land(settings).changed
        record(folder, exchange("SALE", 4520, 30))
        lacks = missing_in(Lake.of(settings.lake), settings.zone)
        judged = prune(settings.spool.directory, lacks, keep_days=1, now=now + YEAR)
        pruned = sum(not each.stays for each in judged)
        return [f"{each.rule} {each.certainty} {each.amount_at_risk_fen}" for each in found], pruned

    plain, _ = day(tmp_path / "plain", encrypted=False)
    same, pruned = day(tmp_path / "encrypted", encrypted=True)

    assert same == plain != []
    assert pruned == 1  # the newest stays
    files = list((tmp_path / "encrypted" / "lake").rglob("*.parquet"))
    assert files
    assert all(_key_of(path) for path in files)

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["tillwatch", *words, "--config", str(tmp_path / "encrypted/tillwatch.toml")])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out + err

    capsys.readouterr()
    assert f"{len(files)} files" in run("keys", "ls", "--lake")[1]
    [needed] = {_key_of(path) for path in files}
    assert run("keys", "rotate", "--lake")[0] == 0
    status, said = run("keys", "destroy", "--lake", str(needed))
    assert (status, "could no more be read" in said) == (3, True)
    (tmp_path / "encrypted" / "lake.key").rename(tmp_path / "away")
    for words in (("land",), ("check",), ("findings",), ("evidence", "verify", str(tmp_path / "encrypted/pack.zip"))):
        status, said = run(*words)
        assert status == 3, said
        assert "lake.key: no key file" in said
        assert "doctor --create-keys" in said


def test_nobody_opens_the_configured_lake_without_its_key() -> None:
    """Who writes `Lake(settings.lake.uri)` cannot read an encrypted lake, and would write plain files into it."""
    root = Path(__file__).parents[2]
    sources = [path for folder in ("ingest", "expectations", "dags") for path in (root / folder).rglob("*.py")]

    found = [
        str(path)
        for path in sources
        if re.search(r"\bLake\([\w.]*lake\.uri\)(?!\.root|\.place)", path.read_text("utf-8"))
    ]

    assert len(sources) > 100
    assert found == []

"""The lake in a bucket, a real S3 API on loopback: committed once, read whole or not at all, each trouble one line."""

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from expectations.cases.book import case_book
from expectations.evidence.pack import make_pack
from expectations.evidence.verify import verify_pack
from expectations.findings import read_findings
from expectations.run import check
from ingest.cli import cli
from ingest.deriving import RULES
from ingest.encryption import Cipher, FileKeys
from ingest.errors import LakeError, StoreError, TillwatchError, UsageError
from ingest.keys import create_keys
from ingest.lake import Lake
from ingest.landing import land
from ingest.retention import missing_in, prune
from ingest.settings import load_settings
from ingest.tables import TABLES
from tests.expectations.evidence.evidenceshop import charged_twice, exchange, record, shop_at
from tests.expectations.mail.postbox import Postbox, serving
from tests.ingest.lakerows import MONDAY, TUESDAY, stans, transactions
from tests.ingest.s3 import LossyWire, bucket_at

pytestmark = pytest.mark.thorough

URL = "s3://shop/lake"


@pytest.fixture
def guarded(store: str) -> Iterator[None]:
    """The store asks for keys that it knows; it knows none."""
    httpx.post(f"{store}/moto-api/reset-auth", content=b"0").raise_for_status()
    yield
    httpx.post(f"{store}/moto-api/reset-auth", content=b"inf").raise_for_status()


@pytest.fixture
def lake(store: str) -> Lake:
    del store
    return Lake(URL)


def _keys(store: str) -> list[str]:
    return sorted(each.key for each in bucket_at(store, "shop").objects.all())


def test_a_bucket_holds_what_a_folder_holds(lake: Lake, tmp_path: Path, store: str):
    """The same calls leave the same rows, the same answers and the same files, by name and byte for byte."""
    folder = Lake(tmp_path / "lake")
    for each in (lake, folder):
        assert each.read("transactions").num_rows == 0
        assert each.version("transactions") is None
        assert each.append("transactions", transactions(MONDAY, [1, 2]), app_id="segment-1")
        assert not each.append("transactions", transactions(MONDAY, [1, 2]), app_id="segment-1")
        where = {"seen_date": [MONDAY, TUESDAY]}
        rows = transactions(MONDAY, [3]) + transactions(TUESDAY, [4, 5])
        assert each.replace("transactions", rows, partitions=where, app_id="raw", app_version=7)
        assert not each.replace("transactions", rows, partitions=where, app_id="raw", app_version=7)
        assert each.committed("transactions", "raw") == 7
        assert each.uncommitted("transactions", ["segment-1", "segment-2"]) == ["segment-2"]
        assert stans(each) == [3, 4, 5]
        assert each.days("transactions") == {MONDAY: 1, TUESDAY: 2}
        tuesdays = each.read("transactions", columns=["stan"], filters=[("seen_date", "==", TUESDAY)])
        assert sorted(tuesdays["stan"].to_pylist()) == [4, 5]

    files = {name.removeprefix("lake/"): name for name in _keys(store) if "_delta_log" not in name}
    assert sorted(files) == sorted(
        path.relative_to(folder.root).as_posix() for path in folder.root.rglob("*.parquet")
    )  # what was replaced is gone from both
    for name, key in files.items():
        held = bucket_at(store, "shop").Object(key).get()["Body"].read()
        assert held == (folder.root / name).read_bytes()


APPEND_EIGHT = """
import datetime as dt, sys
from ingest.tables import Lake
day = dt.date(2026, 11, 23)
won = 0
for n in range(1, 9):
    rows = [{"stan": n, "business_date": day, "seen_date": day}]
    won += Lake(sys.argv[1]).append("transactions", rows, app_id=f"segment-{n}")
print(won)
"""


def test_two_processes_commit_each_segment_once(lake: Lake):
    """Two landers that do the same eight segments at once: each is in once, and one of the two knows that it did it."""
    both = [
        subprocess.Popen([sys.executable, "-c", APPEND_EIGHT, URL], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    won = [int(each.communicate(timeout=240)[0]) for each in both]

    assert [each.returncode for each in both] == [0, 0]
    assert sum(won) == 8
    assert stans(lake) == list(range(1, 9))


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_an_answer_that_was_lost_after_success_is_a_success(
    store: str, monkeypatch: pytest.MonkeyPatch, lost: int, record_property: Any
):
    """Data file or log: it was put, nobody heard. The writer finds its own mark, and says that it committed."""
    wire = LossyWire(store, lost)
    monkeypatch.setenv("AWS_ENDPOINT_URL", wire.url)
    lake = Lake(URL)

    assert lake.append("transactions", transactions(MONDAY, [1]), app_id="a")
    assert lake.append("transactions", transactions(MONDAY, [2]), app_id="b")
    where = {"seen_date": [MONDAY]}
    assert lake.replace("transactions", transactions(MONDAY, [3]), partitions=where, app_id="raw", app_version=1)

    assert wire.lost == 0
    assert stans(lake) == [3]
    wire.close()
    record_property("lost", "0 of 3 commits, 0 twice")


def test_a_lake_that_is_encrypted_in_a_bucket(store: str, tmp_path: Path):
    """Encrypted files are read with the key; without it the file is named."""
    key = tmp_path / "lake.key"
    create_keys(key)
    lake = Lake(URL, Cipher(FileKeys(key)))
    lake.append("acks", [{"finding_id": "a", "label": "done"}], app_id="a")

    assert lake.read("acks")["label"].to_pylist() == ["done"]
    with pytest.raises(LakeError, match=r"s3://shop/lake/acks/a\.parquet: encrypted, and no key is named"):
        Lake(URL).read("acks")
    assert store


def test_a_changed_byte_and_a_missing_file_are_told(lake: Lake, store: str, monkeypatch: pytest.MonkeyPatch):
    """A page's checksum, and a file that somebody removed: an error that names it, not other rows."""
    monkeypatch.setattr("ingest.lake.READ_TRIES", 2)
    lake.append("transactions", transactions(MONDAY, range(200)), app_id="a")
    [name] = [key for key in _keys(store) if key.endswith(".parquet")]
    held = bucket_at(store, "shop").Object(name)
    data = bytearray(held.get()["Body"].read())
    data[200] ^= 1
    held.put(Body=bytes(data))

    with pytest.raises(LakeError, match=f"s3://shop/{name}: damaged"):
        lake.read("transactions")
    held.delete()
    with pytest.raises(LakeError, match="a file that is not there"):
        lake.read("transactions")


def _down(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    del store
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


def _no_bucket(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    del store
    monkeypatch.setenv("TILLWATCH_LAKE__URI", "s3://nobody/lake")


@pytest.mark.parametrize(
    ("trouble", "said", "hint"),
    [(_down, "Connection refused", "check the network"), (_no_bucket, "no such bucket", "make the bucket")],
)
@pytest.mark.parametrize("words", [["land"], ["check"], ["findings"], ["alert", "send"]])
def test_a_store_that_does_not_serve_is_one_line(
    store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[[str, pytest.MonkeyPatch], None],
    said: str,
    hint: str,
    words: list[str],
):
    """Whatever is asked of the tables: where, what, what to do."""
    shop = shop_at(tmp_path)
    assert shop
    monkeypatch.setattr("ingest.objectstore.TRIES", 0)
    monkeypatch.setenv("TILLWATCH_LAKE__URI", URL)
    monkeypatch.setenv("TILLWATCH_CASES__URL", f"sqlite:///{tmp_path}/cases.db")
    trouble(store, monkeypatch)

    ended = CliRunner().invoke(cli, [*words, "--config", str(tmp_path / "tillwatch.toml")])

    assert isinstance(ended.exception, StoreError), ended.exception
    assert said in ended.exception.message
    assert "\n" not in ended.exception.message
    assert ended.exception.message.startswith("s3://")
    assert hint in ended.exception.hint


def test_wrong_keys_are_one_line(lake: Lake, store: str, monkeypatch: pytest.MonkeyPatch, guarded: None):
    """A key that the store does not know: reading, writing and the doctor say so."""
    del store, guarded
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    told: list[TillwatchError] = []
    for work in (
        lambda: lake.read("transactions"),
        lambda: lake.append("transactions", transactions(MONDAY, [1]), app_id="a"),
    ):
        with pytest.raises(StoreError, match="refused") as wrong:
            work()
        told.append(wrong.value)

    assert all("AWS_SECRET_ACCESS_KEY" in each.hint and "clock" in each.hint for each in told)
    assert all("\n" not in each.message for each in told)


def test_of_a_lake_that_a_newer_version_wrote_nothing_is_read_or_written(lake: Lake, store: str):
    """A newer Delta protocol, a column that is not known here: told, and nothing changes."""
    lake.append("acks", [{"finding_id": "a"}], app_id="a")
    log = bucket_at(store, "shop").Object("lake/acks/_delta_log/00000000000000000000.json")
    first = log.get()["Body"].read().decode()
    for old, new in (
        ('"minReaderVersion":1', '"minReaderVersion":9'),
        ('"minWriterVersion":2', '"minWriterVersion":9'),
        (r"{\"name\":\"label\"", r"{\"name\":\"mood\""),
    ):
        assert old in first
        log.put(Body=first.replace(old, new).encode())
        before = _keys(store)

        for work in (lambda: lake.read("acks"), lambda: lake.append("acks", [{"finding_id": "b"}], app_id="b")):
            with pytest.raises(LakeError, match="s3://shop/lake/acks: written by a newer version") as told:
                work()
            assert "update tillwatch" in told.value.hint
        assert _keys(store) == before


def test_tables_made_by_later_rules_are_not_made_again_by_ours(tmp_path: Path):
    """Tables that a newer tillwatch worked out stay as they are; the older one says so."""
    shop = shop_at(tmp_path)
    record(tmp_path, exchange("SALE", 4518, 0))
    lake = Lake.of(shop.lake)
    lake.append("transactions", [], app_id=f"raw_frames-r{RULES + 1}")
    before = lake.version("transactions")

    with pytest.raises(LakeError, match="transactions: written by a newer version"):
        record(tmp_path, exchange("SALE", 4519, 5))
    assert lake.version("transactions") == before


def test_a_lake_in_a_bucket_needs_to_know_where_cases_are(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Beside a bucket there is no folder: the setting is named before anything is judged."""
    monkeypatch.setenv("TILLWATCH_LAKE__URI", URL)
    settings = shop_at(tmp_path)
    assert store

    with pytest.raises(UsageError, match=r"cases\.url"):
        check(settings)


def test_two_landers_and_the_whole_way_on_s3(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Any
):
    """Landed by two at once, answers lost, checked, packed, verified, told: as in a folder, frame for frame."""
    recorded = [*exchange("SALE", 4518, 0), *exchange("SALE", 4519, 2)]
    folder = tmp_path / "folder"
    folder.mkdir()
    plain = shop_at(folder)
    record(folder, recorded)
    record(folder, exchange("SALE", 4520, 30))

    monkeypatch.setenv("TILLWATCH_LAKE__URI", URL)
    monkeypatch.setenv("TILLWATCH_CASES__URL", f"sqlite:///{tmp_path}/cases.db")
    config = folder / "tillwatch.toml"
    settings = load_settings(config)
    wire = LossyWire(store, lost=4)
    monkeypatch.setenv("AWS_ENDPOINT_URL", wire.url)
    with ThreadPoolExecutor(2) as two:
        results = list(two.map(lambda _: land(settings), range(2)))
    wire.close()
    assert wire.lost == 0
    monkeypatch.setenv("AWS_ENDPOINT_URL", store)
    assert not land(settings).changed
    assert sum(result.segments for result in results) == 2
    ours, theirs = Lake.of(settings.lake), Lake.of(plain.lake)
    for name in TABLES:
        assert _rows(ours, name) == _rows(theirs, name), name

    check(settings)
    ours.append("findings", [charged_twice(settings).as_row()], app_id="test")
    book = case_book(settings)
    book.open_cases(read_findings(settings))
    number = next(iter(book.numbers([each.finding_id for each in read_findings(settings)]).values()))
    made = make_pack(book.case(number), settings, tmp_path / "pack.zip", locale="en", now=dt.datetime.now(dt.UTC))
    proven = verify_pack(made.path, settings)
    assert (proven.problems, proven.rows > 0) == ((), True)

    lacks = missing_in(ours, settings.zone)
    judged = prune(settings.spool.directory, lacks, keep_days=1, now=dt.datetime.now(dt.UTC) + dt.timedelta(days=400))
    assert sum(not each.stays for each in judged) == 1
    box = Postbox()
    with serving(box) as port:
        monkeypatch.setenv("TILLWATCH_ALERTS__SMTP", f"smtp://127.0.0.1:{port}")
        words = ["alert", "send", "--at-once", "--at", "2026-11-22T10:00", "--config", str(config)]  # no report is due
        sent = [CliRunner().invoke(cli, words) for _ in range(2)]
    assert [each.exit_code for each in sent] == [0, 0], sent[0].output
    assert len(box.mails) == 1, sent[0].output
    doctor = CliRunner().invoke(cli, ["doctor", "--config", str(config)])
    assert "s3://shop/lake: raw_frames at version" in doctor.output + doctor.stderr
    record_property("lost", f"0 of {len(_rows(theirs, 'raw_frames'))} records, 0 twice")


def test_duckdb_reads_a_bucket_through_the_line_that_land_prints(store: str, tmp_path: Path):
    """What `tillwatch land` says to look with is run, and shows the sale; nothing is fetched from elsewhere."""
    shop_at(tmp_path)
    environment = os.environ | {"TILLWATCH_LAKE__URI": URL}
    assert store
    capture = tmp_path / "lines.capture.jsonl"
    capture.write_text("".join(json.dumps(line) + "\n" for line in exchange("SALE", 4518, 0)), "utf-8")
    tillwatch = str(Path(sys.executable).with_name("tillwatch"))
    config = ["--config", str(tmp_path / "tillwatch.toml")]
    for words in (["replay", str(capture), "--profile", "unionpay"], ["land"]):
        done = subprocess.run([tillwatch, *words, *config], env=environment, capture_output=True, text=True, check=True)
    line = done.stderr.partition("look: ")[2]

    path = f"{Path(sys.executable).parent}:{environment['PATH']}"
    shown = subprocess.run(
        ["sh", "-c", line], env=environment | {"PATH": path}, capture_output=True, text=True, check=True
    )

    assert "SALE" in shown.stdout
    assert "4518" in shown.stdout


def _rows(lake: Lake, name: str) -> list[dict[str, Any]]:
    columns = [column.name for column in TABLES[name].columns]
    return sorted(lake.read(name, columns=columns).to_pylist(), key=str)

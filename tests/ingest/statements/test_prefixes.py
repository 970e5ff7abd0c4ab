"""Statements from object storage, a real S3 API on loopback: files that come, come again, or are wrong."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ingest.cli import cli
from ingest.errors import StoreError
from ingest.settings import Settings, load_settings
from ingest.statements.watched import import_watched
from ingest.tables import Lake
from tests.ingest.s3 import bucket_at

pytestmark = pytest.mark.thorough

LAYOUT = """
name = "plain"
title = { en = "Plain", zh-CN = "简单" }
source = "this test"
confidence = "measured"
kind = "trades"
[file]
format = "csv"
[columns]
merchant_id = { column = "mid" }
amount_fen = { column = "amount", unit = "yuan" }
occurred_at = { column = "at", form = "%Y-%m-%d %H:%M:%S" }
txn_type = { column = "type", values = { "消费" = "SALE" } }
"""
HEAD = "mid,amount,at,type\n"
GOOD = HEAD + '898320548160001,"1,286.00",2026-11-21 12:00:00,消费\n'


@pytest.fixture
def bucket(store: str) -> Any:
    """An empty bucket, by somebody else's client."""
    return bucket_at(store, "acquirer")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "plain.toml").write_text(LAYOUT, "utf-8")
    file = tmp_path / "tillwatch.toml"
    file.write_text(
        f'[lake]\nuri = "{tmp_path}/lake"\n[[statements]]\nacquirer = "plain"\nlayout = "{tmp_path}/plain.toml"\n'
        'prefix = "s3://acquirer/daily"\npattern = "*.csv"\n'
    )
    return file


@pytest.fixture
def settings(config: Path) -> Settings:
    return load_settings(config)


def lines(settings: Settings) -> list[int]:
    return sorted(Lake(settings.lake.uri).read("statement_lines")["amount_fen"].to_pylist())


def test_what_is_new_goes_in_once(settings: Settings, bucket: Any):
    """UTF-8 and GBK; the second look fetches nothing, and the same bytes under another name are the same file."""
    bucket.put_object(Key="daily/20261121.csv", Body=GOOD.encode())
    bucket.put_object(Key="daily/20261122.csv", Body=GOOD.replace("1,286.00", "18.00").encode("gbk"))
    bucket.put_object(Key="daily/readme.txt", Body=b"not a statement")
    bucket.put_object(Key="elsewhere/20261121.csv", Body=HEAD.encode())
    taken = list(import_watched(settings))
    assert [(each.path, each.imported is not None and each.imported.is_new) for each in taken] == [
        ("s3://acquirer/daily/20261121.csv", True),
        ("s3://acquirer/daily/20261122.csv", True),
    ]
    assert lines(settings) == [1800, 128_600]
    assert list(import_watched(settings)) == []
    bucket.put_object(Key="daily/copy-of-20261121.csv", Body=GOOD.encode())
    [again] = import_watched(settings)
    assert again.imported is not None
    assert not again.imported.is_new
    assert lines(settings) == [1800, 128_600]


def test_a_wrong_file_is_refused_whole_with_line_and_column_and_noted_beside_it(settings: Settings, bucket: Any):
    """Its note says where; it is left alone until the note is gone."""
    wrong = GOOD + "898320548160001,18.005,2026-11-21 12:05:00,消费\n"
    bucket.put_object(Key="daily/20261121.csv", Body=wrong.encode())
    [refused] = import_watched(settings)
    assert refused.imported is None
    assert "s3://acquirer/daily/20261121.csv: line 3, amount" in refused.refused
    note = bucket.Object("daily/20261121.csv.rejected.txt").get()["Body"].read().decode()
    assert "line 3, amount" in note
    assert lines(settings) == []
    assert list(import_watched(settings)) == []
    bucket.Object("daily/20261121.csv.rejected.txt").delete()
    assert len(list(import_watched(settings))) == 1


def test_a_store_that_is_down_is_told_and_a_bucket_that_is_not_there(
    config: Path, settings: Settings, bucket: Any, monkeypatch: pytest.MonkeyPatch
):
    """Where, what, and what to do; status 3."""
    del bucket
    file = config.read_text().replace("s3://acquirer", "s3://nobody")
    config.write_text(file)
    told = CliRunner().invoke(cli, ["import", "folders", "--config", str(config)])
    assert isinstance(told.exception, StoreError)
    assert "s3://nobody" in told.exception.message
    assert "make the bucket" in told.exception.hint
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("ingest.objectstore.TRIES", 0)
    with pytest.raises(StoreError, match="s3://acquirer/daily") as down:
        list(import_watched(settings))
    assert "AWS_ENDPOINT_URL" in down.value.hint


def test_a_place_is_a_folder_or_a_prefix(tmp_path: Path):
    """Both, or neither, is a mistake that is named."""
    from ingest.errors import UsageError

    file = tmp_path / "tillwatch.toml"
    file.write_text('[[statements]]\nacquirer = "plain"\n')
    with pytest.raises(UsageError, match="either folder or prefix"):
        load_settings(file)

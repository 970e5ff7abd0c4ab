"""What every part asks of a store: its keys from a file, and each trouble in words of its own."""

from pathlib import Path

import httpx
import obstore
import pytest

from ingest.errors import StoreError
from ingest.lake import Lake
from ingest.objectstore import keys, open_store, store_errors
from tests.ingest.lakerows import MONDAY, stans, transactions

pytestmark = pytest.mark.thorough

URL = "s3://shop/lake"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A credentials file that is named, and no keys in the environment."""
    path = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    return path


def test_the_three_clients_sign_with_the_file_s_keys(store: str, file: Path):
    """Put, committed and read by keys that stand in the file alone; with another's they are refused."""
    with httpx.Client(base_url=store) as admin:  # a user of the server's, who may do anything; then it asks for keys
        import boto3  # type: ignore[import-untyped]  # it ships none

        names = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        users = boto3.client("iam", endpoint_url=store, **names)
        users.create_user(UserName="lander")
        allow = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
        users.put_user_policy(UserName="lander", PolicyName="all", PolicyDocument=allow)
        made = users.create_access_key(UserName="lander")["AccessKey"]
        file.write_text(
            f"[default]\naws_access_key_id = {made['AccessKeyId']}\naws_secret_access_key={made['SecretAccessKey']}\n"
        )
        admin.post("/moto-api/reset-auth", content=b"0").raise_for_status()
        try:
            assert Lake(URL).append("transactions", transactions(MONDAY, [1]), app_id="a")
            assert stans(Lake(URL)) == [1]
            file.write_text("[default]\naws_access_key_id = another\naws_secret_access_key = key\n")
            with pytest.raises(StoreError, match="refused"):
                Lake(URL).read("transactions")
        finally:
            admin.post("/moto-api/reset-auth", content=b"inf").raise_for_status()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[other]\naws_access_key_id = a\naws_secret_access_key = b\n",
        "no ini",
        "[default]\naws_access_key_id = a\n",
    ],
)
def test_a_file_without_keys_is_one_line(file: Path, text: str | None):
    """Missing, empty, another profile, no such format, half of the keys: the file is named, and never its content."""
    if text is not None:
        file.write_text(text)
    with pytest.raises(StoreError, match=str(file)) as told:
        open_store(URL)
    assert "\n" not in told.value.message
    assert "AWS_SHARED_CREDENTIALS_FILE" in told.value.hint


def test_the_environment_wins_and_a_profile_is_asked_for_by_name(file: Path, monkeypatch: pytest.MonkeyPatch):
    """As the other clients of S3 do it; a session's token goes along."""
    file.write_text(
        "[default]\naws_access_key_id = a\naws_secret_access_key = b%c\n"
        "[night]\naws_access_key_id = d\naws_secret_access_key = e\naws_session_token = f\n"
    )
    assert keys() == {"aws_access_key_id": "a", "aws_secret_access_key": "b%c"}
    monkeypatch.setenv("AWS_PROFILE", "night")
    assert keys() == {"aws_access_key_id": "d", "aws_secret_access_key": "e", "aws_session_token": "f"}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "g")
    assert keys() == {}


def test_a_file_that_is_gone_is_no_missing_bucket(store: str):
    """Each 404 says what is missing: the file, the bucket, or an S3 API at that address."""
    assert store
    with pytest.raises(StoreError) as told, store_errors(URL, "a/b.seg"):
        obstore.get(open_store(URL), "a/b.seg")
    assert told.value.message == f"{URL}/a/b.seg: not there, or not any more"

    nowhere = "s3://nobody/lake"
    with pytest.raises(StoreError) as told, store_errors(nowhere, "a/b.seg"):
        obstore.get(open_store(nowhere), "a/b.seg")
    assert told.value.message == f"{nowhere}: there is no such bucket"


def test_an_address_that_is_no_store_is_told(monkeypatch: pytest.MonkeyPatch, store: str):
    """A web server answers 404 in words of its own: the endpoint is named, not a bucket."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{store}/moto-api/nothing")
    with pytest.raises(StoreError, match="no S3 API") as told, store_errors(URL):
        list(obstore.list(open_store(URL)))
    assert "AWS_ENDPOINT_URL" in told.value.hint

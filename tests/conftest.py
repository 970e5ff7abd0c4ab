"""What holds for every test: speed is not asserted (bench/ does that), and CI judges a change by the same examples."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("tillwatch", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("tillwatch")


@pytest.fixture(scope="session", autouse=True)
def _no_card_number_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """When the last test is over: no artefact of the run holds a card number (``tests/leaks.py``)."""
    yield
    from tests.leaks import left_in

    found = left_in(tmp_path_factory.getbasetemp())
    assert found == {}, "card numbers in what tests left behind"


@pytest.fixture(scope="module")
def one_cluster() -> Iterator[None]:
    """A module that starts a cluster of Spark or Celery has the machine's cores without another one."""
    from tests.faults.tools import alone

    with alone("cluster"):
        yield


BUCKETS = ("shop", "acquirer")


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """A real S3 API on loopback."""
    from tests.ingest.s3 import s3_server

    with s3_server(*BUCKETS) as url:
        yield url


@pytest.fixture
def store(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The S3 API's address, with keys for it in the environment and nothing in its buckets."""
    from tests.ingest.s3 import bucket_at

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_address)
    for name in BUCKETS:
        bucket_at(s3_address, name).objects.delete()
    return s3_address

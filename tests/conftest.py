"""What holds for every test: speed is not asserted (bench/ does that), and CI judges a change by the same examples."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

pytest.register_assert_rewrite(
    "tests.expectations.mail.lettertexts",
    "tests.expectations.told",
    "tests.expectations.windowpairs",
    "tests.ingest.statements.likelyfiles",
)  # a test that fails in what it shares with others says by what, too

settings.register_profile("tillwatch", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("tillwatch")


@pytest.fixture(scope="session", autouse=True)
def _no_card_number_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """When the last test is over: no artefact of the run holds a card number (``tests/leaks.py``)."""
    yield
    from tests.leaks import left_in

    found = left_in(tmp_path_factory.getbasetemp())
    assert found == {}, "card numbers in what tests left behind"


CLUSTERS = ("tests/dags/test_on_spark.py", "tests/deploy/test_services.py", "tests/test_spark.py")
"""What starts a cluster of Spark or Celery: two at once take longer than the time that each has."""


class _Files(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file's tests go to one worker, and all that start a cluster to the same one."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return CLUSTERS[0] if file in CLUSTERS else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Files | None:
    """With ``--dist loadfile``; else xdist has its own."""
    return _Files(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts a cluster goes first: it takes as long as half of the rest."""
    items.sort(key=lambda item: item.nodeid.split("::")[0] not in CLUSTERS)


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

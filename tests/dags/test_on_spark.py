"""The tasks that land and check, on a standalone master with a worker: each has `spark-submit` do it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cluster import SMALL, cluster
from expectations.run import check
from ingest.demo.mailbox import Mailbox
from ingest.deriving import DERIVED
from ingest.landing import land
from ingest.settings import Settings, load_settings
from ingest.tables import Lake
from tests.dags.conftest import Airflow
from tests.dags.test_dag_runs import Shop
from tests.settingsfile import written
from tests.sparkhere import why_without_spark

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


@pytest.fixture
def airflow_with_spark(tmp_path: Path) -> Iterator[Airflow]:
    """An Airflow of its own: the packages have to be on its path from the start."""
    if missing := why_without_spark():
        pytest.skip(f"NOT CHECKED: {missing}")
    with Mailbox(tmp_path / "operator") as mailbox:
        running = Airflow(tmp_path, mailbox)
        yield running
        running.close()


def test_tasks_submit_their_work_and_tables_are_those_of_one_process(airflow_with_spark: Airflow, tmp_path: Path):
    """A shop day by two DAGs, each with a driver that spark-submit started: every table equal, row for row.

    With a master that nobody listens on the task fails in one line, which the operator is mailed.
    """
    airflow = airflow_with_spark
    shop = Shop(tmp_path / "shop", airflow.mailbox.port)
    faults = shop.record_day()
    alone = _alone(shop, tmp_path / "alone")
    with cluster(tmp_path, workers=1, options=SMALL) as engine:
        written(load_settings(shop.config).model_copy(update={"engine": engine}), shop.config)

        landed = airflow.run("land_terminal_logs", shop.environment)
        checked = airflow.run("check_transactions", shop.environment)

    unheard = airflow.run("check_transactions", shop.environment)

    log = airflow.log.read_text("utf-8", "replace")
    assert (landed["state"], checked["state"]) == ("success", "success"), log[-4000:]
    assert landed["events"][0]["extra"]["transactions"] > 0
    assert len(checked["xcom"]["check.return_value"]) == faults.total()
    lake = Lake(shop.root / "lake")
    for name in ("raw_frames", *DERIVED, "findings", "life_cycles", "coverage"):
        assert _rows(lake, name) == _rows(Lake.of(alone.lake), name), name
    assert log.count(f"spark-submit --master {engine.master}: ") == 2
    assert unheard["tasks"]["check"] == "failed"
    [mail] = [mail for _, mail in airflow.mailbox.mails()]
    body = mail.get_body(preferencelist=("html",))
    assert body is not None
    assert f"engine.master: nobody answers at {engine.master}: Connection refused" in body.get_content()


def _alone(shop: Shop, folder: Path) -> Settings:
    """The same spool, landed and judged by one process."""
    folder.mkdir()
    shutil.copytree(shop.root / "spool", folder / "spool")
    told = {"spool": {"directory": folder / "spool"}, "lake": {"uri": str(folder / "lake")}}
    settings = load_settings(shop.config, told)
    land(settings)
    check(settings)
    return settings


def _rows(lake: Lake, name: str) -> list[str]:
    """A table's rows, in an order of their own; segments are named after when they were sealed."""
    return sorted(map(repr, lake.read(name).to_pylist()))

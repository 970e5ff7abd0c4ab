"""Runs DAGs with `dag.test()` for the tests: one process, one migrated database, one request a line.

Airflow takes seconds to import and its first `dag.test()` more; and it configures logging for the
whole process, which is no business of pytest's. So it lives here. A request on stdin:
`{"dag": id, "environment": {…}, "conf": {…}}`; the answer is one JSON line on stdout.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch


def main() -> None:
    """Serve requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever Airflow prints goes to the log
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db
    from airflow.utils.db import initdb

    initdb()
    DagBundlesManager().sync_bundles_to_db()
    bag = read_dags()
    sync_bag_to_db(bag, "dags-folder", None)
    print(json.dumps({"ready": sorted(bag.dags), "errors": bag.import_errors}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), file=answers, flush=True)


def read_dags() -> Any:
    """The DAG files, read now."""
    from airflow.dag_processing.dagbag import BundleDagBag

    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    return BundleDagBag(dag_folder=folder, bundle_path=folder, bundle_name="dags-folder")


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run one DAG; the state of the run and of each task, its XComs, and the events it gave its assets.

    The DAG is read anew: `dag.test()` leaves a run's parameters in it (seen with 3.3.2).
    """
    dag = read_dags().dags[request["dag"]]
    for task in dag.tasks:
        task.retries = 0  # waiting for the third try tests patience, not the DAG
    before = dict(os.environ)
    os.environ.update(request.get("environment", {}))
    try:
        with broken_rule(request["break_rule"]) if request.get("break_rule") else contextlib.nullcontext():
            dag_run = dag.test(run_conf=request.get("conf") or None)
    finally:
        os.environ.clear()
        os.environ.update(before)
    tasks = dag_run.get_task_instances()
    with contextlib.closing(_session()) as session:
        return {
            "state": str(dag_run.state),
            "tasks": {task.task_id: str(task.state) for task in tasks},
            "xcom": _xcom(session, dag_run),
            "mapped": _mapped(session, dag_run),
            "events": _events(session, dag_run),
        }


@contextlib.contextmanager
def broken_rule(name: str) -> Iterator[None]:
    """Have a rule's query die."""
    from expectations.rules.declaration import Rule

    whole: Any = Rule.sql
    broken = property(lambda rule: "SELECT no_such_column" if rule.id == name else whole.__get__(rule, Rule))
    with patch.object(Rule, "sql", broken):
        yield


def _session() -> Any:
    from airflow.settings import Session

    return Session()


def _xcom(session: Any, dag_run: Any) -> dict[str, Any]:
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    rows = session.scalars(select(XComModel).where(XComModel.run_id == dag_run.run_id)).all()
    return {f"{row.task_id}.{row.key}": row.value for row in rows}


def _mapped(session: Any, dag_run: Any) -> dict[str, list[Any]]:
    """What each copy of a mapped task gave, in their order."""
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    told = select(XComModel).where(XComModel.run_id == dag_run.run_id, XComModel.map_index >= 0)
    found: dict[str, list[Any]] = {}
    for row in session.scalars(told.order_by(XComModel.map_index)).all():
        found.setdefault(f"{row.task_id}.{row.key}", []).append(row.value)
    return found


def _events(session: Any, dag_run: Any) -> list[dict[str, Any]]:
    from airflow.models.asset import AssetEvent, AssetModel
    from sqlalchemy import select

    rows = session.execute(
        select(AssetModel.name, AssetEvent.extra)
        .join(AssetModel, AssetModel.id == AssetEvent.asset_id)
        .where(AssetEvent.source_run_id == dag_run.run_id)
    ).all()
    return [{"asset": name, "extra": extra} for name, extra in rows]


if __name__ == "__main__":
    main()

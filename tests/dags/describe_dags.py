"""Parses the DAG files in a fresh process and prints what Airflow makes of them, as one JSON object."""

import json
import os
import sys
from pathlib import Path
from typing import Any


def describe(dag: Any) -> dict[str, Any]:
    """What the tests look at of a DAG."""
    timetable = dag.timetable
    clock = getattr(timetable, "timetable", timetable if hasattr(timetable, "expression") else None)
    crons = getattr(clock, "timetables", None) or [clock]
    return {
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "doc_md": dag.doc_md,
        "tags": sorted(dag.tags),
        "params": {name: param.description for name, param in dag.params.items()},
        "assets": sorted(asset.name for asset in getattr(timetable.asset_condition, "objects", [])),
        "crons": sorted([cron.expression, str(cron.timezone)] for cron in crons if cron is not None),
        "tasks": {
            task.task_id: {
                "doc_md": task.doc_md,
                "retries": task.retries,
                "retry_exponential_backoff": task.retry_exponential_backoff,
                "callbacks": [callback.__name__ for callback in listed(task.on_failure_callback)],
                "outlets": [asset.name for asset in task.outlets],
            }
            for task in dag.tasks
        },
    }


def listed(callbacks: Any) -> list[Any]:
    """A mapped task's callback is not in a list before the task is made."""
    return [callbacks] if callable(callbacks) else callbacks


def main() -> None:
    """Print the description."""
    from airflow.dag_processing.dagbag import BundleDagBag

    before = set(sys.modules)
    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    bag = BundleDagBag(dag_folder=folder, bundle_path=folder, bundle_name="dags-folder")
    loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
    document = {
        "errors": bag.import_errors,
        "warnings": {file: list(texts) for file, texts in bag.captured_warnings.items()},
        "loaded": sorted(loaded),
        "dags": {name: describe(dag) for name, dag in bag.dags.items()},
    }
    Path(sys.argv[1]).write_text(json.dumps(document), "utf-8")


if __name__ == "__main__":
    main()

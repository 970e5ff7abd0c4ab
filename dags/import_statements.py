"""Acquirers' files into tables.

Looks into the folders and prefixes of `[[statements]]` every half hour of the day: most acquirers put
yesterday's file there from 09:00 on. A file that was imported before changes nothing. One that is not what its
layout says is renamed to `*.rejected` (under a prefix it stays), with its reason beside it, and the
run fails once, after the other files are in, so that the operator is told.
"""

from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from tillwatch_assets import SHOP_ZONE, STATEMENTS  # type: ignore[import-not-found]  # beside this file
from tillwatch_defaults import TASK_DEFAULTS  # type: ignore[import-not-found]  # beside this file


@dag(
    schedule=CronTriggerTimetable("*/30 7-23 * * *", timezone=SHOP_ZONE),
    catchup=False,
    max_active_runs=1,
    default_args=TASK_DEFAULTS,
    doc_md=__doc__,
    tags=["tillwatch", "1-import"],
)
def import_statements() -> None:
    """Acquirers' files into tables."""

    @task(
        outlets=[STATEMENTS],
        doc_md="One call of `ingest.statements.watched.import_watched`. Skipped when no file is new; a second try "
        "announces in any case: the first may have imported and then died.",
    )
    def import_files(**context: Any) -> int:
        from ingest.redaction import RedactedErrors, redact
        from ingest.settings import load_settings
        from ingest.statements.watched import import_watched

        with RedactedErrors():
            taken = list(import_watched(load_settings()))
        context["ti"].xcom_push("refused", [redact(each.refused) for each in taken if each.refused])
        new = sum(each.imported is not None and each.imported.is_new for each in taken)
        if not new and context["ti"].try_number == 1:
            raise AirflowSkipException("no file is new")
        context["outlet_events"][STATEMENTS].extra = {"files": new}
        return new

    @task(
        trigger_rule="none_failed",
        doc_md="Fails, and so mails the operator, when a file was refused. Its reason lies beside it.",
    )
    def every_file_is_in(**context: Any) -> None:
        refused = context["ti"].xcom_pull(task_ids="import_files", key="refused")
        if refused:
            raise AirflowFailException("; ".join(refused))

    import_files() >> every_file_is_in()


import_statements()

"""Sealed segments into tables.

Runs on the collector's word (an event of `sealed_segments`) and every five minutes, in case the
word was lost. Landing the same segment twice changes nothing: exactly-once lives in the data.
"""

from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from tillwatch_assets import SEALED_SEGMENTS, SHOP_ZONE, TRANSACTIONS  # type: ignore[import-not-found]  # beside this file
from tillwatch_defaults import TASK_DEFAULTS  # type: ignore[import-not-found]  # beside this file


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("*/5 * * * *", timezone=SHOP_ZONE), assets=[SEALED_SEGMENTS]
    ),
    catchup=False,
    max_active_runs=1,
    default_args=TASK_DEFAULTS,
    doc_md=__doc__,
    tags=["tillwatch", "1-land"],
)
def land_terminal_logs() -> None:
    """Sealed segments into tables."""

    @task(
        outlets=[TRANSACTIONS],
        doc_md="One call of `ingest.landing.land`. Skipped when no segment is new; `transactions` is announced "
        "only when rows changed. A second try announces in any case: the first may have landed and then died.",
    )
    def land(**context: Any) -> dict[str, int]:
        from ingest.landing import land as land_segments
        from ingest.redaction import RedactedErrors
        from ingest.settings import load_settings

        with RedactedErrors():
            landed = land_segments(load_settings())
        if not landed.changed and context["ti"].try_number == 1:
            raise AirflowSkipException("no segment is new")
        context["outlet_events"][TRANSACTIONS].extra = landed.counts
        return landed.counts

    land()


land_terminal_logs()

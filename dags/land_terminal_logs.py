"""Sealed segments into tables.

Runs on the collector's word (an event of `sealed_segments`) and every five minutes, in case the
word was lost. Landing the same segment twice changes nothing: exactly-once lives in the data.

A backlog in the store that collectors ship to is shared out in bounded batches, which the workers bring
side by side, each with its own retries. The last task lands the rest and works the tables out. Without
a store, or with no more than one batch in it, the last task is the only one that runs.
"""

from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from tillwatch_assets import SEALED_SEGMENTS, SHOP_ZONE, TRANSACTIONS  # type: ignore[import-not-found]  # beside this file
from tillwatch_defaults import TASK_DEFAULTS  # type: ignore[import-not-found]  # beside this file

WORKERS_AT_ONCE = 16


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
        doc_md="One call of `ingest.shares.share_out`: what lies in the store and not in the tables, in batches of "
        "64 segments or 1 GiB. Skipped where the last task can do it alone, and when something is in the way: that "
        "task lands this machine's spool all the same, and then tells of it."
    )
    def share_out() -> list[list[list[str | int]]]:
        from ingest.errors import TillwatchError
        from ingest.redaction import RedactedErrors
        from ingest.settings import load_settings
        from ingest.shares import share_out as shares_of

        with RedactedErrors():
            try:
                shares = shares_of(load_settings())
            except TillwatchError as wrong:
                raise AirflowSkipException(wrong.message) from None
        if len(shares) < 2:
            raise AirflowSkipException("no more than one batch")
        return [[[each.collector, each.name, each.size] for each in share] for share in shares]

    @task(
        max_active_tis_per_dagrun=WORKERS_AT_ONCE,
        on_failure_callback=None,
        doc_md="One call of `ingest.shares.land_share`: a batch into `raw_frames`. Tried again alone when it fails; "
        "what fails for good is left to the last task, and the operator is told by that one alone.",
    )
    def land_share(share: list[list[Any]]) -> dict[str, int]:
        from ingest.depot import Parcel
        from ingest.redaction import RedactedErrors
        from ingest.settings import load_settings
        from ingest.shares import land_share as land_parcels

        with RedactedErrors():
            return land_parcels(load_settings(), [Parcel(*each) for each in share]).counts

    @task(
        trigger_rule="all_done",
        outlets=[TRANSACTIONS],
        doc_md="One call of `ingest.landing.land`, by `spark-submit` where `engine.land` is Spark. Skipped when no "
        "segment is new; `transactions` is announced only when rows changed. A second try announces in any case: the "
        "first may have landed and then died.",
    )
    def land(**context: Any) -> dict[str, int]:
        from ingest.landing import land as land_segments
        from ingest.redaction import RedactedErrors
        from ingest.settings import load_settings
        from ingest.spark.submitting import on_engine

        with RedactedErrors():
            landed = on_engine("land", land_segments, load_settings())
        if not landed.changed and context["ti"].try_number == 1:
            raise AirflowSkipException("no segment is new")
        context["outlet_events"][TRANSACTIONS].extra = landed.counts
        return landed.counts

    land_share.expand(share=share_out()) >> land()


land_terminal_logs()

"""The tables in good order, once a night.

Small files are put together, days older than `[lake.keep_days]` are let go unless a finding or a
case stands on them, and files that nothing lists are removed. Landing and checking may run meanwhile.
"""

from airflow.sdk import CronTriggerTimetable, dag, task

from tillwatch_assets import SHOP_ZONE  # type: ignore[import-not-found]  # beside this file
from tillwatch_defaults import TASK_DEFAULTS  # type: ignore[import-not-found]  # beside this file


@dag(
    schedule=CronTriggerTimetable("20 4 * * *", timezone=SHOP_ZONE),
    catchup=False,
    max_active_runs=1,
    default_args=TASK_DEFAULTS,
    doc_md=__doc__,
    tags=["tillwatch", "4-maintain"],
)
def maintain_lake() -> None:
    """The tables in good order."""

    @task(doc_md="One call of `expectations.maintenance.maintain`; what was done to each table is in the log.")
    def maintain() -> dict[str, int]:
        import datetime as dt

        from expectations.maintenance import maintain as maintain_tables
        from ingest.redaction import RedactedErrors
        from ingest.settings import load_settings

        with RedactedErrors():
            settings = load_settings()
            done = list(maintain_tables(settings, dt.datetime.now(settings.zone).date()))
        return {
            "compacted": sum(each.compacted for each in done),
            "days_dropped": sum(len(each.dropped) for each in done),
            "swept": sum(each.swept for each in done),
        }

    maintain()


maintain_lake()

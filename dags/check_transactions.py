"""Every rule over the tables.

Runs when `transactions` changed or a statement came in, three times before the 23:00 clearing
cut-off (after it a void is no longer possible and only a refund helps), and at 09:30 when the day
begins. Which days are judged is decided in the package, in the merchant's own zone; Airflow's dates
are UTC and are not used.
"""

import datetime as dt
from typing import Any

from airflow.sdk import AssetOrTimeSchedule, MultipleCronTriggerTimetable, Param, dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from tillwatch_assets import FINDINGS, SHOP_ZONE, STATEMENTS, TRANSACTIONS  # type: ignore[import-not-found]  # beside this file
from tillwatch_defaults import TASK_DEFAULTS  # type: ignore[import-not-found]  # beside this file
from tillwatch_lineage import tell_assertions  # type: ignore[import-not-found]  # beside this file

DAY = {"type": ["null", "string"], "format": "date"}


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=MultipleCronTriggerTimetable("30 9 * * *", "0 21,22 * * *", "30 22 * * *", timezone=SHOP_ZONE),
        assets=(TRANSACTIONS | STATEMENTS),
    ),
    catchup=False,
    max_active_runs=1,
    default_args=TASK_DEFAULTS,
    doc_md=__doc__,
    tags=["tillwatch", "2-check"],
    params={
        "from": Param(None, **DAY, title="From", description="First business day to judge; empty: the rules decide."),
        "to": Param(None, **DAY, title="To", description="Last business day to judge; empty: today in the shop."),
    },
)
def check_transactions() -> None:
    """Every rule over the tables."""

    @task(
        outlets=[FINDINGS],
        doc_md="One call of `expectations.run.check`, by `spark-submit` where `engine.check` is Spark. Skipped when "
        "there is nothing to find; else `findings` is announced, also when they are the old ones: a mail that could "
        "not leave is tried again then.",
    )
    def check(**context: Any) -> list[str]:
        from expectations.run import check as run_rules
        from ingest.redaction import RedactedErrors
        from ingest.settings import load_settings
        from ingest.spark.submitting import on_engine

        params = context["params"]
        start, end = (dt.date.fromisoformat(day) if day else None for day in (params["from"], params["to"]))
        with RedactedErrors():
            settings = load_settings()
            result = on_engine("check", run_rules, settings, start=start, end=end)
        tell_assertions(result, settings.lake.uri)
        context["ti"].xcom_push("could_not_run", [each.name for each in result.could_not_run])
        if not result.findings and not result.written:
            raise AirflowSkipException("nothing was found")
        context["outlet_events"][FINDINGS].extra = {
            "findings": len(result.findings),
            "attempts": result.attempts,
            "broken_table_laws": len(result.quality),
        }
        return [finding.finding_id for finding in result.findings]

    @task(
        trigger_rule="none_failed",
        doc_md="Fails, and so mails the operator, when a rule crashed. A rule that crashed has found nothing, which "
        "is not the same as finding that nothing is wrong. What the others found is told all the same.",
    )
    def every_rule_ran(**context: Any) -> None:
        crashed = context["ti"].xcom_pull(task_ids="check", key="could_not_run")
        if crashed:
            raise AirflowFailException(f"rules that could not run: {', '.join(crashed)}")

    check() >> every_rule_ran()


check_transactions()

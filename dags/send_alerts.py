"""Findings into mails, one for a merchant and a decision moment.

Runs when `findings` was announced, and every five minutes: P2 mails leave at full hours, digests at
09:30, reminders on their day, and what could not be handed over when its next try has come. The
ledger of sent mails decides what is new: running it twice sends nothing twice. A mail that cannot be
handed over stays unsent, the task is tried again, and in the end the operator hears of it.
"""

from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, Param, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from tillwatch_assets import ALERTS, FINDINGS, SHOP_ZONE  # type: ignore[import-not-found]  # beside this file
from tillwatch_defaults import TASK_DEFAULTS  # type: ignore[import-not-found]  # beside this file


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("*/5 * * * *", timezone=SHOP_ZONE),
        assets=[FINDINGS],
    ),
    catchup=False,
    max_active_runs=1,
    default_args=TASK_DEFAULTS,
    doc_md=__doc__,
    tags=["tillwatch", "3-tell"],
    params={
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="Decide and render the mails, but send none of them."
        )
    },
)
def send_alerts() -> None:
    """Findings into mails."""

    @task(
        outlets=[ALERTS],
        doc_md="One call of `expectations.mail.send.send_alerts`. Skipped when no mail was due. A mail that somebody "
        "has not got makes the task fail, after all others were sent; the next try sends just what is missing.",
    )
    def send(**context: Any) -> list[str]:
        from expectations.mail.send import send_alerts as send_due
        from ingest.redaction import RedactedErrors
        from ingest.settings import load_settings

        with RedactedErrors():
            result = send_due(load_settings(), dry_run=context["params"]["dry_run"])
            result.require_delivery()
        if not result.sent and context["ti"].try_number == 1:
            raise AirflowSkipException(f"no mail was sent; {len(result.outcomes)} would be")
        context["outlet_events"][ALERTS].extra = {"mails": len(result.sent)}
        return [outcome.alert_id for outcome in result.sent]

    send()


send_alerts()

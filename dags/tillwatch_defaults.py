"""What every task of the pipeline shares: patience, and who hears when patience runs out.

"The pipeline broke" goes to the operator, by Airflow's own notifier. "The money is wrong" goes to
the merchant, by tillwatch's mailer. Different readers, different subjects, different servers.

The operator's address is the Airflow variable ``tillwatch_operator`` (environment:
``AIRFLOW_VAR_TILLWATCH_OPERATOR``), the server the connection ``tillwatch_operator_smtp``
(environment: ``AIRFLOW_CONN_TILLWATCH_OPERATOR_SMTP``).
"""

import datetime as dt
from typing import Any

from airflow.providers.smtp.notifications.smtp import SmtpNotifier

OPERATOR_CONNECTION = "tillwatch_operator_smtp"


def tell_operator(context: Any) -> None:
    """Mail the operator that a task has failed for good.

    A notifier for each failure: it renders its templates in place, so a shared one would tell of the
    first failure for ever (seen with apache-airflow-providers-smtp 3.2.0).
    """
    notify = SmtpNotifier(
        smtp_conn_id=OPERATOR_CONNECTION,
        to="{{ var.value.tillwatch_operator }}",
        subject="[tillwatch pipeline] {{ dag.dag_id }}.{{ ti.task_id }} failed (try {{ ti.try_number }})",
        html_content=(
            "<p>The pipeline itself is broken, and merchants may not be told. Nothing is lost: the spool keeps"
            " what was read, and the next run takes up where this one stopped.</p>"
            "<p><b>{{ dag.dag_id }}.{{ ti.task_id }}</b>, run {{ run_id }}<br>{{ exception | string | e }}</p>"
            '<p><a href="{{ ti.log_url }}">Log of the task</a></p>'
        ),
    )
    notify(context)


TASK_DEFAULTS: dict[str, Any] = {
    "owner": "payments-ops",
    "retries": 4,
    "retry_delay": dt.timedelta(seconds=30),
    "retry_exponential_backoff": 2,
    "max_retry_delay": dt.timedelta(minutes=10),
    "execution_timeout": dt.timedelta(minutes=30),
    "on_failure_callback": tell_operator,
}

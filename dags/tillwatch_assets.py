"""The stations of the data's way, as Airflow's asset graph shows them.

Airflow appends the bundle's root to ``sys.path``: the DAG files import this module, never the
other way round. The scheme is ours alone, so no provider tries to open these addresses.
"""

from airflow.sdk import Asset

SHOP_ZONE = "Asia/Shanghai"

SEALED_SEGMENTS = Asset(
    name="sealed_segments",
    uri="x-tillwatch://spool/sealed_segments",
    group="tillwatch",
    extra={"said_by": "the collector, through POST /api/v2/assets/events, each time it seals a segment"},
)
TRANSACTIONS = Asset(name="transactions", uri="x-tillwatch://lake/transactions", group="tillwatch")
STATEMENTS = Asset(name="statements", uri="x-tillwatch://lake/statements", group="tillwatch")
FINDINGS = Asset(name="findings", uri="x-tillwatch://lake/findings", group="tillwatch")
ALERTS = Asset(name="alerts", uri="x-tillwatch://lake/alerts", group="tillwatch")

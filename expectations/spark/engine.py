"""The engine Spark: tables read, linked and judged by executors; what is found comes back to the driver."""

import datetime as dt
from typing import TYPE_CHECKING, Any, cast

from expectations.lifecycle import Shop, link
from expectations.lifecycle.reading import ACQUIRER_TABLES, COLUMNS, SEARCH_DAYS
from expectations.spark.database import Database
from expectations.spark.suites import SparkBench
from ingest.spark.reading import frame
from ingest.storage import LakeSettings
from ingest.tables import Lake

if TYPE_CHECKING:
    import duckdb
    from pyspark.sql import SparkSession

    from expectations.engines import Heed


class Spark:
    """One check's engine on a session."""

    def __init__(self, spark: "SparkSession", settings: LakeSettings) -> None:
        self._spark, self._settings = spark, settings

    def link(self, lake: Lake, shop: Shop, first: dt.date, last: dt.date, heed: "Heed") -> "duckdb.DuckDBPyConnection":
        """Read and link, as `lifecycle.link` does."""
        del lake  # each executor opens it for itself
        since = first - dt.timedelta(days=SEARCH_DAYS + 1)
        tables: dict[str, Any] = {
            name: frame(self._spark, self._settings, name, COLUMNS.get(name), since).persist()
            for name in (*COLUMNS, *ACQUIRER_TABLES)
        }
        connection = cast("duckdb.DuckDBPyConnection", Database(self._spark))
        return link(tables, shop, first, last, heed=heed, connection=connection)

    def prepare(self) -> None:
        """Nothing: while executors link, the driver waits for them."""

    def bench(self) -> SparkBench:
        """Great Expectations, the tables' suites on Spark."""
        return SparkBench(self._spark)

"""Great Expectations on Spark: the suites of the tables themselves, whose laws executors read.

A rule's view, of which a bounded number of rows is shown, stays with pandas at the driver: a checkpoint on Spark
takes a second for each law however few the rows are.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from expectations.laws import Stated, Verdict
from expectations.suites.ge import Bench
from expectations.suites.tables import SUITES

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession


class SparkBench(Bench):
    """One run's context, with a source on each engine."""

    def __init__(self, spark: "SparkSession") -> None:
        super().__init__()
        self._spark = spark
        rows = self._context.data_sources.add_spark("tillwatch on spark").add_dataframe_asset("rows on spark")
        self._on_spark: Any = rows.add_batch_definition_whole_dataframe("all")

    def judge(self, name: str, rows: "pa.Table", laws: Sequence[Stated]) -> list[Verdict]:
        """Hold every law against the rows, as `Bench.judge` does."""
        if name not in SUITES:
            return super().judge(name, rows, laws)
        return self._judged(self._on_spark, name, self._spark.createDataFrame(rows), rows.num_rows, laws)

"""A table of the lake as a frame on Spark: executors read the files that the log lists, by our own reader.

So checksums are looked at, encrypted files are opened and buckets are reached exactly as everywhere else, and no jar
for Delta or S3 is wanted. The files are those of one moment: what is committed later is not seen.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ingest.rows import arrow_schema
from ingest.scan import scan
from ingest.storage import LakeSettings
from ingest.tables import TABLES, Lake

if TYPE_CHECKING:
    import datetime as dt

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

ROWS_IN_TASK = 250_000
"""Small files are read several in one task, as long as every core has one."""


def frame(
    spark: "SparkSession",
    settings: LakeSettings,
    name: str,
    columns: Sequence[str] | None = None,
    since: "dt.date | None" = None,
) -> "DataFrame":
    """A table's rows of the business days from ``since`` on."""
    from pyspark.sql.pandas.types import from_arrow_schema

    spec = TABLES[name]
    wanted = list(columns or [column.name for column in spec.columns])
    schema = arrow_schema(spec)
    files = [
        each for each in Lake.of(settings).added(name) if since is None or each["partition.business_date"] >= since
    ]

    def read(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        lake = Lake.of(settings)
        for batch in batches:
            some: list[Any] = [files[number] for number in batch["id"].to_pylist()]
            rows = scan(spec, lake.place, some, wanted, None, cipher=lake.cipher)
            yield from rows.cast(schema_wanted).to_batches()

    import pyarrow as pa

    schema_wanted = pa.schema([schema.field(column) for column in wanted])
    told = from_arrow_schema(schema_wanted, prefer_timestamp_ntz=False)
    if not files:
        return spark.createDataFrame([], told)
    rows = sum(each["num_records"] for each in files)
    tasks = min(len(files), max(spark.sparkContext.defaultParallelism, rows // ROWS_IN_TASK))
    return spark.range(0, len(files), 1, tasks).mapInArrow(read, told)

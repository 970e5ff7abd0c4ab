"""Who links and judges: DuckDB in this process, or Spark's executors. Both read the same SQL and find the same."""

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from expectations.laws import Judge
from expectations.lifecycle import Shop, link, read_tables
from ingest.errors import LakeError
from ingest.scan import first_line
from ingest.settings import Settings
from ingest.tables import Lake

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb


class Bench(Judge, Protocol):
    """Judges, and shows what was judged."""

    def build_data_docs(self, folder: "Path") -> "Path":
        """The first page of what was judged."""


class Engine(Protocol):
    """One engine, for one check."""

    def link(self, lake: Lake, shop: Shop, first: dt.date, last: dt.date) -> "duckdb.DuckDBPyConnection":
        """Read and link; what it gives is asked in DuckDB's SQL.

        Raises:
            LakeError: a table cannot be read, or there is no room for what is linked.
        """

    def bench(self) -> Bench:
        """Great Expectations on this engine."""


class _DuckDB:
    def link(self, lake: Lake, shop: Shop, first: dt.date, last: dt.date) -> "duckdb.DuckDBPyConnection":
        import duckdb

        try:
            return link(read_tables(lake, first), shop, first, last)
        except (duckdb.OutOfMemoryException, duckdb.IOException) as wrong:
            raise LakeError(
                f"what is to be judged has no room: {first_line(wrong)}",
                hint="free space where temporary files lie (TMPDIR): about 1 KB an attempt; or give --from a later day",
            ) from wrong

    def bench(self) -> Bench:
        from expectations.suites.ge import Bench as Pandas

        return Pandas()


@contextlib.contextmanager
def engine_of(settings: Settings) -> Iterator[Engine]:
    """The engine that the settings name, for as long as it is wanted.

    Raises:
        UsageError: what Spark needs is not there.
    """
    if settings.engine.name == "duckdb":
        yield _DuckDB()
        return
    from expectations.spark.engine import Spark
    from ingest.spark.session import session

    with session(settings.engine) as spark:
        yield Spark(spark, settings.lake)

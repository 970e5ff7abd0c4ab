"""Who links and judges: DuckDB in this process, or Spark's executors. Both read the same SQL and find the same."""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, TypeAlias

from expectations.laws import Judge
from expectations.lifecycle import Shop, in_memory, link, on_disk
from expectations.lifecycle.reading import read_tables, too_many
from ingest.errors import LakeError
from ingest.scan import first_line
from ingest.settings import Settings
from ingest.tables import FilesGoneError, Lake

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from expectations.suites.ge import Bench, Told

    Heed: TypeAlias = Callable[[duckdb.DuckDBPyConnection], None]
    """Is shown the tables as they were read, before they are linked."""


class Shown(Judge, Protocol):
    """Judges, and shows what was judged."""

    def build_data_docs(self, folder: "Path", told: "Told | None" = None) -> "Path":
        """The first page of what was judged, each row that broke a law called as it is ``told``."""


class Engine(Protocol):
    """One engine, for one check."""

    def prepare(self) -> None:
        """Begin what takes long and is wanted only by `bench`."""

    def link(self, lake: Lake, shop: Shop, first: dt.date, last: dt.date, heed: "Heed") -> "duckdb.DuckDBPyConnection":
        """Read, show ``heed`` what was read, and link; what it gives is asked in DuckDB's SQL.

        Raises:
            FilesGoneError: something landed meanwhile, and took files out of a table that was being read.
            LakeError: a table cannot be read, or there is no room for what is linked.
        """

    def bench(self) -> Shown:
        """Great Expectations on this engine."""


class _DuckDB:
    def __init__(self, aside: ThreadPoolExecutor) -> None:
        self._aside = aside
        self._making: Future[Bench] | None = None

    def prepare(self) -> None:
        import pandas  # noqa: F401, ICN001 - whole, before a thread imports it: DuckDB looks into one that is there

        from expectations.suites.ge import Bench

        self._making = self._aside.submit(Bench)

    def link(self, lake: Lake, shop: Shop, first: dt.date, last: dt.date, heed: "Heed") -> "duckdb.DuckDBPyConnection":
        import duckdb

        tables = read_tables(lake, first)
        lasting = too_many(lake, first)
        connection = on_disk() if lasting else in_memory()
        try:
            return link(tables, shop, first, last, heed=heed, connection=connection, lasting=lasting)
        except FilesGoneError:
            connection.close()  # its file is taken by the next try
            raise
        except (duckdb.OutOfMemoryException, duckdb.IOException) as wrong:
            raise LakeError(
                f"what is to be judged has no room: {first_line(wrong)}",
                hint="free space where temporary files lie (TMPDIR): about 1 KB an attempt; or give --from a later day",
            ) from wrong

    def bench(self) -> Shown:
        assert self._making is not None  # noqa: S101 - prepared before it linked
        return self._making.result()


@contextlib.contextmanager
def engine_of(settings: Settings) -> Iterator[Engine]:
    """The engine that the settings name, for as long as it is wanted.

    Raises:
        UsageError: what Spark needs is not there.
    """
    if settings.engine.check == "duckdb":
        with ThreadPoolExecutor(1) as aside:  # the library takes seconds to be imported: meanwhile all is linked
            yield _DuckDB(aside)
        return
    from expectations.spark.engine import Spark
    from ingest.spark.session import session

    with session(settings.engine) as spark:
        yield Spark(spark, settings.lake)

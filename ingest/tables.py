"""The tables: what each column means, and the lake they live in.

``python -m ingest.tables > docs/tables.md`` writes the document that people read.
"""

import sys

from ingest.columns import TABLES
from ingest.lake import FilesGoneError, Lake
from ingest.rows import arrow_schema
from ingest.tablespec import Column, TableSpec

__all__ = ["TABLES", "Column", "FilesGoneError", "Lake", "TableSpec", "arrow_schema", "document"]

_PREAMBLE = """\
# Tables

Made from the code by `python -m ingest.tables > docs/tables.md`; a test holds the two together.

A table is a folder of the lake: Parquet files (zstd, page checksums) and a Delta log that says which of them
count. Dates are local days of the merchant's zone, timestamps are microseconds in UTC, amounts are fen.
Columns are only ever added. Partition columns stand in the folders' names:

```sql
SELECT * FROM read_parquet('var/lake/transactions/**/*.parquet', hive_partitioning = true);
```

Between two runs of `tillwatch land` that query sees each row once: files that were replaced are removed at once.
While one runs it may see a day twice for a moment; `Lake.read` and every Delta reader never do.

With `lake.key` set the files are encrypted (Parquet modular encryption, [security](security.md)), each with a key of
its own, so neither that query nor a Delta reader can open them. `Lake.read` gives an Arrow table, which DuckDB,
pandas and Polars take as it is:

```sh
python -c 'import duckdb
from ingest.lake import Lake; from ingest.settings import load_settings
transactions = Lake.of(load_settings().lake).read("transactions")
duckdb.sql("SELECT outcome, count(*) FROM transactions GROUP BY 1").show()'
```
"""


def document() -> str:
    """docs/tables.md: every table and every column."""
    parts = [_PREAMBLE]
    for spec in TABLES.values():
        partition = ", ".join(f"`{column}`" for column in spec.partition_by) or "none"
        rows = "\n".join(f"| `{c.name}` | {c.type} | {c.meaning} |" for c in spec.columns)
        parts.append(
            f"## {spec.name}\n\n{spec.meaning}\n\nPartition: {partition}.\n\n"
            f"| column | type | meaning |\n|---|---|---|\n{rows}\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(document())

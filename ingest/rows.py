"""Rows on their way into a table: the declared columns as Arrow, one piece for each partition."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ingest.tablespec import TableSpec

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_schema(spec: TableSpec, *, comments: bool = False) -> "pa.Schema":
    """A table's columns as an Arrow schema, with their meanings as comments if asked for."""
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "binary": pa.binary(),
    }
    meaning = (lambda column: {"comment": column.meaning}) if comments else (lambda _: None)
    return pa.schema([pa.field(c.name, types[c.type], metadata=meaning(c)) for c in spec.columns])


def as_table(spec: TableSpec, rows: "pa.Table | Sequence[Mapping[str, Any]]") -> "pa.Table":
    """Rows in the table's columns and types.

    Raises:
        ValueError: a row has a column that the table has not, or a value that does not fit.
    """
    import pyarrow as pa

    schema = arrow_schema(spec)
    if isinstance(rows, pa.Table):
        return rows.select(schema.names).cast(schema)
    if strangers := {name for row in rows for name in row} - set(schema.names):
        raise ValueError(f"{spec.name} has no column {min(strangers)!r}")
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def by_partition(spec: TableSpec, table: "pa.Table") -> "Iterator[tuple[dict[str, str], pa.Table]]":
    """The sorted rows of each partition, without its columns, and the partition's values as the log writes them."""
    import pyarrow.compute as pc

    table = table.sort_by([(column, "ascending") for column in spec.order_by])
    if not spec.partition_by:
        if table.num_rows:
            yield {}, table.combine_chunks()
        return
    keys = table.select(list(spec.partition_by)).group_by(list(spec.partition_by)).aggregate([])
    for values in sorted(keys.to_pylist(), key=lambda row: [text(value) for value in row.values()]):
        where = None
        for column, value in values.items():
            here = pc.field(column) == value
            where = here if where is None else where & here
        part = table.filter(where).drop_columns(list(spec.partition_by)).combine_chunks()
        yield {column: text(value) for column, value in values.items()}, part


def text(value: Any) -> str:
    """A partition's value as it stands in the log and in the folder's name."""
    return value.isoformat() if isinstance(value, dt.date) else str(value)

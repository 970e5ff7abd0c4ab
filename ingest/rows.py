"""Rows on their way into a table: the declared columns as Arrow, one piece for each partition."""

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
        return rows if rows.schema.equals(schema, check_metadata=True) else rows.select(schema.names).cast(schema)
    if strangers := {name for row in rows for name in row} - set(schema.names):
        raise ValueError(f"{spec.name} has no column {min(strangers)!r}")
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def nulls(rows: int, types: "Iterable[pa.DataType]") -> "dict[pa.DataType, pa.Array]":
    """A column of nulls of each type: most columns of most tables are one, and share its memory."""
    import pyarrow as pa

    return {kind: pa.nulls(rows, kind) for kind in {*types}}


def whole(column: "pa.ChunkedArray") -> "pa.Array":
    """A column in one piece; Arrow would copy it even where it is."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def as_type(column: "pa.Array", kind: "pa.DataType") -> "pa.Array":
    """A column in a type; Arrow takes its time where it has that already, and there are seventy columns a batch."""
    return column if column.type == kind else column.cast(kind)


def gathered(table: "pa.Table") -> "pa.Table":
    """A table of several pieces as one, its columns of nothing but nulls sharing their memory."""
    import pyarrow as pa

    none = nulls(table.num_rows, (column.type for column in table.columns if column.null_count == len(column)))
    columns = [none[column.type] if column.null_count == len(column) else whole(column) for column in table.columns]
    return pa.table(columns, schema=table.schema)


def by_partition(spec: TableSpec, table: "pa.Table") -> "Iterator[tuple[dict[str, str], pa.Table]]":
    """The sorted rows of each partition, without its columns, and the partition's values as the log writes them."""
    if not table.num_rows:
        return
    pieces = [({column: text(value) for column, value in found.items()}, rows) for found, rows in _apart(spec, table)]
    for values, rows in sorted(pieces, key=lambda piece: list(piece[0].values())):
        order = order_of(rows, spec.order_by)
        part = rows.drop_columns(list(spec.partition_by))
        yield values, part if order is None else part.take(order)


def _apart(spec: TableSpec, table: "pa.Table") -> "Iterator[tuple[dict[str, Any], pa.Table]]":
    """The rows of each partition, in the order they had; rows that lie together already are not copied."""
    import numpy as np
    import pyarrow as pa

    code = np.zeros(table.num_rows, np.int64)
    for column in spec.partition_by:
        coded = whole(table[column]).dictionary_encode(null_encoding="encode")
        code = code * len(coded.dictionary) + coded.indices.to_numpy(zero_copy_only=False)
    begins = np.flatnonzero(np.append(True, code[1:] != code[:-1]))
    if begins.size > np.unique(code[begins]).size:
        order = np.argsort(code, kind="stable")
        table, code = table.take(pa.array(order)), code[order]
        begins = np.flatnonzero(np.append(True, code[1:] != code[:-1]))
    for begin, end in itertools.pairwise([*begins.tolist(), table.num_rows]):
        piece = table.slice(begin, end - begin)
        yield {column: piece[column][0].as_py() for column in spec.partition_by}, piece


def order_of(table: "pa.Table", columns: Sequence[str]) -> "pa.Array | None":
    """Which row comes first, second and so on by rising values of ``columns``, nulls last; None where they lie so.

    By the first column in numpy, where that is numbers; only rows that are equal in it are looked at further.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    first = table[columns[0]]
    if first.null_count or not (pa.types.is_integer(first.type) or pa.types.is_timestamp(first.type)):
        return pc.sort_indices(table, [(column, "ascending") for column in columns])
    values = first.cast(pa.int64()).to_numpy()
    rising = bool((values[1:] >= values[:-1]).all())
    order = np.arange(values.size) if rising else np.argsort(values, kind="stable")
    equal = np.diff(values[order]) == 0
    tied = np.flatnonzero(np.append(equal, False) | np.append(False, equal))
    if tied.size and len(columns) > 1:
        rows = table.select(list(columns)).take(pa.array(order[tied]))
        again = pc.sort_indices(rows, [(column, "ascending") for column in columns]).to_numpy()
        rising = rising and bool((np.diff(again.astype(np.int64)) == 1).all())
        order[tied] = order[tied][again]
    return None if rising else pa.array(order)


def text(value: Any) -> str:
    """A partition's value as it stands in the log and in the folder's name."""
    return value.isoformat() if isinstance(value, dt.date) else str(value)

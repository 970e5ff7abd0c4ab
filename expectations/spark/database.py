"""A connection that links and judges on Spark, asked in DuckDB's SQL.

It has of DuckDB's connection what a check uses: what is linked, the rules' views and all that is asked of them goes
through `dialect` and is answered by executors. Tables that a statement makes are kept where they were worked out;
what the settings say, and what was accused so far, is small and stays with the driver.
"""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from expectations.spark.dialect import Translator

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_PARAMETER = "given_"
_COUNTED = {"judged"}
"""Tables of which it is asked how many rows they have as soon as they are made."""
_ASKED_OFTEN = {"life_row"}
"""Views that are asked once for each span of days: worked out once and kept, by columns, whose days are known."""
FEW_ROWS = 5_000
"""A counted table of so many rows at most is asked further questions at the driver, without a job of executors."""


class Answer:
    """What a query gave, as DuckDB would hand it over."""

    def __init__(self, frame: "DataFrame | None", count: int | None = None) -> None:
        self._frame, self._count = frame, count

    def to_arrow_table(self) -> "pa.Table":
        """All of it, in the driver's memory."""
        assert self._frame is not None  # noqa: S101 - only queries are asked for their rows
        return self._frame.toArrow()

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows; whole numbers as int."""
        return [tuple(map(_plain, row.values())) for row in self.to_arrow_table().to_pylist()]

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row; of a statement that made a table, how many rows that has."""
        if self._frame is None:
            return None if self._count is None else (self._count,)
        return next(iter(self.fetchall()), None)


class Database:
    """One link's tables on a session of its own; `close` lets go of them."""

    def __init__(self, spark: "SparkSession") -> None:
        self._spark = spark
        self._translator = Translator()
        self._numbers = itertools.count()
        self._small: dict[str, pa.Table] = {}
        self._kept: dict[str, DataFrame] = {}
        self._names: set[str] = set()

    def cursor(self) -> "Database":
        """Itself: nothing is shared with other links."""
        return self

    def close(self) -> None:
        """Let go of everything."""
        for frame in self._kept.values():
            frame.unpersist()
        for name in list(self._names):
            self.unregister(name)

    def register(self, name: str, rows: "pa.Table | DataFrame") -> None:
        """A table of the driver's, or a frame, under a name."""
        import pyarrow as pa

        self._name(self._spark.createDataFrame(_decoded(rows)) if isinstance(rows, pa.Table) else rows, name)

    def unregister(self, name: str) -> None:
        """Forget a name."""
        self._names.discard(name)
        self._spark.catalog.dropTempView(name)

    def sql(self, query: str, params: Sequence[Any] | None = None) -> Answer:
        """Ask; nothing is worked out before the answer is fetched."""
        return self.execute(query, params)

    def execute(self, text: str, params: Sequence[Any] | None = None) -> Answer:
        """Run each statement of a text; the last one's answer."""
        answer = Answer(None)
        for statement in self._translator.parse(_named(text, params)):
            answer = self._run(_given(statement, params or [], self._list))
        return answer

    def executemany(self, text: str, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows to a table of the driver's."""
        import pyarrow as pa

        [statement] = self._translator.parse(_named(text, [None] * text.count("?")))
        name = statement.this.name
        schema = self._small[name].schema
        columns = list(zip(*rows, strict=True))
        new = pa.table([pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
        self._put_small(name, pa.concat_tables([self._small[name], new]))

    def _run(self, statement: exp.Expr) -> Answer:
        match statement:
            case exp.Create() if isinstance(statement.this, exp.Schema):
                self._declare(statement)
            case exp.Create() if statement.kind == "VIEW":
                name, frame = statement.this.name, self._query(statement.expression)
                self._name(self._keep(name, frame) if name in _ASKED_OFTEN else frame, name)
            case exp.Create():
                return Answer(None, self._make(statement.this.name, statement.expression))
            case exp.Insert():
                self._insert(statement)
            case exp.Update():
                self._update(statement)
            case exp.Drop():
                self.unregister(statement.find(exp.Table).name)
            case _:
                return Answer(self._query(statement))
        return Answer(None)

    def _name(self, frame: "DataFrame", name: str) -> None:
        self._names.add(name)
        frame.createOrReplaceTempView(name)

    def _query(self, query: exp.Expr) -> "DataFrame":
        return self._spark.sql(self._translator.spark(query))

    def _make(self, name: str, query: exp.Expr) -> int | None:
        """Work a table out, once; what has no source is a row of the driver's."""
        frame = self._query(query)
        if query.find(exp.From) is None:
            self._name(frame, name)
            return 1
        if name not in _COUNTED:
            self._name(frame.localCheckpoint(), name)
            return None
        frame = self._keep(name, frame)
        count = int(frame.count())
        if count <= FEW_ROWS:
            self.register(name, frame.toArrow())
        else:
            self._name(frame, name)
        return count

    def _keep(self, name: str, frame: "DataFrame") -> "DataFrame":
        """A frame that executors keep once it is worked out, in the place of what was kept under its name."""
        if (kept := self._kept.pop(name, None)) is not None:
            kept.unpersist()
        self._kept[name] = frame.persist()
        return self._kept[name]

    def _declare(self, statement: exp.Create) -> None:
        """An empty table of the driver's."""
        columns = ", ".join(
            f"CAST(NULL AS {each.args['kind'].sql('spark')}) AS {each.name}" for each in statement.this.expressions
        )
        empty = self._spark.sql(f"SELECT {columns} LIMIT 0")
        self._put_small(statement.this.this.name, empty.toArrow())

    def _put_small(self, name: str, rows: "pa.Table") -> None:
        self._small[name] = rows
        self.register(name, rows)

    def _insert(self, statement: exp.Insert) -> None:
        import pyarrow as pa

        name = statement.this.name
        new = self._query(statement.expression)
        if name in self._small and not statement.expression.find(exp.Join, exp.CTE):
            rows = new.toArrow()
            schema = self._small[name].schema
            self._put_small(name, pa.concat_tables([self._small[name], rows.rename_columns(schema.names).cast(schema)]))
            return
        self._small.pop(name, None)
        self._name(self._spark.table(name).union(new).localCheckpoint(), name)

    def _update(self, statement: exp.Update) -> None:
        """``UPDATE``: the table again, with what its rows become."""
        table, source = statement.this, statement.args.get("from_")
        own = table.alias_or_name
        columns = self._spark.table(table.name).columns
        condition = statement.args["where"].this
        changes = {each.this.name: each.expression for each in statement.expressions}
        query = exp.select()
        if source is not None:
            other = source.this
            name = other.alias_or_name
            marked = exp.select("*", "true AS is_met").from_(other.copy()).subquery(name)
            query = query.from_(table.copy()).join(marked, on=condition.copy(), join_type="left")
            condition = exp.column("is_met", name)
        else:
            query = query.from_(table.copy())
        for column in columns:
            value: exp.Expr = exp.column(column, own)
            if column in changes:
                value = exp.Case(ifs=[exp.If(this=condition.copy(), true=changes[column].copy())], default=value)
            query = query.select(exp.alias_(value, column), copy=False)
        self._small.pop(table.name, None)
        self._name(self._query(query).localCheckpoint(), table.name)

    def _list(self, lists: Sequence[tuple[Sequence[Any], exp.DataType]]) -> str:
        """Lists of values side by side as a table; its name."""
        import pyarrow as pa

        name = f"list_{next(self._numbers)}"
        kinds = {"DATE": pa.date32(), "BIGINT": pa.int64()}
        columns = [pa.array(list(values), kinds.get(kind.sql("spark"), pa.string())) for values, kind in lists]
        self.register(name, pa.table(columns, [f"value_{n}" for n in range(len(columns))]))
        return name


def _decoded(rows: "pa.Table") -> "pa.Table":
    """The rows with dictionaries as their values: Spark's side of Arrow reads none."""
    import pyarrow as pa

    fields = [f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in rows.schema]
    return rows.cast(pa.schema(fields))


def _named(text: str, params: Sequence[Any] | None) -> str:
    """``?`` as names, for the parser."""
    if not params:
        return text
    numbers = itertools.count()
    return re.sub(r"\?", lambda _: f"{_PARAMETER}{next(numbers)}", text)


def _given(statement: exp.Expr, params: Sequence[Any], make: Any) -> exp.Expr:
    """The statement with the values in it; what is unnested becomes a table."""
    values: Mapping[str, Any] = {f"{_PARAMETER}{number}": value for number, value in enumerate(params)}
    for select in list(statement.find_all(exp.Select)):
        unnested = [each for each in select.expressions if isinstance(each, exp.Explode)]
        lists = []
        for number, each in enumerate(unnested):
            cast = each.this
            lists.append((values[cast.this.name], cast.to.expressions[0]))
            each.replace(exp.column(f"value_{number}"))
        if lists:
            select.from_(make(lists), copy=False)
    for column in list(statement.find_all(exp.Column)):
        if column.name in values:
            column.replace(_literal(values[column.name]))
    return statement


def _literal(value: Any) -> exp.Expr:
    return exp.convert(value)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) and value == int(value) else value

"""DuckDB's SQL as Spark's: what sqlglot does not know of the two, and how they differ in what they mean.

A statement of the life cycles, of a rule or of the check itself goes in as it stands in its file, and comes out as
Spark takes it. Nothing is known here of any rule: each function says one difference of the two dialects. Two
conventions of our SQL are leant on: a column whose name ends in ``_day`` is a day, and an order is total where a
result depends on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp

_ROW_FUNCTIONS = (exp.Lead, exp.Lag, exp.RowNumber, exp.Rank)
_INTERVALS = {"to_seconds": "SECS", "to_hours": "HOURS", "to_days": "DAYS"}


@dataclass(slots=True)
class Translator:
    """One connection's dialect: it knows the macros that were made so far."""

    macros: dict[str, tuple[list[str], exp.Expr]] = field(default_factory=dict)

    def parse(self, sql: str) -> list[exp.Expr]:
        """The statements of a text, DuckDB's; a macro is remembered, and left out."""
        found = []
        for each in sqlglot.parse(sql, dialect="duckdb"):
            if isinstance(each, exp.Create) and each.kind == "MACRO":
                made = each.this
                self.macros[made.this.name.lower()] = [each.name for each in made.expressions], each.expression
            elif each is not None and not isinstance(each, exp.Semicolon):
                found.append(each)
        return found

    def spark(self, query: exp.Expr) -> str:
        """A query as Spark's SQL."""
        query = query.copy()
        while macro := next((each for each in query.find_all(exp.Anonymous) if each.name.lower() in self.macros), None):
            query = _put(query, macro, self._expanded(macro))
        query = _changed(query)
        for select in list(query.find_all(exp.Select)):
            _unframe(select)
            _replaced(select)
            if select.args.get("qualify"):
                query = _put(query, select, _unqualified(select))
        return str(query.sql("spark", comments=False))

    def _expanded(self, call: exp.Expr) -> exp.Expr:
        names, body = self.macros[call.name.lower()]
        given = dict(zip(names, call.expressions, strict=True))
        # a subquery's own columns hide a parameter's name nowhere: our macros name parameters apart
        made = body.copy().transform(
            lambda node: (
                given[node.name].copy()
                if isinstance(node, exp.Column) and not node.table and node.name in given
                else node
            )
        )
        return exp.paren(made, copy=False) if not isinstance(made, exp.Subquery) else made


def _put(tree: exp.Expr, old: exp.Expr, new: exp.Expr) -> exp.Expr:
    """``new`` in the place of ``old``; the whole tree, which is ``new`` itself where ``old`` was its root."""
    if old is tree:
        return new
    old.replace(new)
    return tree


def _changed(query: exp.Expr) -> exp.Expr:
    """Every node by every change, what is inside first."""
    for node in reversed(list(query.walk(bfs=True))):
        for change in _CHANGES:
            if (new := change(node)) is not node:
                query = _put(query, node, new)
                break
    return query


def _call(name: str, *arguments: exp.Expr | str | int) -> exp.Anonymous:
    return exp.Anonymous(
        this=name, expressions=[exp.convert(each) if isinstance(each, int) else each for each in arguments]
    )


def _sorted_list(node: exp.Expr) -> exp.Expr:
    """``list(x ORDER BY …)``: the order is made of structs, whose last field is the value; nulls of it are kept."""
    condition, aggregate = None, node
    if isinstance(node, exp.Filter) and isinstance(node.this, exp.ArrayAgg):
        condition, aggregate = node.expression, node.this
    if not isinstance(aggregate, exp.ArrayAgg) or isinstance(node.parent, exp.Filter):
        return node
    order = aggregate.this if isinstance(aggregate.this, exp.Order) else None
    value = order.this if order else aggregate.this
    keys, downwards = [], False
    for each in order.expressions if order else []:
        downwards = bool(each.args.get("desc"))
        key = each.this
        keys += [exp.Is(this=key.copy(), expression=exp.Null()), key.copy()]
        if downwards:  # null is last either way
            keys[-2] = exp.Not(this=keys[-2])
    parts = [part for n, key in enumerate(keys) for part in (exp.Literal.string(f"key_{n}"), key)]
    struct = _call("named_struct", *parts, exp.Literal.string("value"), value.copy())
    collected: exp.Expr = _call("collect_list", struct)
    if condition is not None:
        collected = exp.Filter(this=collected, expression=condition.copy())
    if isinstance(node.parent, exp.Window):
        return collected  # `_windowed_list` takes the values out around the window
    if keys:
        collected = _call("sort_array", collected, exp.Boolean(this=not downwards))
    return _values(collected)


def _values(structs: exp.Expr) -> exp.Expr:
    """The values of a list of structs; none at all is null, as DuckDB has it."""
    value = exp.Lambda(this=exp.column("value", "each"), expressions=[exp.to_identifier("each")])
    some = exp.GT(this=_call("size", structs.copy()), expression=exp.Literal.number(0))
    return _when(some, _call("transform", structs, value))


def _when(condition: exp.Expr, value: exp.Expr, other: exp.Expr | None = None) -> exp.Case:
    return exp.Case(ifs=[exp.If(this=condition, true=value)], default=other)


def _windowed(node: exp.Expr) -> exp.Expr:
    """What Spark does not do over a window: distinct counts, conditions, lists that keep nulls."""
    if not isinstance(node, exp.Window) or (isinstance(node.parent, exp.Select) and node.arg_key == "windows"):
        return node
    condition, inner = None, node.this
    if isinstance(inner, exp.Filter):
        condition, inner = inner.expression.this, inner.this
    match inner:
        case exp.Count(this=exp.Distinct(expressions=[value])):
            node.set(
                "this",
                _call("collect_set", value.copy() if condition is None else _when(condition.copy(), value.copy())),
            )
            return _call("size", node.copy())
        case exp.PercentileDisc():
            value = inner.this.copy() if condition is None else _when(condition.copy(), inner.this.copy())
            node.set("this", _call("collect_list", value))
            place = exp.cast(
                _call("ceil", exp.Mul(this=inner.expression.copy(), expression=_call("size", node.copy()))), "int"
            )
            return _call("try_element_at", _call("array_sort", node.copy()), _call("nullif", place, 0))  # none of none
        case exp.Anonymous() if inner.name == "collect_list":
            return _values(node.copy())
        case exp.ArgMin() | exp.ArgMax() if condition is not None:  # without a place in the order a row is passed over
            aggregate = inner.copy()
            aggregate.set("expression", _when(condition.copy(), inner.expression.copy()))
            node.set("this", aggregate)
        case _ if condition is not None:
            value = exp.Literal.number(1) if isinstance(inner.this, exp.Star) else inner.this
            aggregate = inner.copy()
            aggregate.set("this", _when(condition.copy(), value.copy()))
            node.set("this", aggregate)
    return node


def _extreme(node: exp.Expr) -> exp.Expr:
    """``arg_min`` and ``arg_max`` pass over rows whose value is null; Spark's take them."""
    if not isinstance(node, exp.ArgMin | exp.ArgMax):
        return node
    known = exp.Not(this=exp.Is(this=node.this.copy(), expression=exp.Null()))
    if isinstance(node.parent, exp.Filter):
        where = node.parent.expression
        where.set("this", exp.and_(where.this.copy(), known))
        return node
    return exp.Filter(this=node.copy(), expression=exp.Where(this=known))


def _simple(node: exp.Expr) -> exp.Expr:
    """Functions and operators of another name, or of another meaning."""
    match node:
        case exp.AnyValue():
            return _call("first", node.this, exp.true())
        case exp.PercentileDisc() if not isinstance(node.find_ancestor(exp.Window, exp.Select), exp.Window):
            order = exp.Order(expressions=[exp.Ordered(this=node.this.copy())])
            found = exp.WithinGroup(this=_call("percentile_disc", node.expression.copy()), expression=order)
            return exp.cast(found, "bigint")
        case exp.Cast(this=exp.Explode() as unnested):
            return exp.Explode(
                this=exp.cast(
                    unnested.this.copy(), exp.DataType.build("array", expressions=[node.to.copy()], nested=True)
                )
            )
        case exp.DateDiff():
            return _difference(node)
        case exp.DayOfWeek():  # Sunday is 0, and not 1
            return exp.paren(exp.Sub(this=_call("dayofweek", node.this), expression=exp.Literal.number(1)))
        case exp.Cast(this=exp.TimeToUnix(this=exp.Sub() as between)) if node.is_type("bigint"):  # rounded, not cut off
            later, earlier = (
                _call("unix_micros", exp.cast(each.copy(), "timestamp")) for each in between.unnest_operands()
            )
            span = exp.Div(
                this=exp.paren(exp.Sub(this=later, expression=earlier)), expression=exp.Literal.number("1e6")
            )
            return exp.cast(_call("bround", span), "bigint")
        case exp.AtTimeZone():
            return _call(
                "to_utc_timestamp" if _is_wall_clock(node.this) else "from_utc_timestamp", node.this, node.args["zone"]
            )
        case exp.ConcatWs():
            first, *others = node.expressions
            return _call("concat_ws", first, *(exp.cast(each, "string") for each in others))
        case exp.Cast() if node.to.this in {exp.DataType.Type.INT128, exp.DataType.Type.UBIGINT}:
            if node.to.this == exp.DataType.Type.UBIGINT and isinstance(
                node.this.unnest(), exp.DPipe
            ):  # '0x' || digits
                return exp.cast(_call("conv", node.this.unnest().expression.copy(), 16, -10), "bigint")
            return exp.cast(node.this.copy(), "decimal(38, 0)")
        case exp.BitwiseRightShift(
            this=exp.Anonymous(this="md5") as digest
        ):  # by 64: its last eight bytes, the lowest first
            pairs = [_call("substr", digest.copy(), at, 2) for at in range(31, 16, -2)]
            return exp.cast(_call("conv", _call("concat", *pairs), 16, 10), "decimal(20, 0)")
        case exp.BitwiseRightShift():
            return _call("shiftrightunsigned", node.this, exp.cast(node.expression, "int"))
        case exp.GenerateSeries(args={"step": exp.Interval() as step}):
            return _call("sequence", node.args["start"], node.args["end"], step)
        case exp.GenerateSeries():
            start, end = node.args["start"], node.args["end"]
            some = _call("sequence", exp.cast(start.copy(), "bigint"), exp.cast(end.copy(), "bigint"))
            none = exp.cast(_call("array"), "array<bigint>")
            return _when(exp.GTE(this=end.copy(), expression=start.copy()), some, none)
        case exp.Bracket():
            return _element(node)
        case exp.ToDays():
            return _interval("DAYS", node.this)
        case exp.Anonymous():
            return _function(node)
        case _:
            return node


def _function(node: exp.Anonymous) -> exp.Expr:
    name, arguments = node.name.lower(), node.expressions
    match name:
        case "to_seconds" | "to_hours":
            return _interval(_INTERVALS[name], arguments[0])
        case "to_microseconds":
            return _interval(
                "SECS", exp.Div(this=exp.cast(arguments[0], "decimal(20, 6)"), expression=exp.Literal.number(1_000_000))
            )
        case "to_months":
            return _call("make_ym_interval", 0, arguments[0])
        case "epoch_us":
            return _call("unix_micros", arguments[0])
        case "list_reverse":
            return _call("reverse", arguments[0])
        case "list_unique":
            return _call("size", _call("array_distinct", arguments[0]))
        case "md5_number":  # its digits: it is compared, not reckoned with
            return _call("md5", arguments[0])
        case "hash":
            told = [_call("coalesce", exp.cast(each, "string"), exp.Literal.string("\u0000")) for each in arguments]
            return _call("xxhash64", *told)
        case _:
            return node


def _interval(unit: str, number: exp.Expr) -> exp.Expr:
    parts: Mapping[str, exp.Expr] = {unit: number}
    none = exp.Literal.number(0)
    seconds = parts.get("SECS")
    return _call(
        "make_dt_interval",
        *(exp.cast(parts[name].copy(), "int") if name in parts else none.copy() for name in ("DAYS", "HOURS", "MINS")),
        exp.cast(seconds.copy(), "decimal(18, 6)") if seconds is not None else none.copy(),
    )


def _difference(node: exp.DateDiff) -> exp.Expr:
    """DuckDB counts the boundaries that lie between two moments, Spark whole units."""
    unit, later, earlier = node.text("unit").upper(), node.this, node.expression
    if unit == "DAY":
        return _call("datediff", later, earlier)
    size = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600}[unit]

    def counted(moment: exp.Expr) -> exp.Expr:
        seconds = _call("unix_seconds", moment)
        return seconds if size == 1 else exp.IntDiv(this=seconds, expression=exp.Literal.number(size))

    return exp.paren(exp.Sub(this=counted(later), expression=counted(earlier)))


def _is_wall_clock(moment: exp.Expr) -> bool:
    """Whether a moment is a day and a time of it, without a zone: the zone is then given to it, not asked of it."""
    inner = moment.unnest()
    first = inner.this if isinstance(inner, exp.Add) else inner
    if isinstance(first, exp.Cast):
        return bool(first.to.this == exp.DataType.Type.TIMESTAMPNTZ)
    return isinstance(inner, exp.Add) and isinstance(first, exp.Column) and first.name.endswith("_day")


def _element(node: exp.Bracket) -> exp.Expr:
    """``list[n]`` and ``list[from:to]``, counted from 1; past the end there is nothing, not an error."""
    [index] = node.expressions
    if not isinstance(index, exp.Slice):
        return node
    start = int(index.this.name) if index.this else 1
    return _call("slice", node.this, start, int(index.expression.name) - start + 1)


def _unnested(node: exp.Expr) -> exp.Expr:
    """A ``CREATE``'s or a plain literal list without type is a list of texts."""
    if isinstance(node, exp.Array) and not node.expressions and not isinstance(node.parent, exp.Cast):
        return exp.cast(node.copy(), "array<string>")
    return node


def _unframe(select: exp.Select) -> None:
    """``lead``, ``lag`` and numbers of rows take no frame: the named window is written out without it."""
    named = {each.name: each for each in select.args.get("windows") or []}
    for window in select.find_all(exp.Window):
        if isinstance(window.this, _ROW_FUNCTIONS) and (of := named.get(window.alias)) and of.args.get("spec"):
            window.set("alias", None)
            window.set("partition_by", [each.copy() for each in of.args.get("partition_by") or []])
            window.set("order", of.args["order"].copy() if of.args.get("order") else None)
        elif window.alias and isinstance(window.parent, exp.Sub):  # `w - x` would be read as one name
            window.replace(exp.paren(window.copy()))


def _replaced(select: exp.Select) -> None:
    """``* REPLACE (x AS name)``: everything but the name, and the name after it."""
    stars = [each.this if isinstance(each, exp.Column) else each for each in select.expressions]
    for star in [each for each in stars if isinstance(each, exp.Star) and each.args.get("replace")]:
        new = star.args.pop("replace")
        star.set("except_", [exp.column(each.alias) for each in new])
        select.set("expressions", [*select.expressions, *new])


def _unqualified(select: exp.Select) -> exp.Select:
    """``QUALIFY`` as a column of the query inside, by which the query outside chooses."""
    inner = select.copy()
    condition = inner.args.pop("qualify").this
    named = {each.alias: each.this for each in inner.expressions if isinstance(each, exp.Alias)}
    condition = condition.transform(
        lambda node: (
            exp.paren(named[node.name].copy())
            if isinstance(node, exp.Column)
            and not node.table
            and node.name in named
            and not isinstance(named[node.name], exp.Column)
            else node
        )
    )
    inner.append("expressions", exp.alias_(condition, "_qualified"))
    outer = exp.select(exp.Star(except_=[exp.column("_qualified")])).from_(inner.subquery("_judged", copy=False))
    if distinct := inner.args.pop("distinct", None):
        outer.set("distinct", distinct)
    for clause in ("with_", "order", "limit"):
        if found := inner.args.pop(clause, None):
            outer.set(clause, found)
    return outer.where(exp.column("_qualified"))


_CHANGES: tuple[Callable[[exp.Expr], exp.Expr], ...] = (
    _unnested,
    _extreme,
    _sorted_list,
    _windowed,
    _simple,
)

"""Functions and operators of one row: those of another name in Spark, or of another meaning."""

from collections.abc import Mapping

from sqlglot import exp

from expectations.spark.expressions import call, when

_INTERVALS = {"to_seconds": "SECS", "to_hours": "HOURS", "to_days": "DAYS"}


def simple(node: exp.Expr) -> exp.Expr:
    """Functions and operators of another name, or of another meaning."""
    match node:
        case exp.AnyValue():
            return call("first", node.this, exp.true())
        case exp.PercentileDisc() if not isinstance(node.find_ancestor(exp.Window, exp.Select), exp.Window):
            order = exp.Order(expressions=[exp.Ordered(this=node.this.copy())])
            found = exp.WithinGroup(this=call("percentile_disc", node.expression.copy()), expression=order)
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
            return exp.paren(exp.Sub(this=call("dayofweek", node.this), expression=exp.Literal.number(1)))
        case exp.Cast(this=exp.TimeToUnix(this=exp.Sub() as between)) if node.is_type("bigint"):  # rounded, not cut off
            later, earlier = (
                call("unix_micros", exp.cast(each.copy(), "timestamp")) for each in between.unnest_operands()
            )
            span = exp.Div(
                this=exp.paren(exp.Sub(this=later, expression=earlier)), expression=exp.Literal.number("1e6")
            )
            return exp.cast(call("bround", span), "bigint")
        case exp.AtTimeZone():
            return call(
                "to_utc_timestamp" if _is_wall_clock(node.this) else "from_utc_timestamp", node.this, node.args["zone"]
            )
        case exp.ConcatWs():
            first, *others = node.expressions
            return call("concat_ws", first, *(exp.cast(each, "string") for each in others))
        case exp.Cast() if node.to.this in {exp.DataType.Type.INT128, exp.DataType.Type.UBIGINT}:
            if node.to.this == exp.DataType.Type.UBIGINT and isinstance(
                node.this.unnest(), exp.DPipe
            ):  # '0x' || digits
                return exp.cast(call("conv", node.this.unnest().expression.copy(), 16, -10), "bigint")
            return exp.cast(node.this.copy(), "decimal(38, 0)")
        case exp.BitwiseRightShift(
            this=exp.Anonymous(this="md5") as digest
        ):  # by 64: its last eight bytes, the lowest first
            pairs = [call("substr", digest.copy(), at, 2) for at in range(31, 16, -2)]
            return exp.cast(call("conv", call("concat", *pairs), 16, 10), "decimal(20, 0)")
        case exp.BitwiseRightShift():
            return call("shiftrightunsigned", node.this, exp.cast(node.expression, "int"))
        case exp.GenerateSeries(args={"step": exp.Interval() as step}):
            return call("sequence", node.args["start"], node.args["end"], step)
        case exp.GenerateSeries():
            start, end = node.args["start"], node.args["end"]
            some = call("sequence", exp.cast(start.copy(), "bigint"), exp.cast(end.copy(), "bigint"))
            none = exp.cast(call("array"), "array<bigint>")
            return when(exp.GTE(this=end.copy(), expression=start.copy()), some, none)
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
            return call("make_ym_interval", 0, arguments[0])
        case "epoch_us":
            return call("unix_micros", arguments[0])
        case "list_reduce":
            elements, step, start = arguments
            return call("reduce", elements, start, step)
        case "list_reverse":
            return call("reverse", arguments[0])
        case "list_unique":
            return call("size", call("array_distinct", arguments[0]))
        case "md5_number":  # its digits: it is compared, not reckoned with
            return call("md5", arguments[0])
        case "hash":
            told = [call("coalesce", exp.cast(each, "string"), exp.Literal.string("\u0000")) for each in arguments]
            return call("xxhash64", *told)
        case _:
            return node


def _interval(unit: str, number: exp.Expr) -> exp.Expr:
    parts: Mapping[str, exp.Expr] = {unit: number}
    none = exp.Literal.number(0)
    seconds = parts.get("SECS")
    return call(
        "make_dt_interval",
        *(exp.cast(parts[name].copy(), "int") if name in parts else none.copy() for name in ("DAYS", "HOURS", "MINS")),
        exp.cast(seconds.copy(), "decimal(18, 6)") if seconds is not None else none.copy(),
    )


def _difference(node: exp.DateDiff) -> exp.Expr:
    """DuckDB counts the boundaries that lie between two moments, Spark whole units."""
    unit, later, earlier = node.text("unit").upper(), node.this, node.expression
    if unit == "DAY":
        return call("datediff", later, earlier)
    size = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600}[unit]

    def counted(moment: exp.Expr) -> exp.Expr:
        seconds = call("unix_seconds", moment)
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
    return call("slice", node.this, start, int(index.expression.name) - start + 1)


def typed_list(node: exp.Expr) -> exp.Expr:
    """A ``CREATE``'s or a plain literal list without type is a list of texts."""
    if isinstance(node, exp.Array) and not node.expressions and not isinstance(node.parent, exp.Cast):
        return exp.cast(node.copy(), "array<string>")
    return node

"""Lists, extremes, and what is asked over a window: DuckDB's as Spark's."""

from sqlglot import exp

from expectations.spark.expressions import call, when


def sorted_list(node: exp.Expr) -> exp.Expr:
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
    struct = call("named_struct", *parts, exp.Literal.string("value"), value.copy())
    collected: exp.Expr = call("collect_list", struct)
    if condition is not None:
        collected = exp.Filter(this=collected, expression=condition.copy())
    if isinstance(node.parent, exp.Window):
        return collected  # `windowed` takes the values out around the window
    if keys:
        collected = call("sort_array", collected, exp.Boolean(this=not downwards))
    return _values(collected)


def _values(structs: exp.Expr) -> exp.Expr:
    """The values of a list of structs; none at all is null, as DuckDB has it."""
    value = exp.Lambda(this=exp.column("value", "each"), expressions=[exp.to_identifier("each")])
    some = exp.GT(this=call("size", structs.copy()), expression=exp.Literal.number(0))
    return when(some, call("transform", structs, value))


def windowed(node: exp.Expr) -> exp.Expr:
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
                call("collect_set", value.copy() if condition is None else when(condition.copy(), value.copy())),
            )
            return call("size", node.copy())
        case exp.PercentileDisc():
            value = inner.this.copy() if condition is None else when(condition.copy(), inner.this.copy())
            node.set("this", call("collect_list", value))
            place = exp.cast(
                call("ceil", exp.Mul(this=inner.expression.copy(), expression=call("size", node.copy()))), "int"
            )
            return call("try_element_at", call("array_sort", node.copy()), call("nullif", place, 0))  # none of none
        case exp.Anonymous() if inner.name == "collect_list":
            return _values(node.copy())
        case exp.ArgMin() | exp.ArgMax() if condition is not None:  # without a place in the order a row is passed over
            aggregate = inner.copy()
            aggregate.set("expression", when(condition.copy(), inner.expression.copy()))
            node.set("this", aggregate)
        case _ if condition is not None:
            value = exp.Literal.number(1) if isinstance(inner.this, exp.Star) else inner.this
            aggregate = inner.copy()
            aggregate.set("this", when(condition.copy(), value.copy()))
            node.set("this", aggregate)
    return node


def extreme(node: exp.Expr) -> exp.Expr:
    """``arg_min`` and ``arg_max`` pass over rows whose value is null; Spark's take them."""
    if not isinstance(node, exp.ArgMin | exp.ArgMax):
        return node
    known = exp.Not(this=exp.Is(this=node.this.copy(), expression=exp.Null()))
    if isinstance(node.parent, exp.Filter):
        where = node.parent.expression
        where.set("this", exp.and_(where.this.copy(), known))
        return node
    return exp.Filter(this=node.copy(), expression=exp.Where(this=known))

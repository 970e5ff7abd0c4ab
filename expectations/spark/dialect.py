"""DuckDB's SQL as Spark's: what sqlglot does not know of the two, and how they differ in what they mean.

A statement of the life cycles, of a rule or of the check itself goes in as it stands in its file, and comes out as
Spark takes it. Nothing is known here of any rule: each function says one difference of the two dialects. Two
conventions of our SQL are leant on: a column whose name ends in ``_day`` is a day, and an order is total where a
result depends on it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp

from expectations.spark.aggregates import extreme, sorted_list, windowed
from expectations.spark.scalars import simple, typed_list

_ROW_FUNCTIONS = (exp.Lead, exp.Lag, exp.RowNumber, exp.Rank)


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
    typed_list,
    extreme,
    sorted_list,
    windowed,
    simple,
)

"""Pieces of Spark's SQL that the differences of the two dialects are written in."""

from sqlglot import exp


def call(name: str, *arguments: exp.Expr | str | int) -> exp.Anonymous:
    """A function of Spark's, by its name."""
    return exp.Anonymous(
        this=name, expressions=[exp.convert(each) if isinstance(each, int) else each for each in arguments]
    )


def when(condition: exp.Expr, value: exp.Expr, other: exp.Expr | None = None) -> exp.Case:
    """A value where a condition holds; else another, or null."""
    return exp.Case(ifs=[exp.If(this=condition, true=value)], default=other)

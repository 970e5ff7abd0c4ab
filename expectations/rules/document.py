"""docs/rules.md, made from the rules: ``python -m expectations.rules.document > docs/rules.md``."""

import sys
from collections.abc import Iterable

from expectations.findings import RULES_VERSION
from expectations.rules import RULES
from expectations.rules.declaration import GROUPS, SOURCES, Parameter, Rule
from expectations.vocabulary import MISSING, NEEDS, RULED_OUT

_PREAMBLE = f"""\
# Rules

Made from the code by `python -m expectations.rules.document > docs/rules.md`; a test holds the two together.
Version {RULES_VERSION}.

Attempts are linked into life cycles first (`expectations/lifecycle/*.sql`): a debit counts only while it is live.
What became of each stands in the table `life_cycles`. Each rule is a small view (`expectations/rules/<id>.sql`) and
one law on it, which Great Expectations judges; its Data Docs stand in `data-docs/` beside the lake and name each
finding, with `app.url` as a link to its case ([app](app.md#links-in-the-data-docs)). A view's `grade`
says what a violation weighs. Rules run in the order of this page's groups: a row that an earlier rule has accused is
left out where a later one would only say less of it. Where records are missing after an attempt that may have undone
it (`gap_later`), certainty is lowered: nobody is accused across a gap.

**Parameters** stand in `tillwatch.toml`: `[rules.<id>]` for everybody, `[merchants.rules.<id>]` below a merchant of
`[[merchants]]` for that one. Every rule has the switch `enabled`. A key that is not there is an error that names the
valid ones. A merchant's `mcc` and `same_shop` are asked for by the rules that name them.

```toml
[rules.clock_skew]
seconds = 180

[[merchants]]
id = "898290058140001"
name = "Cafe"
mcc = "5814"
[merchants.rules.over_single_limit]
limit_fen = 500000
```

**What cannot be judged** is UNVERIFIABLE: a rule that lacks a statement, a parameter or a field that a merchant's
lines never carry accuses nobody there. `tillwatch check` says so once; the table `coverage` keeps it.

**A new rule** is one value in its group's module of `expectations/rules`, one SQL file beside it with the columns of
`VIEW_COLUMNS`, and its texts in the mail's catalogue.
"""
_CODES = (
    ("Where definitions come from", SOURCES),
    ("What a finding has ruled out", RULED_OUT),
    ("What data may be missing", MISSING),
    ("What a rule may need", NEEDS),
)


def document() -> str:
    """The whole page."""
    groups = "\n".join(_group(letter) for letter in GROUPS)
    tables = "\n".join(
        f"## {title}\n\n{_table(('code', 'meaning'), ((f'`{code}`', meaning) for code, meaning in codes.items()))}"
        for title, codes in _CODES
    )
    return f"{_PREAMBLE}\n{groups}\n{tables}"


def _group(letter: str) -> str:
    sections = [_section(rule) for rule in RULES.values() if rule.group == letter]
    return "\n".join([f"## {letter}: {GROUPS[letter]}\n", *sections])


def _section(rule: Rule) -> str:
    grades = _table(
        ("grade", "severity", "certainty"),
        ((f"`{grade}`", severity, certainty) for grade, (severity, certainty) in rule.grades.items()),
    )
    codes = ", ".join(f"`{code}`" for code in rule.ruled_out) or "as the view says"
    parts = [
        f"### `{rule.id}`\n",
        f"**{rule.says}** `{rule.expectation}`: {_law(rule)}.\n",
        f"{_opening(rule.sql)}\n",
        grades,
        f"Ruled out: {codes}. No violation: {rule.innocent}. Source: {rule.source}.",
    ]
    if needs := [NEEDS[key] for key in (*rule.keys, *rule.needs, *rule.facts)]:
        parts.append(f"Needs: {', '.join(needs)}.")
    if not rule.enabled:
        parts.append("Not judged unless `enabled = true`.")
    if rule.parameters:
        named = ((f"`{each.name}`", _default(each), each.means) for each in rule.parameters)
        parts.append("\n" + _table(("parameter", "default", "meaning"), named).rstrip("\n"))
    if rule.points:
        rows = ((f"`{part}`", str(points)) for part, points in rule.points.items())
        parts.append("\n" + _table(("part of the score", "points"), rows).rstrip("\n"))
    return "\n".join([*parts, ""])


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(heading)} |", "|" + "---|" * len(heading), *(f"| {' | '.join(row)} |" for row in rows)]
    return "".join(f"{line}\n" for line in lines)


def _default(parameter: Parameter) -> str:
    match parameter.default:
        case None:
            return "not set"
        case tuple() as texts:
            return ", ".join(map(str, texts))
        case bool() as switch:
            return str(switch).lower()
        case number:
            return str(number)


def _law(rule: Rule) -> str:
    first, *second = rule.stated.columns
    word = {"NotAbove": "at most", "NotBelow": "at least", "Equal": "equal to"}[type(rule.law).__name__]
    limit = f"`{second[0]}`" if second else getattr(rule.law, "limit", "")
    return f"`{first}` is {word} {limit}"


def _opening(sql: str) -> str:
    """The comment that a view's file opens with."""
    lines = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(document())

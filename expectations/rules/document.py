"""docs/rules.md, made from the rules: ``python -m expectations.rules.document > docs/rules.md``."""

import sys

from expectations.findings import RULES_VERSION
from expectations.rules import RULES, Rule
from expectations.vocabulary import MISSING, RULED_OUT

_PREAMBLE = f"""\
# Rules

Made from the code by `python -m expectations.rules.document > docs/rules.md`; a test holds the two together.
Version {RULES_VERSION}.

Attempts are linked into life cycles first (`expectations/lifecycle/*.sql`): a debit counts only while it is live.
Each rule is a small view (`expectations/rules/<id>.sql`) and one law on it, which Great Expectations judges; its
Data Docs stand in `data-docs/` beside the lake. A view's `grade` says what a violation weighs. Rules run in the
order below: a row that an earlier rule has accused is left out where a later one would only say less of it.

**A new rule** is one value in `expectations/rules/__init__.py`, one SQL file beside it with the columns of
`VIEW_COLUMNS`, and its texts in the mail's catalogue.
"""


def document() -> str:
    """The whole page."""
    rules = "\n".join(_section(rule) for rule in RULES.values())
    ruled_out = "\n".join(f"| `{code}` | {meaning} |" for code, meaning in RULED_OUT.items())
    missing = "\n".join(f"| `{code}` | {meaning} |" for code, meaning in MISSING.items())
    return (
        f"{_PREAMBLE}\n{rules}\n"
        f"## What a finding has ruled out\n\n| code | meaning |\n|---|---|\n{ruled_out}\n\n"
        f"## What data may be missing\n\n| code | meaning |\n|---|---|\n{missing}\n"
    )


def _section(rule: Rule) -> str:
    grades = "\n".join(
        f"| `{grade}` | {severity} | {certainty} |" for grade, (severity, certainty) in rule.grades.items()
    )
    codes = ", ".join(f"`{code}`" for code in rule.ruled_out) or "as the view says"
    return (
        f"## `{rule.id}`\n\n**{rule.says}** `{rule.expectation}`: {_law(rule)}.\n\n{_opening(rule.sql)}\n\n"
        f"| grade | severity | certainty |\n|---|---|---|\n{grades}\n\nRuled out: {codes}.\n"
    )


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

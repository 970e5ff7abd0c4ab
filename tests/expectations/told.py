"""Findings in short, as tests compare them."""

from expectations.findings import Finding


def only(found: list[Finding], rule: str) -> Finding:
    """The one finding there is, of this rule."""
    assert [each.rule for each in found] == [rule]
    return found[0]


def ids(found: Finding) -> list[str | None]:
    return [each.transaction_id for each in found.subjects]


def rules(found: list[Finding]) -> list[str]:
    return sorted(each.rule for each in found)

"""What a rule is: one declaration, from which the check, the settings and the manual are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Literal, TypeAlias

from expectations.findings import SEVERITIES, Certainty, Severity
from expectations.laws import Law, Stated, Weight

VIEW_COLUMNS = frozenset(
    {
        "key", "subjects", "merchant", "terminal", "business_date", "amount_at_risk_fen", "act_by",
        "grade", "missing", "also_ruled_out",
    }
)  # fmt: skip
"""What every view has; its other columns are the rule's evidence."""

GROUPS: dict[str, str] = {
    "A": "duplicate debits",
    "B": "voids",
    "C": "refunds",
    "D": "pre-authorisations",
    "E": "settlement and completeness",
    "F": "fees and merchant numbers",
    "G": "deposits",
    "H": "limits",
    "I": "signatures",
    "J": "terminals and data",
    "K": "behaviour",
}
SOURCES: dict[str, str] = {
    "C": "firmware of terminals",
    "G": "regulation",
    "I": "published industry practice",
    "L": "an acquirer's merchant documents",
    "P": "practice",
    "S": "complaints of merchants and cardholders",
    "U": "UnionPay's rules",
    "V": "rules of international card schemes",
}
Value: TypeAlias = int | bool | tuple[str, ...] | tuple[int, ...] | None
"""A parameter's value; None where only the shop can say it."""
Kind: TypeAlias = Literal["number", "numbers", "switch", "list", "day"]

_WEIGHTS: dict[Severity, Weight] = {"P1": "critical", "P2": "critical", "P3": "warning", "P4": "info"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of a rule's settings.

    Attributes:
        name: its key in ``[rules.<id>]``, with its unit: ``limit_fen``, ``window_s``.
        default: what holds where nothing is set; None: the rule is not judged until it is set.
        means: what it says.
        kind: whole number, list of whole numbers, switch (true or false), list of texts, or a day.
        least: the least that a number may be.
        of: the rule whose parameter of this name it is: what is set there holds here, unless it is set here.
    """

    name: str
    default: Value
    means: str
    kind: Kind = "number"
    least: int = 0
    of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        id: its name, the view's file and the key of its texts.
        group: a letter of `GROUPS`.
        expectation: the name of its expectation, in the field's words.
        says: the law as a sentence, shown in the Data Docs.
        law: the law itself, on the view's columns.
        grades: what the view's ``grade`` means; ``clear`` where nothing is missing, ``gap`` where
            missing trace numbers could hold the counter-evidence.
        source: where the definition comes from, letters of `SOURCES`.
        innocent: what looks like a violation and is none; the view lets it pass.
        kinds: it judges something only where one of these is among the records: types of
            attempts, ``SETTLEMENT``, ``SIGNATURE``, ``REJECT``, ``OPEN`` (an attempt without an
            outcome), ``DECLINED``, or the name of an operation.
        keys: columns of the life cycles without which nothing can be judged.
        needs: what a merchant must have beside its attempts (``statement``, ``settled_amount``), codes of
            `vocabulary.NEEDS`.
        ruled_out: codes of what the view has tested for every row it accuses.
        parameters: its settings.
        points: what each part of its score counts, by the part's name; the view finds them as ``points_<name>``.
        facts: what ``[[merchants]]`` has to say of a merchant (``mcc``) for it to be judged in full.
        enabled: whether it is judged unless the settings say otherwise.
    """

    id: str
    group: str
    expectation: str
    says: str
    law: Law
    grades: dict[str, tuple[Severity, Certainty]]
    source: str
    innocent: str
    kinds: tuple[str, ...]
    keys: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    ruled_out: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    points: Mapping[str, int] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    enabled: bool = True

    @property
    def sql(self) -> str:
        """The view's query."""
        return files(__package__).joinpath(f"{self.id}.sql").read_text("utf-8")

    @property
    def stated(self) -> Stated:
        """The law under its expectation's name, weighed by the worst it can find."""
        worst = min((severity for severity, _ in self.grades.values()), key=SEVERITIES.index)
        return Stated(self.expectation, self.says, self.law, _WEIGHTS[worst])

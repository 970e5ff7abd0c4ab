"""The rules' parameters: defaults, what the settings say, and what differs for one merchant.

``[rules.<id>]`` holds for every merchant, ``[merchants.rules.<id>]`` below a merchant for
that one. Every rule has the switch ``enabled`` beside its own parameters. A key that is
not a rule's is an error that lists the valid ones.
"""

import contextlib
import datetime as dt
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from expectations.rules import RULES
from expectations.rules.declaration import Parameter, Rule
from ingest.errors import UsageError
from ingest.settings import Settings

ENABLED = "enabled"
_TYPES = {"number": "BIGINT", "numbers": "BIGINT[]", "switch": "BOOLEAN", "list": "VARCHAR[]", "day": "DATE"}
_WORDS = {
    "number": "a whole number",
    "numbers": "a list of whole numbers, such as [9900, 29900]",
    "switch": "true or false",
    "list": 'a list of texts, such as ["00"]',
    "day": "a day, such as 2026-11-21",
}
_SWITCHES = {"true": True, "false": False}
_SWITCH = Parameter(ENABLED, default=None, means="whether the rule is judged", kind="switch")

_FROM, _TO = "_from", "_to"
MOST_FEN, MOST = 10**12, 10**8
"""The largest amount, and the largest of other numbers, that queries can reckon with; both are past any use."""

Given = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is set, by rule and parameter: for everybody, and for single merchants."""

    everywhere: Given = field(default_factory=dict)
    by_merchant: Mapping[str, Given] = field(default_factory=dict)

    def value(self, rule: Rule, name: str, merchant: str | None = None) -> Any:
        """What holds for a merchant, or for all those that are not named."""
        for given in (self.by_merchant.get(merchant, {}) if merchant else {}, self.everywhere):
            if name in given.get(rule.id, {}):
                return given[rule.id][name]
        if name == ENABLED:
            return rule.enabled
        parameter = next(each for each in rule.parameters if each.name == name)
        return self.value(RULES[parameter.of], name, merchant) if parameter.of else parameter.default

    def is_judged(self, rule: Rule, merchant: str | None = None) -> bool:
        """Whether the rule is enabled and has every parameter it cannot do without."""
        needed = (each.name for each in rule.parameters if each.default is None and not _is_optional(each))
        return bool(self.value(rule, ENABLED, merchant)) and all(
            self.value(rule, name, merchant) is not None for name in needed
        )

    def merchants(self, rule: Rule) -> list[str]:
        """The merchants for whom something about the rule is set apart."""
        rules = {rule.id, *(each.of for each in rule.parameters if each.of)}
        return sorted(merchant for merchant, given in self.by_merchant.items() if rules & given.keys())

    def judges(self, rule: Rule) -> bool:
        """Whether the rule is judged for anybody."""
        return self.is_judged(rule) or any(self.is_judged(rule, merchant) for merchant in self.merchants(rule))

    def sql(self, rule: Rule) -> str:
        """The view ``parameter`` that the rule's view joins: one row for each merchant that it judges."""
        apart = self.merchants(rule)
        columns = ["merchant"]
        for each in rule.parameters:
            cases = " ".join(
                f"WHEN {_literal(merchant)} THEN {_literal(self.value(rule, each.name, merchant))}"
                for merchant in apart
            )
            rest = _literal(self.value(rule, each.name))
            said = f"CASE merchant {cases} ELSE {rest} END" if cases else rest
            columns.append(f"({said})::{_TYPES[each.kind]} AS {each.name}")
        columns += [f"{points}::BIGINT AS points_{part}" for part, points in rule.points.items()]
        judged = [merchant for merchant in apart if self.is_judged(rule, merchant)]
        named = ", ".join(_literal(merchant) for merchant in apart)
        others = f"merchant NOT IN ({named})" if apart else "true"
        where = [others] if self.is_judged(rule) else []
        where += [f"merchant IN ({', '.join(map(_literal, judged))})"] if judged else []
        wanted = " OR ".join(where) or "false"
        return f"SELECT {', '.join(columns)} FROM merchant WHERE {wanted}"  # noqa: S608 - literals made here


def parameters(settings: Settings) -> Parameters:
    """The parameters of the settings, checked.

    Raises:
        UsageError: a rule, or a key of a rule, that there is not; a value that does not fit.
    """
    apart = {
        merchant.id: _checked(merchant.rules, f"merchants, {merchant.id}: rules")
        for merchant in settings.merchants
        if merchant.rules
    }
    given = Parameters(_checked(settings.rules, "rules"), apart)
    for rule in given.everywhere:
        _refuse_half_spans(given, RULES[rule], None, "rules")
    for merchant, own in apart.items():
        for rule in own:
            _refuse_half_spans(given, RULES[rule], merchant, f"merchants, {merchant}: rules")
    return given


def _checked(given: Given, where: str) -> Given:
    checked: dict[str, dict[str, Any]] = {}
    for rule, values in given.items():
        _refuse_unknown(values, rule, where)
        own = {each.name: each for each in (_SWITCH, *RULES[rule].parameters)}
        checked[rule] = {name: _value(own[name], value, f"{where}.{rule}.{name}") for name, value in values.items()}
    return checked


def _refuse_half_spans(given: Parameters, rule: Rule, merchant: str | None, where: str) -> None:
    """Days that belong together, such as ``raised_from`` and ``raised_to``: both, in order, or none."""
    own = {each.name: each for each in rule.parameters if each.kind == "day"}
    for first in (name for name in own if name.endswith(_FROM)):
        last = first.removesuffix(_FROM) + _TO
        begins, ends = (given.value(rule, name, merchant) for name in (first, last))
        if (begins is None) is not (ends is None):
            there, lost = (first, last) if ends is None else (last, first)
            raise UsageError(f"{where}.{rule.id}: {there} without {lost}", hint=f"add {lost}: {own[lost].means}")
        if begins is not None and begins > ends:
            raise UsageError(
                f"{where}.{rule.id}: {last} = {ends} is before {first} = {begins}",
                hint=f"{first}: {own[first].means}; {last}: {own[last].means}",
            )


def _refuse_unknown(values: Mapping[str, Any], rule: str, where: str) -> None:
    if rule not in RULES:
        raise UsageError(f"{where}.{rule}: no rule has this name", hint=_hint(rule, RULES, "rules are"))
    valid = [ENABLED, *(each.name for each in RULES[rule].parameters)]
    for name in values:
        if name not in valid:
            raise UsageError(f"{where}.{rule}: unknown key {name}", hint=_hint(name, valid, "valid keys here"))


def _hint(wrong: str, valid: Iterable[str], words: str) -> str:
    valid = sorted(valid)
    close = difflib.get_close_matches(wrong, valid, n=1)
    maybe = f"did you mean {close[0]!r}? " if close else ""
    return f"{maybe}{words}: {', '.join(valid)}"


def _value(parameter: Parameter, value: Any, where: str) -> Any:
    match parameter.kind, _plain(parameter.kind, value):
        case ("number", number) if _fits(parameter, number):
            return number
        case ("numbers", list() as numbers) if all(_fits(parameter, number) for number in numbers):
            return tuple(numbers)
        case ("switch", bool() as switch):
            return switch
        case ("list", list() as texts) if all(isinstance(text, str) for text in texts):
            return tuple(texts)
        case ("day", dt.date() as day):
            return day
    span = f", from {parameter.least} to {_most(parameter)}" if parameter.kind in {"number", "numbers"} else ""
    raise UsageError(f"{where}: should be {_WORDS[parameter.kind]}{span}", hint=f"{parameter.name}: {parameter.means}")


def _fits(parameter: Parameter, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and parameter.least <= value <= _most(parameter)


def _most(parameter: Parameter) -> int:
    return MOST_FEN if parameter.name.endswith("_fen") else MOST


def _plain(kind: str, value: Any) -> Any:
    """A value of the environment is a text that says a number, a switch or a day."""
    if kind == "numbers" and isinstance(value, list):
        return [_plain("number", each) for each in value]
    if not isinstance(value, str):
        return value
    if kind == "number" and value.isascii() and value.isdigit():
        return int(value)
    if kind == "switch" and value in _SWITCHES:
        return _SWITCHES[value]
    if kind == "day":
        with contextlib.suppress(ValueError):
            return dt.date.fromisoformat(value)
    return value


def _literal(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case dt.date():
            return f"DATE '{value.isoformat()}'"
        case tuple():
            return f"[{', '.join(map(_literal, value))}]"
        case _:
            return "'" + str(value).replace("'", "''") + "'"


def _is_optional(parameter: Parameter) -> bool:
    return parameter.kind == "day"

"""The words of a mail, in ``texts/<locale>.po``, and how rules meet in a case, in ``texts/cases.toml``.

A bookkeeper's words can be mended without touching code. A message's context is
``rules.`` and a rule's id, ``phrases``, or ``words.`` and a group; its id says which text of it, with numbers for
places in a list (``steps.open.2.1``). A text names its values in braces, ``{amount}``; where a list of wordings
stands, the first whose values are all known is taken, so that nothing is ever said with a hole in it.
"""

import functools
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from expectations.catalogues import listed, nested

Locale = Literal["zh-CN", "en"]
LOCALES: tuple[Locale, ...] = get_args(Locale)
Wording: TypeAlias = str | tuple[str, ...]
"""A text, or several of which the first that can be filled is taken."""

TEXTS = Path(__file__).parent / "texts"


@dataclass(frozen=True, slots=True)
class Variants:
    """What to do while the deadline is ahead, and what to do when there is none or it has passed."""

    open: tuple[Wording, ...]
    closed: tuple[Wording, ...]

    def at(self, *, is_open: bool) -> tuple[Wording, ...]:
        """The steps that hold now."""
        return self.open if is_open else self.closed


@dataclass(frozen=True, slots=True)
class RuleTexts:
    """What a mail says about one rule, in one language."""

    title: str
    why: Wording
    act: Variants
    steps: Variants
    customer: Wording | None
    rights: Wording | None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a rule's findings behave in a case; the same in every language.

    Attributes:
        rank: of a case's findings of one severity, the one with the lowest rank gives the title.
        scope: ``attempt`` findings meet when they share a transaction; ``batch`` findings
            (totals, gaps) meet only when they accuse the same thing.
        unknown_outcome: the bank's result is not known: paying back now could pay twice.
        duplicate: the reader is asked whether it was one purchase or two.
        covers: rules whose steps this rule's steps make needless in the same case.
        about_operators: the shop's manager is told, whatever the severity, and finance is not.
        about_agents: the agent is told, and nobody at the shop.
        brief: alone, it is a mail of three lines.
    """

    rank: int
    scope: Literal["attempt", "batch"]
    unknown_outcome: bool
    duplicate: bool
    covers: tuple[str, ...]
    about_operators: bool
    about_agents: bool
    brief: bool


@dataclass(frozen=True, slots=True)
class Texts:
    """Everything a mail can say in one language."""

    locale: Locale
    phrases: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]]
    rules: Mapping[str, RuleTexts]

    def phrase(self, name: str) -> str:
        """A phrase of the mail's frame."""
        return self.phrases[name]

    def word(self, group: str, code: str) -> str | None:
        """The word for a code (a certainty, a transaction type, a gap), or None."""
        return self.words[group].get(code)

    def fill(self, wording: Wording, values: Mapping[str, str]) -> str:
        """The first wording whose values are all known; of the last one, unknown values are said to be so."""
        candidates = (wording,) if isinstance(wording, str) else wording
        for candidate in candidates:
            if all(values.get(name) for name in placeholders(candidate)):
                return candidate.format_map(values)
        last = candidates[-1]
        missing = self.phrases["not_recorded"]
        return last.format_map({name: values.get(name) or missing for name in placeholders(last)})


def placeholders(text: str) -> list[str]:
    """The names of the values that a text asks for."""
    return [name for _, name, _, _ in string.Formatter().parse(text) if name]


@functools.cache
def texts(locale: Locale) -> Texts:
    """The words of one language."""
    data = nested(TEXTS / f"{locale}.po")
    return Texts(
        locale=locale,
        phrases=data["phrases"],
        words=data["words"],
        rules={name: _rule(entry) for name, entry in data["rules"].items()},
    )


@functools.cache
def behaviours() -> Mapping[str, Behaviour]:
    """How each rule's findings behave in a case; the file's order is the rank."""
    with (TEXTS / "cases.toml").open("rb") as file:
        data = tomllib.load(file)
    return {
        name: Behaviour(
            rank=rank,
            scope=entry.get("scope", "attempt"),
            unknown_outcome=entry.get("unknown_outcome", False),
            duplicate=entry.get("duplicate", False),
            covers=tuple(entry.get("covers", ())),
            about_operators=entry.get("about_operators", False),
            about_agents=entry.get("about_agents", False),
            brief=entry.get("brief", False),
        )
        for rank, (name, entry) in enumerate(data.items())
    }


def _rule(entry: Mapping[str, Any]) -> RuleTexts:
    return RuleTexts(
        title=entry["title"],
        why=_wording(entry["why"]),
        act=_variants(entry["act"], single=True),
        steps=_variants(entry["steps"], single=False),
        customer=_wording(entry["customer"]) if "customer" in entry else None,
        rights=_wording(entry["rights"]) if "rights" in entry else None,
    )


def _variants(entry: Any, *, single: bool) -> Variants:
    """``{open, closed}``, or one value that holds at any time."""
    pair = entry if isinstance(entry, dict) and "open" in entry else {"open": entry, "closed": entry}
    return Variants(open=_steps(pair["open"], single=single), closed=_steps(pair["closed"], single=single))


def _steps(value: Any, *, single: bool) -> tuple[Wording, ...]:
    return (_wording(value),) if single else tuple(_wording(each) for each in listed(value))


def _wording(value: str | dict[str, str]) -> Wording:
    return value if isinstance(value, str) else tuple(listed(value))

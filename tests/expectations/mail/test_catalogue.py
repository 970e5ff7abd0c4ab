"""The words: complete in both languages, and nothing asked for that is never given."""

import datetime as dt
import gettext
import io
import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from expectations.catalogues import nested
from expectations.findings import CERTAINTIES, Finding
from expectations.mail.cases import group
from expectations.mail.catalogue import LOCALES, TEXTS, Locale, RuleTexts, Wording, behaviours, placeholders, texts
from expectations.mail.figures import Figures
from expectations.mail.values import case_values
from expectations.mail.wording import sentence
from expectations.rules import RULES
from expectations.vocabulary import MISSING, RULED_OUT
from ingest.errors import UsageError
from tests.expectations.mail.conftest import CUTOFF, NOW, SHANGHAI, finding, subject

SUBJECT_VALUES = ("terminal", "batch", "stan", "type", "amount", "rrn", "time", "card", "quote")
ROLES = ("", "orig_", "other_", "unknown_", "paid_")
KNOWN = {f"{role}{name}" for role in ROLES for name in SUBJECT_VALUES} | {
    "case", "risk", "interval", "difference", "deadline", "call_by", "unknown_story", "quote_all", "totals",
}  # fmt: skip


def wordings(rule: RuleTexts) -> list[Wording]:
    """Every text of a rule."""
    found = [rule.title, rule.why, *rule.act.open, *rule.act.closed, *rule.steps.open, *rule.steps.closed]
    return [*found, *(each for each in (rule.customer, rule.rights) if each)]


def flat(found: list[Wording]) -> list[str]:
    """Every wording of every text."""
    return [each for wording in found for each in ([wording] if isinstance(wording, str) else wording)]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_rule_has_texts_and_a_behaviour(locale: Locale):
    """The catalogue speaks of the rules that exist, of all of them and of no other."""
    assert set(texts(locale).rules) == set(RULES) == set(behaviours())


@pytest.mark.parametrize("locale", LOCALES)
def test_every_code_has_a_word(locale: Locale):
    """What was ruled out and what is missing is said in words, never left out."""
    words = texts(locale).words
    assert set(words["ruled_out"]) == set(RULED_OUT)
    assert set(words["missing"]) == set(MISSING)
    assert set(words["gaps"]) <= set(MISSING)
    assert set(words["certainty"]) == set(CERTAINTIES)


def test_both_languages_have_the_same_entries():
    """A phrase or a word of one language is there in the other, asking for the same values."""
    chinese, english = texts("zh-CN"), texts("en")
    assert set(chinese.phrases) == set(english.phrases)
    for name, phrase in chinese.phrases.items():
        assert set(placeholders(phrase)) == set(placeholders(english.phrases[name])), name
    assert {group: set(words) for group, words in chinese.words.items()} == {
        group: set(words) for group, words in english.words.items()
    }


@pytest.mark.parametrize("folder", ["mail", "cases", "app"])
@pytest.mark.parametrize("locale", LOCALES)
def test_the_catalogues_are_gettexts(folder: str, locale: Locale):
    """Compiled, gettext's own reader finds each text in it; no message stands twice, is doubtful or untranslated."""
    path = TEXTS.parents[1] / folder / "texts" / f"{locale}.po"
    catalogue, compiled = read_po(io.StringIO(path.read_text("utf-8"))), io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    found = gettext.GNUTranslations(compiled)

    assert found.info()["language"] == locale.replace("-", "_")
    assert _texts(found, catalogue) == _leaves(nested(path))
    assert len(catalogue) == len(re.findall(r"(?m)^msgctxt ", path.read_text("utf-8")))
    assert all(message.string and not message.fuzzy for message in catalogue if message.id)
    assert not catalogue.obsolete


def _texts(found: gettext.GNUTranslations, catalogue: Catalog) -> dict[str, str]:
    named = [(str(message.context), str(message.id)) for message in catalogue if message.id]
    return {f"{context}.{name}": found.pgettext(context, name) for context, name in named}


def _leaves(texts_: dict[str, Any], place: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in texts_.items():
        found |= {f"{place}{name}": text} if isinstance(text, str) else _leaves(text, f"{place}{name}.")
    return found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('msgid "a"\nwords\n', "Unknown or misformatted keyword on 1"),
        ('msgctxt "rules.a"\nmsgid "title"\nmsgstr ""\n', "msgctxt 'rules.a', msgid 'title': no text"),
    ],
)
def test_a_catalogue_that_is_none_is_one_line(text: str, said: str, tmp_path: Path):
    """Whoever mends a word and slips is told the file and the place."""
    (tmp_path / "en.po").write_text(text)
    with pytest.raises(UsageError, match=re.escape(said)) as told:
        nested(tmp_path / "en.po")
    assert str(tmp_path / "en.po") in told.value.message
    assert told.value.hint


def test_texts_ask_only_for_values_that_exist():
    """A text names values that are made, or numbers of the rule's own evidence."""
    for locale in LOCALES:
        for name, rule in texts(locale).rules.items():
            for text in flat(wordings(rule)):
                for value in placeholders(text):
                    assert value in KNOWN or _is_evidence(name, value), f"{locale} {name}: {{{value}}}"


def _is_evidence(rule: str, value: str) -> bool:
    return (
        value.startswith("e_")
        and re.search(rf"\b{value.removeprefix('e_').removesuffix('_yuan').removesuffix('_about')}\b", RULES[rule].sql)
        is not None
    )


def test_deadlines_are_named_only_while_they_are_ahead():
    """Advice for after the cut-off asks for no deadline, and there is always advice."""
    for locale in LOCALES:
        for name, rule in texts(locale).rules.items():
            for text in flat([*rule.act.closed, *rule.steps.closed, rule.why]):
                assert {"deadline", "call_by"}.isdisjoint(placeholders(text)), f"{locale} {name}"
            assert rule.steps.open, name
            assert rule.steps.closed, name


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("open_", [True, False], ids=["open", "closed"])
def test_a_bare_finding_is_told_without_holes(locale: Locale, rule: str, open_: bool):
    """A finding with next to nothing known still gives whole sentences: no braces, no doubled spaces, no 'None'."""
    bare = subject("SALE", 7, "10:00:00", None, batch_no=None, pan_masked=None, rrn=None, response_code=None)
    told = finding(rule, bare, act_by=CUTOFF if open_ else None)
    for text in _filled(told, locale, is_open=open_):
        assert not re.search(r"[{}]|  |None|“”|\(\)|（）", text), text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("rule", RULES)
def test_a_full_finding_is_told_in_full(locale: Locale, rule: str):
    """With everything known nothing is said to be missing."""
    accused = subject("REFUND" if "refund" in rule else "SALE", 12, "10:05:00", 2500, rrn="112110050012")
    if rule in {"void_no_original", "void_amount_mismatch", "double_void", "void_after_settlement", "void_cross_day"}:
        accused = subject("VOID", 12, "10:05:00", 2500, rrn="112110050012")
    other = subject(accused.txn_type, 11, "10:02:00", 2500, rrn="112110020011")
    original = subject("SALE", 10, "10:00:00", 1900, rrn="112110000010")
    told = finding(rule, accused, other, original, act_by=CUTOFF, evidence=_evidence(rule))
    for text in _filled(told, locale, is_open=True):
        assert texts(locale).phrase("not_recorded") not in text, text


def _evidence(rule: str) -> dict[str, int]:
    asked = {
        value
        for locale in LOCALES
        for text in flat(wordings(texts(locale).rules[rule]))
        for value in placeholders(text)
    }
    return {value.removeprefix("e_"): 3 for value in asked if value.startswith("e_")}


def _filled(told: Finding, locale: Locale, *, is_open: bool) -> list[str]:
    now = NOW if is_open else NOW + dt.timedelta(days=1)
    figures = Figures(texts(locale), SHANGHAI, now)
    case = group([told], now, {told.finding_id: "C-1121-0007"})[0]
    rule = texts(locale).rules[told.rule]
    said = [rule.why, *rule.act.at(is_open=is_open), *rule.steps.at(is_open=is_open)]
    optional = [each for each in (rule.customer, rule.rights) if each]
    return [sentence(figures, each, case, told) for each in [*said, *optional]]


def test_words_of_the_evidence_stay_out_of_texts():
    """Masked cards, codes and identifiers of a rule's evidence are not values that a text could name."""
    told = finding(
        "refund_other_card",
        subject("REFUND", 12, "10:05:00", 2500),
        evidence={"refund_card": "622202******5817", "sale_card": "622848******0042", "linked_by": "reference", "n": 3},
    )
    values = case_values(group([told], NOW)[0], told, Figures(texts("en"), SHANGHAI, NOW))
    assert {name for name in values if name.startswith("e_")} == {"e_n"}


def test_what_a_number_was_spent_on_is_no_day():
    """The void's number belongs to a query of a balance; the day on which a deposit is due is one."""
    told = finding(
        "void_no_original",
        subject("VOID", 12, "10:05:00", 2500),
        evidence={"number_spent_on": "BALANCE", "signed_on": "2026-11-03", "returned_on": None},
    )
    values = case_values(group([told], NOW)[0], told, Figures(texts("en"), SHANGHAI, NOW))
    assert {name: value for name, value in values.items() if name.startswith("e_")} == {"e_signed_on": "3 Nov"}

"""How blocks come by their sentences: a rule's text filled for one case, lists, marks, loudness."""

from collections.abc import Iterable, Sequence

from expectations.findings import Finding
from expectations.mail.blocks import Level
from expectations.mail.cases import Case
from expectations.mail.catalogue import RuleTexts, Wording
from expectations.mail.figures import Figures
from expectations.mail.values import case_values

MARKS = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
LOUDEST_FIRST: tuple[Level, ...] = ("urgent", "attention", "calm")
SHAPES = {"PROVEN": "●", "PROBABLE": "◐", "POSSIBLE": "○", "UNVERIFIABLE": "◇"}
"""A sign beside each certainty's word, so that colour is never the only signal."""


def level_of(case: Case) -> Level:
    """How loud a case is."""
    if case.lead.severity not in {"P1", "P2"}:
        return "calm"
    return "urgent" if case.is_open else "attention"


def loudest(cases: Iterable[Case]) -> Level:
    """How loud the mail is: as its loudest case."""
    return min((level_of(case) for case in cases), key=LOUDEST_FIRST.index)


def rule_texts(finding: Finding, figures: Figures) -> RuleTexts:
    """What the reader's language says about a finding's rule."""
    return figures.texts.rules[finding.rule]


def certainty(finding: Finding, figures: Figures) -> str:
    """已确认 / 很可能 / 需核对 / 无法核实."""
    return figures.texts.words["certainty"][finding.certainty]


def sentence(figures: Figures, wording: Wording, case: Case, finding: Finding) -> str:
    """A rule's text with this case's values, with a capital letter first."""
    return capital(figures.texts.fill(wording, case_values(case, finding, figures)))


def listed(found: Sequence[str], figures: Figures) -> str:
    """Short statements in one sentence."""
    say = figures.texts.phrases
    return capital(say["list_semicolon"].join(found) + say["sentence_end"])


def capital(text: str) -> str:
    """The first letter as a capital; Chinese stays as it is."""
    return text[:1].upper() + text[1:]


def words_for(codes: Iterable[str], group: str, figures: Figures, *, most: int = 6) -> list[str]:
    """The words for codes, each once, in their order; a code that the group has no word for says nothing."""
    found = (figures.texts.word(group, code) for code in codes)
    return list(dict.fromkeys(word for word in found if word))[:most]


def numbers_missing(count: int, figures: Figures) -> str:
    """缺 3 个凭证号; that they are complete where none is missing."""
    say = figures.texts.phrases
    if not count:
        return say["day_whole"]
    return say["day_missing_one" if count == 1 else "day_missing_many"].format(n=figures.count(count))


def mark(index: int, figures: Figures) -> str:
    """① in Chinese, 1 in English."""
    return MARKS[index] if figures.locale == "zh-CN" and index < len(MARKS) else str(index + 1)

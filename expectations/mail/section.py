"""One case of a mail: when what happened, why it was judged so, what to do, whom to tell.

Lines and rows are bounded; what is left out is counted and stands in the attachment.
"""

import datetime as dt
from collections.abc import Iterable, Sequence

from expectations.findings import Finding, Subject
from expectations.mail.blocks import (
    Facts,
    Inner,
    Level,
    Links,
    Note,
    Quote,
    Section,
    Steps,
    Timeline,
)
from expectations.mail.cases import Case
from expectations.mail.catalogue import behaviours
from expectations.mail.figures import Figures, number
from expectations.mail.moments import is_accused, moment, runs_of
from expectations.mail.pictures import rates, time_axis
from expectations.mail.wording import (
    SHAPES,
    certainty,
    level_of,
    listed,
    mark,
    numbers_missing,
    rule_texts,
    sentence,
    words_for,
)

MOST_ALSO = 4
MOST_STEPS = 6
MOST_NAMED = 4


def section(case: Case, index: int, figures: Figures, *, answers: Links) -> Section:
    """The case at this place of the mail; ``answers`` is what may be said to it."""
    say = figures.texts.phrases
    lead, level = case.lead, level_of(case)
    texts = rule_texts(lead, figures)
    steps = Steps(label=say["steps"], warnings=(), items=_steps(case, figures), level="calm")
    shown = runs_of(case)
    blocks: list[Inner] = [_facts(case, figures), _timeline(case, shown, figures)]
    blocks += [*time_axis(case, shown, figures), *rates(lead, figures), steps]
    if texts.customer:
        blocks.append(Quote(label=say["customer"], text=sentence(figures, texts.customer, case, lead)))
    blocks += [*_reasons(case, figures), *_rights(case, figures), answers]
    return Section(
        mark=mark(index, figures),
        shape=SHAPES[lead.certainty],
        certainty=certainty(lead, figures),
        title=texts.title,
        amount=figures.sums(case.at_risk) if case.at_risk else "",
        deadline=_deadline(case, figures, level),
        level=level,
        blocks=tuple(blocks),
    )


def _reasons(case: Case, figures: Figures) -> list[Inner]:
    """Why, what else was found about the same money; always what was ruled out and what is missing, be it nothing."""
    say = figures.texts.phrases
    notes: list[Inner] = [Note(say["why"], sentence(figures, rule_texts(case.lead, figures).why, case, case.lead))]
    for other in _others(case)[:MOST_ALSO]:
        theirs = rule_texts(other, figures)
        also = say["also_text"].format(title=theirs.title, why=sentence(figures, theirs.why, case, other))
        notes.append(Note(say["also"], also))
    ruled_out = words_for((code for each in case.findings for code in each.ruled_out), "ruled_out", figures)
    missing = words_for(missing_codes([case]), "missing", figures)
    notes.append(Note(say["ruled_out"], listed(ruled_out, figures) if ruled_out else say["nothing_ruled_out"]))
    notes.append(Note(say["missing"], listed(missing, figures) if missing else say["nothing_missing"]))
    return notes


def _rights(case: Case, figures: Figures) -> list[Inner]:
    """What the shop may ask for, once the acquirer's file shows how it was."""
    rights = rule_texts(case.lead, figures).rights
    return [Note(figures.texts.phrases["rights"], sentence(figures, rights, case, case.lead))] if rights else []


def missing_codes(cases: Iterable[Case]) -> list[str]:
    """What data the judgement of these cases did without."""
    return [code for case in cases for each in case.findings for code in each.completeness.get("missing", ())]


def days_seen(cases: Iterable[Case], figures: Figures, *, most: int | None = None) -> list[str]:
    """What was recorded of each terminal's day that these cases are about, once; the oldest first.

    With ``most``, so many of them, those of the first cases; how many are left out is said.
    """
    say = figures.texts.phrases
    found = {
        (each.business_date, each.terminal_id): day
        for case in cases
        for each in case.findings
        if each.terminal_id and (day := each.completeness.get("terminal_day"))
    }
    told = [
        say["day_seen"].format(
            terminal=terminal,
            day=figures.date(date),
            n=figures.count(day["records"]),
            missing=numbers_missing(day["trace_numbers_missing"], figures),
        )
        + _clock(day.get("clock_ahead_s"), figures)
        for (date, terminal), day in sorted(list(found.items())[:most])
    ]
    if left := len(found) - len(told):
        told.append(say["day_more_one" if left == 1 else "day_more"].format(n=figures.count(left)))
    return told


def _clock(ahead_s: int | None, figures: Figures) -> str:
    """How wrong the terminal's clock was, where enough answers of its host tell it."""
    if ahead_s is None:
        return ""
    return figures.texts.phrases["day_clock"].format(error=figures.span(dt.timedelta(seconds=ahead_s)))


def _others(case: Case) -> list[Finding]:
    """One finding for each further rule."""
    seen: dict[str, Finding] = {}
    for finding in case.findings:
        seen.setdefault(finding.rule, finding)
    return [each for each in seen.values() if each.rule != case.lead.rule]


def _steps(case: Case, figures: Figures) -> tuple[str, ...]:
    """The leading finding's steps, then those that it does not make needless."""
    covered = {rule for each in case.findings for rule in behaviours()[each.rule].covers}
    further = [f for f in _others(case) if f.rule not in covered and f.certainty in {"PROVEN", "PROBABLE"}]
    steps = dict.fromkeys(
        sentence(figures, wording, case, finding)
        for finding in (case.lead, *further)
        for wording in rule_texts(finding, figures).steps.at(is_open=case.is_open)
    )
    return tuple(steps)[:MOST_STEPS]


def _facts(case: Case, figures: Figures) -> Facts:
    say = figures.texts.phrases
    about_cards = behaviours()[case.lead.rule].scope == "attempt"
    cards = [figures.card(each.pan_masked) for each in case.subjects if each.pan_masked and about_cards]
    batches = [number(each.batch_no) for each in case.subjects]
    pairs = (
        (say["fact_card"], _named(cards, figures)),
        (say["fact_terminal"], _named([each.terminal_id for each in case.subjects], figures)),
        (say["fact_batch"], _named(batches, figures)),
        (say["fact_case"], case.number),
    )
    return Facts(pairs=tuple(pair for pair in pairs if pair[1]))


def _named(values: Iterable[str], figures: Figures) -> str:
    return figures.texts.phrase("list_comma").join(list(dict.fromkeys(filter(None, values)))[:MOST_NAMED])


def _timeline(case: Case, shown: Sequence[Sequence[Subject]], figures: Figures) -> Timeline:
    several = len(case.subjects) > 1
    rows = tuple(moment(run, figures, marked=several and is_accused(run, case)) for run in shown)
    left = len(case.subjects) - sum(len(run) for run in shown)
    return Timeline(rows=rows, more=figures.texts.phrase("rows_more").format(n=left) if left else "")


def _deadline(case: Case, figures: Figures, level: Level) -> str:
    say = figures.texts.phrases
    if case.act_by is not None:
        return say["case_open" if case.is_open else "case_closed"].format(when=figures.deadline(case.act_by))
    return say["case_calm" if level == "calm" else "case_soon"]

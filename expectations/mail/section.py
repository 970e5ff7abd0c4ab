"""One case of a mail: when what happened, why it was judged so, what to do, whom to tell.

Lines and rows are bounded; what is left out is counted and stands in the attachment.
"""

import itertools
from collections.abc import Iterable, Sequence

from expectations.findings import Finding, Subject
from expectations.mail.blocks import (
    Bar,
    Bars,
    Facts,
    Inner,
    Level,
    Links,
    Moment,
    Note,
    Quote,
    Section,
    Steps,
    Timeline,
)
from expectations.mail.cases import Case, approved, happened, subject_key
from expectations.mail.catalogue import behaviours
from expectations.mail.figures import Figures, number
from expectations.mail.wording import SHAPES, certainty, level_of, listed, mark, rule_texts, sentence, words_for

MOST_ROWS = 8
MOST_ALSO = 4
MOST_STEPS = 6
MOST_NAMED = 4

REVERSED = frozenset({"00", "12", "25"})
"""Answers to a reversal that mean it is done (docs/rules.md)."""


def section(case: Case, index: int, figures: Figures, *, answers: Links) -> Section:
    """The case at this place of the mail; ``answers`` is what may be said to it."""
    say = figures.texts.phrases
    lead, level = case.lead, level_of(case)
    texts = rule_texts(lead, figures)
    steps = Steps(label=say["steps"], warnings=(), items=_steps(case, figures), level="calm")
    blocks: list[Inner] = [_facts(case, figures), _timeline(case, figures), *_rates(lead, figures), steps]
    if texts.customer:
        blocks.append(Quote(label=say["customer"], text=sentence(figures, texts.customer, case, lead)))
    blocks += [*_reasons(case, figures), answers]
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
    """Why, what else was found about the same money, what was ruled out, what is missing."""
    say = figures.texts.phrases
    notes: list[Inner] = [Note(say["why"], sentence(figures, rule_texts(case.lead, figures).why, case, case.lead))]
    for other in _others(case)[:MOST_ALSO]:
        theirs = rule_texts(other, figures)
        also = say["also_text"].format(title=theirs.title, why=sentence(figures, theirs.why, case, other))
        notes.append(Note(say["also"], also))
    if ruled_out := words_for((code for each in case.findings for code in each.ruled_out), "ruled_out", figures):
        notes.append(Note(say["ruled_out"], listed(ruled_out, figures)))
    if missing := words_for(missing_codes([case]), "missing", figures):
        notes.append(Note(say["missing"], listed(missing, figures)))
    return notes


def missing_codes(cases: Iterable[Case]) -> list[str]:
    """What data the judgement of these cases did without."""
    return [code for case in cases for each in case.findings for code in each.completeness.get("missing", ())]


def event(subject: Subject, figures: Figures) -> str:
    """凭证号 004518 消费 ¥368.00."""
    say = figures.texts.phrases
    kind = figures.texts.word("types", subject.txn_type or "") or ""
    amount = "" if subject.amount_fen is None else figures.money(subject.amount_fen, subject.currency)
    form = {"SETTLEMENT": "event_settlement", None: "event_unseen"}.get(subject.txn_type, "event")
    values = {"stan": number(subject.stan), "batch": number(subject.batch_no), "type": kind, "amount": amount}
    return " ".join(say[form].format_map(values).split())


def _rates(finding: Finding, figures: Figures) -> list[Inner]:
    """A change of rate as two bars, where the rule tells both."""
    old, new = finding.evidence.get("old_ppm"), finding.evidence.get("new_ppm")
    if not isinstance(old, int) or not isinstance(new, int) or max(old, new) <= 0:
        return []
    say = figures.texts.phrases
    bars = tuple(
        Bar(say[name], each / max(old, new), figures.rate(each))
        for name, each in (("rate_old", old), ("rate_new", new))
    )
    return [Bars(say["rate"], bars, say["rate_change"].format(points=figures.points(new - old)))]


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


def _timeline(case: Case, figures: Figures) -> Timeline:
    accused = subject_key(case.lead.subjects[0]) if case.lead.subjects else None
    runs = [list(run) for _, run in itertools.groupby(case.subjects, key=_run)]
    shown = _around(runs, accused)
    marked = len(case.subjects) > 1
    rows = tuple(_moment(run, figures, is_accused=marked and _holds(run, accused)) for run in shown)
    left = len(case.subjects) - sum(len(run) for run in shown)
    return Timeline(rows=rows, more=figures.texts.phrase("rows_more").format(n=left) if left else "")


def _run(subject: Subject) -> tuple[object, ...]:
    """A reversal sent again and again is one line; everything else stands for itself."""
    if subject.txn_type != "REVERSAL":
        return subject_key(subject)
    return (subject.terminal_id, subject.batch_no, subject.stan, subject.amount_fen, subject.response_code)


def _around(runs: Sequence[list[Subject]], accused: object) -> Sequence[list[Subject]]:
    """The last lines, and the accused one among them whatever happens."""
    tail = list(runs[-MOST_ROWS:])
    if not any(_holds(run, accused) for run in tail):
        tail = [*(run for run in runs if _holds(run, accused)), *tail[1:]]
    return tail


def _holds(run: Sequence[Subject], accused: object) -> bool:
    return any(subject_key(each) == accused for each in run)


def _moment(run: Sequence[Subject], figures: Figures, *, is_accused: bool) -> Moment:
    say = figures.texts.phrases
    subject, last = run[0], happened(run[-1])
    when = happened(subject)
    shape, result = result_of(subject, figures)
    if subject.rrn and shape == "✓":
        result = say["result_reference"].format(result=result, rrn=subject.rrn)
    if len(run) > 1 and last:
        until = f"{last.astimezone(figures.zone):%H:%M:%S}"
        result = say["result_times"].format(result=result, n=len(run), until=until)
    return Moment(
        time=figures.moment(when) if when else "",
        what=event(subject, figures),
        shape=shape,
        result=result,
        remark=say["accused"] if is_accused else "",
    )


def result_of(subject: Subject, figures: Figures) -> tuple[str, str]:
    """A sign and words for what became of a transaction."""
    say = figures.texts.phrases
    if subject.txn_type is None:
        return "–", say["result_unseen"]
    if subject.response_code is None:
        return "?", say["result_unanswered"]
    done = subject.response_code in REVERSED if subject.txn_type == "REVERSAL" else approved(subject)
    if done:
        return "✓", say["result_settled" if subject.txn_type == "SETTLEMENT" else "result_approved"]
    return "✕", say["result_declined"].format(code=subject.response_code[:2])


def _deadline(case: Case, figures: Figures, level: Level) -> str:
    say = figures.texts.phrases
    if case.act_by is not None:
        return say["case_open" if case.is_open else "case_closed"].format(when=figures.deadline(case.act_by))
    return say["case_calm" if level == "calm" else "case_soon"]

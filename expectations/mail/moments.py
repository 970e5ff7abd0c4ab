"""A case's transactions as lines of a timeline: what each was, what became of it, and which of them are shown."""

import itertools
from collections.abc import Sequence

from expectations.findings import Subject
from expectations.mail.blocks import Moment
from expectations.mail.cases import Case, approved, happened, subject_key
from expectations.mail.figures import Figures, number

MOST_ROWS = 8
"""Lines of one case."""

REVERSED = frozenset({"00", "12", "25"})
"""Answers to a reversal that mean it is done (docs/rules.md)."""


def runs_of(case: Case) -> list[list[Subject]]:
    """The lines to show, oldest first: the last `MOST_ROWS`, and the accused one among them whatever happens."""
    runs = [list(run) for _, run in itertools.groupby(case.subjects, key=_run)]
    shown = runs[-MOST_ROWS:]
    if case.lead.subjects and not any(is_accused(run, case) for run in shown):
        shown = [*(run for run in runs if is_accused(run, case)), *shown[1:]]
    return shown


def is_accused(run: Sequence[Subject], case: Case) -> bool:
    """Whether the transaction that the leading finding accuses is on this line."""
    accused = case.lead.subjects[:1]
    return any(subject_key(each) == subject_key(subject) for subject in accused for each in run)


def moment(run: Sequence[Subject], figures: Figures, *, marked: bool) -> Moment:
    """A line; ``marked``: it is the one in doubt."""
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
        remark=say["accused"] if marked else "",
    )


def event(subject: Subject, figures: Figures) -> str:
    """凭证号 004518 消费 ¥368.00."""
    say = figures.texts.phrases
    kind = figures.texts.word("types", subject.txn_type or "") or ""
    amount = "" if subject.amount_fen is None else figures.money(subject.amount_fen, subject.currency)
    form = {"SETTLEMENT": "event_settlement", None: "event_unseen"}.get(subject.txn_type, "event")
    values = {"stan": number(subject.stan), "batch": number(subject.batch_no), "type": kind, "amount": amount}
    return " ".join(say[form].format_map(values).split())


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


def _run(subject: Subject) -> tuple[object, ...]:
    """A reversal sent again and again is one line; everything else stands for itself."""
    if subject.txn_type != "REVERSAL":
        return subject_key(subject)
    return (subject.terminal_id, subject.batch_no, subject.stan, subject.amount_fen, subject.response_code)

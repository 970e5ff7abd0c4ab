"""Pictures in a case: a change of rate as two bars, and doubled debits on one axis of time.

Both are tables of HTML and lines of text: nothing is fetched, and a program that shows no images shows them.
"""

import datetime as dt
from collections.abc import Sequence

from expectations.findings import Finding, Subject
from expectations.mail.blocks import Axis, Bar, Bars, Inner, Lane
from expectations.mail.cases import DEBITS, Case, happened
from expectations.mail.figures import Figures, number
from expectations.mail.moments import result_of

SLOTS = 20
"""Places on the axis; a mark stands in the one nearest to its time."""

MOST_LANES = 6
"""Of more records no picture is made: it would not be read at a glance."""

NOTHING, WAITING, SENT, UNANSWERED = "░", "▒", "→", "?"


def rates(finding: Finding, figures: Figures) -> list[Inner]:
    """A change of rate as two bars, where the rule tells both; the second says from which day on it was charged."""
    old, new = finding.evidence.get("old_ppm"), finding.evidence.get("new_ppm")
    if not isinstance(old, int) or not isinstance(new, int) or max(old, new) <= 0:
        return []
    say = figures.texts.phrases
    since = happened(finding.subjects[0]) if finding.subjects else None
    day = figures.date(since.astimezone(figures.zone).date()) if since else ""
    names = (say["rate_old"], say["rate_from"].format(day=day) if day else say["rate_new"])
    bars = tuple(
        Bar(name, each / max(old, new), figures.rate(each)) for name, each in zip(names, (old, new), strict=True)
    )
    return [Bars(say["rate"], bars, say["rate_change"].format(points=figures.points(new - old)))]


def time_axis(case: Case, shown: Sequence[Sequence[Subject]], figures: Figures) -> list[Inner]:
    """Where the question is one purchase or two: each attempt at its time, and how long no answer came.

    An unanswered debit is waited for until its first reversal: then the terminal had given the answer up.
    """
    runs = [run for run in shown if happened(run[0]) and run[0].txn_type not in {None, "SETTLEMENT"}]
    debits = [run for run in runs if run[0].txn_type in DEBITS]
    times = sorted(when for run in runs for each in run if (when := happened(each)))
    if not case.asks_duplicate or len(debits) < 2 or len(runs) > MOST_LANES or times[0] == times[-1]:
        return []
    say, first, length = figures.texts.phrases, times[0], times[-1] - times[0]
    lanes = tuple(Lane(_name(run[0], figures), _drawn(run, runs, first, length, figures)) for run in runs)
    label = say["axis"].format(span=figures.span(length))
    signs = dict.fromkeys(sign for lane in lanes for sign in lane.drawn if sign not in {NOTHING, WAITING})
    meanings = [f"{sign} {say[MEANINGS[sign]]}" for sign in signs]
    told = [_told(run[0], times, figures) for run in runs]
    return [
        Axis(
            label=label,
            lanes=lanes,
            first=_said(times[0], times, figures),
            last=_said(times[-1], times, figures),
            says=say["list_comma"].join(meanings),
            alt=label + say["list_colon"] + say["list_semicolon"].join(told),
        )
    ]


MEANINGS = {SENT: "axis_sent", UNANSWERED: "result_unanswered", "✓": "result_approved", "✕": "axis_declined"}


def _drawn(
    run: Sequence[Subject],
    runs: Sequence[Sequence[Subject]],
    first: dt.datetime,
    length: dt.timedelta,
    figures: Figures,
) -> str:
    """A lane: marks at their times, and while an answer was waited for."""

    def slot(when: dt.datetime) -> int:
        return round((when - first) / length * (SLOTS - 1))

    lane = [NOTHING] * SLOTS
    given_up = _given_up(run[0], runs)
    for each in run:
        if (when := happened(each)) is None:
            continue
        sign, _ = result_of(each, figures)
        if sign == UNANSWERED and given_up is not None:
            lane[slot(when) : slot(given_up)] = [WAITING] * (slot(given_up) - slot(when))
            lane[slot(when)], when = SENT, given_up
        lane[slot(when)] = sign
    return "".join(lane)


def _given_up(debit: Subject, runs: Sequence[Sequence[Subject]]) -> dt.datetime | None:
    """When the terminal first reversed a debit."""
    same = (debit.terminal_id, debit.batch_no, debit.stan)
    sent = happened(debit)
    if debit.txn_type not in DEBITS or sent is None:
        return None
    of_it = [run[0] for run in runs if (run[0].terminal_id, run[0].batch_no, run[0].stan) == same]
    times = (happened(each) for each in of_it if each.txn_type == "REVERSAL")
    return min((when for when in times if when and when > sent), default=None)


def _name(subject: Subject, figures: Figures) -> str:
    """消费 004518."""
    return f"{figures.texts.word('types', subject.txn_type or '') or ''} {number(subject.stan)}".strip()


def _told(subject: Subject, times: Sequence[dt.datetime], figures: Figures) -> str:
    """20:41:07 消费 004518、没有收到银行结果."""
    when = happened(subject)
    clock = f"{_said(when, times, figures)} " if when else ""
    return f"{clock}{_name(subject, figures)}{figures.texts.phrase('list_comma')}{result_of(subject, figures)[1]}"


def _said(when: dt.datetime, times: Sequence[dt.datetime], figures: Figures) -> str:
    """The time of day; with the date where the axis runs over midnight."""
    days = {each.astimezone(figures.zone).date() for each in (times[0], times[-1])}
    return f"{when.astimezone(figures.zone):%H:%M:%S}" if len(days) == 1 else figures.moment(when)

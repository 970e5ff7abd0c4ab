"""The first screen: the subject line, how much, until when, and what to do now.

A deadline is named only while it is ahead. After it, the mail says that it has passed
and gives the advice for afterwards.
"""

import datetime as dt
from collections.abc import Sequence

from expectations.mail.blocks import Steps, Verdict
from expectations.mail.cases import Case
from expectations.mail.decide import Alert
from expectations.mail.figures import Figures
from expectations.mail.wording import level_of, loudest, mark, rule_texts, sentence
from expectations.money import total

MOST_ACTS = 4
"""Lines under "do now": with the warnings they fit a phone's first screen."""


def subject_line(alert: Alert, place: str, figures: Figures) -> str:
    """【今日23:00前处理】2笔资金异常 ¥388.00 | 张记小馆 | 11月21日."""
    say = figures.texts.phrases
    what = _counted(alert, figures, "subject_money", "subject_other", say["subject_joint"])
    return say["subject"].format(prefix=_prefix(alert, figures), what=what, place=place, day=days(alert, figures))


def days(alert: Alert, figures: Figures) -> str:
    """The business days the mail is about."""
    return figures.days({case.lead.business_date for case in alert.cases})


def verdict(alert: Alert, figures: Figures) -> Verdict:
    """How much, until when."""
    say = figures.texts.phrases
    amount = total(case.at_risk for case in alert.cases)
    return Verdict(
        label=say["verdict"],
        headline=_counted(alert, figures, "money", "other", say["joint"]),
        amount=say["amount_at_stake"].format(amount=figures.sums(amount)) if amount else "",
        deadline=_deadline(alert, figures),
        level=loudest(alert.cases),
    )


def do_now(alert: Alert, shown: Sequence[Case], figures: Figures) -> Steps:
    """What not to do, then one line for each of the most pressing cases."""
    say = figures.texts.phrases
    several = len(alert.cases) > 1

    def where(*marks: str) -> str:
        form = "in_cases_one" if len(marks) == 1 else "in_cases_many"
        return say[form].format(marks=say["list_comma"].join(marks)) if several else ""

    tempting = [mark(index, figures) for index, case in enumerate(shown) if case.tempts]
    items = []
    for index, case in enumerate(shown[:MOST_ACTS]):
        act = rule_texts(case.lead, figures).act.at(is_open=case.is_open)[0]
        items.append(sentence(figures, act, case, case.lead) + where(mark(index, figures)))
    if len(alert.cases) > len(items):
        items.append(say["act_more"].format(n=len(alert.cases) - len(items)))
    return Steps(
        label=say["do_now"],
        warnings=(say["never_swipe_again"].format(cases=where(*tempting)),) if tempting else (),
        items=tuple(items),
        level=loudest(alert.cases),
    )


def _prefix(alert: Alert, figures: Figures) -> str:
    say = figures.texts.phrases
    nearest = _nearest(alert)
    if nearest is None:
        return say["prefix_check" if loudest(alert.cases) == "calm" else "prefix_act"]
    local = nearest.astimezone(figures.zone)
    ahead = (local.date() - figures.now.astimezone(figures.zone).date()).days
    form = {0: "prefix_today", 1: "prefix_tomorrow"}.get(ahead, "prefix_date")
    return say[form].format(time=f"{local:%H:%M}", date=figures.date(local.date()))


def _nearest(alert: Alert) -> dt.datetime | None:
    """The first deadline ahead of a case that is grave enough to have one named."""
    return min((c.act_by for c in alert.cases if c.act_by is not None and level_of(c) == "urgent"), default=None)


def _deadline(alert: Alert, figures: Figures) -> str:
    say = figures.texts.phrases
    if nearest := _nearest(alert):
        return say["deadline_open"].format(when=figures.deadline(nearest))
    passed = [case.act_by for case in alert.cases if case.act_by is not None and not case.is_open]
    if passed:
        return say["deadline_closed"].format(when=figures.deadline(max(passed)))
    return say["deadline_calm" if loudest(alert.cases) == "calm" else "deadline_none"]


def _counted(alert: Alert, figures: Figures, money: str, other: str, joint: str) -> str:
    """2 笔资金异常,另有 1 处记录需要核对."""
    say = figures.texts.phrases
    amount = figures.sums(total(case.at_risk for case in alert.cases))
    grave = sum(_is_money(case) for case in alert.cases)
    said = [
        say[f"{name}_{'one' if count == 1 else 'many'}"].format(n=count, amount=amount)
        for name, count in ((money, grave), (other, len(alert.cases) - grave))
        if count
    ]
    return joint.join(said)


def _is_money(case: Case) -> bool:
    return bool(case.at_risk) and case.lead.severity in {"P1", "P2"}

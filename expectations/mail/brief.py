"""The mail of three lines: a reversal waits in a terminal, and one inquiry sends it on its way."""

from expectations.mail.blocks import Fine, Letter, Note, Opening, Verdict
from expectations.mail.cases import Case
from expectations.mail.catalogue import behaviours
from expectations.mail.decide import Alert
from expectations.mail.figures import Figures
from expectations.mail.values import CALL_AHEAD
from expectations.mail.wording import loudest
from expectations.money import total


def is_brief(alert: Alert) -> bool:
    """Whether nothing is told but such reversals."""
    return not alert.review and all(behaviours()[case.lead.rule].brief for case in alert.cases)


def brief_letter(alert: Alert, place: str, day: str, figures: Figures) -> Letter:
    """What waits where, what to do until when, and what not to do."""
    say = figures.texts.phrases
    values = {
        "n": str(len(alert.cases)),
        "terminals": say["list_comma"].join(dict.fromkeys(case.lead.terminal_id for case in alert.cases)),
        "amount": figures.sums(total(case.at_risk for case in alert.cases)),
        "until": _until(alert.cases, figures),
        "place": place,
    }
    one = "one" if len(alert.cases) == 1 else "many"
    return Letter(
        locale=alert.locale,
        subject=say[f"brief_subject_{one}"].format(**values),
        blocks=(
            Opening(place=place, day=day),
            Verdict(
                say["verdict"], say[f"brief_headline_{one}"].format(**values), "",
                say["brief_act"].format(**values), loudest(alert.cases),
            ),
            Note(say["brief_warning_label"], say["brief_warning"]),
            Fine(lines=(say["privacy"],)),
        ),
    )  # fmt: skip


def _until(cases: tuple[Case, ...], figures: Figures) -> str:
    """The moment by which the acquirer can still be called, while that is ahead; else at once."""
    say = figures.texts.phrases
    calls = [case.act_by - CALL_AHEAD for case in cases if case.is_open and case.act_by is not None]
    ahead = [each for each in calls if each > figures.now]
    return say["brief_until"].format(when=figures.deadline(min(ahead))) if ahead else say["brief_now"]

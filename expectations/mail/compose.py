"""An alert into blocks: what the mail says, in one reader's language.

The first screen says how much, what to do now and until when; then each case, most
pressing first; then what to review, whom to call, and what the judgement rests on.
The number of cases is bounded here, so that a bad day cannot make a mail that no mailbox
shows; what is left out is counted and stands in the attachment.
"""

from collections.abc import Sequence
from urllib.parse import quote as percent

from expectations.feedback.answers import answers_for
from expectations.feedback.links import answer_word, buttons
from expectations.mail.blocks import Block, Fine, Letter, Links, Note, Opening, Table
from expectations.mail.brief import brief_letter, is_brief
from expectations.mail.cases import Case, happened
from expectations.mail.decide import Alert
from expectations.mail.enclosed import NOTHING, Enclosed
from expectations.mail.figures import Figures
from expectations.mail.headline import days, do_now, subject_line, verdict
from expectations.mail.moments import event
from expectations.mail.section import days_seen, missing_codes, section
from expectations.mail.wording import SHAPES, certainty, listed, rule_texts, sentence, words_for
from expectations.money import total
from ingest.hotlines import Acquirer
from ingest.settings import Merchant, Settings

MOST_CASES = 10
"""Cases told in full."""

MOST_ROWS = 20
"""Further cases told in a row each."""

MOST_DAYS = 3
"""Terminals' days whose records are counted."""
LONGEST_PLACE = 40
SURE = frozenset({"PROVEN", "PROBABLE"})


def compose(alert: Alert, settings: Settings, *, most_cases: int = MOST_CASES, enclosed: Enclosed = NOTHING) -> Letter:
    """The whole mail as blocks, with at most so many cases told in full."""
    figures = figures_for(alert, settings)
    say = figures.texts.phrases
    place = place_of(alert.merchant_id, settings, figures)
    if is_brief(alert):
        return brief_letter(alert, place, days(alert, figures), figures)
    shown, rest = alert.cases[:most_cases], alert.cases[most_cases:]
    blocks: list[Block] = [
        Opening(place=place, day=days(alert, figures)),
        verdict(alert, figures),
        do_now(alert, shown, figures),
        *(section(case, index, figures, answers=answers(case, figures, settings)) for index, case in enumerate(shown)),
    ]
    if rest:
        blocks.append(_rest(rest, figures))
    if alert.review:
        blocks += review_tables(alert.review, figures)
    gaps = words_for(missing_codes(alert.cases), "gaps", figures)
    blocks += [
        Note(label=say["contact"], text=contact(alert.merchant_id, settings, figures)),
        *_attached(alert, enclosed, figures, settings),
        Note(
            label=say["data"],
            text=listed([*days_seen(shown, figures, most=MOST_DAYS), *(gaps or [say["data_complete"]])], figures),
        ),
    ]
    if settings.alerts.data_docs:
        blocks.append(Links(label="", links=((say["data_docs"], settings.alerts.data_docs),)))
    blocks.append(_fine(alert, shown, figures, with_pack=enclosed.way == "whole"))
    return Letter(locale=alert.locale, subject=subject_line(alert, place, figures), blocks=tuple(blocks))


def figures_for(alert: Alert, settings: Settings) -> Figures:
    """How this alert's reader wants figures written."""
    return Figures.of(alert.locale, settings, alert.decided_at)


def place_of(merchant_id: str, settings: Settings, figures: Figures) -> str:
    """The shop's name, or its number where the settings do not name it."""
    return name_of(merchant_id, settings) or figures.texts.phrase("merchant_unnamed").format(id=merchant_id)


def name_of(merchant_id: str, settings: Settings) -> str:
    """The shop's name in a line's length; empty where the settings do not name it."""
    merchant = _merchant(merchant_id, settings)
    return " ".join(merchant.name.split())[:LONGEST_PLACE] if merchant else ""


def answers(case: Case, figures: Figures, settings: Settings) -> Links:
    """What may be answered to a case: links of the operator's page, and where there is none mails that say it."""
    say = figures.texts.phrases
    if links := buttons(case, settings, figures.locale, now=figures.now):
        return Links(label=say["feedback"], links=links)
    to = settings.alerts.feedback or settings.alerts.sender
    mails = tuple(
        (
            answer_word(answer, case, figures.locale),
            f"mailto:{to}?subject={percent(f'tillwatch {answer} {case.lead.finding_id}')}",
        )
        for answer in answers_for(case)
    )
    return Links(label=say["feedback"], links=mails)


def _rest(rest: Sequence[Case], figures: Figures) -> Table:
    """The cases beyond the first, a row each: what it is, what to do, how much."""
    say = figures.texts.phrases
    amount = total(case.at_risk for case in rest)
    label = say[f"rest_{'one' if len(rest) == 1 else 'many'}"].format(
        n=len(rest),
        amount=say["rest_amount"].format(amount=figures.sums(amount)) if amount else "",
        file=say["details_file"],
    )
    left = len(rest) - MOST_ROWS
    return Table(
        label=label,
        columns=(say["rest_what"], say["rest_act"], say["rest_risk"]),
        rows=tuple(_brief(case, figures) for case in rest[:MOST_ROWS]),
        more=say["rest_more"].format(n=left, file=say["details_file"]) if left > 0 else "",
    )


def _brief(case: Case, figures: Figures) -> tuple[str, ...]:
    texts_of = rule_texts(case.lead, figures)
    what = f"{SHAPES[case.lead.certainty]} {certainty(case.lead, figures)} {texts_of.title}"
    act = sentence(figures, texts_of.act.at(is_open=case.is_open)[0], case, case.lead)
    return (what, act, figures.sums(case.at_risk) if case.at_risk else "")


def review_tables(cases: Sequence[Case], figures: Figures) -> list[Table]:
    """Cases to look at, a row each: small ones that are sure under one heading, doubtful ones under another."""
    say = figures.texts.phrases
    columns = (say["review_time"], say["review_what"], say["review_doubt"], say["review_sure"])
    parts = {
        "review_small": [case for case in cases if case.lead.certainty in SURE],
        "review": [case for case in cases if case.lead.certainty not in SURE],
    }
    return [
        Table(label=say[label], columns=columns, rows=tuple(_reviewed(case, figures) for case in theirs))
        for label, theirs in parts.items()
        if theirs
    ]


def _reviewed(case: Case, figures: Figures) -> tuple[str, ...]:
    lead = case.lead
    accused = lead.subjects[0] if lead.subjects else None
    when = happened(accused) if accused else None
    return (
        figures.moment(when) if when else figures.date(lead.business_date),
        event(accused, figures) if accused else "",
        rule_texts(lead, figures).title,
        f"{SHAPES[lead.certainty]}\N{NO-BREAK SPACE}{certainty(lead, figures)}",
    )


def contact(merchant_id: str, settings: Settings, figures: Figures) -> str:
    """Hotlines only from the operator's register, with the day each was verified: fake hotlines are a known scam."""
    say = figures.texts.phrases
    acquirer = _acquirer(merchant_id, settings)
    first = say["contact_unknown"]
    if acquirer and acquirer.hotline and acquirer.verified_on:
        first = say["contact_acquirer"].format(
            name=acquirer.name, hotline=acquirer.hotline, verified_on=figures.full_date(acquirer.verified_on)
        )
    others = (
        say[f"contact_{kind}"].format(number=each.number, verified_on=figures.full_date(each.verified_on))
        for kind in ("scheme", "regulator")
        for each in settings.hotlines
        if each.of == kind
    )
    return listed([first, *others], figures)


def _attached(alert: Alert, enclosed: Enclosed, figures: Figures, settings: Settings) -> list[Block]:
    """What goes along; where the dossiers do not, where they are to be had."""
    say = figures.texts.phrases
    numbers = [case.number for case in alert.cases[:MOST_CASES] if case.number]
    names = [say["attached_pdf"].format(n=len(numbers))] if enclosed.pdf else []
    names.append(say["attached_details"].format(details=say["details_file"]))
    names += [say["attached_complaint"]] if enclosed.complaint else []
    names.append(say["attached_manifest"])
    blocks: list[Block] = [Note(label=say["attached"], text=say["list_comma"].join(names))]
    if enclosed.way in {"whole", "none"} or not numbers:
        return blocks
    why = say[f"pack_{enclosed.way}"]
    if settings.app.url is None:
        command = f"tillwatch evidence make {numbers[0]}"
        return [*blocks, Note(label=say["pack"], text=f"{why}{say['pack_command'].format(command=command)}")]
    query = f"?lang={figures.locale}"
    links = tuple((each, f"{settings.app.url}/cases/{each}/pack.zip{query}") for each in numbers)
    return [*blocks, Note(label=say["pack"], text=f"{why}{say['pack_page']}"), Links(label=say["pack"], links=links)]


def _fine(alert: Alert, shown: Sequence[Case], figures: Figures, *, with_pack: bool) -> Fine:
    say = figures.texts.phrases
    findings = [each for case in alert.cases for each in case.findings]
    comma = say["list_comma"]
    versions = say["versions"].format(
        rules=comma.join(sorted({each.rules_version for each in findings})),
        decoder=comma.join(sorted({each.decoder_version for each in findings})),
        cases=comma.join(case.number for case in shown),
    )
    return Fine(lines=(versions, say["privacy_pack" if with_pack else "privacy"], say["recipients"]))


def _merchant(merchant_id: str, settings: Settings) -> Merchant | None:
    return next((each for each in settings.merchants if each.id == merchant_id), None)


def _acquirer(merchant_id: str, settings: Settings) -> Acquirer | None:
    merchant = _merchant(merchant_id, settings)
    return next((each for each in settings.acquirers if merchant and each.name == merchant.acquirer), None)

"""What a reminder says: which cases are still open or open again, for how long, and the next step for each."""

from collections.abc import Sequence

from expectations.mail.blocks import Block, Fine, Letter, Links, Note, Opening, Steps, Table, Verdict
from expectations.mail.compose import answers, contact, place_of
from expectations.mail.figures import Figures
from expectations.mail.notice import Notice
from expectations.mail.reminders import Reminder
from expectations.mail.wording import rule_texts, sentence
from expectations.mail.world import World
from expectations.money import total

MOST_STEPS = 6
MOST_ROWS = 20


def reminder_notice(due: Sequence[Reminder], recipients: tuple[str, ...], world: World) -> Notice:
    """One mail for one merchant's open cases."""
    first = due[0]
    figures = Figures.of(first.locale, world.settings, world.now)
    say = figures.texts.phrases
    merchant_id = first.case.lead.merchant_id
    form = first.form
    ordered = sorted(due, key=lambda each: (-each.days, -each.case.amount_fen, each.case.number))
    amount = total(each.case.at_risk for each in ordered)
    values = {
        "n": str(len(ordered)),
        "days": str(ordered[0].days),
        "amount": figures.sums(amount),
        "place": place_of(merchant_id, world.settings, figures),
        "numbers": say["list_comma"].join(each.case.number for each in ordered[:3]),
    }
    one = "one" if len(ordered) == 1 else "many"
    steps = tuple(
        f"{each.case.number}{say['list_colon']}"
        + sentence(
            figures, rule_texts(each.case.lead, figures).act.at(is_open=each.case.is_open)[0], each.case, each.case.lead
        )
        for each in ordered[:MOST_STEPS]
    )
    rows = tuple(
        (
            each.case.number,
            rule_texts(each.case.lead, figures).title,
            figures.sums(each.case.at_risk) if each.case.at_risk else "",
            say["unit_day"].format(n=each.days),
        )
        for each in ordered[:MOST_ROWS]
    )
    left = len(ordered) - len(rows)
    tempting = any(each.case.tempts for each in ordered)
    blocks: tuple[Block, ...] = (
        Opening(place=values["place"], day=figures.date(world.now.astimezone(figures.zone).date())),
        Verdict(
            say["verdict"], say[f"{form}_headline_{one}"].format(**values),
            say["amount_at_stake"].format(amount=values["amount"]) if amount else "", say[f"{form}_calm"], "attention",
        ),
        Steps(
            say["do_now"], (say["do_not_pay_back"],) if tempting else (), (*steps, say[f"{form}_act"]), "attention"
        ),
        Table(
            say["reminder_cases"], (say["fact_case"], say["rest_what"], say["rest_risk"], say["reminder_open"]), rows,
            say["rows_more"].format(n=left) if left > 0 else "",
        ),
        *(
            Links(each.case.number, answers(each.case, figures, world.settings).links)
            for each in ordered[:MOST_STEPS]
        ),
        Note(say["contact"], contact(merchant_id, world.settings, figures)),
        Fine(lines=(say["privacy"], say["recipients"])),
    )  # fmt: skip
    return Notice(
        kind=form,
        merchant_id=merchant_id,
        locale=first.locale,
        recipients=recipients,
        decided_at=world.now,
        business_date=min(each.case.lead.business_date for each in ordered),
        finding_ids=tuple(sorted(each.name for each in ordered)),
        letter=Letter(first.locale, say[f"{form}_subject_{one}"].format(**values), blocks),
        cases=len(ordered),
    )

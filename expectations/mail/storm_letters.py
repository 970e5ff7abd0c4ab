"""What a storm says: to operations every case with its identifiers, to each merchant a few lines."""

from collections.abc import Sequence

from expectations.mail.blocks import Block, Fine, Letter, Note, Opening, Steps, Table, Verdict
from expectations.mail.cases import Case
from expectations.mail.catalogue import Locale
from expectations.mail.compose import contact, name_of, place_of
from expectations.mail.figures import Figures
from expectations.mail.notice import EVERYBODY, Notice
from expectations.mail.storms import Storm
from expectations.mail.wording import loudest
from expectations.mail.world import World
from expectations.money import total

MOST_ROWS = 60


def storm_mail(storm: Storm, locale: Locale, recipients: tuple[str, ...], world: World) -> Notice:
    """The one mail to operations."""
    figures = Figures.of(locale, world.settings, world.now)
    say = figures.texts.phrases
    values = _values(storm.cases, storm, figures) | {"merchants": str(len(storm.merchants))}
    rows = tuple(
        (
            name_of(merchant_id, world.settings) or "—",
            merchant_id,
            str(len(storm.of(merchant_id))),
            figures.sums(total(each.at_risk for each in storm.of(merchant_id))),
        )
        for merchant_id in storm.merchants[:MOST_ROWS]
    )
    left = len(storm.merchants) - len(rows)
    columns = (say["fleet_shop"], say["fleet_merchant"], say["fleet_cases"], say["rest_risk"])
    blocks: tuple[Block, ...] = (
        Opening(place=say["operations"], day=figures.date(storm.day)),
        Verdict(
            say["verdict"], say["storm_headline"].format(**values),
            say["amount_at_stake"].format(amount=figures.sums(storm.at_risk)), say["storm_calm"], "urgent",
        ),
        Steps(say["do_now"], (), (say["storm_act"], say["storm_told"]), "urgent"),
        Table(say["storm_whom"], columns, rows, say["rows_more"].format(n=left) if left > 0 else ""),
        Fine(lines=(say["storm_attached"], say["privacy"])),
    )  # fmt: skip
    return Notice(
        kind="storm",
        merchant_id=EVERYBODY,
        locale=locale,
        recipients=recipients,
        decided_at=world.now,
        business_date=storm.day,
        finding_ids=(storm.name,),
        letter=Letter(locale, say["storm_subject"].format(**values), blocks),
        cases=len(storm.cases),
        machine=storm.cases,
        identifiers=storm.merchants,
    )


def storm_notice(
    storm: Storm, cases: Sequence[Case], locale: Locale, recipients: tuple[str, ...], world: World
) -> Notice:
    """The short notice to one merchant."""
    figures = Figures.of(locale, world.settings, world.now)
    say = figures.texts.phrases
    merchant_id = cases[0].lead.merchant_id
    amount = total(each.at_risk for each in cases)
    values = _values(cases, storm, figures) | {
        "place": place_of(merchant_id, world.settings, figures), "amount": figures.sums(amount),
    }  # fmt: skip
    tempting = any(case.tempts for case in cases)
    numbers = say["list_comma"].join(dict.fromkeys(case.number for case in cases if case.number))
    blocks: tuple[Block, ...] = (
        Opening(place=values["place"], day=figures.date(storm.day)),
        Verdict(
            say["verdict"], say["storm_notice_headline"].format(**values),
            say["amount_at_stake"].format(amount=values["amount"]) if amount else "",
            say["storm_notice_calm"], loudest(cases),
        ),
        Steps(
            say["do_now"], (say["never_swipe_again"].format(cases=""),) if tempting else (),
            (say["storm_notice_act"],), loudest(cases),
        ),
        *((Note(say["fact_case"], numbers),) if numbers else ()),
        Note(say["contact"], contact(merchant_id, world.settings, figures)),
        Fine(lines=(say["privacy"], say["recipients"])),
    )  # fmt: skip
    return Notice(
        kind=min(each.severity for case in cases for each in case.findings if each.severity in {"P1", "P2", "P3"}),
        merchant_id=merchant_id,
        locale=locale,
        recipients=recipients,
        decided_at=world.now,
        business_date=storm.day,
        finding_ids=(storm.name, *sorted(each.finding_id for case in cases for each in case.findings)),
        letter=Letter(locale, say["storm_notice_subject"].format(**values), blocks),
        cases=len(cases),
    )


def _values(cases: Sequence[Case], storm: Storm, figures: Figures) -> dict[str, str]:
    return {
        "n": str(len(cases)),
        "rule": figures.texts.rules[storm.rule].title,
        "day": figures.date(storm.day),
        "amount": figures.sums(total(each.at_risk for each in cases)),
    }

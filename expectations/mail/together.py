"""One mail a moment: what is due to a reader of a merchant at the same time goes out as one mail, most pressing first.

Reminders, that data is missing, and reports share a mail. New cases have their own, with attachments and a thread; so
have closings, which answer an earlier mail, and storms.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from expectations.mail.blocks import Block, Fine, Letter
from expectations.mail.catalogue import texts
from expectations.mail.html import LARGEST, render_html
from expectations.mail.notice import EVERYBODY, Kind, Notice

PRESSING: tuple[Kind, ...] = ("reopened", "escalation", "reminder", "incomplete", "weekly", "monthly")
"""What may share a mail, in the order in which it is read."""


def together(notices: Iterable[Notice]) -> list[Notice]:
    """The same notices, those of one merchant, language and reader in one mail each as far as it fits a mailbox."""
    alone: list[Notice] = []
    of_reader: dict[tuple[str, str, str], list[Notice]] = {}
    for each in notices:
        if each.kind not in PRESSING or each.merchant_id == EVERYBODY:
            alone.append(each)
            continue
        for address in each.recipients:
            of_reader.setdefault((each.merchant_id, each.locale, address), []).append(each)
    readers: dict[tuple[str, ...], tuple[list[Notice], list[str]]] = {}
    for (_, _, address), mine in of_reader.items():
        mine.sort(key=lambda each: PRESSING.index(each.kind))
        readers.setdefault(tuple(each.alert_id for each in mine), (mine, []))[1].append(address)
    found = list(alone)
    for mine, addresses in readers.values():
        found += _joined([replace(each, recipients=tuple(sorted(addresses))) for each in mine])
    return found


def _joined(notices: Sequence[Notice]) -> list[Notice]:
    """One mail, or as many as it takes for each to fit."""
    found: list[Notice] = []
    for each in notices:
        if found and len(render_html((both := _both(found[-1], each)).letter).encode()) <= LARGEST:
            found[-1] = both
        else:
            found.append(each)
    return found


def _both(first: Notice, second: Notice) -> Notice:
    """The first with the second behind it: its thread, its kind, and a subject that names both."""
    say = texts(first.locale).phrases
    what, bar, whose = first.letter.subject.partition(" | ")
    subject = say["subject_too"].format(what=what, too=say[f"too_{second.kind}"]) + bar + whose
    blocks = [each for each in (*first.letter.blocks, *second.letter.blocks) if not isinstance(each, Fine)]
    return replace(
        first,
        finding_ids=(*first.finding_ids, *second.finding_ids),
        review_ids=tuple(sorted({*first.review_ids, *second.review_ids})),
        identifiers=(*first.identifiers, *second.identifiers),
        cases=max(first.cases, second.cases),
        letter=Letter(first.locale, subject, (*blocks, _fine(first.letter, second.letter))),
    )


def _fine(*letters: Letter) -> Block:
    lines = (line for letter in letters for each in letter.blocks if isinstance(each, Fine) for line in each.lines)
    return Fine(tuple(dict.fromkeys(lines)))

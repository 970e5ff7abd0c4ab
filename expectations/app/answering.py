"""The pages that mails' links lead to: one shows the case and asks, its button answers.

No log-in: the link is the right to see this case, card numbers to their last four digits, and to give
this one answer. Programs that follow the links of every mail change nothing, for they press no button.
"""

from typing import Any

from fastapi import APIRouter, Depends, Request

from expectations.app.casepage import told
from expectations.app.desk import BY_MAIL, desk_of, guard, locale_of, page
from expectations.cases.record import CaseRecord
from expectations.feedback.links import BadLinkError, ExpiredLinkError, Link, answer_word, read_link
from expectations.mail.cases import happened
from expectations.mail.figures import number as slip
from expectations.mail.moments import event, result_of
from ingest.errors import UsageError

router = APIRouter()
MOST_ROWS = 12


@router.get("/a/{token}")
def ask(request: Request, token: str) -> Any:
    """Show the case and one button."""
    opened = _opened(request, token)
    if not isinstance(opened, tuple):
        return opened
    link, record = opened
    desk = desk_of(request)
    standing = desk.feedback.standing(record.number)
    return _case(request, link, record, done=standing is not None and standing.answer == link.answer)


@router.post("/a/{token}", dependencies=[Depends(guard)])
def answer(request: Request, token: str) -> Any:
    """Write the answer down."""
    opened = _opened(request, token)
    if not isinstance(opened, tuple):
        return opened
    link, record = opened
    return _case(request, link, desk_of(request).feedback.answer(record.number, link.answer, BY_MAIL), done=True)


def _opened(request: Request, token: str) -> tuple[Link, CaseRecord] | Any:
    """What the link is for; or the page that says why it is not."""
    desk = desk_of(request)
    try:
        link = read_link(token, desk.settings, now=desk.now())
        return link, desk.book.case(link.number)
    except ExpiredLinkError:
        return page(request, "error.html.j2", status=410, reason="link_old")
    except (BadLinkError, UsageError):
        return page(request, "error.html.j2", status=404, reason="link_bad")


def _case(request: Request, link: Link, record: CaseRecord, *, done: bool) -> Any:
    desk, locale = desk_of(request), locale_of(request)
    figures = desk.figures(locale)
    first = told(desk, record, figures)
    case = first["case"]
    rows = [
        (
            figures.moment(when) if (when := happened(each)) else "",
            event(each, figures),
            " ".join(result_of(each, figures)),
            slip(each.stan),
        )
        for each in case.subjects[-MOST_ROWS:]
    ]
    word = answer_word(link.answer, case, locale)
    return page(
        request, "answer.html.j2", rows=rows, answer=link.answer, answer_word=word, done=done,
        token_path=request.url.path, **first,
    )  # fmt: skip

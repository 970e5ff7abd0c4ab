"""One case: what happened, side by side, the bytes, the signature; and what one does about it."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from expectations.app.desk import Desk, desk_of, guard, locale_of, page, visitor_of
from expectations.app.people import Visitor
from expectations.cases.record import CaseRecord
from expectations.cases.states import NEXT, OVER
from expectations.commands.case import Yuan
from expectations.evidence.account import Account
from expectations.evidence.gather import gather
from expectations.evidence.pack import complaint_text, make_pack
from expectations.feedback.answers import ANSWERS, answers_for
from expectations.feedback.links import answer_word
from expectations.mail.cases import Case
from expectations.mail.figures import Figures
from expectations.mail.wording import SHAPES, certainty, level_of, rule_texts, sentence
from expectations.money import letters
from ingest.errors import UsageError

router = APIRouter()
Someone = Annotated[Visitor, Depends(visitor_of)]
Do = Callable[[Desk, str, Visitor], object]


def seen(request: Request, number: str, visitor: Visitor, right: str = "") -> CaseRecord:
    """The case, when this visitor may look at it and has the right.

    Raises:
        HTTPException: 404 for a case that is not theirs, as for one that is not there; 403 without the right.
    """
    try:
        record = desk_of(request).book.case(number)
    except UsageError:
        raise HTTPException(404, "case") from None
    if not visitor.sees(record):
        raise HTTPException(404, "case")
    if right and not visitor.may(right, record.merchant_id):
        raise HTTPException(403, "right")
    return record


def told(desk: Desk, record: CaseRecord, figures: Figures) -> dict[str, Any]:
    """What is said first of a case: what, how sure, how much, until when, what to do now; nothing when it is over."""
    case = record.told(desk.now())
    lead = case.lead
    is_over = record.state in OVER
    steps = () if is_over else rule_texts(lead, figures).steps.at(is_open=case.is_open)
    rights = None if is_over else rule_texts(lead, figures).rights
    return {
        "record": record,
        "case": case,
        "title": rule_texts(lead, figures).title,
        "why": sentence(figures, rule_texts(lead, figures).why, case, lead),
        "certainty": f"{SHAPES[lead.certainty]} {certainty(lead, figures)}",
        "level": level_of(case),
        "steps": [sentence(figures, each, case, lead) for each in steps],
        "rights": sentence(figures, rights, case, lead) if rights else "",
        "warn": case.tempts and not is_over,
    }


@router.get("/cases/{number}")
def show(request: Request, number: str, visitor: Someone) -> Any:
    """The whole case."""
    desk, locale = desk_of(request), locale_of(request)
    record = seen(request, number, visitor)
    figures = desk.figures(locale)
    operators = visitor.may("operators", record.merchant_id)
    account = Account(
        gather(record, desk.settings), figures, desk.settings, desk.now(), version("tillwatch"), operators
    )
    standing = desk.feedback.standing(record.number)
    first = told(desk, record, figures)
    return page(
        request, "case.html.j2", visitor=visitor, parts=account.parts(), standing=standing,
        buttons=_buttons(first["case"], locale), may={
            right: visitor.may(right, record.merchant_id) for right in ("answer", "note", "contact", "claim", "close",
                                                                       "pack")
        }, ahead=NEXT[record.state], said=request.query_params.get("said", ""),
        currency=letters(record.currency), **first,
    )  # fmt: skip


@router.get("/findings/{finding_id}")
def case_of_finding(request: Request, finding_id: str, visitor: Someone) -> Any:
    """The case that a finding is in: where the Data Docs point to."""
    desk = desk_of(request)
    number = desk.book.numbers([finding_id]).get(finding_id)
    if number is None:
        raise HTTPException(404, "case")
    return RedirectResponse(f"{desk.base}/cases/{seen(request, number, visitor).number}", 303)


@router.post("/cases/{number}/{step}", dependencies=[Depends(guard)])
def do(
    request: Request,
    number: str,
    step: str,
    visitor: Someone,
    *,
    answer: Annotated[str, Form()] = "",
    text: Annotated[str, Form(max_length=2000)] = "",
    contact: Annotated[str, Form(max_length=200)] = "",
    outcome: Annotated[str, Form()] = "",
    amount: Annotated[str, Form(max_length=20)] = "",
) -> Any:
    """One step: answer, undo, note, contact, claim or close."""
    rights = {"undo": "answer"}
    if step not in {"answer", "undo", "note", "contact", "claim", "close"}:
        raise HTTPException(404, "case")
    record = seen(request, number, visitor, rights.get(step, step))
    desk, name, by = desk_of(request), record.number, visitor.name
    fen = record.minor(_hundredths(amount)) if amount.strip() else None
    match step:
        case "answer" if answer in ANSWERS:
            desk.feedback.answer(name, answer, by)
        case "undo":
            desk.feedback.withdraw(name, by)
        case "note" if text.strip():
            desk.book.note(name, text.strip(), by)
        case "contact" if contact.strip():
            state: Any = outcome if outcome in {"promised", "rejected"} else None
            desk.book.contact(name, contact.strip(), text.strip(), by, state=state, amount_fen=fen)
        case "claim":
            desk.book.claim(name, fen, text.strip(), by)
        case "close" if text.strip():
            desk.book.close(name, text.strip(), by, recovered_fen=fen)
        case _:
            raise HTTPException(400, "field")
    return RedirectResponse(f"{desk.base}/cases/{name}?said={step}", 303)


@router.get("/cases/{number}/pack.zip")
def pack(request: Request, number: str, visitor: Someone) -> Any:
    """The evidence pack, made now."""
    record = seen(request, number, visitor, "pack")
    desk = desk_of(request)
    with tempfile.TemporaryDirectory(prefix="tillwatch-pack-") as folder:
        target = Path(folder) / "pack.zip"
        operators = visitor.may("operators", record.merchant_id)
        make_pack(record, desk.settings, target, locale=locale_of(request), now=desk.now(), operators=operators)
        content = target.read_bytes()
    named = {"Content-Disposition": f'attachment; filename="evidence-{record.number}.zip"'}
    return Response(content, media_type="application/zip", headers=named)


@router.get("/cases/{number}/complaint.txt")
def complaint(request: Request, number: str, visitor: Someone) -> Any:
    """The letter of complaint, to copy."""
    record = seen(request, number, visitor, "pack")
    desk = desk_of(request)
    figures = Figures.of("zh-CN", desk.settings, desk.now())
    account = Account(gather(record, desk.settings), figures, desk.settings, desk.now(), version("tillwatch"))
    return PlainTextResponse(complaint_text(replace(account, operators=False)))


def _buttons(case: Case, locale: Any) -> list[tuple[str, str]]:
    return [(answer, answer_word(answer, case, locale)) for answer in answers_for(case)]


def _hundredths(text: str) -> int:
    """An amount as people write it."""
    from click import BadParameter

    try:
        return int(Yuan().convert(text, None, None))
    except BadParameter:
        raise HTTPException(400, "amount") from None

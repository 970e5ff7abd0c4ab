"""The lists: cases, merchants side by side, and what readers' answers taught."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse

from expectations.app.desk import desk_of, guard, page, visitor_of
from expectations.app.people import Visitor
from expectations.cases.record import CaseRecord
from expectations.cases.states import AGES, OVER, STATES, age_class
from expectations.feedback.precision import precision
from expectations.mail.catalogue import texts
from expectations.money import CNY, NONE, Money, total

router = APIRouter()
Someone = Annotated[Visitor, Depends(visitor_of)]

MOST = 200
"""Cases on one page."""
SHOWN = ("open", "review", "all", *STATES)
CLASSES = (*(name for name, _ in AGES), f">{AGES[-1][1]}")


@dataclass(slots=True)
class Merchant:
    """One merchant's line: open cases by age, and money."""

    merchant_id: str
    open: int = 0
    over: int = 0
    risk: Money = NONE
    claimed: Money = NONE
    recovered: Money = NONE
    ages: Counter[str] = field(default_factory=Counter)


@router.get("/cases")
def cases(request: Request, visitor: Someone, show: str = "open", merchant: str = "") -> Any:
    """The cases, those with the nearest deadline first."""
    desk = desk_of(request)
    show = show if show in SHOWN else "open"
    records = desk.book.cases(review=True)
    seen = [each for each in records if visitor.sees(each)]
    wanted = [each for each in seen if _is_shown(each, show) and merchant in {"", each.merchant_id}]
    now = desk.now()
    wanted.sort(key=lambda each: _pressing(each, now.timestamp()))
    titles = {rule: words.title for locale in ("zh-CN", "en") for rule, words in texts(locale).rules.items()}
    shops = sorted({each.merchant_id for each in seen})
    return page(
        request, "cases.html.j2", visitor=visitor, cases=wanted[:MOST], more=max(0, len(wanted) - MOST), show=show,
        merchant=merchant, merchants=shops, choices=SHOWN, now=now, titles=titles,
        risk=total(each.at_risk for each in wanted), back=total(each.recovered for each in wanted),
    )  # fmt: skip


@router.get("/merchants")
def merchants(request: Request, visitor: Someone) -> Any:
    """Merchants side by side: open cases by age, money at stake, claimed and recovered."""
    _only_overview(visitor)
    desk = desk_of(request)
    now = desk.now()
    lines: dict[str, Merchant] = {}
    for each in desk.book.cases():
        if not visitor.may("overview", each.merchant_id):
            continue
        line = lines.setdefault(each.merchant_id, Merchant(each.merchant_id))
        line.claimed += each.claimed
        line.recovered += each.recovered
        if each.state in OVER:
            line.over += 1
            continue
        line.open += 1
        line.risk += each.at_risk
        line.ages[age_class(each.age_days(now))] += 1
    found = sorted(lines.values(), key=lambda each: (-each.risk.get(CNY), -len(each.risk.parts), each.merchant_id))
    return page(request, "merchants.html.j2", visitor=visitor, merchants=found, classes=CLASSES)


@router.get("/learned")
def learned(request: Request, visitor: Someone) -> Any:
    """Answers, how often each rule was right by them, and the price points that were taught."""
    _only_overview(visitor)
    desk = desk_of(request)
    answers = [each for each in desk.feedback.answers() if visitor.may("overview", each.merchant_id)]
    points = [each for each in desk.feedback.prices() if visitor.may("overview", each.merchant_id)]
    return page(
        request, "learned.html.j2", visitor=visitor, answers=answers[::-1][:MOST], points=points,
        rules=precision(answers),
    )  # fmt: skip


@router.post("/learned/forget", dependencies=[Depends(guard)])
def forget(
    request: Request,
    visitor: Someone,
    merchant: Annotated[str, Form()],
    amount_fen: Annotated[int, Form()],
    currency: Annotated[str, Form()],
) -> Any:
    """Take a price point back."""
    if not visitor.may("overview", merchant):
        raise HTTPException(403, "right")
    desk = desk_of(request)
    desk.feedback.forget(merchant, amount_fen, currency, visitor.name)
    return RedirectResponse(f"{desk.base}/learned", 303)


def _only_overview(visitor: Visitor) -> None:
    if not visitor.overview:
        raise HTTPException(403, "right")


def _is_shown(record: CaseRecord, show: str) -> bool:
    match show:
        case "open":
            return record.stands and record.state not in OVER
        case "review":
            return not record.stands and record.state not in OVER
        case "all":
            return True
        case state:
            return record.state == state


def _pressing(record: CaseRecord, now: float) -> tuple[object, ...]:
    """Deadlines ahead first, the nearest of them before the others; then the most money, then the newest."""
    at = record.act_by.timestamp() if record.act_by else None
    ahead = at is not None and at > now and record.state not in OVER
    return (record.state in OVER, not ahead, at if ahead else 0.0, -record.amount_fen, -record.opened_at.timestamp())

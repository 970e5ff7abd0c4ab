"""What was agreed on a deposit that a case is about, and how far it is met: terms by hash, use, takings by month."""

import datetime as dt
from collections.abc import Mapping, Sequence

from expectations.calendar import due_on, known_until
from expectations.deposits import Month
from expectations.evidence.gather import Grounds
from expectations.evidence.parts import Block, Grid
from expectations.mail.figures import Figures
from ingest.agreements import Deposit

MOST_MONTHS = 24


def agreement(grounds: Grounds, figures: Figures, say: Mapping[str, str]) -> list[Block]:
    """The agreement's terms and the table of takings; nothing where the case is not about a registered deposit."""
    deposit = grounds.deposit
    if deposit is None:
        return []
    rows = [
        (say["agreed_deposit"], figures.money(deposit.amount_fen)),
        (say["agreed_signed"], figures.full_date(deposit.signed_on)),
        *((say["agreed_condition"], text) for text in _conditions(deposit, figures, say)),
        *((say["agreed_met"], figures.full_date(day)) for day in grounds.met_on),
        (say["agreed_applied"], figures.full_date(deposit.applied_on) if deposit.applied_on else say["agreed_none"]),
        (say["agreed_term"], _term(deposit, grounds.met_on, figures, say)),
        *((say["agreed_use"], text) for text in _use(grounds.months, figures, say)),
        (say["agreed_signed_hash"], deposit.signed_sha256 or say["agreed_none"]),
        (say["agreed_shown_hash"], deposit.shown_sha256 or say["agreed_none"]),
    ]
    blocks: list[Block] = [Grid(tuple(rows), (38, 140), heading=False)]
    if grounds.months:
        head = tuple(say[name] for name in ("agreed_month", "agreed_sales", "agreed_takings", "agreed_so_far"))
        shown = grounds.months[-MOST_MONTHS:]
        table = (
            (f"{m.start:%Y-%m}", figures.count(m.sales), figures.money(m.amount_fen), figures.money(m.so_far_fen))
            for m in shown
        )
        blocks.append(Grid((head, *table), (38, 32, 54, 54), small=True))
    return blocks


def _term(deposit: Deposit, met_on: Sequence[dt.date], figures: Figures, say: Mapping[str, str]) -> str:
    """The working days, and their last one where it was applied for and the calendar reaches so far.

    They begin with the application, or with the day on which the terms were met where that came later.
    """
    if deposit.applied_on is None or deposit.returned_on is not None:
        return say["agreed_days"].format(n=deposit.working_days)
    if (last := due_on(max([deposit.applied_on, *met_on]), deposit.working_days)) is None:
        return say["agreed_days_past"].format(n=deposit.working_days, end=figures.full_date(known_until()))
    return say["agreed_days_until"].format(n=deposit.working_days, day=figures.full_date(last))


def _conditions(deposit: Deposit, figures: Figures, say: Mapping[str, str]) -> list[str]:
    told = (
        (deposit.volume_fen, "agreed_volume", figures.money),
        (deposit.fees_fen, "agreed_fees", figures.money),
        (deposit.months, "agreed_months", figures.count),
    )
    return [say[name].format(n=write(value)) for value, name, write in told if value is not None]


def _use(months: Sequence[Month], figures: Figures, say: Mapping[str, str]) -> list[str]:
    """That the terminal was in use: months with sales, how many, from when to when; nothing where none was recorded."""
    if not months:
        return []
    form = say["agreed_used_one" if len(months) == 1 else "agreed_used"]
    first, last = f"{months[0].start:%Y-%m}", f"{months[-1].start:%Y-%m}"
    return [form.format(n=len(months), sales=figures.count(sum(m.sales for m in months)), first=first, last=last)]

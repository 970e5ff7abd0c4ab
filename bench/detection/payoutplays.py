"""What goes wrong with a payout, and what only looks so: the rows in its place."""

import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

from bench.detection.truth import Case

DEPOSIT_FEN = 29_900
PAYER, STRANGER = "支付网络服务股份有限公司", "诚信通商务咨询有限公司"
PAYERS = (PAYER, PAYER, "支付网络服务（股份）有限公司", f"{PAYER}备付金", f"{PAYER} 待清算")
"""One name as banks write it."""
Row = dict[str, Any]


def next_working_day(day: dt.date) -> dt.date:
    """The next working day of the People's Republic of China."""
    from chinese_calendar import is_workday

    return next(each for step in itertools.count(1) if is_workday(each := day + dt.timedelta(days=step)))


def _late(row: Row, case: Case, paid: dt.datetime) -> list[Row]:
    case.loss_fen = 0
    return [row | {"paid": f"{next_working_day(paid.date() + dt.timedelta(days=1))} 10:00:00"}]


def _short(row: Row, case: Case, _paid: dt.datetime) -> list[Row]:
    case.loss_fen = 500
    return [row | {"amount": row["amount"] - 500}]


def _returned(row: Row, case: Case, _paid: dt.datetime) -> list[Row]:
    case.loss_fen = row["amount"]
    return [row | {"state": "returned"}]


def _frozen(row: Row, case: Case, _paid: dt.datetime) -> list[Row]:
    case.loss_fen = row["amount"]
    return [row | {"state": "frozen", "suspended": row["amount"], "amount": 0}]


def paid_twice(row: Row, case: Case, paid: dt.datetime) -> list[Row]:
    """The same money once more, three hours later."""
    case.loss_fen = row["amount"]
    later = paid + dt.timedelta(hours=3)
    return [row, row | {"ref": f"{row['ref']}B", "paid": f"{later:%Y-%m-%d %H:%M:%S}"}]


def _deducted(row: Row, case: Case, _paid: dt.datetime) -> list[Row]:
    case.loss_fen = 2990
    return [row | {"amount": row["amount"] - 2990, "deducted": 2990, "remark": "流量费"}]


def _deposit_taken(row: Row, case: Case, _paid: dt.datetime) -> list[Row]:
    """The price of the terminal; whether it was taken before, the register says."""
    if row["amount"] <= DEPOSIT_FEN:
        case.kind = "dropped"
        return [row]
    return [row | {"amount": row["amount"] - DEPOSIT_FEN, "deducted": DEPOSIT_FEN, "remark": "终端押金"}]


def _by_a_stranger(row: Row, case: Case, _paid: dt.datetime) -> list[Row]:
    """The merchant's own money went through somebody's who may not hold it (二清)."""
    case.loss_fen = 0
    return [row | {"payer": STRANGER}]


def _reissued(row: Row, _case: Case, paid: dt.datetime) -> list[Row]:
    later = paid + dt.timedelta(hours=5)
    again = row | {"ref": f"{row['ref']}R", "paid": f"{later:%Y-%m-%d %H:%M:%S}", "replaces": row["ref"]}
    return [row | {"state": "returned"}, again]


def _in_time(row: Row, _case: Case, _paid: dt.datetime) -> list[Row]:
    return [row]


PAYOUT_PLAYS: dict[str, Callable[[Row, Case, dt.datetime], list[Row]]] = {
    "payout_came_late": _late,
    "payout_was_short": _short,
    "payout_came_back": _returned,
    "payout_was_frozen": _frozen,
    "paid_out_twice": paid_twice,
    "deducted_unsaid": _deducted,
    "deposit_taken": _deposit_taken,
    "deposit_taken_again": _deposit_taken,
    "paid_by_a_stranger": _by_a_stranger,
    "payout_made_again": _reissued,
    "payout_over_the_holiday": _in_time,
}
PAYOUT_RULES = {
    "payout_came_late": ("payout_late",),
    "payout_was_short": ("payout_short",),
    "payout_came_back": ("payout_failed_or_returned",),
    "payout_was_frozen": ("payout_frozen",),
    "paid_out_twice": ("dup_payout",),
    "deducted_unsaid": ("hidden_periodic_fee",),
    "deposit_taken": ("deposit_charged",),
    "deposit_taken_again": ("deposit_double_charged",),
    "paid_by_a_stranger": ("payout_sender_not_licensed",),
}
PAYOUT_NEGATIVES = {"payout_made_again": 24, "payout_over_the_holiday": 29}

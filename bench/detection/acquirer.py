"""The acquirer: fees with their rounding, statement files, payouts, and what goes wrong in them.

Works on the host's ledger after the story: what is live is posted on its clearing day, at the
contract's rate unless a regime says otherwise. A payout pays a clearing day's lines on the
next working day.
"""

import csv
import datetime as dt
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.detection.host import Posting
from bench.detection.population import ZONE, Merchant
from bench.detection.scene import World
from bench.detection.truth import Case, Key, key_of
from expectations.fees.expected import rounded
from protocols.facts import mask_pan

POSTED = ("SALE", "QR_SALE", "COMPLETION", "OFFLINE_SALE", "VOID", "COMPLETION_VOID", "REFUND", "QR_REFUND")
DEBITS = POSTED[:4]
HEADER = (
    "merchant", "terminal", "batch", "stan", "rrn", "auth", "card", "kind", "status", "amount", "discount", "fee",
    "surcharge", "settled", "at", "day", "class", "order", "ref", "orig", "cycle",
)  # fmt: skip
PAYOUT_HEADER = (
    "merchant", "ref", "state", "amount", "planned", "suspended", "deducted", "first", "day", "paid", "payer", "remark",
    "replaces", "cycle",
)  # fmt: skip
DEPOSIT_FEN = 29_900
PAYER = "支付网络服务股份有限公司"
Row = dict[str, Any]


@dataclass(slots=True)
class FeeStory:
    """What a merchant's acquirer does to its fees, from a moment on.

    Attributes:
        classes: of cards that it concerns.
        more_ppm: on top of the rate.
        until: the last day of it.
        kind: step, surcharge, cap, class, concession, mix (nothing at all).
    """

    case: Case
    kind: str
    since: dt.datetime
    classes: tuple[str, ...] = ()
    more_ppm: int = 0
    fixed_fen: int = 0
    until: dt.date | None = None


@dataclass(slots=True)
class Books:
    """The acquirers' side of a world."""

    world: World
    chance: random.Random
    stories: dict[str, FeeStory] = field(default_factory=dict)
    payout_plays: dict[str, tuple[str, Case, dt.date]] = field(default_factory=dict)
    lines: dict[tuple[str, dt.date], list[Row]] = field(default_factory=lambda: defaultdict(list))
    payouts: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    charged: list[tuple[Key, Case, str, int]] = field(default_factory=list)
    """Of each line that a story touches: its record, the case, the class of cards, and what it costs more."""
    _fees: dict[int, int] = field(default_factory=dict)

    def post(self) -> None:
        """Make every line and every payout."""
        shops = {device.merchant: shop.merchant for shop in self.world.shops for device in shop.devices}
        owed: dict[tuple[str, dt.date], int] = defaultdict(int)
        for number, posting in enumerate(sorted(self.world.host.ledger, key=lambda each: (each.at, each.rrn))):
            if posting.kind not in POSTED or not posting.live or posting.skipped:
                continue
            merchant = shops[posting.merchant]
            line = self._line(posting, merchant, number)
            self.lines[merchant.acquirer, posting.day].append(line)
            owed[merchant.mid, posting.day] += line["settled"]
        for (mid, day), due in sorted(owed.items()):
            self._pay(shops[mid], day, due)

    def _line(self, posting: Posting, merchant: Merchant, number: int) -> Row:
        kind = card_class(posting)
        amount = posting.amount if posting.settled_as is None else posting.settled_as
        fee = posting.fee
        if fee is None:
            fee = self._fee(posting, merchant, kind, amount)
        self._fees[id(posting)] = fee
        sign = 1 if posting.kind in DEBITS else -1
        fee *= sign
        original = posting.of
        return {
            "merchant": posting.merchant, "terminal": posting.terminal, "batch": posting.batch, "stan": posting.stan,
            "rrn": posting.rrn, "auth": posting.auth, "card": mask_pan(posting.pan) if posting.pan else "",
            "kind": posting.kind, "status": "settled", "amount": amount, "discount": posting.discount or "", "fee": fee,
            "surcharge": posting.surcharge or "", "settled": sign * amount - fee,
            "at": f"{posting.at:%Y-%m-%d %H:%M:%S}",
            "day": f"{posting.day:%Y-%m-%d}", "class": kind, "order": posting.order, "ref": f"P{number:07d}",
            "orig": original.rrn if original is not None and sign < 0 else "", "cycle": posting.cycle or merchant.cycle,
        }  # fmt: skip

    def _fee(self, posting: Posting, merchant: Merchant, kind: str, amount: int) -> int:
        """The fee of a line: the contract's, unless the merchant's story says otherwise."""
        agreed = self._agreed(merchant, kind, amount, posting.at.date())
        if posting.kind not in DEBITS:
            return self._returned(posting, merchant, amount, agreed)
        story = self.stories.get(merchant.mid)
        if story is None or posting.at < story.since or (story.until and posting.at.date() > story.until):
            return agreed
        if kind not in story.classes:
            return agreed
        fee = agreed if story.kind in ("mix", "promotion") else self._told(story, merchant, kind, amount)
        if fee != agreed or story.kind in ("mix", "promotion"):
            self.charged.append((key_of(posting.terminal, posting.batch, posting.stan), story.case, kind, fee - agreed))
        return fee

    def _returned(self, posting: Posting, merchant: Merchant, amount: int, agreed: int) -> int:
        """What a void gives back of its sale's fee, and a refund where the contract says so."""
        if posting.kind in ("REFUND", "QR_REFUND") and not merchant.returns_fee:
            return 0
        original = posting.of
        if original is None or id(original) not in self._fees:
            return agreed
        if amount == original.amount:
            return self._fees[id(original)]
        return -(-self._fees[id(original)] * amount // original.amount)

    @staticmethod
    def _agreed(merchant: Merchant, kind: str, amount: int, day: dt.date) -> int:
        rate = merchant.rates[kind]
        if merchant.promotion_until is not None and kind == "credit" and day <= merchant.promotion_until:
            rate -= 1000
        fee = rounded(amount, rate, merchant.rounding)
        return min(fee, merchant.cap_fen) if kind == "debit" else fee

    @staticmethod
    def _told(story: FeeStory, merchant: Merchant, kind: str, amount: int) -> int:
        rate = merchant.rates[kind] + story.more_ppm
        if story.kind == "class":
            rate = merchant.rates["credit"]
        if story.kind == "concession":
            rate = merchant.rates["debit"]
        fee = rounded(amount, rate, merchant.rounding) + story.fixed_fen
        return min(fee, merchant.cap_fen) if kind == "debit" and story.kind not in ("cap", "class") else fee

    def _pay(self, merchant: Merchant, day: dt.date, due: int) -> None:
        if due <= 0:
            return
        ref = f"B{merchant.mid[-6:]}-{day:%m%d}"  # few digits: fourteen may look like a card number, and be starred out
        paid = dt.datetime.combine(next_working_day(day), dt.time(10, self.chance.randrange(60)), ZONE)
        row: Row = {
            "merchant": merchant.mid, "ref": ref, "state": "paid", "amount": due, "planned": due, "suspended": "",
            "deducted": "", "first": f"{day}", "day": f"{day}", "paid": f"{paid:%Y-%m-%d %H:%M:%S}", "payer": PAYER,
            "remark": "", "replaces": "", "cycle": merchant.cycle,
        }  # fmt: skip
        name, case, on = self.payout_plays.get(merchant.mid, ("", None, None))
        rows = [row]
        if case is not None and on == day:
            rows = PAYOUT_PLAYS[name](row, case, paid)
            for each in rows:
                self.world.truth.mark(case, ("payout", each["ref"]), paid)
        self.payouts[merchant.acquirer].extend(rows)

    def write(self, folder: Path) -> Iterable[tuple[str, Path, str]]:
        """The files in the order they come: acquirer, path, and which layout; some come twice."""
        for (acquirer, day), rows in sorted(self.lines.items(), key=lambda item: (item[0][1], item[0][0])):
            yield acquirer, _file(folder / f"{acquirer}-{day}.csv", HEADER, rows), "trades"
            if day in self.world.delivered_twice:
                yield acquirer, _file(folder / f"{acquirer}-{day}-again.csv", HEADER, [*rows, {}]), "trades"
        for acquirer, rows in sorted(self.payouts.items()):
            yield acquirer, _file(folder / f"{acquirer}-payouts.csv", PAYOUT_HEADER, rows), "payouts"


def card_class(posting: Posting) -> str:
    """Half of the cards are debit cards."""
    if posting.kind.startswith("QR"):
        return "qr"
    return posting.card_class or ("debit" if int(posting.pan[-1]) < 5 else "credit")


def next_working_day(day: dt.date) -> dt.date:
    """The next working day of the People's Republic of China."""
    from chinese_calendar import is_workday

    return next(each for step in itertools.count(1) if is_workday(each := day + dt.timedelta(days=step)))


def _file(path: Path, header: tuple[str, ...], rows: list[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)
    return path


# what goes wrong with a payout, and what only looks so: the rows in its place ------------------------


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


def _twice(row: Row, case: Case, paid: dt.datetime) -> list[Row]:
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
    "paid_out_twice": _twice,
    "deducted_unsaid": _deducted,
    "deposit_taken": _deposit_taken,
    "deposit_taken_again": _deposit_taken,
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
}
PAYOUT_NEGATIVES = {"payout_made_again": 24, "payout_over_the_holiday": 29}

"""The acquirer: fees with their rounding, statement files, payouts, and what goes wrong in them.

Works on the host's ledger after the story: what is live is posted on its clearing day, at the
contract's rate unless a regime says otherwise. A payout pays a clearing day's lines on the
next working day.
"""

import csv
import datetime as dt
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.detection.host import Posting
from bench.detection.payoutplays import PAYERS, PAYOUT_PLAYS, next_working_day, paid_twice
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
SHARE_HEADER = ("merchant", "terminal", "rrn", "ref", "amount", "fee", "cost", "profit", "cost_rate", "at")
SHARED = 2
"""Debits of a merchant's day that its agent's file tells of."""
COST_PPM = {"debit": 4150, "credit": 5150, "qr": 3000, "foreign": 12_000}
FLOOR_PPM = 4000
"""Less than issuer and network take of a credit card."""
Row = dict[str, Any]


@dataclass(slots=True)
class FeeStory:
    """What a merchant's acquirer does to its fees, from a moment on.

    Attributes:
        classes: of cards that it concerns.
        more_ppm: on top of the rate.
        until: the last day of it.
        kind: step, surcharge, cap, class, concession, over, instant, floor, mix (nothing at all).
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
    shares: dict[tuple[str, str], list[Row]] = field(default_factory=lambda: defaultdict(list))
    share_plays: dict[str, tuple[Case, dt.date]] = field(default_factory=dict)
    """Merchants whose agent is paid by a rate that was read in the wrong unit, and from when on."""
    _fees: dict[int, int] = field(default_factory=dict)

    def post(self) -> None:
        """Make every line and every payout."""
        shops = {device.merchant: shop.merchant for shop in self.world.shops for device in shop.devices}
        owed: dict[tuple[str, dt.date, str], int] = defaultdict(int)
        for number, posting in enumerate(sorted(self.world.host.ledger, key=lambda each: (each.at, each.rrn))):
            if posting.kind not in POSTED or not (posting.live or posting.listed) or posting.skipped:
                continue
            merchant = shops[posting.merchant]
            line = self._line(posting, merchant, number)
            self.lines[merchant.acquirer, posting.day].append(line)
            if not posting.listed:
                owed[merchant.mid, posting.day, line["cycle"]] += line["settled"]
                self._share(merchant, line)
        for (mid, day, cycle), due in sorted(owed.items()):
            self._pay(shops[mid], day, due, cycle)

    def _share(self, merchant: Merchant, line: Row) -> None:
        """An agent's share in the first debits of a day: fee less cost, unless its story says otherwise."""
        shared = self.shares[merchant.acquirer, line["day"]]
        if line["kind"] not in DEBITS or sum(row["merchant"] == merchant.mid for row in shared) >= SHARED:
            return
        cost_ppm = COST_PPM[line["class"]]
        cost = round(line["amount"] * cost_ppm / 1_000_000)
        row = {name: line[name] for name in ("merchant", "terminal", "rrn", "ref", "amount", "fee", "at")}
        row |= {"cost": cost, "cost_rate": cost_ppm / 100, "profit": line["fee"] - cost}
        case, since = self.share_plays.get(merchant.mid, (None, dt.date.max))
        if case is not None and line["day"] >= f"{since}" and cost:
            row["profit"] = line["fee"] - 100 * cost  # a rate of a percent's hundredths read as one of percents
            case.loss_fen += row["fee"] - cost - row["profit"]
            self.world.truth.mark(case, ("profit", line["rrn"]))
        shared.append(row)

    def _line(self, posting: Posting, merchant: Merchant, number: int) -> Row:
        kind = card_class(posting)
        amount = posting.amount if posting.settled_as is None else posting.settled_as
        fee = posting.fee
        if fee is None:
            fee = self._fee(posting, merchant, kind, amount)
        self._fees[id(posting)] = fee
        sign = 1 if (posting.booked_as or posting.kind) in DEBITS else -1
        fee *= sign
        original = posting.of
        return {
            "merchant": posting.merchant, "terminal": posting.terminal, "batch": posting.batch, "stan": posting.stan,
            "rrn": posting.rrn, "auth": posting.auth, "card": mask_pan(posting.pan) if posting.pan else "",
            "kind": posting.booked_as or posting.kind, "status": posting.listed or "settled", "amount": amount,
            "discount": posting.discount or "", "fee": fee,
            "surcharge": posting.surcharge or "", "settled": sign * amount - fee if not posting.listed else -fee,
            "at": f"{posting.at:%Y-%m-%d %H:%M:%S}",
            "day": f"{posting.day:%Y-%m-%d}", "class": kind, "order": posting.order, "ref": f"P{number:07d}",
            "orig": original.rrn if original is not None and sign < 0 else "", "cycle": posting.cycle or merchant.cycle,
        }  # fmt: skip

    def _fee(self, posting: Posting, merchant: Merchant, kind: str, amount: int) -> int:
        """The fee of a line: the contract's, unless the merchant's story says otherwise."""
        agreed = self._agreed(merchant, kind, amount, posting.at.date())
        if (posting.booked_as or posting.kind) not in DEBITS:
            return self._returned(posting, merchant, amount, agreed)
        story = self.stories.get(merchant.mid)
        if story is None or posting.at < story.since or (story.until and posting.at.date() > story.until):
            return agreed
        if kind not in story.classes:
            return agreed
        if story.kind == "instant":
            posting.cycle = "T0"
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
        if story.kind == "floor":
            rate = FLOOR_PPM
        fee = rounded(amount, rate, merchant.rounding) + story.fixed_fen
        return min(fee, merchant.cap_fen) if kind == "debit" and story.kind not in ("cap", "class") else fee

    def _pay(self, merchant: Merchant, day: dt.date, due: int, cycle: str) -> None:
        if due <= 0:
            return
        at_once = cycle != merchant.cycle
        # few digits: fourteen may look like a card number, and be starred out
        ref = f"B{merchant.mid[-6:]}-{day:%m%d}{cycle if at_once else ''}"
        paid = dt.datetime.combine(next_working_day(day), dt.time(10, self.chance.randrange(60)), ZONE)
        if at_once:
            paid = dt.datetime.combine(day, dt.time(23, 30), ZONE)
        row: Row = {
            "merchant": merchant.mid, "ref": ref, "state": "paid", "amount": due, "planned": due, "suspended": "",
            "deducted": "", "first": f"{day}", "day": f"{day}", "paid": f"{paid:%Y-%m-%d %H:%M:%S}",
            "payer": self.chance.choice(PAYERS), "remark": "", "replaces": "", "cycle": cycle,
        }  # fmt: skip
        name, case, on = self.payout_plays.get(merchant.mid, ("", None, None))
        rows, again = [row], self.world.paid_again.get((merchant.mid, day))
        if again is not None and (at_once or on == day):
            again.kind = "dropped"  # another play has that day's payout
        elif again is not None:
            rows = paid_twice(row, again, paid)
            for each in rows:
                self.world.truth.mark(again, ("payout", each["ref"]), paid)
        elif case is not None and name == "paid_out_twice" and (merchant.mid, on) in self.world.settled_again:
            case.kind = "dropped"  # its cause would be taken for the settlement
        elif case is not None and on == day and not at_once:
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
        for (acquirer, told), rows in sorted(self.shares.items()):
            yield acquirer, _file(folder / f"{acquirer}-{told}-profits.csv", SHARE_HEADER, rows), "profits"


def card_class(posting: Posting) -> str:
    """Half of the cards are debit cards."""
    if posting.kind.startswith("QR") or not posting.pan:
        return "qr"
    return posting.card_class or ("debit" if int(posting.pan[-1]) < 5 else "credit")


def _file(path: Path, header: tuple[str, ...], rows: list[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)
    return path

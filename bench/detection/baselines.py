"""What others do about double charges: six published ways, as code, on the same transactions.

Each flags approved sales that repeat an earlier one. They see what a payment interface sees,
no life cycle: a voided or reversed first sale counts for them as it does for their makers.
Sources: the vendors' public documents of duplicate checking (windows in seconds).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.detection.match import Share
from bench.detection.truth import Truth, key_of

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Baseline:
    """One of them.

    Attributes:
        name: whose it is.
        key: what must be equal, columns of ``sale``.
        seconds: within which; None: on one local day.
    """

    name: str
    key: tuple[str, ...]
    seconds: int | None


_CARD = ("merchant_id", "card", "amount_fen")
BASELINES = (
    Baseline("exact group-by (merchant, card, amount, day)", _CARD, None),
    Baseline("Braintree, 30 s (amount, order)", ("merchant_id", "amount_fen", "order_or_card"), 30),
    Baseline("Authorize.Net, 120 s", _CARD, 120),
    Baseline("Helcim, Cardstream, 300 s", _CARD, 300),
    Baseline("Clover, last four within the hour", ("merchant_id", "last_four"), 3600),
    Baseline("uniqueness test (merchant, terminal, card, amount, day)", (*_CARD, "terminal_id"), None),
)


@dataclass(frozen=True, slots=True)
class Score:
    """What one way did: faults of doubled debits, those it found, what it flagged without one, sales without one."""

    faults: int = 0
    found: int = 0
    wrong: int = 0
    innocent: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.faults + other.faults,
            self.found + other.found,
            self.wrong + other.wrong,
            self.innocent + other.innocent,
        )

    @property
    def recall(self) -> Share:
        """Of the faults, those found."""
        return Share(self.found, self.faults)

    @property
    def flagged(self) -> Share:
        """Of what it flagged, what was right."""
        return Share(self.found, self.found + self.wrong)

    @property
    def wrong_of(self) -> Share:
        """Flags without a fault, of all sales without one."""
        return Share(self.wrong, self.innocent)

    def precision_at(self, ppm: int) -> float:
        """Precision where so many sales in a million are doubled."""
        hits = ppm * self.recall.value
        wrong = (1_000_000 - ppm) * self.wrong_of.value
        return hits / (hits + wrong) if hits + wrong else 1.0


OURS = "tillwatch, group A"


def compare(
    truth: Truth, transactions: "pa.Table", ours: Mapping[int, bool], ours_wrong: Mapping[str, int]
) -> dict[str, dict[str, Score]]:
    """Every baseline, and us, on the faults of doubled debits, merchant by merchant; each way has every merchant.

    Args:
        truth: the cases.
        transactions: the table.
        ours: faults of doubled debits, and whether our rules of that group accused them.
        ours_wrong: of each merchant, how often those rules accused what is no fault.
    """
    import duckdb

    sales: dict[str, tuple[str, int | None, int | None]] = {}
    merchant_of: dict[str, str] = {}
    connection = duckdb.connect(":memory:")
    connection.register("transactions", transactions)
    connection.execute("""
        CREATE TABLE sale AS
        SELECT transaction_id AS id, merchant_id, terminal_id, batch_no, stan, amount_fen, order_ref, event_at,
               coalesce(card_token, pan_masked) AS card, right(pan_masked, 4) AS last_four,
               coalesce(order_ref, card_token, pan_masked) AS order_or_card,
               (event_at AT TIME ZONE 'Asia/Shanghai')::DATE AS day
        FROM transactions WHERE txn_type IN ('SALE', 'QR_SALE') AND outcome = 'approved'
        QUALIFY row_number() OVER (PARTITION BY transaction_id ORDER BY seen_date) = 1""")
    told = connection.sql("SELECT id, merchant_id, terminal_id, batch_no, stan FROM sale").fetchall()
    for key, merchant, terminal, batch, stan in told:
        sales[key], merchant_of[key] = (terminal, batch, stan), merchant
    faults = Counter(truth.cases[number].merchant for number in ours)
    innocent = Counter(merchant_of[key] for key, numbers in sales.items() if not _faults(truth, numbers, ours))

    def by_merchant(found: Iterable[int], wrong: Mapping[str, int]) -> dict[str, Score]:
        hits = Counter(truth.cases[number].merchant for number in found)
        everyone = sorted({*merchant_of.values(), *faults, *ours_wrong})
        return {each: Score(faults[each], hits[each], wrong.get(each, 0), innocent[each]) for each in everyone}

    scores = {}
    for baseline in BASELINES:
        same = " AND ".join(f"a.{name} = b.{name}" for name in baseline.key)
        near = (
            "a.day = b.day"
            if baseline.seconds is None
            else f"b.event_at BETWEEN a.event_at AND a.event_at + INTERVAL {baseline.seconds} SECOND"
        )
        found: set[int] = set()
        wrong: set[str] = set()
        rows = connection.sql(f"SELECT a.id, b.id FROM sale a JOIN sale b ON {same} AND {near} AND a.id <> b.id")  # noqa: S608
        for first, later in rows.fetchall():
            if first in wrong and later in wrong:
                continue
            both = _faults(truth, sales[first], ours) & _faults(truth, sales[later], ours)
            found |= both
            if not both:
                wrong.add(max(first, later) if baseline.seconds is None else later)
        scores[baseline.name] = by_merchant(found, Counter(merchant_of[each] for each in wrong))
    scores[OURS] = by_merchant((number for number, told in ours.items() if told), ours_wrong)
    connection.close()
    return scores


def _faults(truth: Truth, numbers: tuple[str, int | None, int | None], ours: Mapping[int, bool]) -> set[int]:
    return {number for number in truth.by_key.get(key_of(*numbers), ()) if number in ours}

"""What others do about double charges: six published ways, as code, on the same transactions.

Each flags approved sales that repeat an earlier one. They see what a payment interface sees,
no life cycle: a voided or reversed first sale counts for them as it does for their makers.
Sources: the vendors' public documents of duplicate checking (windows in seconds).
"""

from collections.abc import Mapping
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
    """What one way found: faults of doubled debits, and sales that it flagged without one."""

    recall: Share
    flagged: Share
    """Of what it flagged, what was right."""
    wrong_of: Share
    """Flags without a fault, of all sales without one."""

    def __add__(self, other: "Score") -> "Score":
        return Score(self.recall + other.recall, self.flagged + other.flagged, self.wrong_of + other.wrong_of)

    def precision_at(self, ppm: int) -> float:
        """Precision where so many sales in a million are doubled."""
        hits = ppm * self.recall.value
        wrong = (1_000_000 - ppm) * self.wrong_of.value
        return hits / (hits + wrong) if hits + wrong else 1.0


def compare(truth: Truth, transactions: "pa.Table", ours: Mapping[int, bool], ours_wrong: int) -> dict[str, Score]:
    """Every baseline, and us, on the faults of doubled debits.

    Args:
        truth: the cases.
        transactions: the table.
        ours: faults of doubled debits, and whether our rules of that group accused them.
        ours_wrong: how often those rules accused what is no fault.
    """
    import duckdb

    sales: dict[str, tuple[str, int | None, int | None]] = {}
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
    for key, terminal, batch, stan in connection.sql("SELECT id, terminal_id, batch_no, stan FROM sale").fetchall():
        sales[key] = (terminal, batch, stan)
    innocent = sum(not _faults(truth, each, ours) for each in sales.values())
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
            faults = _faults(truth, sales[first], ours) & _faults(truth, sales[later], ours)
            found |= faults
            if not faults:
                wrong.add(max(first, later) if baseline.seconds is None else later)
        scores[baseline.name] = Score(
            Share(len(found), len(ours)), Share(len(found), len(found) + len(wrong)), Share(len(wrong), innocent)
        )
    hits = sum(ours.values())
    scores["tillwatch, group A"] = Score(
        Share(hits, len(ours)), Share(hits, hits + ours_wrong), Share(ours_wrong, innocent)
    )
    connection.close()
    return scores


def _faults(truth: Truth, numbers: tuple[str, int | None, int | None], ours: Mapping[int, bool]) -> set[int]:
    return {number for number in truth.by_key.get(key_of(*numbers), ()) if number in ours}

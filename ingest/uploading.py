"""Batch uploads -> rows of ``batch_uploads``: each transaction a terminal sent once more, and which one it is.

Pure. An uploaded row is a second proof of a transaction, as a journal's record is: it is
tied to the one that was seen and never makes another of it. One that was not seen stands
there alone, which is how it is found.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from protocols.batch import REASONS, Uploaded

Place = tuple[str, int]
"""Segment and number of a recorded frame."""
Row = Mapping[str, Any]

_COPIED = (
    *("profile", "line", "merchant_id", "terminal_id", "batch_no", "network_code", "currency"),
    *("requested_at", "responded_at", "event_at", "response_code", "outcome"),
    *("segment_id", "request_seq", "response_segment_id", "response_seq"),
    *("request_digest", "response_digest", "attempts", "business_date", "seen_date"),
)
_OUTCOMES = ("approved", "unknown", "declined")


def batch_uploads(
    sent: Sequence[Row], known: Iterable[Row], listed: Mapping[Place, Sequence[Uploaded]]
) -> list[dict[str, Any]]:
    """The rows of ``batch_uploads``.

    Args:
        sent: the exchanges of batch uploads.
        known: transactions that may be in them, with the ``upload`` each may be in, as ``uploads.sql`` does.
        listed: what each upload lists, by where it is recorded.
    """
    candidates: dict[tuple[str, int], list[Row]] = {}
    for row in known:
        candidates.setdefault((row["upload"], row["stan"]), []).append(row)
    rows = []
    for exchange in sent:
        for each in listed.get((exchange["segment_id"], exchange["request_seq"]), ()):
            seen = [] if each.stan is None else candidates.get((exchange["id"], each.stan), [])
            rows.append(_row(exchange, each, _best(seen, each)))
    return rows


def _best(candidates: Sequence[Row], each: Uploaded) -> Row | None:
    """The transaction that an uploaded row is: approved before unknown before declined, equal amount, the latest."""
    ranked = sorted(candidates, key=lambda row: (row["event_at"], row["id"]), reverse=True)
    return min(
        ranked,
        key=lambda row: (_OUTCOMES.index(row["outcome"]), row["amount_fen"] != each.amount_fen),
        default=None,
    )


def _row(exchange: Row, each: Uploaded, seen: Row | None) -> dict[str, Any]:
    return {
        "upload_id": f"{exchange['id']}-{each.place}",
        "event_id": exchange["id"],
        "transaction_id": None if seen is None else seen["id"],
        **{name: exchange[name] for name in _COPIED},
        "place": each.place,
        "reason": REASONS.get(exchange["network_code"]),
        "card_type": each.card_type,
        "stan": each.stan,
        "amount_fen": each.amount_fen,
        "transaction_amount_fen": None if seen is None else seen["amount_fen"],
        "pan_masked": each.pan_masked,
        "card_token": exchange["card_token"] if each.named else None,
    }

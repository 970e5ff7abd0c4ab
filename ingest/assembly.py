"""Exchanges -> rows in the columns of all derived tables: what the request says, what the answer says, and the id."""

import datetime as dt
import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ingest.pairing import Pairing, Pairs
from ingest.rows import nulls, order_of, whole
from protocols.columnar.arrays import hexadecimal
from protocols.columnar.hashing import sha256

if TYPE_CHECKING:
    import pyarrow as pa

_REQUEST_FIRST = (
    *("kind", "operation", "txn_type", "profile", "line", "merchant_id", "terminal_id", "batch_no", "stan"),
    *("network_code", "processing_code", "currency", "tip_fen", "feature_code", "order_ref", "pan_masked"),
    *("card_token", "entry_mode", "operator_no", "atc", "aid", "orig_stan", "batch_count", "orig_receipt_no"),
)
_ANSWER_FIRST = ("card_org", "auth_code", "receipt_no")
_SIDES = tuple(
    f"{card}_{side}_{what}"
    for card, side, what in itertools.product(("rmb", "foreign"), ("debit", "credit"), ("amount_fen", "count"))
)
_OF_REQUEST = (
    *("reason_code", "reversed_type", "orig_batch_no", "orig_date", "orig_rrn", "orig_auth_code"),
    *_SIDES,
)
_OF_ANSWER = (
    *("settlement_date", "rrn", "response_code", "total_count", "total_amount_fen", "card_totals"),
    *("rmb_flag", "foreign_flag"),
)
_PARTIAL = "10"
"""A partial approval: what counts is the amount that was approved."""


def assembled(frames: "pa.Table", pairing: Pairing, days: Iterable[dt.date], *, compiled: bool = False) -> "pa.Table":
    """The exchanges whose first frame was seen on one of ``days``.

    Args:
        frames: a table with the columns of ``FRAME_COLUMNS``.
        pairing: their keys.
        days: local days.
        compiled: whether machine code makes the ids: for many frames.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    pairs = pairing.pairs(days)
    sides = _Sides(frames, pairs)
    by = {"event_at": _moments(sides), "terminal_id": sides.either("terminal_id"), "stan": sides.either("stan")}
    if (order := order_of(pa.table(by), list(by))) is not None:  # as the files have it: here that is two numbers a row
        pairs = pairs.at(order.to_numpy())
        sides = _Sides(frames, pairs)
    q, a = sides.request, sides.answer
    rows: dict[str, Any] = {"id": _ids(sides, pairing, pairs, compiled=compiled)}
    rows |= {name: sides.either(name) for name in _REQUEST_FIRST}
    rows |= {name: sides.either(name, answer_first=True) for name in _ANSWER_FIRST}
    rows |= {name: q(name) for name in _OF_REQUEST}
    rows |= {name: a(name) for name in _OF_ANSWER}
    partial = pc.fill_null(pc.equal(rows["response_code"], _PARTIAL), False)
    rows["amount_fen"] = sides.either("amount_fen")
    if pc.any(partial).as_py():
        rows["amount_fen"] = pc.if_else(partial, sides.either("amount_fen", answer_first=True), rows["amount_fen"])
    asked, said, asked_clock, said_clock = q("seen_us"), a("seen_us"), q("clock_us"), a("clock_us")
    moment = pa.timestamp("us")
    rows |= {_host(name): a(name) for name in _SIDES}
    rows |= {
        "mti": sides.either("pair"),
        "outcome": pc.coalesce(a("outcome"), "unknown"),
        "requested_at": asked.cast(moment),
        "responded_at": said.cast(moment),
        "terminal_dt": asked_clock.cast(moment),
        "host_dt": said_clock.cast(moment),
        "event_at": _moments(sides).cast(moment),
        "business_date": pc.coalesce(a("clock_date"), q("clock_date"), q("day"), a("day")),
        "seen_date": pa.array(pairs.day).cast(pa.date32()),
        "attempts": pa.array(pairs.attempts),
        "segment_id": sides.either("segment_id"),
        "request_seq": q("seq"),
        "response_segment_id": a("segment_id"),
        "response_seq": a("seq"),
        "request_digest": q("digest"),
        "response_digest": a("digest"),
    }
    return pa.table(rows)


def _moments(sides: "_Sides") -> "pa.Array":
    """The best clock there is of each exchange, in microseconds."""
    import pyarrow.compute as pc

    q, a = sides.request, sides.answer
    return pc.coalesce(a("clock_us"), q("clock_us"), q("seen_us"), a("seen_us"))


def _host(name: str) -> str:
    card, _, rest = name.partition("_")
    return f"{card}_host_{rest}"


_ID = 32
"""Characters of an id."""
_MARK = 8
"""So many first characters of a digest tell most apart."""


def _span(*rows: Any) -> tuple[int, int]:
    """The first of the rows that are named, and what follows the last."""
    there = [named for each in rows if (named := each[each >= 0]).size]
    return (min(int(each.min()) for each in there), max(int(each.max()) for each in there) + 1) if there else (0, 0)


class _Sides:
    """The values of requests and answers, side by side."""

    def __init__(self, frames: "pa.Table", pairs: Pairs) -> None:
        import numpy as np
        import pyarrow as pa

        asked, said = pairs.request, pairs.answer
        first, last = _span(asked, said)
        self._frames = frames.slice(first, last - first)
        asked, said = np.where(asked < 0, -1, asked - first), np.where(said < 0, -1, said - first)
        self._asked, self._said = (pa.array(rows, mask=rows < 0) for rows in (asked, said))
        self._first = pa.array(np.where(asked < 0, said, asked))
        self._last = pa.array(np.where(said < 0, asked, said))
        self._none = nulls(asked.size, frames.schema.types)

    def request(self, name: str) -> "pa.Array":
        """A column of the requests."""
        return self._take(name, self._asked)

    def answer(self, name: str) -> "pa.Array":
        """A column of the answers."""
        return self._take(name, self._said)

    def either(self, name: str, *, answer_first: bool = False) -> "pa.Array":
        """The request's value, else the answer's; or the other way round."""
        import pyarrow.compute as pc

        found = self._take(name, self._last if answer_first else self._first)
        if not found.null_count:
            return found
        return pc.coalesce(found, self._take(name, self._asked if answer_first else self._said))

    def _take(self, name: str, rows: "pa.Array") -> "pa.Array":

        column = self._frames[name]
        if column.null_count == len(column):
            return self._none[column.type]
        return whole(column).take(rows)  # one column at a time: all of them at once would be a second copy


def _ids(sides: _Sides, pairing: Pairing, pairs: Pairs, *, compiled: bool) -> "pa.Array":
    """Made from content, day and order: equal messages on one day are told apart by their place in their key."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    digest = sides.either("digest")
    ordinal = np.zeros(len(digest), np.int64)
    at = _perhaps_again(digest, pairs.day)
    equal: dict[tuple[str, int], list[int]] = {}
    for row, text, day in zip(at.tolist(), digest.take(pa.array(at)).to_pylist(), pairs.day[at].tolist(), strict=True):
        equal.setdefault((text, day), []).append(row)
    for rows in equal.values():
        if len(rows) > 1:
            rows.sort(key=lambda row: _place(pairing, pairs, row))
            ordinal[rows] = np.arange(len(rows))
    day, ordinals = _as_texts(pa.array(pairs.day).cast(pa.date32())), _as_texts(pa.array(ordinal))
    told = pc.binary_join_element_wise(digest, day, ordinals, ":")
    return hexadecimal(sha256(told, compiled=compiled)[:, : _ID // 2])


def _as_texts(values: "pa.Array") -> "pa.Array | pa.Scalar":
    """Each value written out; one for all rows where they are all the same, as they mostly are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(values) and pc.all(pc.equal(values, values[0])).as_py():
        return values[:1].cast(pa.string())[0]
    return values.cast(pa.string())


def _perhaps_again(digest: "pa.Array", day: Any) -> Any:
    """The rows whose digest may be another's of the same day: none that is passed over is."""
    import numpy as np

    starts = np.frombuffer(digest.buffers()[1], np.int32)[digest.offset : digest.offset + len(digest) + 1]
    octets = digest.buffers()[2]
    if not len(digest) or octets is None or (np.diff(starts) < _MARK).any():
        return np.arange(len(digest))
    mark = np.ndarray((octets.size - _MARK + 1,), "<u8", octets, 0, (1,))[starts[:-1]]
    mark = mark * np.uint64(31) + day.astype(np.uint64)
    order = np.argsort(mark)
    again = np.flatnonzero(mark[order][1:] == mark[order][:-1])
    return np.sort(order[np.union1d(again, again + 1)])


def _place(pairing: Pairing, pairs: Pairs, row: int) -> tuple[str, int, int]:
    first = int(pairs.request[row] if pairs.request[row] >= 0 else pairs.answer[row])
    return pairing.key_of(first), int(pairs.request_place[row]), int(pairs.answer_place[row])

"""A lake of any size, made day by day in numpy: trade that is mostly right, with faults whose number is known.

Terminals with some 200 sales a day, three to a merchant, each signing in, selling and settling truly. Of a
hundred attempts five are refused, eight paid by code, a few held and completed, voided at once, or refunded the
day after; one in a thousand got no answer, was reversed and done again. Two hundred in a million are debits taken
twice under one trace number: those the check must find, every one. Cards are drawn by chance: a few meet twice in an
hour, and are found as well.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.tables import TABLES, Lake, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

FIRST_DAY = dt.date(2026, 8, 1)
SALES_A_DAY = 200
TERMINALS_A_MERCHANT = 3
CARDS = 50_000
PRICES = np.array([1500, 1800, 2200, 900, 36840, 12800, 5400, 3100])
KINDS = np.array(["SALE", "VOID", "REFUND", "PREAUTH", "COMPLETION", "REVERSAL", "QR_SALE", "QR_REFUND"])
SALE, VOID, REFUND, PREAUTH, COMPLETION, REVERSAL, QR_SALE, QR_REFUND = range(len(KINDS))
TWICE_EVERY = 5
"""Every so many-th terminal begins every so many-th day with a debit taken twice: 200 in a million, about."""
_BASE_COLUMNS = ("terminal", "at", "turn", "kind", "amount", "card", "refused", "silent", "original", "sale")


@dataclass(slots=True)
class _Acts:
    """What all terminals did on one day: one array a column, in order of terminal and time."""

    terminal: Any
    at: Any
    turn: Any
    kind: Any
    amount: Any
    card: Any
    refused: Any
    silent: Any
    original: Any
    sale: Any

    def take(self, which: Any, **changes: Any) -> "_Acts":
        """Some of them, changed."""
        values = {name: getattr(self, name)[which] for name in _BASE_COLUMNS}
        size = len(values["terminal"])
        return _Acts(**values | {name: np.broadcast_to(value, size) for name, value in changes.items()})


def _together(parts: list[_Acts]) -> _Acts:
    acts = _Acts(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in _BASE_COLUMNS})
    return acts.take(np.lexsort((acts.turn, acts.at, acts.terminal)))


def _sales(terminals: int, day: int) -> tuple[_Acts, Any]:
    """The day's sales alone, and the lot that each drew of a thousand."""
    chance = np.random.default_rng([day, terminals])
    size = terminals * SALES_A_DAY
    visit = np.arange(size) + day * size
    sale = np.tile(np.arange(SALES_A_DAY), terminals)
    lot = np.where(sale == 0, 500, chance.integers(0, 1000, size))
    amount = chance.choice(PRICES, size) + np.where(chance.random(size) < 0.7, chance.integers(0, 500, size) * 10, 0)
    return _Acts(
        terminal=np.repeat(np.arange(terminals), SALES_A_DAY),
        at=28_800 + sale * 150 + chance.integers(0, 60, size),
        turn=np.zeros(size, np.int64),
        kind=np.select([lot < 80, lot < 86], [QR_SALE, PREAUTH], SALE),
        amount=amount,
        card=np.where((lot >= 80) & (lot < 86), CARDS + visit % 10_000_000, chance.integers(0, CARDS, size)),
        refused=lot >= 950,
        silent=lot == 120,
        original=np.full(size, -1),
        sale=sale,
    ), lot


def _acts(terminals: int, day: int) -> _Acts:
    sold, lot = _sales(terminals, day)
    silent = lot == 120
    parts = [
        sold,
        sold.take((lot >= 100) & (lot < 105), kind=VOID, turn=1, original=sold.sale[(lot >= 100) & (lot < 105)]),
        sold.take(sold.kind == PREAUTH, kind=COMPLETION, turn=1, original=sold.sale[sold.kind == PREAUTH]),
        sold.take(silent, turn=2, silent=False),
    ]
    if day:
        before, drawn = _sales(terminals, day - 1)
        back = ((drawn >= 200) & (drawn < 204)) | ((drawn >= 60) & (drawn < 62))
        kind = np.where(before.kind[back] == QR_SALE, QR_REFUND, REFUND)
        parts.append(before.take(back, kind=kind, turn=3, at=before.at[back] + 20, original=before.sale[back]))
    return _together(parts)


def days_of(terminals: int, days: int, *, first: int = 0) -> "Iterator[tuple[dt.date, dict[str, pa.Table]]]":
    """Each day's tables ``transactions``, ``settlements`` and ``events``, from the ``first``-th day on."""
    stan = (np.arange(terminals) * 7919) % 900_000 + 1
    sold_at: Any = None
    for day in range(days):
        tables, stan, sold_at = _day(terminals, day, stan, sold_at)
        if day >= first:
            yield FIRST_DAY + dt.timedelta(days=day), tables


def _is_twice(terminal: Any, day: int) -> Any:
    return (terminal % TWICE_EVERY == 0) & (day % TWICE_EVERY == 0)


def _day(terminals: int, day: int, stan: Any, before: Any) -> "tuple[dict[str, pa.Table], Any, Any]":
    """A day's tables, the next trace number of each terminal, and the trace numbers of the day's sales."""
    acts = _acts(terminals, day)
    counts = np.bincount(acts.terminal, minlength=terminals)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    number = (stan[acts.terminal] + np.arange(len(acts.terminal)) - starts[acts.terminal]) % 999_999 + 1
    sold = np.full((terminals, SALES_A_DAY), -1)
    is_sale = (acts.original < 0) & (acts.turn == 0)
    sold[acts.terminal[is_sale], acts.sale[is_sale]] = number[is_sale]
    reversal = acts.take(acts.silent, kind=REVERSAL, silent=False, turn=1, original=acts.sale[acts.silent])
    copy = acts.take((acts.sale == 0) & is_sale & _is_twice(acts.terminal, day), turn=5)
    numbers = np.concatenate([number, number[acts.silent], sold[copy.terminal, 0]])
    every = _Acts(**{n: np.concatenate([getattr(p, n) for p in (acts, reversal, copy)]) for n in _BASE_COLUMNS})
    totals = {
        "transactions": _transactions(every, numbers, sold, before, day),
        "settlements": _settlements(every, (stan + counts) % 999_999 + 1, day),
        "events": _events((stan - 1) % 999_999 + 1, day),
    }
    return totals, stan + counts + 2, sold


def _texts(form: str, *arrays: Any) -> "pa.Array":
    """Texts made of whole columns of numbers: each field of the form takes the next column, padded to its width."""
    import duckdb
    import pyarrow as pa

    names = [f"c{place}" for place in range(len(arrays))]
    source = pa.table(dict(zip(names, map(np.ascontiguousarray, arrays), strict=True)))
    made: pa.Array = (
        duckdb.from_arrow(source).project(f"format('{form}', {', '.join(names)}) AS t").to_arrow_table()["t"]
    )
    return made


def _stamps(day: int, seconds: Any) -> "pa.Array":
    import pyarrow as pa

    midnight = dt.datetime.combine(FIRST_DAY, dt.time(), dt.UTC) + dt.timedelta(days=day, hours=-8)
    micros = (int(midnight.timestamp()) + np.asarray(seconds, np.int64)) * 1_000_000
    return pa.array(micros, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def _shop(terminals: Any, day: int) -> dict[str, Any]:
    """The columns that every table has."""
    import pyarrow as pa

    date, size = FIRST_DAY + dt.timedelta(days=day), len(terminals)
    dates = pa.repeat(pa.scalar(date, pa.date32()), size)
    return {
        "profile": pa.repeat("unionpay", size),
        "line": _texts("lane-{}", terminals),
        "merchant_id": _texts("8983205{:08d}", terminals // TERMINALS_A_MERCHANT),
        "terminal_id": _texts("{:08d}", terminals),
        "batch_no": pa.repeat(pa.scalar(day + 1, pa.int32()), size),
        "business_date": dates,
        "seen_date": dates,
    }


def _table(name: str, columns: dict[str, Any]) -> "pa.Table":
    import pyarrow as pa

    schema, size = arrow_schema(TABLES[name]), len(columns["terminal_id"])
    arrays = [columns[f.name] if f.name in columns else pa.nulls(size, f.type) for f in schema]
    return pa.table([pa.chunked_array([a]) if isinstance(a, pa.Array) else a for a in arrays], schema.names).cast(
        schema
    )


def _transactions(acts: _Acts, number: Any, sold: Any, before: Any, day: int) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    size, kinds = len(acts.at), pa.array(KINDS[acts.kind])
    approved = ~acts.refused & ~acts.silent
    undo = np.isin(acts.kind, (VOID, COMPLETION, REVERSAL))
    back = np.isin(acts.kind, (REFUND, QR_REFUND))
    earlier = sold if before is None else before
    names = np.where(undo, sold[acts.terminal, acts.original], np.where(back, earlier[acts.terminal, acts.original], 0))
    moment = acts.at + acts.turn * 15
    stamps, card = _stamps(day, moment), ~np.isin(acts.kind, (QR_SALE, QR_REFUND))
    rrn = _texts("{:01d}{:03d}{:08d}", np.minimum(acts.turn, 9) // 5, np.full(size, day), number + acts.terminal * 0)
    orig_rrn = _texts("0{:03d}{:08d}", np.full(size, max(day - 1, 0)), names)
    # A card's counter is its merchant's sale: no card uses one twice, but in a debit taken twice.
    counter = (
        (day * TERMINALS_A_MERCHANT + acts.terminal % TERMINALS_A_MERCHANT) * SALES_A_DAY * 2
        + acts.sale
        + (acts.turn == 2) * SALES_A_DAY
    )
    date = FIRST_DAY + dt.timedelta(days=day)
    return _table(
        "transactions",
        _shop(acts.terminal, day)
        | {
            "transaction_id": _texts("{:08d}{:04d}{:06d}{:02d}{:012d}", acts.terminal, np.full(size, day), number,
                                     acts.turn, acts.at),
            "stan": pa.array(number, pa.int32()),
            "txn_type": kinds,
            "amount_fen": pa.array(acts.amount, pa.int64()),
            "currency": pa.repeat("156", size),
            "card_token": _masked(_texts("t1.{:064d}", acts.card), card),
            "pan_masked": _masked(_texts("622424******{:04d}", acts.card % 10_000), card),
            "operator_no": pa.repeat("01", size),
            "entry_mode": pc.if_else(pa.array(card), "051", "030"),
            "requested_at": stamps,
            "responded_at": _masked(stamps, ~acts.silent),
            "event_at": stamps,
            "terminal_dt": stamps,
            "host_dt": _masked(stamps, ~acts.silent),
            "rrn": _masked(rrn, approved),
            "auth_code": _masked(_texts("{:06d}", number), approved & (acts.kind == PREAUTH)),
            "response_code": pc.if_else(pa.array(acts.silent), None, pc.if_else(pa.array(acts.refused), "51", "00")),
            "outcome": pc.if_else(
                pa.array(acts.silent), "unknown", pc.if_else(pa.array(acts.refused), "declined", "approved")
            ),
            "reason_code": _masked(pa.repeat("98", size), acts.kind == REVERSAL),
            "orig_batch_no": _masked(pa.repeat(pa.scalar(day + 1, pa.int32()), size), acts.kind == VOID),
            "orig_stan": _masked(pa.array(names, pa.int32()), np.isin(acts.kind, (VOID, REVERSAL))),
            "orig_auth_code": _masked(_texts("{:06d}", names), acts.kind == COMPLETION),
            "orig_date": pc.if_else(
                pa.array(back), pa.scalar(date - dt.timedelta(days=1), pa.date32()),
                _masked(pa.repeat(pa.scalar(date, pa.date32()), size), acts.kind == COMPLETION),
            ),
            "orig_rrn": _masked(orig_rrn, back),
            "atc": _masked(pa.array(counter, pa.int32()), acts.kind == SALE),
            "aid": _masked(pa.repeat("A000000333010101", size), acts.kind == SALE),
            "attempts": pa.repeat(pa.scalar(1, pa.int32()), size),
            "segment_id": pa.repeat(f"segment-{day:04d}", size),
            "request_seq": pa.array(np.arange(size) * 2, pa.int64()),
            "response_seq": pa.array(np.arange(size) * 2 + 1, pa.int64()),
        },
    )  # fmt: skip


def _masked(values: Any, where: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pa.array(where), values, None)


def _settlements(acts: _Acts, number: Any, day: int) -> "pa.Table":
    import pyarrow as pa

    terminals = np.arange(len(number))
    counts = ~acts.refused & ~acts.silent
    debit = counts & np.isin(acts.kind, (SALE, COMPLETION))
    credit = counts & np.isin(acts.kind, (VOID, REFUND))
    totals = {
        f"rmb_{side}_{what}": pa.array(
            np.bincount(acts.terminal[which], weights, minlength=len(number)).astype(np.int64), pa.int64()
        )
        for side, which in (("debit", debit), ("credit", credit))
        for what, weights in (("amount_fen", acts.amount[which]), ("count", None))
    }
    stamps = _stamps(day, np.full(len(number), 79_200))
    return _table(
        "settlements",
        _shop(terminals, day)
        | totals
        | {
            "settlement_id": _texts("s{:08d}{:06d}", terminals, np.full(len(number), day)),
            "stan": pa.array(number, pa.int32()),
            "outcome": pa.repeat("approved", len(number)),
            "response_code": pa.repeat("00", len(number)),
            "requested_at": stamps,
            "event_at": stamps,
        },
    )


def _events(number: Any, day: int) -> "pa.Table":
    import pyarrow as pa

    terminals = np.arange(len(number))
    stamps = _stamps(day, np.full(len(number), 28_000))
    return _table(
        "events",
        _shop(terminals, day)
        | {
            "event_id": _texts("e{:08d}{:06d}", terminals, np.full(len(number), day)),
            "stan": pa.array(number, pa.int32()),
            "operation": pa.repeat("SIGN_IN", len(number)),
            "outcome": pa.repeat("approved", len(number)),
            "requested_at": stamps,
            "event_at": stamps,
        },
    )


def fill(lake: Lake, attempts: int, days: int, *, first: int = 0) -> tuple[int, int]:
    """Write days of trade of about so many attempts; how many there are, and debits taken twice.

    Args:
        lake: where to.
        attempts: of all days together, give or take a hundredth.
        days: business days from `FIRST_DAY` on.
        first: leave out the days before this one, which are there already.
    """
    terminals = max(1, round(attempts / (days * SALES_A_DAY * 1.018)))
    written = 0
    for date, tables in days_of(terminals, days, first=first):
        for name, rows in tables.items():
            lake.replace(name, rows, partitions={"business_date": [date]}, app_id=f"trade-{date}", app_version=1)
        written += tables["transactions"].num_rows
    return written, len(range(0, terminals, TWICE_EVERY)) * len(range(0, days, TWICE_EVERY))

"""Frames -> exchanges: which answer belongs to which request, and what is one attempt.

Pure: decoded frames in, rows out; the order of the input, its cutting into segments and
how often a capture was read make no difference. The law:

- A *key* is terminal, pair of message types and trace number. Messages without a trace
  number go by network code, within one local day, or by what their dialect says joins them,
  on their terminal or, where terminals do not always say which they are, on their line.
- The same message seen at the same moment is one reading, whichever segment it is in.
  An answer equal to one of its key not longer than the silence before is that answer again.
- An *episode* is one request, all its repetitions (equal bytes) and their answers. It ends
  when the key carries another request, or falls silent: 22 hours for money, so that a
  reversal kept overnight stays one; an hour for the rest. 22, because then an episode that
  goes on does so on the next local day, be that day 23 hours long.
- An answer belongs to the latest request before it in its episode. Each answer is a row;
  one without a request too. A request that was never answered counts as an attempt of the
  next answered one of its episode, else of the last, else all of them are one row.
- A journal's record stands for one transaction: terminal, batch, trace number, type and its
  own local day; of several readings the latest counts. It and the exchange of the same
  terminal, batch, trace number and type, seen on that day or the next or the one before,
  are one row with both proofs: where each is the other's best (equal reference number,
  approved, equal amount, nearest in time). Two reference numbers are two transactions. What
  the line saw stands; the journal fills in what it did not see. Without an exchange the
  record is a row of its own.
"""

import datetime as dt
import functools
from collections.abc import Callable, Container, Iterable
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest.assembly import assembled
from ingest.coded import Coded
from ingest.pairing import Pairing

if TYPE_CHECKING:
    import pyarrow as pa

_TEXTS = (
    "segment_id line profile digest card_token kind operation txn_type mti pair terminal_id merchant_id network_code "
    "currency pan_masked card_org entry_mode operator_no processing_code aid reason_code reversed_type orig_rrn "
    "orig_auth_code rrn auth_code response_code outcome rmb_flag foreign_flag exchange card_totals journal_state "
    "order_ref feature_code"
)
_NUMBERS = (
    "batch_no stan atc batch_count orig_batch_no orig_stan "
    "rmb_debit_count rmb_credit_count foreign_debit_count foreign_credit_count "
    "receipt_no orig_receipt_no total_count"
)
_LONG_NUMBERS = (
    "seq seen_us clock_us amount_fen tip_fen "
    "rmb_debit_amount_fen rmb_credit_amount_fen foreign_debit_amount_fen foreign_credit_amount_fen "
    "total_amount_fen"
)
FRAME_COLUMNS: dict[str, str] = {
    **dict.fromkeys(_TEXTS.split(), "string"),
    **dict.fromkeys(_NUMBERS.split(), "int32"),
    **dict.fromkeys(_LONG_NUMBERS.split(), "int64"),
    **dict.fromkeys(("day", "clock_date", "settlement_date", "orig_date"), "date"),
    "is_request": "bool",
    "is_journal": "bool",
    "per_line": "bool",
}
"""A decoded frame, name and type of each column. ``seen_us`` and ``clock_us`` are microseconds since 1970 in UTC;
``clock_*`` is the clock that the message itself states; ``pair`` is the request's message type; ``outcome`` is
approved or declined on an answer that says so."""


def frame_types() -> "dict[str, pa.DataType]":
    """``FRAME_COLUMNS`` as Arrow's types."""
    import pyarrow as pa

    types = {"string": pa.string(), "int32": pa.int32(), "int64": pa.int64(), "date": pa.date32(), "bool": pa.bool_()}
    return {name: types[kind] for name, kind in FRAME_COLUMNS.items()}


UPLOAD_REACH = 3
"""Days before its upload that a transaction is looked for: a batch stays open over a weekend."""
_JOURNAL_REACH = 2
"""Days: a record and its exchange lie one apart at most, and so does another exchange that the record may take."""


class Changed(NamedTuple):
    """What new frames can have changed.

    Attributes:
        days: the days concerned.
        rows: the exchanges whose first frame was seen on one of them, in the columns of all derived tables.
        signed: the exchanges of the signature uploads that began on one of them, as ``signatures.sql`` gives them.
        uploaded: which transaction may be in which batch upload of those days, as ``uploads.sql`` gives them.
    """

    days: set[dt.date]
    rows: "pa.Table"
    signed: "pa.Table"
    uploaded: "pa.Table"


def changed(
    load: "Callable[[dt.date], pa.Table]",
    there: "Callable[[set[dt.date]], set[dt.date]]",
    fresh: set[dt.date],
    segments: Iterable[str],
    *,
    elsewhere: Container[dt.date] = (),
    coded: Coded | None = None,
    compiled: bool = False,
) -> "Changed":
    """The days whose exchanges new frames can have changed, and all exchanges of those days.

    No more days are loaded than it takes: of segments that come in order, the new days and
    the day before; more where an episode reaches further or later days were there first.

    Args:
        load: the frames of one day, in the columns of ``FRAME_COLUMNS``.
        there: tells which of some days have frames.
        fresh: the days the new frames were seen on; all of them have some.
        segments: the segments the new frames are in.
        elsewhere: days that another call is made for, or was.
        coded: what calls before have numbered.
        compiled: whether machine code works where it can: for many frames.
    """
    import pyarrow as pa

    segments, frames = list(segments), dict[dt.date, pa.Table]()
    wanted = there(_near(fresh, -1, 1))
    while True:
        frames |= {day: load(day) for day in sorted(wanted)}
        exchanges = _Exchanges(pa.concat_tables(frames[day] for day in sorted(frames)), coded, compiled=compiled)
        days = fresh | exchanges.pairing.touched(segments, fresh)
        days |= exchanges.partners(days)
        days |= exchanges.uploading(_near(days, 0, UPLOAD_REACH))
        days = _but(days, elsewhere)
        told = days | _near(exchanges.uploading(days), -UPLOAD_REACH, 0)
        context = told | exchanges.partners(told) | _near(exchanges.signing(days), -1, 1)
        asked = _near(context | exchanges.pairing.reach(context), -1, 1)
        asked |= _but(_near(days, 0, UPLOAD_REACH), elsewhere)
        if exchanges.journals:
            asked |= _near(told, -_JOURNAL_REACH, _JOURNAL_REACH)
        wanted = there(asked - frames.keys())
        if not wanted:
            return Changed(days, exchanges.rows(days), exchanges.signed(days), exchanges.uploaded(days))


def _near(days: Iterable[dt.date], first: int, last: int) -> set[dt.date]:
    return {day + dt.timedelta(days=step) for day in days for step in range(first, last + 1)}


def _but(days: Iterable[dt.date], elsewhere: Container[dt.date]) -> set[dt.date]:
    return {day for day in days if day not in elsewhere}


class _Exchanges:
    """The exchanges of some days' frames.

    Args:
        frames: a table with the columns of ``FRAME_COLUMNS``.
        coded, compiled: see ``changed``.
    """

    def __init__(self, frames: "pa.Table", coded: Coded | None, *, compiled: bool) -> None:
        import pyarrow.compute as pc

        self._frames, self._compiled = frames, compiled
        self.pairing = Pairing(frames, coded)
        self.journals: bool = pc.any(frames["is_journal"]).as_py() or False

    @functools.cached_property
    def _db(self) -> Any:
        """A session with what the line did not tell by itself: journals, signatures, uploads."""
        import duckdb

        db = duckdb.connect(":memory:")
        db.register("frames", self._frames)
        return db

    def partners(self, days: Iterable[dt.date]) -> set[dt.date]:
        """Every day with what a journal's record may belong to, or no longer, when one of ``days`` changes.

        A record takes an exchange of the day beside it, and may leave one on its other side for it.
        """
        if not self.journals:
            return set()
        found = self._db.execute(
            """
            WITH keyed AS (
                SELECT *, CASE kind WHEN 'settlement' THEN -1 ELSE stan END AS joins FROM frames),
            changed AS (
                SELECT DISTINCT kind, terminal_id, joins, day FROM keyed WHERE day IN (SELECT unnest($days::DATE[]))),
            told AS (
                SELECT DISTINCT c.* FROM changed c JOIN keyed r
                    ON r.is_journal AND r.kind = c.kind AND r.terminal_id = c.terminal_id AND r.joins = c.joins
                   AND r.day BETWEEN c.day - $reach AND c.day + $reach)
            SELECT DISTINCT f.day FROM keyed f JOIN told c
                ON f.kind = c.kind AND f.terminal_id = c.terminal_id AND f.joins = c.joins
               AND f.day BETWEEN c.day - $reach AND c.day + $reach
            """,
            {"days": list(days), "reach": _JOURNAL_REACH},
        )
        return {day for (day,) in found.fetchall()}

    def rows(self, days: Iterable[dt.date]) -> "pa.Table":
        """The transactions whose first frame was seen on one of ``days``, in the columns of all derived tables."""
        if not self.journals:
            return _without_journals(self._assembled(days))
        self._db.register("exchanges", self._assembled(_near(days, -_JOURNAL_REACH, _JOURNAL_REACH)))
        return self._db.sql(_sql("journals"), params={"days": list(days)}).to_arrow_table()

    def signing(self, days: Iterable[dt.date]) -> set[dt.date]:
        """Those of ``days`` on which a signature was seen."""
        return self.pairing.days_with("SIGNATURE", days)

    def signed(self, days: Iterable[dt.date]) -> "pa.Table":
        """The exchanges of the signature uploads whose first frame was seen on one of ``days``."""
        import pyarrow as pa

        around = _near(self.signing(days), -1, 1)
        if not around:
            return pa.table({})
        self._db.register("around", self._assembled(around))
        return self._db.sql(_sql("signatures"), params={"days": list(days)}).to_arrow_table()

    def uploading(self, days: Iterable[dt.date]) -> set[dt.date]:
        """Those of ``days`` on which a batch upload was seen."""
        return self.pairing.days_with("BATCH_UPLOAD", days)

    def uploaded(self, days: Iterable[dt.date]) -> "pa.Table":
        """The transactions that may be in the batch uploads whose first frame was seen on one of ``days``."""
        import pyarrow as pa

        begun = self.uploading(days)
        if not begun:
            return pa.table({})
        self._db.register("around", self.rows(_near(begun, -UPLOAD_REACH, 0)))
        return self._db.sql(_sql("uploads"), params={"days": list(days), "reach": UPLOAD_REACH}).to_arrow_table()

    def _assembled(self, days: Iterable[dt.date]) -> "pa.Table":
        return assembled(self._frames, self.pairing, days, compiled=self._compiled)


def _without_journals(rows: "pa.Table") -> "pa.Table":
    """Rows to which no terminal's journal has anything to say, with the columns that it would fill."""
    import pyarrow as pa

    texts = ("journal_segment_id", "journal_digest", "journal_state")
    types = dict.fromkeys(texts, pa.string()) | dict.fromkeys(("journal_seq", "journal_amount_fen"), pa.int64())
    for name, kind in (types | {"journal_dt": pa.timestamp("us")}).items():
        rows = rows.append_column(name, pa.nulls(rows.num_rows, kind))
    return rows


def _sql(name: str) -> str:
    return (resources.files("ingest") / "sql" / f"{name}.sql").read_text("utf-8")

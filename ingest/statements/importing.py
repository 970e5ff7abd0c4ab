"""A statement into the lake: whole or not at all, and the same one twice is one.

The file's SHA-256 is the commit's application id, so a file imported again changes
nothing. A line's id is made from what it says, so the same line in two deliveries of one
day is known to be the same.
"""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ingest.columns import TABLES
from ingest.errors import KeyFileError, StatementError, UsageError
from ingest.keys import Keys, load_keys
from ingest.lake import Lake
from ingest.settings import Settings
from ingest.statements.layout import TABLE_OF, WORDS, Layout, file_of
from ingest.statements.moments import Moment, written
from ingest.statements.rates import another_unit
from ingest.statements.rows import MOST_BYTES, Row, read_rows
from ingest.statements.totals import Totals
from ingest.statements.values import card, reader
from ingest.statements.words import UnknownWordError, UnreadableError, safe_text
from protocols.sanitise import card_token
from protocols.sweep import is_card

_NOT_SAID = frozenset({"line_no", "statement_id", "card_token", "business_date"})
"""What a line has from us and not from the file."""
_NOT_KEPT = frozenset({"is_new", "closed"})
_NEVER_EMPTY = {"amount_fen": "amount", "txn_type": "type"}
MERCHANT_DIGITS = 15
MOST_TOLD = 5
"""How many of a file's mistakes are told; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file.

    ``is_new`` is False when it was in the lake already; ``closed`` says whether it ends with a
    closing row, None where its layout knows of none.
    """

    statement_id: str
    kind: str
    lines: int
    total_amount_fen: int
    total_fee_fen: int
    first_date: dt.date | None
    last_date: dt.date | None
    is_new: bool
    closed: bool | None = None


def import_statement(settings: Settings, path: Path, acquirer: str, layout: Layout) -> Imported:
    """Read an acquirer's file and put its lines into the tables.

    Args:
        settings: lake, zone, and the key file for card tokens (needed only when whole card numbers stand in the file).
        path: the file.
        acquirer: whose statement it is.
        layout: how it is to be read.

    Raises:
        StatementError: something in it is not what the layout says; nothing was taken.
        UsageError: the file cannot be read.
        KeyFileError: whole card numbers stand in it, and there is no key.
        LakeError: the tables cannot be written.
    """
    return import_bytes(settings, str(path), _bytes(path), acquirer, layout, file_name=path.name)


def import_bytes(
    settings: Settings, name: str, data: bytes, acquirer: str, layout: Layout, *, file_name: str | None = None
) -> Imported:
    """The same of a file's bytes, wherever they came from; ``name`` stands in messages, and in ``statements``.

    Raises:
        StatementError: as ``import_statement``.
    """
    statement_id = hashlib.sha256(acquirer.encode() + b"\0" + data).hexdigest()
    lake, table = Lake.of(settings.lake), TABLE_OF[layout.kind]
    read = _Lines(settings, name, acquirer, layout, statement_id=statement_id, today=_today(lake, settings.zone))
    lines = read.read(data)
    dates = [line["business_date"] for line in lines]
    done = Imported(
        statement_id,
        layout.kind,
        len(lines),
        sum(line.get("amount_fen") or 0 for line in lines),
        sum(line.get("fee_fen") or 0 for line in lines),
        min(dates, default=None),
        max(dates, default=None),
        is_new=lake.committed("statements", statement_id) is None,
        closed=read.closed if layout.file.ends else None,
    )
    lake.append(table, lines, app_id=statement_id)
    row = {name: value for name, value in asdict(done).items() if name not in _NOT_KEPT}
    row |= {"acquirer": acquirer, "layout": layout.name, "file_name": safe_text(file_name or name)}
    lake.append("statements", [row | {"imported_at": dt.datetime.now(dt.UTC)}], app_id=statement_id)
    return done


def _today(lake: Lake, zone: ZoneInfo) -> dt.date:
    """The day by this machine's clock, or by the terminals where it is behind theirs: one without a battery starts
    years ago.
    """
    return max(dt.datetime.now(zone).date(), *lake.days("transactions"), dt.date.min)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(
                f"{path}: larger than {MOST_BYTES // 1024**2} MiB", hint="is it a statement? ask for one file a day"
            )
        return path.read_bytes()
    except OSError as wrong:
        raise UsageError(f"{path}: cannot be read: {wrong.strerror}", hint="check the file's path and owner") from None


class _Lines:
    """The lines of one file."""

    def __init__(
        self, settings: Settings, name: str, acquirer: str, layout: Layout, *, statement_id: str, today: dt.date
    ) -> None:
        self._path = name
        self._layout = layout
        self._stamp = {"statement_id": statement_id, "acquirer": acquirer}
        self._key_file = settings.keys.pan_token
        self._keys: Keys | None = None
        zone: ZoneInfo = settings.zone
        types = {column.name: column.type for column in TABLES[TABLE_OF[layout.kind]].columns}
        self._readers = {
            name: reader(name, types[name], source, zone, today)
            for name, source in layout.columns.items()
            if name != "pan_masked"
        }
        self._merchants = {each.id for each in settings.merchants} | {each.merchant for each in settings.contracts}
        self._texts = frozenset(name for name, kind in types.items() if kind == "string")
        self._zone = zone
        self._wrong: list[str] = []
        self._unknown: dict[str, None] = {}
        self._hints: list[str] = []
        self._totals = Totals(layout)
        self._dated = frozenset(name for name, kind in types.items() if kind in {"date", "timestamp"})
        self.closed = False
        self._seen: Counter[str] = Counter()

    def read(self, data: bytes) -> list[dict[str, Any]]:
        """All of them.

        Raises:
            StatementError: as ``import_statement``.
        """
        needed = [name for source in self._layout.columns.values() if not source.optional for name in source.columns]
        lines: list[dict[str, Any] | None] = []
        closing: list[Row] = []
        for row in read_rows(self._path, data, self._layout.file, needed):
            if row.closes:
                closing.append(row)
                continue
            lines.append(line := self._line(row.line, row.cells, row.moments))
            if line is not None:
                self._totals.add(line, row.cells)
        self.closed = bool(closing)
        if self._wrong:
            more = len(self._wrong) - MOST_TOLD
            told = "; ".join(self._wrong[:MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")
            raise StatementError(
                f"{self._path}: {told}; nothing of it was imported",
                hint=f"is {self._layout.name} the right layout for this file? {self._way_out()}",
            )
        whole = [line for line in lines if line is not None]
        if self._layout.file.sums and (differ := [told for row in closing for told in self._totals.wrong(row)]):
            raise StatementError(
                f"{self._path}: {'; '.join(differ)}; nothing of it was imported",
                hint="was it cut, or changed by hand? ask for the file again; if that row counts something else, "
                f"write sums = false in [file] of {self._where()}",
            )
        if (unit := another_unit(whole, self._layout)) is not None:
            told, hint = unit
            raise StatementError(f"{self._path}: {told}; nothing of it was imported", hint=f"{hint} of {self._where()}")
        return whole

    def _way_out(self) -> str:
        if not self._unknown:
            return next(iter(self._hints), "mend the file or the layout")
        name = next(iter(self._unknown))
        where = self._where()
        ours = f", one of {' '.join(WORDS[name])}" if name in WORDS else ""
        return f'say what the word means{ours}: "its word" = "ours" in values of [columns.{name}] in {where}'

    def _where(self) -> str:
        mine = file_of(self._layout)
        return f"a copy of {mine}, which --layout (or layout in [[statements]]) names" if mine else "the layout"

    def _line(self, number: int, cells: Mapping[str, str], moments: Mapping[str, Moment]) -> dict[str, Any] | None:
        line: dict[str, Any] = {"line_no": number, **self._stamp}
        before = len(self._wrong)
        for name, source in self._layout.columns.items():
            texts = [cells.get(each, "") for each in source.columns]
            if all(text.strip() in self._layout.file.empty for text in texts):
                if name in _NEVER_EMPTY and not source.optional:
                    self._wrong.append(f"line {number}, {'+'.join(source.columns)}: no {_NEVER_EMPTY[name]}")
                continue
            dated = moments and name in self._dated
            text = written(source, texts, moments) if dated else " ".join(text.strip() for text in texts)
            if name == "pan_masked":
                line["pan_masked"], whole = card(text)
                line["card_token"] = self._token(whole) if whole else None
                continue
            try:
                value = self._readers[name](text)
            except UnreadableError as wrong:
                if isinstance(wrong, UnknownWordError):
                    self._unknown[name] = None
                self._hints += [wrong.hint] if wrong.hint else []
                self._wrong.append(f"line {number}, {'+'.join(source.columns)}: {wrong}")
                continue
            line[name] = self._safe(name, value) if isinstance(value, str) and name in self._texts else value
        line["business_date"] = self._date(line)
        if line["business_date"] is None and len(self._wrong) == before:
            self._wrong.append(f"line {number}: neither a time nor a date")
        if len(self._wrong) > before:
            return None
        line["line_id"] = self._line_id(line)
        return line

    def _safe(self, name: str, value: str) -> str:
        """A text without card numbers; one merchant number in ten has a card's check digit and is none."""
        is_merchant = name == "merchant_id" and len(value) == MERCHANT_DIGITS and value.isascii() and value.isdigit()
        if is_merchant and (value in self._merchants or not is_card(value)):
            return value
        return safe_text(value)

    def _token(self, number: str) -> str:
        try:
            self._keys = self._keys or load_keys(self._key_file)
            return card_token(self._keys, number)
        except KeyFileError as wrong:
            raise KeyFileError(
                f"{self._path}: whole card numbers stand in it, and {wrong.message}", hint=wrong.hint
            ) from None

    def _date(self, line: Mapping[str, Any]) -> dt.date | None:
        for name in ("occurred_at", "paid_at"):
            if (moment := line.get(name)) is not None:
                day: dt.date = moment.astimezone(self._zone).date()
                return day
        return line.get("settlement_date")

    def _line_id(self, line: Mapping[str, Any]) -> str:
        """Equal for the same line in another file; several equal lines of one file are numbered."""
        said = "\0".join(f"{name}={line[name]}" for name in sorted(line.keys() - _NOT_SAID) if line[name] is not None)
        self._seen[said] += 1
        return hashlib.sha256(f"{said}\0{self._seen[said]}".encode()).hexdigest()[:32]

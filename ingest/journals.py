"""Journals into records: a terminal's own log, read whole, each record made safe in memory.

A file of fixed records says its layout by its content (``protocols.journal.evidence``);
t_water comes as an SQLite file or a CSV export. Nothing of the file is written anywhere
before it is safe: an SQLite file is opened from memory, never in place. A record that
cannot be read becomes a stretch of noise with its number, column and place.
"""

import csv
import io
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.errors import TillwatchError, UsageError
from ingest.records import Kind, PendingRecord
from protocols.errors import FrameError
from protocols.journal import t_water
from protocols.journal.describe import located
from protocols.journal.evidence import Piece, choose, pieces
from protocols.journal.formats import FORMATS, ROWS, Shape
from protocols.journal.kept import Kept, pack
from protocols.journal.profile import JournalProfile
from protocols.journal.sanitise import clean
from protocols.sanitise import CardKeys, card_token, keyed_digest

MOST_BYTES = 256 << 20
"""A journal is read whole; a log of 1,000 records has less than 2 MB."""
_SQLITE = b"SQLite format 3\x00"
_ENCODINGS = ("utf-8-sig", "gb18030")


class JournalError(TillwatchError):
    """A journal is not there, cannot be read, or is none of its profile's."""


@dataclass(frozen=True, slots=True)
class Journal:
    """A file's records, in order.

    Attributes:
        shape: what they are.
        evidence: why, for people.
        pieces: their bytes; ``offset`` is that in the file, or the line of a CSV, or the row of a table.
    """

    shape: Shape
    evidence: str
    pieces: tuple[Piece, ...] = field(repr=False)


def open_journal(path: Path, profile: JournalProfile) -> Journal:
    """Read a journal's file and tell its layout.

    Raises:
        JournalError: the file cannot be read, or is no journal of this profile.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as wrong:
        raise JournalError(f"{path}: cannot be read: {wrong.strerror}", hint="check the path and its rights") from None
    if len(data) > MOST_BYTES:
        raise JournalError(f"{path}: more than {MOST_BYTES >> 20} MiB", hint="is it a terminal's journal?")
    if not data:
        raise JournalError(f"{path}: the file is empty", hint="copy the journal from the terminal again")
    if ROWS in FORMATS[profile.format]:
        rows = _sqlite_rows(path, data) if data.startswith(_SQLITE) else _csv_rows(path, data)
        kind = "SQLite table" if data.startswith(_SQLITE) else "CSV export"
        return Journal(ROWS, f"{kind} {t_water.TABLE}", tuple(rows))
    try:
        found = choose(profile.format, data)
    except FrameError as wrong:
        raise JournalError(f"{path}: {wrong.message}: {wrong.got}", hint=wrong.hint) from None
    return Journal(found.shape, str(found), tuple(pieces(found.shape, data)))


def _sqlite_rows(path: Path, data: bytes) -> Iterator[Piece]:
    wal = path.with_name(path.name + "-wal")
    if wal.is_file() and wal.stat().st_size:
        raise JournalError(
            f"{path}: part of the table is still in {wal.name}",
            hint="close the payment application before the file is copied, or export the table as CSV",
        )
    image = bytearray(data)
    image[18:20] = b"\x01\x01"  # a database in memory has no write-ahead log (SQLite file format, 1.3.4)
    base = sqlite3.connect(":memory:")
    base.row_factory = sqlite3.Row
    try:
        base.deserialize(bytes(image))
        rows = base.execute(f"SELECT * FROM {t_water.TABLE} ORDER BY rowid").fetchall()  # noqa: S608  a constant
    except sqlite3.Error as wrong:
        raise JournalError(
            f"{path}: the table {t_water.TABLE} cannot be read: {wrong}", hint="copy the file from the terminal again"
        ) from None
    finally:
        base.close()
    _need_columns(path, rows[0].keys() if rows else [*t_water.NEEDED])
    for number, row in enumerate(rows):
        yield Piece(number, number, t_water.dump(dict(row)))


def _csv_rows(path: Path, data: bytes) -> Iterator[Piece]:
    reader = csv.DictReader(io.StringIO(_text(path, data), newline=""), restkey="", restval="")
    try:
        _need_columns(path, [(name or "").strip() for name in reader.fieldnames or []])
        for number, row in enumerate(reader):
            values = {name.strip(): value for name, value in row.items() if name and value != ""}
            yield Piece(number, reader.line_num, t_water.dump(values))
    except csv.Error as wrong:
        raise JournalError(f"{path}: line {reader.line_num}: {wrong}", hint="export the table again") from None


def _text(path: Path, data: bytes) -> str:
    for encoding in _ENCODINGS:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise JournalError(f"{path}: neither SQLite nor a CSV of text", hint="export the table t_water, or copy its file")


def _need_columns(path: Path, names: Any) -> None:
    missing = [name for name in t_water.NEEDED if name not in {str(each).upper() for each in names}]
    if missing:
        raise JournalError(
            f"{path}: no column {', '.join(missing)}", hint=f"export the whole table {t_water.TABLE}, with its header"
        )


class JournalRecorder:
    """One journal's pieces turned into records for the spool.

    Args:
        profile: the journal's profile.
        shape: what the records are.
        keys: keys of card tokens and digests.
        line: the line's name.
        terminal_id: the terminal, where the journal does not say; None when it does.
        merchant_id: the merchant; None when nobody said.

    Raises:
        UsageError: the journal does not name its terminal, and nobody did.
    """

    def __init__(
        self,
        profile: JournalProfile,
        shape: Shape,
        keys: CardKeys,
        *,
        line: str,
        terminal_id: str | None = None,
        merchant_id: str | None = None,
    ) -> None:
        if terminal_id is None and not shape.names_terminal:
            raise UsageError(
                f"{shape.name} does not name its terminal",
                hint="say it: --terminal and the 8 characters of field 41",
            )
        self._profile, self._shape, self._keys, self._line = profile, shape, keys, line
        self._terminal, self._merchant = terminal_id, merchant_id
        self.records = self.rejected = self.rejected_bytes = 0

    def record(self, piece: Piece, wall_ns: int) -> PendingRecord:
        """The safe record of a piece, or what is wrong with it."""
        _, wrong = self._shape.read(piece.data)
        digest = keyed_digest(self._keys, piece.data)
        if wrong is not None:
            self.rejected += 1
            self.rejected_bytes += len(piece.data)
            return PendingRecord(
                Kind.NOISE,
                self._line,
                self._profile.name,
                wall_ns,
                direction="rx",
                digest=digest,
                length=len(piece.data),
                error=located(wrong, piece, self._shape, self._profile.name).as_dict(),
            )
        self.records += 1
        cleaned = clean(self._shape, piece.data)
        frame = pack(Kept(piece.number, self._terminal, self._merchant, cleaned.record))
        return PendingRecord(
            Kind.FRAME,
            self._line,
            self._profile.name,
            wall_ns,
            direction="rx",
            frame=frame,
            digest=digest,
            card_token=card_token(self._keys, cleaned.cards[0]) if cleaned.cards else None,
            length=len(frame),
        )

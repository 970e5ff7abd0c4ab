"""A file's rows as texts, each with its line: CSV in the encodings met in China, and XLSX.

Nothing is interpreted here. A workbook's cells become the text a person would type.
"""

import codecs
import csv
import datetime as dt
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ingest.errors import StatementError
from ingest.statements.layout import FileForm
from ingest.statements.moments import Moment

EXACT_DIGITS = 15
"""Most digits of a number that a workbook keeps exactly (IEEE 754 double)."""
Line: TypeAlias = tuple[int, list[str], dict[int, Moment]]
"""A line's number, its texts, and the days and times among its cells, by place."""
_AS_XLSX = 'save it as CSV; or as .xlsx, with [file] format = "xlsx" in the layout'
_WORKBOOKS = {b"PK\x03\x04": "an XLSX workbook", b"\xd0\xcf\x11\xe0": "an old .xls workbook"}
"""How files that are no text begin."""
_CALLED = {"utf-8-sig": "UTF-8", "gb18030": "GB 18030 (GBK)", "utf-16": "UTF-16"}
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, ArithmeticError, AttributeError, EOFError, LookupError, OSError,
    RuntimeError, SyntaxError, TypeError, ValueError,
)  # fmt: skip
"""What openpyxl, zipfile and the readers of XML raise of a damaged workbook."""
_DAY = 24 * 60 * 60
MOST_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line in the file (from 1), its texts by the file's column, a workbook's days and times.

    ``closes``: it is the row with the totals.
    """

    line: int
    cells: dict[str, str]
    moments: dict[str, Moment] = field(default_factory=dict)
    closes: bool = False


def read_rows(path: str, data: bytes, form: FileForm, wanted: Iterable[str]) -> Iterator[Row]:
    """The rows between the header and the closing row, and that.

    Args:
        path: for messages.
        data: the whole file.
        form: how to read it.
        wanted: columns that must be there.

    Raises:
        StatementError: not a file of that form, a text in another encoding, a header or a column that is not there.
    """
    lines = _workbook(path, data) if form.format == "xlsx" else _csv(path, data, form)
    names: list[str] | None = None
    closed = 0
    first = form.first or form.header + 1
    for number, cells, moments in lines:
        if number == form.header:
            names = [cell.strip().lstrip("\ufeff") for cell in cells]
            if twice := sorted({name for name in names if name and names.count(name) > 1}):
                raise StatementError(
                    f"{path}:{number}: two columns are called {twice[0]!r}",
                    hint="is [file] header of the layout the right line?",
                )
            _check(path, number, names, wanted)
        if number < first or not any(cell.strip() for cell in cells):
            continue
        if form.ends and next(cell.strip() for cell in cells if cell.strip()).startswith(form.ends):
            closed = number
            known = names if names is not None else [str(index) for index in range(1, len(cells) + 1)]
            yield Row(number, dict(zip(known, cells, strict=False)), closes=True)
            continue
        if closed:
            _refuse_more(path, number, cells, closed)
            continue
        known = names if names is not None else [str(index) for index in range(1, len(cells) + 1)]
        if len(cells) > len(known) and any(cell.strip() for cell in cells[len(known) :]):
            raise StatementError(
                f"{path}:{number}: {len(cells)} columns, the header has {len(known)}",
                hint="is a comma inside a text not in quotes? is the delimiter of the layout right?",
            )
        if len(cells) < len(known) and form.format == "csv":
            raise StatementError(
                f"{path}:{number}: {len(cells)} columns, the header has {len(known)}",
                hint="is the file whole? is a line break inside a text not in quotes?",
            )
        if names is None:
            _check(path, number, known, wanted)
        yield Row(
            number,
            {name: cell for name, cell in zip(known, cells, strict=False) if name},
            {known[place]: moment for place, moment in moments.items() if place < len(known)},
        )
    if form.header and names is None:
        raise StatementError(f"{path}: the file ends before its header", hint="is it empty, or cut short?")
    if form.must_end and not closed:
        raise StatementError(
            f"{path}: no closing row ({', '.join(form.ends)}) at its end: it was cut off; nothing of it was imported",
            hint="ask for the whole file; if the acquirer's files have no such row, take must_end out of the layout",
        )


def _refuse_more(path: str, number: int, cells: Sequence[str], closed: int) -> None:
    """Notes may follow the closing line; rows that would be left out silently may not."""
    if 2 * sum(bool(cell.strip()) for cell in cells) > len(cells) > 1:
        raise StatementError(
            f"{path}:{number}: rows go on after the closing line {closed}",
            hint="does the file hold several parts? import each by itself, or change [file] ends of the layout",
        )


def _check(path: str, line: int, known: Sequence[str], wanted: Iterable[str]) -> None:
    lost = [name for name in wanted if name not in known]
    if lost:
        raise StatementError(
            f"{path}:{line}: no column {lost[0]!r}, which the layout reads",
            hint=f"is it the right layout? the columns there: {', '.join(filter(None, known)) or 'none'}",
        )


def _csv(path: str, data: bytes, form: FileForm) -> Iterator[Line]:
    for magic, kind in _WORKBOOKS.items():
        if data.startswith(magic):
            raise StatementError(f"{path}: not CSV but {kind}", hint=_AS_XLSX)
    reader = csv.reader(io.StringIO(_decoded(path, data, form.encoding), newline=""), delimiter=form.delimiter)
    try:
        for cells in reader:
            yield reader.line_num, cells or [""], {}
    except csv.Error as wrong:
        raise StatementError(f"{path}:{reader.line_num}: not CSV: {wrong}", hint="is the file whole?") from None


def _decoded(path: str, data: bytes, encoding: str) -> str:
    """The text; with ``auto`` its byte order mark decides, else UTF-8, else GB 18030 (which includes GBK)."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        tried = ["utf-16"]
    else:
        tried = ["utf-8-sig", "gb18030"] if encoding == "auto" else [encoding.replace("utf-8", "utf-8-sig")]
    for name in tried:
        try:
            text = data.decode(name)
        except UnicodeDecodeError as wrong:
            if data.startswith(codecs.BOM_UTF8):
                _refuse_marked(path, data, wrong.start + len(codecs.BOM_UTF8))
            line, why = data.count(b"\n", 0, wrong.start) + 1, f"byte {wrong.start + 1} of the file"
            continue
        if "\0" not in text:
            return text
        line, why = text.count("\n", 0, text.index("\0")) + 1, "a zero byte"
    raise StatementError(
        f"{path}:{line}: not a text in {' or '.join(_CALLED[each] for each in tried)}: {why}",
        hint="is it a text at all, and whole? save it as CSV in UTF-8 and import that",
    )


def _refuse_marked(path: str, data: bytes, at: int) -> None:
    """The mark of UTF-8 before bytes that are none: some program put it there, and nobody says what the bytes are."""
    line = data.count(b"\n", 0, at) + 1
    try:
        data[len(codecs.BOM_UTF8) :].decode("gb18030")
        what = "; without the mark they are GB 18030 (GBK)"
    except UnicodeDecodeError:
        what = ""
    raise StatementError(
        f"{path}:{line}: begins with the mark of UTF-8 (EF BB BF), but its bytes are not UTF-8 "
        f"from byte {at + 1} on{what}",
        hint="two files put together, or GBK under a wrong mark? save it anew as CSV in UTF-8 and import that",
    )


def _workbook(path: str, data: bytes) -> Iterator[Line]:
    import openpyxl

    try:
        values, formulas = (
            openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=computed).worksheets[0]
            for computed in (True, False)
        )
        rows = zip(values.iter_rows(values_only=True), formulas.iter_rows(values_only=True), strict=True)
        for number, (cells, said) in enumerate(rows, start=1):
            for index, (value, formula) in enumerate(zip(cells, said, strict=True), start=1):
                if value is None and formula is not None:
                    raise StatementError(
                        f"{path}:{number}: column {index}: a formula without its value",
                        hint="open the workbook, save it, and import it again; or save it as CSV",
                    )
            texts = [_cell(path, number, index, value) for index, value in enumerate(cells, start=1)]
            dated = {place: each for place, value in enumerate(cells) if (each := _moment(value)) is not None}
            yield number, texts, dated
    except _DAMAGED as wrong:
        raise StatementError(
            f"{path}: not an XLSX workbook, or a damaged one ({type(wrong).__name__})",
            hint="is it an old .xls, under a password, or cut off? save it as .xlsx or .csv",
        ) from None


def _moment(value: Any) -> Moment | None:
    """A cell's day or time, to the second: a workbook counts in fractions of days."""
    if isinstance(value, dt.datetime):
        return (value + dt.timedelta(milliseconds=500)).replace(microsecond=0) if value.year < dt.MAXYEAR else value
    if isinstance(value, dt.time):
        value = dt.timedelta(
            hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
        )
    if isinstance(value, dt.timedelta):
        seconds = round(value.total_seconds())
        whole = 0 <= seconds < _DAY
        return dt.time(seconds // 3600, seconds // 60 % 60, seconds % 60) if whole else None
    return value if isinstance(value, dt.date) else None


def _cell(path: str, line: int, column: int, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        text = repr(value) if isinstance(value, float) and not value.is_integer() else str(int(value))
        if len(text.lstrip("-").replace(".", "")) > EXACT_DIGITS:
            raise StatementError(
                f"{path}:{line}: column {column}: a number of more than {EXACT_DIGITS} digits has been rounded",
                hint="ask for the file as CSV, or format that column as text before the numbers are put in",
            )
        return text
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.time):
        return value.strftime("%H:%M:%S")
    return str(value)

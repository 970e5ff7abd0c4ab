"""A file's rows as texts, each with its line: CSV in the encodings met in China, and XLSX.

Nothing is interpreted here. A workbook's cells become the text a person would type.
"""

import codecs
import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.errors import StatementError
from ingest.statements.layout import FileForm

EXACT_DIGITS = 15
"""Most digits of a number that a workbook keeps exactly (IEEE 754 double)."""
MOST_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line in the file (from 1), and its texts by the file's column."""

    line: int
    cells: dict[str, str]


def read_rows(path: str, data: bytes, form: FileForm, wanted: Iterable[str]) -> Iterator[Row]:
    """The rows between the header and the closing line.

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
    for number, cells in lines:
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
        if form.ends and cells[0].strip().startswith(form.ends):
            closed = number
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
        yield Row(number, {name: cell for name, cell in zip(known, cells, strict=False) if name})
    if form.header and names is None:
        raise StatementError(f"{path}: the file ends before its header", hint="is it empty, or cut short?")


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


def _csv(path: str, data: bytes, form: FileForm) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(_decoded(path, data, form.encoding), newline=""), delimiter=form.delimiter)
    try:
        for cells in reader:
            yield reader.line_num, cells or [""]
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
            line = data.count(b"\n", 0, wrong.start) + 1
            continue
        if "\0" not in text:
            return text
        line = text.count("\n", 0, text.index("\0")) + 1
    raise StatementError(
        f"{path}:{line}: not a text in {' or '.join(tried)}", hint="save it as CSV in UTF-8 and import that"
    )


def _workbook(path: str, data: bytes) -> Iterator[tuple[int, list[str]]]:
    import zipfile

    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

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
            yield number, [_cell(path, number, index, value) for index, value in enumerate(cells, start=1)]
    except (zipfile.BadZipFile, InvalidFileException, KeyError, IndexError, ValueError) as wrong:
        raise StatementError(
            f"{path}: not an XLSX workbook ({type(wrong).__name__})", hint="is it an old .xls? save it as .xlsx or .csv"
        ) from None


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

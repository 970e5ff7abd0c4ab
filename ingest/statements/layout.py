"""Layouts: where an acquirer's file keeps what, as data.

A layout is a TOML file: how the file is read, and for each of our columns the file's own
column, its unit or form, and what its words mean. Built-in ones lie in ``layouts/``; a
user's own is named by its path. An unknown key is an error that lists the valid ones.
"""

import difflib
import tomllib
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ingest.columns import TABLES
from ingest.errors import UsageError
from ingest.misconfiguration import usage_error

Kind = Literal["trades", "payouts", "profits"]
TABLE_OF: dict[Kind, str] = {"trades": "statement_lines", "payouts": "payouts", "profits": "profit_lines"}
"""What a file tells of -> the table its lines go to."""
WORDS: dict[str, tuple[str, ...]] = {
    "txn_type": (
        "SALE", "VOID", "REFUND", "PREAUTH", "PREAUTH_VOID", "COMPLETION", "COMPLETION_VOID", "REVERSAL", "BALANCE",
        "OFFLINE_SALE", "ADJUST", "QR_SALE", "QR_REFUND", "OTHER",
    ),
    "status": ("settled", "failed", "reversed", "pending"),
    "state": ("paid", "in_progress", "failed", "returned", "frozen"),
    "card_class": ("debit", "credit", "semi", "prepaid", "dual", "qr", "foreign", "instalment", "other"),
    "settlement_cycle": ("T0", "T1", "D0", "D1"),
}  # fmt: skip
"""Columns of words -> ours. What stands in a file is one of them, or is said to mean one by the layout's ``values``."""
OURS = frozenset({"line_id", "statement_id", "line_no", "acquirer", "card_token", "business_date"})
"""Columns that are worked out here, never read from a file."""
PPM_OF = {"percent": 10_000, "1/1000": 1_000, "1/10000": 100}
"""A rate's unit -> millionths."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileForm(_Part):
    """How the file is read."""

    format: Literal["csv", "xlsx"] = Field(default="csv", description="csv, or the first sheet of an xlsx workbook")
    encoding: Literal["auto", "utf-8", "gb18030"] = Field(default="auto", description="auto: UTF-8, else GB 18030")
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="what stands between two columns")
    header: int = Field(default=1, ge=0, description="line with the columns' names; 0: columns go by position, from 1")
    first: int | None = Field(default=None, ge=1, description="first line with a row; by default the one after header")
    ends: tuple[str, ...] = Field(default=(), description="a row beginning with one of these ends the rows: 合计")
    must_end: bool = Field(default=False, description="every file has such a row: one without it was cut off")
    sums: bool = Field(
        default=True, description="amounts in that row are the rows' sums; false: they count something else"
    )
    empty: tuple[str, ...] = Field(default=("", "-", "--", "*", "无"), description="what stands for nothing")

    @model_validator(mode="after")
    def _has_an_end(self) -> "FileForm":
        if self.must_end and not self.ends:
            msg = 'must_end needs ends = ["合计"]: how that row begins'
            raise ValueError(msg)
        return self


class Source(_Part):
    """Where one of our columns comes from."""

    column: str | tuple[str, ...] = Field(description="the file's column, or several, put together with a blank")
    unit: Literal["fen", "yuan", "percent", "1/1000", "1/10000"] | None = Field(
        default=None, description="of an amount or a rate"
    )
    form: str | None = Field(default=None, description="of a date or time, as strptime writes it")
    values: dict[str, str] | None = Field(default=None, description="the file's words and ours; others are refused")
    other: str | None = Field(
        default=None, description="what words that values does not list mean; by default they are refused"
    )
    magnitude: bool = Field(default=False, description="take the amount without its sign")
    optional: bool = Field(default=False, description="the file may be without this column")

    @property
    def columns(self) -> tuple[str, ...]:
        """The file's columns."""
        return (self.column,) if isinstance(self.column, str) else self.column


class Layout(_Part):
    """One kind of file of one acquirer."""

    name: str = Field(pattern=r"^[\w.-]+$")
    title: dict[Literal["zh-CN", "en"], str]
    source: str = Field(min_length=1, description="what this layout is known from")
    confidence: Literal["measured", "public", "assumed"]
    kind: Kind = "trades"
    file: FileForm = FileForm()
    columns: dict[str, Source]

    @field_validator("columns")
    @classmethod
    def _not_ours(cls, value: dict[str, Source]) -> dict[str, Source]:
        if mine := sorted(OURS & value.keys()):
            msg = f"{mine[0]} is worked out, not read"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _columns_of_the_table(self) -> "Layout":
        types = {column.name: column.type for column in TABLES[TABLE_OF[self.kind]].columns}
        for name, source in self.columns.items():
            if name not in types:
                close = difflib.get_close_matches(name, types, n=1)
                maybe = f", did you mean {close[0]!r}" if close else ""
                msg = f"{TABLE_OF[self.kind]} has no column {name!r}{maybe}"
                raise ValueError(msg)
            if name.endswith("_fen") and source.unit not in {"fen", "yuan"}:
                msg = f"columns.{name} needs unit = 'fen' or 'yuan'"
                raise ValueError(msg)
            if name.endswith("_ppm") and source.unit not in PPM_OF:
                msg = f"columns.{name} needs unit = 'percent', '1/1000' or '1/10000'"
                raise ValueError(msg)
            for word in [*(source.values or {}).values(), *([source.other] if source.other else [])]:
                if word not in WORDS.get(name, (word,)):
                    msg = f"columns.{name}: {word!r} is none of {', '.join(WORDS[name])}"
                    raise ValueError(msg)
            if types[name] in {"date", "timestamp"} and source.form is None:
                msg = f"columns.{name} needs form, such as '%Y-%m-%d %H:%M:%S'"
                raise ValueError(msg)
            if self.file.header == 0 and not all(each.isdigit() and int(each) for each in source.columns):
                msg = f"columns.{name}: without a header columns go by position, such as column = '3'"
                raise ValueError(msg)
        return self


def available_layouts() -> list[str]:
    """The built-in layouts' names."""
    return sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml"))


def file_of(layout: Layout) -> str | None:
    """Where the file of a built-in layout lies; None of one's own."""
    return str(_folder() / f"{layout.name}.toml") if layout.name in available_layouts() else None


def load_layout(name: str) -> Layout:
    """A built-in layout by its name, or one's own by the path of its TOML file.

    Raises:
        UsageError: there is none of that name, or its file is not a layout.
    """
    if name.endswith(".toml"):
        return _read(name, _text(Path(name)))
    known = available_layouts()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        maybe = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(
            f"{name}: no layout of that name",
            hint=f"{maybe}there are {', '.join(known)}; or write your own and give its path with --layout F.toml",
        )
    return _read(name, (_folder() / f"{name}.toml").read_text("utf-8"))


def _folder() -> "resources.abc.Traversable":
    return resources.files("ingest.statements") / "layouts"


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as wrong:
        raise UsageError(f"{path}: not UTF-8: byte {wrong.start}", hint="save it as UTF-8") from None
    except OSError as wrong:
        raise UsageError(f"{path}: cannot be read: {wrong.strerror}", hint="check the path of the layout") from None


def _read(name: str, text: str) -> Layout:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise UsageError(f"{name}: not TOML: {wrong}", hint="mend that line; strings need quotes") from None
    try:
        return Layout.model_validate(values)
    except ValidationError as wrong:
        raise usage_error(Layout, wrong, [(name, values)]) from None

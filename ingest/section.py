"""What every table of the configuration file is: frozen, with no key that it does not know, and no value misread.

A switch is no number, a number neither a day nor a time (``opens = 9`` would be nine
seconds past midnight), a time of day has no zone of its own.
"""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Section(BaseModel):
    """A table of the configuration file: frozen, and no key it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _as_it_is_meant(cls, value: Any, info: ValidationInfo) -> Any:
        kinds = leaves(cls.model_fields[info.field_name or ""].annotation)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and "\0" in each:
                msg = "holds a zero byte"
                raise ValueError(msg)
            if isinstance(each, bool) and bool not in kinds and kinds & {int, float, Decimal}:
                msg = "should be a number"
                raise ValueError(msg)
            is_number = isinstance(each, int | float) or (isinstance(each, str) and each.isdigit())
            if dt.time in kinds and (is_number or getattr(_time(each), "tzinfo", None)):
                msg = "should be a time of day without a zone, such as 09:30 (in quotes) or 09:30:00"
                raise ValueError(msg)
            if dt.date in kinds and is_number:
                msg = "should be a day, such as 2026-11-21"
                raise ValueError(msg)
        return value


def plain(annotation: Any) -> Any:
    """A type without what is said of it beside, and without None."""
    if get_origin(annotation) is Annotated:
        return plain(get_args(annotation)[0])
    given = [each for each in get_args(annotation) if each is not type(None)]
    return plain(given[0]) if len(given) == 1 and type(None) in get_args(annotation) else annotation


def leaves(annotation: Any) -> set[Any]:
    """The types of single values in a type: of ``list[int] | None`` int."""
    inner = plain(annotation)
    if get_origin(inner) in (list, tuple):
        return leaves(get_args(inner)[0])
    return {inner} if isinstance(inner, type) else set()


def _time(value: Any) -> Any:
    """A text as the time that it says, where it does."""
    try:
        return dt.time.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value

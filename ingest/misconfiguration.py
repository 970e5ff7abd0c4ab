"""A mistake in the settings as one line: where it was written, which key, and what belongs there.

Every mistake has a remedy, whatever part of the settings it is in; a value is never repeated.
"""

import datetime as dt
import difflib
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from ingest.errors import UsageError
from ingest.section import leaves, plain

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Layers = list[tuple[str, dict[str, Any]]]
Way = tuple[int | str, ...]


def usage_error(root: type[BaseModel], wrong: ValidationError, layers: Layers) -> UsageError:
    """The first mistake, an unknown key before any other, as one line and a hint.

    Args:
        root: the settings.
        wrong: what the validator found in them.
        layers: where the values came from, in the order in which they win.
    """
    first = min(wrong.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    origin = _origin(layers, first["loc"])
    if first["type"] == "extra_forbidden":
        *above, name = first["loc"]
        valid = _keys(_followed(root, tuple(above))[1])
        close = difflib.get_close_matches(str(name), valid, n=1)
        maybe = f"did you mean {close[0]!r}? " if close else ""
        path = ".".join(map(str, first["loc"]))
        return UsageError(f"{origin}: unknown key {path}", hint=f"{maybe}valid keys here: {', '.join(valid)}")
    way, annotation, field = _followed(root, first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    said = _WORDS.get(first["type"], said[6:] if said.startswith("Input should") else said)
    return UsageError(
        ": ".join(filter(None, (origin, ".".join(map(str, way)), said))), hint=_meant(first, way, annotation, field)
    )


_WORDS = {
    "missing": "is not given",
    "list_type": "should be a list",
    "tuple_type": "should be a list",
    "dict_type": "should be a table of keys",
    "model_type": "should be a table of keys",
    "model_attributes_type": "should be a table of keys",
    "string_type": "should be a text in quotes",
    "path_type": "should be a text in quotes",
    "string_pattern_mismatch": "has a character that does not belong there",
    "too_short": "should have at least one entry",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "int_parsing_size": "is too large a number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "finite_number": "should be a number with an end",
    "decimal_type": "should be a number",
    "decimal_parsing": "should be a number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "date_type": "should be a day",
    "date_parsing": "should be a day",
    "date_from_datetime_parsing": "should be a day",
    "date_from_datetime_inexact": "should be a day, without a time",
    "time_type": "should be a time of day",
    "time_parsing": "should be a time of day",
}
"""Errors of the validator in words of the file; the others say themselves what they want."""
_WRITTEN: dict[Any, str] = {
    bool: "true",
    int: "3",
    float: "2.5",
    Decimal: "0.38",
    dt.date: "2026-11-21",
    dt.time: '"09:30"',
}
"""How one value of a type is written; what is none of these is a text in quotes."""
_ORDER = {1: "1st", 2: "2nd", 3: "3rd"}


def _meant(error: "ErrorDetails", way: Way, annotation: Any, field: FieldInfo | None) -> str:
    """What the key stands for, or how its kind is written."""
    names = ".".join(part for part in way if isinstance(part, str))
    is_table = _keys(annotation) and error["type"].startswith(("model_", "missing"))
    if is_table and isinstance(way[-1], int):
        return f"write [[{names}]] and its keys below it: {', '.join(_keys(annotation))}"
    if is_table:
        brackets = ", with one bracket," if isinstance(error["input"], list) else ""
        return f"write [{names}]{brackets} and its keys below it: {', '.join(_keys(annotation))}"
    if error["type"] in {"list_type", "tuple_type"}:
        return _list(names, annotation)
    if error["type"] == "dict_type":
        return f"write [{names}] and its keys below it"
    if _keys(annotation):  # what the table's own law refuses has said what it wants
        return _there(way)
    if error["type"] == "string_pattern_mismatch" and (field is None or field.description is None):
        return "letters, digits, '.', '-' and '_', without blanks"
    name = names.rpartition(".")[2]
    if field is not None and field.description is not None:
        return f"{name}: {field.description}"
    if get_origin(plain(annotation)) is list:
        return _list(names, annotation)
    return f"write {name} = {_one(annotation)}" if name else "mend it there"


def _list(names: str, annotation: Any) -> str:
    inner = get_args(plain(annotation))
    if inner and _keys(inner[0]):
        return f"write [[{names}]], with two brackets, for each of them"
    one = _one(annotation)
    return f"write {names.rpartition('.')[2]} = [{one}, {one}]"


def _one(annotation: Any) -> str:
    inner = plain(annotation)
    while get_origin(inner) in (list, tuple):
        inner = plain(get_args(inner)[0])
    literals = [each for each in get_args(inner) if isinstance(each, str)]
    if literals:
        return f'"{literals[0]}"'
    return next((_WRITTEN[each] for each in leaves(annotation) if each in _WRITTEN), '"…"')


def _there(way: Way) -> str:
    """Which of several tables it is, counted as people count."""
    told = []
    for place, part in enumerate(way):
        if isinstance(part, int):
            names = ".".join(each for each in way[:place] if isinstance(each, str))
            told.append(f"the {_ORDER.get(part + 1, f'{part + 1}th')} [[{names}]]")
    names = ".".join(part for part in way if isinstance(part, str))
    return f"mend {', '.join(reversed(told))}" if told else f"mend [{names}]" if names else "mend it there"


def _origin(layers: Layers, path: Way) -> str:
    """The layer that holds the key, or as much of the way to it as any does."""
    for length in range(len(path), 0, -1):
        for name, layer in reversed(layers):
            if _holds(layer, path[:length]):
                return name
    return layers[-1][0] if layers else "settings"


def _holds(layer: Any, path: Way) -> bool:
    for part in path:
        try:
            layer = layer[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _keys(annotation: Any) -> list[str]:
    """The keys of a table; none of what is no table."""
    inner = plain(annotation)
    return sorted(inner.model_fields) if isinstance(inner, type) and issubclass(inner, BaseModel) else []


def _followed(root: type[BaseModel], path: Way) -> tuple[Way, Any, FieldInfo | None]:
    """As much of the way as the settings have, what belongs at its end, and the key that it is part of.

    The validator adds parts of its own: which of several types it tried, or that a table's key is wrong.
    """
    annotation: Any = root
    field: FieldInfo | None = None
    for place, part in enumerate(path):
        inner = plain(annotation)
        origin, arguments = get_origin(inner), get_args(inner)
        if isinstance(inner, type) and issubclass(inner, BaseModel) and part in inner.model_fields:
            field = inner.model_fields[str(part)]
            annotation = field.annotation
        elif isinstance(part, int) and origin in (list, tuple):
            annotation = arguments[0]
        elif origin is dict and part != "[key]":
            annotation = arguments[1]
        else:
            return path[:place], annotation, field
    return path, annotation, field

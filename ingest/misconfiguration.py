"""A mistake in the settings as one line: where it was written, which key, and what belongs there."""

import difflib
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from ingest.errors import UsageError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Layers = list[tuple[str, dict[str, Any]]]


def usage_error(root: type[BaseModel], wrong: ValidationError, layers: Layers) -> UsageError:
    """The first mistake, an unknown key before any other, as one line and a hint.

    Args:
        root: the settings.
        wrong: what the validator found in them.
        layers: where the values came from, in the order in which they win.
    """
    first = min(wrong.errors(include_url=False, include_input=False), key=lambda e: e["type"] != "extra_forbidden")
    path = ".".join(str(part) for part in first["loc"])
    origin = _origin(layers, first["loc"])
    if first["type"] != "extra_forbidden":
        said = first["msg"].removeprefix("Value error, ")
        return UsageError(
            ": ".join(filter(None, (origin, path, _WORDS.get(first["type"], said)))), hint=_meant(root, first)
        )
    valid = _valid_keys(root, first["loc"][:-1])
    close = difflib.get_close_matches(str(first["loc"][-1]), valid, n=1)
    maybe = f"did you mean {close[0]!r}? " if close else ""
    return UsageError(f"{origin}: unknown key {path}", hint=f"{maybe}valid keys here: {', '.join(valid)}")


_WORDS = {
    "missing": "is not given",
    "list_type": "should be a list",
    "dict_type": "should be a table of keys",
    "model_type": "should be a table of keys",
    "model_attributes_type": "should be a table of keys",
    "string_type": "should be a text in quotes",
    "string_pattern_mismatch": "has a character that does not belong there",
}
"""Errors of the validator in words of the file; the others say themselves what they want."""


def _meant(root: type[BaseModel], error: "ErrorDetails") -> str:
    """What the key stands for, or how its kind is written."""
    loc = error["loc"]
    if not loc:
        return "mend it there"
    if error["type"] == "list_type" and loc[-1] in root.model_fields:
        return f"write [[{loc[-1]}]], with two brackets, for each of them"
    if error["type"] == "list_type":
        return f'write {loc[-1]} = ["…", "…"]'
    if error["type"] == "dict_type":
        return f"write [{'.'.join(str(part) for part in loc if not isinstance(part, int))}] and its keys below it"
    if error["type"].startswith("model_"):
        return f"write [{loc[-1]}] and its keys below it: {', '.join(_valid_keys(root, loc))}"
    if error["type"] == "string_pattern_mismatch":
        return "letters, digits, '.', '-' and '_', without blanks"
    known = [part for part in loc if not isinstance(part, int)]
    field = _model(root, loc[:-1]).model_fields.get(str(known[-1]))
    if field is None or field.description is None:
        return "mend that value"
    return f"{known[-1]}: {field.description}"


def _origin(layers: Layers, path: tuple[int | str, ...]) -> str:
    """The layer that holds the key, or as much of the way to it as any does."""
    for length in range(len(path), 0, -1):
        for name, layer in reversed(layers):
            if _holds(layer, path[:length]):
                return name
    return layers[-1][0] if layers else "settings"


def _holds(layer: Any, path: tuple[int | str, ...]) -> bool:
    for part in path:
        try:
            layer = layer[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _valid_keys(root: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    return sorted(_model(root, path).model_fields)


def _model(root: type[BaseModel], path: tuple[int | str, ...]) -> type[BaseModel]:
    """The table of keys at the end of the way."""
    model = root
    for part in path:
        if isinstance(part, int):
            continue
        annotation: Any = model.model_fields[part].annotation
        inner = [a for a in getattr(annotation, "__args__", ()) if isinstance(a, type) and issubclass(a, BaseModel)]
        model = inner[0] if inner else annotation
    return model

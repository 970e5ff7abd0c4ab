"""Settings as a file, for commands that run in processes of their own."""

import json
from pathlib import Path
from typing import Any

from ingest.settings import Settings


def written(settings: Settings, file: Path) -> Path:
    """The file, with everything in it that the settings say."""
    told = settings.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    file.write_text("".join(f"{section} = {_inline(value)}\n" for section, value in told.items()))
    return file


def _inline(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {_inline(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_inline, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)
